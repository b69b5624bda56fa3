/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal/scratch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/clock.h"
#include "base/memory.h"
#include "base/secret.h"

/* Of an hour ago or more, with nobody in them, and ours to drop. */
#define SQL_LEFT_OVERS                                                                             \
    "SELECT datname\n"                                                                             \
    "  FROM pg_database d\n"                                                                       \
    " WHERE datname ~ '^" SCRATCH_PREFIX "[0-9]{1,18}_'\n"                                         \
    "   AND split_part(datname, '_', 3)::bigint < extract(epoch FROM now()) - 3600\n"              \
    "   AND pg_has_role(datdba, 'MEMBER')\n"                                                       \
    "   AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)"

/* What a fresh database has of its own, as the target has it. */
#define SQL_CREATE                                                                                 \
    "SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L'," \
    " $1::text,\n"                                                                                 \
    "              pg_encoding_to_char(encoding), datcollate, datctype)\n"                         \
    "       || CASE WHEN $2 <> '' THEN format(' OWNER %I', $2::text) ELSE '' END\n"                \
    "  FROM pg_database\n"                                                                         \
    " WHERE datname = current_database()"

/* FROM CURRENT keeps a list a list. */
#define SQL_SETTINGS                                                                               \
    "SELECT format('ALTER DATABASE %I SET %I FROM CURRENT', $1::text, split_part(s, '=', 1))\n"    \
    "  FROM pg_db_role_setting r, unnest(setconfig) AS s\n"                                        \
    " WHERE setrole = 0\n"                                                                         \
    "   AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())"

#define SQL_EXTENSIONS                                                                             \
    "SELECT format('CREATE SCHEMA IF NOT EXISTS %I', nspname),\n"                                  \
    "       format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I CASCADE', extname, nspname)\n"     \
    "  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace\n"                        \
    " WHERE extname <> 'plpgsql'\n"                                                                \
    " ORDER BY e.oid"

static void
warn(const struct session *target, const char *what, const char *name, const struct error *err)
{
    AUTO_STRING char *text =
        memory_printf("%s %s could not be dropped: %s", what, name, err->message);

    tell(target->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

static bool
drop_database(struct session *target, const char *name, struct error *err)
{
    AUTO_STRING char *quoted = pg_quote_identifier(target->db, name);
    AUTO_STRING char *sql = memory_printf("DROP DATABASE IF EXISTS %s WITH (FORCE)", quoted);

    return pg_command(target->db, sql, 0, NULL, err);
}

/* After a stop the first statement of a connection is cancelled, and the next may run. */
static void
drop_made(struct scratch *scratch)
{
    struct error err = ERROR_INIT;

    for (int tries = 0; tries < 3; tries++) {
        if (drop_database(scratch->target, scratch->name, &err))
            return;
        if (err.kind != ERROR_STOPPED)
            break;
    }
    warn(scratch->target, "the scratch database", scratch->name, &err);
}

void
scratch_done(struct scratch *scratch)
{
    if (scratch->name != NULL)
        drop_made(scratch);
    free(scratch->name);
    database_url_done(&scratch->url);
    *scratch = (struct scratch){0};
}

static bool
sweep(struct session *target, struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!pg_query(target->db, SQL_LEFT_OVERS, 0, NULL, &rows, err))
        return error_prefix(err, "cannot look for left-over scratch databases");
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        struct error failure = ERROR_INIT;
        if (!drop_database(target, pg_rows_text(rows, i, 0), &failure))
            warn(target, "the left-over", pg_rows_text(rows, i, 0), &failure);
    }
    return true;
}

/* Run what each row says, in this column. */
static bool
run_rows(struct pg *db, const struct pg_rows *rows, size_t column, struct error *err)
{
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        if (!pg_command(db, pg_rows_text(rows, i, column), 0, NULL, err))
            return false;
    }
    return true;
}

static bool
create_database(struct scratch *scratch, struct error *err)
{
    struct pg *db = scratch->target->db;
    const char *role = scratch->config.role;
    const char *const values[] = {scratch->config.scratch_name, role != NULL ? role : ""};
    AUTO_ROWS struct pg_rows *create = NULL;
    AUTO_ROWS struct pg_rows *settings = NULL;

    if (!pg_query(db, SQL_CREATE, 2, values, &create, err))
        return false;
    if (!pg_command(db, "RESET ROLE", 0, NULL, err))
        return false;
    if (!pg_command(db, pg_rows_text(create, 0, 0), 0, NULL, err)) {
        error_prefix(err, "no scratch database can be made");
        if (error_is_sqlstate(err, "42501"))
            error_hint(err,
                "Grant the right: ALTER ROLE %s CREATEDB; or name a scratch database that has the "
                "schema: --observe URL.",
                pg_user(db));
        return false;
    }
    scratch->name = memory_string(scratch->config.scratch_name);
    return pg_query(db, SQL_SETTINGS, 1, values, &settings, err) && run_rows(db, settings, 0, err);
}

