/* SPDX-License-Identifier: Apache-2.0 */
#include "schema/difference.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum fate { FATE_KEPT, FATE_ALTERED, FATE_RECREATED, FATE_DROPPED };

struct comparison {
    const struct model *old;
    const struct model *new;
    enum fate *fates; /* of the old objects */
    bool *is_late;    /* of those: dropped at the end, when nothing uses them any more */
    struct difference *difference;
};

void
difference_done(struct difference *difference)
{
    for (size_t i = 0; i < difference->statements; i++)
        free(difference->list[i].sql);
    free(difference->list);
    text_done(&difference->sql);
    text_done(&difference->losses);
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

static void
add_statement(struct comparison *comparison,
    const char *verb,
    const struct model_object *object,
    const char *sql)
{
    struct difference *difference = comparison->difference;

    difference_write(&difference->sql, verb, object, sql);
    *ARRAY_ADD(difference->list, difference->statements, difference->capacity) =
        (struct difference_statement){.verb = verb, .object = object, .sql = memory_string(sql)};
}

static void
add_loss(struct comparison *comparison, const char *what, const struct model_object *object)
{
    struct text *text = &comparison->difference->losses;

    text_printf(text, "%s%s %s %s", text->size_bytes > 0 ? ", " : "", what,
        model_kind_name(object->kind), object->name);
}

static enum fate
fate_of(const struct comparison *comparison, const struct model_object *old)
{
    return comparison->fates[old - comparison->old->objects];
}

static bool
is_gone(enum fate fate)
{
    return fate == FATE_DROPPED || fate == FATE_RECREATED;
}

static bool
is_retyped(const struct comparison *comparison, const struct model_object *old)
{
    if (old->kind != MODEL_COLUMN || fate_of(comparison, old) != FATE_ALTERED)
        return false;
    const struct model_object *new = model_find(comparison->new, MODEL_COLUMN, old->name);
    return strcmp(old->type, new->type) != 0;
}

static enum fate
judge(const struct model_object *old, const struct model_object *new)
{
    if (new == NULL)
        return FATE_DROPPED;
    if (model_same(old, new))
        return FATE_KEPT;
    bool is_alterable =
        old->kind == MODEL_COLUMN || old->kind == MODEL_SEQUENCE || old->kind == MODEL_FUNCTION;
    return is_alterable && strcmp(old->shape, new->shape) == 0 ? FATE_ALTERED : FATE_RECREATED;
}

/* What depends on a thing that is made anew is made anew. */
static bool
is_taken_along(const struct comparison *comparison,
    const struct model_object *object,
    const struct model_object *needed)
{
    if (fate_of(comparison, needed) == FATE_RECREATED)
        return true;
    return is_retyped(comparison, needed) &&
           (object->kind == MODEL_VIEW || object->kind == MODEL_MATERIALIZED_VIEW ||
               object->kind == MODEL_FUNCTION || object->kind == MODEL_TRIGGER);
}

static bool
decide_fate(struct comparison *comparison, const struct model_object *old, struct error *err)
{
    const struct model_object *new = model_find(comparison->new, old->kind, old->name);
    enum fate *fate = &comparison->fates[old - comparison->old->objects];

    *fate = judge(old, new);
    /* What a table needs, one of its columns does. */
    size_t count = old->kind == MODEL_TABLE ? 0 : old->needs_count;
    for (size_t i = 0; i < count && !is_gone(*fate); i++) {
        const struct model_object *needed = &comparison->old->objects[old->needs[i]];
        if (!is_taken_along(comparison, old, needed))
            continue;
        if (old->kind == MODEL_COLUMN)
            return error_set(err, ERROR_PLAN, "%s %s cannot be changed: %s %s depends on it",
                model_kind_name(needed->kind), needed->name, model_kind_name(old->kind), old->name);
        *fate = FATE_RECREATED;
    }
    if (*fate == FATE_RECREATED && old->kind == MODEL_TABLE)
        return error_set(err, ERROR_PLAN, "table %s cannot be changed in place", old->name);
    return true;
}

/* Those that nothing needs in the end, but that something may need until then. */
static bool
can_be_late(const struct comparison *comparison, const struct model_object *old)
{
    bool is_used_by_others = old->kind <= MODEL_SEQUENCE || old->kind == MODEL_FUNCTION;

    if (!is_used_by_others || fate_of(comparison, old) != FATE_DROPPED)
        return false;
    for (size_t i = 0; i < old->needs_count; i++) {
        size_t needed = old->needs[i];
        if (is_gone(comparison->fates[needed]) && !comparison->is_late[needed])
            return false;
    }
    return true;
}

static bool
decide(struct comparison *comparison, struct error *err)
{
    const struct model *old = comparison->old;

    for (size_t i = 0; i < old->count; i++) {
        const struct model_object *object = &old->objects[old->order[i]];
        if (!decide_fate(comparison, object, err))
            return false;
        comparison->is_late[old->order[i]] = can_be_late(comparison, object);
    }
    return true;
}

/* What a part belongs to. */
static const struct model_object *
find_whole(const struct model *model, const struct model_object *part)
{
    static const enum model_kind WHOLES[] = {MODEL_TABLE, MODEL_MATERIALIZED_VIEW, MODEL_VIEW};
    const struct model_object *found = NULL;

    for (size_t i = 0; *part->table != '\0' && found == NULL && i < ARRAY_LENGTH(WHOLES); i++)
        found = model_find(model, WHOLES[i], part->table);
    return found;
}

/* Does the column that owns this sequence go, and the sequence with it? */
static bool
goes_with_its_owner(const struct comparison *comparison, const struct model_object *old)
{
    const struct model *model = comparison->old;
    const struct model_object *sequence = model_find(model, MODEL_SEQUENCE, old->name);
    const struct model_object *ownership = model_find(model, MODEL_OWNERSHIP, old->name);

    if ((old->kind != MODEL_SEQUENCE && old->kind != MODEL_OWNERSHIP) || ownership == NULL ||
        fate_of(comparison, sequence) != FATE_DROPPED)
        return false;
    for (size_t i = 0; i < ownership->needs_count; i++) {
        const struct model_object *owner = &model->objects[ownership->needs[i]];
        if (owner != sequence && is_gone(fate_of(comparison, owner)))
            return true;
    }
    return false;
}

static void
drop(struct comparison *comparison, const struct model_object *old)
{
    const struct model_object *whole = find_whole(comparison->old, old);

    if (old->kind == MODEL_TABLE || old->kind == MODEL_COLUMN) {
        if (whole == NULL || !is_gone(fate_of(comparison, whole)))
            add_loss(comparison, "drop", old);
    }
    if (goes_with_its_owner(comparison, old))
        return;
    if (whole == NULL || !is_gone(fate_of(comparison, whole)))
        add_statement(comparison, "drop", old, old->drop);
}

static void
drop_all(struct comparison *comparison, bool is_late)
{
    const struct model *old = comparison->old;

    for (size_t i = old->count; i-- > 0;) {
        size_t index = old->order[i];
        if (is_gone(comparison->fates[index]) && comparison->is_late[index] == is_late)
            drop(comparison, &old->objects[index]);
    }
}

static int
sort_by_number(const void *left, const void *right)
{
    const struct model_object *a = *(const struct model_object *const *)left;
    const struct model_object *b = *(const struct model_object *const *)right;

    return (a->number > b->number) - (a->number < b->number);
}

/* CREATE TABLE with its columns, in their order. */
static void
create_table(struct comparison *comparison, const struct model_object *table)
{
    const struct model *model = comparison->new;
    const struct model_object **columns = memory_new((model->count + 1) * sizeof(void *));
    AUTO_TEXT sql = TEXT_INIT;
    size_t count = 0;

    for (size_t i = 0; i < model->count; i++) {
        if (model->objects[i].kind == MODEL_COLUMN &&
            strcmp(model->objects[i].table, table->name) == 0)
            columns[count++] = &model->objects[i];
    }
    qsort(columns, count, sizeof(void *), sort_by_number);
    text_printf(&sql, "%s (", table->create);
    for (size_t i = 0; i < count; i++)
        text_printf(&sql, "%s\n    %s", i > 0 ? "," : "", columns[i]->create);
    text_printf(&sql, "%s)", count > 0 ? "\n" : "");
    add_statement(comparison, "create", table, text_string(&sql));
    free(columns);
}

static void
set_not_null(struct comparison *comparison, const struct model_object *column)
{
    AUTO_STRING char *sql = memory_printf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL",
        column->table, column->name + strlen(column->table) + 1);

    add_statement(comparison, DIFFERENCE_SET_NOT_NULL, column, sql);
}

