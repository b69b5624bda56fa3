/* SPDX-License-Identifier: Apache-2.0 */
#include "command/hook.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "adapter/clock.h"
#include "adapter/http.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/plan.h"
#include "engine/wording.h"

enum {
    STOPPED_BUDGET_MS = 3 * 1000, /* a platform kills 10 s after SIGTERM */
    CONNECT_MS = 5 * 1000,
    LEAST_MS = 500,      /* no further try is begun with less */
    FIRST_WAIT_MS = 250, /* before the second try, and up to twice that; then double */
    LONGEST_WAIT_MS = 4000,
};

/* One post, with its tries. */
struct call {
    const char *name; /* "before", "after" */
    const char *url;
    const char *token; /* NULL: without */
    const char *body;
    int64_t budget_ms;
    bool is_ended_by_signal;
};

static bool
refuse(const struct call *call, const struct http_answer *answer, struct error *err)
{
    AUTO_STRING char *quoted = http_quote(answer, call->url);
    bool is_redirect = answer->status >= 300 && answer->status <= 399;
    bool may_pass = answer->status >= 500;

    error_set(err, may_pass ? ERROR_TIMEOUT : ERROR_SYSTEM, "it answered %d%s%s%s", answer->status,
        *quoted != '\0' ? " " : "", quoted, is_redirect ? ": redirects are not followed" : "");
    return false;
}

/* `*may_pass`: another try can have another answer. */
static bool
try_once(const struct call *call, int64_t left_ms, bool *may_pass, struct error *err)
{
    AUTO_STRING char *header =
        call->token != NULL ? memory_printf("Authorization: Bearer %s", call->token) : NULL;
    const char *const headers[] = {header, NULL};
    const struct http_request request = {
        .url = call->url,
        .headers = headers,
        .is_ended_by_signal = call->is_ended_by_signal,
    };
    const struct http_limits limits = {
        .connect_ms = left_ms < CONNECT_MS ? left_ms : CONNECT_MS,
        .total_ms = left_ms,
    };
    struct http_answer answer = {.status = 0};

    *may_pass = false;
    if (!http_post(&request, call->body, &limits, &answer, err)) {
        *may_pass = err->kind == ERROR_CONNECTION;
        return false;
    }
    *may_pass = answer.status >= 500;
    return (answer.status >= 200 && answer.status <= 299) || refuse(call, &answer, err);
}

static bool
wait_a_moment(const struct call *call, int64_t ms, struct error *err)
{
    const struct timespec moment = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    if (call->is_ended_by_signal)
        return signals_sleep(ms, err);
    nanosleep(&moment, NULL);
    return true;
}

static bool
post(const struct call *call, struct error *err)
{
    int64_t deadline_ms = clock_monotonic_ms() + call->budget_ms;
    int64_t least_ms = FIRST_WAIT_MS;

    for (int tries = 1;; tries++) {
        struct error failure = ERROR_INIT;
        bool may_pass = false;
        if (try_once(call, signals_left_ms(deadline_ms), &may_pass, &failure))
            return true;

        int64_t wait_ms = least_ms + clock_jitter((uint32_t)least_ms);
        int64_t left_ms = signals_left_ms(deadline_ms);
        if (!may_pass || wait_ms + LEAST_MS > left_ms) {
            size_t size = strlen(failure.message);
            if (tries > 1)
                snprintf(
                    failure.message + size, sizeof(failure.message) - size, " (%d tries)", tries);
            *err = failure;
            return error_prefix(err, "the %s hook", call->name);
        }
        if (!wait_a_moment(call, wait_ms, err))
            return false;
        if (least_ms < LONGEST_WAIT_MS)
            least_ms *= 2;
    }
}

static void
put_version(json_t *object, const char *key, bool has_version, int64_t version)
{
    json_object_set_new(object, key, has_version ? json_integer(version) : json_null());
}

