/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/wording.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "schema/changes.h"

const char *
wording_name(enum event_kind kind)
{
    static const char *const NAMES[] = {
        [EVENT_RUN_STARTED] = "run.started",
        [EVENT_DATABASE_WAITING] = "database.waiting",
        [EVENT_DATABASE_CONNECTED] = "database.connected",
        [EVENT_LOCK_WAITING] = "lock.waiting",
        [EVENT_MIGRATION_STARTED] = "migration.started",
        [EVENT_STATEMENT_RUNNING] = "statement.running",
        [EVENT_MIGRATION_BLOCKED] = "migration.blocked",
        [EVENT_MIGRATION_RETRIED] = "migration.retried",
        [EVENT_MIGRATION_APPLIED] = "migration.applied",
        [EVENT_MIGRATION_FAILED] = "migration.failed",
        [EVENT_VERSION_SET] = "version.set",
        [EVENT_VERSION_WAITING] = "version.waiting",
        [EVENT_VERSION_REACHED] = "version.reached",
        [EVENT_SCHEMA_DROPPED] = "schema.dropped",
        [EVENT_SCHEMA_CHANGED] = "schema.changed",
        [EVENT_NOTICE] = "notice",
        [EVENT_WARNING] = "warning",
        [EVENT_DETAIL] = "detail",
        [EVENT_RUN_FINISHED] = "run.finished",
    };

    return NAMES[kind];
}

enum log_severity
wording_severity(const struct event *event)
{
    switch (event->kind) {
    case EVENT_RUN_STARTED:
    case EVENT_VERSION_SET:
    case EVENT_VERSION_WAITING:
    case EVENT_VERSION_REACHED:
    case EVENT_SCHEMA_DROPPED:
    case EVENT_MIGRATION_APPLIED:
    case EVENT_RUN_FINISHED:
        return LOG_INFO;
    case EVENT_DATABASE_CONNECTED:
    case EVENT_MIGRATION_STARTED:
    case EVENT_DETAIL:
        return LOG_DEBUG;
    case EVENT_DATABASE_WAITING:
    case EVENT_LOCK_WAITING:
    case EVENT_MIGRATION_BLOCKED:
    case EVENT_MIGRATION_RETRIED:
    case EVENT_WARNING:
        return LOG_WARNING;
    case EVENT_MIGRATION_FAILED:
        return LOG_ERROR;
    case EVENT_STATEMENT_RUNNING:
        return event->waiting > 0 ? LOG_WARNING : LOG_INFO;
    case EVENT_SCHEMA_CHANGED:
        return event->error != NULL || event->changes->count > 0 ? LOG_INFO : LOG_DEBUG;
    case EVENT_NOTICE:
        return strcmp(event->severity, "WARNING") == 0 ? LOG_WARNING : LOG_INFO;
    }
    return LOG_INFO;
}

void
wording_duration(int64_t duration_ms, struct text *text)
{
    if (duration_ms < 1000)
        text_printf(text, "%" PRId64 " ms", duration_ms);
    else if (duration_ms < 60 * 1000)
        text_printf(text, "%" PRId64 ".%" PRId64 " s", duration_ms / 1000, duration_ms / 100 % 10);
    else
        text_printf(
            text, "%" PRId64 " min %" PRId64 " s", duration_ms / 60000, duration_ms / 1000 % 60);
}

static void
add_version(struct text *text, bool has_version, int64_t version)
{
    if (has_version)
        text_printf(text, "%" PRId64, version);
    else
        text_puts(text, "none");
}

static void
say_started_down(const struct event *event, struct text *message)
{
    text_printf(message, "reverting %zu of %zu applied migration%s on %s at %s: ", event->planned,
        event->pending, event->pending == 1 ? "" : "s", event->database, event->host);
    add_version(message, event->has_from, event->from);
    text_puts(message, " -> ");
    add_version(message, event->has_wanted, event->wanted);
}

static void
say_started(const struct event *event, struct text *message)
{
    if (event->is_down && event->planned > 0) {
        say_started_down(event, message);
        return;
    }
    if (event->is_down) {
        text_printf(message, "nothing to revert on %s at %s; current version is ", event->database,
            event->host);
        add_version(message, event->has_from, event->from);
        return;
    }
    if (event->pending == 0) {
        text_printf(message, "none of %zu migration%s pending on %s at %s; current version is ",
            event->total, event->total == 1 ? "" : "s", event->database, event->host);
        add_version(message, event->has_from, event->from);
        return;
    }
    text_printf(message, "%zu of %zu migration%s pending on %s at %s: ", event->pending,
        event->total, event->total == 1 ? "" : "s", event->database, event->host);
    add_version(message, event->has_from, event->from);
    text_puts(message, " -> ");
    add_version(message, event->has_wanted, event->wanted);
}

