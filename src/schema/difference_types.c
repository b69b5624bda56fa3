/* SPDX-License-Identifier: Apache-2.0 */
/* Enums, domains and composite types, in place. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "schema/difference_internal.h"

/* A line of `extra`: an enum's label as a literal, an attribute with its type. */
struct line {
    const char *text;
    size_t size;
};

static bool
next_line(const char **rest, struct line *line)
{
    if (**rest == '\0')
        return false;
    *line = (struct line){.text = *rest, .size = strcspn(*rest, "\n")};
    *rest += line->size + ((*rest)[line->size] == '\n' ? 1 : 0);
    return true;
}

static bool
is_same_line(struct line a, struct line b)
{
    return a.size == b.size && strncmp(a.text, b.text, a.size) == 0;
}

static bool
has_line(const char *lines, struct line wanted)
{
    struct line line;

    while (next_line(&lines, &line)) {
        if (is_same_line(line, wanted))
            return true;
    }
    return false;
}

bool
difference_has_all_values(const struct model_object *old, const struct model_object *new)
{
    const char *rest = old->extra;
    struct line line;

    while (next_line(&rest, &line)) {
        if (!has_line(new->extra, line))
            return false;
    }
    return true;
}

/* Are they there in their order, whatever stands between them? */
static bool
is_within(const char *lines, const char *more)
{
    struct line wanted;
    struct line line;

    while (next_line(&lines, &wanted)) {
        do {
            if (!next_line(&more, &line))
                return false;
        } while (!is_same_line(line, wanted));
    }
    return true;
}

/*
 * The server refuses a value in the transaction that has added it. Where something
 * that is created may use it, the type is made anew, whose values it takes.
 */
static bool
is_used_at_once(const struct comparison *comparison, struct line label)
{
    AUTO_STRING char *literal = memory_copy(label.text, label.size);

    for (size_t i = 0; i < comparison->new->count; i++) {
        const struct model_object *new = &comparison->new->objects[i];
        const struct model_object *old = difference_old_of(comparison, new);
        bool is_unread = new->kind == MODEL_ENUM || new->kind == MODEL_COMMENT ||
                         (new->kind == MODEL_FUNCTION &&strstr(new->create, "LANGUAGE plpgsql"));
        if (!is_unread && (old == NULL || !model_same(old, new)) &&
            strstr(new->create, literal) != NULL)
            return true;
    }
    return false;
}

bool
difference_only_adds_values(const struct comparison *comparison,
    const struct model_object *old,
    const struct model_object *new)
{
    const char *rest = new->extra;
    struct line label;

    if (!is_within(old->extra, new->extra))
        return false;
    while (next_line(&rest, &label)) {
        if (!has_line(old->extra, label) && is_used_at_once(comparison, label))
            return false;
    }
    return true;
}

void
difference_alter_enum(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new)
{
    const char *rest = new->extra;
    const char *first = old->extra;
    struct line place = {0};
    struct line label;
    bool is_before = next_line(&first, &place);

    while (next_line(&rest, &label)) {
        if (!has_line(old->extra, label)) {
            AUTO_TEXT sql = TEXT_INIT;
            text_printf(
                &sql, "ALTER TYPE %s ADD VALUE %.*s", new->name, (int)label.size, label.text);
            if (place.size > 0)
                text_printf(
                    &sql, " %s %.*s", is_before ? "BEFORE" : "AFTER", (int)place.size, place.text);
            difference_add(comparison, "alter", new, text_string(&sql));
        }
        place = label;
        is_before = false;
    }
}

void
difference_alter_domain(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new)
{
    if (strcmp(old->extra, new->extra) != 0) {
        AUTO_STRING char *sql = memory_printf("ALTER DOMAIN %s %s%s", new->name,
            *new->extra != '\0' ? "SET DEFAULT " : "DROP DEFAULT", new->extra);
        difference_add(comparison, "alter", new, sql);
    }
    if (old->is_not_null != new->is_not_null) {
        AUTO_STRING char *sql = memory_printf(
            "ALTER DOMAIN %s %s NOT NULL", new->name, new->is_not_null ? "SET" : "DROP");
        difference_add(comparison, "alter", new, sql);
    }
}

