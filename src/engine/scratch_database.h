/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scratch database: an empty database on a server, to try schemas in. Named so that a
 * left-over is known, and dropped whatever happens. The database that the session is
 * connected to is never written to.
 */
#ifndef ENGINE_SCRATCH_DATABASE_H
#define ENGINE_SCRATCH_DATABASE_H

#include "engine/session.h"

struct scratch_database {
    struct session *server; /* borrowed */
    char *name;             /* NULL: not made */
};

/* Drops it, also after a stop; a failure is told as a warning. */
void scratch_database_done(struct scratch_database *database);
#define AUTO_SCRATCH_DATABASE                                                                      \
    __attribute__((cleanup(scratch_database_done))) struct scratch_database

/*
 * Make one, with the encoding and locale of the database of `server`, and drop what
 * killed processes left.
 *
 * `purpose`  a word of its name: "write" or "rehearsal".
 * `owner`    NULL: the login.
 * Errors     those of pg_query; 42501: no right to make one, with a hint.
 */
MUST_CHECK bool scratch_database_make(struct session *server,
    const char *purpose,
    const char *owner,
    struct scratch_database *database,
    struct error *err);

#endif
