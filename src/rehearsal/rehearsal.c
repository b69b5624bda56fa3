/* SPDX-License-Identifier: Apache-2.0 */
#include "rehearsal/rehearsal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/clock.h"
#include "base/memory.h"
#include "rehearsal/facts.h"
#include "rehearsal/scratch.h"

/* One rehearsal under way. */
struct stage {
    struct rehearsal *rehearsal;
    const struct scratch *scratch;
    struct session session;
    struct snapshot before; /* the statement that comes */
    bool is_new;            /* a transaction has begun, and `before` is from before it */
    bool is_rolled_back;    /* all in one transaction, that goes at the end */
};

static void
stage_done(struct stage *stage)
{
    session_close(&stage->session);
    snapshot_done(&stage->before);
}
#define AUTO_STAGE __attribute__((cleanup(stage_done))) struct stage

void
rehearsal_done(struct rehearsal *rehearsal)
{
    for (size_t i = 0; i < rehearsal->count; i++) {
        observation_done(&rehearsal->statements[i].observation);
        verdict_done(&rehearsal->statements[i].verdict);
        advice_done(&rehearsal->statements[i].advice);
    }
    free(rehearsal->statements);
    free(rehearsal->facts.facts);
    snapshot_done(&rehearsal->origin);
    preview_done(&rehearsal->preview);
    *rehearsal = (struct rehearsal){0};
}

/* Types of which the one is read as the other: varchar and text. */
#define SQL_IS_BINARY                                                                              \
    "SELECT EXISTS (SELECT FROM pg_cast\n"                                                         \
    "                WHERE castsource = $1::oid AND casttarget = $2::oid AND castmethod = 'b')"

static bool
ask_types(struct pg *db, struct observation *observation, struct error *err)
{
    for (size_t i = 0; i < observation->changes_count; i++) {
        struct change *change = &observation->changes[i];
        AUTO_ROWS struct pg_rows *rows = NULL;
        char from[24];
        char to[24];
        const char *const values[] = {from, to};
        if (change->kind != CHANGE_COLUMN_RETYPED || change->is_binary)
            continue;
        snprintf(from, sizeof(from), "%" PRId64, change->from_type);
        snprintf(to, sizeof(to), "%" PRId64, change->to_type);
        if (!pg_query(db, SQL_IS_BINARY, 2, values, &rows, err))
            return false;
        change->is_binary = pg_rows_boolean(rows, 0, 0);
    }
    return true;
}

/* What the statement that just ran did. */
static bool
observe(struct stage *stage,
    size_t step,
    size_t statement,
    enum snapshot_extent extent,
    int64_t duration_us,
    struct error *err)
{
    struct rehearsal *rehearsal = stage->rehearsal;
    AUTO_SNAPSHOT after = {0};

    if (!snapshot_take(stage->session.db, extent, &after, err))
        return false;
    struct rehearsed *rehearsed =
        ARRAY_ADD(rehearsal->statements, rehearsal->count, rehearsal->capacity);
    *rehearsed = (struct rehearsed){.step = step,
        .statement = statement,
        .is_alone = extent == SNAPSHOT_ALL,
        .duration_us = duration_us};
    observation_make(&rehearsal->origin, &stage->before, &after, extent, &rehearsed->observation);
    if (extent == SNAPSHOT_ALL)
        snapshot_done(&stage->before);
    snapshot_update(&stage->before, &after);
    return ask_types(stage->session.db, &rehearsed->observation, err);
}

/* The whole schema anew. In the transaction, since the scans are counted anew between two. */
static bool
look_anew(struct stage *stage, struct error *err)
{
    stage->is_new = false;
    snapshot_done(&stage->before);
    return snapshot_take(stage->session.db, SNAPSHOT_ALL, &stage->before, err);
}

/* Send a statement to the scratch database. `*is_refused`: the server said no, in `err`. */
static bool
run(struct stage *stage,
    size_t step,
    size_t index,
    int64_t *duration_us,
    bool *is_refused,
    struct error *err)
{
    const struct preview_step *read = &stage->rehearsal->preview.steps[step];
    const struct statement *statement = &read->script.statements[index];
    AUTO_STRING char *sql = memory_copy(read->text + statement->offset, statement->size_bytes);
    AUTO_REPLY reply = {0};
    int64_t started_us = clock_monotonic_us();

