/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scratch: a database to try migrations on. Made on the target's server by applying
 * the folder's applied migrations to an empty one, and dropped whatever happens; or
 * one that a URL names.
 */
#ifndef REHEARSAL_SCRATCH_H
#define REHEARSAL_SCRATCH_H

#include "engine/preview.h"
#include "engine/scratch_database.h"

struct scratch {
    struct config config; /* the target's, with the scratch database; borrows */
    struct database_url url;
    struct scratch_database database; /* that was made; unnamed: the URL's is used */
    struct session *target;
};

/* Drops the database that was made, also after a stop; a failure is a warning. */
void scratch_done(struct scratch *scratch);
#define AUTO_SCRATCH __attribute__((cleanup(scratch_done))) struct scratch

/*
 * Make one, and bring it to what `preview` says of the target: it outlives the scratch,
 * as `target` does, a session with the target.
 *
 * Errors   ERROR_PLAN: no right to make one; the folder alone does not make the schema;
 *          and those of runner_run.
 */
MUST_CHECK bool scratch_make(const struct config *config,
    const struct run_identity *identity,
    const struct preview *preview,
    struct session *target,
    struct scratch *scratch,
    struct error *err);

/* The one that --observe names. Errors   ERROR_USAGE. */
MUST_CHECK bool scratch_name(const struct config *config,
    struct session *target,
    struct scratch *scratch,
    struct error *err);

/* What to do where the folder does not make the schema. */
bool scratch_explain(struct error *err);

#endif
