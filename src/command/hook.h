/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hook: what a run is about to do, and what it did, posted to the addresses that
 * the user named. The first may stop it.
 */
#ifndef COMMAND_HOOK_H
#define COMMAND_HOOK_H

#include "command/command.h"
#include "command/narrator.h"
#include "engine/event.h"

struct hook {
    const struct invocation *invocation;
    bool is_called; /* there was something to do, so what began before is to be ended after */
};

/*
 * The gate that posts the plan. The hook stays where it is while the gate is used.
 *
 * Refuses with   ERROR_SYSTEM   an answer that is not 2xx, or no trust.
 *                ERROR_TIMEOUT, ERROR_CONNECTION   no answer in time.
 *                ERROR_STOPPED  a signal came meanwhile.
 */
struct gate hook_gate(struct hook *hook);

/* Post the summary of a run that is over, if the gate was asked. A failure is a warning. */
void hook_after(const struct hook *hook, const struct narrator *narrator);

#endif
