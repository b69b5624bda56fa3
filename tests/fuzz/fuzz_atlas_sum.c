/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any bytes as an atlas.sum.
 *
 * What must hold: what is accepted is written as it was read, but for its line
 * ends; a refusal names its line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/atlas_sum.h"
#include "fuzz.h"

static size_t
count_lines(const char *text, size_t size_bytes)
{
    size_t lines = 1;

    for (size_t i = 0; i < size_bytes; i++)
        lines += text[i] == '\n';
    return lines;
}

static void
check_refusal(const struct error *err, const char *text, size_t size_bytes)
{
    MUST_HOLD(err->kind == ERROR_INPUT);
    MUST_HOLD(err->message[0] != '\0' && err->hint[0] != '\0');
    MUST_HOLD(strcmp(err->file, "atlas.sum") == 0);
    MUST_HOLD(err->line >= 1 && err->line <= count_lines(text, size_bytes));
}

/* Line by line the same, whatever ends a line, and whether the last one is ended. */
static void
check_same(const char *text, size_t size_bytes, const char *written)
{
    size_t at = 0;

    for (; *written != '\0'; written++) {
        if (at + 1 < size_bytes && text[at] == '\r' && text[at + 1] == '\n' && *written == '\n')
            at++;
        if (at == size_bytes) {
            MUST_HOLD(strcmp(written, "\n") == 0);
            return;
        }
        MUST_HOLD(text[at] == *written);
        at++;
    }
    MUST_HOLD(at == size_bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    AUTO_STRING char *text = memory_copy((const char *)data, size_bytes);
    AUTO_ATLAS_SUM sum = {0};
    AUTO_TEXT written = TEXT_INIT;
    struct error err = ERROR_INIT;

    if (!atlas_sum_parse(text, size_bytes, &sum, &err)) {
        check_refusal(&err, text, size_bytes);
        return 0;
    }
    MUST_HOLD(err.kind == ERROR_NONE);
    for (size_t i = 1; i < sum.count; i++)
        MUST_HOLD(strcmp(sum.entries[i - 1].name, sum.entries[i].name) < 0);
    atlas_sum_write(&sum, &written);
    check_same(text, size_bytes, text_string(&written));
    return 0;
}
