/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <stdlib.h>

#include "unit.h"

static void
new_memory_is_zeroed(UNUSED void **state)
{
    AUTO_STRING char *bytes = memory_new(1000);
    AUTO_STRING char *none = memory_new(0);

    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(bytes[i], 0);
    assert_non_null(none);
}

static void
copies_end_with_a_nul(UNUSED void **state)
{
    AUTO_STRING char *part = memory_copy("abcdef", 3);
    AUTO_STRING char *empty = memory_copy(NULL, 0);
    AUTO_STRING char *whole = memory_string("abc");
    AUTO_STRING char *nothing = memory_string(NULL);
    AUTO_STRING char *printed = memory_printf("%d-%s", 12, "ab");

    assert_string_equal(part, "abc");
    assert_string_equal(empty, "");
    assert_string_equal(whole, "abc");
    assert_null(nothing);
    assert_string_equal(printed, "12-ab");
}

static void
what_is_taken_leaves_null_behind(UNUSED void **state)
{
    AUTO_STRING char *first = memory_string("abc");
    AUTO_STRING char *second = TAKE(first);

    assert_null(first);
    assert_string_equal(second, "abc");
    memory_free_string(&second);
    assert_null(second);
    memory_free_string(&second);
}

static void
an_array_grows_by_zeroed_elements(UNUSED void **state)
{
    enum { MANY = 1000 };
    struct pair {
        size_t number;
        size_t zero;
    };
    struct pair *pairs = NULL;
    size_t count = 0;
    size_t capacity = 0;

    for (size_t i = 0; i < MANY; i++) {
        struct pair *pair = ARRAY_ADD(pairs, count, capacity);
        assert_int_equal(pair->number, 0);
        assert_int_equal(pair->zero, 0);
        pair->number = i;
    }
    assert_int_equal(count, MANY);
    assert_true(capacity >= MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(pairs[i].number, i);
    free(pairs);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_memory_is_zeroed),
        cmocka_unit_test(copies_end_with_a_nul),
        cmocka_unit_test(what_is_taken_leaves_null_behind),
        cmocka_unit_test(an_array_grows_by_zeroed_elements),
    };

    return RUN_TESTS(tests);
}
