/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retry: a platform that starts a failed task again by itself. What failed for
 * good is not run a second time.
 */
#ifndef ENGINE_RETRY_H
#define ENGINE_RETRY_H

#include "engine/run.h"

/* Say that this is not the first attempt, where it is not. */
void retry_tell(const struct run *run);

/*
 * Look in the history for how an earlier attempt of this execution failed, and
 * tell it. Before the plan's first step.
 *
 * Errors   ERROR_PLAN: no retry can help, and the file is still the one that
 *          failed. That the history cannot be asked is a warning.
 */
MUST_CHECK bool retry_check(const struct run *run, struct error *err);

#endif
