/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Author: from the schema that is wanted to a migration that is proven.
 */
#ifndef ENGINE_AUTHOR_H
#define ENGINE_AUTHOR_H

#include "engine/config.h"
#include "engine/event.h"
#include "engine/identity.h"
#include "schema/difference.h"

struct authored_file {
    struct text up;
    struct text down;
};

struct authored {
    struct authored_file *files; /* none: the folder and the schema agree */
    size_t count;
    size_t capacity;
    struct text losses; /* what loses data: "drop table a, …" */
};

void authored_done(struct authored *authored);
#define AUTO_AUTHORED __attribute__((cleanup(authored_done))) struct authored

/*
 * Apply the folder of `config` to one empty database and the file `schema_path` to
 * another, on the server of `config`, and find the difference both ways. Both are run:
 * up must give the schema, and down what was there before, object by object. With
 * --online that is spread over several files, and so is the proof.
 *
 * Errors   ERROR_INPUT, ERROR_DATABASE: a file that cannot be run, with its place;
 *          ERROR_PLAN: what cannot be compared, changed or proven.
 */
MUST_CHECK bool author_write(const struct config *config,
    const struct run_identity *identity,
    const char *schema_path,
    const struct listener *listener,
    struct authored *authored,
    struct error *err);

#endif