    *is_refused = false;
    bool is_run = statement->is_copy_in
                      ? pg_run_copy(stage->session.db, sql, read->text + statement->data_offset,
                            statement->data_bytes, &reply, err)
                      : pg_run(stage->session.db, sql, &reply, err);
    if (!is_run)
        return false;
    *duration_us = clock_monotonic_us() - started_us;
    if (reply.kind != PG_REPLY_FAILED)
        return true;
    *err = reply.error;
    *is_refused = err->kind == ERROR_DATABASE;
    error_place(err, step_file(&stage->rehearsal->preview.plan->steps[step])->name, 0, 0);
    err->statement = index + 1;
    size_t size = statement->offset + statement->size_bytes;
    script_place_error(&read->script, read->text, size, index, reply.position, err);
    return false;
}

/* A refusal is a result. */
static bool
note_refusal(struct stage *stage, bool is_refused, const struct error *err)
{
    if (!is_refused)
        return false;
    stage->rehearsal->has_failed = true;
    stage->rehearsal->failure = *err;
    if (stage->scratch->database.name != NULL && stage->rehearsal->failure.sqlstate[0] == '4' &&
        stage->rehearsal->failure.sqlstate[1] == '2')
        scratch_explain(&stage->rehearsal->failure);
    return true;
}

static bool
command(struct stage *stage, const char *sql, struct error *err)
{
    return pg_command(stage->session.db, sql, 0, NULL, err);
}

static bool
begin(struct stage *stage, struct error *err)
{
    stage->is_new = true;
    return command(stage, "BEGIN", err);
}

/* One that the server runs in no transaction block. */
static bool
run_by_itself(struct stage *stage, size_t step, size_t index, struct error *err)
{
    int64_t duration_us = 0;
    bool is_refused = false;

    if (!look_anew(stage, err))
        return false;
    if (!run(stage, step, index, &duration_us, &is_refused, err))
        return note_refusal(stage, is_refused, err);
    return observe(stage, step, index, SNAPSHOT_ALL, duration_us, err);
}

static bool
run_in_transaction(struct stage *stage, size_t step, size_t index, struct error *err)
{
    const struct statement *statement =
        &stage->rehearsal->preview.steps[step].script.statements[index];
    bool is_observed = !statement->is_set_transaction && statement->control == CONTROL_NONE;
    int64_t duration_us = 0;
    bool is_refused = false;

    if (is_observed && stage->is_new && !look_anew(stage, err))
        return false;
    if (!run(stage, step, index, &duration_us, &is_refused, err))
        return note_refusal(stage, is_refused, err);
    return !is_observed || observe(stage, step, index, SNAPSHOT_LOCKED, duration_us, err);
}

/* The server runs it in no transaction block, and said so. */
static bool
is_refused_there(const struct rehearsal *rehearsal)
{
    return rehearsal->has_failed && (error_is_sqlstate(&rehearsal->failure, "25001") ||
                                        error_is_sqlstate(&rehearsal->failure, "2D000"));
}

/*
 * A statement of a file outside a transaction: in one of its own, where its locks can
 * be seen; by itself where the server refuses that.
 */
static bool
run_alone(struct stage *stage, size_t step, size_t index, struct error *err)
{
    struct rehearsal *rehearsal = stage->rehearsal;
    const struct statement *statement = &rehearsal->preview.steps[step].script.statements[index];

    if (statement->control != CONTROL_NONE || pg_is_in_transaction(stage->session.db)) {
        stage->is_new |= statement->control != CONTROL_NONE;
        return run_in_transaction(stage, step, index, err);
    }
    if (statement->is_run_alone)
        return run_by_itself(stage, step, index, err);
    if (!begin(stage, err) || !run_in_transaction(stage, step, index, err))
        return false;
    if (!rehearsal->has_failed)
        return command(stage, "COMMIT", err);
    if (!command(stage, "ROLLBACK", err))
        return false;
    if (!is_refused_there(rehearsal))
        return true;
    rehearsal->has_failed = false;
    return run_by_itself(stage, step, index, err);
}

