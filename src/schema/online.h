/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Online: a difference in steps that hold no lock for long, a file each.
 *
 * Pure. What comes of it is proven elsewhere, by running it.
 */
#ifndef SCHEMA_ONLINE_H
#define SCHEMA_ONLINE_H

#include "schema/difference.h"

struct online_file {
    struct text up;
    struct text down; /* "": what the difference of the schemas gives */
    bool is_alone;    /* one statement, that runs outside a transaction */
};

struct online_plan {
    struct online_file *files;
    size_t count;
    size_t capacity;
};

void online_plan_done(struct online_plan *plan);
#define AUTO_ONLINE_PLAN __attribute__((cleanup(online_plan_done))) struct online_plan

/*
 * Spread `difference`, from `old` to `new`, over files. On tables that both have: indexes
 * are built and dropped CONCURRENTLY, each in a file of its own; keys are such an index
 * first; other constraints are NOT VALID first, and validated in a later file each; NOT
 * NULL is a validated check first. Tables and columns are dropped in the last file.
 */
void online_plan_make(const struct model *old,
    const struct model *new,
    const struct difference *difference,
    struct online_plan *plan);

/* The way back of one file. True: it is one statement that runs outside a transaction. */
bool online_write_down(const struct model *old,
    const struct model *new,
    const struct difference *difference,
    struct text *down);

#endif
