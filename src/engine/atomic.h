/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Atomic: a run that is one transaction, all of it or nothing (--atomic).
 */
#ifndef ENGINE_ATOMIC_H
#define ENGINE_ATOMIC_H

#include "engine/run.h"

/*
 * Can the plan's steps share a transaction? Asked before anything runs.
 * Errors   ERROR_PLAN: a file that runs outside a transaction, or says how its
 *          own is to be.
 */
MUST_CHECK bool atomic_check(const struct run *run, struct error *err);

/* The server cannot run a statement in a transaction: say so. Returns false. */
bool atomic_refuse(struct error *err);

#endif
