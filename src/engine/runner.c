/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/adoption.h"
#include "engine/alone.h"
#include "engine/alone_pooled.h"
#include "engine/atlas_sum.h"
#include "engine/atomic.h"
#include "engine/kept.h"
#include "engine/patience.h"
#include "engine/reconnect.h"
#include "engine/retry.h"
#include "engine/stream.h"

enum {
    REPLANS_MAX = 100,
};

struct plan_policy
runner_policy(const struct config *config, const struct goal *goal)
{
    return (struct plan_policy){
        .goal = goal->kind,
        .version = goal->version,
        .limit = goal->limit,
        .out_of_order = (enum out_of_order)config->out_of_order,
        .drift = (enum drift_policy)config->drift,
        .if_ahead = (enum if_ahead)config->if_ahead,
    };
}

/* After another look "the next two" must still mean the same two. */
static void
hold_bounds(const struct plan *plan, struct plan_policy *policy)
{
    const struct step *last = plan->count > 0 ? &plan->steps[plan->count - 1] : NULL;

    if (policy->limit == 0 || last == NULL)
        return;
    policy->limit = 0;
    policy->has_last = true;
    policy->last = last->migration->version;
    if (last->is_down)
        policy->last = last->has_to ? last->to : -1;
}

static void
warn_all(const struct run *run, char *const warnings[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = warnings[i]});
}

/* Read and split every file that is to run, so that what is wrong in one stops all. */
static bool
check_scripts(struct run *run, struct error *err)
{
    free(run->scripts);
    run->is_unprepared = run->session.is_pooled;
    run->scripts = memory_new((run->plan->count + 1) * sizeof(*run->scripts));
    for (size_t i = 0; i < run->plan->count; i++) {
        const struct step *step = &run->plan->steps[i];
        const struct migration_file *file = step_file(step);
        AUTO_STRING char *owned = NULL;
        AUTO_SCRIPT script = {0};
        const char *text = NULL;
        size_t size = 0;
        if (step->is_down && !catalog_hash_down(run->catalog, step->migration->version, err))
            return false;
        if (!catalog_text(run->catalog, file, &text, &size, &owned, err))
            return false;
        if (!script_parse(file->name, text, size, &script, err))
            return false;
        if (!run_check_resumable(step, text, &script, err))
            return false;
        bool is_alone = step->is_resumed || script.mode == SCRIPT_ALONE;
        if (run->session.is_pooled && is_alone && !alone_pooled_check(run, step, &script, err))
            return false;
        run->scripts[i] = (struct step_script){
            .mode = step->is_resumed ? SCRIPT_ALONE : script.mode,
            .has_copy = script.has_copy,
            .has_begin_options = script.has_begin_options,
            .statements = script.count,
            .statements_kept = step->statements_done,
            .retry_for_ms = script.retry_for_ms,
            .lock_timeout_ms = script.lock_timeout_ms,
        };
        run->is_unprepared |= script.has_prepared;
    }
    run->is_atomic = run->config->is_atomic && run->plan->count > 1;
    return !run->is_atomic || atomic_check(run, err);
}

static void
tell_connected(const struct run *run)
{
    tell(run->listener, &(struct event){
                            .kind = EVENT_DATABASE_CONNECTED,
                            .database = pg_database(run->session.db),
                            .host = pg_host(run->session.db),
                            .has_from = run->history->has_version && run->history->version >= 0,
                            .from = run->history->version,
                        });
}

static struct event
describe_start(const struct run *run)
{
    return (struct event){
        .kind = EVENT_RUN_STARTED,
        .is_down = run->plan->is_down,
        .database = pg_database(run->session.db),
        .host = pg_host(run->session.db),
        .has_from = run->history->has_version && run->history->version >= 0,
        .from = run->history->version,
        .has_wanted = run->plan->has_wanted,
        .wanted = run->plan->wanted,
        .pending = run->plan->pending,
        .planned = run->plan->count,
        .total = run->catalog->count,
    };
}

/* Once a run, also where a lost connection made us plan again. */
static bool
get_permission(struct run *run, struct error *err)
{
    const struct gate *gate = run->listener->gate;

    if (run->is_permitted || run->plan->count == 0)
        return true;

    const struct event started = describe_start(run);
    bool is_permitted = retry_check(run, err) &&
                        (gate == NULL || gate->permit(gate->context, &started, run->plan, err));
    if (!is_permitted && !run->is_started)
        tell_connected(run);
    run->is_permitted = is_permitted;
    return is_permitted;
}

