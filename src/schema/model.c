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
        [MODEL_COLLATION] = "collation",
        [MODEL_ENUM] = "enum",
        [MODEL_DOMAIN] = "domain",
        [MODEL_COMPOSITE] = "composite type",
        [MODEL_RANGE] = "range type",
        [MODEL_SEQUENCE] = "sequence",
        [MODEL_TABLE] = "table",
        [MODEL_COLUMN] = "column",
        [MODEL_FUNCTION] = "function",
        [MODEL_AGGREGATE] = "aggregate",
        [MODEL_DOMAIN_CONSTRAINT] = "domain constraint",
        [MODEL_DEFAULT] = "default",
        [MODEL_OWNERSHIP] = "sequence's owner",
        [MODEL_CONSTRAINT] = "constraint",
        [MODEL_INDEX] = "index",
        [MODEL_PARTITION] = "partition",
        [MODEL_INHERITANCE] = "inheritance",
        [MODEL_STATISTICS] = "statistics",
        [MODEL_VIEW] = "view",
        [MODEL_MATERIALIZED_VIEW] = "materialized view",
        [MODEL_TRIGGER] = "trigger",
        [MODEL_RULE] = "rule",
        [MODEL_POLICY] = "policy",
        [MODEL_SETTING] = "setting",
        [MODEL_COMMENT] = "comment",
        [MODEL_OWNER] = "owner",
        [MODEL_PRIVILEGE] = "privilege",
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
    free(old->positions);
    pg_rows_release(&old->casts);
    pg_rows_release(&old->rows);
    free(old);
}

bool
model_same(const struct model_object *a, const struct model_object *b)
{
    if (a->kind == MODEL_DEFAULT) /* what else its statement says is how it is reached */
        return strcmp(a->extra, b->extra) == 0;
    return strcmp(a->create, b->create) == 0 && strcmp(a->shape, b->shape) == 0;
}

const struct model_object *
model_parent_column(const struct model *model, const struct model_object *column)
{
    if (column->follows == NULL)
        return NULL;
    AUTO_STRING char *name =
        memory_printf("%s%s", column->follows->table, column->name + strlen(column->table));
    return model_find(model, MODEL_COLUMN, name);
}

/* Compare a type as it is shown with the name of a type: "numeric(8,2)" is "numeric". */
static bool
is_type(const char *shown, const char *name)
{
    size_t size = strcspn(shown, "(");

    if (strncmp(shown, name, size) != 0)
        return false;
    const char *rest = strchr(shown, ')'); /* timestamp(3) with time zone */
    return strcmp(rest == NULL ? "" : rest + 1, name + size) == 0;
}

bool
model_has_cast(const struct model *model, const char *from, const char *to)
{
    for (size_t i = 0; i < pg_rows_count(model->casts); i++) {
        if (is_type(from, pg_rows_text(model->casts, i, 0)) &&
            is_type(to, pg_rows_text(model->casts, i, 1)))
            return true;
    }
    return false;
}
