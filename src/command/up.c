/* SPDX-License-Identifier: Apache-2.0 */
/* up [N]: applies all pending migrations, or the next N. */
#include <stdlib.h>

#include "adapter/signals.h"
#include "base/memory.h"
#include "base/parse.h"
#include "command/command.h"
#include "command/narrator.h"
#include "command/notify.h"
#include "engine/identity.h"
#include "engine/runner.h"

static bool
migrate(const struct invocation *invocation,
    int64_t limit,
    struct narrator *narrator,
    struct error *err)
{
    AUTO_IDENTITY identity = {0};
    struct listener listener = narrator_listener(narrator);

    identity_init(&identity, invocation->platform);
    return runner_up(invocation->config, &identity, (size_t)limit, &listener, err);
}

bool
command_up(const struct invocation *invocation, struct error *err)
{
    AUTO_NARRATOR narrator = {0};
    int64_t limit = 0;

    if (!command_check_arguments(invocation, 1, "pgstride up [N]", err))
        return false;
    if (invocation->arguments_count == 1 &&
        !parse_number(invocation->arguments[0], 1, INT32_MAX, &limit, err))
        return error_prefix(err, "up");

    narrator_init(&narrator, invocation->log);
    bool is_good = migrate(invocation, limit, &narrator, err);
    bool is_told = narrator.report.is_told;
    if (!is_good && !is_told)
        narrate_error(invocation->log, err);
    narrator_finish(&narrator, is_good ? NULL : err);
    notify(invocation, &narrator.report);
    err->kind = ERROR_NONE;
    return is_good;
}
