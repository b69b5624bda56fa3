/* SPDX-License-Identifier: Apache-2.0 */
#include "command/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/clock.h"
#include "adapter/signals.h"
#include "adapter/slack.h"
#include "base/memory.h"
#include "base/secret.h"
#include "engine/wording.h"

enum {
    BUDGET_MS = 15 * 1000,
    STOPPED_BUDGET_MS = 3 * 1000, /* a platform kills 10 s after SIGTERM */
};

static bool
is_wanted(const struct config *config, const struct report *report)
{
    switch ((enum notify_choice)config->notify) {
    case NOTIFY_NEVER:
        return false;
    case NOTIFY_FAILURE:
        return report->has_failed;
    case NOTIFY_CHANGES:
        return report->has_failed || report->count > 0;
    case NOTIFY_ALWAYS:
        break;
    }
    return true;
}

static const char *
version_text(bool has_version, int64_t version, char text[24])
{
    snprintf(text, 24, "%" PRId64, version);
    return has_version ? text : NULL;
}

void
notify(const struct invocation *invocation, const struct report *report)
{
    const char *url = invocation->config->slack_webhook_url;
    struct error err = ERROR_INIT;
    AUTO_TEXT title = TEXT_INIT;
    AUTO_TEXT source = TEXT_INIT;
    AUTO_TEXT detail = TEXT_INIT;
    AUTO_STRING char *where = platform_sentence(invocation->platform);
    char versions[3][24];

    if (url == NULL || !is_wanted(invocation->config, report))
        return;
    struct slack_step *steps = memory_new((report->count + 1) * sizeof(*steps));
    for (size_t i = 0; i < report->count; i++)
        steps[i] = (struct slack_step){report->steps[i].name, report->steps[i].duration_ms};
    if (report->has_failed) {
        wording_error_title(&report->error, &title);
        wording_error_source(&report->error, &source);
        /* The server's own may hold a row's values. */
        if (error_is_sqlstate(&report->error, "55P03"))
            text_puts(&detail, report->error.detail);
        secret_hide(&title);
        secret_hide(&detail);
        secret_hide(&source);
    }

    struct slack_report message = {
        .has_succeeded = !report->has_failed,
        .database = report->database != NULL ? report->database : "the database",
        .host = report->host,
        .from = version_text(report->has_from, report->from, versions[0]),
        .to = version_text(report->has_to, report->to, versions[1]),
        .wanted = version_text(report->has_wanted, report->wanted, versions[2]),
        .steps = steps,
        .steps_count = report->count,
        .steps_planned = report->planned,
        .changes = report->changes,
        .duration_ms = report->duration_ms,
        .finished_unix_ms = clock_unix_ms(),
        .error_title = report->has_failed ? text_string(&title) : NULL,
        .error_source = source.size_bytes > 0 ? text_string(&source) : NULL,
        .error_detail = text_string(&detail),
        .error_hint = report->has_failed ? report->error.hint : NULL,
        .where = where,
        .log_url = invocation->platform->log_url,
    };
    int64_t budget_ms = signals_is_stop_requested() ? STOPPED_BUDGET_MS : BUDGET_MS;
    if (!slack_post(url, &message, budget_ms, &err)) {
        AUTO_TEXT text = TEXT_INIT;
        wording_error(&err, &text);
        log_write(invocation->log, LOG_WARNING, "warning", text_string(&text), NULL);
    }
    free(steps);
}
