/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workbench: two empty databases on a development server, to try schemas in. They are
 * named so that a left-over is known, and dropped whatever happens. The database of
 * the URL itself is never written to.
 */
#ifndef ENGINE_WORKBENCH_H
#define ENGINE_WORKBENCH_H

#include "engine/session.h"

#define WORKBENCH_PREFIX "pgstride_write_"
enum { WORKBENCH_DATABASES = 2 };

struct workbench {
    const struct config *config; /* of the server; borrowed */
    struct session server;
    char *names[WORKBENCH_DATABASES]; /* NULL: not made */
};

/* Drops the databases, also after a stop; a failure is told as a warning. */
void workbench_done(struct workbench *workbench);
#define AUTO_WORKBENCH __attribute__((cleanup(workbench_done))) struct workbench

/*
 * Make them, and drop left-overs of an hour ago or more. `config` and `listener` are
 * borrowed.
 *
 * Errors   those of session_open; ERROR_DATABASE: no right to make a database.
 */
MUST_CHECK bool workbench_open(const struct config *config,
    const struct listener *listener,
    struct workbench *workbench,
    struct error *err);

#endif
