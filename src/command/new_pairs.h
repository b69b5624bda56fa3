/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New pairs: the files of migrations that are made, in golang-migrate's layout.
 */
#ifndef COMMAND_NEW_PAIRS_H
#define COMMAND_NEW_PAIRS_H

#include <stddef.h>

#include "engine/config.h"

struct new_pairs {
    char *folder;
    char **paths;         /* of each pair the down file's, then the up file's: never an up alone */
    size_t count;         /* of paths */
    size_t ceiling_bytes; /* of a file that is read */
};

void new_pairs_done(struct new_pairs *pairs);
#define AUTO_NEW_PAIRS __attribute__((cleanup(new_pairs_done))) struct new_pairs

/* Where they go; the caller frees it. */
char *new_pairs_folder(const struct config *config);

/*
 * Name the files of `count` pairs, by the folder and the options of `create`. Several
 * have versions one after the other, or a second after the other, and a number behind
 * the name.
 *
 * Errors   ERROR_USAGE: a name or an option that cannot be; ERROR_INPUT: the version is
 *          taken, or atlas.sum is wrong already.
 */
MUST_CHECK bool new_pairs_name(const struct config *config,
    const char *name,
    size_t count,
    struct new_pairs *pairs,
    struct error *err);

/*
 * Write them all and, where there is one, atlas.sum, or nothing; and print the paths.
 * `texts` are in the order of the paths.
 */
MUST_CHECK bool new_pairs_write(
    const struct new_pairs *pairs, const char *const *texts, struct error *err);

#endif
