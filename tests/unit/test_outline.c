/* SPDX-License-Identifier: Apache-2.0 */
#include "base/outline.h"

#include "unit.h"

static void
literals_and_comments_are_not_shown(UNUSED void **state)
{
    static const struct {
        const char *query;
        const char *expected;
    } TABLE[] = {
        {"", ""},
        {"SELECT 1", "SELECT ?"},
        {"  SELECT\n\t 'a',  t.b1, 12.5, .5, 1e5, 0xFF, 1_000\n FROM t2 ; -- so",
            "SELECT ?, t.b1, ?, ?, ?, ?, ? FROM t2"},
        {"SELECT 'it''s', x", "SELECT ?, x"},
        {"SELECT E'it\\'s secret', x", "SELECT E?, x"},
        {"SELECT e'\\\\', x", "SELECT e?, x"},
        {"SELECT name'x', N'y', B'01', U&'z'", "SELECT name?, N?, B?, U&?"},
        {"SELECT $1, $2 FROM a$b$c", "SELECT $1, $2 FROM a$b$c"},
        {"SELECT $$one 'two$$, $t$ three $$ $t$, x", "SELECT ?, ?, x"},
        {"SELECT \"a 'b\", 'c', \"d\"\"e\"", "SELECT \"a 'b\", ?, \"d\"\"e\""},
        {"SELECT /* it's /* a */ secret' */ a -- don't\n, b", "SELECT a , b"},
        {"/* 's */", ""},
        {"a-1", "a-?"},
        {"a/2", "a/?"},
        {"SELECT 'ü', ö", "SELECT ?, ö"},
        {"ALTER ROLE a PASSWORD 'geheim'", "ALTER ROLE a PASSWORD ?"},
        {"<insufficient privilege>", "<insufficient privilege>"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_TEXT text = TEXT_INIT;
        outline_add(TABLE[i].query, 80, &text);
        assert_string_equal(text_string(&text), TABLE[i].expected);
    }
}

static void
what_is_open_at_the_end_is_a_literal(UNUSED void **state)
{
    static const struct {
        const char *query;
        const char *expected;
    } TABLE[] = {
        {"UPDATE t SET a = 'secr", "UPDATE t SET a = ?"},
        {"UPDATE t SET a = E'secr\\", "UPDATE t SET a = E?"},
        {"UPDATE t SET a = $$secr", "UPDATE t SET a = ?"},
        {"UPDATE t SET a = $secr", "UPDATE t SET a = ?"},
        {"UPDATE t SET a = $tag$secr$ta", "UPDATE t SET a = ?"},
        {"UPDATE t -- secr", "UPDATE t"},
        {"UPDATE t /* secr", "UPDATE t"},
        {"UPDATE \"t", "UPDATE \"t"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_TEXT text = TEXT_INIT;
        outline_add(TABLE[i].query, 80, &text);
        assert_string_equal(text_string(&text), TABLE[i].expected);
    }
}

static void
behind_a_doubtful_string_nothing_is_shown(UNUSED void **state)
{
    AUTO_TEXT text = TEXT_INIT;

    outline_add("SELECT 'a\\' AND b = 'secret'", 80, &text);
    assert_string_equal(text_string(&text), "SELECT ? …");
}

static void
it_is_cut_between_characters(UNUSED void **state)
{
    AUTO_TEXT text = TEXT_INIT;

    text_puts(&text, "[");
    outline_add("SELECT äöü, b", 9, &text);
    assert_string_equal(text_string(&text), "[SELECT äö …");
    text_clear(&text);
    outline_add("SELECT äöü, b", 13, &text);
    assert_string_equal(text_string(&text), "SELECT äöü, b");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_and_comments_are_not_shown),
        cmocka_unit_test(what_is_open_at_the_end_is_a_literal),
        cmocka_unit_test(behind_a_doubtful_string_nothing_is_shown),
        cmocka_unit_test(it_is_cut_between_characters),
    };

    return RUN_TESTS(tests);
}
