/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reconnect: the connection was lost in mid-run. Is it worth another?
 */
#ifndef ENGINE_RECONNECT_H
#define ENGINE_RECONNECT_H

#include "engine/run.h"

/* How often it was lost, and what was under way the last time. */
struct reconnects {
    size_t count; /* without a migration done in between */
    int64_t version;
    size_t kept;      /* of its statements, outside a transaction */
    size_t statement; /* from 1; 0: not known */
    size_t times;     /* in a row, at this very place */
};

/*
 * After a failure `err`: close the lost session, and wait a moment. False: the connection stands,
 * or it is not worth another one, and `err` says why. Or ERROR_STOPPED.
 */
MUST_CHECK bool reconnect(struct run *run, struct reconnects *reconnects, struct error *err);

#endif
