/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renames: what a schema's hints say was renamed, as statements.
 */
#ifndef ENGINE_RENAMES_H
#define ENGINE_RENAMES_H

#include "engine/schema_file.h"

struct renames {
    struct text up;   /* as they are written into a file; "" when there are none */
    struct text down; /* the same the other way round */
    size_t count;
};

void renames_done(struct renames *renames);
#define AUTO_RENAMES __attribute__((cleanup(renames_done))) struct renames

/*
 * Rename in `folder`, a database with the folder's schema, what the hints of `file` say;
 * and then the constraints, indexes and sequences of those tables that are the same in
 * `wanted`, where `file` was run, but for their names. Both sessions have the search path
 * in which names are to be read. A hint whose new name is there already was applied.
 *
 * Errors   ERROR_INPUT with its place: a hint that does not fit.
 */
MUST_CHECK bool renames_make(const struct schema_file *file,
    struct pg *folder,
    struct pg *wanted,
    struct renames *renames,
    struct error *err);

#endif
