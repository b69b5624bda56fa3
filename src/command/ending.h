/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ending: what a run of up, down or goto does last, however it went: run.finished,
 * the hook after, Slack.
 */
#ifndef COMMAND_ENDING_H
#define COMMAND_ENDING_H

#include "command/command.h"
#include "command/narrator.h"

/* `err` is NULL for a success, and was logged. */
void ending_tell(
    const struct invocation *invocation, struct narrator *narrator, const struct error *err);

/* The same for a run that did not begin; its error is logged here. */
void ending_tell_unbegun(
    const struct invocation *invocation, bool is_down, const struct error *err);

#endif
