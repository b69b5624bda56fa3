/* SPDX-License-Identifier: Apache-2.0 */
#include "command/narrator.h"

#include "adapter/clock.h"
#include "engine/wording.h"

void
narrator_init(struct narrator *narrator, const struct log *log)
{
    narrator->log = log;
    narrator->identity = NULL;
    report_init(&narrator->report, clock_monotonic_ms());
}

void
narrator_done(struct narrator *narrator)
{
    report_done(&narrator->report);
}

static void
show(const struct narrator *narrator, const struct event *event)
{
    AUTO_TEXT message = TEXT_INIT;

    wording_message(event, &message);
    log_show(narrator->log, text_string(&message));
}

static void
hear(void *context, const struct event *event)
{
    struct narrator *narrator = context;
    enum log_severity severity = wording_severity(event);

    if (event->is_passing) {
        show(narrator, event);
        return;
    }
    report_hear(&narrator->report, event);
    if (severity == LOG_DEBUG && !narrator->log->is_json && !narrator->log->is_verbose)
        return;

    AUTO_TEXT message = TEXT_INIT;
    AUTO_JSON json_t *fields = narrator->log->is_json ? wording_fields(event) : NULL;
    wording_message(event, &message);
    log_write(narrator->log, severity, wording_name(event->kind), text_string(&message), fields);
}

struct listener
narrator_listener(struct narrator *narrator)
{
    return (struct listener){.hear = hear,
        .context = narrator,
        .is_live = narrator->log->live != NULL && narrator->log->live->is_usable};
}

void
narrate_error(const struct log *log, const struct error *err)
{
    AUTO_TEXT message = TEXT_INIT;
    AUTO_JSON json_t *fields = json_object();

    wording_error(err, &message);
    json_object_set_new(fields, "error", wording_error_fields(err));
    log_write(log, LOG_ERROR, "error", text_string(&message), fields);
}

json_t *
narrator_summary(const struct narrator *narrator)
{
    json_t *fields = wording_summary_fields(&narrator->report);
    const struct run_identity *identity = narrator->identity;

    if (identity == NULL)
        return fields;
    json_put_string(fields, "run_id", identity->run_id);
    json_object_set_new(fields, "runner", platform_describe(identity->platform));
    json_put_string(fields, "log_url", identity->platform->log_url);
    return fields;
}

void
narrator_finish(struct narrator *narrator, const struct error *err)
{
    AUTO_TEXT message = TEXT_INIT;

    report_finish(&narrator->report, err, clock_monotonic_ms());
    AUTO_JSON json_t *fields = narrator_summary(narrator);
    wording_summary(&narrator->report, &message);
    log_write(narrator->log, err == NULL ? LOG_INFO : LOG_ERROR, "run.finished",
        text_string(&message), fields);
}

void
narrate_failure(const struct log *log, bool is_run, const struct error *err)
{
    AUTO_NARRATOR narrator = {0};

    narrate_error(log, err);
    narrator_init(&narrator, log);
    if (is_run)
        narrator_finish(&narrator, err);
}
