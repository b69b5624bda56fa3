/* SPDX-License-Identifier: Apache-2.0 */
/* version: prints the current version. */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "command/answer.h"
#include "command/command.h"
#include "command/narrator.h"
#include "engine/state.h"

static void
print_json(const struct history *history)
{
    AUTO_JSON json_t *answer = json_object();

    json_object_set_new(
        answer, "version", history->has_version ? json_integer(history->version) : json_null());
    json_put_boolean(answer, "dirty", history->is_dirty);
    answer_print_json(answer);
}

bool
command_version(const struct invocation *invocation, struct error *err)
{
    AUTO_NARRATOR narrator = {0};
    AUTO_STATE state = {0};

    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    if (!command_check_arguments(invocation, 0, "pgstride version", err))
        return false;
    if (!state_load(invocation->config, NULL, &listener, &state, err))
        return false;
    if (invocation->config->format == ANSWER_JSON) {
        print_json(state.history);
        return state.history->has_version;
    }
    if (!state.history->has_version)
        return error_set(err, ERROR_PLAN, "no migration");
    printf("%" PRId64 "%s\n", state.history->version, state.history->is_dirty ? " (dirty)" : "");
    return true;
}
