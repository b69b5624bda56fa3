/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/atomic.h"

static bool
refuse_file(const struct run *run, size_t index, const char *why, struct error *err)
{
    const struct step *step = &run->plan->steps[index];

    error_set(err, ERROR_PLAN, "%s %s, so it cannot share one transaction with the %zu others",
        step_file(step)->name, why, run->plan->count - 1);
    return error_hint(err, "Run without --atomic; or in parts: what comes before it, it alone, "
                           "and the rest. Nothing was run.");
}

bool
atomic_check(const struct run *run, struct error *err)
{
    for (size_t i = 0; i < run->plan->count; i++) {
        if (run->scripts[i].mode == SCRIPT_ALONE)
            return refuse_file(run, i, "runs outside a transaction", err);
        if (run->scripts[i].has_begin_options)
            return refuse_file(run, i, "says how its transaction is to be", err);
    }
    return true;
}

bool
atomic_refuse(struct error *err)
{
    return error_hint(err, "Run without --atomic: this statement cannot share a transaction.");
}
