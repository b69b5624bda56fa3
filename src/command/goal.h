/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what the arguments of up, down and goto ask for; plan reads them too.
 */
#ifndef COMMAND_GOAL_H
#define COMMAND_GOAL_H

#include "command/command.h"
#include "engine/runner.h"

/*
 * Read the arguments of the command `name`. A down without a number or --all is
 * PLAN_DOWN with `*is_vague`.
 * Errors   ERROR_USAGE.
 */
MUST_CHECK bool goal_read(const char *name,
    const char *const *arguments,
    size_t count,
    bool is_all,
    struct goal *goal,
    bool *is_vague,
    struct error *err);

/* The goal as plan and rehearse have it: up, up N, down N, down --all or goto V; else up. */
MUST_CHECK bool goal_read_arguments(
    const struct invocation *invocation, const char *command, struct goal *goal, struct error *err);

#endif
