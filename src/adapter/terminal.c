/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/terminal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "adapter/signals.h"
#include "base/secret.h"
#include "base/text.h"

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

/* ECMA-48: to the first column, and erase to the end of the line. */
#define ERASE "\r\x1b[K"

void
terminal_line_init(struct terminal_line *line, int descriptor)
{
    const char *kind = getenv("TERM");

    *line = (struct terminal_line){
        .descriptor = descriptor,
        .is_usable =
            isatty(descriptor) && kind != NULL && *kind != '\0' && strcmp(kind, "dumb") != 0,
    };
}

static size_t
width_of(const struct terminal_line *line)
{
    enum { USUAL = 80 };
    struct winsize size = {0};

    return ioctl(line->descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : USUAL;
}

/*
 * As much of `text` as surely fits into `columns`: what is not ASCII counts as two, as
 * wide characters are; control characters are not sent.
 */
static void
add_fitting(const char *text, size_t columns, struct text *shown)
{
    size_t size = strlen(text);
    size_t used = 0;

    for (size_t at = 0; at < size;) {
        size_t bytes = utf8_offset(text + at, size - at, 1);
        unsigned char first = (unsigned char)text[at];
        size_t width = first < 0x80 ? 1 : 2;
        if (used + width > columns)
            return;
        if (first < 0x20 || first == 0x7F)
            text_puts(shown, first == '\n' ? " " : "?");
        else
            text_add(shown, text + at, bytes);
        used += width;
        at += bytes;
    }
}

static bool
write_now(const struct terminal_line *line, const struct text *text)
{
    struct pollfd wait = {.fd = line->descriptor, .events = POLLOUT};

    return poll(&wait, 1, 0) == 1 && (wait.revents & POLLOUT) != 0 &&
           write(line->descriptor, text->data, text->size_bytes) > 0;
}

void
terminal_line_show(struct terminal_line *line, const char *text)
{
    AUTO_TEXT hidden = TEXT_INIT;
    AUTO_TEXT shown = TEXT_INIT;
    size_t width = width_of(line);

    if (!line->is_usable || width < 2)
        return;
    text_puts(&hidden, text);
    secret_hide(&hidden);
    text_puts(&shown, ERASE);
    add_fitting(text_string(&hidden), width - 1, &shown); /* the last column may wrap */
    line->is_shown = write_now(line, &shown) || line->is_shown;
}

const char *
terminal_line_end(struct terminal_line *line)
{
    if (line == NULL || !line->is_shown)
        return "";
    line->is_shown = false;
    return ERASE;
}