/* The first BEGIN and the last COMMIT of a wrapped file are our own. */
static bool
is_left_out(const struct script *script, size_t index)
{
    return script->mode == SCRIPT_WRAPPED && script->statements[index].control != CONTROL_NONE;
}

static bool
end_transaction(struct stage *stage, struct error *err)
{
    struct rehearsal *rehearsal = stage->rehearsal;

    if (!rehearsal->has_failed && !command(stage, "SET CONSTRAINTS ALL IMMEDIATE", err)) {
        if (err->kind != ERROR_DATABASE)
            return false;
        note_refusal(stage, true, err);
    }
    if (stage->is_rolled_back && !rehearsal->has_failed)
        return true;
    return command(stage, rehearsal->has_failed ? "ROLLBACK" : "COMMIT", err);
}

static bool
rehearse_step(struct stage *stage, size_t index, struct error *err)
{
    struct rehearsal *rehearsal = stage->rehearsal;
    const struct step *step = &rehearsal->preview.plan->steps[index];
    const struct script *script = &rehearsal->preview.steps[index].script;
    bool is_alone = preview_why_alone(&rehearsal->preview, index) != NULL;
    int64_t ignored_us = 0;
    bool is_refused = false;

    if (!is_alone && !pg_is_in_transaction(stage->session.db) && !begin(stage, err))
        return false;
    for (size_t i = 0; i < script->count && !rehearsal->has_failed; i++) {
        if (is_left_out(script, i))
            continue;
        bool is_run = false;
        if (i < step->statements_done)
            is_run = run(stage, index, i, &ignored_us, &is_refused, err) ||
                     note_refusal(stage, is_refused, err);
        else if (is_alone)
            is_run = run_alone(stage, index, i, err);
        else
            is_run = run_in_transaction(stage, index, i, err);
        if (!is_run)
            return false;
    }
    if (!is_alone && !end_transaction(stage, err))
        return false;
    /* A run would do the same with a statement that is alone in its file. */
    if (!is_alone && script->count == 1 && !stage->is_rolled_back && is_refused_there(rehearsal)) {
        rehearsal->has_failed = false;
        if (!run_by_itself(stage, index, 0, err))
            return false;
    }
    return rehearsal->has_failed || session_reset(&stage->session, err);
}

/* A scratch database that is not ours is left as it was, where that can be. */
static bool
has_step_alone(const struct preview *preview)
{
    for (size_t i = 0; i < preview->plan->count; i++) {
        if (preview_why_alone(preview, i) != NULL)
            return true;
    }
    return false;
}

