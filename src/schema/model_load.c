/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "schema/model.h"
#include "schema/model_sql.h"

static const char SQL_OBJECTS[] = MODEL_SQL_COMMON MODEL_SQL_SCHEMAS
    "UNION ALL\n" MODEL_SQL_TYPES "UNION ALL\n" MODEL_SQL_SEQUENCES "UNION ALL\n" MODEL_SQL_TABLES
    "UNION ALL\n" MODEL_SQL_PARTS "UNION ALL\n" MODEL_SQL_VIEWS;

/* The objects by where they stand in the catalogs, to look up the ends of a dependency. */
struct places {
    struct model_object **sorted;
    size_t count;
};

static int
compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int
compare_places(const struct model_object *a, const struct model_object *b)
{
    int order = compare_numbers(a->catalog, b->catalog);

    if (order == 0)
        order = compare_numbers(a->oid, b->oid);
    return order != 0 ? order : compare_numbers(a->number, b->number);
}

static int
sort_by_place(const void *left, const void *right)
{
    return compare_places(
        *(struct model_object *const *)left, *(struct model_object *const *)right);
}

static int
sort_by_name(const void *left, const void *right)
{
    const struct model_object *a = left;
    const struct model_object *b = right;

    return a->kind != b->kind ? compare_numbers(a->kind, b->kind) : strcmp(a->name, b->name);
}

const struct model_object *
model_find(const struct model *model, enum model_kind kind, const char *name)
{
    const struct model_object wanted = {.kind = kind, .name = name};

    if (model->count == 0)
        return NULL;
    return bsearch(&wanted, model->objects, model->count, sizeof(wanted), sort_by_name);
}

static enum model_kind
find_kind(const char *name)
{
    enum model_kind kind = MODEL_SCHEMA;

    while (kind < MODEL_TRIGGER && strcmp(model_kind_name(kind), name) != 0)
        kind++;
    return kind;
}

static void
read_objects(struct model *model)
{
    const struct pg_rows *rows = model->rows;
    size_t count = pg_rows_count(rows);

    model->objects = memory_new((count + 1) * sizeof(*model->objects));
    for (size_t row = 0; row < count; row++) {
        model->objects[model->count++] = (struct model_object){
            .kind = find_kind(pg_rows_text(rows, row, 0)),
            .catalog = (uint32_t)pg_rows_number(rows, row, 1),
            .oid = (uint32_t)pg_rows_number(rows, row, 2),
            .number = (int32_t)pg_rows_number(rows, row, 3),
            .name = pg_rows_text(rows, row, 4),
            .shown = pg_rows_text(rows, row, 5),
            .create = pg_rows_text(rows, row, 6),
            .drop = pg_rows_text(rows, row, 7),
            .shape = pg_rows_text(rows, row, 8),
            .table = pg_rows_text(rows, row, 9),
            .type = pg_rows_text(rows, row, 10),
            .default_value = pg_rows_text(rows, row, 11),
            .is_not_null = pg_rows_boolean(rows, row, 12),
        };
    }
    qsort(model->objects, model->count, sizeof(*model->objects), sort_by_name);
}

/* The object there: the column, else what it is a column of. */
static struct model_object *
find_place(const struct places *places, const struct pg_rows *rows, size_t row, size_t column)
{
    struct model_object wanted = {
        .catalog = (uint32_t)pg_rows_number(rows, row, column),
        .oid = (uint32_t)pg_rows_number(rows, row, column + 1),
        .number = (int32_t)pg_rows_number(rows, row, column + 2),
    };
    struct model_object *key = &wanted;

    for (;;) {
        struct model_object **found =
            bsearch(&key, places->sorted, places->count, sizeof(void *), sort_by_place);
        if (found != NULL)
            return *found;
        if (wanted.number == 0)
            return NULL;
        wanted.number = 0;
    }
}

static void
add_need(struct model *model, struct model_object *object, const struct model_object *needed)
{
    size_t index = (size_t)(needed - model->objects);

    if (object != needed)
        *ARRAY_ADD(object->needs, object->needs_count, object->needs_capacity) = index;
}

