/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/files.h"

#include <stdlib.h>

#include "base/text.h"

#include "scratch.h"
#include "unit.h"

enum { CEILING = 64, UNTOUCHED = 77 };

static void
a_folder_is_listed_in_order_without_what_is_hidden(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_FILE_NAMES names = {0};
    AUTO_TEXT joined = TEXT_INIT;
    struct error err = ERROR_INIT;

    scratch_put(path, "2_b.up.sql", "");
    scratch_put(path, "10_c.up.sql", "");
    scratch_put(path, "1_a.up.sql", "");
    scratch_put(path, ".hidden", "");
    scratch_put(path, "..data", "");
    scratch_put_folder(path, "A");
    assert_true(folder_open(path, &folder, &err));
    assert_true(folder_list(folder, &names, &err));
    for (size_t i = 0; i < names.count; i++)
        text_printf(&joined, "%s ", names.names[i]);
    assert_string_equal(text_string(&joined), "10_c.up.sql 1_a.up.sql 2_b.up.sql A ");

    /* Listed again, with what came since. */
    AUTO_FILE_NAMES again = {0};
    scratch_put(path, "3_d.up.sql", "");
    assert_true(folder_list(folder, &again, &err));
    assert_int_equal(again.count, 5);
    assert_int_equal(err.kind, ERROR_NONE);
}

static void
an_empty_folder_lists_nothing(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_FILE_NAMES names = {0};
    struct error err = ERROR_INIT;

    assert_true(folder_open(path, &folder, &err));
    assert_true(folder_list(folder, &names, &err));
    assert_int_equal(names.count, 0);
}

