/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/catalog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/files.h"
#include "adapter/parallel.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/atlas_sum.h"

enum { KEPT_BYTES = 4 * 1024 * 1024 };

static void
file_done(struct migration_file *file)
{
    free(file->name);
    free(file->content);
}

void
catalog_free(struct catalog *catalog)
{
    if (catalog == NULL)
        return;
    for (size_t i = 0; i < catalog->count; i++) {
        free(catalog->migrations[i].title);
        free(catalog->migrations[i].name);
        file_done(&catalog->migrations[i].up);
        file_done(&catalog->migrations[i].down);
    }
    for (size_t i = 0; i < catalog->warnings_count; i++)
        free(catalog->warnings[i]);
    free(catalog->warnings);
    free(catalog->migrations);
    free(catalog->path);
    free(catalog);
}

void
catalog_release(struct catalog **catalog)
{
    catalog_free(*catalog);
    *catalog = NULL;
}

/*
 * golang-migrate's `^([0-9]+)_(.*)\.(down|up)\.(.*)$`, greedy: the last
 * ".up." or ".down." decides.
 */
static const char *
find_direction(const char *from, enum file_direction *direction)
{
    const char *found = NULL;

    for (const char *at = from; *at != '\0'; at++) {
        if (strncmp(at, ".up.", 4) == 0) {
            found = at;
            *direction = FILE_UP;
        } else if (strncmp(at, ".down.", 6) == 0) {
            found = at;
            *direction = FILE_DOWN;
        }
    }
    return found;
}

static bool
ends_with(const char *name, const char *end)
{
    size_t size = strlen(name);
    size_t end_size = strlen(end);

    return size >= end_size && strcasecmp(name + size - end_size, end) == 0;
}

bool
catalog_match_name(const char *name,
    size_t *version_digits,
    size_t *title_bytes,
    enum file_direction *direction,
    bool *is_near)
{
    size_t digits = strspn(name, "0123456789");
    const char *middle = NULL;

    if (digits > 0 && name[digits] == '_')
        middle = find_direction(name + digits + 1, direction);
    *is_near = middle == NULL && (ends_with(name, ".sql") || strcasestr(name, ".up.") != NULL ||
                                     strcasestr(name, ".down.") != NULL);
    if (middle == NULL)
        return false;
    *version_digits = digits;
    *title_bytes = (size_t)(middle - name) - digits - 1;
    return true;
}

static struct migration *
find_or_add(struct catalog *catalog, int64_t version)
{
    /* Names come sorted, and versions mostly with them: look from the end. */
    for (size_t i = catalog->count; i-- > 0;) {
        if (catalog->migrations[i].version == version)
            return &catalog->migrations[i];
        if (catalog->migrations[i].version < version)
            break;
    }
    struct migration *migration = ARRAY_ADD(catalog->migrations, catalog->count, catalog->capacity);
    migration->version = version;
    return migration;
}

char *
catalog_near_miss(const char *name)
{
    return memory_printf("%s is left out: a migration's name is VERSION_TITLE.up.sql or "
                         "VERSION_TITLE.down.sql, with a version of digits alone",
        name);
}

static bool
add_name(struct catalog *catalog, const char *name, struct error *err)
{
    size_t digits = 0;
    size_t title_bytes = 0;
    enum file_direction direction = FILE_UP;
    bool is_near = false;
    int64_t version = 0;

    if (!catalog_match_name(name, &digits, &title_bytes, &direction, &is_near)) {
        if (is_near)
            *ARRAY_ADD(catalog->warnings, catalog->warnings_count, catalog->warnings_capacity) =
                catalog_near_miss(name);
        return true;
    }
    if (!parse_version(name, digits, &version, err)) {
        error_set(err, ERROR_INPUT, "the version of %s is too large", name);
        return error_hint(err, "A version is at most %lld, what PostgreSQL's bigint holds.",
            (long long)INT64_MAX);
    }

    struct migration *migration = find_or_add(catalog, version);
    struct migration_file *file = direction == FILE_UP ? &migration->up : &migration->down;
    if (file->name != NULL) {
        error_set(err, ERROR_INPUT, "%s and %s are both the %s file of version %lld", file->name,
            name, direction == FILE_UP ? "up" : "down", (long long)version);
        return error_hint(err, "Give one of them a version of its own.");
    }
    file->name = memory_string(name);
    if (migration->title == NULL || direction == FILE_UP) {
        free(migration->title);
        free(migration->name);
        migration->title = memory_copy(name + digits + 1, title_bytes);
        migration->name = memory_copy(name, digits + 1 + title_bytes);
    }
    return true;
}

