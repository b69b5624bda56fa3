/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/catalog_files.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/parallel.h"
#include "base/memory.h"
#include "base/text.h"

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

enum { BATCH = 16 }; /* migrations, that a part takes at a time */

struct hashing {
    struct catalog *catalog;
    const struct folder *folder;
    const struct meanwhile *meanwhile;
    size_t parts;
    atomic_size_t next; /* the first migration that no part has taken */
    size_t failed[PARALLEL_MOST];
    struct error errors[PARALLEL_MOST];
};

static void
hash_part(void *context, size_t part)
{
    struct hashing *hashing = context;
    struct catalog *catalog = hashing->catalog;
    size_t kept_bytes = CATALOG_KEPT_BYTES / hashing->parts;
    size_t at = 0;

    while ((at = atomic_fetch_add(&hashing->next, BATCH)) < catalog->count) {
        size_t end = at + BATCH < catalog->count ? at + BATCH : catalog->count;
        for (; at < end; at++) {
            hashing->failed[part] = at;
            if (!hash_migration(catalog, hashing->folder, &catalog->migrations[at], &kept_bytes,
                    &hashing->errors[part]))
                return;
        }
        if (part == 0) /* the thread that called */
            hashing->meanwhile->look(hashing->meanwhile->context);
    }
}

/* The error of the first file that has one: whoever took its batch came as far as this. */
bool
catalog_hash_all(struct catalog *catalog,
    const struct folder *folder,
    const struct meanwhile *meanwhile,
    struct error *err)
{
    struct hashing *hashing = memory_new(sizeof(*hashing));
    size_t first = catalog->count;

    hashing->catalog = catalog;
    hashing->folder = folder;
    hashing->meanwhile = meanwhile;
    hashing->parts = parallel_parts(catalog->count);
    parallel_run(hashing->parts, hash_part, hashing);
    for (size_t i = 0; i < hashing->parts; i++) {
        if (hashing->errors[i].kind == ERROR_NONE || hashing->failed[i] >= first)
            continue;
        first = hashing->failed[i];
        *err = hashing->errors[i];
    }
    free(hashing);
    return first == catalog->count;
}

bool
catalog_hash_down(struct catalog *catalog, int64_t version, struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    const struct migration *found = catalog_find(catalog, version);

    if (found == NULL || found->down.name == NULL || found->down.checksum[0] != '\0')
        return true;
    struct migration *migration = &catalog->migrations[found - catalog->migrations];
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
