/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watcher: a second connection, opened when a statement takes long, that says what
 * it waits for, whom it blocks in turn, and how far it is.
 *
 * It works on our thread, while the first connection waits: nothing is shared, so
 * nothing is locked. It never stops the run: what is not answered within about a
 * second is given up for a while, and a failure is a warning, once.
 */
#ifndef ENGINE_WATCHER_H
#define ENGINE_WATCHER_H

#include "adapter/postgres.h"
#include "engine/blockers.h"
#include "engine/config.h"
#include "engine/event.h"
#include "engine/silence.h"

/* What runs on the watched connection, as the server tells: what was sent ahead is not heard of. */
struct watched {
    const char *migration;
    int64_t version;
    size_t line; /* 0: nothing of its file */
};

struct watcher {
    const struct config *config;
    const struct listener *listener;
    struct pg *watched_db;
    bool is_pooled; /* a pooler is in between: who works for us is to be found out */
    /* Find the migration whose statement `query` begins; false when none is under way. */
    bool (*look_up)(void *context, const char *query, struct watched *watched);
    void *context;
    int64_t lock_timeout_ms; /* of the migration that runs */
    bool is_alert;           /* it lost a race before: look at once */
    struct pg *db;           /* NULL: not opened yet, or given up */
    int64_t open_ms;         /* monotonic: not before, after a failure */
    bool is_failure_told;
    int pid;                  /* of the backend that was looked at last */
    int64_t began_ms;         /* monotonic: of the statement that was looked at last */
    int64_t look_ms;          /* monotonic: the next look */
    int64_t say_ms;           /* monotonic: when its blockers are to be named again */
    int64_t beat_ms;          /* monotonic: the next heartbeat */
    struct blockers blockers; /* that were seen last */
    int64_t blocked_ms;       /* monotonic: when that was */
    struct silence silence;   /* of the watched connection */
};

void watcher_done(struct watcher *watcher);

/* For pg_watch: look, if the statement has run long enough. `context` is the watcher. */
void watcher_look(void *context, int64_t waited_ms);

/* Say who was in the way of a statement that lost a race for a lock, if that was seen. */
void watcher_explain(const struct watcher *watcher, struct error *err);

/*
 * After a lost race, out of the queue, again and again: is the way free? Names those
 * in it from time to time. False where that cannot be seen.
 */
bool watcher_look_aside(struct watcher *watcher, const struct watched *watched, enum way *way);

#endif
