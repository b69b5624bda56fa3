/* SPDX-License-Identifier: Apache-2.0 */
#include "command/answer.h"

#include <stdio.h>

void
answer_print(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        putchar((unsigned char)*at < 0x20 || *at == 0x7F ? '?' : *at);
}