static void
tell_start(struct run *run)
{
    if (run->is_started && run->plan->count == 0)
        tell_connected(run); /* a rival did the rest */
    if (run->is_started)
        return;
    run->is_started = true;
    const struct event started = describe_start(run);
    tell(run->listener, &started);
    warn_all(run, run->catalog->warnings, run->catalog->warnings_count);
    warn_all(run, run->plan->warnings, run->plan->warnings_count);
    if (run->plan->missing > 0) {
        AUTO_STRING char *text = memory_printf("only %zu %s, %zu fewer than asked for",
            run->plan->pending, run->plan->is_down ? "applied" : "pending", run->plan->missing);
        tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
    }
}

/*
 * After a lost connection: the steps of ours that had committed, though nobody
 * told us. The history is in the same transaction as the work, so it knows.
 */
static void
tell_unheard(struct run *run)
{
    for (size_t i = run->applied; run->plan != NULL && i < run->plan->count; i++) {
        const struct migration *migration = run->plan->steps[i].migration;
        const struct history_entry *entry = history_find(run->history, migration->version);
        bool is_down = run->plan->steps[i].is_down;
        if (entry == NULL || entry->is_applied == is_down || entry->run_id == NULL ||
            strcmp(entry->run_id, run->identity->run_id) != 0)
            return;
        run_tell_applied(run, &run->plan->steps[i], entry->duration_ms);
    }
}

/*
 * A crash takes back the commits that did not wait for the disk, and a failover
 * those that had not reached the standby. Are steps of the plan `before` to run again?
 */
static void
tell_lost(struct run *run, const struct plan *before, size_t applied)
{
    for (size_t i = 0; i < applied && run->plan->count > 0; i++) {
        const struct migration *migration = before->steps[i].migration;
        if (migration != run->plan->steps[0].migration)
            continue;
        AUTO_STRING char *text = memory_printf(
            "%s was committed, and is not there any more (the server crashed, or another one took "
            "over): it runs again, and so does what came behind it",
            migration->name);
        tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
        run->has_lost = true;
        return;
    }
}

/* Connect, lock, read, decide. */
static bool
prepare(struct run *run, const struct plan_policy *policy, struct error *err)
{
    if (!run_open(run, err))
        return false;
    tell_unheard(run);
    run->is_unheard = false;
    run->watched_step = NULL; /* it points into the plan */
    AUTO_PLAN struct plan *before = TAKE(run->plan);
    size_t applied = run->applied;
    run->applied = run->started = 0;
    history_infer(run->history, run->catalog);
    if (!plan_build(run->catalog, run->history, policy, &run->plan, err)) {
        if (!run->is_started)
            tell_connected(run);
        return false;
    }
    tell_lost(run, before, applied);
    if (!check_scripts(run, err))
        return false;
    if (!get_permission(run, err))
        return false;
    if (!session_create_tables(&run->session, err))
        return false;
    tell_start(run);
    return adoption_record(run, err);
}

static bool
is_streamed(const struct run *run, size_t index)
{
    return run->scripts[index].mode != SCRIPT_ALONE && !run->scripts[index].has_copy;
}

/* Apply from the first step that is not done: a stretch through the pipeline, or one by itself. */
static bool
apply_stretch(struct run *run, struct error *err)
{
    size_t first = run->applied;
    size_t end = first;

    while (end < run->plan->count && is_streamed(run, end))
        end++;
    if (run->is_atomic && end < run->plan->count)
        return stream_steps_slowly(run, first, run->plan->count, err);
    if (end > first)
        return stream_steps(run, first, end, err);
    if (run->scripts[first].mode == SCRIPT_ALONE)
        return alone_step(run, first, err);
    return stream_steps_slowly(run, first, first + 1, err);
}

static bool
is_lost_race(const struct error *err)
{
    return error_is_sqlstate(err, "55P03") || error_is_sqlstate(err, "40P01") ||
           error_is_sqlstate(err, "40001");
}

/* A statement that cannot run in a transaction: alone in its file it can be run alone. */
static bool
take_out_of_transaction(struct run *run, struct error *err)
{
    struct step_script *script = &run->scripts[run_current(run)];

    bool is_refused = error_is_sqlstate(err, "25001") || error_is_sqlstate(err, "2D000");
    if (!is_refused || script->mode == SCRIPT_ALONE || err->statement == 0)
        return false;
    if (run->is_atomic)
        return atomic_refuse(err);
    if (script->statements == 1) {
        script->mode = SCRIPT_ALONE;
        return true;
    }
    return error_hint(err, "Put this statement in a file of its own; or write the comment "
                           "-- pgstride: no-transaction at the head of the file, and each "
                           "statement runs by itself.");
}

