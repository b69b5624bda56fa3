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

/* What became of the lines before. There is one log. */
static struct {
    bool is_stuck;  /* nobody reads: a line that does not fit at once is left out */
    bool is_cut;    /* the last line stopped in its middle */
    bool is_broken; /* stderr was told that it cannot be written */
    size_t lost;    /* lines */
} past;

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

/* Nobody reads a full pipe for ever: after a while the line is given up, not the migration. */
static bool
write_all(int descriptor, const char *bytes, size_t size)
{
    int64_t patience_ms = past.is_stuck ? 0 : WRITE_PATIENCE_MS;
    const char *at = bytes;

    while (at < bytes + size) {
        if (!wait_for_room(descriptor, clock_monotonic_ms() + patience_ms)) {
            past.is_stuck = true;
            break;
        }
        size_t left = (size_t)(bytes + size - at);
        ssize_t written = write(descriptor, at, left < PIPE_BUF ? left : PIPE_BUF);
        if (written < 0 && errno != EINTR && errno != EAGAIN)
            break;
        at += written > 0 ? written : 0;
    }
    past.is_cut |= at > bytes && at < bytes + size;
    return at == bytes + size;
}

/* Once, where it is seen: the run goes on without its log. */
static void
tell_broken(const struct log *log, int code)
{
    if (past.is_broken || past.is_stuck || log->descriptor == STDERR_FILENO)
        return;
    past.is_broken = true;
    AUTO_STRING char *line =
        memory_printf("pgstride: the log cannot be written: %s; the run goes on\n", strerror(code));
    struct pollfd wait = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&wait, 1, 0) == 1 && write(STDERR_FILENO, line, strlen(line)) < 0)
        return;
}

static char *dump_json(const struct log *log,
    enum log_severity severity,
    const char *event,
    const char *message,
    const json_t *fields);

/* That lines are missing, once there is room again. */
static bool
write_lost(const struct log *log)
{
    char now[CLOCK_UTC_BYTES];
    AUTO_STRING char *message =
        memory_printf("%zu line%s of the log could not be written: nobody read it", past.lost,
            past.lost == 1 ? "" : "s");

    clock_format_utc(clock_unix_ms(), now);
    AUTO_STRING char *json =
        log->is_json ? dump_json(log, LOG_WARNING, "warning", message, NULL) : NULL;
    AUTO_STRING char *line = log->is_json
                                 ? memory_printf("%s%s\n", past.is_cut ? "\n" : "", json)
                                 : memory_printf("%s%.12s WARN  %s\n", past.is_cut ? "\n" : "",
                                       now + strlen("2023-04-01T"), message);
    if (!write_all(log->descriptor, line, strlen(line)))
        return false;
    past.lost = 0;
    past.is_cut = false;
    past.is_stuck = false; /* a full pipe has room again because somebody reads */
    return true;
}

static void
write_line(const struct log *log, const char *line, size_t size)
{
    errno = 0;
    if ((past.lost == 0 || write_lost(log)) && write_all(log->descriptor, line, size)) {
        past.is_stuck = false;
        return;
    }
    past.lost++;
    tell_broken(log, errno);
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
        else if (*at == '\r' && at[1] != '\n')
            text_puts(line, "?"); /* left out, it could join the halves of a secret */
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
    write_line(log, line.data, line.size_bytes);
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
    write_line(log, ended, strlen(ended));
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

/* The line, from its time on; behind a cut one it needs a line break before. */
static struct {
    int descriptor;
    size_t size;
    size_t time_at;
    bool is_json;
    char line[1 + PIPE_BUF];
} overrun = {.line = "\n"};

/* In the handler of a signal. Where there is no room, nothing is said. */
static void
say_overrun(void)
{
    struct pollfd room = {.fd = overrun.descriptor, .events = POLLOUT};
    size_t from = past.is_cut ? 0 : 1;
    char now[CLOCK_UTC_BYTES];

    clock_format_utc(clock_unix_ms(), now);
    if (overrun.is_json)
        memcpy(overrun.line + overrun.time_at, now, CLOCK_UTC_BYTES - 1);
    else
        memcpy(overrun.line + overrun.time_at, now + strlen("2023-04-01T"), 12);
    if (poll(&room, 1, 0) == 1 &&
        write(overrun.descriptor, overrun.line + from, overrun.size - from) < 0)
        return;
}

void
log_prepare_overrun(const struct log *log)
{
    static const char MESSAGE[] =
        "ended 7 s after the signal to stop, since something hangs, perhaps the look-up of a "
        "host name; the next run finds out what was kept; a retry may help";
    AUTO_STRING char *json =
        log->is_json ? dump_json(log, LOG_ERROR, "error", MESSAGE, NULL) : NULL;
    AUTO_STRING char *line = log->is_json ? memory_printf("\n%s\n", json)
                                          : memory_printf("\n%12s ERROR %s\n", "", MESSAGE);
    const char *time = log->is_json ? strstr(line, "\"time\":\"") : NULL;

    signals_on_overrun(NULL);
    if (strlen(line) >= sizeof(overrun.line))
        return;
    memcpy(overrun.line, line, strlen(line) + 1);
    overrun.size = strlen(line);
    overrun.is_json = log->is_json;
    overrun.time_at = time != NULL ? (size_t)(time - line) + strlen("\"time\":\"") : 1;
    overrun.descriptor = log->descriptor;
    signals_on_overrun(say_overrun);
}

void
log_show(const struct log *log, const char *message)
{
    if (log->live != NULL)
        terminal_line_show(log->live, message);
}
