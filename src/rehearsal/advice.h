/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Advice: the documented safe way to do what a statement does. Chosen by what the
 * server reported, not by the statement's words. Pure.
 */
#ifndef REHEARSAL_ADVICE_H
#define REHEARSAL_ADVICE_H

#include "rehearsal/verdict.h"

enum { ADVICE_MAX = 6 };

struct advice {
    char *texts[ADVICE_MAX];
    size_t count;
};

void advice_done(struct advice *advice);

/* Nothing for what is safe, or is brief and cannot be had without. */
void advice_choose(
    const struct observation *observation, const struct verdict *verdict, struct advice *advice);

#endif
