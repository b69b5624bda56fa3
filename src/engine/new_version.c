/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/new_version.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "engine/catalog.h"

enum { NS_PER_S = 1000000000 };

static const char STANDARD_LAYOUT[] = "20060102150405";

enum part { YEAR, YEAR_OF_CENTURY, MONTH, DAY, DAY_OF_YEAR, HOUR, HOUR_OF_TWELVE, MINUTE, SECOND };

/* Go's layout elements that give digits alone; the first that fits counts. */
static const struct element {
    const char *text;
    int width;
    enum part part;
} ELEMENTS[] = {
    {"2006", 4, YEAR},
    {"002", 3, DAY_OF_YEAR},
    {"01", 2, MONTH},
    {"02", 2, DAY},
    {"03", 2, HOUR_OF_TWELVE},
    {"04", 2, MINUTE},
    {"05", 2, SECOND},
    {"06", 2, YEAR_OF_CENTURY},
    {"15", 2, HOUR},
    {"1", 1, MONTH},
    {"2", 1, DAY},
    {"3", 1, HOUR_OF_TWELVE},
    {"4", 1, MINUTE},
    {"5", 1, SECOND},
};

static int
part_value(enum part part, const struct tm *local)
{
    switch (part) {
    case YEAR:
        return local->tm_year + 1900;
    case YEAR_OF_CENTURY:
        return (local->tm_year + 1900) % 100;
    case MONTH:
        return local->tm_mon + 1;
    case DAY:
        return local->tm_mday;
    case DAY_OF_YEAR:
        return local->tm_yday + 1;
    case HOUR:
        return local->tm_hour;
    case HOUR_OF_TWELVE:
        return (local->tm_hour + 11) % 12 + 1;
    case MINUTE:
        return local->tm_min;
    case SECOND:
        break;
    }
    return local->tm_sec;
}

static const struct element *
find_element(const char *layout)
{
    for (size_t i = 0; i < ARRAY_LENGTH(ELEMENTS); i++) {
        if (strncmp(layout, ELEMENTS[i].text, strlen(ELEMENTS[i].text)) == 0)
            return &ELEMENTS[i];
    }
    return NULL;
}

static bool
fill_layout(const char *layout, const struct tm *local, struct text *version, struct error *err)
{
    for (const char *at = layout; *at != '\0';) {
        const struct element *element = find_element(at);
        if (element != NULL) {
            text_printf(version, "%0*d", element->width, part_value(element->part, local));
            at += strlen(element->text);
        } else if (isdigit((unsigned char)*at)) {
            text_add(version, at++, 1);
        } else {
            error_set(err, ERROR_USAGE, "--format: \"%.60s\" would give more than digits", layout);
            return error_hint(err, "Write unix, unixNano, or a layout as Go has it, of digits "
                                   "alone: 20060102150405 is year, month, day, hour, minute, "
                                   "second.");
        }
    }
    return true;
}

bool
new_version_of_time(
    const char *format, int64_t unix_ns, const struct tm *local, char **version, struct error *err)
{
    AUTO_TEXT text = TEXT_INIT;
    int64_t number = 0;

    if (format != NULL && strcmp(format, "unix") == 0)
        text_printf(&text, "%" PRId64, unix_ns / NS_PER_S);
    else if (format != NULL && strcmp(format, "unixNano") == 0)
        text_printf(&text, "%" PRId64, unix_ns);
    else if (!fill_layout(format != NULL ? format : STANDARD_LAYOUT, local, &text, err))
        return false;
    if (!parse_version(text_string(&text), text.size_bytes, &number, err))
        return error_prefix(err, "--format");
    *version = text_take(&text);
    return true;
}

static bool
ends_with_extension(const char *name, const char *extension)
{
    size_t size = strlen(name);
    size_t end = strlen(extension);

    return size > end && name[size - end - 1] == '.' && strcmp(name + size - end, extension) == 0;
}

bool
new_version_in_sequence(const struct file_names *names,
    const char *extension,
    int64_t digits,
    char **version,
    struct error *err)
{
    int64_t highest = 0;

    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->names[i];
        size_t size = strspn(name, "0123456789");
        size_t title_bytes = 0;
        enum file_direction direction = FILE_UP;
        bool is_near = false;
        int64_t number = 0;
        bool is_migration = catalog_match_name(name, &size, &title_bytes, &direction, &is_near);
        if (!is_migration && (name[size] != '_' || !ends_with_extension(name, extension)))
            continue;
        if (size == 0)
            continue;
        if (!parse_version(name, size, &number, err) || number == INT64_MAX)
            return error_set(err, ERROR_INPUT, "there is no version after that of %s", name);
        highest = number > highest ? number : highest;
    }

    AUTO_STRING char *next = memory_printf("%0*" PRId64, (int)digits, highest + 1);
    if (strlen(next) > (size_t)digits) {
        error_set(err, ERROR_USAGE, "the next version, %s, has more than %" PRId64 " digits", next,
            digits);
        return error_hint(err, "Allow more with --digits, or leave --seq out.");
    }
    *version = TAKE(next);
    return true;
}

bool
new_version_is_free(const struct file_names *names, const char *version, struct error *err)
{
    const char *bare = version + strspn(version, "0");

    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->names[i];
        size_t digits = strspn(name, "0123456789");
        size_t zeros = strspn(name, "0");
        if (digits == 0 || name[digits] != '_' || digits - zeros != strlen(bare) ||
            strncmp(name + zeros, bare, strlen(bare)) != 0)
            continue;
        return error_set(err, ERROR_INPUT, "there is a version %s already: %s", version, name);
    }
    return true;
}
