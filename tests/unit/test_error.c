/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include "unit.h"

static void
setting_an_error_returns_false_and_forgets_the_last_one(UNUSED void **state)
{
    struct error err = ERROR_INIT;

    error_set(&err, ERROR_INPUT, "first");
    error_hint(&err, "a hint");
    error_place(&err, "1_a.up.sql", 4, 3);
    assert_false(error_set(&err, ERROR_PLAN, "version %d", 7));
    assert_int_equal(err.kind, ERROR_PLAN);
    assert_string_equal(err.message, "version 7");
    assert_string_equal(err.hint, "");
    assert_string_equal(err.file, "");
    assert_int_equal(err.line, 0);
}

static void
context_is_added_in_front(UNUSED void **state)
{
    struct error err = ERROR_INIT;

    error_set(&err, ERROR_DATABASE, "permission denied");
    assert_false(error_prefix(&err, "history row %d", 3));
    assert_false(error_prefix(&err, "cannot read the history"));
    assert_int_equal(err.kind, ERROR_DATABASE);
    assert_string_equal(err.message, "cannot read the history: history row 3: permission denied");
}

static void
a_hint_and_a_place_keep_the_message(UNUSED void **state)
{
    struct error err = ERROR_INIT;

    error_set(&err, ERROR_INPUT, "no");
    assert_false(error_hint(&err, "try %s", "this"));
    assert_false(error_place(&err, "1_a.up.sql", 4, 3));
    assert_string_equal(err.message, "no");
    assert_string_equal(err.hint, "try this");
    assert_string_equal(err.file, "1_a.up.sql");
    assert_int_equal(err.line, 4);
    assert_int_equal(err.column, 3);
}

static void
a_message_that_is_too_long_ends_with_a_whole_character(UNUSED void **state)
{
    struct error err = ERROR_INIT;
    char name[2 * ERROR_MESSAGE_BYTES + 1];

    for (size_t i = 0; i + 1 < sizeof(name); i += 2)
        memcpy(name + i, "é", 2);
    name[sizeof(name) - 1] = '\0';

    error_set(&err, ERROR_INPUT, "%s", name);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_BYTES - 2);
    error_prefix(&err, "ü");
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_BYTES - 2);
    assert_memory_equal(err.message, "ü: éé", 8);
    error_prefix(&err, "%s", name);
    assert_int_equal(strlen(err.message), ERROR_MESSAGE_BYTES - 2);
    error_hint(&err, "x%s", name);
    assert_int_equal(strlen(err.hint), ERROR_MESSAGE_BYTES - 1);
    error_place(&err, name, 0, 0);
    assert_int_equal(strlen(err.file), ERROR_FILE_BYTES - 2);
}

static void
the_source_is_shown_with_line_column_and_caret(UNUSED void **state)
{
    static const struct {
        const char *text;
        size_t offset;
        size_t line;
        size_t column;
        const char *source;
    } TABLE[] = {
        {"SELECT nope;", 7, 1, 8, "SELECT nope;"},
        {"a\nb\n  nope FROM half;\nc", 6, 3, 3, "  nope FROM half;"},
        {"a\r\nnope\r\nb", 3, 2, 1, "nope"},
        {"'é€😀' nope", 12, 1, 7, "'é€😀' nope"},
        {"\tnope", 1, 1, 2, " nope"},
        {"a\nb", 1, 1, 2, "a"},
        {"a\n", 2, 2, 1, ""},
        {"", 0, 1, 1, ""},
        {"abc", 99, 1, 4, "abc"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;

        error_show_source(&err, TABLE[i].text, strlen(TABLE[i].text), TABLE[i].offset);
        assert_int_equal(err.line, TABLE[i].line);
        assert_int_equal(err.column, TABLE[i].column);
        assert_string_equal(err.source, TABLE[i].source);
        assert_int_equal(err.caret, TABLE[i].column);
    }
}

static void
a_long_line_is_cut_around_the_caret(UNUSED void **state)
{
    enum { CHARACTERS = 1000, BYTES = 2 * CHARACTERS };
    struct error err = ERROR_INIT;
    char text[BYTES + 1];

    for (size_t i = 0; i < BYTES; i += 2)
        memcpy(text + i, "é", 2);
    memcpy(text + 800, "!!", 2);
    text[BYTES] = '\0';

    error_show_source(&err, text, BYTES, 800);
    assert_int_equal(err.column, 401);
    assert_int_equal(err.caret, 51);
    assert_int_equal(strlen(err.source), 160);
    assert_memory_equal(err.source + 100, "!!é", 4);
}

static void
an_sqlstate_is_recognised(UNUSED void **state)
{
    struct error err = {.kind = ERROR_DATABASE, .sqlstate = "55P03"};

    assert_true(error_is_sqlstate(&err, "55P03"));
    assert_false(error_is_sqlstate(&err, "40P01"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_returns_false_and_forgets_the_last_one),
        cmocka_unit_test(context_is_added_in_front),
        cmocka_unit_test(a_hint_and_a_place_keep_the_message),
        cmocka_unit_test(a_message_that_is_too_long_ends_with_a_whole_character),
        cmocka_unit_test(the_source_is_shown_with_line_column_and_caret),
        cmocka_unit_test(a_long_line_is_cut_around_the_caret),
        cmocka_unit_test(an_sqlstate_is_recognised),
    };

    return RUN_TESTS(tests);
}
