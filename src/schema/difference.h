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

struct difference {
    struct text sql; /* as it is written into a file */
    size_t statements;
    struct text losses; /* what loses data: "drop table a, …" */
};

void difference_done(struct difference *difference);
#define AUTO_DIFFERENCE __attribute__((cleanup(difference_done))) struct difference

/*
 * From `old` to `new`.
 * Errors   ERROR_PLAN: what cannot be changed without losing what depends on it.
 */
MUST_CHECK bool difference_find(const struct model *old,
    const struct model *new,
    struct difference *difference,
    struct error *err);

/* The first few objects in which they differ, for people; nothing when they are the same. */
void difference_name(const struct model *a, const struct model *b, struct text *names);

#endif
