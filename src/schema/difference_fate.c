/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of each object that there is. */
#include <string.h>

#include "base/memory.h"
#include "schema/difference_internal.h"

enum fate
difference_fate(const struct comparison *comparison, const struct model_object *old)
{
    return comparison->fates[old - comparison->old->objects];
}

bool
difference_is_gone(const struct comparison *comparison, const struct model_object *old)
{
    return difference_fate(comparison, old) >= FATE_RECREATED;
}

bool
difference_is_converted(const struct comparison *comparison, const struct model_object *old)
{
    return comparison->is_converted[old - comparison->old->objects];
}

bool
difference_is_new(const struct comparison *comparison, const struct model_object *new)
{
    const struct model_object *old = difference_old_of(comparison, new);

    return old == NULL || difference_is_gone(comparison, old);
}

bool
difference_is_led(const struct comparison *comparison, const struct model_object *old)
{
    return old->follows != NULL && difference_fate(comparison, old->follows) == FATE_KEPT;
}

bool
difference_will_be_led(const struct comparison *comparison, const struct model_object *new)
{
    const struct model_object *link =
        new->follows != NULL ? difference_old_of(comparison, new->follows) : NULL;

    return link != NULL && difference_fate(comparison, link) == FATE_KEPT;
}

bool
difference_is_gone_early(const struct comparison *comparison, const struct model_object *old)
{
    return difference_is_gone(comparison, old) &&
           !comparison->is_late[old - comparison->old->objects];
}

static bool
is_retyped(const struct comparison *comparison, const struct model_object *old)
{
    if (old->kind != MODEL_COLUMN || difference_fate(comparison, old) != FATE_ALTERED)
        return false;
    const struct model_object *new = difference_new_of(comparison, old);
    return difference_is_converted(comparison, old) || strcmp(old->type, new->type) != 0;
}

static bool
is_alterable(const struct comparison *comparison,
    const struct model_object *old,
    const struct model_object *new)
{
    static const bool ALTERABLE[MODEL_KINDS] = {
        [MODEL_EXTENSION] = true,
        [MODEL_DOMAIN] = true,
        [MODEL_SEQUENCE] = true,
        [MODEL_TABLE] = true,
        [MODEL_COLUMN] = true,
        [MODEL_FUNCTION] = true,
        [MODEL_DEFAULT] = true,
        [MODEL_SETTING] = true,
        [MODEL_COMMENT] = true,
        [MODEL_OWNER] = true,
    };

    if (old->kind == MODEL_ENUM)
        return difference_only_adds_values(comparison, old, new);
    if (old->kind == MODEL_COMPOSITE)
        return difference_can_alter_attributes(comparison, old, new);
    return ALTERABLE[old->kind] && strcmp(old->shape, new->shape) == 0;
}

static enum fate
judge(const struct comparison *comparison, const struct model_object *old)
{
    const struct model_object *new = difference_new_of(comparison, old);

    if (new == NULL)
        return FATE_DROPPED;
    if (difference_is_led(comparison, old)) {
        if (old->kind != MODEL_COLUMN && new->follows != NULL)
            return FATE_KEPT;
        if (new->follows == NULL && old->inheritance == INHERITANCE_ONLY)
            return FATE_RECREATED;
    }
    if (model_same(old, new))
        return FATE_KEPT;
    return is_alterable(comparison, old, new) ? FATE_ALTERED : FATE_RECREATED;
}

/* What a column that changes its type cannot do under it. */
static bool
minds_retyping(const struct comparison *comparison,
    const struct model_object *object,
    const struct model_object *column)
{
    static const bool MINDING[MODEL_KINDS] = {
        [MODEL_TABLE] = true, /* its key */
        [MODEL_COLUMN] = true,
        [MODEL_FUNCTION] = true,
        [MODEL_AGGREGATE] = true,
        [MODEL_DEFAULT] = true,
        [MODEL_STATISTICS] = true,
        [MODEL_VIEW] = true,
        [MODEL_MATERIALIZED_VIEW] = true,
        [MODEL_TRIGGER] = true,
        [MODEL_RULE] = true,
        [MODEL_POLICY] = true,
        [MODEL_SETTING] = true,
    };

    if (object->kind == MODEL_CONSTRAINT && *object->type == 'f')
        return true;
    if (object->kind == MODEL_CONSTRAINT || object->kind == MODEL_INDEX)
        return difference_is_converted(comparison, column);
    return MINDING[object->kind];
}

/* A reference must not lead from a logged table to one that is not. */
static bool
minds_logging(const struct comparison *comparison,
    const struct model_object *object,
    const struct model_object *column)
{
    return object->kind == MODEL_CONSTRAINT && *object->type == 'f' &&
           column->kind == MODEL_COLUMN &&
           difference_fate(comparison, column->whole) == FATE_ALTERED;
}