/* A file took our prepared statements away, out of our sight: do without them. */
static bool
do_without_prepared(struct run *run, const struct error *err)
{
    if (!error_is_sqlstate(err, "26000") || !run->session.is_prepared)
        return false;
    run->session.is_prepared = false;
    run->is_unprepared = true;
    return true;
}

static bool
apply_all(struct run *run, struct patience *patience, struct error *err)
{
    while (run->applied < run->plan->count) {
        if (apply_stretch(run, err))
            continue;
        if ((err->kind != ERROR_DATABASE && err->kind != ERROR_STOPPED) ||
            run->applied == run->plan->count)
            return false;
        if (take_out_of_transaction(run, err) || do_without_prepared(run, err))
            continue;
        bool is_alone = run->scripts[run->applied].mode == SCRIPT_ALONE;
        watcher_explain(&run->watcher, err);
        if (is_lost_race(err) && patience_wait(run, patience, err)) {
            run->is_to_be_replanned = is_alone;
            if (is_alone)
                return error_set(err, ERROR_MOVED, "to be tried again");
            continue;
        }
        if (!is_alone)
            run_record_failure(run, &run->plan->steps[run_current(run)], err);
        return false;
    }
    return true;
}

static void
tell_failed(struct run *run, const struct error *err)
{
    const struct step *first = run->plan != NULL && run->applied < run->plan->count
                                   ? &run->plan->steps[run->applied]
                                   : NULL; /* where the database is */
    const struct step *step = first != NULL ? &run->plan->steps[run_current(run)] : NULL;

    if (step == NULL || !run->is_started)
        return;
    notices_end(&run->session.notices, run->listener);
    AUTO_STRING char *text = kept_describe(run, step, err);
    tell(run->listener, &(struct event){
                            .kind = EVENT_MIGRATION_FAILED,
                            .migration = step->migration->name,
                            .version = step->migration->version,
                            .is_down = step->is_down,
                            .error = err,
                            .has_from = first->has_from,
                            .from = first->from,
                            .is_atomic = run->is_atomic,
                            .is_unknown = kept_is_unknown(run),
                            .text = text,
                        });
}

/* Look and apply, again and again while a lost connection or a rival's move asks for it. */
static bool
run_to_goal(struct run *run, const struct goal *goal, struct error *err)
{
    struct plan_policy policy = runner_policy(run->config, goal);
    size_t replans = 0;
    struct patience patience = {0};
    struct reconnects reconnects = {0};

    for (;;) {
        bool is_prepared = prepare(run, &policy, err);
        if (is_prepared)
            hold_bounds(run->plan, &policy);
        if (is_prepared && run->plan->count > 0)
            is_prepared = effects_look_before(&run->effects, &run->session, err);
        if (is_prepared && apply_all(run, &patience, err))
            return true;
        if (run->session.db != NULL)
            history_explain_rights(run->session.db, &run->session.ledger, err);
        if (run->applied > 0 && !run->has_lost) /* else a crash could come again for ever */
            reconnects.count = replans = 0;
        bool is_patient = run->is_to_be_replanned;
        run->is_to_be_replanned = false;
        if (err->kind == ERROR_MOVED && (is_patient || replans++ < REPLANS_MAX))
            continue;
        if (!reconnect(run, &reconnects, err))
            return false;
    }
}

static void
go_on_connecting(void *context)
{
    session_go_on(context, SESSION_TO_RUN);
}

bool
runner_run(const struct config *config,
    const struct run_identity *identity,
    const struct goal *goal,
    const struct listener *listener,
    struct error *err)
{
    AUTO_CATALOG struct catalog *catalog = NULL;
    AUTO_RUN run = {.config = config, .listener = listener, .identity = identity};
    const struct meanwhile connecting = {.look = go_on_connecting, .context = &run.session};

    retry_tell(&run);
    /* The folder is read while the server answers; one with an atlas.sum before it is asked. */
    if (!atlas_sum_exists(config->path))
        session_start(config, listener, &run.session);
    if (!catalog_load_meanwhile(
            config->path, (size_t)config->max_file_mib << 20, &connecting, &catalog, err))
        return false;
    run.catalog = catalog;
    bool is_good = run_to_goal(&run, goal, err);
    if (!is_good)
        tell_failed(&run, err);
    effects_tell(&run.effects, &run.session, listener);
    return is_good;
}

bool
runner_apply(const struct config *config,
    const struct run_identity *identity,
    struct catalog *catalog,
    const struct listener *listener,
    struct error *err)
{
    AUTO_RUN run = {
        .config = config, .listener = listener, .identity = identity, .catalog = catalog};

    return run_to_goal(&run, &(struct goal){.kind = PLAN_UP}, err);
}
