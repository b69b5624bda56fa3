/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preview: what a run would do, statement by statement. Writes nothing and takes no
 * lock.
 */
#ifndef ENGINE_PREVIEW_H
#define ENGINE_PREVIEW_H

#include "engine/runner.h"

/* What one step would run. */
struct preview_step {
    struct script script;
    const char *text;
    char *owned_text; /* NULL: `text` is the catalog's */
};

struct preview {
    struct catalog *catalog;
    struct history *history;
    struct plan *plan;
    struct preview_step *steps; /* one a step of the plan */
    char *database;
    char *host;
};

void preview_done(struct preview *preview);
#define AUTO_PREVIEW __attribute__((cleanup(preview_done))) struct preview

/* Errors   as runner_run's, up to the first statement. */
MUST_CHECK bool preview_load(const struct config *config,
    const struct goal *goal,
    const struct listener *listener,
    struct preview *preview,
    struct error *err);

/* Does the step run in a transaction? If not, why not, in words; else NULL. */
const char *preview_why_alone(const struct preview *preview, size_t step);

#endif
