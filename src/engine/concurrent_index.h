/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Concurrent index: what CREATE INDEX and REINDEX with CONCURRENTLY leave behind.
 *
 * A build that fails leaves an index that is not valid: it costs every write
 * and answers no query, and with IF NOT EXISTS a second try "succeeds". Before
 * another try it is dropped; after each try it is looked for.
 *
 * An index is the statement's when the statement names it, or its table and no
 * index at all, and it was not invalid before the migration's first try began.
 * Nothing that is being built right now is touched.
 */
#ifndef ENGINE_CONCURRENT_INDEX_H
#define ENGINE_CONCURRENT_INDEX_H

#include "engine/run.h"

/* Drop what earlier tries of this attempt left. `sql` is the statement. */
MUST_CHECK bool concurrent_index_sweep(
    struct run *run, const char *attempt_id, const char *sql, struct error *err);

/*
 * The same for a REINDEX that is through: it leaves alone what earlier tries left of it, and what
 * was still another session's before it may be dropped now.
 */
MUST_CHECK bool concurrent_index_sweep_reindex(
    struct run *run, const char *attempt_id, const char *sql, struct error *err);

/*
 * Is there a valid index that the statement names, on a table that it names, and newer than the
 * last word in the history of an attempt that was killed, or lost? Then the statement had built it.
 */
MUST_CHECK bool concurrent_index_find_built(
    struct run *run, const char *attempt_id, const char *sql, bool *is_built, struct error *err);

/* Errors   ERROR_DATABASE: an index that the statement names is not valid. */
MUST_CHECK bool concurrent_index_check(struct run *run, const char *sql, struct error *err);

#endif
