/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drop: every table of the current schema, as golang-migrate's `drop` does, the two
 * of ours among them. What belongs to an extension stays.
 */
#ifndef ENGINE_DROP_H
#define ENGINE_DROP_H

#include "engine/run.h"

/* In one transaction, under the migration lock: all or nothing. */
MUST_CHECK bool drop_tables(const struct config *config,
    const struct run_identity *identity,
    const struct listener *listener,
    struct error *err);

#endif
