/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event: what a run says of itself, one at a time. The engine speaks in events
 * alone; the log, the summary and Slack are made of them.
 */
#ifndef ENGINE_EVENT_H
#define ENGINE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct json_t;

enum event_kind {
    EVENT_RUN_STARTED,
    EVENT_DATABASE_WAITING,
    EVENT_DATABASE_CONNECTED, /* and the version read: as RUN_STARTED, without a plan; again where
                                 nothing is left to do */
    EVENT_LOCK_WAITING,
    EVENT_MIGRATION_STARTED,
    EVENT_STATEMENT_RUNNING, /* `text`: its phase, or NULL */
    EVENT_MIGRATION_BLOCKED, /* `text`: for what and by whom */
    EVENT_MIGRATION_RETRIED,
    EVENT_MIGRATION_APPLIED,
    EVENT_MIGRATION_FAILED,
    EVENT_VERSION_SET, /* by hand; `text`: the history's outcome */
    EVENT_VERSION_WAITING,
    EVENT_VERSION_REACHED,
    EVENT_SCHEMA_DROPPED, /* `text` says it all */
    EVENT_SCHEMA_CHANGED, /* `changes`; or why they are not known: `error` */
    EVENT_NOTICE,
    EVENT_WARNING, /* `text` says it all */
    EVENT_DETAIL,  /* the same, of interest to --verbose alone */
    EVENT_RUN_FINISHED,
};

struct changes;

/* Borrowed throughout; what a kind does not use is zero. */
struct event {
    enum event_kind kind;
    const char *text;      /* WARNING, DETAIL, NOTICE: the message; LOCK_WAITING: who holds it */
    const char *migration; /* VERSION_TITLE */
    int64_t version;
    bool is_down; /* reverted, not applied; the same in RUN_STARTED */
    size_t statements;
    int64_t duration_ms; /* APPLIED: how long; RETRIED: the wait before the next try */
    int64_t left_ms;     /* of the budget: DATABASE_WAITING, LOCK_WAITING, RETRIED */
    size_t line;         /* STATEMENT_RUNNING, MIGRATION_BLOCKED: of the statement; 0: not known */
    size_t waiting;      /* the same: sessions that wait for us in turn */
    bool is_passing;     /* the same: for a line that updates in place, not for the log */
    bool is_aside;       /* MIGRATION_BLOCKED: rolled back, until the way is free; the same in */
                         /* RETRIED: it is seen when that is */
    const char *lock;    /* MIGRATION_BLOCKED: "AccessExclusiveLock on t" */
    const struct json_t *blockers; /* MIGRATION_BLOCKED: who is in the way: an array */
    bool has_percent;
    int64_t percent; /* STATEMENT_RUNNING */
    size_t attempt;  /* RETRIED: the try that follows, from 2 */
    const struct error *error;
    bool is_atomic;  /* FAILED: the whole run was rolled back */
    bool is_unknown; /* FAILED: nobody heard whether its transaction committed */

    const struct changes *changes;

    /* RUN_STARTED */
    const char *database;
    const char *host;
    bool has_from; /* also in MIGRATION_STARTED */
    int64_t from;
    bool is_dirty; /* VERSION_WAITING */
    bool has_wanted;
    int64_t wanted; /* also in MIGRATION_FAILED: where the database is, in `from` */
    size_t pending;
    size_t planned; /* of those, with a limit */
    size_t total;

    /* NOTICE */
    const char *severity;
    const char *sqlstate;
    const char *detail;
    const char *hint;
    const char *context;
};

struct plan;

/*
 * Who is asked, once a run, when there are steps and nothing was touched: is it to
 * go on? `started` is the run.started that follows.
 */
struct gate {
    bool (*permit)(const void *context,
        const struct event *started,
        const struct plan *plan,
        struct error *err);
    const void *context;
};

/* Who is told. */
struct listener {
    void (*hear)(void *context, const struct event *event);
    void *context;
    const struct gate *gate; /* NULL: nobody is asked */
    bool is_live;            /* passing events are wanted, too */
};

static inline void
tell(const struct listener *listener, const struct event *event)
{
    listener->hear(listener->context, event);
}

#endif
