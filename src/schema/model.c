/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const char *
model_kind_name(enum model_kind kind)
{
    static const char *const NAMES[] = {
        [MODEL_SCHEMA] = "schema",
        [MODEL_EXTENSION] = "extension",
        [MODEL_ENUM] = "enum",
        [MODEL_DOMAIN] = "domain",
        [MODEL_COMPOSITE] = "composite type",
        [MODEL_SEQUENCE] = "sequence",
        [MODEL_TABLE] = "table",
        [MODEL_COLUMN] = "column",
        [MODEL_FUNCTION] = "function",
        [MODEL_OWNERSHIP] = "sequence's owner",
        [MODEL_CONSTRAINT] = "constraint",
        [MODEL_INDEX] = "index",
        [MODEL_VIEW] = "view",
        [MODEL_MATERIALIZED_VIEW] = "materialized view",
        [MODEL_TRIGGER] = "trigger",
    };

    return NAMES[kind];
}

void
model_release(struct model **model)
{
    struct model *old = *model;

    *model = NULL;
    if (old == NULL)
        return;
    for (size_t i = 0; i < old->count; i++)
        free(old->objects[i].needs);
    free(old->objects);
    free(old->order);
    pg_rows_release(&old->rows);
    free(old);
}

bool
model_same(const struct model_object *a, const struct model_object *b)
{
    return strcmp(a->create, b->create) == 0 && strcmp(a->shape, b->shape) == 0;
}
