/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "adapter/clock.h"
#include "base/memory.h"
#include "schema/difference.h"
#include "unit.h"

enum { TABLES = 4000, COLUMNS = 10, INDEXES = 3, SLOW_US = 2000000 };

static struct model_object
make_object(enum model_kind kind, char *name, const char *create, const char *table)
{
    return (struct model_object){
        .kind = kind,
        .name = name,
        .shown = name,
        .create = create,
        .drop = "DROP",
        .shape = "",
        .table = table,
        .type = "",
        .extra = "",
    };
}

/* Sorted by kind and name, as a model is; in which order they can be created, too. */
static struct model *
make_model(void)
{
    struct model *model = memory_new(sizeof(*model));
    size_t total = TABLES * (1 + COLUMNS + INDEXES);

    model->objects = memory_new(total * sizeof(*model->objects));
    for (size_t i = 0; i < TABLES; i++)
        model->objects[model->count++] =
            make_object(MODEL_TABLE, memory_printf("t%04zu", i), "CREATE TABLE t", "");
    for (size_t i = 0; i < TABLES * COLUMNS; i++) {
        struct model_object *table = &model->objects[i / COLUMNS];
        struct model_object *column = &model->objects[model->count++];
        *column = make_object(MODEL_COLUMN, memory_printf("%s.c%zu", table->name, i % COLUMNS),
            "c integer", table->name);
        column->whole = table;
        column->number = (int32_t)(COLUMNS - i % COLUMNS);
    }
    for (size_t i = 0; i < TABLES * INDEXES; i++) {
        struct model_object *table = &model->objects[i / INDEXES];
        struct model_object *index = &model->objects[model->count++];
        *index = make_object(MODEL_INDEX, memory_printf("%s_i%zu", table->name, i % INDEXES),
            "CREATE INDEX i", table->name);
        index->whole = table;
    }
    model->order = memory_new(model->count * sizeof(*model->order));
    model->positions = memory_new(model->count * sizeof(*model->positions));
    for (size_t i = 0; i < model->count; i++)
        model->order[i] = model->positions[i] = i;
    return model;
}

static void
free_model(struct model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        AUTO_STRING char *name = NULL;
        memcpy(&name, &model->objects[i].name, sizeof(name));
    }
    model_release(&model);
}

/* A thirtieth of that is what it takes: more is another order of growth. */
static void
a_large_schema_is_compared_at_once(UNUSED void **state)
{
    struct model *large = make_model();
    struct model none = {0};
    AUTO_DIFFERENCE up = {0};
    AUTO_DIFFERENCE down = {0};
    AUTO_DIFFERENCE same = {0};
    int64_t started_us = clock_monotonic_us();

    difference_find(&none, large, &up);
    difference_find(large, &none, &down);
    difference_find(large, large, &same);
    int64_t taken_us = clock_monotonic_us() - started_us;
    assert_int_equal(up.statements, TABLES * (1 + INDEXES));
    assert_int_equal(down.statements, TABLES);
    assert_int_equal(same.statements, 0);
    assert_non_null(strstr(text_string(&up.sql), "CREATE TABLE t (\n    c integer,\n"));
    print_message("compared three times in %lld us\n", (long long)taken_us);
    assert_true(taken_us < SLOW_US);
    free_model(large);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_schema_is_compared_at_once),
    };

    return RUN_TESTS(tests);
}
