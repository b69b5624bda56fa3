/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model: a schema whole, object by object, each with the SQL that creates and drops
 * it as the server writes it, and what it depends on.
 */
#ifndef SCHEMA_MODEL_H
#define SCHEMA_MODEL_H

#include <stdint.h>

#include "adapter/postgres.h"

/* In the order of creation where nothing else decides. */
enum model_kind {
    MODEL_SCHEMA,
    MODEL_EXTENSION,
    MODEL_ENUM,
    MODEL_DOMAIN,
    MODEL_COMPOSITE,
    MODEL_SEQUENCE,
    MODEL_TABLE,
    MODEL_COLUMN,
    MODEL_FUNCTION,  /* and procedures */
    MODEL_OWNERSHIP, /* of a sequence by a column */
    MODEL_CONSTRAINT,
    MODEL_INDEX,
    MODEL_VIEW,
    MODEL_MATERIALIZED_VIEW,
    MODEL_TRIGGER,
    MODEL_KINDS,
};

/* "table", "materialized view". */
const char *model_kind_name(enum model_kind kind);

struct model_object {
    enum model_kind kind;
    const char *name;   /* what it is known by, among its kind */
    const char *shown;  /* for a comment */
    const char *create; /* without a semicolon; of a column what stands in CREATE TABLE */
    const char *drop;
    const char *shape; /* what cannot be changed in place */
    const char *table; /* a part's; else "" */
    const char *type;  /* of a column; these three make `create` together with `shape` */
    const char *default_value;
    bool is_not_null;
    uint32_t catalog; /* oid of the catalog it stands in, of itself, and its number there */
    uint32_t oid;
    int32_t number;
    size_t *needs; /* indexes of what it depends on */
    size_t needs_count;
    size_t needs_capacity;
};

struct model {
    struct pg_rows *rows; /* the strings' owner */
    struct model_object *objects;
    size_t count;
    size_t *order; /* of creation: what is needed comes first */
};

void model_release(struct model **model);
#define AUTO_MODEL __attribute__((cleanup(model_release)))

struct model_request {
    const char *schema; /* the main one: its objects are named without it */
    const char *left_out_tables[2];
};

/*
 * Read the schema of a database that nobody else uses.
 *
 * Errors   ERROR_PLAN: it holds what a model does not, with its names;
 *          else those of pg_query.
 */
MUST_CHECK bool model_load(
    struct pg *db, const struct model_request *request, struct model **model, struct error *err);

/* The object of this kind and name, or NULL. */
const struct model_object *model_find(
    const struct model *model, enum model_kind kind, const char *name);

/* The same, and all that is in it. */
bool model_same(const struct model_object *a, const struct model_object *b);

#endif