/* Into a table that is there. With a default it is filled at once, and may be NOT NULL. */
static void
add_column(struct comparison *comparison, const struct model_object *column)
{
    bool is_apart = comparison->difference->is_split && column->is_not_null &&
                    *column->default_value == '\0' && strstr(column->create, " GENERATED ") == NULL;
    size_t size = strlen(column->create) - (is_apart ? strlen(" NOT NULL") : 0);
    AUTO_STRING char *sql =
        memory_printf("ALTER TABLE %s ADD COLUMN %.*s", column->table, (int)size, column->create);

    add_statement(comparison, "add", column, sql);
    if (is_apart)
        set_not_null(comparison, column);
}

static void
create(struct comparison *comparison, const struct model_object *new)
{
    const struct model_object *table =
        new->kind == MODEL_COLUMN ? model_find(comparison->old, MODEL_TABLE, new->table) : NULL;

    if (new->kind == MODEL_TABLE) {
        create_table(comparison, new);
    } else if (new->kind != MODEL_COLUMN) {
        add_statement(comparison, "create", new, new->create);
    } else if (table != NULL) { /* else it is in its table's statement */
        add_column(comparison, new);
    }
}

static bool
is_same_base(const char *a, const char *b)
{
    size_t size = strcspn(a, "(");

    return size == strcspn(b, "(") && strncmp(a, b, size) == 0;
}

