/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/database_url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/postgres.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"

void
database_url_done(struct database_url *url)
{
    for (size_t i = 0; i < url->settings_count; i++) {
        free(url->settings[i].name);
        free(url->settings[i].value);
    }
    free(url->settings);
    free(url->conninfo);
    free(url->table);
    free(url->schema);
    *url = (struct database_url){0};
}

static int
hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)tolower((unsigned char)digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* RFC 3986's percent-encoding. NULL when a % is not followed by two digits, or for %00. */
static char *
decode(const char *text, size_t size_bytes)
{
    AUTO_TEXT decoded = TEXT_INIT;

    for (size_t i = 0; i < size_bytes; i++) {
        char byte = text[i];
        if (byte == '%') {
            int high = i + 2 < size_bytes ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < size_bytes ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return NULL;
            byte = (char)(high << 4 | low);
            i += 2;
        }
        text_add(&decoded, &byte, 1);
    }
    return text_take(&decoded);
}

static bool
fail_unescaped(struct error *err)
{
    error_set(err, ERROR_USAGE,
        "the database URL cannot be read: its user or password has characters that must be "
        "percent-encoded");
    return error_hint(err,
        "Write @ as %%40, : as %%3A, / as %%2F, ? as %%3F, # as %%23, %% as %%25, "
        "a space as %%20, [ as %%5B and ] as %%5D; or leave the password out of "
        "the URL and give it in PGPASSWORD.");
}

/* Does the `@` at `at` stand in the value of a parameter of libpq's, such as user=me@there? */
static bool
is_in_parameter(const char *query, const char *at)
{
    const char *start = query + 1;

    for (const char *amp = start; amp < at; amp++)
        start = *amp == '&' ? amp + 1 : start;
    const char *equals = memchr(start, '=', (size_t)(at - start));
    if (equals == NULL)
        return false;
    AUTO_STRING char *name = memory_copy(start, (size_t)(equals - start));
    return pg_is_parameter(name);
}

/*
 * A raw special character in a password moves the URL's borders: a second `@`
 * follows, or a `/`, `?` or `#` comes before the first.
 */
static bool
has_unescaped(const char *after_scheme)
{
    const char *at = strchr(after_scheme, '@');
    const char *border = after_scheme + strcspn(after_scheme, "/?#");
    const char *query = strchr(after_scheme, '?');

    if (strchr(after_scheme, '#') != NULL)
        return true;
    if (at == NULL)
        return false;
    if (strchr(at + 1, '@') != NULL)
        return true;
    return border < at && (query == NULL || query > at || !is_in_parameter(query, at));
}

static bool
read_quoted_table(const char *value, struct database_url *url)
{
    char *parts[2] = {NULL, NULL};
    size_t count = 0;
    const char *at = value;

    while (*at == '"' && count < ARRAY_LENGTH(parts)) {
        size_t size = strcspn(at + 1, "\"");
        if (at[1 + size] != '"' || size == 0)
            break;
        parts[count++] = memory_copy(at + 1, size);
        at += size + 2;
        if (*at != '.' || at[1] != '"')
            break;
        at++;
    }
    if (*at != '\0' || count == 0) {
        free(parts[0]);
        free(parts[1]);
        return false;
    }
    free(url->table);
    free(url->schema);
    url->table = parts[count - 1];
    url->schema = count == 2 ? parts[0] : NULL;
    return true;
}

struct reading {
    struct database_url *url;
    struct text query; /* what libpq keeps */
    bool is_table_quoted;
    bool is_table_given;
};

static void
release_reading(struct reading *reading)
{
    text_done(&reading->query);
}

static bool
take_ours(struct reading *reading, const char *name, char *value, bool *is_ours, struct error *err)
{
    static const char *const IGNORED[] = {
        "x-multi-statement", "x-multi-statement-max-size", "x-lock-strategy", "x-lock-table"};
    struct database_url *url = reading->url;

    *is_ours = strncmp(name, "x-", 2) == 0;
    if (!*is_ours)
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(IGNORED); i++) {
        if (strcmp(name, IGNORED[i]) == 0)
            return true;
    }
    if (strcmp(name, "x-migrations-table") == 0) {
        free(url->table);
        url->table = memory_string(value);
        reading->is_table_given = true;
        return *value != '\0' || error_set(err, ERROR_USAGE, "x-migrations-table is empty");
    }
    if (strcmp(name, "x-migrations-table-quoted") == 0)
        return parse_boolean(value, &reading->is_table_quoted, err) ||
               error_prefix(err, "x-migrations-table-quoted");
    if (strcmp(name, "x-statement-timeout") == 0)
        return parse_number(value, 0, INT32_MAX, &url->statement_timeout_ms, err) ||
               error_prefix(err, "x-statement-timeout (milliseconds)");
    error_set(err, ERROR_USAGE, "the database URL has an unknown parameter %.60s", name);
    return error_hint(err, "Known are x-migrations-table, x-migrations-table-quoted, "
                           "x-statement-timeout and x-multi-statement.");
}

