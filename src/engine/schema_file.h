/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema file: the schema that is wanted, as SQL that builds it from nothing.
 */
#ifndef ENGINE_SCHEMA_FILE_H
#define ENGINE_SCHEMA_FILE_H

#include "engine/bench.h"
#include "engine/rename_hints.h"

struct schema_file {
    const char *path; /* borrowed */
    char *text;
    size_t size_bytes;
    struct rename_hints hints;
};

void schema_file_done(struct schema_file *file);
#define AUTO_SCHEMA_FILE __attribute__((cleanup(schema_file_done))) struct schema_file

/*
 * Read it, and run it in an empty database.
 *
 * Errors   ERROR_INPUT; ERROR_DATABASE with its place. A hint at a statement that
 *          creates no table, or several, is an ERROR_INPUT.
 */
MUST_CHECK bool schema_file_run(
    const char *path, struct bench *bench, struct schema_file *file, struct error *err);

/* Fail at the place of a hint. Returns false. */
bool schema_file_refuse(const struct schema_file *file,
    const struct rename_hint *hint,
    struct error *err,
    const char *format,
    ...) PRINTF_LIKE(4, 5);

#endif
