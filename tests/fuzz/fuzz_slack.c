/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz: any bytes as what a message to Slack tells: names, errors, changes.
 *
 * The first byte says how it ended and how often each text is repeated; the
 * texts follow, each ended by a NUL, those of the report first, then the steps.
 * What must hold: the message is JSON, and within Slack's limits; nothing in it
 * is markup but what we put there: our date, the one link, our code.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/slack.h"
#include "base/memory.h"
#include "base/text.h"
#include "fuzz.h"

#define DATE "<!date^1680341400^{date_short_pretty} {time}|2023-04-01T09:30:00.083Z>"

enum { INPUT_BYTES = 4096, TEXTS_MAX = 64 };

struct input {
    char *texts[TEXTS_MAX];
    size_t count;
};

static void
input_done(struct input *input)
{
    for (size_t i = 0; i < input->count; i++)
        free(input->texts[i]);
}
#define AUTO_INPUT __attribute__((cleanup(input_done))) struct input

static char *
repeat(const char *unit, size_t size_bytes, size_t times)
{
    AUTO_TEXT text = TEXT_INIT;

    for (size_t i = 0; i < times; i++)
        text_add(&text, unit, size_bytes);
    return text_take(&text);
}

static void
read_input(struct input *input, const char *bytes, size_t size_bytes, size_t times)
{
    while (size_bytes > 0 && input->count < TEXTS_MAX) {
        size_t size = strnlen(bytes, size_bytes);
        size_t taken = size < size_bytes ? size + 1 : size;
        input->texts[input->count++] = repeat(bytes, size, times);
        bytes += taken;
        size_bytes -= taken;
    }
}

/* Entities are whole, and nothing acts but the ends of lines and what indents them. */
static void
check_characters(const char *text)
{
    for (const char *c = text; *c != '\0';) {
        size_t length = 1;
        while (((unsigned char)c[length] & 0xC0) == 0x80)
            length++;
        MUST_HOLD(*c == '\n' || *c == '\t' || !utf8_is_acting(c, length));
        MUST_HOLD(*c != '&' || strncmp(c, "&amp;", 5) == 0 || strncmp(c, "&lt;", 4) == 0 ||
                  strncmp(c, "&gt;", 4) == 0);
        c += length;
    }
}

/* All of it is a link to the log, or none of it is markup of Slack's. */
static void
check_markup(const char *text)
{
    if (strcmp(text, DATE) == 0)
        return;
    if (*text != '<') {
        MUST_HOLD(strpbrk(text, "<>") == NULL);
        return;
    }
    MUST_HOLD(strncmp(text, "<https://", 9) == 0 || strncmp(text, "<http://", 8) == 0);
    const char *end = text + 1 + strcspn(text + 1, "<>| \t\n");
    MUST_HOLD(strcmp(end, "|Log>") == 0);
}

static size_t
count_ticks(const char *text, size_t size_bytes)
{
    size_t ticks = 0;

    for (size_t i = 0; i < size_bytes; i++)
        ticks += text[i] == '`';
    return ticks;
}

/* Nothing ends a block of code but its end. */
static void
check_code(const char *text)
{
    if (strncmp(text, "```\n", 4) != 0 && strncmp(text, "*Schema*\n", 9) != 0)
        return;
    MUST_HOLD(count_ticks(text, strlen(text)) == 6);
    MUST_HOLD(strcmp(text + strlen(text) - 4, "\n```") == 0);
}

/* Nor a step's name, of which each line has one. */
static void
check_steps(const json_t *block)
{
    const char *line = json_string_value(json_object_get(json_object_get(block, "text"), "text"));

    while (*line != '\0') {
        size_t size = strcspn(line, "\n");
        bool is_name = strncmp(line, "• `", strlen("• `")) == 0;
        MUST_HOLD(strncmp(line, "• ", strlen("• ")) == 0);
        MUST_HOLD(count_ticks(line, size) == (is_name ? 2 : 0));
        line += line[size] == '\n' ? size + 1 : size;
    }
}

static void
check_text(const json_t *object, size_t limit)
{
    const char *text = json_string_value(json_object_get(object, "text"));

    MUST_HOLD(text != NULL && *text != '\0' && strlen(text) <= limit);
    check_characters(text);
    check_markup(text);
    check_code(text);
}

/* https://docs.slack.dev/reference/block-kit/blocks */
static void
check_block(const json_t *block)
{
    bool is_header = strcmp(json_string_value(json_object_get(block, "type")), "header") == 0;
    const json_t *fields = json_object_get(block, "fields");
    const json_t *elements = json_object_get(block, "elements");

    if (json_object_get(block, "text") != NULL)
        check_text(json_object_get(block, "text"), is_header ? 150 : 3000);
    MUST_HOLD(json_array_size(fields) <= 10 && json_array_size(elements) <= 10);
    for (size_t i = 0; i < json_array_size(fields); i++)
        check_text(json_array_get(fields, i), 2000);
    for (size_t i = 0; i < json_array_size(elements); i++)
        check_text(json_array_get(elements, i), 3000);
}

static void
check_message(json_t *message, bool has_steps)
{
    const json_t *blocks = json_object_get(message, "blocks");
    AUTO_STRING char *line = json_to_string(message);
    AUTO_JSON json_t *again = json_loads(line, 0, NULL);

    MUST_HOLD(json_equal(message, again));
    check_text(message, 4000);
    MUST_HOLD(json_array_size(blocks) >= 1 && json_array_size(blocks) <= 50);
    for (size_t i = 0; i < json_array_size(blocks); i++)
        check_block(json_array_get(blocks, i));
    if (has_steps)
        check_steps(json_array_get(blocks, 2)); /* behind the header and the fields */
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    AUTO_INPUT input = {.count = 0};
    struct slack_report report = {.finished_unix_ms = 1680341400083};
    const char **const texts[] = {&report.database, &report.host, &report.from, &report.to,
        &report.wanted, &report.changes, &report.error_title, &report.error_source,
        &report.error_detail, &report.error_hint, &report.where, &report.log_url};
    struct slack_step steps[TEXTS_MAX];

    if (size_bytes == 0 || size_bytes > INPUT_BYTES)
        return 0;
    read_input(&input, (const char *)data + 1, size_bytes - 1, 1 + data[0] / 2);
    for (size_t i = 0; i < input.count; i++) {
        if (i < ARRAY_LENGTH(texts))
            *texts[i] = input.texts[i];
        else
            steps[report.steps_count++] = (struct slack_step){input.texts[i], INT64_MAX};
    }
    report.steps = steps;
    report.has_succeeded = data[0] % 2 == 1;
    report.steps_planned = data[0];
    AUTO_JSON json_t *message = slack_message(&report);
    check_message(message, report.steps_count > 0);
    return 0;
}
