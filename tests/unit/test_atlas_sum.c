/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/atlas_sum.h"

#include <stdlib.h>

#include "base/text.h"

#include "scratch.h"
#include "unit.h"

enum { CEILING = 1024 * 1024, FILES_MAX = 4 };

static const char WRITE_ANEW[] =
    "Run `pgstride hash` to write it anew, when the migrations are as they should be.";
static const char MEANT[] =
    "Run `pgstride hash` when the change is meant; else put the folder back as it was.";

struct file {
    const char *name;
    const char *content;
};

/* The sums that Atlas gives for these files. */
static const struct {
    enum atlas_filter filter;
    struct file files[FILES_MAX];
    const char *text;
} VECTORS[] = {
    {ATLAS_SQL_FILES,
        {{"1_initial.down.sql", "DROP TABLE IF EXISTS t;"},
            {"1_initial.up.sql", "CREATE TABLE t(c int);"}},
        "h1:M74RrNK69S2pj6C541LR1ew5O32/i0WoyNgsJmyuiUk=\n"
        "1_initial.down.sql h1:0zypK43rgPbgvVUgVJABGN25VgM1QSeU+LJDBb8cEQI=\n"
        "1_initial.up.sql h1:hFhs5XhRml4KTWGF5td6h1s7xNqAFnaEBbC5Y/NF7i4=\n"},
    {ATLAS_UP_FILES,
        {{"1_initial.down.sql", "DROP TABLE IF EXISTS t;"},
            {"1_initial.up.sql", "CREATE TABLE t(c int);"}},
        "h1:OAJF/p+7ieMkYbUE3CishC5OSuwBLO8mO6q7gtxo+RE=\n"
        "1_initial.up.sql h1:xaTT0XIPCL0YIMZhW5ac4pjPnJurzA9z2xFYU1p4cOI=\n"},
    {ATLAS_SQL_FILES,
        {{"0000000001_init.down.sql", "DROP TABLE users;\n"},
            {"0000000001_init.up.sql", "CREATE TABLE users (id SERIAL PRIMARY KEY);\n"}},
        "h1:dV4b2tjr5jLyPdgrKp+m/NTaWTKMVgV80o5ps0Ew/GE=\n"
        "0000000001_init.down.sql h1:b4afj7upDcaQPh2KA7KdMZl7PEqNfrt1lEui6Gw5lHA=\n"
        "0000000001_init.up.sql h1:5pdFXxDzI9YASZoApjzSlatn7yMRKqTZ/pSe714fz0w=\n"},
    /* Bytewise: `0` stands before `_`. */
    {ATLAS_UP_FILES,
        {{"1_a.up.sql", "CREATE TABLE a(id int);\n"}, {"2_b.up.sql", "CREATE TABLE b(id int);\n"},
            {"10_c.up.sql", "CREATE TABLE c(id int);\n"}},
        "h1:/MpgClSLcdNmalIZW47Ye8LoBye0NlYRoeriBQx0Jzw=\n"
        "10_c.up.sql h1:zC05OFoSp2ApSVfPJfTKzeMhSYe68NRA5wYca0Ew2c4=\n"
        "1_a.up.sql h1:KQOKfrg2ZdULLmqCzwH0Eqqx6/FzMy+TQc2Hp7Lw4yw=\n"
        "2_b.up.sql h1:Qq/R/srwRBzadP5QCAUCTAIn5bfHuyY75bst1xIUts0=\n"},
    {ATLAS_UP_FILES, {{"README.md", "no SQL"}},
        "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"},
};

static bool
compute(const char *path, enum atlas_filter filter, struct atlas_sum *sum, struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_FILE_NAMES names = {0};

    assert_true(folder_open(path, &folder, err));
    assert_true(folder_list(folder, &names, err));
    return atlas_sum_compute(folder, &names, filter, CEILING, sum, err);
}

static bool
check(const char *path, struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_FILE_NAMES names = {0};

    assert_true(folder_open(path, &folder, err));
    assert_true(folder_list(folder, &names, err));
    return atlas_sum_check(folder, &names, CEILING, err);
}

static void
put_files(const char *path, const struct file files[FILES_MAX])
{
    for (size_t i = 0; i < FILES_MAX && files[i].name != NULL; i++)
        scratch_put(path, files[i].name, files[i].content);
}

