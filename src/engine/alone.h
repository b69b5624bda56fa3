/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alone: a migration outside a transaction, statement by statement. `dirty` is
 * set first, each statement that is done is recorded, and a later run goes on
 * at the one that failed.
 */
#ifndef ENGINE_ALONE_H
#define ENGINE_ALONE_H

#include "engine/run.h"

/* Errors   as stream_steps; a statement's refusal is recorded already. */
MUST_CHECK bool alone_step(struct run *run, size_t index, struct error *err);

#endif