/* The attribute's name, as it is quoted. */
static struct line
attribute_name(struct line attribute)
{
    size_t size = 0;
    bool is_quoted = false;

    while (size < attribute.size && (is_quoted || attribute.text[size] != ' ')) {
        if (attribute.text[size] == '"')
            is_quoted = !is_quoted;
        size++;
    }
    return (struct line){.text = attribute.text, .size = size};
}

/* The same attributes by name, in the same order? */
static bool
is_only_retyped(const char *old, const char *new)
{
    struct line a;
    struct line b;

    while (next_line(&old, &a)) {
        if (!next_line(&new, &b) || !is_same_line(attribute_name(a), attribute_name(b)))
            return false;
    }
    return *new == '\0';
}

static bool
is_used(const struct model *model, const struct model_object *type)
{
    for (size_t i = 0; i < model->count; i++) {
        const struct model_object *user = &model->objects[i];
        bool can_store = user->kind == MODEL_COLUMN || user->kind == MODEL_DOMAIN ||
                         user->kind == MODEL_COMPOSITE || user->kind == MODEL_RANGE;
        for (size_t k = 0; can_store && k < user->needs_count; k++) {
            if (&model->objects[user->needs[k].index] == type)
                return true;
        }
    }
    return false;
}

/* The server changes the type of an attribute only where no column stores it. */
bool
difference_can_alter_attributes(const struct comparison *comparison,
    const struct model_object *old,
    const struct model_object *new)
{
    return !is_only_retyped(old->extra, new->extra) || !is_used(comparison->old, old);
}

bool
difference_loses_attributes(const struct model_object *old, const struct model_object *new)
{
    return strncmp(old->extra, new->extra, strlen(old->extra)) != 0;
}

static void
retype_attributes(const char *old, const char *new, struct text *clauses)
{
    struct line a;
    struct line b;

    while (next_line(&old, &a) && next_line(&new, &b)) {
        size_t name = attribute_name(b).size;
        if (!is_same_line(a, b))
            text_printf(clauses, "\n    ALTER ATTRIBUTE %.*s TYPE%.*s,", (int)name, b.text,
                (int)(b.size - name), b.text + name);
    }
}

/* Keep those that the new ones begin with, drop the others, and add what is missing. */
static void
replace_attributes(const char *old, const char *new, struct text *clauses)
{
    struct line a;
    struct line wanted = {0};
    bool is_more = next_line(&new, &wanted);

    while (next_line(&old, &a)) {
        if (is_more && is_same_line(a, wanted))
            is_more = next_line(&new, &wanted);
        else
            text_printf(clauses, "\n    DROP ATTRIBUTE %.*s,", (int)attribute_name(a).size, a.text);
    }
    for (; is_more; is_more = next_line(&new, &wanted))
        text_printf(clauses, "\n    ADD ATTRIBUTE %.*s,", (int)wanted.size, wanted.text);
}

void
difference_alter_composite(
    struct comparison *comparison, const struct model_object *old, const struct model_object *new)
{
    bool is_retype = is_only_retyped(old->extra, new->extra);
    AUTO_TEXT clauses = TEXT_INIT;

    if (is_retype)
        retype_attributes(old->extra, new->extra, &clauses);
    else
        replace_attributes(old->extra, new->extra, &clauses);
    if (difference_loses_attributes(old, new) && is_used(comparison->old, old))
        difference_lose(comparison, "drop attributes of", old);
    AUTO_STRING char *sql = memory_printf(
        "ALTER TYPE %s%.*s", new->name, (int)(clauses.size_bytes - 1), text_string(&clauses));
    difference_add(comparison, "alter", new, sql);
}
