/* SPDX-License-Identifier: Apache-2.0 */
/* Columns and their defaults. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "schema/difference_internal.h"

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
    if (strcmp(old, new) == 0)
        return true;
    if (!is_same_base(old, new) || strncmp(old, "character varying", size) != 0)
        return false;
    return strchr(new, '(') == NULL ||
           (strchr(old, '(') != NULL &&
               strtol(strchr(new, '(') + 1, NULL, 10) >= strtol(strchr(old, '(') + 1, NULL, 10));
}

/* Without its collation, and without [] where it is of an array. */
static char *
bare_type(const char *type)
{
    const char *collation = strstr(type, " COLLATE ");
    size_t size = collation == NULL ? strlen(type) : (size_t)(collation - type);

    return memory_copy(type, size);
}

static bool
is_array(const char *type)
{
    size_t size = strlen(type);

    return size > 2 && strcmp(type + size - 2, "[]") == 0;
}

/* What a cast to or from it goes by: a domain's own type, an array's element. */
static char *
cast_type(const struct model *model, const char *type)
{
    const struct model_object *domain = NULL;
    AUTO_STRING char *found = bare_type(type);

    if (is_array(found))
        found[strlen(found) - 2] = '\0';
    while ((domain = model_find(model, MODEL_DOMAIN, found)) != NULL) {
        free(found);
        found = bare_type(domain->type);
    }
    return TAKE(found);
}

/* Text is cast to all, and all to text. */
static bool
is_string(const char *type)
{
    return strcmp(type, "text") == 0 || strncmp(type, "character", strlen("character")) == 0;
}

static bool
has_cast(const struct comparison *comparison, const char *old, const char *new)
{
    AUTO_STRING char *from = cast_type(comparison->old, old);
    AUTO_STRING char *to = cast_type(comparison->new, new);
    AUTO_STRING char *old_bare = bare_type(old);
    AUTO_STRING char *new_bare = bare_type(new);

    if (is_array(old_bare) != is_array(new_bare))
        return is_string(is_array(old_bare) ? to : from);
    return is_same_base(from, to) || is_string(from) || is_string(to) ||
           model_has_cast(comparison->old, from, to);
}

/* "c" of "a.c", as it is quoted. */
static char *
own_name(const struct model_object *column)
{
    return memory_copy(
        column->name + strlen(column->table) + 1, strlen(column->name) - strlen(column->table) - 1);
}

static void
put_type(struct comparison *comparison,
    const struct model_object *old,
    const struct model_object *new,
    const char *column,
    struct text *sql)
{
    bool is_converted = difference_is_converted(comparison, old);
    AUTO_STRING char *from = bare_type(old->type);
    AUTO_STRING char *to = bare_type(new->type);

    if (!is_converted && strcmp(old->type, new->type) == 0)
        return;
    if (is_converted && strcmp(new->type, "text") == 0)
        return;
    text_printf(sql, "\n    ALTER COLUMN %s TYPE %s", column, new->type);
    if (is_converted)
        text_printf(sql, " USING %s::%s", column, to);
    else if (!is_same_base(from, to) && !is_wider(from, to))
        text_printf(
            sql, " USING %s::%s%s", column, has_cast(comparison, from, to) ? "" : "text::", to);
    text_puts(sql, ",");
}

/* A value of a type that is made anew fits when that only adds to it. */
static void
lose_values(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new)
{
    AUTO_STRING char *from = bare_type(old->type);
    AUTO_STRING char *to = bare_type(new->type);
    const struct model_object *old_enum = model_find(comparison->old, MODEL_ENUM, from);
    const struct model_object *new_enum = model_find(comparison->new, MODEL_ENUM, to);

    if (difference_is_converted(comparison, old) && strcmp(from, to) == 0) {
        if (old_enum != NULL && new_enum != NULL && difference_has_all_values(old_enum, new_enum))
            return;
    } else if (is_wider(from, to)) {
        return;
    }
    difference_lose(comparison, "change the type of", old);
}

/* The first line is what stands in CREATE TABLE, the second what sets all of it. */
static void
put_identity(const struct model_object *old,
    const struct model_object *new,
    const char *column,
    struct text *sql)
{
    size_t old_size = strcspn(old->extra, "\n");
    size_t new_size = strcspn(new->extra, "\n");

    if (old_size == new_size && strncmp(old->extra, new->extra, old_size) == 0)
        return;
    text_printf(sql, "\n    ALTER COLUMN %s ", column);
    if (old_size == 0)
        text_printf(sql, "ADD%.*s,", (int)new_size, new->extra);
    else if (new_size == 0)
        text_puts(sql, "DROP IDENTITY,");
    else
        text_printf(sql, "%s,", new->extra + new_size + 1);
}

static void
alter(struct comparison *comparison, const struct model_object *new, struct text *clauses)
{
    if (clauses->size_bytes == 0)
        return;
    AUTO_STRING char *sql = memory_printf(
        "ALTER TABLE %s%.*s", new->table, (int)(clauses->size_bytes - 1), text_string(clauses));
    difference_add(comparison, "alter", new, sql);
}

/* What its parent's column gives it is there already. */
static bool
is_null_changed(const struct comparison *comparison,
    const struct model_object *old,
    const struct model_object *new)
{
    const struct model_object *old_parent = model_parent_column(comparison->old, old);
    const struct model_object *new_parent = model_parent_column(comparison->new, new);

    if (!difference_is_led(comparison, old) || old_parent == NULL || new_parent == NULL)
        return old->is_not_null != new->is_not_null;
    if (new->is_not_null)
        return !new_parent->is_not_null && (!old->is_not_null || old_parent->is_not_null);
    return old->is_not_null && !old_parent->is_not_null;
}