static bool
minds_attributes(const struct comparison *comparison,
    const struct model_object *object,
    const struct model_object *type)
{
    bool is_on_it = type->kind == MODEL_COMPOSITE &&
                    difference_fate(comparison, type) == FATE_ALTERED &&
                    difference_loses_attributes(type, difference_new_of(comparison, type));

    return is_on_it && object->kind > MODEL_COLUMN && object->kind < MODEL_SETTING;
}

/* What becomes of an object because of one that it needs. */
static enum fate
take_along(struct comparison *comparison,
    const struct model_object *object,
    const struct model_object *needed)
{
    bool is_plain_column = object->kind == MODEL_COLUMN && *object->shape == '\0';
    enum fate needed_fate = difference_fate(comparison, needed);

    if (is_retyped(comparison, needed) && minds_retyping(comparison, object, needed))
        return FATE_RECREATED;
    if (minds_logging(comparison, object, needed) || minds_attributes(comparison, object, needed))
        return FATE_RECREATED;
    if (needed_fate < FATE_RECREATED)
        return FATE_KEPT;
    if (is_plain_column && needed != object->whole) {
        comparison->is_converted[object - comparison->old->objects] = true;
        return FATE_ALTERED;
    }
    if (difference_is_gone_early(comparison, needed))
        return FATE_RECREATED;
    /* It is bound to what goes: its statement binds it to what is of that name then. */
    bool is_bound_anew = object->kind == MODEL_DEFAULT || object->kind == MODEL_FUNCTION;
    return is_bound_anew ? FATE_ALTERED : FATE_RECREATED;
}

static enum fate
find_fate(struct comparison *comparison, const struct model_object *old)
{
    enum fate fate = judge(comparison, old);

    for (size_t i = 0; i < old->needs_count && fate != FATE_DROPPED; i++) {
        const struct model_object *needed = &comparison->old->objects[old->needs[i].index];
        bool is_settled = fate == FATE_ALTERED && !difference_is_gone_early(comparison, needed) &&
                          difference_is_gone(comparison, needed);
        if (old->needs[i].kind != NEED_HARD || is_settled)
            continue;
        enum fate taken = take_along(comparison, old, needed);
        if (taken > fate)
            fate = taken;
    }
    return fate;
}

/* Is there to be something else of that name before this is gone? */
static bool
is_in_the_way(const struct comparison *comparison, const struct model_object *old)
{
    static const enum model_kind NAMED[] = {MODEL_ENUM, MODEL_DOMAIN, MODEL_COMPOSITE, MODEL_RANGE,
        MODEL_SEQUENCE, MODEL_TABLE, MODEL_INDEX, MODEL_VIEW, MODEL_MATERIALIZED_VIEW,
        MODEL_FUNCTION, MODEL_AGGREGATE};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMED); i++) {
        if (model_find(comparison->new, NAMED[i], old->name) != NULL)
            return true;
    }
    return false;
}

/* Those that nothing needs in the end, but that something may need until then. */
static bool
can_be_late(const struct comparison *comparison, const struct model_object *old)
{
    bool is_used_by_others =
        old->kind <= MODEL_SEQUENCE || old->kind == MODEL_FUNCTION || old->kind == MODEL_AGGREGATE;

    if (!is_used_by_others || difference_fate(comparison, old) != FATE_DROPPED ||
        is_in_the_way(comparison, old))
        return false;
    for (size_t i = 0; i < old->needs_count; i++) {
        const struct model_object *needed = &comparison->old->objects[old->needs[i].index];
        if (difference_is_gone_early(comparison, needed) || is_retyped(comparison, needed))
            return false;
    }
    return true;
}

/* One round, in the order of creation; true when something has changed. */
static bool
decide_once(struct comparison *comparison, bool is_first)
{
    const struct model *old = comparison->old;
    bool is_changed = false;

    for (size_t i = 0; i < old->count; i++) {
        size_t index = old->order[i];
        const struct model_object *object = &old->objects[index];
        enum fate fate = find_fate(comparison, object);
        if (fate > comparison->fates[index]) {
            comparison->fates[index] = fate;
            is_changed = true;
        }
        bool is_late = (is_first || comparison->is_late[index]) && can_be_late(comparison, object);
        if (is_late != comparison->is_late[index]) {
            comparison->is_late[index] = is_late;
            is_changed = true;
        }
    }
    return is_changed;
}

void
difference_decide(struct comparison *comparison)
{
    const struct model *old = comparison->old;
    bool is_first = true;

    /* What is inherited through them is judged by that. */
    for (size_t i = 0; i < old->count; i++) {
        if (old->objects[i].kind == MODEL_PARTITION || old->objects[i].kind == MODEL_INHERITANCE)
            comparison->fates[i] = judge(comparison, &old->objects[i]);
    }
    while (decide_once(comparison, is_first))
        is_first = false;
}