static char *
dump_without_secrets(const json_t *object)
{
    AUTO_JSON json_t *hidden = json_hide_secrets(object);

    return json_to_string(hidden);
}

static char *
dump_plan(const struct run_identity *identity, const struct event *started, const struct plan *plan)
{
    AUTO_JSON json_t *object = json_object();
    json_t *steps = json_array();

    for (size_t i = 0; i < plan->count; i++) {
        json_t *step = json_object();
        json_put_number(step, "version", plan->steps[i].migration->version);
        json_put_string(step, "name", plan->steps[i].migration->name);
        json_put_string(step, "direction", plan->steps[i].is_down ? "down" : "up");
        json_array_append_new(steps, step);
    }
    json_put_string(object, "event", "run.planned");
    json_put_string(object, "run_id", identity->run_id);
    json_put_string(object, "database", started->database);
    json_put_string(object, "host", started->host);
    json_put_string(object, "direction", plan->is_down ? "down" : "up");
    put_version(object, "from", started->has_from, started->from);
    put_version(object, "to", plan->has_wanted, plan->wanted);
    json_object_set_new(object, "steps", steps);
    json_object_set_new(object, "runner", platform_describe(identity->platform));
    json_put_string(object, "log_url", identity->platform->log_url);
    return dump_without_secrets(object);
}

static bool
permit(const void *context, const struct event *started, const struct plan *plan, struct error *err)
{
    const struct invocation *invocation = context;
    const struct config *config = invocation->config;

    if (config->before_url == NULL)
        return true;

    AUTO_STRING char *body = dump_plan(invocation->identity, started, plan);
    const struct call call = {
        .name = "before",
        .url = config->before_url,
        .token = config->hook_token,
        .body = body,
        .budget_ms = config->hook_timeout_ms,
        .is_ended_by_signal = true,
    };
    log_write(invocation->log, LOG_DEBUG, "detail", "asking the before hook", NULL);
    if (post(&call, err))
        return true;
    return err->hint[0] != '\0' ? false : error_hint(err, "Nothing was touched.");
}

struct gate
hook_gate(const struct invocation *invocation)
{
    return (struct gate){.permit = permit, .context = invocation};
}

static char *
dump_summary(const struct narrator *narrator)
{
    AUTO_JSON json_t *object = narrator_summary(narrator);
    AUTO_TEXT message = TEXT_INIT;

    wording_summary(&narrator->report, &message);
    json_put_string(object, "event", "run.finished");
    json_put_string(object, "message", text_string(&message));
    return dump_without_secrets(object);
}

/* A signal that comes in the middle leaves it the time that a signal before it would have. */
static bool
post_to_the_end(struct call *call, struct error *err)
{
    call->is_ended_by_signal = !signals_is_stop_requested();
    if (!call->is_ended_by_signal && call->budget_ms > STOPPED_BUDGET_MS)
        call->budget_ms = STOPPED_BUDGET_MS;
    if (post(call, err))
        return true;
    if (!call->is_ended_by_signal || err->kind != ERROR_STOPPED)
        return false;
    call->is_ended_by_signal = false;
    if (call->budget_ms > STOPPED_BUDGET_MS)
        call->budget_ms = STOPPED_BUDGET_MS;
    return post(call, err);
}

void
hook_after(const struct invocation *invocation, const struct narrator *narrator)
{
    const struct config *config = invocation->config;
    struct error err = ERROR_INIT;
    AUTO_TEXT text = TEXT_INIT;

    if (config->after_url == NULL)
        return;

    AUTO_STRING char *body = dump_summary(narrator);
    struct call call = {
        .name = "after",
        .url = config->after_url,
        .token = config->hook_token,
        .body = body,
        .budget_ms = config->hook_timeout_ms,
    };
    if (post_to_the_end(&call, &err))
        return;
    wording_error(&err, &text);
    log_write(invocation->log, LOG_WARNING, "warning", text_string(&text), NULL);
}
