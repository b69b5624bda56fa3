/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/difference.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "schema/difference_internal.h"

void
difference_done(struct difference *difference)
{
    for (size_t i = 0; i < difference->statements; i++)
        free(difference->list[i].sql);
    free(difference->list);
    text_done(&difference->sql);
    text_done(&difference->losses);
}

const struct model_object *
difference_new_of(const struct comparison *comparison, const struct model_object *old)
{
    return model_find(comparison->new, old->kind, old->name);
}

const struct model_object *
difference_old_of(const struct comparison *comparison, const struct model_object *new)
{
    return model_find(comparison->old, new->kind, new->name);
}

void
difference_write(
    struct text *text, const char *verb, const struct model_object *object, const char *sql)
{
    text_printf(text, "%s-- %s \"%s\" %s", text->size_bytes > 0 ? "\n" : "", verb, object->shown,
        model_kind_name(object->kind));
    if (*object->table != '\0')
        text_printf(text, " of %s", object->table);
    text_printf(text, "\n%s;\n", sql);
}

void
difference_add(struct comparison *comparison,
    const char *verb,
    const struct model_object *object,
    const char *sql)
{
    struct difference *difference = comparison->difference;

    difference_write(&difference->sql, verb, object, sql);
    *ARRAY_ADD(difference->list, difference->statements, difference->capacity) =
        (struct difference_statement){.verb = verb, .object = object, .sql = memory_string(sql)};
}

void
difference_lose(struct comparison *comparison, const char *what, const struct model_object *object)
{
    struct text *text = &comparison->difference->losses;

    text_printf(text, "%s%s %s %s", text->size_bytes > 0 ? ", " : "", what,
        model_kind_name(object->kind), object->name);
}

/* Does the column that owns this sequence go, and the sequence with it? */
static bool
goes_with_its_owner(const struct comparison *comparison, const struct model_object *old)
{
    const struct model *model = comparison->old;
    const struct model_object *sequence = model_find(model, MODEL_SEQUENCE, old->name);
    const struct model_object *ownership = model_find(model, MODEL_OWNERSHIP, old->name);

    if ((old->kind != MODEL_SEQUENCE && old->kind != MODEL_OWNERSHIP) || ownership == NULL ||
        difference_fate(comparison, sequence) != FATE_DROPPED)
        return false;
    for (size_t i = 0; i < ownership->needs_count; i++) {
        const struct model_object *owner = &model->objects[ownership->needs[i].index];
        if (owner != sequence && difference_is_gone(comparison, owner))
            return true;
    }
    return false;
}

static bool
is_link(const struct model_object *object)
{
    return object->kind == MODEL_PARTITION || object->kind == MODEL_INHERITANCE;
}

/* Of a reference, say: the other table goes too, and may be the first. */
static bool
is_bound_elsewhere(const struct comparison *comparison, const struct model_object *old)
{
    for (size_t i = 0; i < old->needs_count; i++) {
        const struct model_object *needed = &comparison->old->objects[old->needs[i].index];
        if (difference_is_gone_early(comparison, needed) && needed != old->whole &&
            needed->whole != old->whole && needed != old->whole->whole)
            return old->kind != MODEL_COLUMN && !is_link(old);
    }
    return false;
}

/* The server drops no partition of a table that a reference leads to. */
static bool
must_be_detached(const struct comparison *comparison, const struct model_object *link)
{
    const struct model *old = comparison->old;
    const struct model_object *parent = model_find(old, MODEL_TABLE, link->table);

    if (link->kind != MODEL_PARTITION || difference_is_gone(comparison, parent))
        return false;
    for (size_t i = 0; i < old->count; i++) {
        const struct model_object *object = &old->objects[i];
        bool is_reference = object->kind == MODEL_CONSTRAINT && *object->type == 'f';
        for (size_t k = 0; is_reference && k < object->needs_count; k++) {
            const struct model_object *needed = &old->objects[object->needs[k].index];
            if (needed->kind == MODEL_CONSTRAINT && needed->whole == parent)
                return true;
        }
    }
    return false;
}

/* Does it go with something else that goes? */
static bool
goes_along(const struct comparison *comparison, const struct model_object *old)
{
    if (old->kind != MODEL_OWNERSHIP && old->whole != NULL &&
        difference_is_gone(comparison, old->whole))
        return !is_bound_elsewhere(comparison, old) && !must_be_detached(comparison, old);
    return (old->inheritance == INHERITANCE_ONLY && difference_is_led(comparison, old)) ||
           goes_with_its_owner(comparison, old);
}

static void
drop(struct comparison *comparison, const struct model_object *old)
{
    bool is_column = old->kind == MODEL_COLUMN && *old->shape == '\0';

    if (goes_along(comparison, old))
        return;
    if (old->kind == MODEL_TABLE || is_column)
        difference_lose(comparison, "drop", old);
    difference_add(comparison, "drop", old, old->drop);
}

/* Tables that stay are taken from their parents first, so that each is changed alone. */
static void
detach_all(struct comparison *comparison)
{
    const struct model *old = comparison->old;

    for (size_t i = 0; i < old->count; i++) {
        if (is_link(&old->objects[i]) && difference_is_gone(comparison, &old->objects[i]))
            drop(comparison, &old->objects[i]);
    }
}

