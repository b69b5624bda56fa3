/* SPDX-License-Identifier: Apache-2.0 */
/* force V, baseline V: set the version, run nothing. */
#include <string.h>

#include "base/parse.h"
#include "command/command.h"
#include "command/narrator.h"
#include "engine/mark.h"

static bool
read_version(const struct invocation *invocation,
    const char *usage,
    bool is_none_allowed,
    int64_t *version,
    struct error *err)
{
    if (!command_check_arguments(invocation, 1, usage, err))
        return false;
    if (invocation->arguments_count == 0) {
        error_set(err, ERROR_USAGE, "no version was given");
        return error_hint(err, "Usage: %s", usage);
    }
    const char *text = invocation->arguments[0];
    if (is_none_allowed && strcmp(text, "-1") == 0) {
        *version = MARK_NONE;
        return true;
    }
    return parse_version(text, strlen(text), version, err);
}

bool
command_force(const struct invocation *invocation, struct error *err)
{
    AUTO_NARRATOR narrator = {0};
    int64_t version = 0;

    if (!read_version(invocation, "pgstride force V; -1 for no version", true, &version, err))
        return error_prefix(err, "force");
    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    return mark_force(invocation->config, invocation->identity, version, &listener, err);
}

bool
command_baseline(const struct invocation *invocation, struct error *err)
{
    AUTO_NARRATOR narrator = {0};
    int64_t version = 0;

    if (!read_version(invocation, "pgstride baseline V", false, &version, err))
        return error_prefix(err, "baseline");
    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    return mark_baseline(invocation->config, invocation->identity, version, &listener, err);
}
