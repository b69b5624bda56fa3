/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New pair: the two files of a migration that is made, in golang-migrate's layout.
 */
#ifndef COMMAND_NEW_PAIR_H
#define COMMAND_NEW_PAIR_H

#include <stddef.h>

#include "engine/config.h"

struct new_pair {
    char *folder;
    char *up; /* the files' paths */
    char *down;
    size_t ceiling_bytes; /* of a file that is read */
};

void new_pair_done(struct new_pair *pair);
#define AUTO_NEW_PAIR __attribute__((cleanup(new_pair_done))) struct new_pair

/* Where they go; the caller frees it. */
char *new_pair_folder(const struct config *config);

/*
 * Name the files, by the folder and the options of `create`.
 *
 * Errors   ERROR_USAGE: a name or an option that cannot be; ERROR_INPUT: the version is
 *          taken, or atlas.sum is wrong already.
 */
MUST_CHECK bool new_pair_name(
    const struct config *config, const char *name, struct new_pair *pair, struct error *err);

/* Write both and, where there is one, atlas.sum, or nothing; and print the paths. */
MUST_CHECK bool new_pair_write(
    const struct new_pair *pair, const char *up_text, const char *down_text, struct error *err);

#endif
