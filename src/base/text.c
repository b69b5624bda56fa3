/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { FIRST_CAPACITY_BYTES = 64 };

void
text_done(struct text *text)
{
    free(text->data);
    *text = TEXT_INIT;
}

static void
text_reserve(struct text *text, size_t extra)
{
    size_t needed = text->size_bytes + extra + 1;
    size_t capacity = text->capacity_bytes ? text->capacity_bytes : FIRST_CAPACITY_BYTES;

    if (needed <= text->capacity_bytes)
        return;
    while (capacity < needed)
        capacity *= 2;
    text->data = memory_resize(text->data, capacity);
    text->capacity_bytes = capacity;
}

void
text_add(struct text *text, const char *bytes, size_t size_bytes)
{
    text_reserve(text, size_bytes);
    if (size_bytes > 0)
        memcpy(text->data + text->size_bytes, bytes, size_bytes);
    text->size_bytes += size_bytes;
    text->data[text->size_bytes] = '\0';
}

void
text_puts(struct text *text, const char *string)
{
    text_add(text, string, strlen(string));
}

void
text_printf(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_list again;

    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length > 0) {
        text_reserve(text, (size_t)length);
        vsnprintf(text->data + text->size_bytes, (size_t)length + 1, format, again);
        text->size_bytes += (size_t)length;
    }
    va_end(again);
}

void
text_clear(struct text *text)
{
    text->size_bytes = 0;
    if (text->data != NULL)
        text->data[0] = '\0';
}

const char *
text_string(const struct text *text)
{
    return text->data != NULL ? text->data : "";
}

char *
text_take(struct text *text)
{
    char *data = text->data != NULL ? text->data : memory_copy("", 0);

    *text = TEXT_INIT;
    return data;
}

static bool
is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

void
text_mend_utf8(char *string)
{
    size_t size = strlen(string);
    size_t valid = utf8_valid(string, size);

    /* A character that was cut at the very end goes; other bytes are replaced. */
    size_t last = size;
    while (last > valid && size - last < 3 && is_continuation(string[last - 1]))
        last--;
    if (last > 0 && last - 1 == valid && (unsigned char)string[valid] >= 0xC0) {
        string[valid] = '\0';
        return;
    }
    for (size_t bad = valid; bad < size; bad += utf8_valid(string + bad, size - bad))
        string[bad] = '?';
}

size_t
utf8_count(const char *bytes, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += !is_continuation(bytes[i]);
    return count;
}

size_t
utf8_align(const char *bytes, size_t offset)
{
    while (offset > 0 && is_continuation(bytes[offset]))
        offset--;
    return offset;
}

size_t
utf8_offset(const char *bytes, size_t size, size_t index)
{
    for (size_t i = 0; i < size; i++) {
        if (is_continuation(bytes[i]))
            continue;
        if (index-- == 0)
            return i;
    }
    return size;
}

/* The length of the character at `p`, or 0 when it is not valid. */
static size_t
utf8_length(const unsigned char *p, size_t left)
{
    static const struct {
        unsigned char lead_mask, lead;
        size_t length;
        uint32_t smallest;
    } FORMS[] = {
        {0x80, 0x00, 1, 0},
        {0xE0, 0xC0, 2, 0x80},
        {0xF0, 0xE0, 3, 0x800},
        {0xF8, 0xF0, 4, 0x10000},
    };

    for (size_t i = 0; i < sizeof(FORMS) / sizeof(FORMS[0]); i++) {
        if ((p[0] & FORMS[i].lead_mask) != FORMS[i].lead)
            continue;
        if (left < FORMS[i].length)
            return 0;
        uint32_t code = (uint32_t)(p[0] & (unsigned char)~FORMS[i].lead_mask);
        for (size_t k = 1; k < FORMS[i].length; k++) {
            if ((p[k] & 0xC0) != 0x80)
                return 0;
            code = code << 6 | (p[k] & 0x3Fu);
        }
        bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
        return code >= FORMS[i].smallest && code <= 0x10FFFF && !is_surrogate ? FORMS[i].length : 0;
    }
    return 0;
}

size_t
utf8_valid(const char *bytes, size_t size)
{
    size_t offset = 0;

    while (offset < size) {
        size_t length = utf8_length((const unsigned char *)bytes + offset, size - offset);
        if (length == 0)
            break;
        offset += length;
    }
    return offset;
}

bool
utf8_is_acting(const char *c, size_t length)
{
    static const char *const OTHERS[] = {
        "\u061C", "\u200E", "\u200F",                     /* a direction's mark */
        "\u2028", "\u2029",                               /* a line, a paragraph */
        "\u202A", "\u202B", "\u202C", "\u202D", "\u202E", /* a direction */
        "\u2066", "\u2067", "\u2068", "\u2069",           /* and its isolation */
    };
    unsigned char first = (unsigned char)c[0];

    if (length == 1)
        return first < 0x20 || first == 0x7F;
    if (length == 2 && first == 0xC2 && (unsigned char)c[1] < 0xA0)
        return true; /* C1: U+009B begins an escape sequence as ESC [ does */
    for (size_t i = 0; i < ARRAY_LENGTH(OTHERS); i++) {
        if (strlen(OTHERS[i]) == length && memcmp(OTHERS[i], c, length) == 0)
            return true;
    }
    return false;
}

void
text_add_shown(struct text *text, const char *bytes, size_t size_bytes)
{
    for (size_t at = 0; at < size_bytes;) {
        size_t length = utf8_length((const unsigned char *)bytes + at, size_bytes - at);
        bool is_plain = length > 0 && !utf8_is_acting(bytes + at, length);
        text_add(text, is_plain ? bytes + at : "?", is_plain ? length : 1);
        at += length > 0 ? length : 1;
    }
}
