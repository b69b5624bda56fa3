/* SPDX-License-Identifier: Apache-2.0 */
/* A statement that runs by itself, and what a concurrent build needs before and after. */
#include "engine/alone_internal.h"

#include <stdlib.h>

#include "base/memory.h"
#include "engine/concurrent_index.h"
#include "engine/concurrent_removal.h"

/* Behind a pooler no role is taken on outside a transaction. */
static bool
take_own_role(struct alone *alone, struct error *err)
{
    return alone->run->session.is_pooled || alone_leave_roles(alone, err);
}

/*
 * Refused, as an index is there, or what is to be removed is not: had this statement done it before
 * the run was stopped?
 */
static bool
was_done_before(
    struct alone *alone, const struct statement *statement, const char *sql, struct error *refusal)
{
    struct error failure = ERROR_INIT;
    bool is_built = !statement->is_removal && error_is_sqlstate(refusal, "42P07");
    bool is_removed = statement->is_removal &&
                      (error_is_sqlstate(refusal, "42704") || error_is_sqlstate(refusal, "42P01"));
    bool is_done = false;

    if (!alone->step->is_resumed || (!is_built && !is_removed))
        return false;
    if (!take_own_role(alone, &failure) ||
        !(is_built ? concurrent_index_find_built : concurrent_removal_find_done)(
            alone->run, alone->attempt_id, sql, &is_done, &failure)) {
        *refusal = failure;
        return false;
    }
    return is_done;
}

/* Before and after one that builds. */
static bool
sweep(struct alone *alone, const char *sql, bool is_behind, struct error *err)
{
    if (!alone->step->is_resumed)
        return true;
    return take_own_role(alone, err) &&
           (is_behind ? concurrent_index_sweep_reindex : concurrent_index_sweep)(
               alone->run, alone->attempt_id, sql, err);
}

static bool
send_build(struct alone *alone, size_t index, const char *sql, struct error *err)
{
    const struct statement *statement = &alone->script.statements[index];

    if (!sweep(alone, sql, false, err))
        return false;
    if (!alone_send(alone, index, err) && !was_done_before(alone, statement, sql, err))
        return false;
    if (!sweep(alone, sql, true, err))
        return false;
    if (concurrent_index_check(alone->run, sql, err))
        return true;
    run_place_error(alone->run, alone->step, index, 0, err);
    return false;
}

bool
alone_send_outside(struct alone *alone, size_t index, struct error *err)
{
    const struct statement *statement = &alone->script.statements[index];
    AUTO_STRING char *sql = memory_copy(alone->text + statement->offset, statement->size_bytes);

    if (!statement->is_run_alone)
        return alone_send(alone, index, err);
    if (!statement->is_removal)
        return send_build(alone, index, sql, err);
    return concurrent_removal_note(alone->run, alone->attempt_id, sql, err) &&
           (alone_send(alone, index, err) || was_done_before(alone, statement, sql, err));
}
