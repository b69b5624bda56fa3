/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runner: lock, apply the steps, record, stop.
 */
#ifndef ENGINE_RUNNER_H
#define ENGINE_RUNNER_H

#include "engine/run.h"

struct goal {
    enum plan_goal kind;
    size_t limit;    /* of PLAN_UP and PLAN_DOWN; 0: all */
    int64_t version; /* of PLAN_GOTO */
};

/* What the plan is built by. */
struct plan_policy runner_policy(const struct config *config, const struct goal *goal);

/*
 * Bring the database where the goal says. A lost connection and a rival's move are met by looking
 * again; a lost race for a lock by trying again.
 *
 * Errors   those of catalog_load, before anything is done in the database;
 *          else what stopped it. The events told what was done until then. Of a
 *          migration in a transaction nothing was kept.
 */
MUST_CHECK bool runner_run(const struct config *config,
    const struct run_identity *identity,
    const struct goal *goal,
    const struct listener *listener,
    struct error *err);

/* The same for a catalog that was loaded: apply all of it that is pending. */
MUST_CHECK bool runner_apply(const struct config *config,
    const struct run_identity *identity,
    struct catalog *catalog,
    const struct listener *listener,
    struct error *err);

#endif
