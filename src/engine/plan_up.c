/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/text.h"
#include "engine/plan_ways.h"

static void
warn(struct plan *plan, char *text)
{
    *ARRAY_ADD(plan->warnings, plan->warnings_count, plan->warnings_capacity) = text;
}

/* Names, joined by commas, the first few. */
static void
add_name(struct text *names, size_t *count, const char *name)
{
    enum { SHOWN = 5 };

    if (*count < SHOWN)
        text_printf(names, "%s%s", *count > 0 ? ", " : "", name);
    else if (*count == SHOWN)
        text_puts(names, ", …");
    (*count)++;
}

static bool
check_drift(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan *plan,
    struct error *err)
{
    AUTO_TEXT names = TEXT_INIT;
    size_t count = 0;

    if (policy->drift == DRIFT_IGNORE)
        return true;
    for (size_t i = 0; i < history->count; i++) {
        const struct migration *migration = catalog_find(catalog, history->entries[i].version);
        if (migration != NULL && plan_has_drifted(migration, &history->entries[i]))
            add_name(&names, &count, migration->up.name);
    }
    if (count == 0)
        return true;
    if (policy->drift == DRIFT_WARN) {
        warn(plan, memory_printf("edited after %s applied: %s", count == 1 ? "it was" : "they were",
                       text_string(&names)));
        return true;
    }
    error_set(err, ERROR_PLAN, "edited after %s applied: %s", count == 1 ? "it was" : "they were",
        text_string(&names));
    return error_hint(err,
        "Put the file back and make the change in a new migration; or accept the "
        "edit with --drift warn.");
}

/* An applied migration whose file is gone, though older files are still there. */
static bool
check_vanished(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan *plan,
    struct error *err)
{
    int64_t oldest = catalog->migrations[0].version;
    int64_t newest = catalog->migrations[catalog->count - 1].version;
    AUTO_TEXT names = TEXT_INIT;
    size_t count = 0;

    if (policy->drift == DRIFT_IGNORE)
        return true;
    for (size_t i = 0; i < history->count; i++) {
        const struct history_entry *entry = &history->entries[i];
        bool is_within = entry->version > oldest && entry->version < newest;
        if (entry->is_applied && is_within && catalog_find(catalog, entry->version) == NULL)
            add_name(&names, &count, entry->name);
    }
    if (count == 0)
        return true;
    if (policy->drift == DRIFT_WARN) {
        warn(plan, memory_printf("applied, but not in the folder: %s", text_string(&names)));
        return true;
    }
    error_set(err, ERROR_PLAN, "applied, but not in the folder: %s", text_string(&names));
    return error_hint(err, "Is this an image of another branch? Put the file back, or accept that "
                           "it is gone with --drift warn.");
}

static bool
check_ahead(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan *plan,
    struct error *err)
{
    int64_t newest = catalog->migrations[catalog->count - 1].version;

    if (!history->has_version || history->version <= newest)
        return true;
    if (policy->if_ahead == IF_AHEAD_OK) {
        warn(plan, memory_printf("the database is at %lld, ahead of the folder, whose newest is "
                                 "%lld: nothing to do for an older image",
                       (long long)history->version, (long long)newest));
        return true;
    }
    error_set(err, ERROR_PLAN, "the database is at %lld, ahead of the folder, whose newest is %lld",
        (long long)history->version, (long long)newest);
    return error_hint(err, "Deploy the newer image; or allow an older one with --if-ahead ok.");
}

static bool
is_applied(const struct history *history, int64_t version)
{
    const struct history_entry *entry = history_find(history, version);

    return entry != NULL && entry->is_applied;
}

static bool
check_late(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan *plan,
    struct error *err)
{
    AUTO_TEXT names = TEXT_INIT;
    size_t count = 0;

    if (policy->out_of_order == OUT_OF_ORDER_APPLY || !history->has_version)
        return true;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct migration *migration = &catalog->migrations[i];
        if (migration->version < history->version && migration->up.name != NULL &&
            !is_applied(history, migration->version))
            add_name(&names, &count, migration->up.name);
    }
    if (count == 0)
        return true;
    if (policy->out_of_order == OUT_OF_ORDER_SKIP) {
        warn(plan,
            memory_printf("skipped, since the database is past %s, at %lld: %s",
                count == 1 ? "it" : "them", (long long)history->version, text_string(&names)));
        return true;
    }
    error_set(err, ERROR_PLAN, "pending, but older than the database's version %lld: %s",
        (long long)history->version, text_string(&names));
    return error_hint(err,
        "Give %s a newer version; or apply %s where %s with --out-of-order apply.",
        count == 1 ? "it" : "them", count == 1 ? "it" : "them",
        count == 1 ? "it stands" : "they stand");
}

static bool
add_pending(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan *plan,
    struct error *err)
{
    bool has_version = history->has_version;
    int64_t version = history->version;

    for (size_t i = 0; i < catalog->count; i++) {
        const struct migration *migration = &catalog->migrations[i];
        bool is_resumed = plan->count > 0 && plan->steps[0].migration == migration;
        bool is_late = history->has_version && migration->version < history->version;
        if (is_resumed || is_applied(history, migration->version))
            continue;
        if (is_late && policy->out_of_order != OUT_OF_ORDER_APPLY)
            continue;
        if (migration->up.name == NULL) {
            error_set(err, ERROR_PLAN, "version %lld has a down file alone, %s",
                (long long)migration->version, migration->down.name);
            return error_hint(err, "Add %s.up.sql, or remove the down file.", migration->name);
        }
        plan->pending++;
        if (policy->limit > 0 && plan->count == policy->limit)
            continue;
        if (policy->has_last && migration->version > policy->last)
            continue;

        struct step *step = ARRAY_ADD(plan->steps, plan->count, plan->capacity);
        *step = (struct step){.migration = migration,
            .has_from = has_version,
            .from = version,
            .has_to = true,
            .to = is_late ? version : migration->version,
            .is_late = is_late};
        const struct history_entry *entry = history_find(history, migration->version);
        if (is_late && entry != NULL)
            plan_resume_step(step, entry);
        if (!is_late) {
            has_version = true;
            version = migration->version;
        }
    }
    plan->has_wanted = has_version;
    plan->wanted = version;
    return true;
}

bool
plan_up(const struct catalog *catalog,
    const struct history *history,
    const struct plan_policy *policy,
    struct plan *plan,
    struct error *err)
{
    plan->pending = plan->count; /* the one that is resumed */
    if (!check_ahead(catalog, history, policy, plan, err))
        return false;
    if (!check_drift(catalog, history, policy, plan, err))
        return false;
    if (!check_vanished(catalog, history, policy, plan, err))
        return false;
    if (!check_late(catalog, history, policy, plan, err))
        return false;
    if (!add_pending(catalog, history, policy, plan, err))
        return false;
    if (policy->limit > plan->pending)
        plan->missing = policy->limit - plan->pending;
    return true;
}
