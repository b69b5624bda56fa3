/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, whole. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "schema/difference_internal.h"

static int
sort_by_number(const void *left, const void *right)
{
    const struct model_object *a = *(const struct model_object *const *)left;
    const struct model_object *b = *(const struct model_object *const *)right;

    return (a->number > b->number) - (a->number < b->number);
}

/* Where the objects begin whose kind and name are these, or the next. */
static size_t
find_first(const struct model *model, enum model_kind kind, const char *name)
{
    size_t first = 0;
    size_t end = model->count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;
        const struct model_object *object = &model->objects[middle];
        if (object->kind < kind || (object->kind == kind && strcmp(object->name, name) < 0))
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

/* A table's parts of one kind, whose names begin with its own, in their order; to be freed. */
static const struct model_object **
list_parts(const struct model *model,
    const struct model_object *table,
    enum model_kind kind,
    size_t *count)
{
    const struct model_object **parts = NULL;
    size_t capacity = 0;
    size_t size = strlen(table->name);

    *count = 0;
    for (size_t i = find_first(model, kind, table->name); i < model->count; i++) {
        const struct model_object *object = &model->objects[i];
        if (object->kind != kind || strncmp(object->name, table->name, size) != 0)
            break;
        if (object->whole != table)
            continue;
        parts = memory_grow(parts, *count, &capacity, sizeof(void *));
        parts[(*count)++] = object;
    }
    if (*count > 0)
        qsort(parts, *count, sizeof(void *), sort_by_number);
    return parts;
}

static void
put_columns(const struct comparison *comparison,
    const struct model_object **columns,
    size_t count,
    struct text *sql)
{
    size_t written = 0;

    text_puts(sql, " (");
    for (size_t i = 0; i < count; i++) {
        const struct model_object *given = difference_inline_default(comparison, columns[i]);
        if (columns[i]->inheritance == INHERITANCE_ONLY)
            continue;
        text_printf(sql, "%s\n    %s", written++ > 0 ? "," : "", columns[i]->create);
        if (given != NULL)
            text_printf(sql, " DEFAULT %s", given->extra);
    }
    text_puts(sql, written > 0 ? "\n)" : ")");
}

static void
put_parents(const struct model *model, const struct model_object *table, struct text *sql)
{
    size_t count = 0;
    const struct model_object **links = list_parts(model, table, MODEL_INHERITANCE, &count);

    for (size_t i = 0; i < count; i++)
        text_printf(sql, "%s%s", i == 0 ? " INHERITS (" : ", ", links[i]->table);
    if (count > 0)
        text_puts(sql, ")");
    free(links);
}

/* What it has from its parent, and should have otherwise. */
static void
correct_inherited(struct comparison *comparison, const struct model_object **columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct model_object *parent = model_parent_column(comparison->new, columns[i]);
        if (parent == NULL || columns[i]->inheritance != INHERITANCE_ONLY)
            continue;
        difference_drop_inherited_default(comparison, columns[i]);
        if (!columns[i]->is_not_null || parent->is_not_null)
            continue;
        AUTO_STRING char *sql = memory_printf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL",
            columns[i]->table, columns[i]->name + strlen(columns[i]->table) + 1);
        difference_add(comparison, "alter", columns[i], sql);
    }
}

void
difference_create_table(struct comparison *comparison, const struct model_object *table)
{
    const struct model *model = comparison->new;
    const struct model_object *partition = model_find(model, MODEL_PARTITION, table->name);
    AUTO_TEXT sql = TEXT_INIT;
    size_t count = 0;
    const struct model_object **columns = list_parts(model, table, MODEL_COLUMN, &count);

    text_puts(&sql, table->create);
    if (partition != NULL) {
        text_printf(&sql, " PARTITION OF %s %s", partition->table, partition->extra);
    } else {
        put_columns(comparison, columns, count, &sql);
        put_parents(model, table, &sql);
    }
    text_puts(&sql, table->extra);
    difference_add(comparison, "create", table, text_string(&sql));
    correct_inherited(comparison, columns, count);
    free(columns);
}

void
difference_alter_table(struct comparison *comparison, const struct model_object *new)
{
    bool is_unlogged = strncmp(new->create, "CREATE UNLOGGED", strlen("CREATE UNLOGGED")) == 0;
    AUTO_STRING char *sql =
        memory_printf("ALTER TABLE %s SET %s", new->name, is_unlogged ? "UNLOGGED" : "LOGGED");

    difference_add(comparison, "alter", new, sql);
}
