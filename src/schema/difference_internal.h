/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Difference, inside: what becomes of each object, and the statements for it.
 */
#ifndef SCHEMA_DIFFERENCE_INTERNAL_H
#define SCHEMA_DIFFERENCE_INTERNAL_H

#include "schema/difference.h"

/* They only go up while they are decided. */
enum fate { FATE_KEPT, FATE_ALTERED, FATE_RECREATED, FATE_DROPPED };

struct comparison {
    const struct model *old;
    const struct model *new;
    enum fate *fates;   /* of the old objects */
    bool *is_late;      /* of those: dropped at the end, when nothing uses them any more */
    bool *is_converted; /* columns that are text while their type is made anew */
    struct difference *difference;
};

/* What an object is, or was, in the other model; or NULL. */
const struct model_object *difference_new_of(
    const struct comparison *comparison, const struct model_object *old);
const struct model_object *difference_old_of(
    const struct comparison *comparison, const struct model_object *new);

/* difference_fate.c */
void difference_decide(struct comparison *comparison);
enum fate difference_fate(const struct comparison *comparison, const struct model_object *old);
bool difference_is_gone(const struct comparison *comparison, const struct model_object *old);
/* Before anything is created. */
bool difference_is_gone_early(const struct comparison *comparison, const struct model_object *old);
bool difference_is_converted(const struct comparison *comparison, const struct model_object *old);
/* Is it created, for the first time or anew? */
bool difference_is_new(const struct comparison *comparison, const struct model_object *new);
/* Does what is done to its table's parent happen to it too? For the old and the new one. */
bool difference_is_led(const struct comparison *comparison, const struct model_object *old);
bool difference_will_be_led(const struct comparison *comparison, const struct model_object *new);

/* difference.c: the statements, each with a comment that says what it does. */
void difference_add(struct comparison *comparison,
    const char *verb,
    const struct model_object *object,
    const char *sql);
void difference_lose(
    struct comparison *comparison, const char *what, const struct model_object *object);

/* difference_tables.c */
void difference_create_table(struct comparison *comparison, const struct model_object *table);
void difference_alter_table(struct comparison *comparison, const struct model_object *new);

/* difference_columns.c */
void difference_add_column(struct comparison *comparison, const struct model_object *column);
void difference_alter_column(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new);
void difference_convert_column(struct comparison *comparison, const struct model_object *old);
/* The default that its column or table is created with; or NULL. */
const struct model_object *difference_inline_default(
    const struct comparison *comparison, const struct model_object *column);
void difference_create_default(struct comparison *comparison, const struct model_object *new);
/* Take off the default that a new column has from the parent's. */
void difference_drop_inherited_default(
    struct comparison *comparison, const struct model_object *column);

/* difference_types.c */
bool difference_only_adds_values(const struct comparison *comparison,
    const struct model_object *old,
    const struct model_object *new);
bool difference_can_alter_attributes(const struct comparison *comparison,
    const struct model_object *old,
    const struct model_object *new);
/* Whatever their order. */
bool difference_has_all_values(const struct model_object *old, const struct model_object *new);
/* Is an attribute dropped, or does one change its type? */
bool difference_loses_attributes(const struct model_object *old, const struct model_object *new);
void difference_alter_enum(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new);
void difference_alter_domain(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new);
void difference_alter_composite(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new);

#endif
