/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/slack.h"

#include <inttypes.h>
#include <string.h>

#include "adapter/clock.h"
#include "base/text.h"

/* In bytes, which are never fewer than what Slack counts, and after escaping. */
enum {
    HEADER_BYTES = 140, /* Slack: 150 */
    NAME_BYTES = 120,   /* a step, a database, a version */
    TITLE_BYTES = 1200, /* with the source below it: one section, 3000 */
    SOURCE_BYTES = 1500,
    HINT_BYTES = 1000,
    CHANGES_BYTES = 2500,
    WHERE_BYTES = 600,
    LINK_BYTES = 2000,
    FALLBACK_ERROR_BYTES = 1500, /* the whole fallback: 4000 */
};

enum { STEPS_SHOWN = 12 }; /* of more, the first half and the last half of these */

enum dress {
    DRESS_LINE,  /* one line; control characters become spaces */
    DRESS_CODE,  /* one line between backticks */
    DRESS_BLOCK, /* lines between three backticks */
};

static bool
is_missing(const char *string)
{
    return string == NULL || *string == '\0';
}

/*
 * What stands for the character at `c`, `length` bytes long. A backtick would
 * end the code it stands in, so its look-alike U+02CB does.
 */
static void
dress_character(const char *c, size_t length, enum dress dress, char out[static 8])
{
    const char *dressed = NULL;
    bool is_kept = dress == DRESS_BLOCK && (*c == '\n' || *c == '\t');

    if (length == 0)
        dressed = "?";
    else if (*c == '&')
        dressed = "&amp;";
    else if (*c == '<')
        dressed = "&lt;";
    else if (*c == '>')
        dressed = "&gt;";
    else if (*c == '`' && dress != DRESS_LINE)
        dressed = "\u02CB";
    else if (utf8_is_acting(c, length) && !is_kept)
        dressed = " ";

    if (dressed == NULL)
        dressed = c;
    else
        length = strlen(dressed);
    memcpy(out, dressed, length);
    out[length] = '\0';
}

/* The length of the first character of `string`; 0 where it is not UTF-8. */
static size_t
character_length(const char *string)
{
    size_t length = 1;

    while (((unsigned char)string[length] & 0xC0) == 0x80 && length < 4)
        length++;
    return utf8_valid(string, length) == length ? length : 0;
}

/*
 * Add `string`, escaped, in at most `room_bytes`: of a longer one what fits
 * between two characters, and "…".
 */
static void
add_escaped(struct text *text, const char *string, size_t room_bytes, enum dress dress)
{
    static const char ELLIPSIS[] = "…";
    size_t start = text->size_bytes;
    size_t cut_at = start;
    char dressed[8];

    for (const char *c = string; *c != '\0';) {
        size_t length = character_length(c);
        dress_character(c, length, dress, dressed);
        text_puts(text, dressed);
        if (text->size_bytes - start <= room_bytes - (sizeof(ELLIPSIS) - 1))
            cut_at = text->size_bytes;
        if (text->size_bytes - start > room_bytes) {
            text->size_bytes = cut_at;
            text_puts(text, ELLIPSIS);
            return;
        }
        c += length > 0 ? length : 1;
    }
}

static void
add_code(struct text *text, const char *string)
{
    text_puts(text, "`");
    add_escaped(text, string, NAME_BYTES, DRESS_CODE);
    text_puts(text, "`");
}

static void
add_duration(struct text *text, int64_t ms)
{
    int64_t seconds = ms / 1000;

    if (ms < 1000)
        text_printf(text, "%" PRId64 " ms", ms);
    else if (seconds < 60)
        text_printf(text, "%" PRId64 ".%" PRId64 " s", seconds, ms % 1000 / 100);
    else if (seconds < 3600)
        text_printf(text, "%" PRId64 " min %" PRId64 " s", seconds / 60, seconds % 60);
    else
        text_printf(text, "%" PRId64 " h %" PRId64 " min", seconds / 3600, seconds / 60 % 60);
}

static const char *
database_of(const struct slack_report *report)
{
    return is_missing(report->database) ? "the database" : report->database;
}

static const char *
outcome_of(const struct slack_report *report)
{
    if (!report->has_succeeded)
        return "Migration failed: ";
    return report->steps_count > 0 ? "Migrated " : "Nothing to migrate: ";
}

static bool
has_other_wanted(const struct slack_report *report)
{
    return !is_missing(report->wanted) &&
           (report->to == NULL || strcmp(report->wanted, report->to) != 0);
}

