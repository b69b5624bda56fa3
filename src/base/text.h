/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: a growing buffer of bytes that always ends with a NUL, and the few
 * UTF-8 questions that messages ask.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct text {
    char *data; /* never NULL after text_add; NULL when nothing was added */
    size_t size_bytes;
    size_t capacity_bytes;
};

#define TEXT_INIT ((struct text){0})

void text_done(struct text *text);
#define AUTO_TEXT __attribute__((cleanup(text_done))) struct text

void text_add(struct text *text, const char *bytes, size_t size_bytes);
void text_puts(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_clear(struct text *text);

/* The content as a string; "" when nothing was added. */
const char *text_string(const struct text *text);

/* Hand the buffer over; the caller frees it. Never NULL. */
char *text_take(struct text *text);

/*
 * Make a string valid UTF-8 again: a character that was cut at its end is taken
 * away, other bytes become '?'.
 */
void text_mend_utf8(char *string);

/*
 * Does the character at `c`, `length` bytes of UTF-8, act where it is shown, rather than stand
 * there: a control character, a separator of lines, one that turns the direction of writing?
 */
bool utf8_is_acting(const char *c, size_t length);

/* Add `bytes` as they may be shown: what acts, and what is no UTF-8, becomes '?'. */
void text_add_shown(struct text *text, const char *bytes, size_t size_bytes);

/* How many characters `size` bytes of UTF-8 hold. */
size_t utf8_count(const char *bytes, size_t size);

/* The first byte at or before `offset` that begins a character. */
size_t utf8_align(const char *bytes, size_t offset);

/* The byte offset of character `index` (from 0), at most `size`. */
size_t utf8_offset(const char *bytes, size_t size, size_t index);

/* The offset of the first byte that is not valid UTF-8, or `size`. RFC 3629. */
size_t utf8_valid(const char *bytes, size_t size);

#endif
