/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/catalog.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapter/files.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/atlas_sum.h"
#include "engine/catalog_files.h"

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

    for (const char *at = strchr(from, '.'); at != NULL; at = strchr(at + 1, '.')) {
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

static void
look_after_nothing(void *context)
{
    (void)context;
}

static const struct meanwhile NOTHING = {.look = look_after_nothing};

static bool
load(const char *path,
    size_t file_ceiling_bytes,
    bool is_sum_checked,
    const struct meanwhile *meanwhile,
    struct catalog **catalog,
    struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_FILE_NAMES names = {0};
    AUTO_CATALOG struct catalog *loaded = memory_new(sizeof(*loaded));

    loaded->path = memory_string(path);
    loaded->file_ceiling_bytes = file_ceiling_bytes;
    loaded->down_room_bytes = CATALOG_KEPT_BYTES;
    if (!folder_open(path, &folder, err))
        return false;
    if (!folder_list(folder, &names, err))
        return false;
    meanwhile->look(meanwhile->context);
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
    meanwhile->look(meanwhile->context);
    if (!catalog_hash_all(loaded, folder, meanwhile, err))
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
    return load(path, file_ceiling_bytes, true, &NOTHING, catalog, err);
}

bool
catalog_load_meanwhile(const char *path,
    size_t file_ceiling_bytes,
    const struct meanwhile *meanwhile,
    struct catalog **catalog,
    struct error *err)
{
    return load(path, file_ceiling_bytes, true, meanwhile, catalog, err);
}

bool
catalog_load_unchecked(
    const char *path, size_t file_ceiling_bytes, struct catalog **catalog, struct error *err)
{
    return load(path, file_ceiling_bytes, false, &NOTHING, catalog, err);
}

const struct migration *
catalog_find(const struct catalog *catalog, int64_t version)
{
    struct migration key = {.version = version};

    return bsearch(&key, catalog->migrations, catalog->count, sizeof(key), compare_migrations);
}