static void
say_applied(const struct event *event, struct text *message)
{
    text_printf(message, "%s %s in ", event->migration, event->is_down ? "reverted" : "applied");
    wording_duration(event->duration_ms, message);
    text_printf(message, " (%zu statement%s); current version is ", event->statements,
        event->statements == 1 ? "" : "s");
    add_version(message, event->has_wanted, event->wanted);
}

static void
add_place(const struct event *event, struct text *message)
{
    text_puts(message, event->migration);
    if (event->line > 0)
        text_printf(message, ", line %zu,", event->line);
}

static void
add_waiting(const struct event *event, struct text *message)
{
    if (event->waiting > 0)
        text_printf(message, "; %zu session%s wait%s behind us", event->waiting,
            event->waiting == 1 ? "" : "s", event->waiting == 1 ? "s" : "");
}

static void
say_running(const struct event *event, struct text *message)
{
    add_place(event, message);
    text_puts(message, " runs for ");
    wording_duration(event->duration_ms, message);
    if (event->text != NULL)
        text_printf(message, ": %s", event->text);
    if (event->has_percent)
        text_printf(message, ", %" PRId64 " %%", event->percent);
    add_waiting(event, message);
}

static void
say_blocked(const struct event *event, struct text *message)
{
    add_place(event, message);
    text_puts(message, event->is_aside ? " stands aside, after " : " waits for ");
    wording_duration(event->duration_ms, message);
    text_printf(message, event->is_aside ? ", until it can have %s" : " for %s", event->text);
    add_waiting(event, message);
}

static void
say_retried(const struct event *event, struct text *message)
{
    const struct error *err = event->error;
    const char *why = err->message;

    if (error_is_sqlstate(err, "55P03"))
        why = err->file[0] != '\0' ? "no lock in time" : "no lock on pgstride's own tables in time";
    else if (error_is_sqlstate(err, "40P01"))
        why = "a deadlock";
    text_printf(message, "%s: %s", event->migration, why);
    if (err->line > 0)
        text_printf(message, " at line %zu", err->line);
    text_printf(message, " (%s), rolled back so that the application goes on; try %zu ",
        err->sqlstate, event->attempt);
    if (event->is_aside) {
        text_puts(message, "when the way is free");
    } else {
        text_puts(message, "in ");
        wording_duration(event->duration_ms, message);
    }
    text_puts(message, " (");
    wording_duration(event->left_ms, message);
    text_puts(message, " left)");
}

static void
say_failed(const struct event *event, struct text *message)
{
    if (event->error->file[0] == '\0' && event->error->kind != ERROR_INPUT)
        text_printf(message, "%s: ", event->migration);
    wording_error(event->error, message);
    if (event->text != NULL) {
        text_printf(message, "\n%s", event->text);
        return;
    }
    if (event->is_unknown) {
        text_puts(message, "\nIts transaction either committed whole or left nothing; the next run "
                           "finds out which.");
        return;
    }
    text_printf(message, "\nNothing of this %s was kept: the database is at ",
        event->is_atomic ? "run" : "migration");
    if (event->has_from)
        add_version(message, true, event->from);
    else
        text_puts(message, "no version");
    text_puts(message, ", clean.");
    if (event->error->kind == ERROR_DATABASE && !report_is_retryable(event->error))
        text_puts(message, " Mend the file and run again.");
}

static void
say_notice(const struct event *event, struct text *message)
{
    enum { SHOWN_BYTES = 8 * 1024 };

    if (event->migration != NULL)
        text_printf(message, "%s: ", event->migration);
    text_printf(message, "%s: %.*s", event->severity, SHOWN_BYTES, event->text);
    if (event->detail != NULL)
        text_printf(message, "\ndetail: %.*s", SHOWN_BYTES / 4, event->detail);
    if (event->hint != NULL)
        text_printf(message, "\nhint: %.*s", SHOWN_BYTES / 4, event->hint);
    if (event->context != NULL)
        text_printf(message, "\ncontext: %.*s", SHOWN_BYTES / 4, event->context);
}

static void
say_changed(const struct event *event, struct text *message)
{
    if (event->error != NULL) {
        text_printf(message, "schema changes are not known: %s", event->error->message);
    } else if (event->changes->count == 0) {
        text_puts(message, "schema not changed");
    } else {
        text_puts(message, "schema changed; ");
        changes_say(event->changes, "; ", message);
    }
}

