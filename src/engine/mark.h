/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mark: set the version by hand. Nothing of a migration runs; the history says
 * that it was marked, by whom and when.
 */
#ifndef ENGINE_MARK_H
#define ENGINE_MARK_H

#include "engine/run.h"

/* -1, golang-migrate's word: no version. */
enum { MARK_NONE = -1 };

/*
 * Set the version, not dirty. What the history has above it counts as reverted, and
 * what the folder has between the last applied and it as applied.
 */
MUST_CHECK bool mark_force(const struct config *config,
    const struct run_identity *identity,
    int64_t version,
    const struct listener *listener,
    struct error *err);

/*
 * Adopt a database that has the schema of `version`, but no version yet.
 * Errors   ERROR_PLAN: it has one; `version` is not in the folder.
 */
MUST_CHECK bool mark_baseline(const struct config *config,
    const struct run_identity *identity,
    int64_t version,
    const struct listener *listener,
    struct error *err);

#endif