/* "2 of 3 migrations done", "1 migration done", "nothing was to do" */
static void
add_count(struct text *text, const struct slack_report *report)
{
    size_t done = report->steps_count;
    size_t planned = report->steps_planned;

    if (planned == 0 && done == 0)
        text_puts(text, report->has_succeeded ? "nothing was to do" : "none was begun");
    else if (done < planned)
        text_printf(text, "%zu of %zu migrations done", done, planned);
    else
        text_printf(text, "%zu migration%s done", done, done == 1 ? "" : "s");
}

static void
add_version(struct text *text, const char *version, bool is_code)
{
    if (is_missing(version))
        text_puts(text, "none");
    else if (is_code)
        add_code(text, version);
    else
        add_escaped(text, version, NAME_BYTES, DRESS_LINE);
}

static void
add_versions(struct text *text, const struct slack_report *report, bool is_code)
{
    const char *from = is_missing(report->from) ? "" : report->from;
    const char *to = is_missing(report->to) ? "" : report->to;

    add_version(text, from, is_code);
    if (strcmp(from, to) != 0) {
        text_puts(text, " → ");
        add_version(text, to, is_code);
    }
    if (has_other_wanted(report)) {
        text_puts(text, ", wanted ");
        add_version(text, report->wanted, is_code);
    }
}

static json_t *
new_text(const char *type, const struct text *text)
{
    json_t *object = json_object();

    json_put_string(object, "type", type);
    json_put_string(object, "text", text_string(text));
    if (strcmp(type, "mrkdwn") == 0)
        json_put_boolean(object, "verbatim", true); /* link and mention nothing by itself */
    return object;
}

static void
add_section(json_t *blocks, const struct text *text)
{
    json_t *block = json_object();

    json_put_string(block, "type", "section");
    json_object_set_new(block, "text", new_text("mrkdwn", text));
    json_array_append_new(blocks, block);
}

static void
add_header(json_t *blocks, const struct slack_report *report)
{
    AUTO_TEXT text = TEXT_INIT;
    json_t *block = json_object();

    text_puts(&text, report->has_succeeded ? "✅ " : "❌ ");
    text_puts(&text, outcome_of(report));
    add_escaped(&text, database_of(report), HEADER_BYTES - text.size_bytes, DRESS_LINE);
    json_put_string(block, "type", "header");
    json_object_set_new(block, "text", new_text("plain_text", &text));
    json_array_append_new(blocks, block);
}

static void
add_field(json_t *fields, const char *label, struct text *value)
{
    AUTO_TEXT text = TEXT_INIT;

    text_printf(&text, "*%s*\n%s", label, text_string(value));
    json_array_append_new(fields, new_text("mrkdwn", &text));
    text_clear(value);
}

static void
add_fields(json_t *blocks, const struct slack_report *report)
{
    AUTO_TEXT value = TEXT_INIT;
    json_t *block = json_object();
    json_t *fields = json_array();

    add_code(&value, database_of(report));
    if (!is_missing(report->host)) {
        text_puts(&value, " at ");
        add_code(&value, report->host);
    }
    add_field(fields, "Database", &value);
    add_versions(&value, report, true);
    add_field(fields, "Version", &value);
    add_count(&value, report);
    add_field(fields, "Migrations", &value);
    add_duration(&value, report->duration_ms);
    add_field(fields, "Took", &value);

    json_put_string(block, "type", "section");
    json_object_set_new(block, "fields", fields);
    json_array_append_new(blocks, block);
}

static void
add_steps(json_t *blocks, const struct slack_report *report)
{
    AUTO_TEXT text = TEXT_INIT;
    size_t hidden = report->steps_count > STEPS_SHOWN ? report->steps_count - STEPS_SHOWN : 0;

    if (report->steps_count == 0)
        return;
    for (size_t i = 0; i < report->steps_count; i++) {
        if (hidden > 0 && i == STEPS_SHOWN / 2) {
            text_printf(&text, "• … %zu more …\n", hidden);
            i += hidden;
        }
        text_puts(&text, "• ");
        add_code(&text, report->steps[i].name);
        text_puts(&text, " ");
        add_duration(&text, report->steps[i].duration_ms);
        if (i + 1 < report->steps_count)
            text_puts(&text, "\n");
    }
    add_section(blocks, &text);
}

static void
add_changes(json_t *blocks, const struct slack_report *report)
{
    AUTO_TEXT text = TEXT_INIT;

    if (is_missing(report->changes))
        return;
    text_puts(&text, "*Schema*\n```\n");
    add_escaped(&text, report->changes, CHANGES_BYTES, DRESS_BLOCK);
    text_puts(&text, "\n```");
    add_section(blocks, &text);
}