/* What a column needs, its table needs, so that it can be created whole. */
static void
add_needs(struct model *model, const struct pg_rows *rows)
{
    struct places places = {.count = model->count};

    places.sorted = memory_new((model->count + 1) * sizeof(void *));
    for (size_t i = 0; i < model->count; i++)
        places.sorted[i] = &model->objects[i];
    qsort(places.sorted, places.count, sizeof(void *), sort_by_place);
    for (size_t row = 0; row < pg_rows_count(rows); row++) {
        struct model_object *object = find_place(&places, rows, row, 0);
        const struct model_object *needed = find_place(&places, rows, row, 3);
        if (object == NULL || needed == NULL)
            continue;
        add_need(model, object, needed);
        if (object->kind == MODEL_COLUMN && needed->oid != object->oid) {
            const struct model_object *table = model_find(model, MODEL_TABLE, object->table);
            add_need(model, &model->objects[table - model->objects], needed);
        }
    }
    free(places.sorted);
    for (size_t i = 0; i < model->count; i++) {
        struct model_object *part = &model->objects[i];
        const struct model_object *table =
            *part->table != '\0' ? model_find(model, MODEL_TABLE, part->table) : NULL;
        if (table != NULL)
            add_need(model, part, table);
    }
}

/* Put an object behind all that it needs. In a circle somebody comes first. */
static void
visit(struct model *model, size_t index, bool *is_seen, size_t *count)
{
    const struct model_object *object = &model->objects[index];

    if (is_seen[index])
        return;
    is_seen[index] = true;
    for (size_t i = 0; i < object->needs_count; i++)
        visit(model, object->needs[i], is_seen, count);
    model->order[(*count)++] = index;
}

static int
sort_by_age(const void *left, const void *right)
{
    const struct model_object *a = *(struct model_object *const *)left;
    const struct model_object *b = *(struct model_object *const *)right;
    int order = compare_numbers(a->kind, b->kind);

    return order != 0 ? order : compare_places(a, b);
}

static void
find_order(struct model *model)
{
    struct model_object **sorted = memory_new((model->count + 1) * sizeof(void *));
    bool *is_seen = memory_new(model->count + 1);
    size_t count = 0;

    model->order = memory_new((model->count + 1) * sizeof(*model->order));
    for (size_t i = 0; i < model->count; i++)
        sorted[i] = &model->objects[i];
    qsort(sorted, model->count, sizeof(void *), sort_by_age);
    for (size_t i = 0; i < model->count; i++)
        visit(model, (size_t)(sorted[i] - model->objects), is_seen, &count);
    free(sorted);
    free(is_seen);
}

/* What it does not hold, it must not be silent about. */
static bool
check_strangers(struct pg *db, struct error *err)
{
    enum { SHOWN = 20 };
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_TEXT names = TEXT_INIT;

    if (!pg_query(db, MODEL_SQL_STRANGERS, 0, NULL, &rows, err))
        return false;
    size_t count = pg_rows_count(rows);
    if (count == 0)
        return true;
    for (size_t i = 0; i < count && i < SHOWN; i++)
        text_printf(&names, "%s%s", i > 0 ? ", " : "", pg_rows_text(rows, i, 0));
    error_set(err, ERROR_PLAN, "it holds what cannot be compared: %s%s", text_string(&names),
        count > SHOWN ? ", and more" : "");
    return error_hint(err, "Write this migration by hand: pgstride create.");
}

bool
model_load(
    struct pg *db, const struct model_request *request, struct model **model, struct error *err)
{
    AUTO_MODEL struct model *loaded = memory_new(sizeof(*loaded));
    AUTO_ROWS struct pg_rows *needs = NULL;
    AUTO_STRING char *path = pg_quote_identifier(db, request->schema);
    const char *const paths[] = {path};

    if (!pg_command(db, "SELECT set_config('search_path', $1, false)", 1, paths, err) ||
        !check_strangers(db, err) ||
        !pg_query(db, SQL_OBJECTS, 2, request->left_out_tables, &loaded->rows, err) ||
        !pg_query(db, MODEL_SQL_NEEDS, 0, NULL, &needs, err))
        return false;
    read_objects(loaded);
    add_needs(loaded, needs);
    find_order(loaded);
    *model = TAKE(loaded);
    return true;
}
