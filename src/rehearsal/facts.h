/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts: how large and busy the tables of the target database are.
 */
#ifndef REHEARSAL_FACTS_H
#define REHEARSAL_FACTS_H

#include "rehearsal/verdict.h"

/*
 * Ask about the relations that `wanted` marks, one flag a relation of `table->origin`.
 * One query; what the target has not stays unknown.
 */
MUST_CHECK bool facts_ask(
    struct pg *target, const bool *wanted, struct facts_table *table, struct error *err);

#endif
