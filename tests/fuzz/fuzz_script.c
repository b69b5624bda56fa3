/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any UTF-8 text as a migration file.
 *
 * What must hold of a text that is accepted: the statements stand in it one
 * after the other, each on the line it claims, and none holds another's COPY data.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/script.h"

#define MUST_HOLD(condition)                                                                       \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static size_t
count_lines(const char *text, size_t end)
{
    size_t lines = 1;

    for (size_t i = 0; i < end; i++)
        lines += text[i] == '\n';
    return lines;
}

static void
check_statements(const struct script *script, const char *text, size_t size_bytes)
{
    size_t end = 0;

    for (size_t i = 0; i < script->count; i++) {
        const struct statement *statement = &script->statements[i];

        MUST_HOLD(statement->offset >= end);
        MUST_HOLD(statement->size_bytes > 0);
        MUST_HOLD(statement->size_bytes <= size_bytes - statement->offset);
        MUST_HOLD(statement->line == count_lines(text, statement->offset));
        end = statement->offset + statement->size_bytes;
        if (statement->is_copy_in) {
            MUST_HOLD(statement->data_offset >= end);
            MUST_HOLD(statement->data_offset <= size_bytes);
            MUST_HOLD(statement->data_bytes <= size_bytes - statement->data_offset);
            end = statement->data_offset + statement->data_bytes;
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct error err = ERROR_INIT;
    AUTO_SCRIPT script = {0};
    AUTO_STRING char *text = memory_copy((const char *)data, size_bytes);

    if (memchr(text, '\0', size_bytes) != NULL || utf8_valid(text, size_bytes) != size_bytes)
        return 0; /* not what script_parse takes */
    if (script_parse("1_fuzz.up.sql", text, size_bytes, &script, &err)) {
        MUST_HOLD(err.kind == ERROR_NONE);
        check_statements(&script, text, size_bytes);
    } else {
        MUST_HOLD(err.kind == ERROR_INPUT);
        MUST_HOLD(err.message[0] != '\0');
        MUST_HOLD(strcmp(err.file, "1_fuzz.up.sql") == 0);
        MUST_HOLD(err.line >= 1 && err.line <= count_lines(text, size_bytes));
    }
    return 0;
}
