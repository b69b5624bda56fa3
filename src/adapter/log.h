/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log: one event a line, as text or as JSON with Cloud Logging's field names.
 *
 * A line is under 64 KiB; secrets are hidden in it; what it quotes cannot begin
 * a line of its own. A log that nobody reads, or that cannot be written, holds
 * nothing up for more than some seconds: lines are left out, and counted.
 */
#ifndef ADAPTER_LOG_H
#define ADAPTER_LOG_H

#include "adapter/json.h"
#include "adapter/terminal.h"

enum log_severity { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log {
    int descriptor;
    bool is_json;
    bool is_verbose;            /* text: DEBUG too */
    const json_t *labels;       /* of each JSON line, or NULL; borrowed, as the next */
    const char *operation_id;   /* Cloud Logging's, of each JSON line, or NULL */
    struct terminal_line *live; /* text: erased before each line; NULL: none */
};

/*
 * Write one event. `fields` (may be NULL) are members of a JSON line; a text
 * line shows `message` alone, its further lines indented.
 */
void log_write(const struct log *log,
    enum log_severity severity,
    const char *event,
    const char *message,
    const json_t *fields);

/*
 * What the log says last where a stop takes too long (signals_on_overrun). To call again
 * where what each line holds has changed.
 */
void log_prepare_overrun(const struct log *log);

/* Show what changes all the time, where there is a terminal: no line of the log. */
void log_show(const struct log *log, const char *message);

#endif
