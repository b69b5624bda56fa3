/* SPDX-License-Identifier: Apache-2.0 */
#include "postgres_fe.h"

#include <ctype.h>

#include "fe_utils/psqlscan.h"

#include "adapter/lexer.h"
#include "base/memory.h"

enum { ENCODING_UTF8 = 6 }; /* PG_UTF8 of mb/pg_wchar.h: a part of libpq's ABI */

struct lexer {
    const char *text;
    size_t size_bytes;
    size_t offset; /* where the lexer goes on */
    PsqlScanState scan;
    PQExpBuffer output;
};

static char *
keep_variable(const char *name, PsqlScanQuoteType quote, void *passthrough)
{
    (void)name;
    (void)quote;
    (void)passthrough;
    return NULL;
}

/* psqlscan wants a struct, though it allows the function in it to be missing. */
static const PsqlScanCallbacks CALLBACKS = {.get_variable = keep_variable};

static void
start_scan(struct lexer *lexer)
{
    psql_scan_setup(lexer->scan, lexer->text + lexer->offset,
        (int)(lexer->size_bytes - lexer->offset), ENCODING_UTF8, true);
}

struct lexer *
lexer_new(const char *text, size_t size_bytes)
{
    struct lexer *lexer = memory_new(sizeof(*lexer));

    lexer->text = text;
    lexer->size_bytes = size_bytes;
    lexer->scan = psql_scan_create(&CALLBACKS);
    lexer->output = createPQExpBuffer();
    if (PQExpBufferBroken(lexer->output))
        memory_ran_out();
    start_scan(lexer);
    return lexer;
}

void
lexer_free(struct lexer *lexer)
{
    if (lexer == NULL)
        return;
    psql_scan_finish(lexer->scan);
    psql_scan_destroy(lexer->scan);
    destroyPQExpBuffer(lexer->output);
    free(lexer);
}

void
lexer_release(struct lexer **lexer)
{
    lexer_free(*lexer);
    *lexer = NULL;
}

void
lexer_skip_to(struct lexer *lexer, size_t offset)
{
    /* A scanner of its own: a reset keeps the count of COPY FROM STDIN. */
    psql_scan_finish(lexer->scan);
    psql_scan_destroy(lexer->scan);
    lexer->scan = psql_scan_create(&CALLBACKS);
    lexer->offset = offset;
    start_scan(lexer);
}

/*
 * psqlscan copies everything to its output but the white space and the line
 * comments before a statement, so a statement's place follows from skipping
 * just those. The statement is the text itself, not the copy.
 */
static size_t
skip_leading(const struct lexer *lexer)
{
    size_t offset = lexer->offset;

    while (offset < lexer->size_bytes) {
        const char *at = lexer->text + offset;
        if (strchr(" \t\n\r\f\v", *at) != NULL)
            offset++;
        else if (at[0] == '-' && offset + 1 < lexer->size_bytes && at[1] == '-')
            offset += strcspn(at, "\r\n");
        else
            break;
    }
    return offset;
}

static enum lexer_open
open_of_prompt(promptStatus_t prompt)
{
    switch (prompt) {
    case PROMPT_SINGLEQUOTE:
        return LEXER_OPEN_STRING;
    case PROMPT_DOUBLEQUOTE:
        return LEXER_OPEN_IDENTIFIER;
    case PROMPT_DOLLARQUOTE:
        return LEXER_OPEN_DOLLAR;
    case PROMPT_COMMENT:
        return LEXER_OPEN_COMMENT;
    case PROMPT_READY:
    case PROMPT_CONTINUE:
    case PROMPT_PAREN:
    case PROMPT_COPY:
        break;
    }
    return LEXER_OPEN_NOTHING;
}

enum lexer_result
lexer_next(struct lexer *lexer, struct lexer_piece *piece)
{
    promptStatus_t prompt = PROMPT_READY;

    resetPQExpBuffer(lexer->output);
    PsqlScanResult result = psql_scan(lexer->scan, lexer->output, &prompt);
    if (PQExpBufferBroken(lexer->output))
        memory_ran_out();

    size_t size = lexer->output->len;
    size_t offset = skip_leading(lexer);
    bool is_copied = offset + size <= lexer->size_bytes &&
                     memcmp(lexer->text + offset, lexer->output->data, size) == 0;
    if (!is_copied) {
        /* `\;` and `\:` lose their backslash: the only edit psqlscan makes. */
        size = 0;
        while (lexer->text[offset + size] == lexer->output->data[size])
            size++;
        *piece = (struct lexer_piece){.offset = offset, .size_bytes = size};
        return LEXER_BACKSLASH;
    }

    *piece = (struct lexer_piece){.offset = offset, .size_bytes = size};
    lexer->offset = offset + size;
    switch (result) {
    case PSCAN_SEMICOLON:
        piece->is_copy_in = psql_scan_count_copy_from_stdin(lexer->scan) > 0;
        return LEXER_STATEMENT;
    case PSCAN_BACKSLASH:
        return LEXER_BACKSLASH;
    case PSCAN_INCOMPLETE:
    case PSCAN_EOL:
        break;
    }
    piece->open = open_of_prompt(prompt);
    if (piece->open != LEXER_OPEN_NOTHING)
        return LEXER_UNTERMINATED;
    return size > 0 ? LEXER_STATEMENT : LEXER_END;
}

static bool
is_open_after(const char *text, size_t size_bytes)
{
    AUTO_LEXER struct lexer *lexer = lexer_new(text, size_bytes);
    struct lexer_piece piece;
    enum lexer_result result = LEXER_STATEMENT;

    while (result == LEXER_STATEMENT && lexer->offset < size_bytes)
        result = lexer_next(lexer, &piece);
    return result == LEXER_UNTERMINATED;
}

/* The `$` that begins the dollar quote whose second `$` stands at `at`, or `at` itself. */
static size_t
dollar_start(const char *text, size_t at)
{
    size_t start = at;

    while (start > 0) {
        unsigned char before = (unsigned char)text[--start];
        if (before == '$')
            return start;
        if (!isalnum(before) && before != '_' && before < 0x80)
            break;
    }
    return at;
}

static bool
may_open(const char *text, size_t size_bytes, size_t at)
{
    return text[at] == '\'' || text[at] == '"' || text[at] == '$' ||
           (text[at] == '/' && at + 1 < size_bytes && text[at + 1] == '*');
}

/*
 * The opening is the last place before which nothing is open. Only characters
 * that can open something are tried, from the end; in a text with too many of
 * them the answer is the first of those that were tried.
 */
size_t
lexer_find_open(const char *text, size_t size_bytes)
{
    enum { BYTES_READ = 32 * 1024 * 1024 };
    size_t bytes_left = BYTES_READ;
    size_t found = 0;

    for (size_t at = size_bytes; at-- > 0 && bytes_left > at;) {
        if (!may_open(text, size_bytes, at))
            continue;
        bytes_left -= at;
        found = at;
        bool is_doubled = at > 0 && text[at] != '$' && text[at] == text[at - 1];
        if (is_doubled && is_open_after(text, at - 1))
            at--; /* an escaped quote */
        else if (!is_open_after(text, at))
            return text[at] == '$' ? dollar_start(text, at) : at;
    }
    return found;
}
