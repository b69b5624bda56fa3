/* SPDX-License-Identifier: Apache-2.0 */
/* create NAME: writes a new pair of empty files, as golang-migrate does. */
#include "command/command.h"
#include "command/new_pairs.h"

static const char USAGE[] =
    "pgstride create [-ext EXT] [-dir DIR] [-seq] [-digits N] [-format FORMAT] [-tz ZONE] NAME";

bool
command_create(const struct invocation *invocation, struct error *err)
{
    AUTO_NEW_PAIRS pairs = {0};

    if (!command_check_arguments(invocation, 1, USAGE, err))
        return false;
    if (invocation->arguments_count == 0) {
        error_set(err, ERROR_USAGE, "create needs a name");
        return error_hint(err, "Usage: %s", USAGE);
    }
    const char *const empty[] = {"", ""};
    return new_pairs_name(invocation->config, invocation->arguments[0], 1, &pairs, err) &&
           new_pairs_write(&pairs, empty, err);
}
