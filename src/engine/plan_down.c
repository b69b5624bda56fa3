/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "engine/plan_ways.h"

static bool
fail_unknown_version(int64_t version, struct error *err)
{
    error_set(err, ERROR_PLAN,
        "the database is at version %lld, of which neither the folder nor the history knows",
        (long long)version);
    return error_hint(err, "Use the image that has its files; or set the version by hand with "
                           "pgstride force.");
}

/* What reverts a migration, or why it cannot be reverted. */
static bool
find_down(const struct catalog *catalog,
    const struct history_entry *entry,
    const struct migration **migration,
    struct error *err)
{
    const struct migration *found = catalog_find(catalog, entry->version);

    if (found == NULL) {
        error_set(err, ERROR_PLAN,
            "%s is applied, but its files are not in the folder: it cannot "
            "be reverted",
            entry->name);
        return error_hint(err, "Put them back, or use the image that has them.");
    }
    if (found->down.name == NULL) {
        error_set(err, ERROR_PLAN, "%s has no down file: it cannot be reverted", found->name);
        return error_hint(
            err, "Add %s.down.sql; an empty one where there is nothing to revert.", found->name);
    }
    *migration = found;
    return true;
}

/* The version before the entry at `index`: the next one down that is applied. */
static bool
find_before(const struct history *history, size_t index, int64_t *version)
{
    while (index-- > 0) {
        if (history->entries[index].is_applied) {
            *version = history->entries[index].version;
            return true;
        }
    }
    return false;
}

static size_t
count_applied(const struct history *history)
{
    size_t count = 0;

    for (size_t i = 0; i < history->count; i++)
        count += history->entries[i].is_applied;
    return count;
}

static bool
is_resumed(const struct plan *plan, int64_t version)
{
    return plan->count > 0 && plan->steps[0].migration->version == version;
}

/*
 * A late migration that stopped half way must not find itself above the version:
 * nobody would know any more that it has to go on where it stopped.
 */
static bool
check_half_done(const struct history *history, const struct plan *plan, struct error *err)
{
    const struct step *last = plan->count > 0 ? &plan->steps[plan->count - 1] : NULL;

    for (size_t i = 0; last != NULL && i < history->count; i++) {
        const struct history_entry *entry = &history->entries[i];
        bool is_late = !entry->is_applied && entry->version < history->version;
        bool is_passed = !last->has_to || last->to < entry->version;
        if (!is_late || !is_passed || !entry->is_attempt_up || !history_is_alone(entry))
            continue;
        error_set(err, ERROR_PLAN,
            "%s stopped on its way up, outside a transaction, with %zu of %zu statements done: "
            "what is older cannot be reverted",
            entry->name, entry->attempt_done, entry->attempt_total);
        return error_hint(err, "Let it go on first: pgstride up 1 --out-of-order apply.");
    }
    return true;
}

bool
plan_down(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan *plan,
    struct error *err)
{
    const struct history_entry *top = history_find(history, history->version);

    plan->pending = count_applied(history);
    plan->has_wanted = history->has_version && history->version >= 0;
    plan->wanted = history->version;
    if (plan->has_wanted && (top == NULL || !top->is_applied))
        return fail_unknown_version(history->version, err);
    for (size_t i = history->count; i-- > 0;) {
        const struct history_entry *entry = &history->entries[i];
        struct step step = {.is_down = true, .has_from = true, .from = entry->version};
        if (!entry->is_applied || is_resumed(plan, entry->version))
            continue;
        if (policy->has_last && entry->version <= policy->last)
            break;
        if (policy->limit > 0 && plan->count == policy->limit)
            break;
        if (!find_down(catalog, entry, &step.migration, err))
            return false;
        step.has_to = find_before(history, i, &step.to);
        *ARRAY_ADD(plan->steps, plan->count, plan->capacity) = step;
        plan->has_wanted = step.has_to;
        plan->wanted = step.to;
    }
    if (policy->limit > plan->count)
        plan->missing = policy->limit - plan->count;
    return check_half_done(history, plan, err);
}
