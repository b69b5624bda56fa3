/* SPDX-License-Identifier: Apache-2.0 */
#include "base/outline.h"

#include <ctype.h>
#include <string.h>

/* The query, and what was made of it. */
struct outline {
    const char *at;
    bool is_spaced;   /* white space came before `at` */
    bool is_doubtful; /* what follows cannot be told from a literal */
    struct text text;
};

static bool
is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static void
put(struct outline *outline, const char *bytes, size_t size)
{
    if (outline->is_spaced && outline->text.size_bytes > 0)
        text_puts(&outline->text, " ");
    outline->is_spaced = false;
    text_add(&outline->text, bytes, size);
}

static void
skip_comment(struct outline *outline)
{
    const char *at = outline->at;
    size_t depth = 0;

    if (*at == '-') {
        outline->at = at + strcspn(at, "\n");
        return;
    }
    do {
        if (strncmp(at, "/*", 2) == 0) {
            depth++;
            at += 2;
        } else if (strncmp(at, "*/", 2) == 0) {
            depth--;
            at += 2;
        } else if (*at != '\0') {
            at++;
        }
    } while (depth > 0 && *at != '\0');
    outline->at = at;
}

/* From one quote to the other. In E'…' a backslash takes the next character with it. */
static void
skip_string(struct outline *outline, bool has_escapes)
{
    const char *at = outline->at + 1;

    for (; *at != '\0'; at++) {
        bool is_escape = *at == '\\' && at[1] != '\0' && has_escapes;

        if (is_escape || (*at == '\'' && at[1] == '\''))
            at++;
        else if (*at == '\\' && at[1] == '\'')
            outline->is_doubtful = true;
        else if (*at == '\'')
            break;
    }
    outline->at = *at == '\'' ? at + 1 : at;
}

/* $tag$ … $tag$; false where no such quote begins. */
static bool
skip_dollars(struct outline *outline)
{
    const char *tag = outline->at;
    size_t size = 1;

    while (is_word(tag[size]) && tag[size] != '$')
        size++;
    if (isdigit((unsigned char)tag[1]) || (tag[size] != '$' && tag[size] != '\0'))
        return false;
    if (tag[size] == '\0') {
        outline->at += size;
        return true;
    }
    size++;
    for (const char *at = tag + size; *at != '\0'; at++) {
        if (strncmp(at, tag, size) == 0) {
            outline->at = at + size;
            return true;
        }
    }
    outline->at += strlen(outline->at);
    return true;
}

static void
take_word(struct outline *outline)
{
    const char *word = outline->at;
    bool is_number = isdigit((unsigned char)*word) || *word == '.';
    size_t size = 1;

    while (is_word(word[size]) || (is_number && word[size] == '.'))
        size++;
    if (is_number)
        put(outline, "?", 1);
    else
        put(outline, word, size);
    outline->at += size;
    if (*outline->at != '\'')
        return;
    skip_string(outline, size == 1 && (*word == 'e' || *word == 'E'));
    text_puts(&outline->text, "?");
}

static void
take_identifier(struct outline *outline)
{
    size_t size = 1 + strcspn(outline->at + 1, "\"");

    size += outline->at[size] == '"';
    put(outline, outline->at, size);
    outline->at += size;
}

static void
take_next(struct outline *outline)
{
    const char *at = outline->at;

    if (isspace((unsigned char)*at)) {
        outline->is_spaced = true;
        outline->at++;
    } else if (strncmp(at, "--", 2) == 0 || strncmp(at, "/*", 2) == 0) {
        skip_comment(outline);
        outline->is_spaced = true;
    } else if (*at == '\'') {
        skip_string(outline, false);
        put(outline, "?", 1);
    } else if (*at == '$' && skip_dollars(outline)) {
        put(outline, "?", 1);
    } else if (*at == '"') {
        take_identifier(outline);
    } else if (is_word(*at) || (*at == '.' && isdigit((unsigned char)at[1]))) {
        take_word(outline);
    } else {
        put(outline, at, 1);
        outline->at++;
    }
}

void
outline_add(const char *query, size_t characters, struct text *text)
{
    enum { CHARACTER_BYTES = 4 };
    struct outline outline = {.at = query};

    while (*outline.at != '\0' && !outline.is_doubtful &&
           outline.text.size_bytes <= characters * CHARACTER_BYTES)
        take_next(&outline);
    const char *made = text_string(&outline.text);
    size_t size = strlen(made);
    while (size > 0 && strchr("; ", made[size - 1]) != NULL)
        size--;
    size_t kept = utf8_offset(made, size, characters);
    text_add(text, made, kept);
    if (kept < size || outline.is_doubtful)
        text_puts(text, " …");
    text_done(&outline.text);
}
