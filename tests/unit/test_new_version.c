/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/new_version.h"

#include <stdlib.h>

#include "unit.h"

enum { NAMES_MAX = 6 };

/* 2023-04-05T06:07:08.000000009Z, a Wednesday. */
static const int64_t MORNING_NS = 1680674828000000009;

static void
fill(int64_t unix_s, struct tm *local)
{
    time_t moment = (time_t)unix_s;

    gmtime_r(&moment, local);
}

static void
a_time_is_written_as_go_writes_it(UNUSED void **state)
{
    static const struct {
        int64_t add_s;
        const char *format;
        const char *version;
    } TABLE[] = {
        {0, NULL, "20230405060708"},
        {0, "20060102150405", "20230405060708"},
        {0, "unix", "1680674828"},
        {0, "unixNano", "1680674828000000009"},
        {0, "060102", "230405"},
        {0, "200601021504", "202304050607"},
        {0, "20061", "20234"},
        {0, "20062", "20235"},
        {0, "20063", "20236"},
        {0, "20064", "20237"},
        {0, "20065", "20238"},
        {0, "200603", "202306"},
        {0, "2006002", "2023095"},
        {0, "0012", "0045"},
        {0, "7890", "7890"},
        {0, "2023", "5056"}, /* Go's own surprise: day, hour within "02" and "3" */
        {7 * 3600, "15", "13"},
        {7 * 3600, "03", "01"},
        {7 * 3600, "3", "1"},
        {6 * 3600, "3", "12"},
        {18 * 3600, "3", "12"},
        {18 * 3600, "15", "00"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_STRING char *version = NULL;
        struct error err = ERROR_INIT;
        struct tm local = {0};

        fill(MORNING_NS / 1000000000 + TABLE[i].add_s, &local);
        if (!new_version_of_time(TABLE[i].format, MORNING_NS, &local, &version, &err))
            fail_msg("%s: %s", TABLE[i].format, err.message);
        if (strcmp(version, TABLE[i].version) != 0)
            fail_msg("%s: %s, not %s", TABLE[i].format, version, TABLE[i].version);
    }
}

static void
a_layout_that_gives_more_than_digits_is_refused(UNUSED void **state)
{
    static const char *const LAYOUTS[] = {
        "YYYYMMDD", "2006-01-02", "2006_01_02", "Jan", "20060102 ", "150405.000", "Unix", "PM", ""};

    for (size_t i = 0; i < ARRAY_LENGTH(LAYOUTS); i++) {
        AUTO_STRING char *version = NULL;
        AUTO_STRING char *message =
            memory_printf("--format: \"%s\" would give more than digits", LAYOUTS[i]);
        struct error err = ERROR_INIT;
        struct tm local = {0};

        fill(0, &local);
        assert_false(new_version_of_time(LAYOUTS[i], 0, &local, &version, &err));
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_string_equal(err.message,
            *LAYOUTS[i] != '\0' ? message
                                : "--format: \"\" is not a version: a whole number up to "
                                  "9223372036854775807");
        assert_null(version);
    }
}

static void
a_version_beyond_a_bigint_is_refused(UNUSED void **state)
{
    AUTO_STRING char *version = NULL;
    struct error err = ERROR_INIT;
    struct tm local = {0};

    fill(0, &local);
    assert_false(new_version_of_time("20060102150405999999", 0, &local, &version, &err));
    assert_string_equal(err.message, "--format: \"19700101000000999999\" is not a version: a whole "
                                     "number up to 9223372036854775807");
    assert_null(version);
}

struct names_row {
    const char *names[NAMES_MAX];
    int64_t digits;
    const char *extension;
    const char *version; /* NULL: refused */
    const char *message;
};

static struct file_names
list(const char *const names[NAMES_MAX])
{
    struct file_names list = {0};

    for (size_t i = 0; i < NAMES_MAX && names[i] != NULL; i++)
        *ARRAY_ADD(list.names, list.count, list.capacity) = memory_string(names[i]);
    return list;
}

static void
the_next_number_follows_the_highest(UNUSED void **state)
{
    static const struct names_row TABLE[] = {
        {{NULL}, 6, "sql", "000001", NULL},
        {{"000001_a.up.sql", "000001_a.down.sql"}, 6, "sql", "000002", NULL},
        {{"10_j.up.sql", "9_i.up.sql"}, 6, "sql", "000011", NULL},
        {{"7_only.down.sql"}, 3, "sql", "008", NULL},
        {{"1_a.up.txt"}, 1, "sql", "2", NULL},
        {{"5_near.sql"}, 6, "sql", "000006", NULL},
        {{"5_near.sql"}, 6, "txt", "000001", NULL},
        {{"2024_notes.md", "atlas.sum", "1a_x.sql", "_b.sql", "x.sql"}, 6, "sql", "000001", NULL},
        {{"99_a.up.sql"}, 2, "sql", NULL, "the next version, 100, has more than 2 digits"},
        {{"20230330013250_a.up.sql"}, 6, "sql", NULL,
            "the next version, 20230330013251, has more than 6 digits"},
        {{"9223372036854775807_a.up.sql"}, 19, "sql", NULL,
            "there is no version after that of 9223372036854775807_a.up.sql"},
        {{"9223372036854775808_a.up.sql"}, 19, "sql", NULL,
            "there is no version after that of 9223372036854775808_a.up.sql"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_FILE_NAMES names = list(TABLE[i].names);
        AUTO_STRING char *version = NULL;
        struct error err = ERROR_INIT;

        bool is_good =
            new_version_in_sequence(&names, TABLE[i].extension, TABLE[i].digits, &version, &err);
        if (is_good != (TABLE[i].version != NULL))
            fail_msg("row %zu: %s", i, is_good ? version : err.message);
        if (is_good)
            assert_string_equal(version, TABLE[i].version);
        else
            assert_string_equal(err.message, TABLE[i].message);
    }
}

static void
a_version_that_is_there_is_taken(UNUSED void **state)
{
    static const struct {
        const char *name;
        const char *version;
        bool is_free;
    } TABLE[] = {
        {"000007_a.up.sql", "000007", false},
        {"7_a.down.sql", "000007", false},
        {"0007_notes.md", "7", false},
        {"0_zero.up.sql", "000", false},
        {"7a_x.sql", "7", true},
        {"7.sql", "7", true},
        {"70_a.up.sql", "7", true},
        {"17_a.up.sql", "7", true},
        {"_a.up.sql", "0", true},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        const char *const names[NAMES_MAX] = {TABLE[i].name};
        AUTO_STRING char *message =
            memory_printf("there is a version %s already: %s", TABLE[i].version, TABLE[i].name);
        AUTO_FILE_NAMES listed = list(names);
        struct error err = ERROR_INIT;

        if (new_version_is_free(&listed, TABLE[i].version, &err) != TABLE[i].is_free)
            fail_msg("%s and %s", TABLE[i].name, TABLE[i].version);
        if (!TABLE[i].is_free)
            assert_string_equal(err.message, message);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_as_go_writes_it),
        cmocka_unit_test(a_layout_that_gives_more_than_digits_is_refused),
        cmocka_unit_test(a_version_beyond_a_bigint_is_refused),
        cmocka_unit_test(the_next_number_follows_the_highest),
        cmocka_unit_test(a_version_that_is_there_is_taken),
    };

    return RUN_TESTS(tests);
}
