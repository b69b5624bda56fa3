/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/memory.h"
#include "schema/changes.h"

/* A log line stays under 64 KiB, and is to be read by people. */
enum {
    TOPS_SAID = 20, /* of one kind */
    PARTS_SAID = 8, /* of one table */
    TEXT_BYTES = 8 * 1024,
    LISTED = 100, /* as JSON */
};

/* Of a definition what is to be read. */
static char *
visible(const char *definition)
{
    return memory_copy(definition, strcspn(definition, "#"));
}

/* "integer -> bigint"; false where the difference is not to be seen. */
static bool
say_definitions(const struct change *change, struct text *text)
{
    AUTO_STRING char *old = visible(change->old_definition);
    AUTO_STRING char *new = visible(change->new_definition);

    if (strcmp(old, new) == 0)
        return false;
    if (*old == '\0' || *new == '\0')
        text_printf(text, "%s%s", *new == '\0' ? "no longer " : "now ", *new == '\0' ? old : new);
    else
        text_printf(text, "%s -> %s", old, new);
    return true;
}

/* "column size: integer -> bigint" */
static void
say_part(const struct change *change, struct text *text)
{
    static const char *const WORDS[] = {
        [CHANGE_ADDED] = "added",
        [CHANGE_DROPPED] = "dropped",
        [CHANGE_RENAMED] = "renamed from",
        [CHANGE_ALTERED] = "changed",
        [CHANGE_RECREATED] = "dropped and added again",
    };
    AUTO_TEXT how = TEXT_INIT;

    text_printf(text, "%s %s", outline_kind_name(change->kind), change->name);
    if (change->sort == CHANGE_ALTERED && say_definitions(change, &how))
        text_printf(text, ": %s", text_string(&how));
    else
        text_printf(text, " %s", WORDS[change->sort]);
    if (change->sort == CHANGE_RENAMED)
        text_printf(text, " %s", change->old_name);
}

/* What a thing's own change is, in its parentheses. */
static void
say_own(const struct change *change, struct text *text)
{
    if (change->sort == CHANGE_RENAMED)
        text_printf(text, "renamed from %s", change->old_name);
    else if (change->sort == CHANGE_RECREATED)
        text_puts(text, "dropped and created again");
    else if (change->sort == CHANGE_ALTERED)
        say_definitions(change, text);
}

/* One table or what else there is, with all its changes; they are `count`. */
static void
say_top(const struct change *first, size_t count, struct text *text)
{
    AUTO_TEXT details = TEXT_INIT;
    const char *sign = "~";

    if (!outline_is_part(first->kind) && first->sort == CHANGE_ADDED)
        sign = "+";
    else if (!outline_is_part(first->kind) && first->sort == CHANGE_DROPPED)
        sign = "-";
    text_printf(text, "%s%s", sign, first->top);
    for (size_t i = 0; i < count; i++) {
        AUTO_TEXT detail = TEXT_INIT;
        if (i == PARTS_SAID) {
            text_printf(&details, " and %zu more", count - i);
            break;
        }
        if (outline_is_part(first[i].kind))
            say_part(&first[i], &detail);
        else
            say_own(&first[i], &detail);
        if (detail.size_bytes > 0)
            text_printf(&details, "%s%s", details.size_bytes > 0 ? ", " : "", text_string(&detail));
    }
    if (details.size_bytes > 0)
        text_printf(text, " (%s)", text_string(&details));
}

/* How many changes, from this one on, are listed under the same thing. */
static size_t
count_of_top(const struct changes *changes, size_t first)
{
    size_t end = first;

    while (end < changes->count &&
           changes->changes[end].top_kind == changes->changes[first].top_kind &&
           strcmp(changes->changes[end].top, changes->changes[first].top) == 0)
        end++;
    return end - first;
}

/* One kind, from `first` on; where the next one begins. */
static size_t
say_kind(const struct changes *changes, size_t first, struct text *text)
{
    enum outline_kind kind = changes->changes[first].top_kind;
    size_t said = 0;
    size_t unsaid = 0;

    text_printf(text, "%ss: ", outline_kind_name(kind));
    while (first < changes->count && changes->changes[first].top_kind == kind) {
        size_t count = count_of_top(changes, first);
        if (said < TOPS_SAID && text->size_bytes < TEXT_BYTES) {
            if (said++ > 0)
                text_puts(text, ", ");
            say_top(&changes->changes[first], count, text);
        } else {
            unsaid++;
        }
        first += count;
    }
    if (unsaid > 0)
        text_printf(text, "%s%zu more", said > 0 ? " and " : "", unsaid);
    return first;
}

void
changes_say(const struct changes *changes, const char *separator, struct text *text)
{
    for (size_t next = 0; next < changes->count;) {
        if (next > 0)
            text_puts(text, separator);
        next = say_kind(changes, next, text);
    }
}

json_t *
changes_list(const struct changes *changes)
{
    static const char *const WORDS[] = {
        [CHANGE_ADDED] = "added",
        [CHANGE_DROPPED] = "dropped",
        [CHANGE_RENAMED] = "renamed",
        [CHANGE_ALTERED] = "altered",
        [CHANGE_RECREATED] = "recreated",
    };
    json_t *list = json_array();

    for (size_t i = 0; i < changes->count && i < LISTED; i++) {
        const struct change *change = &changes->changes[i];
        json_t *item = json_object();
        json_put_string(item, "change", WORDS[change->sort]);
        json_put_string(item, "kind", outline_kind_name(change->kind));
        json_put_string(item, "name", change->name);
        if (outline_is_part(change->kind))
            json_put_string(item, "table", change->top);
        json_put_string(item, "old_name", change->old_name);
        if (change->sort == CHANGE_ALTERED) {
            AUTO_STRING char *old = visible(change->old_definition);
            AUTO_STRING char *new = visible(change->new_definition);
            if (strcmp(old, new) != 0) {
                json_put_string(item, "from", old);
                json_put_string(item, "to", new);
            }
        }
        json_array_append_new(list, item);
    }
    return list;
}
