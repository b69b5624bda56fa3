/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/plan_ways.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void
plan_free(struct plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->warnings_count; i++)
        free(plan->warnings[i]);
    free(plan->warnings);
    free(plan->steps);
    free(plan);
}

void
plan_release(struct plan **plan)
{
    plan_free(*plan);
    *plan = NULL;
}

const struct migration_file *
step_file(const struct step *step)
{
    return step->is_down ? &step->migration->down : &step->migration->up;
}

bool
plan_has_drifted(const struct migration *migration, const struct history_entry *entry)
{
    return entry->is_applied && entry->checksum != NULL && migration->up.name != NULL &&
           strcmp(entry->checksum, migration->up.checksum) != 0;
}

/* The applied version before one; -1, golang-migrate's word for none. */
static int64_t
version_before(const struct history *history, int64_t version)
{
    int64_t before = -1;

    for (size_t i = 0; i < history->count && history->entries[i].version < version; i++) {
        if (history->entries[i].is_applied)
            before = history->entries[i].version;
    }
    return before;
}

static bool
fail_dirty(const struct catalog *catalog, const struct history *history, struct error *err)
{
    const struct migration *migration = catalog_find(catalog, history->version);
    const char *file = migration != NULL && migration->up.name != NULL
                           ? migration->up.name
                           : "a file that is not in the folder";

    error_set(err, ERROR_PLAN,
        "the database is dirty at version %lld: another tool began %s and did not finish it",
        (long long)history->version, file);
    return error_hint(err,
        "Look at which of its statements took effect. If none did: pgstride force %lld; if all "
        "did: pgstride force %lld; then run again.",
        (long long)version_before(history, history->version), (long long)history->version);
}

void
plan_resume_step(struct step *step, const struct history_entry *entry)
{
    if (!history_is_alone(entry) || entry->is_attempt_up == step->is_down)
        return;
    step->is_resumed = true;
    step->attempt_id = entry->attempt_id;
    step->statements_done = entry->attempt_done;
    step->checksum_done = entry->attempt_checksum;
}

/* The attempt of ours that left the database dirty, or NULL: the last that fits. */
static const struct history_entry *
find_attempt(const struct history *history)
{
    const struct history_entry *found = NULL;

    for (size_t i = 0; i < history->count; i++) {
        const struct history_entry *entry = &history->entries[i];
        bool is_fit = entry->is_attempt_up ? entry->version == history->version
                                           : entry->is_applied && entry->version > history->version;
        bool is_later = found == NULL || entry->attempt_id > found->attempt_id;
        if (is_fit && is_later && history_is_alone(entry))
            found = entry;
    }
    return found;
}

static bool
fail_halfway(const struct history *history,
    const struct history_entry *entry,
    const char *advice,
    struct error *err)
{
    error_set(err, ERROR_PLAN,
        "%s stopped on its way %s, outside a transaction, with %zu of %zu statements done",
        entry->name, entry->is_attempt_up ? "up" : "down", entry->attempt_done,
        entry->attempt_total);
    return error_hint(err,
        "%s Or bring the schema where you want it by hand and set the version: pgstride force "
        "%lld (with it) or force %lld (without).",
        advice, (long long)entry->version, (long long)version_before(history, entry->version));
}

static bool
fail_other_way(const struct history *history, const struct history_entry *entry, struct error *err)
{
    return fail_halfway(history, entry,
        entry->is_attempt_up ? "Go on in that direction first: pgstride up 1."
                             : "Go on in that direction first: pgstride down 1.",
        err);
}

static bool
fail_without_file(
    const struct history *history, const struct history_entry *entry, struct error *err)
{
    AUTO_STRING char *advice = memory_printf("Put %s.%s.sql back into the folder and run again.",
        entry->name, entry->is_attempt_up ? "up" : "down");

    return fail_halfway(history, entry, advice, err);
}

/* A migration outside a transaction that a run of ours began: go on where it stopped. */
static bool
resume(const struct catalog *catalog,
    const struct history *history,
    bool is_down,
    struct plan *plan,
    struct error *err)
{
    const struct history_entry *entry = find_attempt(history);
    const struct migration *migration =
        entry != NULL ? catalog_find(catalog, entry->version) : NULL;

    if (entry == NULL)
        return fail_dirty(catalog, history, err);
    if (entry->is_attempt_up == is_down)
        return fail_other_way(history, entry, err);
    struct step step = {.migration = migration,
        .is_down = !entry->is_attempt_up,
        .has_from = true,
        .from = entry->version,
        .has_to = history->version >= 0,
        .to = history->version};
    if (migration == NULL || step_file(&step)->name == NULL)
        return fail_without_file(history, entry, err);
    plan_resume_step(&step, entry);
    *ARRAY_ADD(plan->steps, plan->count, plan->capacity) = step;
    return true;
}

/* Which way does the goal lie? */
static bool
choose_way(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan_policy *chosen,
    struct error *err)
{
    *chosen = *policy;
    if (policy->goal != PLAN_GOTO)
        return true;
    if (catalog_find(catalog, policy->version) == NULL) {
        error_set(err, ERROR_PLAN, "version %lld is not in the folder", (long long)policy->version);
        return error_hint(err, "pgstride status lists the versions that are.");
    }

    const struct history_entry *attempt = history->is_dirty ? find_attempt(history) : NULL;
    bool is_below = history->has_version && policy->version < history->version;
    bool is_half_reverted =
        attempt != NULL && !attempt->is_attempt_up && policy->version <= history->version;
    chosen->goal = is_below || is_half_reverted ? PLAN_DOWN : PLAN_UP;
    chosen->has_last = true;
    chosen->last = policy->version;
    return true;
}

/* A goal that the way leads past, or not up to. */
static bool
check_goal(const struct history *history,
    const struct plan_policy *policy,
    const struct plan *plan,
    struct error *err)
{
    const struct step *last = plan->count > 0 ? &plan->steps[plan->count - 1] : NULL;
    bool has_end = last != NULL ? last->has_to : history->has_version;
    int64_t end = last != NULL ? last->to : history->version;

    if (policy->goal != PLAN_GOTO || !plan->is_down || (has_end && end == policy->version))
        return true;
    error_set(err, ERROR_PLAN, "version %lld was never applied, so one cannot go back to it",
        (long long)policy->version);
    if (!has_end)
        return false;
    return error_hint(err, "The applied version before it is %lld.", (long long)end);
}

bool
plan_build(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan **plan,
    struct error *err)
{
    AUTO_PLAN struct plan *built = memory_new(sizeof(*built));
    struct plan_policy chosen = *policy;

    if (!choose_way(catalog, history, policy, &chosen, err))
        return false;
    built->is_down = chosen.goal == PLAN_DOWN;
    if (history->is_dirty && !resume(catalog, history, built->is_down, built, err))
        return false;
    if (built->is_down ? !plan_down(catalog, history, &chosen, built, err)
                       : !plan_up(catalog, history, &chosen, built, err))
        return false;
    if (!check_goal(history, policy, built, err))
        return false;
    *plan = TAKE(built);
    return true;
}
