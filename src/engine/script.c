/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/script.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/lexer.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/directive.h"
#include "engine/passwords.h"

void
script_done(struct script *script)
{
    free(script->statements);
    *script = (struct script){0};
}

/* A walk over a statement's leading words. */
struct words {
    const char *at;
    const char *end;
};

static const char *
skip_comment(const char *at, const char *end)
{
    size_t depth = 0;

    do {
        if (end - at >= 2 && memcmp(at, "/*", 2) == 0) {
            depth++;
            at += 2;
        } else if (end - at >= 2 && memcmp(at, "*/", 2) == 0) {
            depth--;
            at += 2;
        } else {
            at++;
        }
    } while (depth > 0 && at < end);
    return at;
}

static const char *
skip_space(const char *at, const char *end)
{
    while (at < end) {
        if (strchr(" \t\n\r\f\v", *at) != NULL)
            at++;
        else if (end - at >= 2 && memcmp(at, "--", 2) == 0)
            at += strcspn(at, "\r\n"); /* as in psql's lexer */
        else if (end - at >= 2 && memcmp(at, "/*", 2) == 0)
            at = skip_comment(at, end);
        else
            break;
    }
    return at < end ? at : end;
}

/* Does the next word read `word`? Then step over it. */
static bool
take_word(struct words *words, const char *word)
{
    const char *at = skip_space(words->at, words->end);
    size_t size = strlen(word);

    if ((size_t)(words->end - at) < size || strncasecmp(at, word, size) != 0)
        return false;
    const char *after = at + size;
    if (after < words->end && (isalnum((unsigned char)*after) || *after == '_' || *after == '$'))
        return false;
    words->at = after;
    return true;
}

static bool
is_at_end(const struct words *words)
{
    const char *at = skip_space(words->at, words->end);

    return at == words->end || *at == ';';
}

static enum statement_control
control_of(struct words words)
{
    if (take_word(&words, "begin"))
        return CONTROL_BEGIN;
    if (take_word(&words, "start"))
        return take_word(&words, "transaction") ? CONTROL_BEGIN : CONTROL_NONE;
    if (take_word(&words, "commit") || take_word(&words, "end")) {
        if (!take_word(&words, "work"))
            take_word(&words, "transaction");
        if (is_at_end(&words))
            return CONTROL_COMMIT;
        return take_word(&words, "and") && take_word(&words, "chain") ? CONTROL_CHAIN
                                                                      : CONTROL_OTHER;
    }
    if (take_word(&words, "abort"))
        return CONTROL_OTHER;
    if (take_word(&words, "prepare"))
        return take_word(&words, "transaction") ? CONTROL_PREPARE : CONTROL_NONE;
    if (take_word(&words, "rollback")) {
        if (!take_word(&words, "work"))
            take_word(&words, "transaction");
        return take_word(&words, "to") ? CONTROL_NONE : CONTROL_OTHER;
    }
    return CONTROL_NONE;
}

/* ALTER TABLE … DETACH PARTITION … CONCURRENTLY: the last word says it. */
static bool
is_detach(struct words words)
{
    static const char WORD[] = "concurrently";
    const char *end = words.end;

    if (!take_word(&words, "alter") || !take_word(&words, "table"))
        return false;
    while (end > words.at && (end[-1] == ';' || isspace((unsigned char)end[-1])))
        end--;
    const char *last = end - strlen(WORD);
    if (last <= words.at || !isspace((unsigned char)last[-1]) ||
        strncasecmp(last, WORD, strlen(WORD)) != 0)
        return false;
    for (; words.at < last; words.at++) {
        if (isspace((unsigned char)*words.at) && take_word(&words, "detach"))
            return true;
    }
    return false;
}

/* REINDEX's options in parentheses: (VERBOSE, CONCURRENTLY). True where that is one. */
static bool
take_options(struct words *words)
{
    bool is_concurrent = false;
    const char *at = skip_space(words->at, words->end);

    if (at == words->end || *at != '(')
        return false;
    for (words->at = at; words->at < words->end && *words->at != ')';) {
        words->at++;
        bool is_named = take_word(words, "concurrently");
        is_concurrent |= is_named && !take_word(words, "false") && !take_word(words, "off");
    }
    words->at += words->at < words->end;
    return is_concurrent;
}

