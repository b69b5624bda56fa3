/* SPDX-License-Identifier: Apache-2.0 */
#include "command/command.h"

bool
command_check_arguments(
    const struct invocation *invocation, size_t most, const char *usage, struct error *err)
{
    if (invocation->arguments_count <= most)
        return true;
    error_set(err, ERROR_USAGE, "unexpected argument \"%.60s\"", invocation->arguments[most]);
    return error_hint(err, "Usage: %s", usage);
}
