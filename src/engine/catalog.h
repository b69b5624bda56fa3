/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Catalog: the migrations of a folder, sorted by version and checked.
 *
 * Names are golang-migrate's: VERSION_TITLE.up.EXT and VERSION_TITLE.down.EXT.
 */
#ifndef ENGINE_CATALOG_H
#define ENGINE_CATALOG_H

#include <stdint.h>

#include "adapter/digest.h"
#include "adapter/files.h"
#include "base/error.h"

struct migration_file {
    char *name; /* NULL: there is none */
    char checksum[DIGEST_HEX_BYTES];
    char *content; /* NULL when not kept: read again in its turn */
    size_t size_bytes;
};

struct migration {
    int64_t version;
    char *title;
    char *name; /* VERSION_TITLE, as in the file's name */
    struct migration_file up;
    struct migration_file down;
};

struct catalog {
    char *path;
    struct migration *migrations; /* by version, ascending, without duplicates */
    size_t count;
    size_t capacity;
    char **warnings; /* names that nearly match */
    size_t warnings_count;
    size_t warnings_capacity;
    size_t file_ceiling_bytes;
    size_t down_room_bytes; /* for the down files that catalog_hash_down keeps */
};

/* Something to look after during a work that takes long. */
struct meanwhile {
    void (*look)(void *context);
    void *context;
};

void catalog_free(struct catalog *catalog);
void catalog_release(struct catalog **catalog);
#define AUTO_CATALOG __attribute__((cleanup(catalog_release)))

/*
 * Read the folder, hash its up files, and check it against its atlas.sum.
 *
 * Errors   ERROR_INPUT: no folder, no migration in it, two files of one version
 *          and direction, a version over 2^63-1, a file that is a folder or
 *          cannot be read, is too large, is not UTF-8 or holds a NUL, an atlas.sum
 *          that says otherwise.
 */
MUST_CHECK bool catalog_load(
    const char *path, size_t file_ceiling_bytes, struct catalog **catalog, struct error *err);

/*
 * The same, while something else goes on: `meanwhile` is called now and then, on this thread,
 * and must not wait.
 */
MUST_CHECK bool catalog_load_meanwhile(const char *path,
    size_t file_ceiling_bytes,
    const struct meanwhile *meanwhile,
    struct catalog **catalog,
    struct error *err);

/* The same, whatever atlas.sum says: for who has looked at it already. */
MUST_CHECK bool catalog_load_unchecked(
    const char *path, size_t file_ceiling_bytes, struct catalog **catalog, struct error *err);

/*
 * Read a migration's file: UTF-8, without a byte-order mark. The caller frees `*content`.
 * Errors   as above.
 */
MUST_CHECK bool catalog_read_text(const struct folder *folder,
    const char *name,
    size_t ceiling_bytes,
    char **content,
    size_t *size_bytes,
    struct error *err);

/* The migration of a version, or NULL. */
const struct migration *catalog_find(const struct catalog *catalog, int64_t version);

/*
 * The text of a migration's file: kept, or read again, when it must still have
 * the checksum it had.
 *
 * Result   `*text` is borrowed from the catalog, or `*owned` when read again:
 *          the caller frees `*owned`.
 */
MUST_CHECK bool catalog_text(const struct catalog *catalog,
    const struct migration_file *file,
    const char **text,
    size_t *size_bytes,
    char **owned,
    struct error *err);

/*
 * Read and hash a version's down file, which catalog_load leaves alone.
 * Errors   as catalog_load.
 */
MUST_CHECK bool catalog_hash_down(struct catalog *catalog, int64_t version, struct error *err);

enum file_direction { FILE_UP, FILE_DOWN };

/*
 * Read a file's name. True when it is a migration's; `*is_near` when it is not
 * but looks like one was meant.
 */
bool catalog_match_name(const char *name,
    size_t *version_digits,
    size_t *title_bytes,
    enum file_direction *direction,
    bool *is_near);

/* What is said of a name that is near; the caller frees it. */
char *catalog_near_miss(const char *name);

#endif
