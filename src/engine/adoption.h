/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adoption: enter into the history what another tool did.
 */
#ifndef ENGINE_ADOPTION_H
#define ENGINE_ADOPTION_H

#include "adapter/json.h"
#include "engine/run.h"

/*
 * Enter rows into the history, with an outcome: an array of objects with version,
 * name, direction, checksum; in one statement. None is fine.
 */
MUST_CHECK bool adoption_enter(
    struct run *run, const json_t *rows, const char *outcome, struct error *err);

/* The object of a file for adoption_enter; `migration` may be NULL. */
json_t *adoption_row(
    int64_t version, const char *name, bool is_up, const struct migration *migration);

/* Write what history_infer entered, with the files' checksums, in one statement. */
MUST_CHECK bool adoption_record(struct run *run, struct error *err);

#endif
