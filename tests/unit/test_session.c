/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session.h"

#include "unit.h"

/* What golang-migrate 4.19 was seen to take. */
static void
the_lock_key_is_golang_migrates(UNUSED void **state)
{
    static const struct {
        const char *schema;
        const char *table;
        const char *database;
        uint32_t key;
    } TABLE[] = {
        {"public", "schema_migrations", "/postgres", 3280485947},
        {"public", "schema_migrations", "/b_sem", 481906188},
        {"public", "schema_migrations", "postgres", 143310882},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        assert_int_equal(
            session_lock_key(TABLE[i].schema, TABLE[i].table, TABLE[i].database), TABLE[i].key);
}

static void
each_part_of_the_lock_key_counts(UNUSED void **state)
{
    uint32_t key = session_lock_key("a", "b", "c");

    assert_int_not_equal(session_lock_key("x", "b", "c"), key);
    assert_int_not_equal(session_lock_key("a", "x", "c"), key);
    assert_int_not_equal(session_lock_key("a", "b", "x"), key);
    assert_int_not_equal(session_lock_key("ab", "", "c"), key);
    assert_int_not_equal(session_lock_key("a", "bc", ""), key);
}

static void
settings_are_set_by_parameters(UNUSED void **state)
{
    struct session session = {
        .settings_names = {"lock_timeout", "search_path"},
        .settings_values = {"5000ms", "tenant1"},
        .settings_count = 2,
    };
    AUTO_TEXT sql = TEXT_INIT;

    session_add_settings(&session, 4, "false", &sql);
    assert_string_equal(text_string(&sql), "set_config('lock_timeout', $4, false), "
                                           "set_config('search_path', $5, false)");
}

static void
a_session_that_was_never_opened_can_be_closed(UNUSED void **state)
{
    struct session session = {0};

    session_close(&session);
    assert_null(session.db);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lock_key_is_golang_migrates),
        cmocka_unit_test(each_part_of_the_lock_key_counts),
        cmocka_unit_test(settings_are_set_by_parameters),
        cmocka_unit_test(a_session_that_was_never_opened_can_be_closed),
    };

    return RUN_TESTS(tests);
}
