/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rename hints: comments of a schema's file that say what a table or column was called.
 *
 *   -- pgstride: renamed-from old_name
 *
 * on the line before the CREATE TABLE or the column, or behind it on its line.
 *
 * Pure: text in, hints out. Which table a statement creates is the server's to say.
 */
#ifndef ENGINE_RENAME_HINTS_H
#define ENGINE_RENAME_HINTS_H

#include "engine/script.h"

struct rename_hint {
    size_t offset;    /* of the comment in the text */
    size_t statement; /* of the script: that creates the table */
    char *old_name;   /* as written: an identifier, of a table perhaps with its schema */
    char *column;     /* as written, or NULL: the table */
    char *table_oid;  /* that the statement made, once it was run; else NULL */
};

struct rename_hints {
    struct rename_hint *hints;
    size_t count;
    size_t capacity;
};

void rename_hints_done(struct rename_hints *hints);
#define AUTO_RENAME_HINTS __attribute__((cleanup(rename_hints_done))) struct rename_hints

/*
 * Split the schema's `text` into statements, and find the hints in it.
 *
 * Errors   those of script_parse; ERROR_INPUT with its place: a hint of no name, or
 *          where neither a statement nor a column stands.
 */
MUST_CHECK bool rename_hints_parse(const char *file,
    const char *text,
    size_t size_bytes,
    struct script *script,
    struct rename_hints *hints,
    struct error *err);

#endif
