/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Long wait: what is CONCURRENTLY waits for older transactions, as long as they take.
 *
 * Nobody waits behind it, so no lock_timeout is to end it: that would leave half of
 * it behind, an invalid index or a partition that is neither in nor out.
 */
#ifndef ENGINE_LONG_WAIT_H
#define ENGINE_LONG_WAIT_H

#include "engine/run.h"

/*
 * Warn of the transactions that it may have to wait for, and take the limit away.
 * `*limit`: what it was, for long_wait_end.
 */
MUST_CHECK bool long_wait_begin(struct run *run,
    const struct step *step,
    const struct statement *statement,
    struct pg_rows **limit,
    struct error *err);

/* Take the limit away alone. */
MUST_CHECK bool long_wait_take_limit(struct run *run, struct pg_rows **limit, struct error *err);

/* Set the limit again, after success and failure. */
MUST_CHECK bool long_wait_end(struct run *run, const struct pg_rows *limit, struct error *err);

#endif