/* Types of which the second holds every value of the first. */
static bool
is_wider(const char *old, const char *new)
{
    static const char *const WIDER[][2] = {{"smallint", "integer"}, {"smallint", "bigint"},
        {"integer", "bigint"}, {"smallint", "numeric"}, {"integer", "numeric"},
        {"bigint", "numeric"}, {"real", "double precision"}, {"character varying", "text"}};
    size_t size = strcspn(old, "(");

    for (size_t i = 0; i < ARRAY_LENGTH(WIDER); i++) {
        if (strlen(WIDER[i][0]) == size && strncmp(old, WIDER[i][0], size) == 0 &&
            strcmp(new, WIDER[i][1]) == 0)
            return true;
    }
    if (!is_same_base(old, new) || strncmp(old, "character varying", size) != 0)
        return false;
    return strchr(new, '(') == NULL ||
           (strchr(old, '(') != NULL &&
               strtol(strchr(new, '(') + 1, NULL, 10) >= strtol(strchr(old, '(') + 1, NULL, 10));
}

static void
alter_column(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new)
{
    bool is_retype = strcmp(old->type, new->type) != 0;
    bool is_other_default = strcmp(old->default_value, new->default_value) != 0;
    const char *name = new->create; /* it begins with the quoted name */
    size_t size = strlen(new->name) - strlen(new->table) - 1;
    AUTO_TEXT sql = TEXT_INIT;
    AUTO_STRING char *column = memory_copy(name, size);

    text_printf(&sql, "ALTER TABLE %s", new->table);
    if (*old->default_value != '\0' && (is_retype || *new->default_value == '\0'))
        text_printf(&sql, "\n    ALTER COLUMN %s DROP DEFAULT,", column);
    if (is_retype) {
        text_printf(&sql, "\n    ALTER COLUMN %s TYPE %s", column, new->type);
        if (!is_same_base(old->type, new->type) && !is_wider(old->type, new->type))
            text_printf(&sql, " USING %s::%s", column, new->type);
        text_puts(&sql, ",");
        if (!is_wider(old->type, new->type))
            add_loss(comparison, "change the type of", old);
    }
    if (*new->default_value != '\0' && (is_retype || is_other_default))
        text_printf(&sql, "\n    ALTER COLUMN %s SET DEFAULT %s,", column, new->default_value);
    bool is_set_apart = comparison->difference->is_split && new->is_not_null;
    if (old->is_not_null != new->is_not_null && !is_set_apart)
        text_printf(
            &sql, "\n    ALTER COLUMN %s %s NOT NULL,", column, new->is_not_null ? "SET" : "DROP");
    AUTO_STRING char *whole = memory_copy(text_string(&sql), sql.size_bytes - 1);
    if (text_string(&sql)[sql.size_bytes - 1] == ',')
        add_statement(comparison, "alter", new, whole);
    if (old->is_not_null != new->is_not_null && is_set_apart)
        set_not_null(comparison, new);
}

/* ALTER SEQUENCE takes what CREATE SEQUENCE does. */
static void
alter_sequence(struct comparison *comparison, const struct model_object *new)
{
    AUTO_STRING char *sql = memory_printf("ALTER%s", new->create + strlen("CREATE"));

    add_statement(comparison, "alter", new, sql);
}

static void
create_all(struct comparison *comparison)
{
    const struct model *model = comparison->new;

    for (size_t i = 0; i < model->count; i++) {
        const struct model_object *new = &model->objects[model->order[i]];
        const struct model_object *old = model_find(comparison->old, new->kind, new->name);
        if (old == NULL || fate_of(comparison, old) == FATE_RECREATED)
            create(comparison, new);
        else if (fate_of(comparison, old) != FATE_ALTERED)
            continue;
        else if (new->kind == MODEL_COLUMN)
            alter_column(comparison, old, new);
        else if (new->kind == MODEL_SEQUENCE)
            alter_sequence(comparison, new);
        else
            add_statement(comparison, "alter", new, new->create);
    }
}

bool
difference_find(const struct model *old,
    const struct model *new,
    struct difference *difference,
    struct error *err)
{
    struct comparison comparison = {.old = old, .new = new, .difference = difference};

    comparison.fates = memory_new((old->count + 1) * sizeof(*comparison.fates));
    comparison.is_late = memory_new((old->count + 1) * sizeof(*comparison.is_late));
    bool is_good = decide(&comparison, err);
    if (is_good) {
        drop_all(&comparison, false);
        create_all(&comparison);
        drop_all(&comparison, true);
    }
    free(comparison.fates);
    free(comparison.is_late);
    return is_good;
}

static void
name_missing(const struct model *a, const struct model *b, bool is_first, struct text *names)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct model_object *object = &a->objects[i];
        const struct model_object *other = model_find(b, object->kind, object->name);
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
