/* SPDX-License-Identifier: Apache-2.0 */
/* A statement that runs by itself, and what a concurrent build needs before and after. */
#include "engine/alone_internal.h"

#include <stdlib.h>

#include "base/memory.h"
#include "engine/concurrent_index.h"

/* Refused, as an index is there: the one that this statement built before the run was stopped? */
static bool
was_built_before(struct alone *alone, const char *sql, struct error *refusal)
{
    struct error failure = ERROR_INIT;
    bool is_built = false;

    if (!error_is_sqlstate(refusal, "42P07"))
        return false;
    if (!alone_leave_roles(alone, &failure) ||
        !concurrent_index_find_built(alone->run, alone->attempt_id, sql, &is_built, &failure)) {
        *refusal = failure;
        return false;
    }
    return is_built;
}

bool
alone_send_outside(struct alone *alone, size_t index, struct error *err)
{
    const struct statement *statement = &alone->script.statements[index];
    AUTO_STRING char *sql = memory_copy(alone->text + statement->offset, statement->size_bytes);

    if (!statement->is_run_alone)
        return alone_send(alone, index, err);
    bool is_resumed = alone->step->is_resumed;
    if (is_resumed && !concurrent_index_sweep(alone->run, alone->attempt_id, sql, err))
        return false;
    if (!alone_send(alone, index, err) && !(is_resumed && was_built_before(alone, sql, err)))
        return false;
    if (is_resumed && (!alone_leave_roles(alone, err) ||
                          !concurrent_index_sweep_reindex(alone->run, alone->attempt_id, sql, err)))
        return false;
    if (!concurrent_index_check(alone->run, sql, err)) {
        run_place_error(alone->run, alone->step, index, 0, err);
        return false;
    }
    return true;
}