void
wording_message(const struct event *event, struct text *message)
{
    switch (event->kind) {
    case EVENT_RUN_STARTED:
        say_started(event, message);
        break;
    case EVENT_DATABASE_WAITING:
        text_puts(message, "waiting for the database, up to ");
        wording_duration(event->left_ms, message);
        text_printf(message, " more: %s", event->error->message);
        break;
    case EVENT_DATABASE_CONNECTED:
        text_printf(
            message, "connected to %s at %s; current version is ", event->database, event->host);
        add_version(message, event->has_from, event->from);
        break;
    case EVENT_LOCK_WAITING:
        text_printf(message, "waiting for the migration lock, held by %s; up to ", event->text);
        wording_duration(event->left_ms, message);
        text_puts(message, " more");
        break;
    case EVENT_MIGRATION_STARTED:
        text_printf(message, "%s started (%zu statement%s)", event->migration, event->statements,
            event->statements == 1 ? "" : "s");
        break;
    case EVENT_STATEMENT_RUNNING:
        say_running(event, message);
        break;
    case EVENT_MIGRATION_BLOCKED:
        say_blocked(event, message);
        break;
    case EVENT_MIGRATION_RETRIED:
        say_retried(event, message);
        break;
    case EVENT_MIGRATION_APPLIED:
        say_applied(event, message);
        break;
    case EVENT_MIGRATION_FAILED:
        say_failed(event, message);
        break;
    case EVENT_NOTICE:
        say_notice(event, message);
        break;
    case EVENT_VERSION_WAITING:
        text_printf(message, "waiting for version %" PRId64 ", now ", event->wanted);
        add_version(message, event->has_from, event->from);
        text_puts(message, event->is_dirty ? " (dirty); up to " : "; up to ");
        wording_duration(event->left_ms, message);
        text_puts(message, " more");
        break;
    case EVENT_VERSION_REACHED:
        text_printf(message, "%s at %s is at version ", event->database, event->host);
        add_version(message, event->has_from, event->from);
        break;
    case EVENT_VERSION_SET:
        text_printf(message, "version set on %s at %s, without running anything: ", event->database,
            event->host);
        add_version(message, event->has_from, event->from);
        text_puts(message, " -> ");
        add_version(message, event->has_wanted, event->wanted);
        break;
    case EVENT_SCHEMA_CHANGED:
        say_changed(event, message);
        break;
    case EVENT_SCHEMA_DROPPED:
    case EVENT_WARNING:
    case EVENT_DETAIL:
    case EVENT_RUN_FINISHED:
        text_puts(message, event->text);
        break;
    }
}

static void
put_version(json_t *fields, const char *key, bool has_version, int64_t version)
{
    json_object_set_new(fields, key, has_version ? json_integer(version) : json_null());
}

