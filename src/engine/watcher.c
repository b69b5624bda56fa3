/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/watcher.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/login.h"

enum {
    LONG_MS = 2000,           /* what takes longer is looked at */
    CONNECT_MS = 1000,        /* and so long may that take */
    SAY_AGAIN_MS = 10 * 1000, /* of the same blockers */
    REMEMBERED_MS = 3000,     /* who was in the way so long before a lock was given up */
    COPY_PROGRESS_SINCE = 140000,
};

void
watcher_done(struct watcher *watcher)
{
    pg_close(watcher->db);
    free(watcher->blockers);
    watcher->db = NULL;
    watcher->blockers = NULL;
}

static void
give_up(struct watcher *watcher, const struct error *why)
{
    AUTO_STRING char *text =
        memory_printf("what the statement waits for cannot be seen: %s", why->message);

    pg_close(watcher->db);
    watcher->db = NULL;
    watcher->is_given_up = true;
    if (why->kind != ERROR_STOPPED)
        tell(watcher->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

#define SQL_SETTINGS                                                                               \
    "SELECT set_config('statement_timeout', '1s', false),\n"                                       \
    "       set_config('lock_timeout', '500ms', false),\n"                                         \
    "       set_config('application_name', 'pgstride watcher', false)"

static bool
open_connection(struct watcher *watcher, struct error *err)
{
    struct pg_target target = {.conninfo = watcher->config->url.conninfo};
    AUTO_LOGIN login = {0};
    bool is_worth_waiting = false;

    if (watcher->db != NULL)
        return true;
    if (!login_get(watcher->config, METADATA_BRIEF, &login, err))
        return false;
    target.password = login.password;
    target.sslmode = login.sslmode;
    struct pg *db = pg_connect_start(&target);
    if (!pg_connect_finish(&db, CONNECT_MS, &is_worth_waiting, err))
        return false;
    watcher->db = db;
    return pg_command(db, SQL_SETTINGS, 0, NULL, err);
}

/* Somebody else's query on one line, cut, and without its literals. */
#define SHORT_QUERY                                                                                \
    "left(regexp_replace(regexp_replace(regexp_replace(regexp_replace(a.query,\n"                  \
    "           '\\$(\\w*)\\$.*?\\$\\1\\$', '?', 'g'), '''(''''|[^''])*''', '?', 'g'),\n"          \
    "           '\\m\\d+(\\.\\d+)?\\M', '?', 'g'), '\\s+', ' ', 'g'), 80)"

/* Each blocker, what we wait for, and how many wait for us. */
#define SQL_BLOCKERS                                                                               \
    "SELECT a.pid, coalesce(nullif(a.application_name, ''), 'unknown'),\n"                         \
    "       coalesce(a.usename, 'unknown'), coalesce(a.state, 'state unknown'),\n"                 \
    "       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::bigint, 0),\n"          \
    "       " SHORT_QUERY ", w.mode,\n"                                                            \
    "       CASE WHEN w.relation IS NULL THEN 'an older transaction'\n"                            \
    "            ELSE w.relation::regclass::text END,\n"                                           \
    "       (SELECT count(*)\n"                                                                    \
    "          FROM pg_stat_activity AS b\n"                                                       \
    "         WHERE $1::int = ANY (pg_blocking_pids(b.pid)))\n"                                    \
    "  FROM (SELECT DISTINCT unnest(pg_blocking_pids($1::int)) AS pid) AS blocker\n"               \
    "  JOIN pg_stat_activity AS a USING (pid)\n"                                                   \
    "  LEFT JOIN LATERAL (SELECT l.mode, l.relation\n"                                             \
    "                       FROM pg_locks AS l\n"                                                  \
    "                      WHERE l.pid = $1::int AND NOT l.granted\n"                              \
    "                      LIMIT 1) AS w ON true\n"                                                \
    " ORDER BY a.xact_start\n"                                                                     \
    " LIMIT 3"

static char *
describe_blockers(const struct pg_rows *rows)
{
    AUTO_TEXT text = TEXT_INIT;

    text_printf(&text,
        "%s on %s: ", pg_rows_is_null(rows, 0, 6) ? "a lock" : pg_rows_text(rows, 0, 6),
        pg_rows_text(rows, 0, 7));
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        text_printf(&text, "%spid %s (%s, %s), %s, its transaction %s s old", i > 0 ? "; " : "",
            pg_rows_text(rows, i, 0), pg_rows_text(rows, i, 1), pg_rows_text(rows, i, 2),
            pg_rows_text(rows, i, 3), pg_rows_text(rows, i, 4));
        if (pg_rows_text(rows, i, 5)[0] != '\0')
            text_printf(&text, ": %s", pg_rows_text(rows, i, 5));
    }
    return text_take(&text);
}

/* Is somebody in the way? Told when it is new, or was not told for a while. */
static bool
look_for_blockers(
    struct watcher *watcher, const struct watched *watched, bool *is_blocked, struct error *err)
{
    char pid[16];
    const char *const values[] = {pid};
    AUTO_ROWS struct pg_rows *rows = NULL;

    snprintf(pid, sizeof(pid), "%d", pg_backend_pid(watcher->watched_db));
    if (!pg_query(watcher->db, SQL_BLOCKERS, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    *is_blocked = pg_rows_count(rows) > 0;
    if (!*is_blocked)
        return true;
    free(watcher->blockers);
    watcher->blockers = describe_blockers(rows);
    watcher->blocked_ms = clock_monotonic_ms();
    if (watcher->blocked_ms < watcher->next_ms)
        return true;
    watcher->next_ms = watcher->blocked_ms + SAY_AGAIN_MS;
    tell(watcher->listener, &(struct event){
                                .kind = EVENT_MIGRATION_BLOCKED,
                                .migration = watched->migration,
                                .line = watched->line,
                                .text = watcher->blockers,
                                .duration_ms = watcher->blocked_ms - watcher->began_ms,
                                .waiting = (size_t)pg_rows_number(rows, 0, 8),
                            });
    return true;
}

/* Phase and percent, where PostgreSQL keeps them. */
#define SQL_PROGRESS                                                                               \
    "SELECT phase, CASE WHEN tuples_total > 0 THEN 100 * tuples_done / tuples_total\n"             \
    "                   WHEN blocks_total > 0 THEN 100 * blocks_done / blocks_total END\n"         \
    "  FROM pg_stat_progress_create_index\n"                                                       \
    " WHERE pid = $1::int\n"                                                                       \
    " UNION ALL\n"                                                                                 \
    "SELECT phase, CASE WHEN heap_blks_total > 0\n"                                                \
    "                   THEN 100 * heap_blks_scanned / heap_blks_total END\n"                      \
    "  FROM pg_stat_progress_cluster\n"                                                            \
    " WHERE pid = $1::int\n"                                                                       \
    " UNION ALL\n"                                                                                 \
    "SELECT phase, CASE WHEN heap_blks_total > 0\n"                                                \
    "                   THEN 100 * heap_blks_scanned / heap_blks_total END\n"                      \
    "  FROM pg_stat_progress_vacuum\n"                                                             \
    " WHERE pid = $1::int\n"

/* Of what we send ourselves no total is known to the server. */
#define SQL_PROGRESS_COPY                                                                          \
    " UNION ALL\n"                                                                                 \
    "SELECT 'copying, ' || tuples_processed || ' rows so far',\n"                                  \
    "       CASE WHEN bytes_total > 0 THEN 100 * bytes_processed / bytes_total END\n"              \
    "  FROM pg_stat_progress_copy\n"                                                               \
    " WHERE pid = $1::int\n"

static bool
say_progress(struct watcher *watcher, const struct watched *watched, struct error *err)
{
    char pid[16];
    const char *const values[] = {pid};
    AUTO_ROWS struct pg_rows *rows = NULL;
    bool has_copy = pg_server_version(watcher->db) >= COPY_PROGRESS_SINCE;

    if (watcher->config->heartbeat_ms == 0 || clock_monotonic_ms() < watcher->beat_ms)
        return true;
    snprintf(pid, sizeof(pid), "%d", pg_backend_pid(watcher->watched_db));
    if (!pg_query(watcher->db, has_copy ? SQL_PROGRESS SQL_PROGRESS_COPY : SQL_PROGRESS,
            ARRAY_LENGTH(values), values, &rows, err))
        return false;
    bool is_known = pg_rows_count(rows) > 0;
    bool has_percent = is_known && !pg_rows_is_null(rows, 0, 1);
    watcher->beat_ms = clock_monotonic_ms() + watcher->config->heartbeat_ms;
    tell(watcher->listener, &(struct event){
                                .kind = EVENT_STATEMENT_RUNNING,
                                .migration = watched->migration,
                                .line = watched->line,
                                .text = is_known ? pg_rows_text(rows, 0, 0) : NULL,
                                .has_percent = has_percent,
                                .percent = has_percent ? pg_rows_number(rows, 0, 1) : 0,
                                .duration_ms = clock_monotonic_ms() - watcher->began_ms,
                            });
    return true;
}

/* Soon enough to see who is in the way before the lock is given up. */
static int64_t
first_look_ms(const struct config *config)
{
    int64_t lock_ms = config->ddl_lock_timeout_ms;

    return lock_ms > 0 && lock_ms / 2 < LONG_MS ? lock_ms / 2 : LONG_MS;
}

#define SQL_STATEMENT                                                                              \
    "SELECT query, (extract(epoch FROM clock_timestamp() - query_start) * 1000)::bigint\n"         \
    "  FROM pg_stat_activity\n"                                                                    \
    " WHERE pid = $1::int AND state = 'active'"

/* What does the server work at, and since when? */
static bool
look_for_statement(
    struct watcher *watcher, struct watched *watched, bool *is_found, struct error *err)
{
    char pid[16];
    const char *const values[] = {pid};
    AUTO_ROWS struct pg_rows *rows = NULL;

    snprintf(pid, sizeof(pid), "%d", pg_backend_pid(watcher->watched_db));
    if (!pg_query(watcher->db, SQL_STATEMENT, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    *is_found = pg_rows_count(rows) > 0 &&
                watcher->look_up(watcher->context, pg_rows_text(rows, 0, 0), watched);
    if (!*is_found)
        return true;

    /* The two clocks agree to a few milliseconds: another statement is later than that. */
    enum { SAME_MS = 100 };
    int64_t began_ms = clock_monotonic_ms() - pg_rows_number(rows, 0, 1);
    if (began_ms - watcher->began_ms > SAME_MS) {
        watcher->began_ms = began_ms;
        watcher->next_ms = 0;
        watcher->beat_ms = began_ms + watcher->config->heartbeat_ms;
    }
    *is_found = clock_monotonic_ms() - watcher->began_ms >= first_look_ms(watcher->config);
    return true;
}

static bool
look(struct watcher *watcher, struct error *err)
{
    struct watched watched = {0};
    bool is_found = false;
    bool is_blocked = false;

    if (!open_connection(watcher, err))
        return false;
    if (!look_for_statement(watcher, &watched, &is_found, err))
        return false;
    if (!is_found)
        return true;
    if (!look_for_blockers(watcher, &watched, &is_blocked, err))
        return false;
    return is_blocked || say_progress(watcher, &watched, err);
}

void
watcher_look(void *context, int64_t waited_ms)
{
    struct watcher *watcher = context;
    struct error err = ERROR_INIT;

    if (!watcher->is_given_up && waited_ms >= first_look_ms(watcher->config) &&
        !look(watcher, &err))
        give_up(watcher, &err);
}

void
watcher_explain(const struct watcher *watcher, struct error *err)
{
    bool is_seen =
        watcher->blockers != NULL && clock_monotonic_ms() - watcher->blocked_ms < REMEMBERED_MS;

    if (is_seen && error_is_sqlstate(err, "55P03"))
        snprintf(err->detail, sizeof(err->detail), "It waited for %s", watcher->blockers);
}
