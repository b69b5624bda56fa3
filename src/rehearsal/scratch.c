/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal/scratch.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/secret.h"

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

void
scratch_done(struct scratch *scratch)
{
    scratch_database_done(&scratch->database);
    database_url_done(&scratch->url);
    *scratch = (struct scratch){0};
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
    struct session *target = scratch->target;
    AUTO_ROWS struct pg_rows *settings = NULL;

    if (!scratch_database_make(
            target, "rehearsal", scratch->config.role, &scratch->database, err)) {
        if (error_is_sqlstate(err, "42501"))
            error_hint(err,
                "Grant the right: ALTER ROLE %s CREATEDB; or name a scratch database that has the "
                "schema: --observe URL.",
                pg_user(target->db));
        return false;
    }
    const char *const values[] = {scratch->database.name};
    scratch->config.scratch_name = scratch->database.name;
    return pg_query(target->db, SQL_SETTINGS, 1, values, &settings, err) &&
           run_rows(target->db, settings, 0, err);
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
    bool is_built = false;

    if (create_database(scratch, err)) {
        struct config config = scratch->config; /* now it names the scratch database */
        config.is_atomic = false;
        config.is_without_effects = true;
        is_built = prepare_database(scratch, has_extensions, err) &&
                   runner_apply(&config, identity, &applied, &nobody, err);
    }
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

/* The server said no to what was to run in the database. */
static bool
is_refused(const struct scratch *scratch, const struct error *err)
{
    return scratch->database.name != NULL && err->kind == ERROR_DATABASE;
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
    AUTO_SCRATCH made = {.config = *config, .target = target};
    bool is_built = build(&made, identity, preview, false, err);

    /* Once more with what an administrator may have installed, and the folder has not. */
    if (!is_built && is_refused(&made, err) && has_extensions(target)) {
        scratch_database_done(&made.database);
        is_built = build(&made, identity, preview, true, err);
    }
    if (!is_built && is_refused(&made, err)) {
        error_prefix(err, "cannot make the current schema on a scratch database");
        scratch_explain(err);
    }
    if (!is_built)
        return false;
    *scratch = made;
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
