/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answer: what the commands that answer on stdout share.
 */
#ifndef COMMAND_ANSWER_H
#define COMMAND_ANSWER_H

#include "adapter/json.h"

/*
 * Print what a file or a server may have written: no control character of it
 * may act there, and no secret is shown.
 */
void answer_print(const char *text);

/* Print the answer of --format json, without secrets, and end its line. */
void answer_print_json(const json_t *answer);

#endif
