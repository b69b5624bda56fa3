/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/database_url.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"

#include "unit.h"

/* "conninfo | name=value … | schema.table | timeout": what is not said is left out. */
static char *
describe(const struct database_url *url)
{
    AUTO_TEXT text = TEXT_INIT;

    text_puts(&text, url->conninfo);
    for (size_t i = 0; i < url->settings_count; i++)
        text_printf(&text, " | %s=%s", url->settings[i].name, url->settings[i].value);
    if (url->table != NULL)
        text_printf(&text, " | table %s%s%s", url->schema != NULL ? url->schema : "",
            url->schema != NULL ? " . " : "", url->table);
    if (url->statement_timeout_ms >= 0)
        text_printf(&text, " | %" PRId64 " ms", url->statement_timeout_ms);
    return text_take(&text);
}

static void
check_read(const char *text, const char *expected)
{
    AUTO_DATABASE_URL url = {.statement_timeout_ms = -7};
    struct error err = ERROR_INIT;

    if (!database_url_parse(text, &url, &err))
        fail_msg("%s is refused: %s", text, err.message);
    AUTO_STRING char *described = describe(&url);
    assert_string_equal(described, expected);
    assert_int_equal(err.kind, ERROR_NONE);
}

static void
what_libpq_reads_passes_as_it_is(UNUSED void **state)
{
    static const char *const TABLE[] = {
        "postgres://app:secret@db:5432/company",
        "postgres://app:secret@db:5432/company?sslmode=verify-full&connect_timeout=3",
        "postgres://app@db/company",
        "postgres://",
        "postgres:///company?host=/var/run/postgresql&user=app@corp",
        "postgres://a:b@one:1,two:2/c?target_session_attrs=read-write",
        "postgres://app:secret@[::1]:5432/company",
        "postgres://[2001:db8::7]/company",
        "postgres://app:p%40ss%2Fw%3Frd%23@db/company",
        "postgres://db:5432/company?user=me@there",
        "postgres://app:secret@%2Fcloudsql%2Fone:two:three/company",
        "host=db user=app password='p@ss w/rd' dbname=company",
        "service=company",
        "",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check_read(TABLE[i], TABLE[i]);
}

static void
other_schemes_mean_the_same(UNUSED void **state)
{
    static const char *const TABLE[] = {
        "postgresql://a:b@c/d?sslmode=disable",
        "pgx://a:b@c/d?sslmode=disable",
        "pgx4://a:b@c/d?sslmode=disable",
        "pgx5://a:b@c/d?sslmode=disable",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check_read(TABLE[i], "postgres://a:b@c/d?sslmode=disable");
}

static void
parameters_that_libpq_does_not_know_are_settings(UNUSED void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } TABLE[] = {
        {"postgres://a@b/c?search_path=tenant1", "postgres://a@b/c | search_path=tenant1"},
        {"postgres://a@b/c?search_path=a%2C%20b&sslmode=require&TimeZone=UTC",
            "postgres://a@b/c?sslmode=require | search_path=a, b | TimeZone=UTC"},
        {"postgres://a@b/c?sslmode=require&my.setting=x=y&host=d",
            "postgres://a@b/c?sslmode=require&host=d | my.setting=x=y"},
        {"postgres://a@b/c?work_mem=", "postgres://a@b/c | work_mem="},
        {"postgres://a@b/c?work_mem", "postgres://a@b/c | work_mem="},
        {"postgres://a@b/c?%77ork_mem=1MB", "postgres://a@b/c | work_mem=1MB"},
        {"postgres://a@b/c?", "postgres://a@b/c"},
        {"postgres://a@b/c?&&search_path=x&", "postgres://a@b/c | search_path=x"},
        {"postgres://a@b/c?options=-c%20work_mem%3D1MB",
            "postgres://a@b/c?options=-c%20work_mem%3D1MB"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check_read(TABLE[i].text, TABLE[i].expected);
}

static void
golang_migrates_parameters_are_read(UNUSED void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } TABLE[] = {
        {"postgres://a@b/c?x-migrations-table=moves", "postgres://a@b/c | table moves"},
        {"postgres://a@b/c?x-migrations-table=one.two", "postgres://a@b/c | table one.two"},
        {"postgres://a@b/c?x-migrations-table=%22s%22.%22t%22",
            "postgres://a@b/c | table \"s\".\"t\""},
        {"postgres://a@b/c?x-migrations-table=%22s%22.%22t%22&x-migrations-table-quoted=true",
            "postgres://a@b/c | table s . t"},
        {"postgres://a@b/c?x-migrations-table-quoted=1&x-migrations-table=%22my%20table%22",
            "postgres://a@b/c | table my table"},
        {"postgres://a@b/c?x-migrations-table=%22a.b%22.%22c.d%22&x-migrations-table-quoted=1",
            "postgres://a@b/c | table a.b . c.d"},
        {"postgres://a@b/c?x-migrations-table=plain&x-migrations-table-quoted=false",
            "postgres://a@b/c | table plain"},
        {"postgres://a@b/c?x-migrations-table-quoted=true", "postgres://a@b/c"},
        {"postgres://a@b/c?x-migrations-table=one&x-migrations-table=two",
            "postgres://a@b/c | table two"},
        {"postgres://a@b/c?x-statement-timeout=1500", "postgres://a@b/c | 1500 ms"},
        {"postgres://a@b/c?x-statement-timeout=0", "postgres://a@b/c | 0 ms"},
        {"postgres://a@b/c?x-multi-statement=true&x-multi-statement-max-size=10&"
         "x-lock-strategy=table&x-lock-table=locks&sslmode=disable",
            "postgres://a@b/c?sslmode=disable"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check_read(TABLE[i].text, TABLE[i].expected);
}

static void
check_refused(const char *text, const char *message, const char *hint)
{
    struct database_url url = {.statement_timeout_ms = -7};
    struct error err = ERROR_INIT;

    if (database_url_parse(text, &url, &err))
        fail_msg("%s is not refused", text);
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, message);
    assert_string_equal(err.hint, hint);
    assert_null(url.conninfo);
    assert_null(url.settings);
    assert_null(url.table);
    assert_null(url.schema);
    assert_int_equal(url.statement_timeout_ms, -7);
}

static void
a_url_that_cannot_be_read_is_refused(UNUSED void **state)
{
    static const char SHAPE[] =
        "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full.";
    static const char EITHER[] = "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode="
                                 "verify-full, or libpq's host=… dbname=… words.";
    static const struct {
        const char *text;
        const char *message;
        const char *hint;
    } TABLE[] = {
        {"mysql://a:b@c/d", "the database URL does not begin with postgres://", SHAPE},
        {"POSTGRES://a:b@c/d", "the database URL does not begin with postgres://", SHAPE},
        {" postgres://a:b@c/d", "the database URL does not begin with postgres://", SHAPE},
        {"hello", "the database URL cannot be read", EITHER},
        {"host='db", "the database URL cannot be read", EITHER},
        {"host=db nonsense=1", "the database URL cannot be read", EITHER},
        {"host=db x-migrations-table=m", "the database URL cannot be read", EITHER},
        {"postgres://[::1/c", "the database URL cannot be read", EITHER},
        {"postgres://b/c?search_path=%zz",
            "the database URL cannot be read: a % in its parameters is not followed by two "
            "hexadecimal digits",
            ""},
        {"postgres://b/c?search_path=50%",
            "the database URL cannot be read: a % in its parameters is not followed by two "
            "hexadecimal digits",
            ""},
        {"postgres://b/c?search_path=%00",
            "the database URL cannot be read: a % in its parameters is not followed by two "
            "hexadecimal digits",
            ""},
        {"postgres://b/c?a;b=1", "the database URL has a parameter without a proper name", ""},
        {"postgres://b/c?=1", "the database URL has a parameter without a proper name", ""},
        {"postgres://b/c?x-migrations-table=", "x-migrations-table is empty", ""},
        {"postgres://b/c?x-migrations-table-quoted=perhaps",
            "x-migrations-table-quoted: \"perhaps\" is neither true nor false", ""},
        {"postgres://b/c?x-statement-timeout=5s",
            "x-statement-timeout (milliseconds): \"5s\" is not a whole number from 0 to "
            "2147483647",
            ""},
        {"postgres://b/c?x-migration-table=m",
            "the database URL has an unknown parameter x-migration-table",
            "Known are x-migrations-table, x-migrations-table-quoted, x-statement-timeout and "
            "x-multi-statement."},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check_refused(TABLE[i].text, TABLE[i].message, TABLE[i].hint);
}

static void
a_table_that_is_not_quoted_as_said_is_refused(UNUSED void **state)
{
    static const char *const TABLE[] = {
        "plain",
        "%22a",
        "a%22",
        "%22%22",
        "%22a%22%22b%22",
        "%22a%22x",
        "%22a%22.b",
        "%22a%22.%22b%22.%22c%22",
        ".%22a%22",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_STRING char *text = memory_printf(
            "postgres://b/c?x-migrations-table=%s&x-migrations-table-quoted=true", TABLE[i]);

        check_refused(text, "x-migrations-table is not a quoted name",
            "Write \"table\" or \"schema\".\"table\", percent-encoded.");
    }
}

static void
an_unescaped_password_gets_the_fix_and_is_never_shown(UNUSED void **state)
{
    static const char *const TABLE[] = {
        "postgres://app:p@ss@db/company",
        "postgres://app:p@ss@db:5432/company?sslmode=require",
        "postgres://app:p/ss@db/company",
        "postgres://app:p?ss@db/company",
        "postgres://app:p#ss@db/company",
        "postgres://app:p#ss@db",
        "postgres://app:1#ss@db/company",
        "postgres://app:12/ss@db/company",
        "postgres://app:pa%ss@db/company",
        "postgres://app:pa%@db/company",
        "postgres://a@b:pass@db/company",
        "postgres://app:p[ss@db/company]@x@y",
        "postgres://app:ss@db/company#part",
        "postgres://app:p?x-ss&user=a@db/company",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check_refused(TABLE[i],
            "the database URL cannot be read: its user or password has characters that must be "
            "percent-encoded",
            "Write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, a space as %20, [ "
            "as %5B and ] as %5D; or leave the password out of the URL and give it in "
            "PGPASSWORD.");
}

static void
a_url_that_was_never_read_can_be_done_with(UNUSED void **state)
{
    struct database_url url = {0};

    database_url_done(&url);
    assert_null(url.conninfo);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_libpq_reads_passes_as_it_is),
        cmocka_unit_test(other_schemes_mean_the_same),
        cmocka_unit_test(parameters_that_libpq_does_not_know_are_settings),
        cmocka_unit_test(golang_migrates_parameters_are_read),
        cmocka_unit_test(a_url_that_cannot_be_read_is_refused),
        cmocka_unit_test(a_table_that_is_not_quoted_as_said_is_refused),
        cmocka_unit_test(an_unescaped_password_gets_the_fix_and_is_never_shown),
        cmocka_unit_test(a_url_that_was_never_read_can_be_done_with),
    };

    return RUN_TESTS(tests);
}
