/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/scratch_database.h"

#include <inttypes.h>
#include <stdlib.h>

#include "adapter/clock.h"
#include "base/memory.h"

/*
 * pgstride_PURPOSE_TIME_PID_NUMBER. PID is the maker's session: with its end the database
 * is a left-over. Behind a pooler it is 0, and an hour must pass.
 */
#define SQL_LEFT_OVERS                                                                             \
    "SELECT datname\n"                                                                             \
    "  FROM pg_database AS d,\n"                                                                   \
    "       regexp_match(datname, '^pgstride_(?:write|rehearsal)_([0-9]{1,12})_([0-9]{1,9})_') "   \
    "AS part\n"                                                                                    \
    " WHERE (part[1]::bigint < extract(epoch FROM now()) - 3600\n"                                 \
    "        OR part[2]::integer <> 0 AND NOT EXISTS (\n"                                          \
    "               SELECT FROM pg_stat_activity WHERE pid = part[2]::integer))\n"                 \
    "   AND pg_has_role(datdba, 'MEMBER')\n"                                                       \
    "   AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datid = d.oid)"

#define SQL_CREATE                                                                                 \
    "SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L'," \
    " $1::text,\n"                                                                                 \
    "              pg_encoding_to_char(encoding), datcollate, datctype)\n"                         \
    "       || CASE WHEN $2 <> '' THEN format(' OWNER %I', $2::text) ELSE '' END\n"                \
    "  FROM pg_database\n"                                                                         \
    " WHERE datname = current_database()"

static bool
drop_database(struct session *server, const char *name, struct error *err)
{
    AUTO_STRING char *quoted = pg_quote_identifier(server->db, name);
    AUTO_STRING char *sql = memory_printf("DROP DATABASE IF EXISTS %s WITH (FORCE)", quoted);

    return pg_command(server->db, sql, 0, NULL, err);
}

static void
warn(const struct session *server, const char *what, const char *name, const struct error *err)
{
    AUTO_STRING char *text =
        memory_printf("%s %s could not be dropped: %s", what, name, err->message);

    tell(server->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

/* A stop cancels what runs first, and what its request meets when it is late. */
void
scratch_database_done(struct scratch_database *database)
{
    enum { TRIES = 4 };
    bool is_dropped = database->name == NULL;
    struct error err = {.kind = ERROR_STOPPED};

    for (int i = 0; i < TRIES && !is_dropped && err.kind == ERROR_STOPPED; i++)
        is_dropped = drop_database(database->server, database->name, &err);
    if (!is_dropped)
        warn(database->server, "the scratch database", database->name, &err);
    free(database->name);
    *database = (struct scratch_database){0};
}

static bool
sweep(struct session *server, struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!pg_query(server->db, SQL_LEFT_OVERS, 0, NULL, &rows, err))
        return error_prefix(err, "cannot look for left-over scratch databases");
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        struct error failure = ERROR_INIT;
        if (!drop_database(server, pg_rows_text(rows, i, 0), &failure))
            warn(server, "the left-over", pg_rows_text(rows, i, 0), &failure);
    }
    return true;
}

/* Nothing in it need outlive a crash, so no commit waits for the disk. */
static bool
hurry(const struct scratch_database *database, struct error *err)
{
    AUTO_STRING char *sql =
        memory_printf("ALTER DATABASE %s SET synchronous_commit = off", database->name);

    return pg_command(database->server->db, sql, 0, NULL, err);
}

bool
scratch_database_make(struct session *server,
    const char *purpose,
    const char *owner,
    struct scratch_database *database,
    struct error *err)
{
    struct pg *db = server->db;
    AUTO_ROWS struct pg_rows *create = NULL;
    AUTO_STRING char *name =
        memory_printf("pgstride_%s_%" PRId64 "_%d_%08x", purpose, clock_unix_ms() / 1000,
            server->is_pooled ? 0 : pg_backend_pid(db), (unsigned int)clock_jitter(UINT32_MAX));
    const char *const values[] = {name, owner != NULL ? owner : ""};

    if (!sweep(server, err) || !pg_query(db, SQL_CREATE, 2, values, &create, err) ||
        !pg_command(db, "RESET ROLE", 0, NULL, err))
        return false;
    /* A stop may come when the server has made it, and we have not heard. */
    *database = (struct scratch_database){.server = server, .name = TAKE(name)};
    if (pg_command(db, pg_rows_text(create, 0, 0), 0, NULL, err))
        return hurry(database, err);
    if (err->kind == ERROR_DATABASE)
        free(TAKE(database->name));
    error_prefix(err, "no scratch database can be made");
    if (error_is_sqlstate(err, "42501"))
        error_hint(err, "Grant the right: ALTER ROLE %s CREATEDB.", pg_user(db));
    return false;
}
