/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alone, inside: what a step outside a transaction shares with its way behind a pooler.
 */
#ifndef ENGINE_ALONE_INTERNAL_H
#define ENGINE_ALONE_INTERNAL_H

#include "engine/run.h"

struct alone {
    struct run *run;
    const struct step *step;
    size_t index; /* of the step in the plan */
    struct script script;
    const char *text;
    char *owned_text;
    size_t done;
    char version[24];
    char from[24];
    char to[24]; /* -1, golang-migrate's word, where there is no version any more */
    char attempt_id[24];
    char checksum_done[DIGEST_HEX_BYTES]; /* of the file up to what is done */
    struct pg_rows *roles;                /* that the file took on, while we use ours; or NULL */
};

/* The attempt in the history (alone_attempt.c). ------------------------------ */

/*
 * An earlier run that lost the migration lock, but not its connection, may be at the step still.
 * Errors   ERROR_TIMEOUT: it is; ERROR_STOPPED.
 */
MUST_CHECK bool alone_wait_for_earlier(struct alone *alone, struct error *err);

/* Begin it, or take it up: from now on the version is dirty. */
MUST_CHECK bool alone_start(struct alone *alone, struct error *err);

/* Enter that `count` statements are done. */
MUST_CHECK bool alone_write_progress(
    struct alone *alone, size_t count, const char *checksum, struct error *err);

/* The same of what is done; at its place, where the file has a transaction of its own. */
MUST_CHECK bool alone_record_progress(struct alone *alone, struct error *err);

/* What failed, and how far it came. */
void alone_record_failure(struct alone *alone, const struct error *failure);

/* The step is applied. */
MUST_CHECK bool alone_finish(struct alone *alone, int64_t *duration_ms, struct error *err);

/* The statements (alone.c). -------------------------------------------------- */

/*
 * A file may take on a role that has no right to our tables: between its
 * statements we use our own. Inside a transaction of the file's own that is
 * LOCAL, so that what it set comes with its COMMIT.
 */
MUST_CHECK bool alone_leave_roles(struct alone *alone, struct error *err);

/* Send one statement as it is; an error gets its place. */
MUST_CHECK bool alone_send(struct alone *alone, size_t index, struct error *err);

/* The same for one that runs by itself: with what a concurrent build needs before and after. */
MUST_CHECK bool alone_send_outside(struct alone *alone, size_t index, struct error *err);

/* One statement on a session that is ours, with its progress. */
MUST_CHECK bool alone_run_statement(struct alone *alone, size_t index, struct error *err);

/* It is through: count it. */
void alone_note_done(struct alone *alone, size_t index);

/* Make the session's settings again that stand among the first `end` statements. */
MUST_CHECK bool alone_repeat_settings(struct alone *alone, size_t end, struct error *err);

#endif
