/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Difference: the SQL that makes one schema of another, in an order that works.
 *
 * Pure. Whether it does is proven elsewhere, by running it.
 */
#ifndef SCHEMA_DIFFERENCE_H
#define SCHEMA_DIFFERENCE_H

#include "base/text.h"
#include "schema/model.h"

/* A verb; the others are "create", "add", "alter", "drop". */
#define DIFFERENCE_SET_NOT_NULL "set NOT NULL of"

struct difference_statement {
    const char *verb;
    const struct model_object *object; /* of the model that has it */
    char *sql;                         /* without a semicolon */
};

struct difference {
    bool is_split;   /* given: what is set NOT NULL is a statement of its own */
    struct text sql; /* as it is written into a file */
    struct difference_statement *list;
    size_t statements;
    size_t capacity;
    struct text losses; /* what loses data: "drop table a, …" */
};

void difference_done(struct difference *difference);
#define AUTO_DIFFERENCE __attribute__((cleanup(difference_done))) struct difference

/* From `old` to `new`. */
void difference_find(
    const struct model *old, const struct model *new, struct difference *difference);

/* Write one statement into a file, with a comment that says what it does. */
void difference_write(
    struct text *text, const char *verb, const struct model_object *object, const char *sql);

/* The first few objects in which they differ, for people; nothing when they are the same. */
void difference_name(const struct model *a, const struct model *b, struct text *names);

#endif
