/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

static bool
parse_digits(const char *text, size_t size_bytes, int64_t *number)
{
    int64_t value = 0;

    if (size_bytes == 0)
        return false;
    for (size_t i = 0; i < size_bytes; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
        if (__builtin_add_overflow(value, text[i] - '0', &value))
            return false;
    }
    *number = value;
    return true;
}

bool
parse_version(const char *text, size_t size_bytes, int64_t *version, struct error *err)
{
    if (parse_digits(text, size_bytes, version))
        return true;
    return error_set(err, ERROR_USAGE, "\"%.*s\" is not a version: a whole number up to %lld",
        (int)(size_bytes < 64 ? size_bytes : 64), text, (long long)INT64_MAX);
}

bool
parse_number(
    const char *text, int64_t smallest, int64_t largest, int64_t *number, struct error *err)
{
    int64_t value = 0;

    if (parse_digits(text, strlen(text), &value) && value >= smallest && value <= largest) {
        *number = value;
        return true;
    }
    return error_set(err, ERROR_USAGE, "\"%.64s\" is not a whole number from %lld to %lld", text,
        (long long)smallest, (long long)largest);
}

static const struct {
    const char *suffix;
    int64_t milliseconds;
} UNITS[] = {
    {"", 1000},
    {"ms", 1},
    {"s", 1000},
    {"min", 60 * 1000},
    {"m", 60 * 1000},
    {"h", 60 * 60 * 1000},
};

bool
parse_duration(const char *text, int64_t *duration_ms, struct error *err)
{
    enum { WHOLE_DIGITS = 10, FRACTION_DIGITS = 3 };
    size_t whole_size = strspn(text, "0123456789");
    const char *rest = text + whole_size;
    int64_t whole = 0;
    int64_t thousandths = 0;

    if (*rest == '.') {
        size_t size = strspn(rest + 1, "0123456789");
        int64_t scale = 100;
        for (size_t i = 0; i < size && i < FRACTION_DIGITS; i++, scale /= 10)
            thousandths += (rest[1 + i] - '0') * scale;
        rest += size > 0 ? 1 + size : 0;
    }
    if (whole_size > WHOLE_DIGITS || !parse_digits(text, whole_size, &whole))
        rest = "?";
    for (size_t i = 0; i < ARRAY_LENGTH(UNITS); i++) {
        if (strcmp(rest, UNITS[i].suffix) != 0)
            continue;
        int64_t value = whole * UNITS[i].milliseconds + thousandths * UNITS[i].milliseconds / 1000;
        if (value > INT32_MAX)
            break;
        *duration_ms = value;
        return true;
    }
    return error_set(err, ERROR_USAGE,
        "\"%.64s\" is not a duration: write 500ms, 5s, 2min or 1h (a bare number is seconds)",
        text);
}

bool
parse_boolean(const char *text, bool *value, struct error *err)
{
    static const char *const YES[] = {"true", "on", "yes", "1"};
    static const char *const NO[] = {"false", "off", "no", "0"};

    for (size_t i = 0; i < ARRAY_LENGTH(YES); i++) {
        if (strcasecmp(text, YES[i]) == 0 || strcasecmp(text, NO[i]) == 0) {
            *value = strcasecmp(text, YES[i]) == 0;
            return true;
        }
    }
    return error_set(err, ERROR_USAGE, "\"%.64s\" is neither true nor false", text);
}
