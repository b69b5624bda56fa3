/* SPDX-License-Identifier: Apache-2.0 */
/* plan [up [N] | down N | goto V]: what a run would do, statement by statement. */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "command/answer.h"
#include "command/command.h"
#include "command/goal.h"
#include "command/listing.h"
#include "command/narrator.h"
#include "engine/preview.h"

static json_t *
describe_step(const struct preview *preview, size_t index)
{
    const struct preview_step *read = &preview->steps[index];
    json_t *object = listing_step(preview, index);
    json_t *statements = json_array();

    for (size_t i = preview->plan->steps[index].statements_done; i < read->script.count; i++)
        json_array_append_new(statements, listing_statement(read, i));
    json_object_set_new(object, "statements", statements);
    return object;
}

static void
print_json(const struct preview *preview)
{
    AUTO_JSON json_t *answer = json_object();
    json_t *steps = json_array();

    for (size_t i = 0; i < preview->plan->count; i++)
        json_array_append_new(steps, describe_step(preview, i));
    listing_put_target(preview, answer);
    json_object_set_new(answer, "steps", steps);
    answer_print_json(answer);
}

static void
print_step(const struct preview *preview, size_t index)
{
    const struct preview_step *read = &preview->steps[index];

    listing_print_step(preview, index);
    for (size_t i = preview->plan->steps[index].statements_done; i < read->script.count; i++)
        listing_print_statement(read, i);
}

static void
print_text(const struct preview *preview)
{
    const struct history *history = preview->history;
    const struct plan *plan = preview->plan;
    char version[24] = "none";

    for (size_t i = 0; i < plan->count; i++)
        print_step(preview, i);
    if (history->has_version && history->version >= 0)
        snprintf(version, sizeof(version), "%" PRId64, history->version);
    printf("%s at %s: ", preview->database, preview->host);
    if (plan->count == 0) {
        printf("version %s, nothing to do\n", version);
        return;
    }
    printf("%zu to %s, %s -> ", plan->count, plan->is_down ? "revert" : "apply", version);
    if (plan->has_wanted)
        printf("%" PRId64 "\n", plan->wanted);
    else
        puts("none");
}

bool
command_plan(const struct invocation *invocation, struct error *err)
{
    AUTO_NARRATOR narrator = {0};
    AUTO_PREVIEW preview = {0};
    struct goal goal = {.kind = PLAN_UP};

    if (invocation->config->observe != NULL)
        return command_rehearse(invocation, err);
    if (invocation->config->fail_on != FAIL_ON_NEVER) {
        error_set(err, ERROR_USAGE, "--fail-on of plan needs --observe URL");
        return error_hint(err, "Or: pgstride rehearse, which makes a scratch database.");
    }
    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    if (!goal_read_arguments(invocation, "plan", &goal, err))
        return false;
    if (!preview_load(invocation->config, &goal, &listener, &preview, err))
        return false;
    listing_warn(&preview, &listener);
    if (invocation->config->format == ANSWER_JSON)
        print_json(&preview);
    else
        print_text(&preview);
    return true;
}
