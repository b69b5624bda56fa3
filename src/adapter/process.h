/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process: become another program.
 */
#ifndef ADAPTER_PROCESS_H
#define ADAPTER_PROCESS_H

#include "base/error.h"

/*
 * Replace this process by the program `argv`, which ends with NULL, found by PATH;
 * with the signals' usual actions, the environment as it is. Returns only when that
 * failed.
 *
 * Errors   ERROR_SYSTEM.
 */
MUST_CHECK bool process_become(char *const argv[], struct error *err);

#endif
