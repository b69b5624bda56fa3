/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/kept.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/report.h"

bool
kept_is_unknown(const struct run *run)
{
    return run->is_unheard || pg_is_lost(run->session.db);
}

/* What ran outside a transaction and could not be recorded: the next run does not know of it. */
static char *
describe_unrecorded(const struct run *run)
{
    const struct heard *heard = &run->heard;

    return memory_printf("It ran outside a transaction: %zu of its statements ran, and the history "
                         "knows %s %zu; the next run would run the rest again. If that must not "
                         "be, say first: UPDATE %s SET statements_done = %zu, checksum = '%s' "
                         "WHERE id = %" PRId64 " AND outcome IN ('started', 'failed') AND "
                         "statements_done < %zu;",
        heard->kept, kept_is_unknown(run) ? "perhaps only of" : "of", heard->recorded,
        run->history_table, heard->kept, heard->checksum_kept, heard->attempt_id, heard->kept);
}

static char *
describe_dirty(const struct step *step)
{
    if (step->is_late)
        return memory_string("");
    if (step->has_to)
        return memory_printf(
            ", and the version is %" PRId64 ", dirty, until the rest is done", step->to);
    return memory_string(", and the database is dirty, without a version, until the rest is done");
}

/* Nobody heard of the end of the statement that was under way. */
static char *
describe_unheard(const struct run *run, const struct step *step, const struct error *err)
{
    AUTO_STRING char *dirty = describe_dirty(step);
    size_t kept = run->scripts[run->applied].statements_kept;

    if (err->statement == kept + 1)
        return memory_printf("It ran outside a transaction: what stands before this statement was "
                             "kept, and perhaps what it did%s. Run again: it goes on here.",
            dirty);
    if (kept == 0)
        return memory_printf("It ran outside a transaction: it is not known whether its first "
                             "statement was kept%s. Run again.",
            dirty);
    return memory_printf("It ran outside a transaction: of its statements the first %zu were kept, "
                         "and perhaps the one behind them%s. Run again: it goes on there.",
        kept, dirty);
}

/* What is left of a migration outside a transaction, and how to go on. */
static char *
describe_alone(const struct run *run, const struct step *step, const struct error *err)
{
    AUTO_STRING char *dirty = describe_dirty(step);
    size_t kept = run->scripts[run->applied].statements_kept;
    const char *what = err->statement > kept + 1 ? "Its own transaction was rolled back"
                                                 : "It ran outside a transaction";
    const char *next = report_is_retryable(err) ? "Run again" : "Mend the file and run again";

    if (err->statement == kept + 1)
        return memory_printf("%s: what stands before this statement was kept%s. %s: it goes on "
                             "here.",
            what, dirty, next);
    if (kept == 0)
        return memory_printf("%s: nothing of it was kept%s. %s.", what, dirty, next);
    return memory_printf("%s: of its statements the first %zu were kept%s. %s: it goes on behind "
                         "them.",
        what, kept, dirty, next);
}

char *
kept_describe(const struct run *run, const struct step *step, const struct error *err)
{
    const struct step_script *script = run->scripts != NULL ? &run->scripts[run->applied] : NULL;

    if (script == NULL || script->mode != SCRIPT_ALONE)
        return NULL;
    if (run->heard.kept > run->heard.recorded)
        return describe_unrecorded(run);
    if (kept_is_unknown(run) && script->statements_kept == script->statements)
        return memory_printf("It ran outside a transaction, all of it, and was either marked as "
                             "%s or not; the next run finds out which.",
            step->is_down ? "reverted" : "applied");
    return kept_is_unknown(run) ? describe_unheard(run, step, err) : describe_alone(run, step, err);
}
