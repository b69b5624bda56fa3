/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "engine/wording.h"

void
wording_error_title(const struct error *err, struct text *title)
{
    if (err->file[0] != '\0')
        text_puts(title, err->file);
    if (err->file[0] != '\0' && err->line > 0)
        text_printf(title, ":%zu", err->line);
    if (err->file[0] != '\0' && err->column > 0)
        text_printf(title, ":%zu", err->column);
    if (err->file[0] != '\0')
        text_puts(title, ": ");
    text_puts(title, err->message);
    if (err->sqlstate[0] != '\0')
        text_printf(title, " (%s)", err->sqlstate);
}

void
wording_error_source(const struct error *err, struct text *source)
{
    if (err->source[0] == '\0')
        return;

    int margin = snprintf(NULL, 0, "%zu", err->line);
    text_printf(source, "%zu | %s", err->line, err->source);
    if (err->caret > 0)
        text_printf(source, "\n%*s | %*s^", margin, "", (int)err->caret - 1, "");
}

static void
add_line(struct text *message, const char *label, const char *value)
{
    if (*value != '\0')
        text_printf(message, "\n%s%s", label, value);
}

void
wording_error(const struct error *err, struct text *message)
{
    AUTO_TEXT source = TEXT_INIT;

    wording_error_title(err, message);
    wording_error_source(err, &source);
    add_line(message, "", text_string(&source));
    add_line(message, "detail: ", err->detail);
    add_line(message, "hint: ", err->hint);
    add_line(message, "context: ", err->context);
}

json_t *
wording_error_fields(const struct error *err)
{
    json_t *fields = json_object();

    json_put_string(fields, "message", err->message);
    json_put_string(fields, "sqlstate", err->sqlstate);
    json_put_string(fields, "detail", err->detail);
    json_put_string(fields, "hint", err->hint);
    json_put_string(fields, "context", err->context);
    json_put_string(fields, "file", err->file);
    if (err->line > 0) {
        json_put_number(fields, "line", (int64_t)err->line);
        if (err->column > 0)
            json_put_number(fields, "column", (int64_t)err->column);
        json_put_string(fields, "source", err->source);
    }
    if (err->statement > 0)
        json_put_number(fields, "statement", (int64_t)err->statement);
    return fields;
}
