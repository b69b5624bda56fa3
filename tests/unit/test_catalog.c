/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/catalog.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/text.h"

#include "scratch.h"
#include "unit.h"

enum { CEILING = 8 * 1024 * 1024, FILES_MAX = 8, UNTOUCHED = 77 };

/* golang-migrate's `^([0-9]+)_(.*)\.(down|up)\.(.*)$`, greedy. */
static void
names_are_golang_migrates(UNUSED void **state)
{
    static const struct {
        const char *name;
        size_t digits; /* 0: it is none */
        size_t title_bytes;
        enum file_direction direction;
        bool is_near;
    } TABLE[] = {
        {"1_a.up.sql", 1, 1, FILE_UP, false},
        {"1_a.down.sql", 1, 1, FILE_DOWN, false},
        {"20230330013250_create_companies.up.sql", 14, 16, FILE_UP, false},
        {"0007_a.up.sql", 4, 1, FILE_UP, false},
        {"7_h.up.txt", 1, 1, FILE_UP, false},
        {"7_h.up.", 1, 1, FILE_UP, false},
        {"6_.up.sql", 1, 0, FILE_UP, false},
        {"6_.down.sql", 1, 0, FILE_DOWN, false},
        {"12_m.down.up.sql", 2, 6, FILE_UP, false},
        {"12_m.up.down.sql", 2, 4, FILE_DOWN, false},
        {"12_m.up.sql.down.sql", 2, 8, FILE_DOWN, false},
        {"1_a.up.sql.bak", 1, 1, FILE_UP, false},
        {"1_with space and é.up.sql", 1, 17, FILE_UP, false},
        {"1__.up.sql", 1, 1, FILE_UP, false},
        {"1_2_a.up.sql", 1, 3, FILE_UP, false},
        /* Nearly. */
        {"1_a.sql", 0, 0, FILE_UP, true},
        {"1_a.UP.sql", 0, 0, FILE_UP, true},
        {"1_a.Down.sql", 0, 0, FILE_UP, true},
        {"1_a.upp.sql", 0, 0, FILE_UP, true},
        {"1_aup.sql", 0, 0, FILE_UP, true},
        {"1_up.sql", 0, 0, FILE_UP, true},
        {"1.up.sql", 0, 0, FILE_UP, true},
        {"1-a.up.sql", 0, 0, FILE_UP, true},
        {"V1__a.sql", 0, 0, FILE_UP, true},
        {"v1_a.up.sql", 0, 0, FILE_UP, true},
        {"_a.up.sql", 0, 0, FILE_UP, true},
        {"a.up.txt", 0, 0, FILE_UP, true},
        {" 1_a.up.sql", 0, 0, FILE_UP, true},
        {"schema.SQL", 0, 0, FILE_UP, true},
        /* Nothing like it. */
        {"README.md", 0, 0, FILE_UP, false},
        {"atlas.sum", 0, 0, FILE_UP, false},
        {"1_a.up", 0, 0, FILE_UP, false},
        {"1_a", 0, 0, FILE_UP, false},
        {"1", 0, 0, FILE_UP, false},
        {"", 0, 0, FILE_UP, false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        size_t digits = 0;
        size_t title_bytes = 0;
        enum file_direction direction = FILE_UP;
        bool is_near = !TABLE[i].is_near;
        bool is_one =
            catalog_match_name(TABLE[i].name, &digits, &title_bytes, &direction, &is_near);

        if (is_one != (TABLE[i].digits > 0) || is_near != TABLE[i].is_near)
            fail_msg("%s: match %d, near %d", TABLE[i].name, is_one, is_near);
        if (!is_one)
            continue;
        assert_int_equal(digits, TABLE[i].digits);
        assert_int_equal(title_bytes, TABLE[i].title_bytes);
        assert_int_equal(direction, TABLE[i].direction);
    }
}

static char *
describe(const struct catalog *catalog)
{
    AUTO_TEXT text = TEXT_INIT;

    for (size_t i = 0; i < catalog->count; i++) {
        const struct migration *migration = &catalog->migrations[i];
        text_printf(&text, "%s%" PRId64 " %s (%s) %s %s", i > 0 ? ", " : "", migration->version,
            migration->name, migration->title,
            migration->up.name != NULL ? migration->up.name : "-",
            migration->down.name != NULL ? migration->down.name : "-");
    }
    return text_take(&text);
}

static void
a_folder_becomes_migrations_by_version(UNUSED void **state)
{
    static const struct {
        const char *files[FILES_MAX];
        const char *expected;
    } TABLE[] = {
        {{"1_a.up.sql"}, "1 1_a (a) 1_a.up.sql -"},
        {{"1_a.up.sql", "1_a.down.sql", "2_b.up.sql"},
            "1 1_a (a) 1_a.up.sql 1_a.down.sql, 2 2_b (b) 2_b.up.sql -"},
        {{"10_j.up.sql", "9_i.up.sql", "1_a.up.sql"},
            "1 1_a (a) 1_a.up.sql -, 9 9_i (i) 9_i.up.sql -, 10 10_j (j) 10_j.up.sql -"},
        {{"3_c.down.sql"}, "3 3_c (c) - 3_c.down.sql"},
        {{"7_h.up.txt", "6_.up.sql", "12_m.down.up.sql"},
            "6 6_ () 6_.up.sql -, 7 7_h (h) 7_h.up.txt -, 12 12_m.down (m.down) "
            "12_m.down.up.sql -"},
        {{"0_zero.up.sql", "9223372036854775807_last.up.sql"},
            "0 0_zero (zero) 0_zero.up.sql -, 9223372036854775807 9223372036854775807_last (last) "
            "9223372036854775807_last.up.sql -"},
        /* The up file gives the name, and leading zeros are no other version. */
        {{"1_old.down.sql", "1_new.up.sql"}, "1 1_new (new) 1_new.up.sql 1_old.down.sql"},
        {{"1_a.down.sql", "001_a.up.sql", "02_b.up.sql", "2_b.down.sql"},
            "1 001_a (a) 001_a.up.sql 1_a.down.sql, 2 02_b (b) 02_b.up.sql 2_b.down.sql"},
        {{"005_e.up.sql", "03_c.up.sql", "5_e.down.sql"},
            "3 03_c (c) 03_c.up.sql -, 5 005_e (e) 005_e.up.sql 5_e.down.sql"},
        {{"1_a.up.sql", "README.md", ".2_hidden.up.sql"}, "1 1_a (a) 1_a.up.sql -"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        AUTO_CATALOG struct catalog *catalog = NULL;
        struct error err = ERROR_INIT;

        for (size_t k = 0; k < FILES_MAX && TABLE[i].files[k] != NULL; k++)
            scratch_put(path, TABLE[i].files[k], "SELECT 1;");
        if (!catalog_load(path, CEILING, &catalog, &err))
            fail_msg("%s: %s", TABLE[i].files[0], err.message);
        AUTO_STRING char *described = describe(catalog);
        assert_string_equal(described, TABLE[i].expected);
        assert_int_equal(catalog->warnings_count, 0);
        assert_string_equal(catalog->path, path);
    }
}

static void
a_name_that_nearly_matches_is_a_warning(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_CATALOG struct catalog *catalog = NULL;
    struct error err = ERROR_INIT;

    scratch_put(path, "1_a.up.sql", "");
    scratch_put(path, "2_b.sql", "");
    scratch_put(path, "3_c.UP.sql", "");
    assert_true(catalog_load(path, CEILING, &catalog, &err));
    assert_int_equal(catalog->count, 1);
    assert_int_equal(catalog->warnings_count, 2);
    assert_string_equal(catalog->warnings[0],
        "2_b.sql is left out: a migration's name is VERSION_TITLE.up.sql or "
        "VERSION_TITLE.down.sql, with a version of digits alone");
    assert_string_equal(catalog->warnings[1],
        "3_c.UP.sql is left out: a migration's name is VERSION_TITLE.up.sql or "
        "VERSION_TITLE.down.sql, with a version of digits alone");
}

static void
a_folder_that_cannot_be_taken_is_refused(UNUSED void **state)
{
    static const char CLASH[] = "Give one of them a version of its own.";
    static const char LARGE[] =
        "A version is at most 9223372036854775807, what PostgreSQL's bigint holds.";
    static const struct {
        const char *files[FILES_MAX];
        const char *message;
        const char *hint;
    } TABLE[] = {
        {{"1_a.up.sql", "1_b.up.sql"},
            "1_a.up.sql and 1_b.up.sql are both the up file of version 1", CLASH},
        {{"1_a.up.sql", "1_a.up.txt"},
            "1_a.up.sql and 1_a.up.txt are both the up file of version 1", CLASH},
        {{"1_a.up.sql", "1_a.down.sql", "1_b.down.sql"},
            "1_a.down.sql and 1_b.down.sql are both the down file of version 1", CLASH},
        {{"9223372036854775808_a.up.sql"},
            "the version of 9223372036854775808_a.up.sql is too large", LARGE},
        {{"99999999999999999999999999_a.down.sql"},
            "the version of 99999999999999999999999999_a.down.sql is too large", LARGE},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        struct catalog *catalog = NULL;
        struct error err = ERROR_INIT;

        for (size_t k = 0; k < FILES_MAX && TABLE[i].files[k] != NULL; k++)
            scratch_put(path, TABLE[i].files[k], "SELECT 1;");
        assert_false(catalog_load(path, CEILING, &catalog, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_string_equal(err.message, TABLE[i].message);
        assert_string_equal(err.hint, TABLE[i].hint);
        assert_null(catalog);
    }
}

/* Their names sort apart: which of the two is named first is not ours to say. */
static void
leading_zeros_hide_no_clash(UNUSED void **state)
{
    static const struct {
        const char *first;
        const char *second;
        const char *direction;
    } TABLE[] = {
        {"1_a.up.sql", "001_b.up.sql", "up"},
        {"1_a.down.sql", "001_b.down.sql", "down"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        AUTO_STRING char *one = memory_printf("%s and %s are both the %s file of version 1",
            TABLE[i].first, TABLE[i].second, TABLE[i].direction);
        AUTO_STRING char *other = memory_printf("%s and %s are both the %s file of version 1",
            TABLE[i].second, TABLE[i].first, TABLE[i].direction);
        struct catalog *catalog = NULL;
        struct error err = ERROR_INIT;

        scratch_put(path, TABLE[i].first, "");
        scratch_put(path, TABLE[i].second, "");
        scratch_put(path, "0_e.up.sql", "");
        scratch_put(path, "1000_d.up.sql", "");
        assert_false(catalog_load(path, CEILING, &catalog, &err));
        if (strcmp(err.message, one) != 0)
            assert_string_equal(err.message, other);
        assert_string_equal(err.hint, "Give one of them a version of its own.");
        assert_null(catalog);
    }
}

static void
a_folder_without_migrations_is_refused(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_STRING char *message = memory_printf("the migrations folder %s holds no migration", path);
    struct catalog *catalog = NULL;
    struct error err = ERROR_INIT;

    scratch_put(path, "README.md", "");
    assert_false(catalog_load(path, CEILING, &catalog, &err));
    assert_string_equal(err.message, message);
    assert_string_equal(err.hint, "A migration's file is named VERSION_TITLE.up.sql.");
    assert_false(catalog_load("/nonexistent/migrations", CEILING, &catalog, &err));
    assert_string_equal(err.message, "cannot open the migrations folder /nonexistent/migrations: "
                                     "No such file or directory");
    assert_null(catalog);
}

static void
a_file_that_is_no_text_is_refused(UNUSED void **state)
{
    static const char SAVE[] = "Save the file as UTF-8.";
    static const struct {
        const char *bytes;
        size_t size_bytes;
        const char *message;
        const char *hint;
    } TABLE[] = {
        {"SELECT 'caf\xE9';", 14, "1_a.up.sql is not UTF-8: byte 0xE9 at offset 11", SAVE},
        {"\xFF\xFES\0E\0", 6, "1_a.up.sql holds a NUL byte at offset 3", SAVE},
        {"a\0", 2, "1_a.up.sql holds a NUL byte at offset 1", SAVE},
        {"12345678901234567890", 20, "1_a.up.sql is larger than 0 MiB",
            "Raise the ceiling with --max-file-size, or split the file."},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        struct catalog *catalog = NULL;
        struct error err = ERROR_INIT;

        scratch_write(path, "1_a.up.sql", TABLE[i].bytes, TABLE[i].size_bytes);
        assert_false(catalog_load(path, 19, &catalog, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_string_equal(err.message, TABLE[i].message);
        assert_string_equal(err.hint, TABLE[i].hint);
        assert_null(catalog);
    }
}

static void
a_folder_or_a_dangling_link_is_no_migration(UNUSED void **state)
{
    static const struct {
        bool is_link;
        const char *name;
        const char *message;
    } TABLE[] = {
        {false, "2_b.up.sql", "2_b.up.sql is a folder, not a file"},
        {false, "2_b.down.sql", "2_b.down.sql is a folder, not a file"},
        {true, "2_b.up.sql", "2_b.up.sql is a link to nothing"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRATCH char *path = scratch_new();
        struct catalog *catalog = NULL;
        struct error err = ERROR_INIT;

        scratch_put(path, "1_a.up.sql", "");
        if (TABLE[i].is_link)
            scratch_link(path, TABLE[i].name, "nothing");
        else
            scratch_put_folder(path, TABLE[i].name);
        assert_false(catalog_load(path, CEILING, &catalog, &err));
        assert_string_equal(err.message, TABLE[i].message);
        assert_null(catalog);
    }
}

/* As Kubernetes mounts a ConfigMap: links through a hidden link. */
static void
links_are_followed(UNUSED void **state)
{
    AUTO_SCRATCH char *data = scratch_new();
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_CATALOG struct catalog *catalog = NULL;
    struct error err = ERROR_INIT;

    scratch_put(data, "1_a.up.sql", "SELECT 1;");
    scratch_link(path, "..data", data);
    scratch_link(path, "1_a.up.sql", "..data/1_a.up.sql");
    assert_true(catalog_load(path, CEILING, &catalog, &err));
    assert_int_equal(catalog->count, 1);
    assert_string_equal(catalog->migrations[0].up.content, "SELECT 1;");
}

static void
a_byte_order_mark_is_dropped_and_the_text_is_hashed(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_CATALOG struct catalog *catalog = NULL;
    struct error err = ERROR_INIT;
    char checksum[DIGEST_HEX_BYTES];

    scratch_put(path, "1_a.up.sql", "\xEF\xBB\xBFSELECT 1;\n");
    scratch_put(path, "2_b.up.sql", "SELECT 1;");
    scratch_put(path, "3_c.up.sql", "\xEF\xBB\xBF");
    assert_true(catalog_load(path, CEILING, &catalog, &err));
    digest_text("SELECT 1;", 9, checksum);
    assert_string_equal(catalog->migrations[0].up.content, "SELECT 1;\n");
    assert_int_equal(catalog->migrations[0].up.size_bytes, 10);
    assert_string_equal(catalog->migrations[0].up.checksum, checksum);
    assert_string_equal(catalog->migrations[1].up.checksum, checksum);
    assert_string_equal(catalog->migrations[2].up.content, "");
    assert_int_equal(catalog->migrations[2].up.size_bytes, 0);
}

static void
a_migration_is_found_by_its_version(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_CATALOG struct catalog *catalog = NULL;
    struct error err = ERROR_INIT;

    scratch_put(path, "10_c.up.sql", "");
    scratch_put(path, "1_a.up.sql", "");
    scratch_put(path, "2_b.up.sql", "");
    assert_true(catalog_load(path, CEILING, &catalog, &err));
    assert_string_equal(catalog_find(catalog, 1)->name, "1_a");
    assert_string_equal(catalog_find(catalog, 2)->name, "2_b");
    assert_string_equal(catalog_find(catalog, 10)->name, "10_c");
    assert_null(catalog_find(catalog, 0));
    assert_null(catalog_find(catalog, 3));
    assert_null(catalog_find(catalog, 11));
}

/* Two files that do not fit in memory together: the first is kept. */
static void
put_large_files(const char *path)
{
    enum { LARGE = 3 * 1024 * 1024 };
    AUTO_STRING char *text = memory_new(LARGE + 1);

    memset(text, ' ', LARGE);
    scratch_put(path, "1_a.up.sql", text);
    text[0] = '\n';
    scratch_put(path, "2_b.up.sql", text);
}

static void
what_is_kept_is_what_was_hashed_whatever_becomes_of_the_file(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_CATALOG struct catalog *catalog = NULL;
    AUTO_STRING char *owned = NULL;
    const char *text = NULL;
    size_t size = 0;
    struct error err = ERROR_INIT;

    scratch_put(path, "1_a.up.sql", "SELECT 1;");
    assert_true(catalog_load(path, CEILING, &catalog, &err));
    scratch_put(path, "1_a.up.sql", "SELECT 2;");
    assert_true(catalog_text(catalog, &catalog->migrations[0].up, &text, &size, &owned, &err));
    assert_string_equal(text, "SELECT 1;");
    assert_int_equal(size, 9);
    assert_null(owned);
}

static void
what_is_read_again_must_be_what_was_hashed(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_CATALOG struct catalog *catalog = NULL;
    AUTO_STRING char *owned = NULL;
    const char *text = NULL;
    size_t size = 0;
    struct error err = ERROR_INIT;

    put_large_files(path);
    assert_true(catalog_load(path, CEILING, &catalog, &err));
    const struct migration_file *file = &catalog->migrations[1].up;
    assert_non_null(catalog->migrations[0].up.content);
    assert_null(file->content);

    assert_true(catalog_text(catalog, file, &text, &size, &owned, &err));
    assert_ptr_equal(text, owned);
    assert_int_equal(size, file->size_bytes);
    assert_int_equal(text[0], '\n');

    AUTO_STRING char *none = NULL;
    scratch_put(path, "2_b.up.sql", "SELECT 2;");
    text = NULL;
    assert_false(catalog_text(catalog, file, &text, &size, &none, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_string_equal(err.message, "2_b.up.sql changed while the run was under way");
    assert_string_equal(err.hint, "Run again when the folder is at rest.");
    assert_null(text);
    assert_null(none);
}

static void
a_file_that_is_gone_when_it_is_read_again_is_an_error(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_STRING char *file = memory_printf("%s/2_b.up.sql", path);
    AUTO_CATALOG struct catalog *catalog = NULL;
    AUTO_STRING char *owned = NULL;
    const char *text = NULL;
    size_t size = UNTOUCHED;
    struct error err = ERROR_INIT;

    put_large_files(path);
    assert_true(catalog_load(path, CEILING, &catalog, &err));
    assert_int_equal(unlink(file), 0);
    assert_false(catalog_text(catalog, &catalog->migrations[1].up, &text, &size, &owned, &err));
    assert_string_equal(err.message, "cannot read 2_b.up.sql: No such file or directory");
    assert_null(text);
    assert_null(owned);
    assert_int_equal(size, UNTOUCHED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_golang_migrates),
        cmocka_unit_test(a_folder_becomes_migrations_by_version),
        cmocka_unit_test(a_name_that_nearly_matches_is_a_warning),
        cmocka_unit_test(a_folder_that_cannot_be_taken_is_refused),
        cmocka_unit_test(leading_zeros_hide_no_clash),
        cmocka_unit_test(a_folder_without_migrations_is_refused),
        cmocka_unit_test(a_file_that_is_no_text_is_refused),
        cmocka_unit_test(a_folder_or_a_dangling_link_is_no_migration),
        cmocka_unit_test(links_are_followed),
        cmocka_unit_test(a_byte_order_mark_is_dropped_and_the_text_is_hashed),
        cmocka_unit_test(a_migration_is_found_by_its_version),
        cmocka_unit_test(what_is_kept_is_what_was_hashed_whatever_becomes_of_the_file),
        cmocka_unit_test(what_is_read_again_must_be_what_was_hashed),
        cmocka_unit_test(a_file_that_is_gone_when_it_is_read_again_is_an_error),
    };

    return RUN_TESTS(tests);
}
