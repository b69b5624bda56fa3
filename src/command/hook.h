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

/*
 * The gate that posts the plan. It borrows the invocation.
 *
 * Refuses with   ERROR_SYSTEM   an answer that is not 2xx, or no trust.
 *                ERROR_TIMEOUT, ERROR_CONNECTION   no answer in time.
 *                ERROR_STOPPED  a signal came meanwhile.
 */
struct gate hook_gate(const struct invocation *invocation);

/* Post the summary of a run that is over, however it went. A failure is a warning. */
void hook_after(const struct invocation *invocation, const struct narrator *narrator);

#endif