static void
add_error(json_t *blocks, const struct slack_report *report)
{
    AUTO_TEXT text = TEXT_INIT;

    if (!is_missing(report->error_title)) {
        text_puts(&text, "```\n");
        add_escaped(&text, report->error_title, TITLE_BYTES, DRESS_BLOCK);
        if (!is_missing(report->error_source)) {
            text_puts(&text, "\n\n");
            add_escaped(&text, report->error_source, SOURCE_BYTES, DRESS_BLOCK);
        }
        text_puts(&text, "\n```");
        add_section(blocks, &text);
    }
    if (!is_missing(report->error_detail)) {
        text_clear(&text);
        add_escaped(&text, report->error_detail, HINT_BYTES, DRESS_LINE);
        add_section(blocks, &text);
    }
    if (!is_missing(report->error_hint)) {
        text_clear(&text);
        text_puts(&text, "*Hint:* ");
        add_escaped(&text, report->error_hint, HINT_BYTES, DRESS_LINE);
        add_section(blocks, &text);
    }
}

/* A web address without anything that could end the link early. */
static bool
is_linkable(const char *url)
{
    return !is_missing(url) &&
           (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0) &&
           strpbrk(url, "<>|") == NULL && utf8_valid(url, strlen(url)) == strlen(url);
}

/* The link to the log; nothing where it does not fit, since a part of it leads nowhere. */
static void
add_link(json_t *elements, const char *url)
{
    AUTO_TEXT escaped = TEXT_INIT;
    AUTO_TEXT text = TEXT_INIT;

    if (!is_linkable(url))
        return;
    add_escaped(&escaped, url, SIZE_MAX, DRESS_LINE);
    if (escaped.size_bytes > LINK_BYTES || strchr(text_string(&escaped), ' ') != NULL)
        return; /* a space, or what became one */
    text_printf(&text, "<%s|Log>", text_string(&escaped));
    json_array_append_new(elements, new_text("mrkdwn", &text));
}

static void
add_context_element(json_t *elements, struct text *text)
{
    json_array_append_new(elements, new_text("mrkdwn", text));
    text_clear(text);
}

static void
add_context(json_t *blocks, const struct slack_report *report)
{
    AUTO_TEXT text = TEXT_INIT;
    json_t *block = json_object();
    json_t *elements = json_array();
    char utc[CLOCK_UTC_BYTES];

    if (!is_missing(report->where)) {
        add_escaped(&text, report->where, WHERE_BYTES, DRESS_LINE);
        add_context_element(elements, &text);
    }
    clock_format_utc(report->finished_unix_ms, utc);
    text_printf(&text, "<!date^%" PRId64 "^{date_short_pretty} {time}|%s>",
        report->finished_unix_ms / 1000, utc);
    add_context_element(elements, &text);
    add_link(elements, report->log_url);
    json_put_string(block, "type", "context");
    json_object_set_new(block, "elements", elements);
    json_array_append_new(blocks, block);
}

/* What a notification and a screen reader say, in one line. */
static void
add_fallback(json_t *message, const struct slack_report *report)
{
    AUTO_TEXT text = TEXT_INIT;

    text_puts(&text, outcome_of(report));
    add_escaped(&text, database_of(report), NAME_BYTES, DRESS_LINE);
    if (!is_missing(report->host)) {
        text_puts(&text, " at ");
        add_escaped(&text, report->host, NAME_BYTES, DRESS_LINE);
    }
    text_puts(&text, ", version ");
    add_versions(&text, report, false);
    text_puts(&text, "; ");
    add_count(&text, report);
    text_puts(&text, " in ");
    add_duration(&text, report->duration_ms);
    if (!is_missing(report->error_title)) {
        text_puts(&text, ": ");
        add_escaped(&text, report->error_title, FALLBACK_ERROR_BYTES, DRESS_LINE);
    }
    json_put_string(message, "text", text_string(&text));
}

json_t *
slack_message(const struct slack_report *report)
{
    json_t *message = json_object();
    json_t *blocks = json_array();

    add_fallback(message, report);
    add_header(blocks, report);
    add_fields(blocks, report);
    add_steps(blocks, report);
    add_error(blocks, report);
    add_changes(blocks, report);
    add_context(blocks, report);
    json_object_set_new(message, "blocks", blocks);
    return message;
}