static int
compare_migrations(const void *left, const void *right)
{
    int64_t a = ((const struct migration *)left)->version;
    int64_t b = ((const struct migration *)right)->version;

    return a < b ? -1 : a > b;
}

static void
move_file(struct migration_file *into, struct migration_file *from)
{
    if (from->name == NULL)
        return;
    *into = *from;
    *from = (struct migration_file){0};
}

/* Versions of one width are, by their names. */
static bool
is_sorted(const struct catalog *catalog)
{
    for (size_t i = 1; i < catalog->count; i++) {
        if (catalog->migrations[i - 1].version > catalog->migrations[i].version)
            return false;
    }
    return true;
}

/* `001_a` and `1_a` sort apart by name: join what is one version. */
static bool
join_versions(struct catalog *catalog, struct error *err)
{
    size_t kept = 0;

    if (!is_sorted(catalog))
        qsort(
            catalog->migrations, catalog->count, sizeof(*catalog->migrations), compare_migrations);
    for (size_t i = 1; i < catalog->count; i++) {
        struct migration *last = &catalog->migrations[kept];
        struct migration *next = &catalog->migrations[i];
        if (next->version != last->version) {
            if (++kept != i) {
                catalog->migrations[kept] = *next;
                *next = (struct migration){0};
            }
            continue;
        }
        struct migration_file *a = last->up.name != NULL ? &last->up : &last->down;
        struct migration_file *b = next->up.name != NULL ? &next->up : &next->down;
        bool is_clash = (last->up.name != NULL && next->up.name != NULL) ||
                        (last->down.name != NULL && next->down.name != NULL);
        if (is_clash) {
            bool is_up = last->up.name != NULL && next->up.name != NULL;
            a = is_up ? &last->up : &last->down;
            b = is_up ? &next->up : &next->down;
            error_set(err, ERROR_INPUT, "%s and %s are both the %s file of version %lld", a->name,
                b->name, is_up ? "up" : "down", (long long)next->version);
            return error_hint(err, "Give one of them a version of its own.");
        }
        move_file(&last->up, &next->up);
        move_file(&last->down, &next->down);
        free(next->title);
        free(next->name);
        *next = (struct migration){0};
    }
    if (catalog->count > 0)
        catalog->count = kept + 1;
    return true;
}

static bool
check_text(const char *name, const char *text, size_t size_bytes, struct error *err)
{
    const char *nul = memchr(text, '\0', size_bytes);
    size_t valid = utf8_valid(text, size_bytes);

    if (nul != NULL) {
        error_set(
            err, ERROR_INPUT, "%s holds a NUL byte at offset %zu", name, (size_t)(nul - text));
        return error_hint(err, "Save the file as UTF-8.");
    }
    if (valid < size_bytes) {
        error_set(err, ERROR_INPUT, "%s is not UTF-8: byte 0x%02X at offset %zu", name,
            (unsigned char)text[valid], valid);
        return error_hint(err, "Save the file as UTF-8.");
    }
    return true;
}

bool
catalog_read_text(const struct folder *folder,
    const char *name,
    size_t ceiling_bytes,
    char **content,
    size_t *size_bytes,
    struct error *err)
{
    static const char BYTE_ORDER_MARK[] = "\xEF\xBB\xBF";
    AUTO_STRING char *text = NULL;
    size_t size = 0;

    if (!folder_read(folder, name, ceiling_bytes, &text, &size, err))
        return false;
    if (!check_text(name, text, size, err))
        return false;
    if (strncmp(text, BYTE_ORDER_MARK, 3) == 0) {
        size -= 3;
        memmove(text, text + 3, size + 1);
    }
    *content = TAKE(text);
    *size_bytes = size;
    return true;
}

/* Read and hash a file; its content is kept while there is room in `*kept_bytes`. */
static bool
hash_file(const struct catalog *catalog,
    const struct folder *folder,
    struct migration_file *file,
    size_t *kept_bytes,
    struct error *err)
{
    AUTO_STRING char *content = NULL;

    if (file->name == NULL)
        return true;
    if (!catalog_read_text(
            folder, file->name, catalog->file_ceiling_bytes, &content, &file->size_bytes, err))
        return false;
    digest_text(content, file->size_bytes, file->checksum);
    if (*kept_bytes >= file->size_bytes) {
        *kept_bytes -= file->size_bytes;
        file->content = TAKE(content);
    }
    return true;
}

static bool
hash_migration(const struct catalog *catalog,
    const struct folder *folder,
    struct migration *migration,
    size_t *kept_bytes,
    struct error *err)
{
    const struct migration_file *down = &migration->down;

    if (!hash_file(catalog, folder, &migration->up, kept_bytes, err))
        return false;
    if (down->name != NULL && migration->up.name == NULL && folder_has_folder(folder, down->name))
        return error_set(err, ERROR_INPUT, "%s is a folder, not a file", down->name);
    return true;
}

