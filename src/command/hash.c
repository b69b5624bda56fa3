/* SPDX-License-Identifier: Apache-2.0 */
/* hash: writes atlas.sum into the migrations folder. */
#include <stdio.h>

#include "base/memory.h"
#include "command/command.h"
#include "engine/atlas_sum.h"

bool
command_hash(const struct invocation *invocation, struct error *err)
{
    const struct config *config = invocation->config;
    AUTO_ATLAS_SUM sum = {0};
    AUTO_STRING char *file = NULL;

    if (!command_check_arguments(invocation, 0, "pgstride hash", err))
        return false;
    if (!atlas_sum_update(config->path, (size_t)config->max_file_mib << 20, &sum, &file, err))
        return false;
    printf("%s: %zu file%s, h1:%s\n", file, sum.count, sum.count == 1 ? "" : "s", sum.total);
    return true;
}
