/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "adapter/http.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    QUOTED_BYTES = 100,
    SECRET_LENGTH = 6, /* words of the URL this long are not quoted */
};

static void
mask_word(char *text, const char *word, size_t length)
{
    for (char *c = text; *c != '\0'; c++) {
        if (strncasecmp(c, word, length) == 0)
            memset(c, '*', length);
    }
}

/* A web server likes to repeat the path that it does not know. */
static void
mask_words_of_url(char *text, const char *url)
{
    const char *scheme_end = strstr(url, "://");
    const char *c = scheme_end != NULL ? scheme_end : url;

    while (*c != '\0') {
        size_t length = 0;
        while (isalnum((unsigned char)c[length]))
            length++;
        if (length >= SECRET_LENGTH)
            mask_word(text, c, length);
        c += length > 0 ? length : 1;
    }
}

/* Its lines as one. */
static void
make_printable(char *text, struct text *shown)
{
    for (char *c = text; *c != '\0'; c++) {
        if (utf8_is_acting(c, 1))
            *c = ' ';
    }
    text_add_shown(shown, text, strlen(text));
}

char *
http_quote(const struct http_answer *answer, const char *url)
{
    AUTO_STRING char *body = memory_string(answer->body);
    AUTO_TEXT shown = TEXT_INIT;

    mask_words_of_url(body, url);
    make_printable(body, &shown);
    const char *start = text_string(&shown);
    while (*start == ' ')
        start++;

    size_t size = strlen(start);
    bool is_long = size > QUOTED_BYTES;
    if (is_long)
        size = utf8_align(start, QUOTED_BYTES);
    while (size > 0 && start[size - 1] == ' ')
        size--;
    return memory_printf("%.*s%s", (int)size, start, is_long ? "…" : "");
}