/* The migrations in as many runs as there are parts. */
struct hashing {
    struct catalog *catalog;
    const struct folder *folder;
    size_t parts;
    struct error errors[PARALLEL_MOST];
};

static void
hash_part(void *context, size_t part)
{
    struct hashing *hashing = context;
    struct catalog *catalog = hashing->catalog;
    size_t end = catalog->count * (part + 1) / hashing->parts;
    size_t kept_bytes = KEPT_BYTES / hashing->parts;

    for (size_t i = catalog->count * part / hashing->parts; i < end; i++) {
        if (!hash_migration(catalog, hashing->folder, &catalog->migrations[i], &kept_bytes,
                &hashing->errors[part]))
            return;
    }
}

static bool
hash_all(struct catalog *catalog, const struct folder *folder, struct error *err)
{
    struct hashing *hashing = memory_new(sizeof(*hashing));
    bool is_good = true;

    *hashing = (struct hashing){
        .catalog = catalog, .folder = folder, .parts = parallel_parts(catalog->count)};
    parallel_run(hashing->parts, hash_part, hashing);
    for (size_t i = 0; is_good && i < hashing->parts; i++) {
        is_good = hashing->errors[i].kind == ERROR_NONE;
        if (!is_good)
            *err = hashing->errors[i];
    }
    free(hashing);
    return is_good;
}

static bool
load(const char *path,
    size_t file_ceiling_bytes,
    bool is_sum_checked,
    struct catalog **catalog,
    struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_FILE_NAMES names = {0};
    AUTO_CATALOG struct catalog *loaded = memory_new(sizeof(*loaded));

    loaded->path = memory_string(path);
    loaded->file_ceiling_bytes = file_ceiling_bytes;
    loaded->down_room_bytes = KEPT_BYTES;
    if (!folder_open(path, &folder, err))
        return false;
    if (!folder_list(folder, &names, err))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        if (!add_name(loaded, names.names[i], err))
            return false;
    }
    if (!join_versions(loaded, err))
        return false;
    if (loaded->count == 0) {
        error_set(err, ERROR_INPUT, "the migrations folder %s holds no migration", path);
        if (loaded->warnings_count > 0)
            return error_hint(err, "%s.", loaded->warnings[0]);
        return error_hint(err, "A migration's file is named VERSION_TITLE.up.sql.");
    }
    if (!hash_all(loaded, folder, err))
        return false;
    if (is_sum_checked && !atlas_sum_check(folder, &names, file_ceiling_bytes, err))
        return false;
    *catalog = TAKE(loaded);
    return true;
}

bool
catalog_load(
    const char *path, size_t file_ceiling_bytes, struct catalog **catalog, struct error *err)
{
    return load(path, file_ceiling_bytes, true, catalog, err);
}

bool
catalog_load_unchecked(
    const char *path, size_t file_ceiling_bytes, struct catalog **catalog, struct error *err)
{
    return load(path, file_ceiling_bytes, false, catalog, err);
}

const struct migration *
catalog_find(const struct catalog *catalog, int64_t version)
{
    struct migration key = {.version = version};

    return bsearch(&key, catalog->migrations, catalog->count, sizeof(key), compare_migrations);
}

bool
catalog_hash_down(struct catalog *catalog, int64_t version, struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    struct migration key = {.version = version};
    struct migration *migration =
        bsearch(&key, catalog->migrations, catalog->count, sizeof(key), compare_migrations);

    if (migration == NULL || migration->down.name == NULL || migration->down.checksum[0] != '\0')
        return true;
    return folder_open(catalog->path, &folder, err) &&
           hash_file(catalog, folder, &migration->down, &catalog->down_room_bytes, err);
}

bool
catalog_text(const struct catalog *catalog,
    const struct migration_file *file,
    const char **text,
    size_t *size_bytes,
    char **owned,
    struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_STRING char *content = NULL;
    char checksum[DIGEST_HEX_BYTES];

    if (file->content != NULL) {
        *text = file->content;
        *size_bytes = file->size_bytes;
        *owned = NULL;
        return true;
    }
    if (!folder_open(catalog->path, &folder, err))
        return false;
    if (!catalog_read_text(
            folder, file->name, catalog->file_ceiling_bytes, &content, size_bytes, err))
        return false;
    digest_text(content, *size_bytes, checksum);
    if (strcmp(checksum, file->checksum) != 0) {
        error_set(err, ERROR_INPUT, "%s changed while the run was under way", file->name);
        return error_hint(err, "Run again when the folder is at rest.");
    }
    *text = content;
    *owned = TAKE(content);
    return true;
}
