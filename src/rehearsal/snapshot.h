/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot: what the catalog says of the relations, and what this transaction has
 * done to them so far: its locks, its scans. One query.
 */
#ifndef REHEARSAL_SNAPSHOT_H
#define REHEARSAL_SNAPSHOT_H

#include "adapter/json.h"
#include "adapter/postgres.h"

/* A lock's mode, weakest first; the bit `1 << mode` of a set of modes. */
enum lock_mode {
    LOCK_NONE,
    LOCK_ACCESS_SHARE,
    LOCK_ROW_SHARE,
    LOCK_ROW_EXCLUSIVE,
    LOCK_SHARE_UPDATE_EXCLUSIVE,
    LOCK_SHARE,
    LOCK_SHARE_ROW_EXCLUSIVE,
    LOCK_EXCLUSIVE,
    LOCK_ACCESS_EXCLUSIVE,
};

/* PostgreSQL's word: "ACCESS EXCLUSIVE". */
const char *lock_mode_name(enum lock_mode mode);

/* The strongest of a set. */
enum lock_mode lock_mode_strongest(unsigned modes);

enum relation_kind {
    RELATION_INDEX = 'i',
    RELATION_PARTITIONED_INDEX = 'I',
    RELATION_PARTITIONED = 'p',
    RELATION_VIEW = 'v',
    RELATION_SEQUENCE = 'S',
    RELATION_SCHEMA = 'N', /* not a relation to PostgreSQL: its name alone */
};

/* What of a column, or constraint, is at which place of its array. */
enum column_part {
    COLUMN_NAME,
    COLUMN_TYPE_OID,
    COLUMN_TYPE,
    COLUMN_IS_NOT_NULL,
    COLUMN_HAS_DEFAULT, /* or is an identity, or generated */
};
enum constraint_part {
    CONSTRAINT_NAME,
    CONSTRAINT_KIND, /* c, f, p, u, x */
    CONSTRAINT_IS_VALID,
    CONSTRAINT_INDEX_OID,
};

struct relation {
    int64_t oid;
    char kind;
    int64_t parent; /* an index's table, a partition's parent; 0: none */
    char *schema;
    char *table;
    char *name; /* as people write it: qualified where it is not public's */
    int64_t filenode;
    int64_t tablespace;
    int64_t scans; /* of this transaction */
    bool has_row_security;
    bool is_unique;      /* of an index */
    unsigned modes;      /* locks of this transaction, of those that end with it */
    json_t *columns;     /* by number: arrays of column_part; NULL: none */
    json_t *constraints; /* by oid: arrays of constraint_part; NULL: none */
    bool is_gone;        /* not there any more; its lock is */
};

struct snapshot {
    struct relation *relations; /* by oid */
    size_t count;
    size_t capacity;
};

void snapshot_done(struct snapshot *snapshot);
#define AUTO_SNAPSHOT __attribute__((cleanup(snapshot_done))) struct snapshot

enum snapshot_extent {
    SNAPSHOT_ALL,    /* every relation that is not the system's or temporary, and every schema */
    SNAPSHOT_LOCKED, /* those that this transaction has a lock on, and every schema */
};

MUST_CHECK bool snapshot_take(
    struct pg *db, enum snapshot_extent extent, struct snapshot *snapshot, struct error *err);

/* The relation of an oid, or NULL. */
struct relation *snapshot_find(const struct snapshot *snapshot, int64_t oid);

/* Put what `newer` says over what `snapshot` says; `newer` is empty then. */
void snapshot_update(struct snapshot *snapshot, struct snapshot *newer);

#endif
