/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adoption: enter into the history what another tool did.
 */
#ifndef ENGINE_ADOPTION_H
#define ENGINE_ADOPTION_H

#include "engine/run.h"

/* Write what history_infer entered, with the files' checksums, in one statement. */
MUST_CHECK bool adoption_record(struct run *run, struct error *err);

#endif
