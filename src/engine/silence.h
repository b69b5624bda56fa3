/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Silence: a proxy or a balancer holds the connection open, and passes nothing on. TCP sees no
 * fault. What tells is that the server waits for us while we wait for it; or that for long no
 * byte came, and no new connection could be made.
 *
 * A connection that is given up is a lost one: the run connects again, and asks the history. All
 * times go by tcp_user_timeout, 60 s where the URL says nothing; 0 turns this off.
 */
#ifndef ENGINE_SILENCE_H
#define ENGINE_SILENCE_H

#include "adapter/postgres.h"

struct silence {
    int64_t since_ms;  /* monotonic: since when the server waits for us; 0: it does not */
    int64_t copied;    /* bytes, where it is at a COPY */
    int64_t no_way_ms; /* monotonic: since when there is no way to it; 0: there is one */
};

/* For `why` no new connection could be made; with a SQLSTATE the server is there. */
void silence_no_way(struct silence *silence, struct pg *watched, const struct error *why);

/*
 * Look through `db` at the process that `watched` waits for. When both have waited for long,
 * `watched` is given up as lost; the next connection ends the process.
 */
MUST_CHECK bool silence_look(
    struct silence *silence, struct pg *db, struct pg *watched, struct error *err);

#endif
