/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Concurrent removal: DROP INDEX and DETACH PARTITION with CONCURRENTLY.
 *
 * A run that is stopped between the statement's end and its record finds nothing to drop or
 * detach when it goes on. So what the statement names is entered into the attempt beforehand.
 */
#ifndef ENGINE_CONCURRENT_REMOVAL_H
#define ENGINE_CONCURRENT_REMOVAL_H

#include "engine/run.h"

/* Enter the indexes and partitions that are there, and that the statement `sql` names. */
MUST_CHECK bool concurrent_removal_note(
    struct run *run, const char *attempt_id, const char *sql, struct error *err);

/* Is one of them gone, of those that the statement names? Then an earlier try of it was through. */
MUST_CHECK bool concurrent_removal_find_done(
    struct run *run, const char *attempt_id, const char *sql, bool *is_done, struct error *err);

#endif
