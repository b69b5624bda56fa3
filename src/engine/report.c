/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "schema/changes.h"

void
report_init(struct report *report, int64_t now_ms)
{
    *report = (struct report){.begun_ms = now_ms};
}

void
report_done(struct report *report)
{
    for (size_t i = 0; i < report->count; i++)
        free(report->steps[i].name);
    free(report->steps);
    free(report->database);
    free(report->host);
    free(report->changes);
    *report = (struct report){0};
}

static void
hear_connected(struct report *report, const struct event *event)
{
    free(report->database);
    free(report->host);
    report->database = memory_string(event->database);
    report->host = memory_string(event->host);
    report->has_to = event->has_from;
    report->to = event->from;
    if (report->is_started)
        return;
    report->has_from = event->has_from;
    report->from = event->from;
}

static void
hear_start(struct report *report, const struct event *event)
{
    hear_connected(report, event);
    report->is_started = true;
    report->is_down = event->is_down;
    report->has_wanted = event->has_wanted;
    report->wanted = event->wanted;
    report->planned = event->planned;
}

/* It was applied before, and the server lost it, and what came behind it: in a crash, a failover.
 */
static void
hear_begun(struct report *report, const struct event *event)
{
    size_t kept = 0;

    while (kept < report->count && report->steps[kept].version != event->version)
        kept++;
    if (kept == report->count)
        return;
    for (size_t i = kept; i < report->count; i++)
        free(report->steps[i].name);
    report->count = kept;
    report->has_to = event->has_from;
    report->to = event->from;
}

static void
hear_applied(struct report *report, const struct event *event)
{
    struct report_step *step = ARRAY_ADD(report->steps, report->count, report->capacity);

    step->name = memory_string(event->migration);
    step->version = event->version;
    step->duration_ms = event->duration_ms;
    step->statements = event->statements;
    report->has_to = event->has_wanted;
    report->to = event->wanted;
}

static void
hear_changes(struct report *report, const struct event *event)
{
    AUTO_TEXT text = TEXT_INIT;

    changes_say(event->changes, "\n", &text);
    free(report->changes);
    report->changes = text.size_bytes > 0 ? text_take(&text) : NULL;
}

void
report_hear(struct report *report, const struct event *event)
{
    if (event->kind == EVENT_RUN_STARTED)
        hear_start(report, event);
    else if (event->kind == EVENT_DATABASE_CONNECTED || event->kind == EVENT_VERSION_REACHED)
        hear_connected(report, event);
    else if (event->kind == EVENT_MIGRATION_STARTED)
        hear_begun(report, event);
    else if (event->kind == EVENT_MIGRATION_APPLIED)
        hear_applied(report, event);
    else if (event->kind == EVENT_SCHEMA_CHANGED)
        hear_changes(report, event);
    else if (event->kind == EVENT_MIGRATION_FAILED)
        report->is_told = true;
}

void
report_finish(struct report *report, const struct error *err, int64_t now_ms)
{
    report->duration_ms = now_ms - report->begun_ms;
    report->has_failed = err != NULL;
    if (err != NULL)
        report->error = *err;
}

bool
report_is_retryable(const struct error *err)
{
    static const char *const CODES[] = {"08", "40", "53", "55P03", "55006", "57"};

    switch (err->kind) {
    case ERROR_CONNECTION:
    case ERROR_TIMEOUT:
    case ERROR_STOPPED:
    case ERROR_MOVED:
        return true;
    case ERROR_DATABASE:
        for (size_t i = 0; i < ARRAY_LENGTH(CODES); i++) {
            if (strncmp(err->sqlstate, CODES[i], strlen(CODES[i])) == 0)
                return true;
        }
        return false;
    case ERROR_NONE:
    case ERROR_USAGE:
    case ERROR_INPUT:
    case ERROR_PLAN:
    case ERROR_REFUSED:
    case ERROR_SYSTEM:
        break;
    }
    return false;
}
