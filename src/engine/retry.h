/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retry: a platform that starts a failed task again by itself, or several at once.
 * What failed for good is not run a second time, and not waited for.
 */
#ifndef ENGINE_RETRY_H
#define ENGINE_RETRY_H

#include "engine/run.h"

/* Say that this is not the first attempt, where it is not. */
void retry_tell(const struct run *run);

/*
 * Look in the history for how the earlier attempts of this execution failed, and
 * tell the first and the last. Before the plan's first step.
 *
 * Errors   ERROR_PLAN: no retry can help, and the file is still the one that
 *          failed. That the history cannot be asked is a warning.
 */
MUST_CHECK bool retry_check(const struct run *run, struct error *err);

/*
 * Look in the history whether task 0 of this execution failed for good. That it
 * cannot be asked is no error: whoever waits for task 0 looks again.
 *
 * Errors   ERROR_PLAN: it did, at a file that this folder has too.
 */
MUST_CHECK bool retry_check_leader(const struct session *session,
    const struct platform *platform,
    const struct catalog *catalog,
    struct error *err);

#endif