static void
hear_nothing(void *context, const struct event *event)
{
    (void)context;
    (void)event;
}

/* What must be there before the first migration: the schema of our tables, extensions. */
static bool
prepare_database(struct scratch *scratch, bool has_extensions, struct error *err)
{
    struct pg *target = scratch->target->db;
    AUTO_SESSION session = {0};
    AUTO_ROWS struct pg_rows *extensions = NULL;
    struct config config = scratch->config;
    AUTO_STRING char *first = memory_string("public"); /* is there, whatever the search path */
    AUTO_STRING char *schema = pg_quote_identifier(target, scratch->target->ledger.schema);
    AUTO_STRING char *create = memory_printf("CREATE SCHEMA IF NOT EXISTS %s", schema);

    config.url.schema = first;
    const struct listener nobody = {.hear = hear_nothing};
    session_start(&config, &nobody, &session);
    if (!session_open(&session, SESSION_TO_TELL, err))
        return false;
    if (!pg_command(session.db, create, 0, NULL, err))
        return false;
    if (!has_extensions)
        return true;
    return pg_query(target, SQL_EXTENSIONS, 0, NULL, &extensions, err) &&
           run_rows(session.db, extensions, 0, err) && run_rows(session.db, extensions, 1, err);
}

/* The folder as far as it is applied to the target. */
static struct catalog
applied_catalog(const struct preview *preview)
{
    const struct catalog *whole = preview->catalog;
    struct catalog applied = *whole;

    applied.count = applied.warnings_count = 0;
    applied.migrations = memory_new((whole->count + 1) * sizeof(*applied.migrations));
    for (size_t i = 0; i < whole->count; i++) {
        const struct history_entry *entry =
            history_find(preview->history, whole->migrations[i].version);
        if (entry != NULL && entry->is_applied)
            applied.migrations[applied.count++] = whole->migrations[i];
    }
    return applied;
}

static bool
build(struct scratch *scratch,
    const struct run_identity *identity,
    const struct preview *preview,
    bool has_extensions,
    struct error *err)
{
    const struct listener nobody = {.hear = hear_nothing};
    struct catalog applied = applied_catalog(preview);

    struct config config = scratch->config;

    config.is_atomic = false;
    config.is_without_effects = true;
    bool is_built = create_database(scratch, err) &&
                    prepare_database(scratch, has_extensions, err) &&
                    runner_apply(&config, identity, &applied, &nobody, err);
    free(applied.migrations);
    return is_built;
}

static bool
has_extensions(const struct session *target)
{
    AUTO_ROWS struct pg_rows *rows = NULL;
    struct error ignored = ERROR_INIT;

    return pg_query(target->db, SQL_EXTENSIONS, 0, NULL, &rows, &ignored) &&
           pg_rows_count(rows) > 0;
}

bool
scratch_explain(struct error *err)
{
    AUTO_STRING char *hint = memory_printf(
        "%s%sThe folder alone may not make this database's schema: a baseline, a change by hand, "
        "an extension. Rehearse on a copy of it: --observe URL.",
        err->hint, err->hint[0] != '\0' ? " " : "");

    return error_hint(err, "%s", hint);
}

bool
scratch_make(const struct config *config,
    const struct run_identity *identity,
    const struct preview *preview,
    struct session *target,
    struct scratch *scratch,
    struct error *err)
{
    AUTO_STRING char *name = memory_printf(
        SCRATCH_PREFIX "%" PRId64 "_%08x", clock_unix_ms() / 1000, clock_jitter(UINT32_MAX));
    AUTO_SCRATCH made = {.config = *config, .target = target};

    made.config.scratch_name = name;
    if (!sweep(target, err))
        return false;
    bool is_built = build(&made, identity, preview, false, err);
    /* Once more with what an administrator may have installed, and the folder has not. */
    if (!is_built && made.name != NULL && err->kind == ERROR_DATABASE && has_extensions(target)) {
        is_built = drop_database(target, name, err);
        if (is_built) {
            free(TAKE(made.name));
            is_built = build(&made, identity, preview, true, err);
        }
    }
    if (!is_built && made.name != NULL && err->kind == ERROR_DATABASE) {
        error_prefix(err, "cannot make the current schema on a scratch database");
        scratch_explain(err);
    }
    if (!is_built)
        return false;
    *scratch = made;
    scratch->config.scratch_name = scratch->name;
    made = (struct scratch){0};
    return true;
}

bool
scratch_name(
    const struct config *config, struct session *target, struct scratch *scratch, struct error *err)
{
    struct scratch named = {.config = *config, .target = target};

    if (!database_url_parse(config->observe, &named.url, err))
        return error_prefix(err, "--observe");
    AUTO_STRING char *password = pg_conninfo_value(named.url.conninfo, "password");
    secret_add(password);
    named.config.url = named.url;
    *scratch = named;
    return true;
}
