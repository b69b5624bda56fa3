/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/watcher.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/login.h"
#include "engine/progress.h"

enum {
    LONG_MS = 2000,           /* what takes longer is looked at */
    ALERT_MS = 100,           /* the same, of a migration that lost a race */
    CONNECT_MS = 1000,        /* and so long may that take */
    CONNECT_AGAIN_MS = 5000,  /* the same, when it took too long */
    SILENCE_MS = 1500,        /* and so long an answer */
    REOPEN_MS = 30 * 1000,    /* after a failure */
    OFTEN_MS = 500,           /* between two looks */
    ALERT_OFTEN_MS = 100,     /* the same, of a migration that lost a race */
    RARELY_MS = 2000,         /* the same, of what has run for long */
    RARELY_FROM_MS = 20000,   /* and that is so long */
    SAY_AGAIN_MS = 10 * 1000, /* of the same blockers */
    REMEMBERED_MS = 3000,     /* who was in the way so long before a lock was given up */
};

void
watcher_done(struct watcher *watcher)
{
    pg_close(watcher->db);
    blockers_done(&watcher->blockers);
    watcher->db = NULL;
}

static void
give_up(struct watcher *watcher, const struct error *why)
{
    AUTO_STRING char *text =
        memory_printf("what the statement waits for cannot be seen: %s", why->message);
    bool is_told = watcher->is_failure_told || why->kind == ERROR_STOPPED;
    int64_t patience_ms = pg_patience_ms(watcher->watched_db);

    pg_close(watcher->db);
    watcher->db = NULL;
    watcher->open_ms = clock_monotonic_ms() +
                       (patience_ms > 0 && patience_ms < REOPEN_MS ? patience_ms : REOPEN_MS);
    watcher->is_failure_told = true;
    if (!is_told)
        tell(watcher->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

/*
 * Behind a pooler of the transaction alone: the session is others' too. The login's default role
 * would not see the login's own session.
 */
#define SQL_SETTINGS                                                                               \
    "SELECT set_config('statement_timeout', '1s', $1),\n"                                          \
    "       set_config('lock_timeout', '500ms', $1),\n"                                            \
    "       set_config('application_name', 'pgstride watcher', $1),\n"                             \
    "       set_config('role', 'none', $1)"

static bool
make_settings(struct watcher *watcher, struct error *err)
{
    const char *const values[] = {watcher->is_pooled ? "true" : "false"};

    return pg_command(watcher->db, SQL_SETTINGS, ARRAY_LENGTH(values), values, err);
}

static bool
open_connection(struct watcher *watcher, struct error *err)
{
    if (watcher->db != NULL)
        return true;
    if (!login_connect(watcher->config, METADATA_BRIEF,
            watcher->silence.no_way_ms == 0 ? CONNECT_MS : CONNECT_AGAIN_MS, &watcher->db, err)) {
        silence_no_way(&watcher->silence, watcher->watched_db, err);
        return false;
    }
    watcher->silence.no_way_ms = 0;
    pg_limit(watcher->db, SILENCE_MS);
    return watcher->is_pooled || make_settings(watcher, err);
}

/* Told to the log when it is time; else for a line that updates in place. */
static void
tell_in_time(struct watcher *watcher, struct event event, int64_t *time_ms, int64_t every_ms)
{
    int64_t now_ms = clock_monotonic_ms();

    event.is_passing = now_ms < *time_ms;
    if (!event.is_passing)
        *time_ms = now_ms + every_ms;
    if (!event.is_passing || watcher->listener->is_live)
        tell(watcher->listener, &event);
}

static struct event
describe_blocked(const struct watcher *watcher, const struct watched *watched)
{
    return (struct event){
        .kind = EVENT_MIGRATION_BLOCKED,
        .migration = watched->migration,
        .version = watched->version,
        .line = watched->line,
        .text = watcher->blockers.text,
        .lock = watcher->blockers.lock,
        .blockers = watcher->blockers.list,
        .duration_ms = clock_monotonic_ms() - watcher->began_ms,
        .waiting = watcher->blockers.waiting,
    };
}

static bool
say_progress(struct watcher *watcher, const struct watched *watched, struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;
    int64_t heartbeat_ms = watcher->config->heartbeat_ms;
    bool is_time = heartbeat_ms > 0 && clock_monotonic_ms() >= watcher->beat_ms;

    if (heartbeat_ms == 0)
        watcher->beat_ms = INT64_MAX;
    if (!is_time && !watcher->listener->is_live)
        return true;
    if (!progress_look(watcher->db, watcher->pid, &rows, err))
        return false;
    bool is_known = pg_rows_count(rows) > 0;
    bool has_percent = is_known && !pg_rows_is_null(rows, 0, 1);
    struct event event = {
        .kind = EVENT_STATEMENT_RUNNING,
        .migration = watched->migration,
        .version = watched->version,
        .line = watched->line,
        .text = is_known ? pg_rows_text(rows, 0, 0) : NULL,
        .has_percent = has_percent,
        .percent = has_percent ? pg_rows_number(rows, 0, 1) : 0,
        .duration_ms = clock_monotonic_ms() - watcher->began_ms,
        .waiting = watcher->blockers.waiting,
    };
    tell_in_time(watcher, event, &watcher->beat_ms, heartbeat_ms);
    return true;
}

/* Soon enough to see who is in the way before the lock is given up. */
static int64_t
first_look_ms(const struct watcher *watcher)
{
    int64_t lock_ms = watcher->lock_timeout_ms;
    int64_t long_ms = watcher->is_alert ? ALERT_MS : LONG_MS;

    return lock_ms > 0 && lock_ms / 2 < long_ms ? lock_ms / 2 : long_ms;
}

#define SQL_STATEMENT                                                                              \
    "SELECT pid, query, (extract(epoch FROM clock_timestamp() - query_start) * 1000)::bigint\n"    \
    "  FROM pg_stat_activity\n"                                                                    \
    " WHERE state = 'active' AND "

/* Behind a pooler our backend is known by what it runs: we hold the migration lock. */
#define SQL_STATEMENT_POOLED                                                                       \
    SQL_STATEMENT                                                                                  \
    "datname = current_database() AND usename = session_user\n"                                    \
    "   AND backend_type = 'client backend' AND pid <> pg_backend_pid()"

/* Which row is of ours, and what of the plan does it run? -1: none. */
static int64_t
find_statement(const struct watcher *watcher, const struct pg_rows *rows, struct watched *watched)
{
    for (size_t i = 0; i < pg_rows_count(rows); i++) {
        if (watcher->look_up(watcher->context, pg_rows_text(rows, i, 1), watched) &&
            (!watcher->is_pooled || watched->line > 0))
            return (int64_t)i;
    }
    return -1;
}

/* What does the server work at, and since when? */
static bool
look_for_statement(
    struct watcher *watcher, struct watched *watched, bool *is_found, struct error *err)
{
    char pid[16];
    const char *const values[] = {pid};
    AUTO_ROWS struct pg_rows *rows = NULL;

    snprintf(pid, sizeof(pid), "%d", pg_backend_pid(watcher->watched_db));
    if (!pg_query(watcher->db,
            watcher->is_pooled ? SQL_STATEMENT_POOLED : SQL_STATEMENT "pid = $1::int",
            watcher->is_pooled ? 0 : ARRAY_LENGTH(values), values, &rows, err))
        return false;
    int64_t found = find_statement(watcher, rows, watched);
    *is_found = found >= 0;
    if (!*is_found)
        return true;
    watcher->pid = (int)pg_rows_number(rows, (size_t)found, 0);

    /* The two clocks agree to a few milliseconds: another statement is later than that. */
    enum { SAME_MS = 100 };
    int64_t began_ms = clock_monotonic_ms() - pg_rows_number(rows, (size_t)found, 2);
    if (began_ms - watcher->began_ms > SAME_MS) {
        watcher->began_ms = began_ms;
        watcher->say_ms = 0;
        watcher->beat_ms = began_ms + watcher->config->heartbeat_ms;
    }
    *is_found = clock_monotonic_ms() - watcher->began_ms >= first_look_ms(watcher);
    return true;
}

static bool
look(struct watcher *watcher, struct error *err)
{
    struct watched watched = {0};
    bool is_found = false;

    if (!look_for_statement(watcher, &watched, &is_found, err))
        return false;
    /* Behind a pooler the process is not known: it may be any. */
    if (!watcher->is_pooled &&
        !silence_look(&watcher->silence, watcher->db, watcher->watched_db, err))
        return false;
    if (!is_found)
        return true;

    struct blockers seen = {0};
    if (!blockers_look(watcher->db, watcher->pid, &seen, err)) {
        blockers_done(&seen);
        return false;
    }
    if (seen.text == NULL) {
        /* Those that were in the way may be asked for a moment later. */
        watcher->blockers.waiting = seen.waiting;
        blockers_done(&seen);
        return say_progress(watcher, &watched, err);
    }
    blockers_done(&watcher->blockers);
    watcher->blockers = seen;
    watcher->blocked_ms = clock_monotonic_ms();
    tell_in_time(watcher, describe_blocked(watcher, &watched), &watcher->say_ms, SAY_AGAIN_MS);
    return true;
}

static bool
begin_look(struct watcher *watcher, struct error *err)
{
    return !watcher->is_pooled ||
           (pg_command(watcher->db, "BEGIN", 0, NULL, err) && make_settings(watcher, err));
}

static bool
end_look(struct watcher *watcher, struct error *err)
{
    return !watcher->is_pooled || pg_command(watcher->db, "COMMIT", 0, NULL, err);
}

void
watcher_look(void *context, int64_t waited_ms)
{
    struct watcher *watcher = context;
    struct error err = ERROR_INIT;
    int64_t now_ms = clock_monotonic_ms();

    if (waited_ms < first_look_ms(watcher) || now_ms < watcher->look_ms ||
        now_ms < watcher->open_ms)
        return;
    if (!open_connection(watcher, &err) || !begin_look(watcher, &err) || !look(watcher, &err) ||
        !end_look(watcher, &err))
        give_up(watcher, &err);
    now_ms = clock_monotonic_ms();
    bool is_rare = waited_ms > RARELY_FROM_MS && now_ms - watcher->blocked_ms > REMEMBERED_MS;
    watcher->look_ms = now_ms + (watcher->is_alert ? ALERT_OFTEN_MS
                                    : is_rare      ? RARELY_MS
                                                   : OFTEN_MS);
}

static bool
is_remembered(const struct watcher *watcher)
{
    return watcher->blockers.text != NULL &&
           clock_monotonic_ms() - watcher->blocked_ms < REMEMBERED_MS;
}

void
watcher_explain(const struct watcher *watcher, struct error *err)
{
    if (is_remembered(watcher) && error_is_sqlstate(err, "55P03"))
        snprintf(err->detail, sizeof(err->detail), "It waited for %s", watcher->blockers.text);
}

bool
watcher_look_aside(struct watcher *watcher, const struct watched *watched, enum way *way)
{
    struct error err = ERROR_INIT;

    if (!is_remembered(watcher) || watcher->blockers.key == NULL || watcher->db == NULL)
        return false;
    if (!begin_look(watcher, &err) ||
        !blockers_look_aside(watcher->db, &watcher->blockers, way, &err) ||
        !end_look(watcher, &err)) {
        give_up(watcher, &err);
        return false;
    }
    watcher->blocked_ms = clock_monotonic_ms();
    if (*way != WAY_HELD || watcher->blockers.text == NULL)
        return true;
    struct event event = describe_blocked(watcher, watched);
    event.is_aside = true;
    event.waiting = 0;
    tell_in_time(watcher, event, &watcher->say_ms, SAY_AGAIN_MS);
    return true;
}