static void
drop_all(struct comparison *comparison, bool is_late)
{
    const struct model *old = comparison->old;

    for (size_t i = old->count; i-- > 0;) {
        size_t index = old->order[i];
        const struct model_object *object = &old->objects[index];
        if (comparison->is_late[index] != is_late || is_link(object))
            continue;
        if (difference_is_gone(comparison, object))
            drop(comparison, object);
        else if (comparison->is_converted[index] && !difference_is_led(comparison, object))
            difference_convert_column(comparison, object);
    }
}

/* Does it come with what is done to its table, or to that table's parent? */
static bool
comes_along(const struct comparison *comparison, const struct model_object *new)
{
    bool is_table_new = new->whole != NULL &&difference_is_new(comparison, new->whole);

    if (is_link(new))
        return is_table_new;
    if (new->kind != MODEL_CONSTRAINT &&new->kind != MODEL_INDEX)
        return false;
    if (new->follows == NULL)
        return false;
    /* To be attached, a table must have the parent's checks; the rest it is given. */
    return is_table_new || difference_will_be_led(comparison, new) || *new->type != 'c';
}

static void
create(struct comparison *comparison, const struct model_object *new)
{
    if (comes_along(comparison, new))
        return;
    if (new->kind == MODEL_TABLE)
        difference_create_table(comparison, new);
    else if (new->kind == MODEL_DEFAULT)
        difference_create_default(comparison, new);
    else if (new->kind == MODEL_SETTING || new->kind == MODEL_COMMENT || new->kind == MODEL_OWNER)
        difference_add(comparison, "set", new, new->create);
    else if (new->kind != MODEL_COLUMN)
        difference_add(comparison, "create", new, new->create);
    else if (!difference_is_new(comparison, new->whole)) /* else its table's statement has it */
        difference_add_column(comparison, new);
}

/* It follows its owning column's table, where it has one. */
static void
alter_sequence(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new)
{
    if (strcmp(old->extra, new->extra) != 0)
        difference_add(comparison, "alter", new, new->extra);
    if (strcmp(old->type, new->type) == 0)
        return;
    AUTO_STRING char *sql = memory_printf(
        "ALTER SEQUENCE %s SET %s", new->name, *new->type == 'u' ? "UNLOGGED" : "LOGGED");
    difference_add(comparison, "alter", new, sql);
}

static void
alter(struct comparison *comparison, const struct model_object *old, const struct model_object *new)
{
    if (new->kind == MODEL_COLUMN)
        difference_alter_column(comparison, old, new);
    else if (new->kind == MODEL_SEQUENCE)
        alter_sequence(comparison, old, new);
    else if (new->kind == MODEL_TABLE)
        difference_alter_table(comparison, new);
    else if (new->kind == MODEL_ENUM)
        difference_alter_enum(comparison, old, new);
    else if (new->kind == MODEL_DOMAIN)
        difference_alter_domain(comparison, old, new);
    else if (new->kind == MODEL_COMPOSITE)
        difference_alter_composite(comparison, old, new);
    else if (new->kind == MODEL_EXTENSION)
        difference_add(comparison, "alter", new, new->extra);
    else
        difference_add(comparison, new->kind == MODEL_FUNCTION ? "alter" : "set", new, new->create);
}

static void
create_all(struct comparison *comparison)
{
    const struct model *model = comparison->new;

    for (size_t i = 0; i < model->count; i++) {
        const struct model_object *new = &model->objects[model->order[i]];
        const struct model_object *old = difference_old_of(comparison, new);
        if (difference_is_new(comparison, new))
            create(comparison, new);
        else if (difference_fate(comparison, old) == FATE_ALTERED || new->kind == MODEL_COLUMN)
            alter(comparison, old, new);
    }
}

void
difference_find(const struct model *old, const struct model *new, struct difference *difference)
{
    struct comparison comparison = {.old = old, .new = new, .difference = difference};

    comparison.fates = memory_new((old->count + 1) * sizeof(*comparison.fates));
    comparison.is_late = memory_new((old->count + 1) * sizeof(*comparison.is_late));
    comparison.is_converted = memory_new((old->count + 1) * sizeof(*comparison.is_converted));
    difference_decide(&comparison);
    detach_all(&comparison);
    drop_all(&comparison, false);
    create_all(&comparison);
    drop_all(&comparison, true);
    free(comparison.fates);
    free(comparison.is_late);
    free(comparison.is_converted);
}

/* An index or a constraint that a table has from its parent is the parent's. */
static bool
is_compared(const struct model_object *object)
{
    return object->follows == NULL || object->kind == MODEL_COLUMN;
}

static void
name_missing(const struct model *a, const struct model *b, bool is_first, struct text *names)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct model_object *object = &a->objects[i];
        const struct model_object *other = model_find(b, object->kind, object->name);
        if (!is_compared(object))
            continue;
        if (other != NULL && (!is_first || model_same(object, other)))
            continue;
        if (names->size_bytes > 1000)
            return;
        text_printf(names, "%s%s %s", names->size_bytes > 0 ? ", " : "",
            model_kind_name(object->kind), object->name);
    }
}

void
difference_name(const struct model *a, const struct model *b, struct text *names)
{
    name_missing(a, b, true, names);
    name_missing(b, a, false, names);
}