/* CREATE, DROP, REINDEX … CONCURRENTLY, and the like. */
static bool
is_concurrent(struct words words)
{
    if (is_detach(words))
        return true;
    bool is_reindex = take_word(&words, "reindex");
    if (!is_reindex && !take_word(&words, "drop") && !take_word(&words, "create"))
        return false;
    if (is_reindex && take_options(&words))
        return true;
    take_word(&words, "unique");
    bool is_index = take_word(&words, "index");
    if (!is_index && !is_reindex)
        return false;
    if (!is_index && !take_word(&words, "table") && !take_word(&words, "schema"))
        take_word(&words, "database");
    return take_word(&words, "concurrently");
}

/*
 * A command that PostgreSQL runs outside a transaction block alone. A miss
 * costs one round trip: the server's own refusal (25001) is the net.
 */
static bool
is_run_alone(struct words words)
{
    if (is_concurrent(words) || take_word(&words, "vacuum"))
        return true;
    if (take_word(&words, "alter"))
        return take_word(&words, "system");
    if (take_word(&words, "reindex")) {
        take_options(&words);
        return take_word(&words, "database") || take_word(&words, "system");
    }
    return (take_word(&words, "create") || take_word(&words, "drop")) &&
           (take_word(&words, "database") || take_word(&words, "tablespace"));
}

/* What a resumed file says again, since its session is another one. */
static bool
is_setting(struct words words)
{
    if (take_word(&words, "set"))
        return !take_word(&words, "local") && !take_word(&words, "transaction") &&
               !take_word(&words, "constraints");
    if (take_word(&words, "select"))
        return take_word(&words, "set_config") || take_word(&words, "pg_catalog.set_config");
    return take_word(&words, "reset");
}

/* PREPARE name, DEALLOCATE, DISCARD ALL or PLANS. */
static bool
is_about_prepared(struct words words)
{
    if (take_word(&words, "prepare"))
        return !take_word(&words, "transaction");
    return take_word(&words, "deallocate") || take_word(&words, "discard");
}

/* Reading state: where the text is counted up to. */
struct reading {
    const char *file;
    const char *text;
    size_t size_bytes;
    size_t counted; /* bytes whose line breaks are in `line` */
    size_t line;
};

static size_t
line_at(struct reading *reading, size_t offset)
{
    for (; reading->counted < offset; reading->counted++)
        reading->line += reading->text[reading->counted] == '\n';
    return reading->line;
}

static bool
fail_at(const struct reading *reading, struct error *err, size_t offset)
{
    error_place(err, reading->file, 0, 0);
    error_show_source(err, reading->text, reading->size_bytes, offset);
    return false;
}

static bool
fail_unterminated(const struct reading *reading, const struct lexer_piece *piece, struct error *err)
{
    static const char *const NAMES[] = {
        [LEXER_OPEN_NOTHING] = "statement",
        [LEXER_OPEN_STRING] = "quoted string",
        [LEXER_OPEN_IDENTIFIER] = "quoted identifier",
        [LEXER_OPEN_DOLLAR] = "dollar-quoted string",
        [LEXER_OPEN_COMMENT] = "/* comment",
    };

    error_set(err, ERROR_INPUT, "this %s is never closed", NAMES[piece->open]);
    error_hint(err, "Close it; nothing was run.");
    size_t open = lexer_find_open(reading->text + piece->offset, piece->size_bytes);
    return fail_at(reading, err, piece->offset + open);
}

static size_t
line_end(const struct reading *reading, size_t offset)
{
    const char *newline = memchr(reading->text + offset, '\n', reading->size_bytes - offset);

    return newline != NULL ? (size_t)(newline - reading->text) + 1 : reading->size_bytes;
}

static bool
is_blank(const struct reading *reading, size_t from, size_t to)
{
    return skip_space(reading->text + from, reading->text + to) == reading->text + to;
}

/* pg_dump wraps its output in \restrict and \unrestrict: nothing to us. */
static bool
skip_backslash(struct reading *reading,
    struct lexer *lexer,
    const struct lexer_piece *piece,
    struct error *err)
{
    size_t at = piece->offset + piece->size_bytes;
    struct words words = {reading->text + at + 1, reading->text + reading->size_bytes};

