/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blockers: what a session waits for, and who is in its way.
 *
 * Asked on another connection. Of a role that may not see other users' activity
 * the names are kept, and the answer says so.
 */
#ifndef ENGINE_BLOCKERS_H
#define ENGINE_BLOCKERS_H

#include "adapter/json.h"
#include "adapter/postgres.h"

struct blockers {
    char *text;            /* the lock, and those in the way, in words; NULL: nobody */
    json_t *list;          /* the same as JSON, without the lock */
    char *lock;            /* "AccessExclusiveLock on t" */
    char *key;             /* the locked thing, as pg_locks has it; NULL: not known */
    const char *conflicts; /* the modes that the wanted one cannot stand beside: an array */
    size_t waiting;        /* sessions that wait for the watched one */
    /* While it stands aside: virtual transactions, as an array; NULL: not looked yet. */
    char *outlasted; /* those that the try did not outlast */
    char *before;    /* those of the last look */
};

void blockers_done(struct blockers *blockers);

/* Look at the session `pid`, and forget what was seen before. Nobody in its way: no text. */
MUST_CHECK bool blockers_look(struct pg *db, int pid, struct blockers *blockers, struct error *err);

/*
 * The transactions of this database that have lasted for a while, in words: a
 * concurrent build waits for them, if they are not over by then. NULL: none is seen.
 */
MUST_CHECK bool blockers_older(struct pg *db, char **text, struct error *err);

enum way {
    WAY_FREE,
    WAY_BUSY, /* transactions that last, but not those that were there at first */
    WAY_HELD, /* some of those that were there at first: to wait in the queue is in vain */
};

/*
 * The same while the session stands aside, out of the queue: who holds the lock, or
 * waits for it, in a mode that conflicts? What is over by the next look does not
 * count. The first call is to come right after the try. Needs `key`.
 */
MUST_CHECK bool blockers_look_aside(
    struct pg *db, struct blockers *blockers, enum way *way, struct error *err);

#endif
