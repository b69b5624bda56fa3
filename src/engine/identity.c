/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/identity.h"

#include <stdio.h>
#include <stdlib.h>

#include "adapter/clock.h"

void
identity_init(struct run_identity *identity, const struct platform *platform)
{
    AUTO_JSON json_t *runner = platform_describe(platform);
    unsigned short parts[8];

    for (size_t i = 0; i < 8; i++)
        parts[i] = (unsigned short)clock_jitter(0x10000);
    snprintf(identity->run_id, sizeof(identity->run_id), "%04x%04x-%04x-4%03x-%04x-%04x%04x%04x",
        parts[0], parts[1], parts[2], parts[3] & 0xFFFu, (parts[4] & 0x3FFFu) | 0x8000u, parts[5],
        parts[6], parts[7]);
    identity->runner = json_to_string(runner);
    identity->platform = platform;
}

void
identity_done(struct run_identity *identity)
{
    free(identity->runner);
    identity->runner = NULL;
}