    if (piece->size_bytes == 0 &&
        (take_word(&words, "restrict") || take_word(&words, "unrestrict"))) {
        lexer_skip_to(lexer, line_end(reading, at));
        return true;
    }
    error_set(err, ERROR_INPUT, "backslash commands belong to psql and cannot run in a migration");
    error_hint(err, "Write what the command does in SQL; nothing was run.");
    return fail_at(reading, err, at);
}

/* The data of COPY … FROM STDIN: the lines up to one that is `\.` alone. */
static bool
take_copy_data(
    struct reading *reading, struct lexer *lexer, struct statement *statement, struct error *err)
{
    size_t after = statement->offset + statement->size_bytes;
    size_t start = line_end(reading, after);

    if (!is_blank(reading, after, start)) {
        error_set(err, ERROR_INPUT, "nothing may follow COPY … FROM STDIN on its line");
        error_hint(err, "Its data begin on the next line and end with a line \\. alone.");
        return fail_at(reading, err, after);
    }
    for (size_t line = start; line < reading->size_bytes;) {
        size_t next = line_end(reading, line);
        size_t size = next - line;
        while (size > 0 && strchr("\r\n", reading->text[line + size - 1]) != NULL)
            size--;
        if (size == 2 && memcmp(reading->text + line, "\\.", 2) == 0) {
            statement->is_copy_in = true;
            statement->data_offset = start;
            statement->data_bytes = line - start;
            lexer_skip_to(lexer, next);
            return true;
        }
        line = next;
    }
    error_set(err, ERROR_INPUT, "the data of this COPY … FROM STDIN never end");
    error_hint(err, "End them with a line \\. alone; nothing was run.");
    return fail_at(reading, err, statement->offset);
}

static bool
add_statement(struct reading *reading,
    struct lexer *lexer,
    const struct lexer_piece *piece,
    struct script *script,
    struct error *err)
{
    const char *start = reading->text + piece->offset;
    const char *end = start + piece->size_bytes;
    const char *first = skip_space(start, end);

    if (first == end || *first == ';')
        return true; /* a comment or a lone semicolon */

    struct statement *statement = ARRAY_ADD(script->statements, script->count, script->capacity);
    struct words words = {first, end};
    statement->offset = (size_t)(first - reading->text);
    while (isspace((unsigned char)end[-1]))
        end--;
    statement->size_bytes = (size_t)(end - first);
    statement->line = line_at(reading, statement->offset);
    statement->control = control_of(words);
    statement->is_run_alone = is_run_alone(words);
    statement->is_concurrent = is_concurrent(words);
    statement->is_setting = is_setting(words);
    statement->is_removal =
        statement->is_concurrent && !take_word(&words, "create") && !take_word(&words, "reindex");
    statement->is_set_transaction = take_word(&words, "set") && take_word(&words, "transaction");
    script->has_prepared |= is_about_prepared(words);
    script->has_copy |= piece->is_copy_in || take_word(&(struct words){first, end}, "copy");
    if (!piece->is_copy_in)
        return true;
    return take_copy_data(reading, lexer, statement, err);
}

static bool
split(struct reading *reading, struct script *script, struct error *err)
{
    AUTO_LEXER struct lexer *lexer = lexer_new(reading->text, reading->size_bytes);

    for (;;) {
        struct lexer_piece piece;
        switch (lexer_next(lexer, &piece)) {
        case LEXER_END:
            return true;
        case LEXER_UNTERMINATED:
            return fail_unterminated(reading, &piece, err);
        case LEXER_BACKSLASH:
            if (!skip_backslash(reading, lexer, &piece, err))
                return false;
            break;
        case LEXER_STATEMENT:
            if (!add_statement(reading, lexer, &piece, script, err))
                return false;
            break;
        }
    }
}

