/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"

bool
error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
    va_list arguments;

    *err = (struct error){.kind = kind};
    va_start(arguments, format);
    vsnprintf(err->message, sizeof(err->message), format, arguments);
    va_end(arguments);
    text_mend_utf8(err->message);
    return false;
}

bool
error_prefix(struct error *err, const char *format, ...)
{
    char old[ERROR_MESSAGE_BYTES];
    va_list arguments;
    int length = 0;

    memcpy(old, err->message, sizeof(old));
    va_start(arguments, format);
    length = vsnprintf(err->message, sizeof(err->message), format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < sizeof(err->message))
        snprintf(err->message + length, sizeof(err->message) - (size_t)length, ": %s", old);
    text_mend_utf8(err->message);
    return false;
}

bool
error_hint(struct error *err, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(err->hint, sizeof(err->hint), format, arguments);
    va_end(arguments);
    text_mend_utf8(err->hint);
    return false;
}

bool
error_place(struct error *err, const char *file, size_t line, size_t column)
{
    snprintf(err->file, sizeof(err->file), "%s", file);
    text_mend_utf8(err->file);
    err->line = line;
    err->column = column;
    return false;
}

static size_t
line_start(const char *text, size_t offset)
{
    while (offset > 0 && text[offset - 1] != '\n')
        offset--;
    return offset;
}

static size_t
count_lines(const char *text, size_t offset)
{
    size_t lines = 1;

    for (size_t i = 0; i < offset; i++)
        lines += text[i] == '\n';
    return lines;
}

/* The line with a caret below its byte `at`, without secrets. */
static void
show_line(struct error *err, const char *line, size_t size, size_t at)
{
    enum { SHOWN_BYTES = 160, BEFORE_CARET_BYTES = 100 };
    AUTO_TEXT before = TEXT_INIT;
    AUTO_TEXT whole = TEXT_INIT;

    text_add(&before, line, at);
    text_add(&whole, line, size);
    secret_hide(&before);
    secret_hide(&whole); /* a whole one, before the line is cut */
    size_t caret = before.size_bytes < whole.size_bytes ? before.size_bytes : whole.size_bytes;
    caret = utf8_align(whole.data, caret);

    /* Keep the caret inside what is shown of a long line. */
    size_t from =
        caret > BEFORE_CARET_BYTES ? utf8_align(whole.data, caret - BEFORE_CARET_BYTES) : 0;
    size_t shown = whole.size_bytes - from;
    if (shown > SHOWN_BYTES)
        shown = utf8_align(whole.data, from + SHOWN_BYTES) - from;
    memcpy(err->source, whole.data + from, shown);
    err->source[shown] = '\0';
    for (size_t i = 0; i < shown; i++) {
        if ((unsigned char)err->source[i] < 0x20)
            err->source[i] = ' ';
    }
    err->caret = utf8_count(whole.data + from, caret - from) + 1;
}

void
error_show_source(struct error *err, const char *text, size_t size, size_t offset)
{
    if (offset > size)
        offset = size;

    size_t start = line_start(text, offset);
    size_t end = offset;
    while (end < size && text[end] != '\n' && text[end] != '\r')
        end++;

    err->line = count_lines(text, offset);
    err->column = utf8_count(text + start, offset - start) + 1;
    show_line(err, text + start, end - start, offset - start);
}

bool
error_is_sqlstate(const struct error *err, const char *code)
{
    return strcmp(err->sqlstate, code) == 0;
}
