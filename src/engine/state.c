/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/state.h"

#include <stdlib.h>

#include "base/memory.h"
#include "engine/plan.h"

void
state_done(struct state *state)
{
    history_free(state->history);
    free(state->database);
    free(state->host);
    free(state->rows);
    *state = (struct state){0};
}

const char *
state_name(enum migration_state state)
{
    static const char *const NAMES[] = {
        [STATE_APPLIED] = "applied",
        [STATE_PENDING] = "pending",
        [STATE_MISSING] = "missing",
        [STATE_CHANGED] = "changed",
        [STATE_FAILED] = "failed",
    };

    return NAMES[state];
}

static void
add_row(struct state *state, const struct migration *migration, const struct history_entry *entry)
{
    bool is_applied = entry != NULL && entry->is_applied;
    struct state_row row = {.entry = entry};

    if (migration == NULL && !is_applied)
        return;
    row.version = migration != NULL ? migration->version : entry->version;
    row.name = migration != NULL ? migration->name : entry->name;
    bool is_half_reverted = is_applied && state->history->is_dirty && entry->attempt_id != 0 &&
                            !entry->is_attempt_up && entry->version > state->history->version;
    bool is_half_applied = !is_applied && migration != NULL && state->history->is_dirty &&
                           state->history->version == migration->version;
    if (migration == NULL)
        row.state = STATE_MISSING;
    else if (is_half_applied || is_half_reverted)
        row.state = STATE_FAILED;
    else if (is_applied)
        row.state = plan_has_drifted(migration, entry) ? STATE_CHANGED : STATE_APPLIED;
    else
        row.state = STATE_PENDING;
    state->pending += row.state == STATE_PENDING || row.state == STATE_FAILED;
    *ARRAY_ADD(state->rows, state->count, state->capacity) = row;
}

/* Both are sorted by version: merge them. */
static void
merge(struct state *state, const struct catalog *catalog)
{
    size_t i = 0;
    size_t k = 0;

    while (i < catalog->count || k < state->history->count) {
        const struct migration *migration = i < catalog->count ? &catalog->migrations[i] : NULL;
        const struct history_entry *entry =
            k < state->history->count ? &state->history->entries[k] : NULL;
        if (migration != NULL && entry != NULL && migration->version != entry->version) {
            if (migration->version < entry->version)
                entry = NULL;
            else
                migration = NULL;
        }
        add_row(state, migration, entry);
        i += migration != NULL;
        k += entry != NULL;
    }
}

bool
state_load(const struct config *config,
    const struct catalog *catalog,
    const struct listener *listener,
    struct state *state,
    struct error *err)
{
    AUTO_SESSION session = {0};
    AUTO_STATE loaded = {0};

    session_start(config, listener, &session);
    if (!session_open(&session, catalog != NULL ? SESSION_TO_READ : SESSION_TO_TELL, err))
        return false;
    if (!session_history(&session, true, &loaded.history, err))
        return false;
    loaded.database = memory_string(pg_database(session.db));
    loaded.host = memory_string(pg_host(session.db));
    if (catalog != NULL) {
        history_infer(loaded.history, catalog);
        merge(&loaded, catalog);
    }
    *state = loaded;
    loaded = (struct state){0};
    return true;
}
