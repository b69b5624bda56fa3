/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "adapter/clock.h"
#include "adapter/postgres_internal.h"
#include "adapter/signals.h"
#include "base/memory.h"

/*
 * When a stop is asked for, the statement is cancelled at the server, and the
 * wait goes on for the server's own word of it: so it ends as any refused
 * statement does, rolled back and recorded. Against a server that says nothing
 * there is an end to the patience. A platform kills 10 s after SIGTERM.
 */
enum {
    CANCEL_MS = 1500,        /* for one request to cancel */
    CANCEL_AGAIN_MS = 250,   /* it came between two statements, and was lost */
    STOP_PATIENCE_MS = 4000, /* from the first request to the end */
};

static void
release_cancel(PGcancelConn **cancel)
{
    PQcancelFinish(*cancel);
}

/* Ask the server to end the running statement, over TLS where the connection has it. */
static void
cancel_statement(PGconn *connection)
{
    __attribute__((cleanup(release_cancel))) PGcancelConn *cancel = PQcancelCreate(connection);
    int64_t until_ms = clock_monotonic_ms() + CANCEL_MS;

    if (cancel == NULL || PQcancelStart(cancel) != 1)
        return;
    for (;;) {
        PostgresPollingStatusType want = PQcancelPoll(cancel);
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (want == PGRES_POLLING_OK || want == PGRES_POLLING_FAILED || left_ms <= 0)
            return;
        struct pollfd wait = {.fd = PQcancelSocket(cancel),
            .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        poll(&wait, 1, (int)left_ms);
    }
}

/* A stop was asked for: is there patience left? */
static bool
wait_stopping(struct pg *pg, int *timeout_ms, struct error *err)
{
    int64_t now_ms = clock_monotonic_ms();

    if (pg->stop_until_ms == 0)
        pg->stop_until_ms = now_ms + STOP_PATIENCE_MS;
    pg->is_given_up = now_ms >= pg->stop_until_ms;
    if (pg->is_given_up)
        return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
    if (!pg->is_held && !pg->is_interrupted && now_ms >= pg->cancel_again_ms) {
        cancel_statement(pg->connection);
        pg->cancel_again_ms = clock_monotonic_ms() + CANCEL_AGAIN_MS;
    }
    *timeout_ms = CANCEL_AGAIN_MS;
    return true;
}

void
pg_hold(struct pg *pg, bool is_held)
{
    pg->is_held = is_held;
}

void
pg_watch(struct pg *pg, int64_t every_ms, pg_idle_handler *on_idle, void *context)
{
    pg->on_idle = on_idle;
    pg->idle_context = context;
    pg->idle_every_ms = every_ms;
    pg->waiting_ms = 0;
}

/* Call the watch when it is time; how long a poll may last until the next one. */
static int
keep_watch(struct pg *pg)
{
    int64_t now_ms = clock_monotonic_ms();

    if (pg->on_idle == NULL)
        return -1;
    if (pg->waiting_ms == 0) {
        pg->waiting_ms = now_ms;
        pg->idle_at_ms = now_ms + pg->idle_every_ms;
    }
    if (now_ms >= pg->idle_at_ms) {
        pg->on_idle(pg->idle_context, now_ms - pg->waiting_ms);
        now_ms = clock_monotonic_ms();
        pg->idle_at_ms = now_ms + pg->idle_every_ms;
    }
    return (int)(pg->idle_at_ms - now_ms);
}

void
pg_limit(struct pg *pg, int64_t silence_ms)
{
    pg->silence_ms = silence_ms;
}

int64_t
pg_patience_ms(const struct pg *pg)
{
    PQconninfoOption *options = PQconninfo(pg->connection);
    int64_t patience_ms = 0;

    for (PQconninfoOption *option = options; option != NULL && option->keyword; option++) {
        if (strcmp(option->keyword, "tcp_user_timeout") == 0 && option->val != NULL)
            patience_ms = strtoll(option->val, NULL, 10);
    }
    PQconninfoFree(options);
    return patience_ms > 0 ? patience_ms : 0; /* libpq takes less for the system's default */
}

int64_t
pg_quiet_ms(const struct pg *pg)
{
    return clock_monotonic_ms() - pg->quiet_ms;
}

bool
pg_is_sending(const struct pg *pg)
{
    int bytes = 0;

    return ioctl(PQsocket(pg->connection), SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

void
pg_give_up(struct pg *pg, const struct error *why)
{
    pg->is_given_up = true;
    pg->why = *why;
}

/* A connection with a limit: is there patience left? */
static bool
keep_limit(struct pg *pg, int *timeout_ms, struct error *err)
{
    int64_t left_ms = pg->silence_ms - pg_quiet_ms(pg);

    if (pg->silence_ms == 0)
        return true;
    if (left_ms <= 0) {
        error_set(err, ERROR_CONNECTION, "the server did not answer within %" PRId64 "%s",
            pg->silence_ms % 1000 == 0 ? pg->silence_ms / 1000 : pg->silence_ms,
            pg->silence_ms % 1000 == 0 ? " s" : " ms");
        pg_give_up(pg, err);
        return false;
    }
    if (*timeout_ms < 0 || left_ms < *timeout_ms)
        *timeout_ms = (int)left_ms;
    return true;
}

void
pg_depend(struct pg *pg, struct pg *other)
{
    pg->other = other;
}

/* What came on a connection that has nothing to say: its end. Nobody is to work for us then. */
static bool
check_other(struct pg *pg, PGconn *other, struct error *err)
{
    if (PQconsumeInput(other) && PQstatus(other) != CONNECTION_BAD)
        return true;
    pg_fail_lost(other, err);
    error_prefix(err, "the migration lock was lost");
    cancel_statement(pg->connection);
    pg_give_up(pg, err);
    return false;
}

bool
pg_wait(struct pg *pg, bool is_writable_wanted, struct error *err)
{
    PGconn *other = pg->other != NULL ? pg->other->connection : NULL;

    pg->quiet_ms = clock_monotonic_ms(); /* and so until this returns */
    for (;;) {
        int unsent = PQflush(pg->connection);
        int timeout_ms = -1;
        if (unsent < 0)
            return pg_fail_lost(pg->connection, err);

        bool is_stopping = signals_is_stop_requested();
        if (is_stopping && !wait_stopping(pg, &timeout_ms, err))
            return false;
        if (!is_stopping)
            timeout_ms = keep_watch(pg);
        if (pg->is_given_up) {
            *err = pg->why;
            return false;
        }
        if (!keep_limit(pg, &timeout_ms, err))
            return false;
        struct pollfd wait[] = {
            {.fd = PQsocket(pg->connection), .events = (short)(unsent ? POLLIN | POLLOUT : POLLIN)},
            {.fd = is_stopping ? -1 : signals_descriptor(), .events = POLLIN},
            {.fd = other != NULL ? PQsocket(other) : -1, .events = POLLIN},
        };
        if (poll(wait, ARRAY_LENGTH(wait), timeout_ms) <= 0) {
            /* libpq leaves a message unread where it finds no memory for it; now it may have some.
             */
            if (!is_writable_wanted && !PQisBusy(pg->connection))
                return true;
            continue;
        }
        if (other != NULL && wait[2].revents != 0 && !check_other(pg, other, err))
            return false;
        if ((wait[0].revents & ~POLLOUT) != 0)
            return PQconsumeInput(pg->connection) ? true : pg_fail_lost(pg->connection, err);
        if (is_writable_wanted && (wait[0].revents & POLLOUT) != 0)
            return true;
    }
}
