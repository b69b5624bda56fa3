/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any UTF-8 text as a migration file, and as the schema that `write` reads.
 *
 * What must hold of a text that is accepted: the statements stand in it one
 * after the other, each on the line it claims, none holds another's COPY data,
 * and nothing but space, comments and what psql does not send lies between
 * them. Joined again without it, they are the same statements. Wherever the
 * server says that an error is, it is shown at a place of the text. A hint of a
 * rename is a comment, and belongs to a statement.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"
#include "engine/rename_hints.h"
#include "fuzz.h"

static size_t
count_lines(const char *text, size_t end)
{
    size_t lines = 1;

    for (size_t i = 0; i < end; i++)
        lines += text[i] == '\n';
    return lines;
}

static bool
is_space(char byte)
{
    return byte != '\0' && strchr(" \t\n\r\f\v", byte) != NULL;
}

static void
check_statements(const struct script *script, const char *text, size_t size_bytes)
{
    size_t end = 0;

    for (size_t i = 0; i < script->count; i++) {
        const struct statement *statement = &script->statements[i];

        MUST_HOLD(statement->offset >= end);
        MUST_HOLD(statement->offset <= size_bytes);
        MUST_HOLD(statement->size_bytes > 0);
        MUST_HOLD(statement->size_bytes <= size_bytes - statement->offset);
        MUST_HOLD(statement->line == count_lines(text, statement->offset));
        end = statement->offset + statement->size_bytes;
        MUST_HOLD(!is_space(text[statement->offset]) && text[statement->offset] != ';');
        MUST_HOLD(!is_space(text[end - 1]));
        MUST_HOLD(i + 1 == script->count || text[end - 1] == ';');
        if (statement->is_copy_in) {
            MUST_HOLD(script->has_copy);
            MUST_HOLD(statement->data_offset > end);
            MUST_HOLD(statement->data_offset <= size_bytes);
            MUST_HOLD(statement->data_bytes <= size_bytes - statement->data_offset);
            MUST_HOLD(text[statement->data_offset - 1] == '\n');
            end = statement->data_offset + statement->data_bytes;
            MUST_HOLD(text[end - 1] == '\n');
            MUST_HOLD(strncmp(text + end, "\\.", 2) == 0);
        } else {
            MUST_HOLD(statement->data_offset == 0 && statement->data_bytes == 0);
        }
    }
}

static void
check_mode(const struct script *script)
{
    size_t controls = 0;

    for (size_t i = 0; i < script->count; i++)
        controls += script->statements[i].control != CONTROL_NONE;
    MUST_HOLD((script->mode == SCRIPT_ALONE) == (script->why_alone != ALONE_NOT));
    MUST_HOLD(script->mode != SCRIPT_TRANSACTION || controls == 0);
    MUST_HOLD(script->mode != SCRIPT_WRAPPED || (controls == 2 && script->count >= 2));
    MUST_HOLD(script->why_alone != ALONE_COMMAND || script->count == 1);
    MUST_HOLD(script->why_alone != ALONE_TRANSACTIONS || controls > 0);
    MUST_HOLD(script->lock_timeout_ms >= -1 && script->statement_timeout_ms >= -1);
    MUST_HOLD(script->retry_for_ms >= -1);
}

/* The statements one a line, without what stood between them. */
static void
check_again(const struct script *script, const char *text)
{
    AUTO_TEXT joined = TEXT_INIT;
    AUTO_SCRIPT again = {0};
    struct error err = ERROR_INIT;

    for (size_t i = 0; i < script->count; i++) {
        const struct statement *statement = &script->statements[i];
        text_add(&joined, text + statement->offset, statement->size_bytes);
        text_puts(&joined, "\n");
        if (!statement->is_copy_in)
            continue;
        text_add(&joined, text + statement->data_offset, statement->data_bytes);
        text_puts(&joined, "\\.\n");
    }
    MUST_HOLD(script_parse("1_fuzz.up.sql", text_string(&joined), joined.size_bytes, &again, &err));
    MUST_HOLD(again.count == script->count);
    for (size_t i = 0; i < script->count; i++) {
        const struct statement *one = &script->statements[i];
        const struct statement *other = &again.statements[i];

        MUST_HOLD(one->size_bytes == other->size_bytes);
        MUST_HOLD(memcmp(text + one->offset, joined.data + other->offset, one->size_bytes) == 0);
        MUST_HOLD(one->control == other->control);
        MUST_HOLD(one->is_run_alone == other->is_run_alone);
        MUST_HOLD(one->is_copy_in == other->is_copy_in);
        MUST_HOLD(one->data_bytes == other->data_bytes);
    }
    MUST_HOLD(script->why_alone == ALONE_DIRECTIVE || again.mode == script->mode);
}

