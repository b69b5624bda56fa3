/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/database_secret.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"

bool
database_secret_is(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return *text == '{';
}

static bool
is_set(const char *variable)
{
    const char *value = getenv(variable);

    return value != NULL && *value != '\0';
}

/* libpq's quoting: between apostrophes, a backslash before an apostrophe or another. */
static void
add_word(struct text *words, const char *name, const char *value)
{
    text_printf(words, "%s%s='", words->size_bytes > 0 ? " " : "", name);
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            text_puts(words, "\\");
        text_add(words, value, 1);
    }
    text_puts(words, "'");
}

/* The member's text; NULL where it is not there, null or empty. */
static bool
read_string(const json_t *object, const char *key, const char **value, struct error *err)
{
    const json_t *member = json_object_get(object, key);

    *value = NULL;
    if (member == NULL || json_is_null(member))
        return true;
    if (!json_is_string(member))
        return error_set(err, ERROR_USAGE, "%s is not a string", key);
    if (*json_string_value(member) != '\0')
        *value = json_string_value(member);
    return true;
}

/* A number, or a string of one; 0 where it is not there. */
static bool
read_port(const json_t *object, int64_t *port, struct error *err)
{
    enum { LARGEST = 65535 };
    const json_t *member = json_object_get(object, "port");
    struct error ignored = ERROR_INIT;
    const char *digits = NULL;
    int64_t found = 0;
    bool is_read = true;

    if (json_is_integer(member)) {
        found = json_integer_value(member);
        is_read = found >= 1 && found <= LARGEST;
    } else {
        is_read = read_string(object, "port", &digits, &ignored) &&
                  (digits == NULL || parse_number(digits, 1, LARGEST, &found, &ignored));
    }
    if (!is_read)
        return error_set(err, ERROR_USAGE, "port is no number from 1 to %d", LARGEST);
    *port = found;
    return true;
}

static bool
check_engine(const json_t *object, struct error *err)
{
    const char *engine = NULL;

    if (!read_string(object, "engine", &engine, err))
        return false;
    return engine == NULL || strcmp(engine, "postgres") == 0 ||
           strcmp(engine, "aurora-postgresql") == 0 ||
           error_set(err, ERROR_USAGE, "engine is neither postgres nor aurora-postgresql");
}

static bool
fail_missing(const char *key, const char *variable, struct error *err)
{
    error_set(err, ERROR_USAGE, "it has no %s, and %s is not set", key, variable);
    return error_hint(err, "A secret that RDS manages holds the username and the password alone: "
                           "set PGHOST, PGPORT and PGDATABASE beside it.");
}

static bool
make_words(const json_t *object, bool is_password_needed, struct text *words, struct error *err)
{
    const char *sslmode = is_set("PGSSLMODE") ? getenv("PGSSLMODE") : "require";
    const char *host, *user, *password, *database;
    int64_t port = 0;
    char digits[24];

    if (!check_engine(object, err) || !read_string(object, "host", &host, err) ||
        !read_string(object, "username", &user, err) ||
        !read_string(object, "password", &password, err) ||
        !read_string(object, "dbname", &database, err) || !read_port(object, &port, err))
        return false;
    if (user == NULL)
        return error_set(err, ERROR_USAGE, "it has no username");
    if (password == NULL && is_password_needed)
        return error_set(err, ERROR_USAGE, "it has no password, and --auth names no other login");
    if (host == NULL && !is_set("PGHOST") && !is_set("PGHOSTADDR"))
        return fail_missing("host", "PGHOST", err);
    if (database == NULL && !is_set("PGDATABASE"))
        return fail_missing("dbname", "PGDATABASE", err);

    if (host != NULL)
        add_word(words, "host", host);
    if (port != 0) {
        snprintf(digits, sizeof(digits), "%" PRId64, port);
        add_word(words, "port", digits);
    }
    add_word(words, "user", user);
    if (password != NULL)
        add_word(words, "password", password);
    if (database != NULL)
        add_word(words, "dbname", database);
    add_word(words, "sslmode", sslmode);
    return true;
}

bool
database_secret_parse(const char *text, bool is_password_needed, char **conninfo, struct error *err)
{
    AUTO_JSON json_t *object = json_loads(text, 0, NULL);
    AUTO_TEXT words = TEXT_INIT;

    if (!json_is_object(object)) {
        error_set(err, ERROR_USAGE, "the database's JSON secret cannot be read");
        return error_hint(err, "It looks like {\"engine\":\"postgres\",\"host\":…,\"username\":…,"
                               "\"password\":…,\"dbname\":…,\"port\":5432}.");
    }
    if (!make_words(object, is_password_needed, &words, err))
        return error_prefix(err, "the database's JSON secret");
    *conninfo = text_take(&words);
    return true;
}
