/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notify: a run's report to Slack.
 */
#ifndef COMMAND_NOTIFY_H
#define COMMAND_NOTIFY_H

#include "command/command.h"
#include "engine/report.h"

/* Post it where the policy says so. A failure is a warning in the log. */
void notify(const struct invocation *invocation, const struct report *report);

#endif
