/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes: what came, went and changed between two outlines.
 *
 * Pure. An object is known again by its oid, so a renamed one is told from one
 * that was dropped beside another that was created.
 */
#ifndef SCHEMA_CHANGES_H
#define SCHEMA_CHANGES_H

#include "adapter/json.h"
#include "base/text.h"
#include "schema/outline.h"

enum change_sort {
    CHANGE_ADDED,
    CHANGE_DROPPED,
    CHANGE_RENAMED,
    CHANGE_ALTERED,
    CHANGE_RECREATED, /* dropped and created again by the same name, and what it held is gone */
};

struct change {
    enum change_sort sort;
    enum outline_kind kind;
    enum outline_kind top_kind; /* of what it is listed under: itself, or its table or view */
    const char *top;            /* that one's name */
    const char *name;
    const char *old_name;       /* of RENAMED */
    const char *old_definition; /* of ALTERED; up to its '#' */
    const char *new_definition;
    size_t order; /* as the outline has it */
};

/* Borrows its strings from both outlines. */
struct changes {
    struct change *changes; /* in the order in which they are told */
    size_t count;
    size_t capacity;
};

void changes_done(struct changes *changes);
#define AUTO_CHANGES __attribute__((cleanup(changes_done))) struct changes

/*
 * Compare. What belongs to a table that came or went is not listed, nor what a
 * partition has from its table.
 */
void changes_find(
    const struct outline *before, const struct outline *after, struct changes *changes);

/*
 * In words: "tables: +orders, ~companies (column address added)", one sentence a
 * kind, with `separator` between; cut with a count.
 */
void changes_say(const struct changes *changes, const char *separator, struct text *text);

/* An array of objects: the first ones, as many as fit a log line. */
json_t *changes_list(const struct changes *changes);

#endif
