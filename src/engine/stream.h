/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream: transactional migrations, one after the other, sent ahead through a
 * pipeline. While the server works on one, the next are already with it; on
 * the first refusal it skips what follows.
 *
 * The window is bounded in messages and in bytes, so memory is too.
 */
#ifndef ENGINE_STREAM_H
#define ENGINE_STREAM_H

#include "engine/run.h"

/*
 * Apply steps `first` to `end` - 1. `run->applied` counts those that
 * committed, whatever the result.
 *
 * Errors   ERROR_DATABASE, placed in its file: that step left nothing, and the
 *          session is fit for another try; ERROR_STOPPED: the same, after a
 *          signal; ERROR_MOVED: another run moved the version;
 *          ERROR_CONNECTION: the session is of no more use; ERROR_INPUT: a file
 *          changed.
 */
MUST_CHECK bool stream_steps(struct run *run, size_t first, size_t end, struct error *err);

/* The same message by message: COPY does not go through a pipeline. */
MUST_CHECK bool stream_steps_slowly(struct run *run, size_t first, size_t end, struct error *err);

#endif
