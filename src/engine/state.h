/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State: where a database stands against the folder. Reads alone, takes no lock.
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include "engine/history.h"
#include "engine/session.h"

enum migration_state {
    STATE_APPLIED,
    STATE_PENDING,
    STATE_MISSING, /* applied, but not in the folder */
    STATE_CHANGED, /* applied, and edited since */
    STATE_FAILED,  /* outside a transaction: begun, and not finished */
};

struct state_row {
    int64_t version;
    const char *name;
    enum migration_state state;
    const struct history_entry *entry; /* NULL: the history knows nothing of it */
};

struct state {
    struct history *history;
    char *database;
    char *host;
    struct state_row *rows; /* by version */
    size_t count;
    size_t capacity;
    size_t pending;
};

void state_done(struct state *state);
#define AUTO_STATE __attribute__((cleanup(state_done))) struct state

/* `catalog` may be NULL: then only the version is read. The state borrows its names. */
MUST_CHECK bool state_load(const struct config *config,
    const struct catalog *catalog,
    const struct listener *listener,
    struct state *state,
    struct error *err);

/* "applied", "pending", … */
const char *state_name(enum migration_state state);

#endif
