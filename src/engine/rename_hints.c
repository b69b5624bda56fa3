/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/rename_hints.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/lexer.h"
#include "base/memory.h"

/* A text that is looked through. */
struct search {
    const char *file;
    const char *text;
    size_t size_bytes;
    const struct script *script;
};

void
rename_hints_done(struct rename_hints *hints)
{
    for (size_t i = 0; i < hints->count; i++) {
        free(hints->hints[i].old_name);
        free(hints->hints[i].column);
        free(hints->hints[i].table_oid);
    }
    free(hints->hints);
    *hints = (struct rename_hints){0};
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static size_t
skip_blanks(const struct search *search, size_t at)
{
    while (at < search->size_bytes && is_blank(search->text[at]))
        at++;
    return at;
}

static size_t
skip_word(const struct search *search, size_t at, const char *word)
{
    size_t from = skip_blanks(search, at);

    return strncmp(search->text + from, word, strlen(word)) == 0 ? from + strlen(word) : 0;
}

static size_t
line_start(const struct search *search, size_t at)
{
    while (at > 0 && search->text[at - 1] != '\n')
        at--;
    return at;
}

static size_t
line_end(const struct search *search, size_t at)
{
    return at + strcspn(search->text + at, "\n");
}

/* What stands behind the words of a hint at `at`, or 0 where there is none. */
static size_t
find_name(const struct search *search, size_t at)
{
    size_t end = strncmp(search->text + at, "--", 2) == 0 ? at + 2 : 0;

    end = end != 0 ? skip_word(search, end, "pgstride:") : 0;
    end = end != 0 ? skip_word(search, end, "renamed-from") : 0;
    return end != 0 && (isspace((unsigned char)search->text[end]) || search->text[end] == '\0')
               ? end
               : 0;
}

/* The last statement that begins at or before this place; or their count. */
static size_t
find_statement(const struct search *search, size_t at)
{
    const struct script *script = search->script;
    size_t found = script->count;

    for (size_t i = 0; i < script->count && script->statements[i].offset <= at; i++)
        found = i;
    return found;
}

/* Is it a comment there, rather than a part of a quote, or of COPY's lines? */
static bool
is_comment(const struct search *search, size_t at)
{
    size_t index = find_statement(search, at);
    struct lexer_piece piece;

    if (index == search->script->count)
        return true;
    const struct statement *statement = &search->script->statements[index];
    if (at >= statement->offset + statement->size_bytes)
        return !statement->is_copy_in || at >= statement->data_offset + statement->data_bytes;
    AUTO_LEXER struct lexer *lexer =
        lexer_new(search->text + statement->offset, at - statement->offset);
    return lexer_next(lexer, &piece) != LEXER_UNTERMINATED;
}

/* Where the line begins that the hint at `at` is about, or the text's end. */
static size_t
find_target(const struct search *search, size_t at)
{
    size_t start = skip_blanks(search, line_start(search, at));

    if (start != at)
        return start; /* it stands behind something */
    while (start < search->size_bytes &&
           (search->text[start] == '\n' || strncmp(search->text + start, "--", 2) == 0)) {
        start = line_end(search, start);
        start += start < search->size_bytes;
        start = skip_blanks(search, start);
    }
    return start;
}

/* The identifier at `at`, as written, or NULL. */
static char *
read_identifier(const struct search *search, size_t at)
{
    const char *start = search->text + at;
    const char *end = start;

    if (*start == '"') {
        do {
            end = strchr(end + 1, '"');
        } while (end != NULL && *++end == '"');
        return end != NULL ? memory_copy(start, (size_t)(end - start)) : NULL;
    }
    while (isalnum((unsigned char)*end) || *end == '_' || *end == '$' || (unsigned char)*end > 127)
        end++;
    return end > start && !isdigit((unsigned char)*start)
               ? memory_copy(start, (size_t)(end - start))
               : NULL;
}

static bool
fail(const struct search *search, size_t at, struct error *err, const char *message)
{
    error_set(err, ERROR_INPUT, "%s", message);
    error_place(err, search->file, 0, 0);
    error_show_source(err, search->text, search->size_bytes, at);
    return error_hint(err, "\"-- pgstride: renamed-from OLD_NAME\" stands on the line before a "
                           "CREATE TABLE or a column's name, or behind it on its line.");
}

/* Does another column follow on the line of the one at `at`? */
static bool
has_more(const struct search *search, size_t at)
{
    bool is_quoted = false;
    int depth = 0;

    for (const char *c = search->text + at; *c != '\0' && *c != '\n'; c++) {
        if (!is_quoted && strncmp(c, "--", 2) == 0)
            return false;
        is_quoted ^= *c == '\'';
        depth += !is_quoted && *c == '(';
        depth -= !is_quoted && *c == ')';
        size_t next = skip_blanks(search, (size_t)(c + 1 - search->text));
        if (*c == ',' && !is_quoted && depth == 0 && strchr("-\n", search->text[next]) == NULL)
            return true;
    }
    return false;
}

static bool
add_hint(const struct search *search,
    size_t at,
    size_t name,
    struct rename_hints *hints,
    struct error *err)
{
    size_t from = skip_blanks(search, name);
    size_t to = line_end(search, name);
    size_t target = find_target(search, at);
    size_t statement = find_statement(search, target);

    while (to > from && isspace((unsigned char)search->text[to - 1]))
        to--;
    if (from == to)
        return fail(search, at, err, "the hint names nothing");
    /* A line that a statement begins on is about what it creates. */
    size_t next = find_statement(search, line_end(search, target));
    if (next != search->script->count && search->script->statements[next].offset >= target)
        statement = next;
    if (target == search->size_bytes || statement == search->script->count)
        return fail(search, at, err, "the hint stands before no table and no column");

    const struct statement *found = &search->script->statements[statement];
    bool is_column = found->offset < target;
    size_t word = target;
    while (is_column && (search->text[word] == ',' || is_blank(search->text[word])))
        word++;
    AUTO_STRING char *column = is_column ? read_identifier(search, word) : NULL;
    if (is_column && (column == NULL || word >= found->offset + found->size_bytes))
        return fail(search, at, err, "the hint stands at no column's name");
    if (is_column && has_more(search, word))
        return fail(search, at, err, "the hint stands at a line of several columns");
    *ARRAY_ADD(hints->hints, hints->count, hints->capacity) = (struct rename_hint){.offset = at,
        .statement = statement,
        .old_name = memory_copy(search->text + from, to - from),
        .column = TAKE(column)};
    return true;
}

/* Where the text's first statement may begin: what stands before are comments. */
static size_t
find_head_end(const struct search *search)
{
    size_t at = 0;

    while (at < search->size_bytes &&
           (isspace((unsigned char)search->text[at]) || strncmp(search->text + at, "--", 2) == 0))
        at = search->text[at] == '-' ? line_end(search, at) : at + 1;
    return at;
}

/* Parse it without the hints at its head, which are no directives of a script. */
static bool
parse_script(const struct search *search, struct script *script, struct error *err)
{
    AUTO_STRING char *copy = memory_copy(search->text, search->size_bytes);
    size_t end = find_head_end(search);

    for (size_t at = 0; at < end; at++) {
        if (find_name(search, at) != 0)
            memset(copy + at + 2, ' ', find_name(search, at) - at - 2);
    }
    return script_parse(search->file, copy, search->size_bytes, script, err);
}

bool
rename_hints_parse(const char *file,
    const char *text,
    size_t size_bytes,
    struct script *script,
    struct rename_hints *hints,
    struct error *err)
{
    AUTO_SCRIPT parsed = {0};
    AUTO_RENAME_HINTS found = {0};
    const struct search search = {
        .file = file, .text = text, .size_bytes = size_bytes, .script = &parsed};

    if (!parse_script(&search, &parsed, err))
        return false;
    for (const char *at = text; (at = strstr(at, "--")) != NULL; at += 2) {
        size_t offset = (size_t)(at - text);
        size_t name = find_name(&search, offset);
        if (name != 0 && is_comment(&search, offset) &&
            !add_hint(&search, offset, name, &found, err))
            return false;
    }
    *script = parsed;
    parsed = (struct script){0};
    *hints = found;
    found = (struct rename_hints){0};
    return true;
}
