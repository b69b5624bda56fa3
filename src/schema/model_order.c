/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/model_order.h"

#include <stdlib.h>

#include "base/memory.h"

enum visit_state { VISIT_NOT_YET, VISIT_BEGUN, VISIT_PLACED };

struct walk {
    struct model *model;
    enum visit_state *states;
    size_t count;
};

/* Does it need, directly or not, what waits for it? */
static bool
leads_back(const struct walk *walk, size_t index, bool *is_seen)
{
    const struct model_object *object = &walk->model->objects[index];

    if (walk->states[index] == VISIT_BEGUN)
        return true;
    if (is_seen[index] || walk->states[index] == VISIT_PLACED)
        return false;
    is_seen[index] = true;
    for (size_t i = 0; i < object->needs_count; i++) {
        if (object->needs[i].kind != NEED_SOFT && leads_back(walk, object->needs[i].index, is_seen))
            return true;
    }
    return false;
}

/* A default can be set later, and what it needs need not be there before its table. */
static bool
is_circle(const struct walk *walk, size_t index)
{
    bool *is_seen = memory_new(walk->model->count + 1);
    bool is_reached = leads_back(walk, index, is_seen);

    free(is_seen);
    return is_reached;
}

/* Put an object behind all that it needs. In a circle somebody comes first. */
static void
visit(struct walk *walk, size_t index)
{
    const struct model_object *object = &walk->model->objects[index];

    if (walk->states[index] != VISIT_NOT_YET)
        return;
    walk->states[index] = VISIT_BEGUN;
    for (size_t i = 0; i < object->needs_count; i++) {
        size_t needed = object->needs[i].index;
        if (object->needs[i].kind != NEED_SOFT || !is_circle(walk, needed))
            visit(walk, needed);
    }
    walk->states[index] = VISIT_PLACED;
    walk->model->positions[index] = walk->count;
    walk->model->order[walk->count++] = index;
}

static int
compare_numbers(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int
sort_by_age(const void *left, const void *right)
{
    const struct model_object *a = *(struct model_object *const *)left;
    const struct model_object *b = *(struct model_object *const *)right;
    int order = compare_numbers(a->kind, b->kind);

    if (order == 0)
        order = compare_numbers(a->oid, b->oid);
    if (order == 0)
        order = compare_numbers(a->number, b->number);
    return order != 0 ? order : compare_numbers(a - b, 0);
}

void
model_find_order(struct model *model)
{
    struct model_object **sorted = memory_new((model->count + 1) * sizeof(void *));
    struct walk walk = {.model = model};

    walk.states = memory_new((model->count + 1) * sizeof(*walk.states));
    model->order = memory_new((model->count + 1) * sizeof(*model->order));
    model->positions = memory_new((model->count + 1) * sizeof(*model->positions));
    for (size_t i = 0; i < model->count; i++)
        sorted[i] = &model->objects[i];
    qsort(sorted, model->count, sizeof(void *), sort_by_age);
    for (size_t i = 0; i < model->count; i++)
        visit(&walk, (size_t)(sorted[i] - model->objects));
    free(sorted);
    free(walk.states);
}
