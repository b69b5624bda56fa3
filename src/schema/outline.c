/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/outline.h"

#include <stdlib.h>

#include "base/memory.h"

const char *
outline_kind_name(enum outline_kind kind)
{
    static const char *const NAMES[] = {
        [OUTLINE_SCHEMA] = "schema",
        [OUTLINE_EXTENSION] = "extension",
        [OUTLINE_TABLE] = "table",
        [OUTLINE_FOREIGN_TABLE] = "foreign table",
        [OUTLINE_VIEW] = "view",
        [OUTLINE_MATERIALIZED_VIEW] = "materialized view",
        [OUTLINE_SEQUENCE] = "sequence",
        [OUTLINE_FUNCTION] = "function",
        [OUTLINE_TYPE] = "type",
        [OUTLINE_COLUMN] = "column",
        [OUTLINE_INDEX] = "index",
        [OUTLINE_CONSTRAINT] = "constraint",
        [OUTLINE_TRIGGER] = "trigger",
        [OUTLINE_RULE] = "rule",
        [OUTLINE_POLICY] = "policy",
    };

    return NAMES[kind];
}

bool
outline_is_part(enum outline_kind kind)
{
    return kind >= OUTLINE_COLUMN;
}

void
outline_free(struct outline *outline)
{
    if (outline == NULL)
        return;
    pg_rows_release(&outline->rows);
    free(outline->objects);
    free(outline);
}

void
outline_release(struct outline **outline)
{
    outline_free(*outline);
    *outline = NULL;
}

static int
compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

int
outline_compare(const struct outline_object *a, const struct outline_object *b)
{
    int order = compare_numbers(a->kind, b->kind);

    if (order == 0)
        order = compare_numbers(a->oid, b->oid);
    return order != 0 ? order : compare_numbers(a->number, b->number);
}

static int
compare_objects(const void *left, const void *right)
{
    return outline_compare(left, right);
}

void
outline_sort(struct outline *outline)
{
    if (outline->count > 0)
        qsort(outline->objects, outline->count, sizeof(*outline->objects), compare_objects);
}

const struct outline_object *
outline_find_relation(const struct outline *outline, uint32_t oid)
{
    static const enum outline_kind RELATIONS[] = {
        OUTLINE_TABLE, OUTLINE_FOREIGN_TABLE, OUTLINE_VIEW, OUTLINE_MATERIALIZED_VIEW};

    for (size_t i = 0; outline->count > 0 && i < ARRAY_LENGTH(RELATIONS); i++) {
        const struct outline_object wanted = {.kind = RELATIONS[i], .oid = oid};
        const struct outline_object *found =
            bsearch(&wanted, outline->objects, outline->count, sizeof(wanted), compare_objects);
        if (found != NULL)
            return found;
    }
    return NULL;
}
