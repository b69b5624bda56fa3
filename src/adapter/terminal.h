/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminal: a question to the person before it, where there is one, and a line that
 * updates in place.
 */
#ifndef ADAPTER_TERMINAL_H
#define ADAPTER_TERMINAL_H

#include <stdbool.h>

/* True for "y" or "yes". False at once where stdin is no terminal: nobody is asked. */
bool terminal_ask(const char *question);

/* A line below the log, for what changes all the time. Never part of what a pipe or file gets. */
struct terminal_line {
    int descriptor;
    bool is_usable; /* a terminal that understands to erase a line */
    bool is_shown;
};

void terminal_line_init(struct terminal_line *line, int descriptor);

/*
 * Show `text` in place of what is shown, cut to one row: what would not fit is left out,
 * and so are secrets. A terminal that takes nothing just now is left alone.
 */
void terminal_line_show(struct terminal_line *line, const char *text);

/*
 * What to write before anything else, so that it is gone: "" when nothing is shown.
 * NULL: there is no such line.
 */
const char *terminal_line_end(struct terminal_line *line);

#endif
