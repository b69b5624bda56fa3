/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slack: a run's outcome as one message, posted to an incoming webhook.
 *
 * Block Kit and its limits: https://docs.slack.dev/reference/block-kit
 * Escaping: https://docs.slack.dev/messaging/formatting-message-text
 * The webhook's answers: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
#ifndef ADAPTER_SLACK_H
#define ADAPTER_SLACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "adapter/json.h"
#include "base/error.h"

struct slack_step {
    const char *name;
    int64_t duration_ms;
};

/* Strings are borrowed; those that may be missing are NULL or "". */
struct slack_report {
    bool has_succeeded;
    const char *database;
    const char *host;               /* may be missing */
    const char *from;               /* version before; missing: none */
    const char *to;                 /* version after; missing: none */
    const char *wanted;             /* shown where it is not `to` */
    const struct slack_step *steps; /* those done, in order */
    size_t steps_count;
    size_t steps_planned;
    const char *changes; /* of the schema, in lines; may be missing */
    int64_t duration_ms;
    int64_t finished_unix_ms;
    const char *error_title;  /* file:line:column: message (SQLSTATE); missing: no error */
    const char *error_source; /* the line, and one with a caret below it; may be missing */
    const char *error_detail; /* who was in the way of it; may be missing */
    const char *error_hint;   /* may be missing */
    const char *where;        /* platform, job, execution, image; may be missing */
    const char *log_url;      /* may be missing */
};

/*
 * The message, within all of Slack's limits whatever the report holds: long
 * texts are cut between characters, of many steps the first and last are
 * shown. Nothing in the report can mention anyone, or end the
 * code it stands in.
 *
 * Pure. Result: a new object, the caller's.
 */
json_t *slack_message(const struct slack_report *report);

/*
 * Post the report to the webhook `url`. Three tries at most: again after 429
 * (when Retry-After says, if that is soon), 5xx and where no connection was
 * made; once more where an answer did not come, since the message may have
 * arrived; never after another answer. All of it, waits included, ends within
 * `budget_ms`. A signal's handler ends a wait early.
 *
 * Errors   the kinds of http_post_json; ERROR_SYSTEM for an answer that is
 *          not 2xx, with Slack's word for it and what to do. Never the URL.
 */
MUST_CHECK bool slack_post(
    const char *url, const struct slack_report *report, int64_t budget_ms, struct error *err);

#endif
