/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/slack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "adapter/clock.h"
#include "adapter/http.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    TRIES_MAX = 3,
    UNANSWERED_MAX = 2, /* what was sent without an answer may have arrived */
    CONNECT_MS = 3000,
    TOTAL_MS = 5000,
    LEAST_MS = 500,         /* no further try is begun with less */
    WAIT_MS = 250,          /* before the second try, and up to twice that; then double */
    RETRY_AFTER_S = 1,      /* where a 429 does not say */
    RETRY_AFTER_MAX_S = 30, /* nobody waits longer for a message */
};

/* One try's outcome. */
struct attempt {
    bool is_delivered;
    bool is_unanswered;
    bool may_succeed_later;
    int64_t retry_after_ms; /* 0: Slack did not say */
    struct error err;
};

static const struct {
    const char *word;
    const char *advice;
} KNOWN_ANSWERS[] = {
    {"action_prohibited", "an administrator of the workspace forbids this post"},
    {"channel_is_archived", "the channel is archived; make a webhook for another one"},
    {"channel_not_found", "the channel was removed; make a webhook for another one"},
    {"invalid_blocks", "the message is malformed; please report this as a bug"},
    {"invalid_payload", "the message is malformed; please report this as a bug"},
    {"invalid_token", "the webhook's URL is wrong; copy it again"},
    {"no_active_hooks", "the webhook is disabled; make a new one"},
    {"no_service", "the webhook was removed; make a new one"},
    {"no_service_id", "the webhook's URL is wrong; copy it again"},
    {"no_team", "the workspace was removed, or the webhook's URL is wrong"},
    {"no_text", "the message is malformed; please report this as a bug"},
    {"posting_to_general_channel_denied", "only administrators may post to this channel"},
    {"team_disabled", "the workspace is disabled"},
    {"user_not_found", "the user was removed; make a webhook for a channel"},
};

static bool
is_retried_status(int status)
{
    return status == 429 || (status >= 500 && status <= 599);
}

static const char *
advice_for(int status, const char *quoted)
{
    for (size_t i = 0; i < ARRAY_LENGTH(KNOWN_ANSWERS); i++) {
        if (strcmp(quoted, KNOWN_ANSWERS[i].word) == 0)
            return KNOWN_ANSWERS[i].advice;
    }
    if (status >= 300 && status <= 399)
        return "redirects are not followed; copy the webhook's URL again";
    if (status == 429)
        return "too many messages";
    return is_retried_status(status) ? NULL : "check the webhook's URL";
}

static void
note_refusal(const struct http_answer *answer, const char *url, struct attempt *attempt)
{
    AUTO_STRING char *quoted = http_quote(answer, url);
    AUTO_TEXT text = TEXT_INIT;
    const char *advice = advice_for(answer->status, quoted);

    text_printf(&text, "Slack answered %d", answer->status);
    if (*quoted != '\0')
        text_printf(&text, " %s", quoted);
    if (advice != NULL)
        text_printf(&text, ": %s", advice);
    if (is_retried_status(answer->status) && answer->retry_after_s > 0)
        text_printf(&text, "; it asks to wait %" PRId64 " s", answer->retry_after_s);
    error_set(&attempt->err, ERROR_SYSTEM, "%s", text_string(&text));

    attempt->may_succeed_later = is_retried_status(answer->status);
    attempt->retry_after_ms = answer->retry_after_s * 1000;
    if (answer->status == 429 && answer->retry_after_s <= 0)
        attempt->retry_after_ms = RETRY_AFTER_S * 1000;
}

static void
try_once(const char *url, const char *body, int64_t left_ms, struct attempt *attempt)
{
    const struct http_limits limits = {
        .connect_ms = left_ms < CONNECT_MS ? left_ms : CONNECT_MS,
        .total_ms = left_ms < TOTAL_MS ? left_ms : TOTAL_MS,
    };
    struct http_answer answer = {.status = 0};

    *attempt = (struct attempt){.is_delivered = false};
    if (!http_post_json(url, body, &limits, &answer, &attempt->err)) {
        attempt->is_unanswered = attempt->err.kind == ERROR_TIMEOUT;
        attempt->may_succeed_later =
            attempt->is_unanswered || attempt->err.kind == ERROR_CONNECTION;
        return;
    }
    attempt->is_delivered = answer.status >= 200 && answer.status <= 299;
    if (!attempt->is_delivered)
        note_refusal(&answer, url, attempt);
}

static int64_t
wait_before_next(const struct attempt *attempt, int tries)
{
    int64_t least_ms = (int64_t)WAIT_MS << (tries - 1);

    if (attempt->retry_after_ms > 0)
        return attempt->retry_after_ms;
    return least_ms + clock_jitter((uint32_t)least_ms);
}

static void
sleep_ms(int64_t ms)
{
    const struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&wait, NULL);
}

static bool
give_up(const struct attempt *attempt, int tries, struct error *err)
{
    *err = attempt->err;
    if (tries > 1) {
        size_t size = strlen(err->message);
        snprintf(err->message + size, sizeof(err->message) - size, " (%d tries)", tries);
    }
    return false;
}

bool
slack_post(const char *url, const struct slack_report *report, int64_t budget_ms, struct error *err)
{
    AUTO_JSON json_t *message = slack_message(report);
    AUTO_STRING char *body = json_to_string(message);
    int64_t deadline_ms = clock_monotonic_ms() + budget_ms;
    struct attempt attempt;
    int unanswered = 0;

    for (int tries = 1;; tries++) {
        try_once(url, body, signals_left_ms(deadline_ms), &attempt);
        if (attempt.is_delivered)
            return true;
        unanswered += attempt.is_unanswered;

        int64_t wait_ms = wait_before_next(&attempt, tries);
        if (!attempt.may_succeed_later || tries == TRIES_MAX || unanswered == UNANSWERED_MAX ||
            wait_ms > (int64_t)RETRY_AFTER_MAX_S * 1000 ||
            wait_ms + LEAST_MS > signals_left_ms(deadline_ms))
            return give_up(&attempt, tries, err);
        sleep_ms(wait_ms);
    }
}
