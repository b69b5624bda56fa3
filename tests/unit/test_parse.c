/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include "unit.h"

enum { UNTOUCHED = -77 };

static void
a_version_is_an_unsigned_63_bit_number(UNUSED void **state)
{
    static const struct {
        const char *text;
        int64_t version;
        const char *message; /* NULL: it is one */
    } TABLE[] = {
        {"0", 0, NULL},
        {"1", 1, NULL},
        {"0001", 1, NULL},
        {"20230330013250", 20230330013250, NULL},
        {"9223372036854775807", INT64_MAX, NULL},
        {"9223372036854775808", UNTOUCHED,
            "\"9223372036854775808\" is not a version: a whole number up to 9223372036854775807"},
        {"99999999999999999999", UNTOUCHED,
            "\"99999999999999999999\" is not a version: a whole number up to 9223372036854775807"},
        {"", UNTOUCHED, "\"\" is not a version: a whole number up to 9223372036854775807"},
        {"-1", UNTOUCHED, "\"-1\" is not a version: a whole number up to 9223372036854775807"},
        {"+1", UNTOUCHED, "\"+1\" is not a version: a whole number up to 9223372036854775807"},
        {" 1", UNTOUCHED, "\" 1\" is not a version: a whole number up to 9223372036854775807"},
        {"1a", UNTOUCHED, "\"1a\" is not a version: a whole number up to 9223372036854775807"},
        {"0x1", UNTOUCHED, "\"0x1\" is not a version: a whole number up to 9223372036854775807"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        int64_t version = UNTOUCHED;
        bool is_one = parse_version(TABLE[i].text, strlen(TABLE[i].text), &version, &err);

        assert_int_equal(is_one, TABLE[i].message == NULL);
        assert_true(version == TABLE[i].version);
        assert_int_equal(err.kind, is_one ? ERROR_NONE : ERROR_USAGE);
        assert_string_equal(err.message, is_one ? "" : TABLE[i].message);
    }
}

static void
a_version_may_end_before_its_text_does(UNUSED void **state)
{
    struct error err = ERROR_INIT;
    int64_t version = UNTOUCHED;

    assert_true(parse_version("12_title.up.sql", 2, &version, &err));
    assert_int_equal(version, 12);
    assert_false(parse_version("12_title.up.sql", 3, &version, &err));
    assert_string_equal(
        err.message, "\"12_\" is not a version: a whole number up to 9223372036854775807");
}

static void
a_number_stays_within_its_limits(UNUSED void **state)
{
    static const struct {
        const char *text;
        int64_t number;
        const char *message;
    } TABLE[] = {
        {"2", 2, NULL},
        {"10", 10, NULL},
        {"007", 7, NULL},
        {"1", UNTOUCHED, "\"1\" is not a whole number from 2 to 10"},
        {"11", UNTOUCHED, "\"11\" is not a whole number from 2 to 10"},
        {"", UNTOUCHED, "\"\" is not a whole number from 2 to 10"},
        {"3.5", UNTOUCHED, "\"3.5\" is not a whole number from 2 to 10"},
        {"-3", UNTOUCHED, "\"-3\" is not a whole number from 2 to 10"},
        {"18446744073709551619", UNTOUCHED,
            "\"18446744073709551619\" is not a whole number from 2 to 10"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        int64_t number = UNTOUCHED;
        bool is_one = parse_number(TABLE[i].text, 2, 10, &number, &err);

        assert_int_equal(is_one, TABLE[i].message == NULL);
        assert_int_equal(number, TABLE[i].number);
        assert_string_equal(err.message, is_one ? "" : TABLE[i].message);
    }
}

static void
a_duration_has_a_unit_or_is_seconds(UNUSED void **state)
{
    static const struct {
        const char *text;
        int64_t duration_ms;
    } TABLE[] = {
        {"0", 0},
        {"15", 15000},
        {"500ms", 500},
        {"5s", 5000},
        {"2min", 120000},
        {"2m", 120000},
        {"1h", 3600000},
        {"1.5s", 1500},
        {"0.25", 250},
        {"0.5h", 1800000},
        {"1.2345s", 1234},
        {"0.5ms", 0},
        {"2147483647ms", INT32_MAX},
        {"2147483.647", INT32_MAX},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        int64_t duration_ms = UNTOUCHED;

        assert_true(parse_duration(TABLE[i].text, &duration_ms, &err));
        assert_int_equal(duration_ms, TABLE[i].duration_ms);
        assert_int_equal(err.kind, ERROR_NONE);
    }
}

static void
what_is_no_duration_is_refused(UNUSED void **state)
{
    static const char *const TABLE[] = {
        "",
        "s",
        "ms",
        "-1s",
        "+1s",
        "1 s",
        " 1s",
        "1s ",
        "1.",
        "1.s",
        ".5s",
        "1.5.5s",
        "1d",
        "5S",
        "1min30s",
        "1e3",
        "0x10",
        "2147483648ms",
        "2147483.648",
        "597h",
        "99999999999",
        "99999999999999999999999h",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        int64_t duration_ms = UNTOUCHED;
        AUTO_STRING char *message = memory_printf(
            "\"%s\" is not a duration: write 500ms, 5s, 2min or 1h (a bare number is seconds)",
            TABLE[i]);

        assert_false(parse_duration(TABLE[i], &duration_ms, &err));
        assert_int_equal(duration_ms, UNTOUCHED);
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_string_equal(err.message, message);
    }
}

static void
a_boolean_has_four_spellings_each(UNUSED void **state)
{
    static const struct {
        const char *text;
        bool value;
    } TABLE[] = {
        {"true", true},
        {"on", true},
        {"yes", true},
        {"1", true},
        {"TRUE", true},
        {"false", false},
        {"off", false},
        {"no", false},
        {"0", false},
        {"No", false},
    };
    struct error err = ERROR_INIT;

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        bool value = !TABLE[i].value;

        assert_true(parse_boolean(TABLE[i].text, &value, &err));
        assert_int_equal(value, TABLE[i].value);
    }
    bool value = true;
    assert_false(parse_boolean("maybe", &value, &err));
    assert_true(value);
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.message, "\"maybe\" is neither true nor false");
    assert_false(parse_boolean("", &value, &err));
    assert_string_equal(err.message, "\"\" is neither true nor false");
}

/* A value of any length is named in a message that still says what is wrong with it. */
static void
a_long_value_is_cut_between_characters(UNUSED void **state)
{
    enum { CHARACTERS = 100 };
    struct error err = ERROR_INIT;
    int64_t number = UNTOUCHED;
    char text[2 + 2 * CHARACTERS] = "x";

    for (size_t i = 0; i < CHARACTERS; i++)
        memcpy(text + 1 + 2 * i, "é", 2);
    assert_false(parse_duration(text, &number, &err));
    assert_non_null(strstr(err.message, "is not a duration"));
    assert_false(parse_number(text, 0, 9, &number, &err));
    assert_non_null(strstr(err.message, "is not a whole number from 0 to 9"));
    assert_false(parse_version(text, strlen(text), &number, &err));
    assert_non_null(strstr(err.message, "is not a version"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_an_unsigned_63_bit_number),
        cmocka_unit_test(a_version_may_end_before_its_text_does),
        cmocka_unit_test(a_number_stays_within_its_limits),
        cmocka_unit_test(a_duration_has_a_unit_or_is_seconds),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(a_boolean_has_four_spellings_each),
        cmocka_unit_test(a_long_value_is_cut_between_characters),
    };

    return RUN_TESTS(tests);
}
