/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answer: what the commands that answer on stdout share.
 */
#ifndef COMMAND_ANSWER_H
#define COMMAND_ANSWER_H

/* Print what a file or a server may have written: no control character of it may act there. */
void answer_print(const char *text);

#endif
