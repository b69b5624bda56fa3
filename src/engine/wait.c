/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wait.h"

#include <inttypes.h>

#include "adapter/clock.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "engine/catalog.h"
#include "engine/retry.h"

enum {
    FIRST_POLL_MS = 100,
    LONGEST_POLL_MS = 2000,
    SAY_EVERY_MS = 10 * 1000,
};

struct waiting {
    struct config config; /* a copy, whose --wait-timeout is what is left of the time */
    const struct platform *platform;
    const struct catalog *catalog;
    const struct listener *listener;
    struct session session;
    int64_t wanted;
    int64_t until_ms; /* monotonic */
    int64_t said_ms;
    bool has_version;
    int64_t version;
    bool is_dirty;
};

static void
waiting_done(struct waiting *waiting)
{
    session_close(&waiting->session);
}
#define AUTO_WAITING __attribute__((cleanup(waiting_done))) struct waiting

static int64_t
left_ms(const struct waiting *waiting)
{
    int64_t left = waiting->until_ms - clock_monotonic_ms();

    return left > 0 ? left : 0;
}

/* Were they dropped since they were seen? Then they are looked for again. */
static bool
are_tables_gone(struct waiting *waiting, struct error *err)
{
    struct ledger *ledger = &waiting->session.ledger;

    if (!error_is_sqlstate(err, "42P01"))
        return false;
    ledger->has_version_table = ledger->has_history_table = false;
    waiting->has_version = waiting->is_dirty = false;
    *err = ERROR_INIT;
    return true;
}

/* See where the database is; after a lost connection on a new one. */
static bool
look(struct waiting *waiting, struct error *err)
{
    AUTO_HISTORY struct history *history = NULL;

    if (waiting->session.db == NULL) {
        waiting->config.wait_timeout_ms = left_ms(waiting);
        session_start(&waiting->config, waiting->listener, &waiting->session);
        if (!session_open(&waiting->session, SESSION_TO_READ, err))
            return false;
        session_limit(&waiting->session, waiting->until_ms);
    } else {
        session_limit(&waiting->session, waiting->until_ms);
        if (!session_look_again(&waiting->session, err))
            return false;
    }
    if (!session_history(&waiting->session, false, &history, err))
        return are_tables_gone(waiting, err);
    waiting->has_version = history->has_version && history->version >= 0;
    waiting->version = history->version;
    waiting->is_dirty = history->is_dirty;
    return true;
}

static bool
is_there(const struct waiting *waiting)
{
    return waiting->has_version && !waiting->is_dirty && waiting->version >= waiting->wanted;
}

static void
say(struct waiting *waiting)
{
    int64_t now_ms = clock_monotonic_ms();

    if (now_ms - waiting->said_ms < SAY_EVERY_MS)
        return;
    waiting->said_ms = now_ms;
    tell(waiting->listener, &(struct event){
                                .kind = EVENT_VERSION_WAITING,
                                .has_from = waiting->has_version,
                                .from = waiting->version,
                                .is_dirty = waiting->is_dirty,
                                .has_wanted = true,
                                .wanted = waiting->wanted,
                                .left_ms = left_ms(waiting),
                            });
}

static bool
fail_late(const struct waiting *waiting, int64_t timeout_ms, struct error *err)
{
    if (waiting->has_version)
        error_set(err, ERROR_TIMEOUT,
            "the database is at version %" PRId64 "%s after %" PRId64 " s, and not at %" PRId64,
            waiting->version, waiting->is_dirty ? " (dirty)" : "", timeout_ms / 1000,
            waiting->wanted);
    else
        error_set(err, ERROR_TIMEOUT,
            "the database has no version after %" PRId64 " s, and should be at %" PRId64,
            timeout_ms / 1000, waiting->wanted);
    return error_hint(err, "Look at the job that runs pgstride up: did it fail, or was it never "
                           "started? A longer time: --timeout.");
}

static bool
poll_version(struct waiting *waiting, int64_t timeout_ms, struct error *err)
{
    int64_t pause_ms = FIRST_POLL_MS;

    for (;;) {
        bool is_seen = look(waiting, err);
        if (is_seen && is_there(waiting))
            return true;
        if (is_seen && waiting->platform != NULL &&
            !retry_check_leader(&waiting->session, waiting->platform, waiting->catalog, err))
            return false;
        if (!is_seen && err->kind != ERROR_CONNECTION)
            return false;
        if (left_ms(waiting) == 0)
            return is_seen && fail_late(waiting, timeout_ms, err);
        if (is_seen)
            say(waiting);
        else
            session_close(&waiting->session);
        int64_t wait_ms = pause_ms / 2 + clock_jitter((uint32_t)pause_ms);
        if (!signals_sleep(wait_ms < left_ms(waiting) ? wait_ms : left_ms(waiting), err))
            return false;
        pause_ms = pause_ms * 2 < LONGEST_POLL_MS ? pause_ms * 2 : LONGEST_POLL_MS;
    }
}

bool
wait_for_version(const struct config *config,
    int64_t timeout_ms,
    const struct platform *platform,
    const struct listener *listener,
    struct error *err)
{
    AUTO_CATALOG struct catalog *catalog = NULL;
    AUTO_WAITING waiting = {
        .config = *config,
        .platform = platform,
        .listener = listener,
        .until_ms = clock_monotonic_ms() + timeout_ms,
        .said_ms = INT64_MIN / 2,
    };

    if (!catalog_load(config->path, (size_t)config->max_file_mib << 20, &catalog, err))
        return false;
    waiting.catalog = catalog;
    waiting.wanted = catalog->migrations[catalog->count - 1].version;
    if (!poll_version(&waiting, timeout_ms, err))
        return false;
    tell(listener, &(struct event){
                       .kind = EVENT_VERSION_REACHED,
                       .database = pg_database(waiting.session.db),
                       .host = pg_host(waiting.session.db),
                       .has_from = true,
                       .from = waiting.version,
                   });
    return true;
}
