/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identity: who runs, as the history enters it.
 */
#ifndef ENGINE_IDENTITY_H
#define ENGINE_IDENTITY_H

#include "adapter/platform.h"

struct run_identity {
    char run_id[37];                 /* a random UUID (RFC 9562, version 4) */
    char *runner;                    /* a JSON object */
    const struct platform *platform; /* borrowed */
};

void identity_init(struct run_identity *identity, const struct platform *platform);
void identity_done(struct run_identity *identity);
#define AUTO_IDENTITY __attribute__((cleanup(identity_done))) struct run_identity

#endif
