/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: list a folder, read a file whole, make new ones.
 */
#ifndef ADAPTER_FILES_H
#define ADAPTER_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct file_names {
    char **names; /* sorted bytewise */
    size_t count;
    size_t capacity;
};

void file_names_done(struct file_names *names);
#define AUTO_FILE_NAMES __attribute__((cleanup(file_names_done))) struct file_names

struct folder; /* an open folder */

void folder_close(struct folder *folder);
void folder_release(struct folder **folder);
#define AUTO_FOLDER __attribute__((cleanup(folder_release)))

/* Errors   ERROR_INPUT: no such folder, not a folder, no right to it. */
MUST_CHECK bool folder_open(const char *path, struct folder **folder, struct error *err);

/* Every name in it but those that begin with a dot. */
MUST_CHECK bool folder_list(struct folder *folder, struct file_names *names, struct error *err);

/* Is `name` a folder, links followed? */
bool folder_has_folder(const struct folder *folder, const char *name);

/*
 * Read a file of the folder, links followed.
 *
 * Result   `*content` ends with a NUL that `size_bytes` does not count; the
 *          caller frees it.
 * Errors   ERROR_INPUT: not there, a dangling link, a folder, no right to it,
 *          larger than `ceiling_bytes`.
 */
MUST_CHECK bool folder_read(const struct folder *folder,
    const char *name,
    size_t ceiling_bytes,
    char **content,
    size_t *size_bytes,
    struct error *err);

/* Read a small file by its path, such as a mounted secret. Errors: as above. */
MUST_CHECK bool file_read(
    const char *path, size_t ceiling_bytes, char **content, size_t *size_bytes, struct error *err);

bool file_is_folder(const char *path);

/* Is there anything of this name? A link to nothing is something. */
bool file_exists(const char *path);

/* What follows fails with ERROR_SYSTEM: the system's word, and the path. */

/* Make a folder, and those above it; one that is there is fine. */
MUST_CHECK bool folder_make(const char *path, struct error *err);

struct new_file {
    const char *path;
    const char *content;
};

/*
 * Create these files, whole, where there are none of their names; or none of them.
 * Each is on the disk under another name first. A kill between two leaves the first
 * ones alone.
 */
MUST_CHECK bool files_create(const struct new_file *files, size_t count, struct error *err);

/* Take back a file that was created. */
void file_remove(const char *path);

/*
 * Write a file whole or not at all: into a temporary one beside it, which then
 * takes its place, with its rights, and is on the disk.
 */
MUST_CHECK bool file_replace(
    const char *path, const char *content, size_t size_bytes, struct error *err);

#endif
