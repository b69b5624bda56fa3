/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/terminal.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "adapter/signals.h"

bool
terminal_ask(const char *question)
{
    char answer[16] = "";

    if (!isatty(STDIN_FILENO))
        return false;
    fputs(question, stderr);
    struct pollfd wait[] = {
        {.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals_descriptor(), .events = POLLIN}};
    while (!signals_is_stop_requested() && poll(wait, 2, -1) < 0)
        continue;
    if (signals_is_stop_requested() || fgets(answer, (int)sizeof(answer), stdin) == NULL)
        return false;
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0;
}
