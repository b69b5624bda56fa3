/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Observation: what one statement did, as two snapshots tell it. Pure. What was made
 * in the rehearsal itself is free: nobody uses it yet.
 */
#ifndef REHEARSAL_OBSERVATION_H
#define REHEARSAL_OBSERVATION_H

#include "rehearsal/snapshot.h"

/* A relation that was there before the rehearsal, in a statement's transaction. */
struct effect {
    const struct relation *relation; /* of the origin */
    enum lock_mode taken;            /* the strongest that this statement took; or LOCK_NONE */
    enum lock_mode held;             /* the strongest that is held when it runs */
    bool is_scanned;
    bool is_rewritten;
};

enum change_kind {
    CHANGE_DROPPED, /* a table, view or sequence */
    CHANGE_RENAMED,
    CHANGE_EMPTIED,
    CHANGE_SCHEMA_DROPPED,
    CHANGE_SCHEMA_RENAMED,
    CHANGE_COLUMN_DROPPED,
    CHANGE_COLUMN_RENAMED,
    CHANGE_COLUMN_RETYPED,
    CHANGE_COLUMN_REQUIRED, /* added, NOT NULL and without a default */
    CHANGE_DEFAULT_DROPPED, /* of a column that is NOT NULL */
    CHANGE_ROW_SECURITY,
    CHANGE_COLUMN_ADDED,
    CHANGE_COLUMN_NOT_NULL,
    CHANGE_INDEX_ADDED,
    CHANGE_INDEX_DROPPED,
    CHANGE_INDEX_REBUILT,
    CHANGE_CONSTRAINT_ADDED,
    CHANGE_CONSTRAINT_VALIDATED,
    CHANGE_CONSTRAINT_DROPPED,
    CHANGE_ATTACHED,
    CHANGE_DETACHED,
};

struct change {
    enum change_kind kind;
    const struct relation *relation; /* of the origin; a schema's own */
    char *name;                      /* the column, index, constraint; or what it was renamed to */
    char *from;                      /* a column's former name or type */
    char *to;
    int64_t from_type; /* of CHANGE_COLUMN_RETYPED: oids */
    int64_t to_type;
    char constraint; /* of CHANGE_CONSTRAINT_ADDED: c, f, p, u, x */
    bool is_valid;   /* the constraint */
    bool is_binary;  /* of CHANGE_COLUMN_RETYPED: what reads the one reads the other */
};

struct observation {
    struct effect *effects;
    size_t effects_count;
    size_t effects_capacity;
    struct change *changes;
    size_t changes_count;
    size_t changes_capacity;
};

void observation_done(struct observation *observation);

/*
 * Compare. `origin` is what was there before the rehearsal, and outlives the result;
 * with SNAPSHOT_ALL what `after` has not is gone.
 */
void observation_make(const struct snapshot *origin,
    const struct snapshot *before,
    const struct snapshot *after,
    enum snapshot_extent extent,
    struct observation *observation);

/* Is there such a change? The first, or NULL. */
const struct change *observation_find(const struct observation *observation, enum change_kind kind);

#endif
