/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan, inside: the two ways that plan_build chooses from. Each adds its steps
 * behind the one that is resumed, if there is one.
 */
#ifndef ENGINE_PLAN_WAYS_H
#define ENGINE_PLAN_WAYS_H

#include "engine/plan.h"

MUST_CHECK bool plan_up(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan *plan,
    struct error *err);

MUST_CHECK bool plan_down(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan *plan,
    struct error *err);

/* Let the step go on where an attempt of ours outside a transaction stopped, if one did. */
void plan_resume_step(struct step *step, const struct history_entry *entry);

#endif
