/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wait: until another run has brought the database to the folder's version.
 */
#ifndef ENGINE_WAIT_H
#define ENGINE_WAIT_H

#include "adapter/platform.h"
#include "engine/config.h"
#include "engine/event.h"

/*
 * Block until the database has at least the folder's newest version and is not
 * dirty. Takes no lock and writes nothing; a server that is not up, or goes
 * away, is waited for too.
 *
 * Input    `platform` NULL, or the one on which this is not the first of several
 *          tasks: then it ends when the first has failed for good.
 * Errors   those of catalog_load; ERROR_REFUSED; ERROR_STOPPED; ERROR_TIMEOUT after
 *          `timeout_ms`: where the database is instead; ERROR_PLAN: how the first
 *          task failed.
 */
MUST_CHECK bool wait_for_version(const struct config *config,
    int64_t timeout_ms,
    const struct platform *platform,
    const struct listener *listener,
    struct error *err);

#endif
