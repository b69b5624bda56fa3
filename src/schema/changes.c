/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Objects of one outline that the other one does not know by their oid. */
struct lonely {
    const struct outline_object **objects;
    size_t count;
};

struct comparison {
    const struct outline *before;
    const struct outline *after;
    struct lonely gone;
    struct lonely fresh;
    struct changes *changes;
};

void
changes_done(struct changes *changes)
{
    free(changes->changes);
    *changes = (struct changes){0};
}

static const char *
definition_of(const struct outline_object *object)
{
    return object->definition != NULL ? object->definition : "";
}

static void
add_change(struct comparison *comparison,
    enum change_sort sort,
    const struct outline_object *old,
    const struct outline_object *new)
{
    const struct outline *outline = new != NULL ? comparison->after : comparison->before;
    const struct outline_object *object = new != NULL ? new : old;
    const struct outline_object *top =
        object->parent != 0 ? outline_find_relation(outline, object->parent) : object;
    struct changes *changes = comparison->changes;

    if (top == NULL || object->is_inherited)
        return;
    struct change *change = ARRAY_ADD(changes->changes, changes->count, changes->capacity);
    *change = (struct change){
        .sort = sort,
        .kind = object->kind,
        .top_kind = top->kind,
        .top = top->name,
        .name = object->name,
        .order = (size_t)(object - outline->objects),
    };
    if (sort == CHANGE_RENAMED)
        change->old_name = old->name;
    if (sort == CHANGE_ALTERED) {
        change->old_definition = definition_of(old);
        change->new_definition = definition_of(new);
    }
}

/* The same object, then and now. */
static void
compare_pair(struct comparison *comparison,
    const struct outline_object *old,
    const struct outline_object *new)
{
    bool is_passed_on = old->is_inherited || new->is_inherited;

    if (strcmp(old->name, new->name) != 0)
        add_change(comparison, CHANGE_RENAMED, old, new);
    if (!is_passed_on && strcmp(definition_of(old), definition_of(new)) != 0)
        add_change(comparison, CHANGE_ALTERED, old, new);
}

/* Both are in order of the key. */
static void
match_by_oid(struct comparison *comparison)
{
    const struct outline *before = comparison->before;
    const struct outline *after = comparison->after;
    size_t i = 0;
    size_t j = 0;

    while (i < before->count || j < after->count) {
        int order = 0;
        if (i == before->count || j == after->count)
            order = j == after->count ? -1 : 1;
        else
            order = outline_compare(&before->objects[i], &after->objects[j]);
        if (order == 0)
            compare_pair(comparison, &before->objects[i++], &after->objects[j++]);
        else if (order < 0)
            comparison->gone.objects[comparison->gone.count++] = &before->objects[i++];
        else
            comparison->fresh.objects[comparison->fresh.count++] = &after->objects[j++];
    }
}

static int
compare_names(const struct outline_object *a, const struct outline_object *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->parent != b->parent)
        return a->parent < b->parent ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int
sort_by_name(const void *left, const void *right)
{
    return compare_names(
        *(const struct outline_object *const *)left, *(const struct outline_object *const *)right);
}

/* Is it a part of a table that itself came or went? */
static bool
goes_with_its_table(const struct outline_object *object, const struct outline *other)
{
    return object->parent != 0 && outline_find_relation(other, object->parent) == NULL;
}

/* Dropped and created again by the same name. */
static void
compare_namesakes(struct comparison *comparison,
    const struct outline_object *old,
    const struct outline_object *new)
{
    bool holds_data =
        old->kind == OUTLINE_TABLE || old->kind == OUTLINE_SEQUENCE || old->kind == OUTLINE_COLUMN;

    if (holds_data)
        add_change(comparison, CHANGE_RECREATED, old, new);
    else if (strcmp(definition_of(old), definition_of(new)) != 0)
        add_change(comparison, CHANGE_ALTERED, old, new);
}

static void
match_by_name(struct comparison *comparison)
{
    const struct lonely *gone = &comparison->gone;
    const struct lonely *fresh = &comparison->fresh;
    size_t i = 0;
    size_t j = 0;

    qsort(gone->objects, gone->count, sizeof(void *), sort_by_name);
    qsort(fresh->objects, fresh->count, sizeof(void *), sort_by_name);
    while (i < gone->count || j < fresh->count) {
        int order = 0;
        if (i == gone->count || j == fresh->count)
            order = j == fresh->count ? -1 : 1;
        else
            order = compare_names(gone->objects[i], fresh->objects[j]);
        const struct outline_object *old = order <= 0 ? gone->objects[i++] : NULL;
        const struct outline_object *new = order >= 0 ? fresh->objects[j++] : NULL;
        if (old != NULL && new != NULL)
            compare_namesakes(comparison, old, new);
        else if (old != NULL && !goes_with_its_table(old, comparison->after))
            add_change(comparison, CHANGE_DROPPED, old, NULL);
        else if (new != NULL && !goes_with_its_table(new, comparison->before))
            add_change(comparison, CHANGE_ADDED, NULL, new);
    }
}

/* By kind and name of what it is listed under; that one itself before its parts. */
static int
compare_told(const void *left, const void *right)
{
    const struct change *a = left;
    const struct change *b = right;

    if (a->top_kind != b->top_kind)
        return a->top_kind < b->top_kind ? -1 : 1;
    int order = strcmp(a->top, b->top);
    if (order != 0)
        return order;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

void
changes_find(const struct outline *before, const struct outline *after, struct changes *changes)
{
    struct comparison comparison = {.before = before, .after = after, .changes = changes};

    comparison.gone.objects = memory_new((before->count + 1) * sizeof(void *));
    comparison.fresh.objects = memory_new((after->count + 1) * sizeof(void *));
    match_by_oid(&comparison);
    match_by_name(&comparison);
    free(comparison.gone.objects);
    free(comparison.fresh.objects);
    if (changes->count > 0)
        qsort(changes->changes, changes->count, sizeof(*changes->changes), compare_told);
}