static void
a_folder_is_hashed_as_atlas_does(UNUSED void **state)
{
    for (size_t i = 0; i < ARRAY_LENGTH(VECTORS); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        AUTO_ATLAS_SUM sum = {0};
        AUTO_TEXT text = TEXT_INIT;
        struct error err = ERROR_INIT;

        put_files(path, VECTORS[i].files);
        assert_true(compute(path, VECTORS[i].filter, &sum, &err));
        atlas_sum_write(&sum, &text);
        assert_string_equal(text_string(&text), VECTORS[i].text);
        assert_int_equal(err.kind, ERROR_NONE);
    }
}

static void
what_atlas_wrote_is_accepted(UNUSED void **state)
{
    for (size_t i = 0; i < ARRAY_LENGTH(VECTORS); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        AUTO_ATLAS_SUM sum = {0};
        AUTO_TEXT again = TEXT_INIT;
        struct error err = ERROR_INIT;

        put_files(path, VECTORS[i].files);
        scratch_put(path, "atlas.sum", VECTORS[i].text);
        if (!check(path, &err))
            fail_msg("vector %zu: %s", i, err.message);
        assert_true(atlas_sum_parse(VECTORS[i].text, strlen(VECTORS[i].text), &sum, &err));
        atlas_sum_write(&sum, &again);
        assert_string_equal(text_string(&again), VECTORS[i].text);
    }
}

static void
line_ends_of_another_system_and_a_missing_last_one_are_read(UNUSED void **state)
{
    static const char TEXT[] = "h1:OAJF/p+7ieMkYbUE3CishC5OSuwBLO8mO6q7gtxo+RE=\r\n"
                               "1_initial.up.sql h1:xaTT0XIPCL0YIMZhW5ac4pjPnJurzA9z2xFYU1p4cOI=";
    AUTO_ATLAS_SUM sum = {0};
    struct error err = ERROR_INIT;

    assert_true(atlas_sum_parse(TEXT, strlen(TEXT), &sum, &err));
    assert_string_equal(sum.total, "OAJF/p+7ieMkYbUE3CishC5OSuwBLO8mO6q7gtxo+RE=");
    assert_int_equal(sum.count, 1);
    assert_string_equal(sum.entries[0].name, "1_initial.up.sql");
    assert_string_equal(sum.entries[0].hash, "xaTT0XIPCL0YIMZhW5ac4pjPnJurzA9z2xFYU1p4cOI=");
}

static void
a_folder_without_one_is_not_checked(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    struct error err = ERROR_INIT;

    scratch_put(path, "1_a.up.sql", "");
    assert_false(atlas_sum_exists(path));
    assert_true(check(path, &err));
    scratch_link(path, "atlas.sum", "nothing");
    assert_true(atlas_sum_exists(path));
    assert_false(check(path, &err));
    assert_string_equal(err.message, "atlas.sum is a link to nothing");
}

