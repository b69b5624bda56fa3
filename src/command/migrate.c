/* SPDX-License-Identifier: Apache-2.0 */
/* up [N], down N, down --all, goto V: a run, told to the log and to Slack. */
#include "adapter/signals.h"
#include "adapter/terminal.h"
#include "command/goal.h"
#include "command/narrator.h"
#include "command/notify.h"

static bool
migrate(const struct invocation *invocation, const struct goal *goal, struct error *err)
{
    AUTO_IDENTITY identity = {0};
    AUTO_NARRATOR narrator = {0};

    identity_init(&identity, invocation->platform);
    narrator_init(&narrator, invocation->log);
    narrator.report.is_down = goal->kind == PLAN_DOWN;
    struct listener listener = narrator_listener(&narrator);
    bool is_good = runner_run(invocation->config, &identity, goal, &listener, err);
    if (!is_good && !narrator.report.is_told)
        narrate_error(invocation->log, err);
    narrator_finish(&narrator, is_good ? NULL : err);
    notify(invocation, &narrator.report);
    err->kind = ERROR_NONE;
    return is_good;
}

/* Where a person can be asked, as golang-migrate asks; a job never waits for an answer. */
static bool
confirm_all(struct error *err)
{
    if (terminal_ask("Revert every migration? What they made is dropped, with its data. [y/N] "))
        return true;
    if (signals_is_stop_requested())
        return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
    error_set(err, ERROR_USAGE, "down was not told how many migrations to revert");
    return error_hint(err, "Write pgstride down N, or pgstride down --all.");
}

static bool
read_and_migrate(const struct invocation *invocation, const char *name, struct error *err)
{
    struct goal goal = {.kind = PLAN_UP};
    bool is_vague = false;

    if (!goal_read(name, invocation->arguments, invocation->arguments_count,
            invocation->config->is_all, &goal, &is_vague, err))
        return false;
    if (is_vague && !confirm_all(err))
        return false;
    return migrate(invocation, &goal, err);
}

bool
command_up(const struct invocation *invocation, struct error *err)
{
    return read_and_migrate(invocation, "up", err);
}

bool
command_down(const struct invocation *invocation, struct error *err)
{
    return read_and_migrate(invocation, "down", err);
}

bool
command_goto(const struct invocation *invocation, struct error *err)
{
    return read_and_migrate(invocation, "goto", err);
}
