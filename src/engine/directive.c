/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/directive.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"

enum { LINE_BYTES = 200 };

static const struct {
    const char *name;
    size_t offset;
} DURATIONS[] = {
    {"lock-timeout=", offsetof(struct directives, lock_timeout_ms)},
    {"statement-timeout=", offsetof(struct directives, statement_timeout_ms)},
    {"retry-for=", offsetof(struct directives, retry_for_ms)},
};

static const char *const WITHOUT_TRANSACTION[] = {
    "pgstride: no-transaction",
    "atlas:txmode none",
    "+goose NO TRANSACTION",
    "morph:nontransactional",
    "migrate:up transaction:false",
    "migrate:down transaction:false",
};

static bool
starts_with(const char *text, const char *prefix)
{
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static bool
read_duration(const char *body, struct directives *directives, bool *is_known, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LENGTH(DURATIONS); i++) {
        if (!starts_with(body, DURATIONS[i].name))
            continue;
        int64_t value = 0;
        *is_known = true;
        if (!parse_duration(body + strlen(DURATIONS[i].name), &value, err))
            return false;
        memcpy((char *)directives + DURATIONS[i].offset, &value, sizeof(value));
        return true;
    }
    *is_known = false;
    return true;
}

/* `comment` is a line comment's text, trimmed, without its dashes. */
static bool
read_comment(const char *comment, struct directives *directives, struct error *err)
{
    static const char OURS[] = "pgstride:";
    bool is_known = false;

    for (size_t i = 0; i < ARRAY_LENGTH(WITHOUT_TRANSACTION); i++) {
        if (strcasecmp(comment, WITHOUT_TRANSACTION[i]) == 0) {
            directives->is_without_transaction = true;
            return true;
        }
    }
    if (!starts_with(comment, OURS))
        return true;

    const char *body = comment + strlen(OURS);
    body += strspn(body, " \t");
    if (strcasecmp(body, "no-transaction") == 0) {
        directives->is_without_transaction = true;
        return true;
    }
    if (!read_duration(body, directives, &is_known, err))
        return false;
    if (is_known)
        return true;
    error_set(err, ERROR_INPUT, "unknown directive \"%s\"", body);
    return error_hint(err, "The directives are no-transaction, lock-timeout=, statement-timeout= "
                           "and retry-for=.");
}

bool
directives_read(const char *file,
    const char *text,
    size_t size_bytes,
    struct directives *directives,
    struct error *err)
{
    size_t at = 0;

    while (at < size_bytes) {
        if (isspace((unsigned char)text[at])) {
            at++;
            continue;
        }
        if (size_bytes - at < 2 || memcmp(text + at, "--", 2) != 0)
            break;

        const char *newline = memchr(text + at, '\n', size_bytes - at);
        size_t end = newline != NULL ? (size_t)(newline - text) : size_bytes;
        size_t from = at + 2;
        size_t to = end;
        while (from < to && isspace((unsigned char)text[from]))
            from++;
        while (to > from && isspace((unsigned char)text[to - 1]))
            to--;
        char comment[LINE_BYTES];
        size_t size = to - from < sizeof(comment) - 1 ? to - from : sizeof(comment) - 1;
        memcpy(comment, text + from, size);
        comment[size] = '\0';
        if (!read_comment(comment, directives, err)) {
            err->kind = ERROR_INPUT;
            error_place(err, file, 0, 0);
            error_show_source(err, text, size_bytes, from);
            return false;
        }
        at = end;
    }
    return true;
}