static void
a_folder_that_cannot_be_opened_is_an_error(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_STRING char *missing = memory_printf("%s/missing", path);
    AUTO_STRING char *file = memory_printf("%s/file", path);
    AUTO_STRING char *missing_message = memory_printf(
        "cannot open the migrations folder %s/missing: No such file or directory", path);
    AUTO_STRING char *file_message =
        memory_printf("cannot open the migrations folder %s/file: Not a directory", path);
    struct folder *folder = NULL;
    struct error err = ERROR_INIT;

    scratch_put(path, "file", "");
    assert_false(folder_open(missing, &folder, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_string_equal(err.message, missing_message);
    assert_string_equal(
        err.hint, "Name the folder with --path DIR; in an image, COPY it to /migrations.");
    assert_false(folder_open(file, &folder, &err));
    assert_string_equal(err.message, file_message);
    assert_null(folder);
}

static void
fill_folder(const char *path)
{
    char full[CEILING + 1];

    memset(full, 'x', sizeof(full));
    scratch_put(path, "plain", "SELECT 1;\n");
    scratch_put(path, "empty", "");
    scratch_write(path, "nul", "a\0b", 3);
    scratch_write(path, "full", full, CEILING);
    scratch_write(path, "over", full, CEILING + 1);
    scratch_put_folder(path, "folder");
    scratch_pipe(path, "pipe");
    scratch_link(path, "link", "plain");
    scratch_link(path, "dangling", "nothing");
    scratch_link(path, "folder_link", "folder");
}

static void
a_file_is_read_whole(UNUSED void **state)
{
    static const struct {
        const char *name;
        const char *content;
        size_t size_bytes;
    } TABLE[] = {
        {"plain", "SELECT 1;\n", 10},
        {"empty", "", 0},
        {"nul", "a\0b", 3},
        {"link", "SELECT 1;\n", 10},
        {"full", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", CEILING},
    };
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_FOLDER struct folder *folder = NULL;
    struct error err = ERROR_INIT;

    fill_folder(path);
    assert_true(folder_open(path, &folder, &err));
    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_STRING char *by_name = NULL;
        AUTO_STRING char *by_path = NULL;
        AUTO_STRING char *file = memory_printf("%s/%s", path, TABLE[i].name);
        size_t size = UNTOUCHED;

        assert_true(folder_read(folder, TABLE[i].name, CEILING, &by_name, &size, &err));
        assert_int_equal(size, TABLE[i].size_bytes);
        assert_memory_equal(by_name, TABLE[i].content, size + 1);
        size = UNTOUCHED;
        assert_true(file_read(file, CEILING, &by_path, &size, &err));
        assert_int_equal(size, TABLE[i].size_bytes);
        assert_memory_equal(by_path, TABLE[i].content, size + 1);
    }
}

static void
a_file_that_cannot_be_read_is_an_error(UNUSED void **state)
{
    static const struct {
        const char *name;
        const char *message;
        const char *hint;
    } TABLE[] = {
        {"missing", "cannot read missing: No such file or directory", ""},
        {"dangling", "dangling is a link to nothing", ""},
        {"folder", "folder is a folder, not a file", ""},
        {"folder_link", "folder_link is a folder, not a file", ""},
        {"pipe", "pipe is not a regular file", ""},
    };
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_FOLDER struct folder *folder = NULL;
    struct error err = ERROR_INIT;

    fill_folder(path);
    assert_true(folder_open(path, &folder, &err));
    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        char *content = NULL;
        size_t size = UNTOUCHED;

        assert_false(folder_read(folder, TABLE[i].name, CEILING, &content, &size, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_string_equal(err.message, TABLE[i].message);
        assert_string_equal(err.hint, TABLE[i].hint);
        assert_null(content);
        assert_int_equal(size, UNTOUCHED);
    }
}

static void
a_file_above_the_ceiling_is_refused(UNUSED void **state)
{
    enum { MIB = 1024 * 1024 };
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_STRING char *bytes = memory_new(2 * MIB + 1);
    AUTO_STRING char *content = NULL;
    char *none = NULL;
    size_t size = UNTOUCHED;
    struct error err = ERROR_INIT;

    scratch_write(path, "two", bytes, 2 * MIB);
    scratch_write(path, "more", bytes, 2 * MIB + 1);
    assert_true(folder_open(path, &folder, &err));
    assert_true(folder_read(folder, "two", 2 * MIB, &content, &size, &err));
    assert_int_equal(size, 2 * MIB);
    assert_false(folder_read(folder, "more", 2 * MIB, &none, &size, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_string_equal(err.message, "more is larger than 2 MiB");
    assert_string_equal(err.hint, "Raise the ceiling with --max-file-size, or split the file.");
    assert_null(none);
}

static void
a_file_that_does_not_know_its_size_is_read_too(UNUSED void **state)
{
    AUTO_STRING char *content = NULL;
    char *none = NULL;
    size_t size = 0;
    struct error err = ERROR_INIT;

    assert_true(file_read("/proc/self/status", 1024 * 1024, &content, &size, &err));
    assert_true(size > 0);
    assert_memory_equal(content, "Name:", 5);
    assert_false(file_read("/dev/zero", 100 * 1000, &none, &size, &err));
    assert_string_equal(err.message, "/dev/zero is larger than 0 MiB");
}

static void
a_folder_is_told_from_a_file(UNUSED void **state)
{
    static const struct {
        const char *name;
        bool is_folder;
    } TABLE[] = {
        {"folder", true},
        {"folder_link", true},
        {"plain", false},
        {"dangling", false},
        {"missing", false},
    };
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_FOLDER struct folder *folder = NULL;
    struct error err = ERROR_INIT;

    fill_folder(path);
    assert_true(folder_open(path, &folder, &err));
    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_STRING char *whole = memory_printf("%s/%s", path, TABLE[i].name);

        assert_int_equal(folder_has_folder(folder, TABLE[i].name), TABLE[i].is_folder);
        assert_int_equal(file_is_folder(whole), TABLE[i].is_folder);
    }
}

static void
closing_nothing_is_allowed(UNUSED void **state)
{
    struct folder *folder = NULL;
    struct file_names names = {0};

    folder_close(NULL);
    folder_release(&folder);
    file_names_done(&names);
    assert_null(folder);
}

static void
a_file_is_replaced_whole_with_its_rights(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_STRING char *file = memory_printf("%s/a", path);
    AUTO_STRING char *link = memory_printf("%s/link", path);
    AUTO_STRING char *text = NULL;
    AUTO_FOLDER struct folder *folder = NULL;
    struct error err = ERROR_INIT;
    struct stat status;
    size_t size = 0;
    mode_t mask = umask(027);

    assert_true(file_replace(file, "one", 3, &err));
    umask(mask);
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    scratch_link(path, "link", "a");
    assert_int_equal(chmod(file, 0604), 0);
    assert_true(file_replace(link, "second", 6, &err));
    assert_int_equal(stat(file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0604);
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_true(folder_open(path, &folder, &err));
    assert_true(folder_read(folder, "a", CEILING, &text, &size, &err));
    assert_string_equal(text, "second");
    assert_int_equal(err.kind, ERROR_NONE);
}

/* What is not replaced leaves nothing beside it: scratch_remove counts on it. */
static void
a_file_that_cannot_be_replaced_stays(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_STRING char *folder = memory_printf("%s/folder", path);
    AUTO_STRING char *below = memory_printf("%s/none/a", path);
    AUTO_STRING char *no_file = memory_printf("cannot write %s: Is a directory", folder);
    AUTO_STRING char *no_folder =
        memory_printf("cannot write %s: No such file or directory", below);
    struct error err = ERROR_INIT;
    size_t names = 0;

    scratch_put_folder(path, "folder");
    assert_false(file_replace(folder, "one", 3, &err));
    assert_int_equal(err.kind, ERROR_SYSTEM);
    assert_string_equal(err.message, no_file);
    assert_false(file_replace(below, "one", 3, &err));
    assert_string_equal(err.message, no_folder);

    DIR *stream = opendir(path);
    while (readdir(stream) != NULL)
        names++;
    closedir(stream);
    assert_int_equal(names, 3); /* ., .. and folder */
}

static void
files_are_created_together_where_there_are_none(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_STRING char *one = memory_printf("%s/a", path);
    AUTO_STRING char *other = memory_printf("%s/b", path);
    AUTO_STRING char *nowhere = memory_printf("%s/no/c", path);
    AUTO_STRING char *taken = memory_printf("cannot create %s: File exists", other);
    AUTO_STRING char *no_folder =
        memory_printf("cannot create %s: No such file or directory", nowhere);
    AUTO_STRING char *content = NULL;
    const struct new_file files[] = {{one, "one"}, {other, ""}};
    const struct new_file astray[] = {{one, "one"}, {nowhere, "three"}};
    size_t size = 0;
    struct error err = ERROR_INIT;

    assert_false(files_create(astray, 2, &err));
    assert_string_equal(err.message, no_folder);
    assert_false(file_exists(one));
    assert_true(files_create(files, 2, &err));
    assert_true(file_read(one, 10, &content, &size, &err));
    assert_string_equal(content, "one");
    assert_true(file_exists(other));
    file_remove(one);
    assert_false(files_create(files, 2, &err));
    assert_string_equal(err.message, taken);
    assert_false(file_exists(one));
    file_remove(other);
    scratch_link(path, "b", "nothing");
    assert_false(files_create(files, 2, &err));
    assert_false(file_exists(one));
    assert_true(file_exists(other));
}

static void
folders_are_made_with_those_above(UNUSED void **state)
{
    AUTO_SCRATCH char *path = scratch_new();
    AUTO_STRING char *deep = memory_printf("%s/a//b/", path);
    AUTO_STRING char *above = memory_printf("%s/a", path);
    AUTO_STRING char *through = memory_printf("%s/file/b", path);
    AUTO_STRING char *file = memory_printf("%s/file", path);
    AUTO_STRING char *no_folder = memory_printf("cannot make the folder %s: Not a directory", file);
    AUTO_STRING char *none = memory_printf("cannot make the folder %s: Not a directory", through);
    struct error err = ERROR_INIT;

    assert_true(folder_make(deep, &err));
    assert_true(file_is_folder(deep));
    assert_true(folder_make(deep, &err));
    assert_true(folder_make("/", &err));
    assert_true(folder_make(".", &err));
    assert_int_equal(err.kind, ERROR_NONE);
    scratch_put(path, "file", "");
    assert_false(folder_make(file, &err));
    assert_string_equal(err.message, no_folder);
    assert_false(folder_make(through, &err));
    assert_string_equal(err.message, none);
    assert_int_equal(rmdir(deep), 0);
    assert_int_equal(rmdir(above), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_listed_in_order_without_what_is_hidden),
        cmocka_unit_test(an_empty_folder_lists_nothing),
        cmocka_unit_test(a_folder_that_cannot_be_opened_is_an_error),
        cmocka_unit_test(a_file_is_read_whole),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
        cmocka_unit_test(a_file_above_the_ceiling_is_refused),
        cmocka_unit_test(a_file_that_does_not_know_its_size_is_read_too),
        cmocka_unit_test(a_folder_is_told_from_a_file),
        cmocka_unit_test(closing_nothing_is_allowed),
        cmocka_unit_test(a_file_is_replaced_whole_with_its_rights),
        cmocka_unit_test(a_file_that_cannot_be_replaced_stays),
        cmocka_unit_test(files_are_created_together_where_there_are_none),
        cmocka_unit_test(folders_are_made_with_those_above),
    };

    return RUN_TESTS(tests);
}