json_t *
wording_fields(const struct event *event)
{
    json_t *fields = json_object();

    json_put_string(fields, "migration", event->migration);
    if (event->migration != NULL && event->kind != EVENT_NOTICE) {
        json_put_number(fields, "version", event->version);
        if (event->is_down)
            json_put_string(fields, "direction", "down");
        if (event->statements > 0)
            json_put_number(fields, "statements", (int64_t)event->statements);
    }
    if (event->kind == EVENT_MIGRATION_APPLIED) {
        json_put_number(fields, "duration_ms", event->duration_ms);
        put_version(fields, "current_version", event->has_wanted, event->wanted);
    }
    if (event->kind == EVENT_STATEMENT_RUNNING || event->kind == EVENT_MIGRATION_BLOCKED) {
        if (event->line > 0)
            json_put_number(fields, "line", (int64_t)event->line);
        json_put_number(fields, "duration_ms", event->duration_ms);
        if (event->kind == EVENT_STATEMENT_RUNNING)
            json_put_string(fields, "phase", event->text);
        json_put_string(fields, "lock", event->lock);
        if (event->blockers != NULL)
            json_object_set_new(fields, "blockers", json_deep_copy(event->blockers));
        json_put_number(fields, "waiting", (int64_t)event->waiting);
        if (event->has_percent)
            json_put_number(fields, "percent", event->percent);
    }
    if (event->kind == EVENT_MIGRATION_RETRIED) {
        if (!event->is_aside)
            json_put_number(fields, "wait_ms", event->duration_ms);
        json_put_number(fields, "try", (int64_t)event->attempt);
    }
    if (event->left_ms > 0)
        json_put_number(fields, "left_ms", event->left_ms);
    if (event->error != NULL)
        json_object_set_new(fields, "error", wording_error_fields(event->error));
    if (event->kind == EVENT_LOCK_WAITING)
        json_put_string(fields, "holder", event->text);
    if (event->kind == EVENT_RUN_STARTED || event->kind == EVENT_DATABASE_CONNECTED ||
        event->kind == EVENT_VERSION_SET || event->kind == EVENT_VERSION_REACHED) {
        json_put_string(fields, "database", event->database);
        json_put_string(fields, "host", event->host);
        if (event->kind == EVENT_RUN_STARTED)
            json_put_number(fields, event->is_down ? "planned" : "pending",
                (int64_t)(event->is_down ? event->planned : event->pending));
        put_version(fields, "from", event->has_from, event->from);
        if (event->kind == EVENT_VERSION_SET)
            put_version(fields, "to", event->has_wanted, event->wanted);
        if (event->kind == EVENT_RUN_STARTED)
            put_version(fields, "wanted", event->has_wanted, event->wanted);
    }
    if (event->kind == EVENT_VERSION_WAITING) {
        put_version(fields, "from", event->has_from, event->from);
        put_version(fields, "wanted", event->has_wanted, event->wanted);
    }
    if (event->kind == EVENT_SCHEMA_CHANGED && event->error == NULL) {
        json_put_number(fields, "count", (int64_t)event->changes->count);
        json_object_set_new(fields, "changes", changes_list(event->changes));
    }
    if (event->kind == EVENT_NOTICE) {
        json_put_string(fields, "sqlstate", event->sqlstate);
        json_put_string(fields, "server_severity", event->severity);
    }
    return fields;
}

static void
add_way(const struct report *report, struct text *message)
{
    add_version(message, report->has_from, report->from);
    text_puts(message, " -> ");
    add_version(message, report->has_to, report->to);
}

void
wording_summary(const struct report *report, struct text *message)
{
    const char *done = report->is_down ? "reverted" : "applied";

    if (!report->has_failed && report->count == 0) {
        text_puts(message, "succeeded! nothing to do; current version is ");
        add_version(message, report->has_to, report->to);
    } else if (!report->has_failed) {
        text_printf(message, "succeeded! %zu migration%s %s in ", report->count,
            report->count == 1 ? "" : "s", done);
        wording_duration(report->duration_ms, message);
        text_puts(message, "; ");
        add_way(report, message);
    } else if (report->is_started && report->planned > 0) {
        text_printf(message, "failed: %zu of %zu %s in ", report->count, report->planned, done);
        wording_duration(report->duration_ms, message);
        text_puts(message, "; ");
        add_way(report, message);
        text_puts(message, " (wanted ");
        add_version(message, report->has_wanted, report->wanted);
        text_puts(message, ")");
    } else {
        text_printf(message, "failed: nothing was %s", done);
    }
    if (report->has_failed)
        text_puts(message,
            report_is_retryable(&report->error) ? "; a retry may help" : "; a retry will not help");
}

json_t *
wording_summary_fields(const struct report *report)
{
    json_t *fields = json_object();
    json_t *applied = json_array();

    for (size_t i = 0; i < report->count; i++) {
        enum { LISTED = 200 }; /* a line stays under 64 KiB */
        if (i >= LISTED)
            break;
        json_t *step = json_object();
        json_put_number(step, "version", report->steps[i].version);
        AUTO_STRING char *name = memory_printf("%.100s", report->steps[i].name);
        json_put_string(step, "name", name);
        json_put_number(step, "duration_ms", report->steps[i].duration_ms);
        json_array_append_new(applied, step);
    }
    json_put_boolean(fields, "success", !report->has_failed);
    json_put_string(fields, "database", report->database);
    json_put_string(fields, "host", report->host);
    put_version(fields, "from", report->has_from, report->from);
    put_version(fields, "to", report->has_to, report->to);
    put_version(fields, "wanted", report->has_wanted, report->wanted);
    json_put_number(
        fields, report->is_down ? "reverted_count" : "applied_count", (int64_t)report->count);
    json_object_set_new(fields, report->is_down ? "reverted" : "applied", applied);
    json_put_number(fields, "duration_ms", report->duration_ms);
    json_put_boolean(
        fields, "retryable", report->has_failed && report_is_retryable(&report->error));
    if (report->has_failed)
        json_object_set_new(fields, "error", wording_error_fields(&report->error));
    return fields;
}
