/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices: of the server's, so many that a log can hold. A migration may raise
 * millions.
 */
#ifndef ENGINE_NOTICES_H
#define ENGINE_NOTICES_H

#include "adapter/postgres.h"
#include "engine/event.h"

struct notices {
    const char *migration; /* whose they are; NULL: none */
    size_t told;
    size_t left_out;
    int64_t next_ms; /* monotonic: when the next one is told, once there were many */
};

/* Tell one; of a migration that raises many, one a second, behind the first thousand. */
void notices_hear(struct notices *notices,
    const struct listener *listener,
    const char *migration,
    const struct pg_notice *notice);

/* Tell how many were left out, and begin anew: a migration has ended. */
void notices_end(struct notices *notices, const struct listener *listener);

#endif
