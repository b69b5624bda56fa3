/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any bytes as a file's name in the folder of migrations.
 *
 * What must hold: a name is a migration's where golang-migrate's own pattern
 * takes it, with the same version, title and direction; else it is left out,
 * and what is told of one that nearly matches holds it.
 */
#include <regex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/catalog.h"
#include "fuzz.h"

enum { NAME_BYTES = 255 }; /* Linux's limit of a file's name */

enum part { PART_ALL, PART_VERSION, PART_TITLE, PART_DIRECTION, PARTS };

static size_t
size_of(const regmatch_t *part)
{
    return (size_t)(part->rm_eo - part->rm_so);
}

/* https://github.com/golang-migrate/migrate/blob/master/source/parse.go */
static bool
match(const char *name, regmatch_t parts[PARTS])
{
    static regex_t pattern;
    static bool is_compiled;

    if (!is_compiled)
        MUST_HOLD(regcomp(&pattern, "^([0-9]+)_(.*)\\.(down|up)\\.(.*)$", REG_EXTENDED) == 0);
    is_compiled = true;
    return regexec(&pattern, name, PARTS, parts, 0) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    regmatch_t parts[PARTS];
    size_t digits = 77;
    size_t title_bytes = 77;
    enum file_direction direction = FILE_UP;
    bool is_near = false;

    if (size_bytes > NAME_BYTES || memchr(data, '\0', size_bytes) != NULL)
        return 0; /* no name of a file */
    AUTO_STRING char *name = memory_copy((const char *)data, size_bytes);
    bool is_match = catalog_match_name(name, &digits, &title_bytes, &direction, &is_near);
    MUST_HOLD(is_match == match(name, parts));
    if (is_match) {
        char first = name[parts[PART_DIRECTION].rm_so];
        MUST_HOLD(!is_near);
        MUST_HOLD(digits == size_of(&parts[PART_VERSION]));
        MUST_HOLD(title_bytes == size_of(&parts[PART_TITLE]));
        MUST_HOLD(direction == (first == 'u' ? FILE_UP : FILE_DOWN));
        return 0;
    }
    MUST_HOLD(digits == 77 && title_bytes == 77);
    AUTO_STRING char *told = is_near ? catalog_near_miss(name) : NULL;
    MUST_HOLD(told == NULL || strncmp(told, name, size_bytes) == 0);
    return 0;
}
