/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification: all that is wrong with a folder of migrations, not the first
 * thing alone, and where a database disagrees with it.
 */
#ifndef ENGINE_VERIFICATION_H
#define ENGINE_VERIFICATION_H

#include "base/error.h"
#include "engine/state.h"

struct finding {
    bool is_failure; /* else a warning */
    char *file;      /* NULL: the message names it, or there is none */
    size_t line;     /* from 1; 0: unknown */
    size_t column;   /* from 1; 0: unknown */
    char *message;
    char *hint; /* NULL: there is none */
};

struct verification {
    struct finding *findings;
    size_t count;
    size_t capacity;
    size_t failures;
    size_t migrations;
};

void verification_done(struct verification *verification);
#define AUTO_VERIFICATION __attribute__((cleanup(verification_done))) struct verification

/*
 * Look at the names, the pairs, every file that is a migration's, and atlas.sum.
 *
 * Errors   ERROR_INPUT: the folder cannot be listed. All else is a finding.
 */
MUST_CHECK bool verification_of_folder(
    const char *path, size_t ceiling_bytes, struct verification *verification, struct error *err);

/* Add what was applied and is another now, or gone. A pending migration is no finding. */
void verification_of_state(const struct state *state, struct verification *verification);

#endif
