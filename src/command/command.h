/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command: what each command gets, and the commands.
 */
#ifndef COMMAND_COMMAND_H
#define COMMAND_COMMAND_H

#include "adapter/log.h"
#include "adapter/platform.h"
#include "engine/config.h"
#include "engine/identity.h"

struct invocation {
    const struct config *config;
    const struct log *log;
    const struct platform *platform;
    const struct run_identity *identity; /* of a command that writes to the database */
    const char *const *arguments;
    size_t arguments_count;
    char *const *program; /* what stands behind `--` of wait, with a NULL at the end; NULL: none */
};

/*
 * Each logs its own errors and says true for exit status 0. `*err` is filled
 * when the command did not come so far as to log: main then does.
 */
MUST_CHECK bool command_up(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_down(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_goto(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_wait(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_force(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_baseline(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_drop(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_plan(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_rehearse(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_status(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_version(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_verify(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_create(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_write(const struct invocation *invocation, struct error *err);
MUST_CHECK bool command_hash(const struct invocation *invocation, struct error *err);

/* No more arguments than `most`. */
MUST_CHECK bool command_check_arguments(
    const struct invocation *invocation, size_t most, const char *usage, struct error *err);

#endif
