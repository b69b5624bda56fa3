/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/directive.h"

#include "unit.h"

static void
a_head_of_comments_is_read(UNUSED void **state)
{
    static const struct {
        const char *text;
        struct directives expected;
    } TABLE[] = {
        {"", {false, -1, -1, -1}},
        {"-- a comment\nSELECT 1;", {false, -1, -1, -1}},
        {"-- pgstride: no-transaction\nSELECT 1;", {true, -1, -1, -1}},
        {"--pgstride:no-transaction", {true, -1, -1, -1}},
        {"\n \t--   PGSTRIDE:  No-Transaction  \r\n", {true, -1, -1, -1}},
        {"-- pgstride: lock-timeout=2s\n", {false, 2000, -1, -1}},
        {"-- pgstride: statement-timeout=10min\n", {false, -1, 600000, -1}},
        {"-- pgstride: retry-for=1min\n", {false, -1, -1, 60000}},
        {"-- what it does\n\n-- pgstride: no-transaction\n-- pgstride: lock-timeout=0\n"
         "-- pgstride: statement-timeout=1h\n-- pgstride: retry-for=5\nSELECT 1;\n",
            {true, 0, 3600000, 5000}},
        {"-- atlas:txmode none\n", {true, -1, -1, -1}},
        {"-- +goose NO TRANSACTION\n", {true, -1, -1, -1}},
        {"-- migrate:up transaction:false\n", {true, -1, -1, -1}},
        {"-- migrate:down transaction:false\n", {true, -1, -1, -1}},
        {"-- atlas:txmode file\n-- +goose Up\n-- migrate:up\n", {false, -1, -1, -1}},
        {"SELECT 1;\n-- pgstride: no-transaction\n", {false, -1, -1, -1}},
        {"-- pgstride is what runs this\n", {false, -1, -1, -1}},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        struct directives directives = DIRECTIVES_INIT;
        const char *text = TABLE[i].text;
        const struct directives *expected = &TABLE[i].expected;

        assert_true(directives_read("1_a.up.sql", text, strlen(text), &directives, &err));
        assert_int_equal(directives.is_without_transaction, expected->is_without_transaction);
        assert_int_equal(directives.lock_timeout_ms, expected->lock_timeout_ms);
        assert_int_equal(directives.statement_timeout_ms, expected->statement_timeout_ms);
        assert_int_equal(directives.retry_for_ms, expected->retry_for_ms);
    }
}

static void
an_unknown_directive_or_a_bad_value_is_an_error_with_its_place(UNUSED void **state)
{
    static const char HINT[] =
        "The directives are no-transaction, lock-timeout=, statement-timeout= and retry-for=.";
    static const struct {
        const char *text;
        const char *message;
        const char *hint;
        size_t line;
        size_t column;
        const char *source;
    } TABLE[] = {
        {"-- pgstride: notransaction\n", "unknown directive \"notransaction\"", HINT, 1, 4,
            "-- pgstride: notransaction"},
        {"-- one\n--\tpgstride:\nSELECT 1;", "unknown directive \"\"", HINT, 2, 4, "-- pgstride:"},
        {"-- pgstride: lock-timeout 2s", "unknown directive \"lock-timeout 2s\"", HINT, 1, 4,
            "-- pgstride: lock-timeout 2s"},
        {"\n\n  -- pgstride: retry-for=soon\n",
            "\"soon\" is not a duration: write 500ms, 5s, 2min or 1h (a bare number is seconds)",
            "", 3, 6, "  -- pgstride: retry-for=soon"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        struct directives directives = DIRECTIVES_INIT;
        const char *text = TABLE[i].text;

        assert_false(directives_read("1_a.up.sql", text, strlen(text), &directives, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_string_equal(err.message, TABLE[i].message);
        assert_string_equal(err.hint, TABLE[i].hint);
        assert_string_equal(err.file, "1_a.up.sql");
        assert_int_equal(err.line, TABLE[i].line);
        assert_int_equal(err.column, TABLE[i].column);
        assert_string_equal(err.source, TABLE[i].source);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_of_comments_is_read),
        cmocka_unit_test(an_unknown_directive_or_a_bad_value_is_an_error_with_its_place),
    };

    return RUN_TESTS(tests);
}
