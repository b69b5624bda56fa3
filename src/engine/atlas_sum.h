/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atlas.sum: what a migrations folder must hold, as Atlas writes it.
 *
 *   h1:TOTAL
 *   NAME h1:HASH
 *
 * One SHA-256 runs over the whole folder, in the bytewise order of the names:
 * a file's name, then its raw bytes; HASH is the sum up to there. TOTAL is the
 * SHA-256 of each line's name and hash. A file whose first line has the
 * directive `atlas:sum ignore` counts by its name alone, and gets no line.
 */
#ifndef ENGINE_ATLAS_SUM_H
#define ENGINE_ATLAS_SUM_H

#include "adapter/digest.h"
#include "adapter/files.h"
#include "base/error.h"
#include "base/text.h"

#define ATLAS_SUM_NAME "atlas.sum"

/* Which files count: both are in use for folders of up and down files. */
enum atlas_filter {
    ATLAS_UP_FILES,  /* *.up.sql */
    ATLAS_SQL_FILES, /* *.sql */
};

struct atlas_entry {
    char *name;
    char hash[DIGEST_BASE64_BYTES];
};

struct atlas_sum {
    struct atlas_entry *entries; /* by name, bytewise */
    size_t count;
    size_t capacity;
    char total[DIGEST_BASE64_BYTES];
};

void atlas_sum_done(struct atlas_sum *sum);
#define AUTO_ATLAS_SUM __attribute__((cleanup(atlas_sum_done))) struct atlas_sum

/*
 * Hash the files of a folder; `names` are all that it holds, sorted.
 *
 * Errors   ERROR_INPUT: a file that cannot be read or is too large, a name
 *          that a line cannot hold.
 */
MUST_CHECK bool atlas_sum_compute(const struct folder *folder,
    const struct file_names *names,
    enum atlas_filter filter,
    size_t ceiling_bytes,
    struct atlas_sum *sum,
    struct error *err);

/* Errors   ERROR_INPUT with its line: not what the head of this file shows. */
MUST_CHECK bool atlas_sum_parse(
    const char *text, size_t size_bytes, struct atlas_sum *sum, struct error *err);

void atlas_sum_write(const struct atlas_sum *sum, struct text *text);

/* The filter that gave this text, which need not be in order. */
enum atlas_filter atlas_sum_filter(const char *text);

/*
 * Check the folder against its atlas.sum; without one there is nothing to check.
 *
 * Errors   ERROR_INPUT: atlas.sum cannot be read or parsed, its head does not
 *          fit its lines, or the folder is another: the first file that was
 *          edited, added or removed.
 */
MUST_CHECK bool atlas_sum_check(const struct folder *folder,
    const struct file_names *names,
    size_t ceiling_bytes,
    struct error *err);

/* Does this folder have one? */
bool atlas_sum_exists(const char *path);

/*
 * Write the folder's atlas.sum anew, over the files that the old one counted.
 *
 * Result   `*sum` is what was written, into `*file`; the caller frees both.
 * Errors   as atlas_sum_compute; ERROR_SYSTEM: it cannot be written.
 */
MUST_CHECK bool atlas_sum_update(
    const char *path, size_t ceiling_bytes, struct atlas_sum *sum, char **file, struct error *err);

#endif
