/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patience: the wait before another try of a migration that lost a race for a lock.
 *
 * Full jitter under a ceiling that doubles. A try that waits for a lock stalls the
 * application behind it, so after one the ceiling begins at twice that wait. Where the
 * watcher saw what was waited for, the end of those in the way ends the wait; and
 * while some of them are still there no try is made, since it would stall in vain.
 * A try that came so early and lost again, to others, is followed by a whole wait.
 */
#ifndef ENGINE_PATIENCE_H
#define ENGINE_PATIENCE_H

#include "engine/run.h"

/* How often and how long one migration has been tried. */
struct patience {
    int64_t version;
    size_t tries;
    int64_t until_ms; /* monotonic */
    bool is_early;    /* the last try came early */
};

/*
 * Wait before another try of the run's next step. False when its time is over: `err`
 * is the failure that came in, with who was in the way last. Or ERROR_STOPPED.
 */
MUST_CHECK bool patience_wait(struct run *run, struct patience *patience, struct error *err);

#endif
