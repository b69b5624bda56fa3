/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/silence.h"

#include <inttypes.h>
#include <stdio.h>

#include "adapter/clock.h"
#include "base/memory.h"

void
silence_no_way(struct silence *silence, struct pg *watched, const struct error *why)
{
    enum { TIMES = 10 }; /* a server may be too busy for new ones, and work for us */
    int64_t limit_ms = TIMES * pg_patience_ms(watched);
    struct error lost = *why;

    if (why->sqlstate[0] != '\0')
        silence->no_way_ms = 0;
    else if (silence->no_way_ms == 0)
        silence->no_way_ms = clock_monotonic_ms();
    if (limit_ms == 0 || silence->no_way_ms == 0 || pg_quiet_ms(watched) < limit_ms ||
        clock_monotonic_ms() - silence->no_way_ms < limit_ms)
        return;
    error_prefix(&lost,
        "the server has said nothing for %" PRId64 " s, and no new connection can be made",
        pg_quiet_ms(watched) / 1000);
    pg_give_up(watched, &lost);
}

/* Of a COPY it is told how far it is: a busy server seems to wait, and gets on all the same. */
#define SQL_STATE                                                                                  \
    "SELECT a.pid IS NULL, a.wait_event IN ('ClientRead', 'ClientWrite'), %s\n"                    \
    "  FROM (SELECT $1::int AS pid) AS ours LEFT JOIN pg_stat_activity AS a USING (pid)"
#define SQL_COPIED                                                                                 \
    "(SELECT c.bytes_processed FROM pg_stat_progress_copy AS c WHERE c.pid = ours.pid)"

/* Both have waited long enough: a reply may be on its way, and data of a COPY too. */
static bool
is_long(const struct silence *silence, const struct pg *watched)
{
    int64_t limit_ms = pg_patience_ms(watched) / 4;
    int64_t seen_ms = clock_monotonic_ms() - silence->since_ms;

    return limit_ms > 0 && seen_ms >= limit_ms && pg_quiet_ms(watched) >= limit_ms &&
           !pg_is_sending(watched); /* TCP has its own patience with that */
}

bool
silence_look(struct silence *silence, struct pg *db, struct pg *watched, struct error *err)
{
    char pid[16];
    const char *const values[] = {pid};
    AUTO_ROWS struct pg_rows *rows = NULL;
    struct error why = ERROR_INIT;

    AUTO_STRING char *sql =
        memory_printf(SQL_STATE, pg_server_version(db) >= 140000 ? SQL_COPIED : "0");

    snprintf(pid, sizeof(pid), "%d", pg_backend_pid(watched));
    if (!pg_query(db, sql, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    bool is_gone = pg_rows_boolean(rows, 0, 0);
    int64_t copied = pg_rows_number(rows, 0, 2);
    bool is_busy = !is_gone && (!pg_rows_boolean(rows, 0, 1) || copied != silence->copied);
    silence->copied = copied;
    if (is_busy) {
        silence->since_ms = 0;
        return true;
    }
    if (silence->since_ms == 0)
        silence->since_ms = clock_monotonic_ms();
    if (!is_long(silence, watched))
        return true;

    int64_t quiet_s = pg_quiet_ms(watched) / 1000;
    if (is_gone)
        error_set(&why, ERROR_CONNECTION,
            "the server's process %s, whose answer we waited for, is gone, and %" PRId64
            " s long nothing said so: what is in between holds a dead connection open",
            pid, quiet_s);
    else
        error_set(&why, ERROR_CONNECTION,
            "the server's process %s and we have waited for each other for %" PRId64
            " s: what is in between passes nothing on",
            pid, quiet_s);
    pg_give_up(watched, &why);
    return true;
}