static void
warn(const struct stage *stage, const char *text)
{
    tell(stage->session.listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

static void
choose_end(struct stage *stage)
{
    const struct preview *preview = &stage->rehearsal->preview;

    if (stage->scratch->database.name != NULL) {
        stage->is_rolled_back = stage->scratch->config.is_atomic && !has_step_alone(preview);
        return;
    }
    stage->is_rolled_back = !has_step_alone(preview);
    if (!stage->is_rolled_back)
        warn(stage, "a migration runs outside a transaction, so all of them are applied to the "
                    "scratch database of --observe");
    else if (preview->plan->count > 1)
        warn(stage, "on the scratch database of --observe all migrations run in one transaction, "
                    "so a lock that one took counts as held in the next");
}

/* The same server and database have the same start and oid. */
#define SQL_WHO                                                                                    \
    "SELECT pg_postmaster_start_time(), oid FROM pg_database WHERE datname = current_database()"

static bool
check_other(struct pg *scratch, struct pg *target, struct error *err)
{
    AUTO_ROWS struct pg_rows *one = NULL;
    AUTO_ROWS struct pg_rows *other = NULL;

    if (!pg_query(scratch, SQL_WHO, 0, NULL, &one, err) ||
        !pg_query(target, SQL_WHO, 0, NULL, &other, err))
        return false;
    bool is_same = strcmp(pg_rows_text(one, 0, 0), pg_rows_text(other, 0, 0)) == 0 &&
                   strcmp(pg_rows_text(one, 0, 1), pg_rows_text(other, 0, 1)) == 0;
    if (!is_same)
        return true;
    error_set(err, ERROR_USAGE, "--observe names the database itself");
    return error_hint(err, "Nothing is rehearsed there: it would lock its tables. Name a scratch "
                           "database that has its schema, or leave --observe out.");
}

/* track_counts may be off; and up to 14 the server may have found no socket to count with. */
static bool
check_counting(struct stage *stage, struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!command(stage, "BEGIN", err) ||
        !command(stage, "CREATE TEMPORARY TABLE pgstride_scanned () ON COMMIT DROP", err) ||
        !command(stage, "SELECT FROM pgstride_scanned", err) ||
        !pg_query(stage->session.db,
            "SELECT pg_stat_get_xact_numscans('pg_temp.pgstride_scanned'::regclass) > 0", 0, NULL,
            &rows, err) ||
        !command(stage, "ROLLBACK", err))
        return false;
    if (pg_rows_boolean(rows, 0, 0))
        return true;
    error_set(err, ERROR_PLAN, "the server counts no scans, so none would be seen");
    return error_hint(err, "Set track_counts = on, its default; and look into its log, whether the "
                           "statistics collector runs.");
}

/* What the real tables are like, and what it all means. */
static void
judge(struct rehearsal *rehearsal, struct session *target)
{
    const struct snapshot *origin = &rehearsal->origin;
    struct error err = ERROR_INIT;
    bool *wanted = memory_new(origin->count + 1);

    rehearsal->facts = (struct facts_table){
        .origin = origin, .facts = memory_new((origin->count + 1) * sizeof(struct facts))};
    for (size_t i = 0; i < rehearsal->count; i++) {
        const struct observation *observation = &rehearsal->statements[i].observation;
        for (size_t k = 0; k < observation->effects_count; k++)
            wanted[observation->effects[k].relation - origin->relations] = true;
    }
    if (!facts_ask(target->db, wanted, &rehearsal->facts, &err)) {
        error_prefix(&err, "how large and busy the tables are is not known");
        tell(target->listener, &(struct event){.kind = EVENT_WARNING, .text = err.message});
    }
    free(wanted);
    for (size_t i = 0; i < rehearsal->count; i++) {
        struct rehearsed *rehearsed = &rehearsal->statements[i];
        verdict_make(&rehearsed->observation, &rehearsal->facts, &rehearsed->verdict);
        advice_choose(&rehearsed->observation, &rehearsed->verdict, &rehearsed->advice);
        if (rehearsed->verdict.level > rehearsal->worst)
            rehearsal->worst = rehearsed->verdict.level;
    }
}

static bool
play(struct rehearsal *rehearsal,
    const struct scratch *scratch,
    struct session *target,
    struct error *err)
{
    AUTO_STAGE stage = {.rehearsal = rehearsal, .scratch = scratch};

    session_start(&scratch->config, target->listener, &stage.session);
    if (!session_open(&stage.session, SESSION_TO_TELL, err))
        return error_prefix(err, "the scratch database");
    if (!check_other(stage.session.db, target->db, err))
        return false;
    if (!check_counting(&stage, err))
        return false;
    choose_end(&stage);
    if (!snapshot_take(stage.session.db, SNAPSHOT_ALL, &rehearsal->origin, err))
        return false;
    if (stage.is_rolled_back && !begin(&stage, err))
        return false;
    for (size_t i = 0; i < rehearsal->preview.plan->count && !rehearsal->has_failed; i++) {
        if (!rehearse_step(&stage, i, err))
            return false;
    }
    if (stage.is_rolled_back && !rehearsal->has_failed && !command(&stage, "ROLLBACK", err))
        return false;
    judge(rehearsal, target);
    return true;
}

bool
rehearsal_run(const struct config *config,
    const struct run_identity *identity,
    const struct goal *goal,
    const struct listener *listener,
    struct rehearsal *rehearsal,
    struct error *err)
{
    AUTO_SESSION target = {0};
    AUTO_SCRATCH scratch = {0};

    if (!preview_load(config, goal, listener, &rehearsal->preview, err))
        return false;
    if (rehearsal->preview.plan->count == 0)
        return true;
    session_start(config, listener, &target);
    if (!session_open(&target, SESSION_TO_TELL, err))
        return false;
    bool is_made = config->observe != NULL ? scratch_name(config, &target, &scratch, err)
                                           : scratch_make(config, identity, &rehearsal->preview,
                                                 &target, &scratch, err);
    return is_made && play(rehearsal, &scratch, &target, err);
}