static bool
check_closed(const struct reading *reading, const struct script *script, struct error *err)
{
    const struct statement *open = NULL;

    for (size_t i = 0; i < script->count; i++) {
        const struct statement *statement = &script->statements[i];
        bool is_opening = statement->control == CONTROL_CHAIN ||
                          (statement->control == CONTROL_BEGIN && open == NULL);
        if (is_opening)
            open = statement;
        else if (statement->control != CONTROL_NONE && statement->control != CONTROL_BEGIN)
            open = NULL;
    }
    if (open == NULL)
        return true;
    error_set(err, ERROR_INPUT, "this %s is never closed",
        open->control == CONTROL_CHAIN ? "COMMIT AND CHAIN" : "BEGIN");
    if (open->control == CONTROL_CHAIN) {
        error_hint(err, "Add COMMIT at the end of the file, or remove AND CHAIN. Nothing was run.");
        return fail_at(reading, err, open->offset);
    }
    error_hint(err, "Add COMMIT at the end of the file, or remove the BEGIN: each migration runs "
                    "in a transaction as it is. Nothing was run.");
    return fail_at(reading, err, open->offset);
}

/* BEGIN with an isolation level, READ ONLY, DEFERRABLE. */
static bool
has_begin_options(struct words words)
{
    if (!take_word(&words, "start"))
        take_word(&words, "begin");
    if (!take_word(&words, "work"))
        take_word(&words, "transaction");
    return !is_at_end(&words);
}

static void
choose_mode(const char *text, bool is_without_transaction, struct script *script)
{
    size_t controls = 0;

    for (size_t i = 0; i < script->count; i++)
        controls += script->statements[i].control != CONTROL_NONE;

    bool is_wrapped = controls == 2 && script->statements[0].control == CONTROL_BEGIN &&
                      script->statements[script->count - 1].control == CONTROL_COMMIT;
    if (is_without_transaction) {
        script->why_alone = ALONE_DIRECTIVE;
    } else if (is_wrapped) {
        const char *begin = text + script->statements[0].offset;
        script->mode = SCRIPT_WRAPPED;
        script->has_begin_options =
            has_begin_options((struct words){begin, begin + script->statements[0].size_bytes});
        return;
    } else if (controls > 0) {
        script->why_alone = ALONE_TRANSACTIONS;
    } else if (script->count == 1 && script->statements[0].is_run_alone) {
        script->why_alone = ALONE_COMMAND;
    }
    script->mode = script->why_alone != ALONE_NOT ? SCRIPT_ALONE : SCRIPT_TRANSACTION;
}

bool
script_parse(
    const char *file, const char *text, size_t size_bytes, struct script *script, struct error *err)
{
    struct reading reading = {.file = file, .text = text, .size_bytes = size_bytes, .line = 1};
    AUTO_SCRIPT parsed = {0};
    struct directives directives = DIRECTIVES_INIT;

    passwords_remember(text, size_bytes); /* before an error can show the first line */
    if (!directives_read(file, text, size_bytes, &directives, err))
        return false;
    if (!split(&reading, &parsed, err))
        return false;
    if (!check_closed(&reading, &parsed, err))
        return false;
    parsed.lock_timeout_ms = directives.lock_timeout_ms;
    parsed.statement_timeout_ms = directives.statement_timeout_ms;
    parsed.retry_for_ms = directives.retry_for_ms;
    choose_mode(text, directives.is_without_transaction, &parsed);
    *script = parsed;
    parsed = (struct script){0};
    return true;
}

void
script_checksum(
    const char *text, const struct script *script, size_t count, char hex[DIGEST_HEX_BYTES])
{
    const struct statement *last = count > 0 ? &script->statements[count - 1] : NULL;
    size_t size_bytes = 0;

    if (last != NULL)
        size_bytes = last->is_copy_in ? last->data_offset + last->data_bytes
                                      : last->offset + last->size_bytes;
    digest_text(text, size_bytes, hex);
}

void
script_place_error(const struct script *script,
    const char *text,
    size_t size_bytes,
    size_t statement,
    size_t position,
    struct error *err)
{
    const struct statement *refused = &script->statements[statement];
    size_t within =
        position == 0 ? 0 : utf8_offset(text + refused->offset, refused->size_bytes, position - 1);

    error_show_source(err, text, size_bytes, refused->offset + within);
    if (position == 0)
        err->caret = 0;
}
