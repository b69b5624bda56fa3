/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model: a schema whole, object by object, each with the SQL that creates and drops
 * it as the server writes it, and what it depends on.
 */
#ifndef SCHEMA_MODEL_H
#define SCHEMA_MODEL_H

#include <stdint.h>

#include "adapter/postgres.h"
#include "base/text.h"

/* In the order of creation where nothing else decides. */
enum model_kind {
    MODEL_SCHEMA,
    MODEL_EXTENSION,
    MODEL_COLLATION,
    MODEL_ENUM,
    MODEL_DOMAIN,
    MODEL_COMPOSITE,
    MODEL_RANGE,
    MODEL_DOMAIN_CONSTRAINT, /* before any column is of the domain */
    MODEL_SEQUENCE,
    MODEL_TABLE,
    MODEL_COLUMN,
    MODEL_FUNCTION, /* and procedures */
    MODEL_AGGREGATE,
    MODEL_DEFAULT,
    MODEL_OWNERSHIP, /* of a sequence by a column */
    MODEL_CONSTRAINT,
    MODEL_INDEX,
    MODEL_PARTITION,   /* that a table is one */
    MODEL_INHERITANCE, /* of one table from another */
    MODEL_STATISTICS,
    MODEL_VIEW,
    MODEL_MATERIALIZED_VIEW,
    MODEL_TRIGGER,
    MODEL_RULE,
    MODEL_POLICY,
    MODEL_SETTING, /* of a table, a column, …, that is not said where it is created */
    MODEL_COMMENT,
    MODEL_OWNER,
    MODEL_PRIVILEGE,
    MODEL_KINDS,
};

/* "table", "materialized view". */
const char *model_kind_name(enum model_kind kind);

enum need_kind {
    NEED_HARD,  /* the server would not have the one without the other */
    NEED_ORDER, /* a table, of what its columns need: created before it */
    NEED_SOFT,  /* the same of what a default needs, where that makes no circle */
};

struct model_need {
    size_t index; /* of the object */
    enum need_kind kind;
};

/* How a part of a table comes from that table's parent. */
enum inheritance { INHERITANCE_NONE, INHERITANCE_ONLY, INHERITANCE_AND_OWN };

struct model_object {
    enum model_kind kind;
    const char *name;   /* what it is known by, among its kind */
    const char *shown;  /* for a comment */
    const char *create; /* without a semicolon; of a column what stands in CREATE TABLE */
    const char *drop;
    const char *shape; /* what cannot be changed in place */
    const char *table; /* a part's: what it is a part of; of a partition the parent; else "" */
    const char *type;  /* of a column and a domain; of a constraint, a table, a sequence a letter */
    const char *extra; /* by kind: an enum's labels, a table's key, a default's expression, … */
    bool is_not_null;
    enum inheritance inheritance;
    uint32_t catalog; /* oid of the catalog it stands in, of itself, and its number there */
    uint32_t oid;
    int32_t number;
    const struct model_object *whole;   /* goes with it; or NULL */
    const struct model_object *follows; /* the partition or inheritance that it is from; or NULL */
    struct model_need *needs;
    size_t needs_count;
    size_t needs_capacity;
};

struct model {
    struct pg_rows *rows; /* the strings' owner */
    struct pg_rows *casts;
    struct model_object *objects;
    size_t count;
    size_t *order;     /* of creation: what is needed comes first */
    size_t *positions; /* of each object in that order */
};

void model_release(struct model **model);
#define AUTO_MODEL __attribute__((cleanup(model_release)))

struct model_request {
    const char *schema; /* the main one: its objects are named without it */
    const char *left_out_tables[2];
    bool is_with_grants; /* owners and privileges too */
};

/*
 * Read the schema of a database that nobody else uses.
 *
 * Errors   those of pg_query.
 */
MUST_CHECK bool model_load(
    struct pg *db, const struct model_request *request, struct model **model, struct error *err);

/* The names of what is there and a model does not hold: "cast (…), publication p". */
MUST_CHECK bool model_strangers(struct pg *db, struct text *names, struct error *err);

/* The object of this kind and name, or NULL. */
const struct model_object *model_find(
    const struct model *model, enum model_kind kind, const char *name);

/* The parent's column that this one is inherited from, or NULL. */
const struct model_object *model_parent_column(
    const struct model *model, const struct model_object *column);

/* Does a cast of the server's own lead from the one type to the other? */
bool model_has_cast(const struct model *model, const char *from, const char *to);

/* The same, and all that is in it. */
bool model_same(const struct model_object *a, const struct model_object *b);

#endif
