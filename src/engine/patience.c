/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/patience.h"

#include "adapter/clock.h"
#include "adapter/signals.h"

enum {
    FIRST_MS = 500, /* the ceiling, at first; after a wait for a lock more */
    LONGEST_MS = 30 * 1000,
    SHORTEST_MS = 50,
    LOOK_MS = 250, /* between two looks at those in the way */
};

static int64_t
choose_pause_ms(int64_t stalled_ms, size_t tries)
{
    int64_t ceiling_ms = 2 * stalled_ms > FIRST_MS ? 2 * stalled_ms : FIRST_MS;

    for (size_t i = 1; i < tries && ceiling_ms < LONGEST_MS; i++)
        ceiling_ms *= 2;
    return SHORTEST_MS +
           clock_jitter((uint32_t)(ceiling_ms < LONGEST_MS ? ceiling_ms : LONGEST_MS));
}

/* False when the time is over, and those in the way are not gone. */
static bool
stand_aside(struct run *run,
    const struct watched *watched,
    int64_t pause_until_ms,
    struct patience *patience,
    struct error *err)
{
    int64_t until_ms = patience->until_ms;
    bool may_be_early = !patience->is_early;

    for (;;) {
        enum way way = WAY_BUSY;
        bool is_seen = watcher_look_aside(&run->watcher, watched, &way);
        int64_t now_ms = clock_monotonic_ms();
        patience->is_early = is_seen && way == WAY_FREE && may_be_early;
        if (patience->is_early)
            return true;
        if (now_ms >= until_ms)
            return !is_seen || way != WAY_HELD;
        if (now_ms >= pause_until_ms && way != WAY_HELD)
            return true;
        int64_t wake_ms = is_seen ? now_ms + LOOK_MS : pause_until_ms;
        if (!signals_sleep((wake_ms < until_ms ? wake_ms : until_ms) - now_ms, err))
            return false;
    }
}

bool
patience_wait(struct run *run, struct patience *patience, struct error *err)
{
    const struct step *step = &run->plan->steps[run_current(run)];
    const struct step_script *script = &run->scripts[run_current(run)];
    int64_t version = run->plan->steps[run->applied].migration->version;
    bool is_timeout = error_is_sqlstate(err, "55P03");
    int64_t now_ms = clock_monotonic_ms();

    if (patience->tries == 0 || patience->version != version)
        *patience = (struct patience){.version = version,
            .until_ms = now_ms + (script->retry_for_ms >= 0 ? script->retry_for_ms
                                                            : run->config->retry_for_ms)};
    patience->tries++;
    int64_t left_ms = patience->until_ms - now_ms;
    if (left_ms <= 0)
        return false;
    int64_t pause_ms =
        choose_pause_ms(is_timeout ? run->watcher.lock_timeout_ms : 0, patience->tries);
    if (pause_ms > left_ms)
        pause_ms = left_ms;

    const struct watched watched = {step->migration->name, step->migration->version, err->line};
    enum way way = WAY_BUSY;
    bool is_seen = is_timeout && watcher_look_aside(&run->watcher, &watched, &way);
    tell(run->listener, &(struct event){
                            .kind = EVENT_MIGRATION_RETRIED,
                            .migration = step->migration->name,
                            .version = step->migration->version,
                            .error = err,
                            .duration_ms = pause_ms,
                            .left_ms = left_ms,
                            .attempt = patience->tries + 1,
                            .is_aside = is_seen,
                        });
    run->watcher.is_alert = true;
    if (!is_seen)
        return signals_sleep(pause_ms, err);
    if (stand_aside(run, &watched, now_ms + pause_ms, patience, err))
        return true;
    watcher_explain(&run->watcher, err);
    return false;
}
