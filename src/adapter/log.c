/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "adapter/clock.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"

enum {
    LINE_BYTES = 60 * 1024,
    MESSAGE_BYTES = 24 * 1024,
    INDENT = 19,
    WRITE_PATIENCE_MS = 5000,
};

static const struct {
    const char *json;
    const char *text;
} SEVERITIES[] = {
    [LOG_DEBUG] = {"DEBUG", "DEBUG"},
    [LOG_INFO] = {"INFO", "INFO "},
    [LOG_WARNING] = {"WARNING", "WARN "},
    [LOG_ERROR] = {"ERROR", "ERROR"},
};

/* Is there room before `until_ms`? As much as PIPE_BUF is then taken without waiting. */
static bool
wait_for_room(int descriptor, int64_t until_ms)
{
    struct pollfd room = {.fd = descriptor, .events = POLLOUT};
    int ready = 0;

    do
        ready = poll(&room, 1, (int)signals_left_ms(until_ms));
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* How much of it was taken: less than all when nobody reads, or the reader is gone. */
static size_t
write_some(int descriptor, const char *bytes, size_t size, int64_t patience_ms)
{
    size_t done = 0;

    while (done < size && wait_for_room(descriptor, clock_monotonic_ms() + patience_ms)) {
        size_t left = size - done;
        ssize_t written = write(descriptor, bytes + done, left < PIPE_BUF ? left : PIPE_BUF);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            break;
        if (written > 0)
            done += (size_t)written;
    }
    return done;
}

/*
 * Nobody waits for a reader for ever: after a while the line is given up, not the
 * migration, and then each at once until he reads again.
 */
static void
write_line(int descriptor, const char *bytes, size_t size)
{
    static bool is_stuck;
    static bool is_torn; /* the last line ends in its middle */
    int64_t patience_ms = is_stuck ? 0 : WRITE_PATIENCE_MS;

    if (is_torn && write_some(descriptor, "\n", 1, patience_ms) == 0)
        return;
    size_t done = write_some(descriptor, bytes, size, patience_ms);
    is_stuck = done < size;
    is_torn = is_stuck && done > 0;
}

static char *
cut(const char *message, size_t most_bytes)
{
    size_t size = strlen(message);

    if (size <= most_bytes)
        return memory_string(message);
    return memory_printf("%.*s …", (int)utf8_align(message, most_bytes), message);
}

static void
add_text_message(struct text *line, const char *message)
{
    for (const char *at = message; *at != '\0' && line->size_bytes < LINE_BYTES;) {
        size_t size = strcspn(at, "\n\t\r");
        text_add_shown(line, at, size);
        at += size;
        if (*at == '\n')
            text_printf(line, "\n%*s", INDENT, "");
        else if (*at == '\t')
            text_puts(line, " ");
        at += *at != '\0';
    }
}

static void
write_text(const struct log *log, enum log_severity severity, const char *message)
{
    AUTO_TEXT line = TEXT_INIT;
    AUTO_STRING char *shown = cut(message, MESSAGE_BYTES);
    char now[CLOCK_UTC_BYTES];

    clock_format_utc(clock_unix_ms(), now);
    text_puts(&line, terminal_line_end(log->live));
    text_printf(&line, "%.12s %s ", now + strlen("2023-04-01T"), SEVERITIES[severity].text);
    add_text_message(&line, shown);
    text_puts(&line, "\n");
    write_line(log->descriptor, line.data, line.size_bytes);
}

/* Cloud Logging groups a run's lines by it. */
static json_t *
new_operation(const char *id, const char *event)
{
    json_t *operation = json_object();

    json_put_string(operation, "id", id);
    json_put_string(operation, "producer", "pgstride");
    if (strcmp(event, "run.started") == 0)
        json_put_boolean(operation, "first", true);
    if (strcmp(event, "run.finished") == 0)
        json_put_boolean(operation, "last", true);
    return operation;
}

static char *
dump_json(const struct log *log,
    enum log_severity severity,
    const char *event,
    const char *message,
    const json_t *fields)
{
    AUTO_JSON json_t *object = json_object();
    char now[CLOCK_UTC_BYTES];

    clock_format_utc(clock_unix_ms(), now);
    json_put_string(object, "time", now);
    json_put_string(object, "severity", SEVERITIES[severity].json);
    json_put_string(object, "event", event);
    json_put_string(object, "message", message);
    if (fields != NULL)
        json_object_update_missing(object, (json_t *)(uintptr_t)fields);
    if (log->operation_id != NULL)
        json_object_set_new(
            object, "logging.googleapis.com/operation", new_operation(log->operation_id, event));
    if (log->labels != NULL)
        json_object_set_new(object, "logging.googleapis.com/labels", json_deep_copy(log->labels));
    AUTO_JSON json_t *hidden = json_hide_secrets(object);
    return json_to_string(hidden);
}

/* An escape is up to six bytes for one: cut shorter until the line fits. */
static void
write_json(const struct log *log,
    enum log_severity severity,
    const char *event,
    const char *message,
    const json_t *fields)
{
    static const size_t MOST_BYTES[] = {MESSAGE_BYTES, MESSAGE_BYTES / 6, 1024};
    AUTO_STRING char *line = NULL;

    for (size_t i = 0; i <= ARRAY_LENGTH(MOST_BYTES); i++) {
        bool is_last = i == ARRAY_LENGTH(MOST_BYTES);
        AUTO_STRING char *shown = cut(message, MOST_BYTES[is_last ? i - 1 : i]);
        memory_free_string(&line);
        line = dump_json(log, severity, event, shown, is_last ? NULL : fields);
        if (strlen(line) < LINE_BYTES)
            break;
    }
    AUTO_STRING char *ended = memory_printf("%s\n", line);
    write_line(log->descriptor, ended, strlen(ended));
}

void
log_write(const struct log *log,
    enum log_severity severity,
    const char *event,
    const char *message,
    const json_t *fields)
{
    AUTO_TEXT hidden = TEXT_INIT;

    /* Before a cut or an escape could change a secret's look. */
    text_puts(&hidden, message);
    secret_hide(&hidden);
    if (log->is_json)
        write_json(log, severity, event, text_string(&hidden), fields);
    else if (severity != LOG_DEBUG || log->is_verbose)
        write_text(log, severity, text_string(&hidden));
}

void
log_show(const struct log *log, const char *message)
{
    if (log->live != NULL)
        terminal_line_show(log->live, message);
}
