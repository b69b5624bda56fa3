/* SPDX-License-Identifier: Apache-2.0 */
#include "command/ending.h"

#include "command/hook.h"
#include "command/notify.h"

void
ending_tell(const struct invocation *invocation, struct narrator *narrator, const struct error *err)
{
    narrator_finish(narrator, err);
    hook_after(invocation, narrator);
    notify(invocation, &narrator->report);
}

void
ending_tell_unbegun(const struct invocation *invocation, bool is_down, const struct error *err)
{
    AUTO_NARRATOR narrator = {0};

    narrator_init(&narrator, invocation->log);
    narrator.identity = invocation->identity;
    narrator.report.is_down = is_down;
    narrate_error(invocation->log, err);
    ending_tell(invocation, &narrator, err);
}
