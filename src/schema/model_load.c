/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "schema/model.h"
#include "schema/model_order.h"
#include "schema/model_sql.h"
#include "schema/model_sql_rest.h"
#include "schema/model_sql_tables.h"

#define SQL_ALL(owned, privileges)                                                                 \
    MODEL_SQL_COMMON MODEL_SQL_SCHEMAS                                                             \
        "UNION ALL\n" MODEL_SQL_TYPES "UNION ALL\n" MODEL_SQL_SEQUENCES                            \
        "UNION ALL\n" MODEL_SQL_FUNCTIONS "UNION ALL\n" MODEL_SQL_TABLES                           \
        "UNION ALL\n" MODEL_SQL_PARTS "UNION ALL\n" MODEL_SQL_VIEWS ")\n" owned                    \
        "SELECT * FROM objects\n"                                                                  \
        "UNION ALL\n" MODEL_SQL_SETTINGS "UNION ALL\n" MODEL_SQL_COMMENTS privileges

static const char SQL_OBJECTS[] = SQL_ALL("", "");
static const char SQL_WITH_GRANTS[] = SQL_ALL(MODEL_SQL_OWNED, MODEL_SQL_PRIVILEGES);

/* Without the names of lengths: they are within a type. */
static const char SQL_CASTS[] = "SELECT format_type(castsource, NULL), format_type(casttarget, "
                                "NULL)\n"
                                "  FROM pg_cast\n"
                                " WHERE oid < 16384 AND castsource <> casttarget";

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

    while (kind < MODEL_PRIVILEGE && strcmp(model_kind_name(kind), name) != 0)
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
            .extra = pg_rows_text(rows, row, 11),
            .is_not_null = pg_rows_boolean(rows, row, 12),
            .inheritance = (enum inheritance)pg_rows_number(rows, row, 13),
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

    while (wanted.oid != 0) {
        struct model_object **found =
            bsearch(&key, places->sorted, places->count, sizeof(void *), sort_by_place);
        if (found != NULL)
            return *found;
        if (wanted.number == 0)
            break;
        wanted.number = 0;
    }
    return NULL;
}

static void
add_need(struct model *model,
    struct model_object *object,
    const struct model_object *needed,
    enum need_kind kind)
{
    size_t index = (size_t)(needed - model->objects);

    if (object != needed)
        *ARRAY_ADD(object->needs, object->needs_count, object->needs_capacity) =
            (struct model_need){.index = index, .kind = kind};
}

static struct model_object *
writable(struct model *model, const struct model_object *object)
{
    return &model->objects[object - model->objects];
}

/* What a column or its default needs, its table needs, so that it can be created whole. */
static void
add_one(struct model *model, struct model_object *object, const struct model_object *needed)
{
    bool is_default = object->kind == MODEL_DEFAULT;
    struct model_object *column = is_default ? writable(model, object->whole) : object;

    /* A table's own columns: those of its partition key. */
    bool is_tables = object->kind == MODEL_TABLE && needed->kind == MODEL_TABLE;
    add_need(model, object, needed, is_tables ? NEED_ORDER : NEED_HARD);
    if (column->kind != MODEL_COLUMN || needed->oid == column->oid)
        return;
    if (is_default)
        add_need(model, column, needed, NEED_SOFT);
    add_need(model, writable(model, column->whole), needed, is_default ? NEED_SOFT : NEED_ORDER);
}

static void
sort_places(struct model *model, struct places *places)
{
    places->sorted = memory_new((model->count + 1) * sizeof(void *));
    places->count = model->count;
    for (size_t i = 0; i < model->count; i++)
        places->sorted[i] = &model->objects[i];
    qsort(places->sorted, places->count, sizeof(void *), sort_by_place);
}

/* The rows are in the order that they were read in, the objects are not: by name. */
static void
add_wholes(struct model *model, const struct places *places)
{
    const struct pg_rows *rows = model->rows;

    for (size_t row = 0; row < pg_rows_count(rows); row++) {
        const struct model_object *part =
            model_find(model, find_kind(pg_rows_text(rows, row, 0)), pg_rows_text(rows, row, 4));
        const struct model_object *whole = find_place(places, rows, row, 14);
        if (whole == NULL)
            continue;
        writable(model, part)->whole = whole;
        add_need(model, writable(model, part), whole, NEED_HARD);
    }
}

/* What a part is inherited through: of several, that whose parent has a column of this name. */
static void
add_inheritance(struct model *model, const struct model_object *link)
{
    for (size_t i = 0; i < model->count; i++) {
        struct model_object *part = &model->objects[i];
        if (part->inheritance == INHERITANCE_NONE || part->whole != link->whole)
            continue;
        const struct model_object *former = part->follows;
        part->follows = link;
        const struct model_object *parent =
            part->kind == MODEL_COLUMN ? model_parent_column(model, part) : link;
        if (parent == NULL) {
            part->follows = former;
            continue;
        }
        add_need(model, writable(model, link), part, NEED_ORDER);
        if (part->kind == MODEL_COLUMN)
            add_need(model, part, parent, NEED_ORDER);
    }
}

static void
add_needs(struct model *model, const struct pg_rows *rows)
{
    struct places places = {0};

    sort_places(model, &places);
    add_wholes(model, &places);
    for (size_t row = 0; row < pg_rows_count(rows); row++) {
        struct model_object *object = find_place(&places, rows, row, 0);
        const struct model_object *needed = find_place(&places, rows, row, 3);
        if (object != NULL && needed != NULL)
            add_one(model, object, needed);
    }
    free(places.sorted);
    for (size_t i = 0; i < model->count; i++) {
        if (model->objects[i].kind == MODEL_PARTITION ||
            model->objects[i].kind == MODEL_INHERITANCE)
            add_inheritance(model, &model->objects[i]);
    }
}

bool
model_strangers(struct pg *db, struct text *names, struct error *err)
{
    enum { SHOWN = 20 };
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!pg_query(db, MODEL_SQL_STRANGERS, 0, NULL, &rows, err))
        return false;
    size_t count = pg_rows_count(rows);
    for (size_t i = 0; i < count && i < SHOWN; i++)
        text_printf(names, "%s%s", i > 0 ? ", " : "", pg_rows_text(rows, i, 0));
    if (count > SHOWN)
        text_puts(names, ", and more");
    return true;
}

bool
model_load(
    struct pg *db, const struct model_request *request, struct model **model, struct error *err)
{
    AUTO_MODEL struct model *loaded = memory_new(sizeof(*loaded));
    AUTO_ROWS struct pg_rows *needs = NULL;
    AUTO_STRING char *path = pg_quote_identifier(db, request->schema);
    const char *const paths[] = {path};
    const char *sql = request->is_with_grants ? SQL_WITH_GRANTS : SQL_OBJECTS;

    if (!pg_command(db, "SELECT set_config('search_path', $1, false)", 1, paths, err) ||
        !pg_query(db, sql, 2, request->left_out_tables, &loaded->rows, err) ||
        !pg_query(db, SQL_CASTS, 0, NULL, &loaded->casts, err) ||
        !pg_query(db, MODEL_SQL_NEEDS, 0, NULL, &needs, err))
        return false;
    read_objects(loaded);
    add_needs(loaded, needs);
    model_find_order(loaded);
    *model = TAKE(loaded);
    return true;
}