/* Each change is made to the folder of the vectors' three tables. */
static void
the_first_file_that_changed_is_named(UNUSED void **state)
{
    static const struct {
        const char *change;
        const char *name;
        const char *content; /* NULL: removed */
        const char *message; /* NULL: accepted */
    } TABLE[] = {
        {"nothing", "1_a.up.sql", "CREATE TABLE a(id int);\n", NULL},
        {"the first edited", "10_c.up.sql", "CREATE TABLE c(id int)",
            "10_c.up.sql was edited since atlas.sum was written"},
        {"one within edited", "1_a.up.sql", "CREATE TABLE a(id int);\r\n",
            "1_a.up.sql was edited since atlas.sum was written"},
        {"a byte-order mark", "1_a.up.sql",
            "\xEF\xBB\xBF"
            "CREATE TABLE a(id int);\n",
            "1_a.up.sql was edited since atlas.sum was written"},
        {"the last edited", "2_b.up.sql", "", "2_b.up.sql was edited since atlas.sum was written"},
        {"the first removed", "10_c.up.sql", NULL,
            "10_c.up.sql was removed since atlas.sum was written"},
        {"one within removed", "1_a.up.sql", NULL,
            "1_a.up.sql was removed since atlas.sum was written"},
        {"the last removed", "2_b.up.sql", NULL,
            "2_b.up.sql was removed since atlas.sum was written"},
        {"one before all", "0_d.up.sql", "", "0_d.up.sql was added since atlas.sum was written"},
        {"one between", "1_aa.up.sql", "", "1_aa.up.sql was added since atlas.sum was written"},
        {"one behind all", "3_d.up.sql", "", "3_d.up.sql was added since atlas.sum was written"},
        {"a down file does not count", "1_a.down.sql", "", NULL},
        {"nor does another", "README.md", "", NULL},
        {"an ignored one counts by its name, for the next", "1_aa.up.sql", "-- atlas:sum ignore\n",
            "2_b.up.sql was edited since atlas.sum was written"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        AUTO_STRING char *file = memory_printf("%s/%s", path, TABLE[i].name);
        struct error err = ERROR_INIT;

        put_files(path, VECTORS[3].files);
        scratch_put(path, "atlas.sum", VECTORS[3].text);
        if (TABLE[i].content != NULL)
            scratch_put(path, TABLE[i].name, TABLE[i].content);
        else
            assert_int_equal(unlink(file), 0);
        if (check(path, &err) != (TABLE[i].message == NULL))
            fail_msg("%s: %s", TABLE[i].change, err.message);
        if (TABLE[i].message == NULL)
            continue;
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_string_equal(err.message, TABLE[i].message);
        assert_string_equal(err.hint, MEANT);
    }
}

/* By the set that the sum lists. */
static void
a_sum_of_all_files_sees_a_down_file(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    struct error err = ERROR_INIT;

    put_files(path, VECTORS[0].files);
    scratch_put(path, "atlas.sum", VECTORS[0].text);
    scratch_put(path, "1_initial.down.sql", "DROP TABLE t;");
    assert_false(check(path, &err));
    assert_string_equal(err.message, "1_initial.down.sql was edited since atlas.sum was written");
}

static void
the_directive_is_read_as_atlas_reads_it(UNUSED void **state)
{
    static const struct {
        const char *content;
        bool is_ignored;
    } TABLE[] = {
        {"-- atlas:sum ignore\nSELECT 1;", true},
        {"-- atlas:sum ignore", true},
        {"-- atlas:sum ignore\r\n", true},
        {"atlas:sum ignore\n", true},
        {"# any words atlas:sum   ignore\n", true},
        {"-- atlas:sum none atlas:sum ignore\n", true},
        {"-- atlas:sum ignore \n", false},
        {"-- atlas:sum ignored\n", false},
        {"-- atlas:sum\tignore\n", false},
        {"-- atlas:sum\n", false},
        {"-- atlas:summary ignore\n", false},
        {"-- atlas:sum ignore atlas:txmode none\n", false},
        {"-- atlas:sum ignore atlas:\n", false},
        {"\n-- atlas:sum ignore\n", false},
        {"-- \xC3\xA9 atlas:sum ignore\n", false},
        {"SELECT 1;\n-- atlas:sum ignore\n", false},
        {"", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        AUTO_ATLAS_SUM sum = {0};
        struct error err = ERROR_INIT;

        scratch_put(path, "1_a.up.sql", TABLE[i].content);
        assert_true(compute(path, ATLAS_UP_FILES, &sum, &err));
        if ((sum.count == 0) != TABLE[i].is_ignored)
            fail_msg("row %zu: %s", i, TABLE[i].content);
    }
}

#define HEAD "h1:OAJF/p+7ieMkYbUE3CishC5OSuwBLO8mO6q7gtxo+RE=\n"
#define HASH "h1:xaTT0XIPCL0YIMZhW5ac4pjPnJurzA9z2xFYU1p4cOI="

static void
what_is_no_atlas_sum_is_refused_with_its_line(UNUSED void **state)
{
    static const char NO_HEAD[] = "this line is not \"h1:SUM\", SUM being a SHA-256 in base64";
    static const char NO_LINE[] = "this line is not \"NAME h1:SUM\", SUM being a SHA-256 in base64";
    static const struct {
        const char *text;
        size_t line;
        const char *message;
    } TABLE[] = {
        {"", 1, NO_HEAD},
        {"\n", 1, NO_HEAD},
        {"1_a.up.sql " HASH "\n", 1, NO_HEAD},
        {"\xEF\xBB\xBF" HEAD, 1, NO_HEAD},
        {"h1:OAJF/p+7ieMkYbUE3CishC5OSuwBLO8mO6q7gtxo+R==\n", 1, NO_HEAD},
        {"h1:OAJF/p+7ieMkYbUE3CishC5OSuwBLO8mO6q7gtxo+REE\n", 1, NO_HEAD},
        {"h1:OAJF/p+7ieMkYbUE3CishC5OSuwBLO8mO6q7gtxo+RE\n", 1, NO_HEAD},
        {"h1:OAJF/p+7ieMkYbUE3Cish!5OSuwBLO8mO6q7gtxo+RE=\n", 1, NO_HEAD},
        {"h2:OAJF/p+7ieMkYbUE3CishC5OSuwBLO8mO6q7gtxo+RE=\n", 1, NO_HEAD},
        {HEAD "\n", 2, NO_LINE},
        {HEAD HASH "\n", 2, NO_LINE},
        {HEAD " " HASH "\n", 2, NO_LINE},
        {HEAD "1_a.up.sql" HASH "\n", 2, NO_LINE},
        {HEAD "1_a.up.sql " HASH " \n", 2, NO_LINE},
        {HEAD "1_a.up.sql " HASH "\n<<<<<<< HEAD\n", 3, NO_LINE},
        {HEAD "1_a.up.sql " HASH "\n1_a.up.sql " HASH "\n", 3,
            "1_a.up.sql does not stand in the bytewise order of the names"},
        {HEAD "1_a.up.sql " HASH "\n10_b.up.sql " HASH "\n", 3,
            "10_b.up.sql does not stand in the bytewise order of the names"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct atlas_sum sum = {.count = 77};
        struct error err = ERROR_INIT;

        if (atlas_sum_parse(TABLE[i].text, strlen(TABLE[i].text), &sum, &err))
            fail_msg("row %zu is accepted", i);
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_string_equal(err.file, "atlas.sum");
        assert_int_equal(err.line, TABLE[i].line);
        assert_string_equal(err.message, TABLE[i].message);
        assert_string_equal(err.hint, WRITE_ANEW);
        assert_int_equal(sum.count, 77);
    }
}

static void
a_head_that_does_not_fit_is_refused_before_the_folder_is_read(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    struct error err = ERROR_INIT;

    scratch_put(path, "1_other.up.sql", "");
    scratch_put(path, "atlas.sum", HEAD "1_a.up.sql " HASH "\n");
    assert_false(check(path, &err));
    assert_string_equal(err.message, "the sum in this line is not that of the lines below it: the "
                                     "file was edited or merged by hand");
    assert_string_equal(err.file, "atlas.sum");
    assert_int_equal(err.line, 1);
    assert_string_equal(err.hint, WRITE_ANEW);
}

static void
it_is_written_over_the_files_that_the_old_one_counted(UNUSED void **state)
{
    static const struct {
        const char *old; /* NULL: there is none */
        size_t vector;
    } TABLE[] = {
        {NULL, 1},
        {"", 1},
        {"h1:OAJF/p+7ieMkYbUE3CishC5OSuwBLO8mO6q7gtxo+RE=\n9_x.up.sql " HASH "\n", 1},
        {"<<<<<<< HEAD\n9_x.up.sql " HASH "\n=======\n9_x.down.sql " HASH "\n>>>>>>> b\n", 0},
        {"9_x.sql " HASH, 0},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        AUTO_STRING char *place = memory_printf("%s/atlas.sum", path);
        AUTO_STRING char *written = NULL;
        AUTO_STRING char *file = NULL;
        AUTO_ATLAS_SUM sum = {0};
        struct error err = ERROR_INIT;
        size_t size = 0;

        put_files(path, VECTORS[0].files);
        if (TABLE[i].old != NULL)
            scratch_put(path, "atlas.sum", TABLE[i].old);
        assert_true(atlas_sum_update(path, CEILING, &sum, &file, &err));
        assert_string_equal(file, place);
        assert_true(file_read(place, CEILING, &written, &size, &err));
        assert_string_equal(written, VECTORS[TABLE[i].vector].text);
    }
}

static void
a_name_that_a_line_cannot_hold_is_refused(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_ATLAS_SUM sum = {0};
    struct error err = ERROR_INIT;

    scratch_put(path, "1_a\nb.up.sql", "");
    assert_false(compute(path, ATLAS_UP_FILES, &sum, &err));
    assert_string_equal(err.message, "the name of 1_a\nb.up.sql holds a control character, which "
                                     "atlas.sum cannot list");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_hashed_as_atlas_does),
        cmocka_unit_test(what_atlas_wrote_is_accepted),
        cmocka_unit_test(line_ends_of_another_system_and_a_missing_last_one_are_read),
        cmocka_unit_test(a_folder_without_one_is_not_checked),
        cmocka_unit_test(the_first_file_that_changed_is_named),
        cmocka_unit_test(a_sum_of_all_files_sees_a_down_file),
        cmocka_unit_test(the_directive_is_read_as_atlas_reads_it),
        cmocka_unit_test(what_is_no_atlas_sum_is_refused_with_its_line),
        cmocka_unit_test(a_head_that_does_not_fit_is_refused_before_the_folder_is_read),
        cmocka_unit_test(it_is_written_over_the_files_that_the_old_one_counted),
        cmocka_unit_test(a_name_that_a_line_cannot_hold_is_refused),
    };

    return RUN_TESTS(tests);
}
