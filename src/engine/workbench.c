/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/workbench.h"

#include <inttypes.h>
#include <stdlib.h>

#include "adapter/clock.h"
#include "base/memory.h"

#define SQL_LEFT_OVERS                                                                             \
    "SELECT datname\n"                                                                             \
    "  FROM pg_database AS d\n"                                                                    \
    " WHERE datname ~ '^" WORKBENCH_PREFIX "[0-9]{1,12}_'\n"                                       \
    "   AND split_part(datname, '_', 3)::bigint < extract(epoch FROM now()) - 3600\n"              \
    "   AND pg_has_role(datdba, 'MEMBER')\n"                                                       \
    "   AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datid = d.oid)"

static bool
drop_database(struct workbench *workbench, const char *name, struct error *err)
{
    AUTO_STRING char *quoted = pg_quote_identifier(workbench->server.db, name);
    AUTO_STRING char *sql = memory_printf("DROP DATABASE IF EXISTS %s WITH (FORCE)", quoted);

    return pg_command(workbench->server.db, sql, 0, NULL, err);
}

static void
warn(const struct workbench *workbench, const char *name, const struct error *err)
{
    AUTO_STRING char *text =
        memory_printf("the scratch database %s could not be dropped: %s", name, err->message);

    tell(workbench->server.listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

/* A stop cancels what runs first, and what its request meets when it is late. */
static bool
drop_for_sure(struct workbench *workbench, const char *name, struct error *err)
{
    enum { TRIES = 4 };

    for (int i = 1; i < TRIES; i++) {
        struct error stopped = ERROR_INIT;
        if (drop_database(workbench, name, &stopped))
            return true;
        if (stopped.kind != ERROR_STOPPED)
            break;
    }
    return drop_database(workbench, name, err);
}

void
workbench_done(struct workbench *workbench)
{
    for (size_t i = 0; i < WORKBENCH_DATABASES; i++) {
        struct error err = ERROR_INIT;
        if (workbench->names[i] != NULL && !drop_for_sure(workbench, workbench->names[i], &err))
            warn(workbench, workbench->names[i], &err);
        free(workbench->names[i]);
    }
    session_close(&workbench->server);
    *workbench = (struct workbench){0};
}

static bool
sweep(struct workbench *workbench, struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!pg_query(workbench->server.db, SQL_LEFT_OVERS, 0, NULL, &rows, err))
        return false;
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        struct error failure = ERROR_INIT;
        if (!drop_database(workbench, pg_rows_text(rows, i, 0), &failure))
            warn(workbench, pg_rows_text(rows, i, 0), &failure);
    }
    return true;
}

static bool
create_databases(struct workbench *workbench, struct error *err)
{
    struct pg *db = workbench->server.db;
    uint32_t number = clock_jitter(UINT32_MAX);

    for (size_t i = 0; i < WORKBENCH_DATABASES; i++) {
        AUTO_STRING char *name = memory_printf(WORKBENCH_PREFIX "%" PRId64 "_%08x_%zu",
            clock_unix_ms() / 1000, (unsigned int)number, i + 1);
        AUTO_STRING char *sql = memory_printf("CREATE DATABASE %s TEMPLATE template0", name);
        /* A stop may come when the server has made it, and we have not heard. */
        workbench->names[i] = TAKE(name);
        if (pg_command(db, sql, 0, NULL, err))
            continue;
        error_prefix(err, "no scratch database can be made");
        if (error_is_sqlstate(err, "42501"))
            error_hint(err, "Grant the right: ALTER ROLE %s CREATEDB.", pg_user(db));
        return false;
    }
    return true;
}

bool
workbench_open(const struct config *config,
    const struct listener *listener,
    struct workbench *workbench,
    struct error *err)
{
    workbench->config = config;
    session_start(config, listener, &workbench->server);
    return session_open(&workbench->server, SESSION_TO_TELL, err) && sweep(workbench, err) &&
           create_databases(workbench, err);
}
