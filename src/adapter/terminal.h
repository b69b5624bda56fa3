/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminal: a question to the person before it, where there is one.
 */
#ifndef ADAPTER_TERMINAL_H
#define ADAPTER_TERMINAL_H

#include <stdbool.h>

/* True for "y" or "yes". False at once where stdin is no terminal: nobody is asked. */
bool terminal_ask(const char *question);

#endif
