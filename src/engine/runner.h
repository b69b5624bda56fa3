/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runner: lock, apply the steps, record, stop.
 */
#ifndef ENGINE_RUNNER_H
#define ENGINE_RUNNER_H

#include "engine/run.h"

/*
 * Bring the database to the folder's version, or `limit` migrations nearer
 * (0: all). A lost connection and a rival's move are met by looking again;
 * a lost race for a lock by trying again.
 *
 * Errors   those of catalog_load, before anything is asked of the database;
 *          else what stopped it. The events told what was done until then. Of a
 *          migration in a transaction nothing was kept.
 */
MUST_CHECK bool runner_up(const struct config *config,
    const struct run_identity *identity,
    size_t limit,
    const struct listener *listener,
    struct error *err);

#endif
