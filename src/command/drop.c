/* SPDX-License-Identifier: Apache-2.0 */
/* drop -f: drops every table of the current schema. */
#include "engine/drop.h"
#include "adapter/signals.h"
#include "adapter/terminal.h"
#include "command/command.h"
#include "command/narrator.h"

bool
command_drop(const struct invocation *invocation, struct error *err)
{
    AUTO_NARRATOR narrator = {0};

    if (!command_check_arguments(invocation, 0, "pgstride drop -f", err))
        return false;
    if (!invocation->config->is_forced &&
        !terminal_ask("Drop every table of the schema, with its data? [y/N] ")) {
        if (signals_is_stop_requested())
            return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
        error_set(err, ERROR_USAGE, "drop would delete every table of the schema, with its data");
        return error_hint(err, "If that is meant: pgstride drop -f");
    }
    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    return drop_tables(invocation->config, invocation->identity, &listener, err);
}