static void
set_not_null(struct comparison *comparison, const struct model_object *column)
{
    AUTO_STRING char *sql = memory_printf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL",
        column->table, column->name + strlen(column->table) + 1);

    difference_add(comparison, DIFFERENCE_SET_NOT_NULL, column, sql);
}

void
difference_alter_column(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new)
{
    AUTO_STRING char *column = own_name(new);
    AUTO_TEXT clauses = TEXT_INIT;

    if (!difference_is_led(comparison, old)) {
        if (difference_is_converted(comparison, old) || strcmp(old->type, new->type) != 0) {
            lose_values(comparison, old, new);
            put_type(comparison, old, new, column, &clauses);
        }
        if (*new->extra == '\0')
            put_identity(old, new, column, &clauses);
    }
    bool is_null_apart = comparison->difference->is_split && new->is_not_null;
    if (is_null_changed(comparison, old, new) && !is_null_apart)
        text_printf(&clauses, "\n    ALTER COLUMN %s %s NOT NULL,", column,
            new->is_not_null ? "SET" : "DROP");
    if (!difference_is_led(comparison, old) && *new->extra != '\0')
        put_identity(old, new, column, &clauses);
    alter(comparison, new, &clauses);
    if (is_null_changed(comparison, old, new) && is_null_apart)
        set_not_null(comparison, new);
}

void
difference_convert_column(struct comparison *comparison, const struct model_object *old)
{
    AUTO_STRING char *column = own_name(old);
    AUTO_STRING char *sql = memory_printf(
        "ALTER TABLE %s\n    ALTER COLUMN %s TYPE text USING %s::text", old->table, column, column);

    difference_add(comparison, "alter", old, sql);
}

static bool
is_before(const struct model *model, const struct model_object *a, const struct model_object *b)
{
    return model->positions[a - model->objects] < model->positions[b - model->objects];
}

const struct model_object *
difference_inline_default(const struct comparison *comparison, const struct model_object *column)
{
    const struct model *model = comparison->new;
    const struct model_object *found = model_find(model, MODEL_DEFAULT, column->name);
    const struct model_object *created =
        difference_is_new(comparison, column->whole) ? column->whole : column;

    if (found == NULL || !difference_is_new(comparison, column))
        return NULL;
    for (size_t i = 0; i < found->needs_count; i++) {
        const struct model_object *needed = &model->objects[found->needs[i].index];
        if (needed != column && needed != created && needed != column->whole &&
            !is_before(model, needed, created))
            return NULL;
    }
    return found;
}

/* Is it created by what is done to the parent, or to its table whole? */
static bool
is_given(const struct comparison *comparison, const struct model_object *column)
{
    return column->kind == MODEL_COLUMN && column->follows != NULL &&
           column->inheritance == INHERITANCE_ONLY && difference_is_new(comparison, column) &&
           (difference_is_new(comparison, column->whole) ||
               difference_will_be_led(comparison, column));
}

/* Has the parent's column, when the child's is made of it, this default for sure? */
static bool
is_inherited(const struct comparison *comparison, const struct model_object *new)
{
    const struct model_object *parent = model_parent_column(comparison->new, new->whole);
    const struct model_object *given =
        parent != NULL ? model_find(comparison->new, MODEL_DEFAULT, parent->name) : NULL;

    if (given == NULL || strcmp(given->extra, new->extra) != 0)
        return false;
    if (difference_is_new(comparison, parent))
        return is_given(comparison, parent) ? is_inherited(comparison, given)
                                            : difference_inline_default(comparison, parent) != NULL;
    const struct model_object *old = difference_old_of(comparison, given);
    return old != NULL && difference_fate(comparison, old) == FATE_KEPT;
}

void
difference_create_default(struct comparison *comparison, const struct model_object *new)
{
    const struct model_object *column = new->whole;
    bool is_there = false;

    if (is_given(comparison, column))
        is_there = is_inherited(comparison, new);
    else if (column->kind == MODEL_COLUMN)
        is_there = difference_inline_default(comparison, column) != NULL;
    if (!is_there)
        difference_add(comparison, "set", new, new->create);
}

void
difference_drop_inherited_default(struct comparison *comparison, const struct model_object *column)
{
    const struct model_object *parent = model_parent_column(comparison->new, column);

    if (parent == NULL || model_find(comparison->new, MODEL_DEFAULT, column->name) != NULL)
        return;
    if (model_find(comparison->new, MODEL_DEFAULT, parent->name) == NULL &&
        model_find(comparison->old, MODEL_DEFAULT, parent->name) == NULL)
        return;
    AUTO_STRING char *name = own_name(column);
    AUTO_STRING char *sql =
        memory_printf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", column->table, name);
    difference_add(comparison, "alter", column, sql);
}

void
difference_add_column(struct comparison *comparison, const struct model_object *column)
{
    const struct model_object *given = difference_inline_default(comparison, column);

    if (difference_will_be_led(comparison, column)) {
        difference_drop_inherited_default(comparison, column);
        return;
    }
    /* With a default it is filled at once, and may be NOT NULL. */
    bool is_null_apart = comparison->difference->is_split && column->is_not_null && given == NULL &&
                         strstr(column->create, " GENERATED ") == NULL;
    size_t size = strlen(column->create) - (is_null_apart ? strlen(" NOT NULL") : 0);
    AUTO_STRING char *sql =
        memory_printf("ALTER TABLE %s ADD COLUMN %.*s%s%s", column->table, (int)size,
            column->create, given != NULL ? " DEFAULT " : "", given != NULL ? given->extra : "");
    difference_add(comparison, "add", column, sql);
    if (is_null_apart)
        set_not_null(comparison, column);
}
