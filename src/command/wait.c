/* SPDX-License-Identifier: Apache-2.0 */
/* wait [-- COMMAND]: blocks until the database has this folder's version; then becomes COMMAND. */
#include "engine/wait.h"
#include "adapter/process.h"
#include "command/command.h"
#include "command/narrator.h"

bool
command_wait(const struct invocation *invocation, struct error *err)
{
    AUTO_NARRATOR narrator = {0};
    const struct config *config = invocation->config;

    if (!command_check_arguments(invocation, 0, "pgstride wait [-- COMMAND]", err))
        return false;
    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    if (!wait_for_version(config, config->timeout_ms, NULL, &listener, err))
        return false;
    return invocation->program == NULL || process_become(invocation->program, err);
}