static bool
is_setting_name(const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (!isalnum((unsigned char)*at) && *at != '_' && *at != '.')
            return false;
    }
    return *name != '\0';
}

static bool
take_parameter(struct reading *reading, const char *raw, size_t size_bytes, struct error *err)
{
    const char *equals = memchr(raw, '=', size_bytes);
    size_t name_size = equals != NULL ? (size_t)(equals - raw) : size_bytes;
    AUTO_STRING char *name = decode(raw, name_size);
    AUTO_STRING char *value =
        equals != NULL ? decode(equals + 1, size_bytes - name_size - 1) : memory_string("");
    bool is_ours = false;

    if (size_bytes == 0)
        return true;
    if (name == NULL || value == NULL)
        return error_set(err, ERROR_USAGE,
            "the database URL cannot be read: a %% in its parameters is not followed by two "
            "hexadecimal digits");
    if (!take_ours(reading, name, value, &is_ours, err))
        return false;
    if (is_ours)
        return true;
    if (pg_is_parameter(name) || strcmp(name, "ssl") == 0) {
        text_puts(&reading->query, reading->query.size_bytes > 0 ? "&" : "?");
        text_add(&reading->query, raw, size_bytes);
        return true;
    }
    if (!is_setting_name(name))
        return error_set(
            err, ERROR_USAGE, "the database URL has a parameter without a proper name");

    struct setting *setting = ARRAY_ADD(
        reading->url->settings, reading->url->settings_count, reading->url->settings_capacity);
    setting->name = TAKE(name);
    setting->value = TAKE(value);
    return true;
}

static bool
read_query(struct reading *reading, const char *query, struct error *err)
{
    while (*query != '\0') {
        size_t size = strcspn(query, "&");
        if (!take_parameter(reading, query, size, err))
            return false;
        query += size + (query[size] == '&');
    }
    if (reading->is_table_quoted && reading->is_table_given) {
        AUTO_STRING char *quoted = TAKE(reading->url->table);
        if (!read_quoted_table(quoted, reading->url)) {
            error_set(err, ERROR_USAGE, "x-migrations-table is not a quoted name");
            return error_hint(err, "Write \"table\" or \"schema\".\"table\", percent-encoded.");
        }
    }
    return true;
}

bool
database_url_parse(const char *text, struct database_url *url, struct error *err)
{
    static const char *const SCHEMES[] = {
        "postgres://", "postgresql://", "pgx://", "pgx4://", "pgx5://"};
    AUTO_DATABASE_URL parsed = {.statement_timeout_ms = -1};
    __attribute__((cleanup(release_reading))) struct reading reading = {.url = &parsed};
    const char *rest = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(SCHEMES); i++) {
        if (strncmp(text, SCHEMES[i], strlen(SCHEMES[i])) == 0)
            rest = text + strlen(SCHEMES[i]);
    }
    if (rest == NULL && strstr(text, "://") != NULL) {
        error_set(err, ERROR_USAGE, "the database URL does not begin with postgres://");
        return error_hint(
            err, "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full.");
    }
    if (rest != NULL && has_unescaped(rest))
        return fail_unescaped(err);
    if (rest != NULL) {
        size_t base_size = strcspn(rest, "?");
        /* With an @ behind it, what looks like a parameter may be a part of the password. */
        if (rest[base_size] == '?' && !read_query(&reading, rest + base_size + 1, err))
            return strchr(rest + base_size, '@') != NULL ? fail_unescaped(err) : false;
        parsed.conninfo =
            memory_printf("postgres://%.*s%s", (int)base_size, rest, text_string(&reading.query));
    } else {
        parsed.conninfo = memory_string(text);
    }
    if (!pg_check_conninfo(parsed.conninfo, err)) {
        if (rest != NULL && strchr(rest, '@') != NULL)
            return fail_unescaped(err);
        return error_hint(err,
            "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, "
            "or libpq's host=… dbname=… words.");
    }
    *url = parsed;
    parsed = (struct database_url){0};
    return true;
}
