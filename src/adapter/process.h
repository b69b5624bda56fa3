/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process: keep it to itself, and become another program.
 */
#ifndef ADAPTER_PROCESS_H
#define ADAPTER_PROCESS_H

#include "base/error.h"

/*
 * It holds passwords: leave no core dump, and let no other process of the same
 * user read its memory and environment. The program that it becomes is as any.
 */
void process_protect(void);

/*
 * Where stdin, stdout or stderr is closed, put something in its place that can
 * neither be read nor written. Else the next socket would be opened there, and
 * the log be written to the database.
 */
void process_fill_descriptors(void);

/*
 * Replace this process by the program `argv`, which ends with NULL, found by PATH;
 * with the signals' usual actions, the environment as it is. Returns only when that
 * failed.
 *
 * Errors   ERROR_SYSTEM.
 */
MUST_CHECK bool process_become(char *const argv[], struct error *err);

#endif