static void
check_place(const struct error *err, const char *text, size_t offset)
{
    MUST_HOLD(err->line == count_lines(text, offset));
    MUST_HOLD(err->column >= 1 && err->column <= offset + 1);
    MUST_HOLD(err->caret <= utf8_count(err->source, strlen(err->source)) + 1);
    MUST_HOLD(utf8_valid(err->source, strlen(err->source)) == strlen(err->source));
}

/* Of one statement, so that a long text takes no long time. */
static void
check_places(const struct script *script, const char *text, size_t size_bytes)
{
    size_t index = script->count > 0 ? size_bytes % script->count : 0;
    const size_t positions[] = {0, 1, size_bytes / 2, size_bytes + 2, SIZE_MAX};

    for (size_t i = 0; script->count > 0 && i < ARRAY_LENGTH(positions); i++) {
        const struct statement *statement = &script->statements[index];
        size_t offset = statement->offset;
        size_t end = offset + statement->size_bytes;
        struct error err = ERROR_INIT;

        for (size_t left = positions[i]; left > 1 && offset < end; left--) {
            do {
                offset++;
            } while (((unsigned char)text[offset] & 0xC0) == 0x80);
        }
        script_place_error(script, text, size_bytes, index, positions[i], &err);
        check_place(&err, text, offset);
        MUST_HOLD((err.caret == 0) == (positions[i] == 0));
    }
}

static void
check_refusal(
    const struct error *err, const struct script *script, const char *text, size_t size_bytes)
{
    MUST_HOLD(script->count == 77 && script->statements == NULL);
    MUST_HOLD(err->kind == ERROR_INPUT);
    MUST_HOLD(err->message[0] != '\0');
    MUST_HOLD(strcmp(err->file, "1_fuzz.up.sql") == 0);
    MUST_HOLD(err->line >= 1 && err->line <= count_lines(text, size_bytes));
    MUST_HOLD(err->column >= 1 && err->caret >= 1);
    MUST_HOLD(err->caret <= utf8_count(err->source, strlen(err->source)) + 1);
    MUST_HOLD(utf8_valid(err->message, strlen(err->message)) == strlen(err->message));
    MUST_HOLD(utf8_valid(err->source, strlen(err->source)) == strlen(err->source));
}

static void
check_hint(const struct rename_hint *hint, const struct script *script, const char *text)
{
    MUST_HOLD(strncmp(text + hint->offset, "--", 2) == 0);
    MUST_HOLD(hint->statement < script->count);
    MUST_HOLD(hint->old_name[0] != '\0' && strchr(hint->old_name, '\n') == NULL);
    MUST_HOLD(hint->column == NULL || hint->column[0] != '\0');
    MUST_HOLD(hint->table_oid == NULL);
}

static void
try_hints(const char *text, size_t size_bytes)
{
    AUTO_RENAME_HINTS hints = {0};
    struct script script = {.count = 77};
    struct error err = ERROR_INIT;

    if (!rename_hints_parse("1_fuzz.up.sql", text, size_bytes, &script, &hints, &err)) {
        check_refusal(&err, &script, text, size_bytes);
        MUST_HOLD(hints.hints == NULL);
        return;
    }
    MUST_HOLD(err.kind == ERROR_NONE);
    check_statements(&script, text, size_bytes);
    for (size_t i = 0; i < hints.count; i++)
        check_hint(&hints.hints[i], &script, text);
    script_done(&script);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct error err = ERROR_INIT;
    AUTO_STRING char *text = memory_copy((const char *)data, size_bytes);
    struct script script = {.count = 77};

    if (memchr(text, '\0', size_bytes) != NULL || utf8_valid(text, size_bytes) != size_bytes)
        return 0; /* not what script_parse takes */
    try_hints(text, size_bytes);
    if (!script_parse("1_fuzz.up.sql", text, size_bytes, &script, &err)) {
        check_refusal(&err, &script, text, size_bytes);
        secret_forget_all();
        return 0;
    }
    MUST_HOLD(err.kind == ERROR_NONE);
    check_statements(&script, text, size_bytes);
    check_mode(&script);
    check_again(&script, text);
    check_places(&script, text, size_bytes);
    script_done(&script);
    secret_forget_all();
    return 0;
}
