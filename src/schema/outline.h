/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outline: what a database's schema consists of, one line an object, from one
 * query that is cheap enough to be asked before and after each run.
 *
 * Of a definition there is what a person wants to read in one line, and a hash of
 * the rest: enough to tell that it changed. Left out are system and temporary
 * schemas, and what belongs to an extension.
 */
#ifndef SCHEMA_OUTLINE_H
#define SCHEMA_OUTLINE_H

#include <stdint.h>

#include "adapter/postgres.h"

/* Those of themselves first, then those of a table or view. */
enum outline_kind {
    OUTLINE_SCHEMA,
    OUTLINE_EXTENSION,
    OUTLINE_TABLE,
    OUTLINE_FOREIGN_TABLE,
    OUTLINE_VIEW,
    OUTLINE_MATERIALIZED_VIEW,
    OUTLINE_SEQUENCE, /* but for those of a serial or identity column */
    OUTLINE_FUNCTION, /* procedures and aggregates too */
    OUTLINE_TYPE,     /* enums, domains, composite and range types */
    OUTLINE_COLUMN,
    OUTLINE_INDEX, /* but for those of a constraint */
    OUTLINE_CONSTRAINT,
    OUTLINE_TRIGGER,
    OUTLINE_RULE,
    OUTLINE_POLICY,
};

/* "table", "materialized view". */
const char *outline_kind_name(enum outline_kind kind);
bool outline_is_part(enum outline_kind kind);

struct outline_object {
    enum outline_kind kind;
    uint32_t oid;
    int32_t number;         /* of a column in its table; else 0 */
    uint32_t parent;        /* oid of a part's table or view; else 0 */
    const char *name;       /* quoted; with its schema where that is not the main one */
    const char *definition; /* what is to be read, then '#' and a hash; either may be missing */
    bool is_inherited;      /* a part that a partition has from its table */
};

struct outline {
    struct pg_rows *rows; /* the strings' owner, or NULL */
    struct outline_object *objects;
    size_t count;
};

void outline_free(struct outline *outline);
void outline_release(struct outline **outline);
#define AUTO_OUTLINE __attribute__((cleanup(outline_release)))

/* What is asked, and what is left out. */
struct outline_request {
    const char *schema;             /* the main one: its objects are named without it */
    const char *left_out_tables[2]; /* quoted, with their schema */
};

/*
 * Ask the server, in one round trip and outside a transaction. Bounded in time; the
 * session's settings stay as they are.
 *
 * Result   sorted by kind, oid, number; the caller frees it.
 * Errors   ERROR_SYSTEM: a catalog that is too large; else those of pg_query.
 */
MUST_CHECK bool outline_load(struct pg *db,
    const struct outline_request *request,
    struct outline **outline,
    struct error *err);

/* The order: by kind, oid, number. */
int outline_compare(const struct outline_object *a, const struct outline_object *b);
void outline_sort(struct outline *outline);

/* The table or view with this oid, or NULL. */
const struct outline_object *outline_find_relation(const struct outline *outline, uint32_t oid);

#endif
