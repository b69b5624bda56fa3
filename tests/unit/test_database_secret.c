/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/database_secret.h"

#include <stdlib.h>

#include "adapter/postgres.h"

#include "unit.h"

#define WORD "sEcReTwOrD"

static int
without_environment(UNUSED void **state)
{
    static const char *const NAMES[] = {
        "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSSLMODE"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        unsetenv(NAMES[i]);
    return 0;
}

static void
a_secret_is_told_from_a_url(UNUSED void **state)
{
    assert_true(database_secret_is("{}"));
    assert_true(database_secret_is("\n {\"host\":"));
    assert_false(database_secret_is("postgres://a@b/{"));
    assert_false(database_secret_is("host=db"));
    assert_false(database_secret_is(""));
}

static void
a_secret_becomes_words(UNUSED void **state)
{
    static const struct {
        const char *json;
        const char *words;
    } TABLE[] = {
        {"{\"engine\":\"postgres\",\"host\":\"db\",\"username\":\"app\",\"password\":\"" WORD
         "\",\"dbname\":\"company\",\"port\":5432}",
            "host='db' port='5432' user='app' password='" WORD
            "' dbname='company' sslmode='require'"},
        {"{\"engine\":\"aurora-postgresql\",\"host\":\"db\",\"username\":\"app\",\"password\":\""
         "a\",\"dbname\":\"c\",\"port\":\"6543\"}\n\n",
            "host='db' port='6543' user='app' password='a' dbname='c' sslmode='require'"},
        {"{\"host\":\"db\",\"username\":\"app\",\"password\":\"a\",\"dbname\":\"c\",\"port\":null,"
         "\"engine\":null,\"masterarn\":[1],\"dbInstanceIdentifier\":\"x\"}",
            "host='db' user='app' password='a' dbname='c' sslmode='require'"},
        {"  {\"host\":\"db\",\"username\":\"o'b \\\\ c\",\"password\":\"' host='evil\\\\\","
         "\"dbname\":\"a b=c\",\"port\":\"\"}",
            "host='db' user='o\\'b \\\\ c' password='\\' host=\\'evil\\\\' dbname='a b=c' "
            "sslmode='require'"},
        {"{\"host\":\"db\",\"username\":\"app\",\"password\":\"postgres://\\u00e9\\\" \\n\","
         "\"dbname\":\"c\"}",
            "host='db' user='app' password='postgres://\xC3\xA9\" \n' dbname='c' "
            "sslmode='require'"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_STRING char *words = NULL;
        struct error err = ERROR_INIT;
        if (!database_secret_parse(TABLE[i].json, true, &words, &err))
            fail_msg("%s: %s", TABLE[i].json, err.message);
        assert_string_equal(words, TABLE[i].words);
        assert_true(pg_check_conninfo(words, &err));
    }
}

/* What libpq reads back is what the secret says. */
static void
any_character_survives(UNUSED void **state)
{
    AUTO_STRING char *words = NULL;
    AUTO_STRING char *password = NULL;
    AUTO_STRING char *host = NULL;
    struct error err = ERROR_INIT;

    assert_true(
        database_secret_parse("{\"host\":\"db\",\"username\":\"a\",\"dbname\":\"d\","
                              "\"password\":\"' \\\\ \\\\' host=x %40 \\t\\u0001@:/?#[]&=\\\"\"}",
            true, &words, &err));
    password = pg_conninfo_value(words, "password");
    host = pg_conninfo_value(words, "host");
    assert_string_equal(password, "' \\ \\' host=x %40 \t\x01@:/?#[]&=\"");
    assert_string_equal(host, "db");
}

static void
what_is_missing_comes_from_the_environment(UNUSED void **state)
{
    static const char SECRET[] = "{\"username\":\"app\",\"password\":\"a\"}";
    static const char BESIDE[] =
        "A secret that RDS manages holds the username and the password alone: "
        "set PGHOST, PGPORT and PGDATABASE beside it.";
    AUTO_STRING char *words = NULL;
    struct error err = ERROR_INIT;

    assert_false(database_secret_parse(SECRET, true, &words, &err));
    assert_string_equal(
        err.message, "the database's JSON secret: it has no host, and PGHOST is not set");
    assert_string_equal(err.hint, BESIDE);
    setenv("PGHOST", "db", 1);
    err = ERROR_INIT;
    assert_false(database_secret_parse(SECRET, true, &words, &err));
    assert_string_equal(
        err.message, "the database's JSON secret: it has no dbname, and PGDATABASE is not set");
    assert_string_equal(err.hint, BESIDE);
    setenv("PGDATABASE", "company", 1);
    setenv("PGSSLMODE", "verify-full", 1);
    assert_null(words);
    assert_true(database_secret_parse(SECRET, true, &words, &err));
    assert_string_equal(words, "user='app' password='a' sslmode='verify-full'");
}

static void
what_is_no_secret_is_refused(UNUSED void **state)
{
    static const struct {
        const char *json;
        const char *message;
    } TABLE[] = {
        {"{", "cannot be read"},
        {"{\"password\":\"" WORD, "cannot be read"},
        {"{\"password\":\"" WORD "\"} " WORD, "cannot be read"},
        {"{\"password\":\"" WORD "\\u0000\"}", "cannot be read"},
        {"{\"username\":\"" WORD "\"}", "it has no password, and --auth names no other login"},
        {"{\"password\":\"" WORD "\"}", "it has no username"},
        {"{\"username\":\"\",\"password\":\"" WORD "\"}", "it has no username"},
        {"{\"username\":1,\"password\":\"" WORD "\"}", "username is not a string"},
        {"{\"username\":\"a\",\"password\":[\"" WORD "\"]}", "password is not a string"},
        {"{\"engine\":\"mysql\",\"username\":\"a\",\"password\":\"" WORD "\"}",
            "engine is neither postgres nor aurora-postgresql"},
        {"{\"engine\":\"" WORD "\"}", "engine is neither postgres nor aurora-postgresql"},
        {"{\"host\":5,\"username\":\"a\",\"password\":\"" WORD "\"}", "host is not a string"},
        {"{\"dbname\":{},\"username\":\"a\",\"password\":\"" WORD "\"}", "dbname is not a string"},
        {"{\"port\":0,\"username\":\"a\",\"password\":\"" WORD "\"}",
            "port is no number from 1 to 65535"},
        {"{\"port\":65536}", "port is no number from 1 to 65535"},
        {"{\"port\":\"" WORD "\"}", "port is no number from 1 to 65535"},
        {"{\"port\":54.5}", "port is no number from 1 to 65535"},
        {"{\"port\":true}", "port is no number from 1 to 65535"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_STRING char *words = NULL;
        AUTO_STRING char *expected = memory_printf("the database's JSON secret%s %s",
            strcmp(TABLE[i].message, "cannot be read") == 0 ? "" : ":", TABLE[i].message);
        struct error err = ERROR_INIT;
        assert_false(database_secret_parse(TABLE[i].json, true, &words, &err));
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_string_equal(err.message, expected);
        assert_null(strstr(err.hint, WORD));
        assert_null(words);
    }
}

static void
another_login_needs_no_password(UNUSED void **state)
{
    AUTO_STRING char *words = NULL;
    struct error err = ERROR_INIT;

    assert_true(database_secret_parse(
        "{\"host\":\"db\",\"username\":\"app\",\"dbname\":\"c\"}", false, &words, &err));
    assert_string_equal(words, "host='db' user='app' dbname='c' sslmode='require'");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_told_from_a_url),
        cmocka_unit_test_setup(a_secret_becomes_words, without_environment),
        cmocka_unit_test_setup(any_character_survives, without_environment),
        cmocka_unit_test_setup_teardown(
            what_is_missing_comes_from_the_environment, without_environment, without_environment),
        cmocka_unit_test_setup(what_is_no_secret_is_refused, without_environment),
        cmocka_unit_test_setup(another_login_needs_no_password, without_environment),
    };

    return RUN_TESTS(tests);
}
