/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "unit.h"

static void
a_new_text_is_an_empty_string(UNUSED void **state)
{
    AUTO_TEXT text = TEXT_INIT;
    AUTO_STRING char *taken = NULL;

    assert_string_equal(text_string(&text), "");
    taken = text_take(&text);
    assert_string_equal(taken, "");
}

static void
a_text_grows_and_always_ends_with_a_nul(UNUSED void **state)
{
    AUTO_TEXT text = TEXT_INIT;

    text_add(&text, "a\0b", 3);
    text_puts(&text, "c");
    text_printf(&text, "%d-%s", 12, "de");
    text_add(&text, "", 0);
    assert_int_equal(text.size_bytes, 9);
    assert_memory_equal(text.data, "a\0bc12-de", 10);

    text_clear(&text);
    assert_int_equal(text.size_bytes, 0);
    assert_string_equal(text_string(&text), "");

    for (size_t i = 0; i < 10000; i++)
        text_printf(&text, "%zu", i % 10);
    assert_int_equal(text.size_bytes, 10000);
    assert_int_equal(strlen(text_string(&text)), 10000);
    assert_string_equal(text_string(&text) + 9990, "0123456789");
}

static void
a_text_that_is_taken_starts_anew(UNUSED void **state)
{
    AUTO_TEXT text = TEXT_INIT;
    AUTO_STRING char *taken = NULL;

    text_puts(&text, "first");
    taken = text_take(&text);
    text_puts(&text, "second");
    assert_string_equal(taken, "first");
    assert_string_equal(text_string(&text), "second");
}

/* RFC 3629, with the first and last character of each length, and what is no character. */
static void
the_first_invalid_byte_of_utf8_is_found(UNUSED void **state)
{
    static const struct {
        const char *bytes;
        size_t valid;
    } TABLE[] = {
        {"", 0},
        {"plain", 5},
        {"\x7F\xC2\x80\xDF\xBF", 5},
        {"\xE0\xA0\x80\xEF\xBF\xBF", 6},
        {"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8},
        {"\xED\x9F\xBF\xEE\x80\x80", 6},
        {"ab\x80", 2},             /* a continuation that continues nothing */
        {"ab\xC0\x80", 2},         /* NUL in two bytes */
        {"ab\xC1\xBF", 2},         /* DEL in two */
        {"ab\xE0\x9F\xBF", 2},     /* U+07FF in three */
        {"ab\xF0\x8F\xBF\xBF", 2}, /* U+FFFF in four */
        {"ab\xED\xA0\x80", 2},     /* U+D800, a surrogate */
        {"ab\xED\xBF\xBF", 2},     /* U+DFFF, the last one */
        {"ab\xF4\x90\x80\x80", 2}, /* U+110000 */
        {"ab\xF8\x88\x80\x80\x80", 2},
        {"ab\xFF", 2},
        {"ab\xC3", 2}, /* cut */
        {"ab\xE2\x82", 2},
        {"ab\xF0\x9F\x98", 2},
        {"ab\xC3(", 2}, /* not continued */
        {"h\xE9llo", 1},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        assert_int_equal(utf8_valid(TABLE[i].bytes, strlen(TABLE[i].bytes)), TABLE[i].valid);
}

static void
a_string_is_cut_before_half_a_character(UNUSED void **state)
{
    static const struct {
        const char *whole;
        const char *cut;
    } TABLE[] = {
        {"", ""},
        {"plain", "plain"},
        {"é", "é"},
        {"a\xC3", "a"},
        {"a\xF0\x9F\x98", "a"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        char string[16];
        strcpy(string, TABLE[i].whole);
        text_mend_utf8(string);
        assert_string_equal(string, TABLE[i].cut);
    }
}

static void
characters_are_counted_and_found(UNUSED void **state)
{
    static const char TEXT[] = "aé€😀z"; /* at 0, 1, 3, 6, 10 */
    static const size_t OFFSETS[] = {0, 1, 3, 6, 10};
    size_t size = sizeof(TEXT) - 1;

    assert_int_equal(utf8_count(TEXT, size), 5);
    assert_int_equal(utf8_count(TEXT, 0), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(OFFSETS); i++) {
        size_t next = i + 1 < ARRAY_LENGTH(OFFSETS) ? OFFSETS[i + 1] : size;

        assert_int_equal(utf8_offset(TEXT, size, i), OFFSETS[i]);
        for (size_t offset = OFFSETS[i]; offset < next; offset++)
            assert_int_equal(utf8_align(TEXT, offset), OFFSETS[i]);
    }
    assert_int_equal(utf8_offset(TEXT, size, 5), size);
    assert_int_equal(utf8_offset(TEXT, size, 99), size);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_text_is_an_empty_string),
        cmocka_unit_test(a_text_grows_and_always_ends_with_a_nul),
        cmocka_unit_test(a_text_that_is_taken_starts_anew),
        cmocka_unit_test(the_first_invalid_byte_of_utf8_is_found),
        cmocka_unit_test(a_string_is_cut_before_half_a_character),
        cmocka_unit_test(characters_are_counted_and_found),
    };

    return RUN_TESTS(tests);
}
