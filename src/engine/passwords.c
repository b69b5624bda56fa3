/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/passwords.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"

#define SPACE " \t\r\n\f\v"

/* As it stands there, and as the server reads it. */
static void
remember(const char *bytes, size_t size_bytes)
{
    AUTO_STRING char *raw = memory_copy(bytes, size_bytes);
    AUTO_TEXT read = TEXT_INIT;

    for (size_t i = 0; i < size_bytes; i++) {
        text_add(&read, bytes + i, 1);
        i += bytes[i] == '\'' && i + 1 < size_bytes && bytes[i + 1] == '\'';
    }
    secret_add(raw);
    secret_add(text_string(&read));
}

/* Behind its first quote; an open one ends with its line. */
static void
remember_quoted(const char *at)
{
    size_t size = 0;

    while (at[size] != '\0' && at[size] != '\n') {
        if (at[size] == '\'' && at[size + 1] != '\'')
            break;
        size += at[size] == '\'' ? 2 : 1;
    }
    remember(at, size);
}

/* In a literal's own literal each quote is two: EXECUTE 'ALTER ROLE a PASSWORD ''b'''. */
static void
remember_nested(const char *at)
{
    const char *end = strstr(at, "''");
    size_t line = strcspn(at, "\n");

    remember(at, end != NULL && (size_t)(end - at) < line ? (size_t)(end - at) : line);
}

/* $tag$…$tag$ */
static void
remember_dollar(const char *at)
{
    size_t tag =
        1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

    if (at[tag++] != '$')
        return;
    AUTO_STRING char *closing = memory_copy(at, tag);
    const char *end = strstr(at + tag, closing);
    remember(at + tag, end != NULL ? (size_t)(end - at) - tag : strcspn(at + tag, "\n"));
}

/* What stands behind the word. */
static void
remember_value(const char *at, bool is_in_literal)
{
    at += strspn(at, SPACE);
    bool has_equals = *at == '=';
    at += has_equals;
    at += strspn(at, SPACE);

    if (strncmp(at, "''", 2) == 0 && is_in_literal)
        remember_nested(at + 2);
    else if (*at == '\'')
        remember_quoted(at + 1);
    else if (*at != '\0' && strchr("eEnN", *at) != NULL && at[1] == '\'')
        remember_quoted(at + 2);
    else if ((*at == 'u' || *at == 'U') && strncmp(at + 1, "&'", 2) == 0)
        remember_quoted(at + 3);
    else if (*at == '$')
        remember_dollar(at);
    else if (has_equals && is_in_literal)
        remember(at, strcspn(at, SPACE "'\"&"));
}

/* Behind `://`: USER:PASSWORD@ */
static void
remember_login(const char *at)
{
    size_t size = strcspn(at, SPACE "'\"");
    const char *colon = memchr(at, ':', size);
    const char *end = memrchr(at, '@', size);

    if (colon != NULL && end != NULL && colon < end)
        remember(colon + 1, (size_t)(end - colon) - 1);
}

/* Behind a comment that begins at `at`; `at` where none does. */
static const char *
skip_comment(const char *at)
{
    if (strncmp(at, "--", 2) == 0)
        return at + strcspn(at, "\r\n");
    if (strncmp(at, "/*", 2) == 0) {
        const char *end = strstr(at, "*/");
        return end != NULL ? end + 2 : at + strlen(at);
    }
    return at;
}

void
passwords_remember(const char *text, size_t size_bytes)
{
    static const char WORD[] = "password";
    const char *end = text + size_bytes;
    bool is_in_literal = false;

    for (const char *at = text; at < end;) {
        const char *after = is_in_literal ? at : skip_comment(at);
        if (after > at) {
            at = after;
            continue;
        }
        if (*at == '\'')
            is_in_literal = !is_in_literal;
        else if ((*at == 'p' || *at == 'P') && strncasecmp(at, WORD, strlen(WORD)) == 0)
            remember_value(at + strlen(WORD), is_in_literal);
        else if (*at == ':' && is_in_literal && strncmp(at, "://", 3) == 0)
            remember_login(at + 3);
        at++;
    }
}
