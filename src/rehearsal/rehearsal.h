/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rehearsal: run what is pending on a scratch database, and ask the server after
 * each statement what it did.
 */
#ifndef REHEARSAL_REHEARSAL_H
#define REHEARSAL_REHEARSAL_H

#include "engine/preview.h"
#include "rehearsal/advice.h"

struct rehearsed {
    size_t step;      /* of the plan */
    size_t statement; /* of its file */
    bool is_alone;    /* outside a transaction: its locks are not known */
    int64_t duration_us;
    struct observation observation;
    struct verdict verdict;
    struct advice advice;
};

struct rehearsal {
    struct preview preview; /* of the target */
    struct snapshot origin; /* the scratch database before */
    struct facts_table facts;
    struct rehearsed *statements;
    size_t count;
    size_t capacity;
    bool has_failed; /* a statement was refused: this one */
    struct error failure;
    enum level worst;
};

void rehearsal_done(struct rehearsal *rehearsal);
#define AUTO_REHEARSAL __attribute__((cleanup(rehearsal_done))) struct rehearsal

/*
 * Rehearse what the goal asks for, on --observe's database or one that is made for
 * it. A statement that is refused is no error: see has_failed. `rehearsal` is filled
 * in its place and stays there.
 *
 * Errors   those of preview_load and of scratch_make; a lost connection; a stop.
 */
MUST_CHECK bool rehearsal_run(const struct config *config,
    const struct run_identity *identity,
    const struct goal *goal,
    const struct listener *listener,
    struct rehearsal *rehearsal,
    struct error *err);

#endif
