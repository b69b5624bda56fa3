/* SPDX-License-Identifier: Apache-2.0 */
/* up [N], down N, down --all, goto V: a run, told to the log, the hooks and Slack. */
#include "adapter/signals.h"
#include "adapter/terminal.h"
#include "base/memory.h"
#include "command/ending.h"
#include "command/goal.h"
#include "command/hook.h"
#include "command/narrator.h"
#include "engine/wait.h"

static bool
migrate(const struct invocation *invocation, const struct goal *goal, struct error *err)
{
    AUTO_NARRATOR narrator = {0};
    const struct gate gate = hook_gate(invocation);

    narrator_init(&narrator, invocation->log);
    narrator.identity = invocation->identity;
    narrator.report.is_down = goal->kind == PLAN_DOWN;
    struct listener listener = narrator_listener(&narrator);
    listener.gate = &gate;
    bool is_good = runner_run(invocation->config, invocation->identity, goal, &listener, err);
    if (!is_good && !narrator.report.is_told)
        narrate_error(invocation->log, err);
    ending_tell(invocation, &narrator, is_good ? NULL : err);
    err->kind = ERROR_NONE;
    return is_good;
}

/*
 * Of several tasks the first migrates, and reports; the others wait for it. What
 * counts from where the database is, each of them would do once more.
 */
static bool
follow(const struct invocation *invocation, const struct goal *goal, struct error *err)
{
    const struct config *config = invocation->config;
    const struct platform *platform = invocation->platform;
    AUTO_NARRATOR narrator = {0};

    if (goal->kind == PLAN_DOWN || goal->limit > 0) {
        error_set(
            err, ERROR_USAGE, "this is task %.40s, and only task 0 may do that", platform->task);
        return error_hint(err, "Start the job with one task.");
    }
    AUTO_STRING char *text =
        memory_printf("task %s waits until task 0 has migrated", platform->task);
    log_write(invocation->log, LOG_INFO, "detail", text, NULL);
    narrator_init(&narrator, invocation->log);
    narrator.identity = invocation->identity;
    struct listener listener = narrator_listener(&narrator);
    bool is_good = wait_for_version(config, config->lock_timeout_ms, platform, &listener, err);
    if (!is_good && err->kind == ERROR_TIMEOUT)
        error_hint(err, "Look at task 0: did it fail? A longer time: --lock-timeout.");
    if (!is_good)
        narrate_error(invocation->log, err);
    narrator_finish(&narrator, is_good ? NULL : err);
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
    /* goto says where to, so that the second to come finds nothing to do. */
    if (invocation->platform->is_follower && goal.kind != PLAN_GOTO)
        return follow(invocation, &goal, err);
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
