/* SPDX-License-Identifier: Apache-2.0 */
/* plan [up [N] | down N | goto V]: what a run would do, statement by statement. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"
#include "command/answer.h"
#include "command/command.h"
#include "command/goal.h"
#include "command/narrator.h"
#include "engine/preview.h"

enum { SHOWN_CHARACTERS = 100 };

static json_t *
describe_statement(const struct preview_step *step, size_t index)
{
    const struct statement *statement = &step->script.statements[index];
    AUTO_STRING char *sql = memory_copy(step->text + statement->offset, statement->size_bytes);
    json_t *object = json_object();

    json_put_number(object, "line", (int64_t)statement->line);
    json_put_string(object, "sql", sql);
    return object;
}

static json_t *
version_or_null(bool has_version, int64_t version)
{
    return has_version ? json_integer(version) : json_null();
}

static json_t *
describe_step(const struct preview *preview, size_t index)
{
    const struct step *step = &preview->plan->steps[index];
    const struct preview_step *read = &preview->steps[index];
    const char *why = preview_why_alone(preview, index);
    json_t *object = json_object();
    json_t *statements = json_array();

    for (size_t i = step->statements_done; i < read->script.count; i++)
        json_array_append_new(statements, describe_statement(read, i));
    json_put_number(object, "version", step->migration->version);
    json_put_string(object, "file", step_file(step)->name);
    json_put_string(object, "direction", step->is_down ? "down" : "up");
    json_object_set_new(object, "to", version_or_null(step->has_to, step->to));
    json_put_boolean(object, "transaction", why == NULL);
    json_put_string(object, "why", why);
    if (step->is_resumed)
        json_put_number(object, "statements_done", (int64_t)step->statements_done);
    json_object_set_new(object, "statements", statements);
    return object;
}

static void
print_json(const struct preview *preview)
{
    AUTO_JSON json_t *answer = json_object();
    const struct history *history = preview->history;
    json_t *steps = json_array();

    for (size_t i = 0; i < preview->plan->count; i++)
        json_array_append_new(steps, describe_step(preview, i));
    json_put_string(answer, "database", preview->database);
    json_put_string(answer, "host", preview->host);
    json_object_set_new(answer, "from",
        version_or_null(history->has_version && history->version >= 0, history->version));
    json_object_set_new(
        answer, "to", version_or_null(preview->plan->has_wanted, preview->plan->wanted));
    json_object_set_new(answer, "steps", steps);
    answer_print_json(answer);
}

/* The first line of a statement, for a terminal. */
static void
print_statement(const struct preview_step *step, size_t index)
{
    const struct statement *statement = &step->script.statements[index];
    const char *sql = step->text + statement->offset;
    size_t size = 0;

    while (size < statement->size_bytes && strchr("\r\n", sql[size]) == NULL)
        size++;
    AUTO_TEXT line = TEXT_INIT;
    text_add(&line, sql, size);
    secret_hide(&line); /* before a cut could leave the half of one */
    for (char *c = line.data; c != NULL && (c = strchr(c, '\t')) != NULL;)
        *c = ' ';
    size_t shown = utf8_offset(text_string(&line), line.size_bytes, SHOWN_CHARACTERS);
    AUTO_STRING char *cut = memory_copy(text_string(&line), shown);
    printf("%6zu  ", statement->line);
    answer_print(cut);
    puts(shown < line.size_bytes || size < statement->size_bytes ? " …" : "");
}

static void
print_step(const struct preview *preview, size_t index)
{
    const struct step *step = &preview->plan->steps[index];
    const struct preview_step *read = &preview->steps[index];
    const char *why = preview_why_alone(preview, index);

    answer_print(step_file(step)->name);
    if (why == NULL)
        printf(", in a transaction");
    else
        printf(", outside a transaction: %s", why);
    if (step->is_late)
        printf("; late, so the version stays");
    if (step->is_resumed)
        printf("; from statement %zu", step->statements_done + 1);
    putchar('\n');
    for (size_t i = step->statements_done; i < read->script.count; i++)
        print_statement(read, i);
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

static bool
read_goal(const struct invocation *invocation, struct goal *goal, struct error *err)
{
    const char *const *arguments = invocation->arguments;
    size_t count = invocation->arguments_count;
    bool is_vague = false;

    if (!goal_read(count > 0 ? arguments[0] : "up", arguments + 1, count > 0 ? count - 1 : 0,
            invocation->config->is_all, goal, &is_vague, err))
        return false;
    if (!is_vague)
        return true;
    error_set(err, ERROR_USAGE, "down was not told how many migrations to revert");
    return error_hint(err, "Write pgstride plan down N, or pgstride plan down --all.");
}

bool
command_plan(const struct invocation *invocation, struct error *err)
{
    AUTO_NARRATOR narrator = {0};
    AUTO_PREVIEW preview = {0};
    struct goal goal = {.kind = PLAN_UP};

    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    if (!read_goal(invocation, &goal, err))
        return false;
    if (!preview_load(invocation->config, &goal, &listener, &preview, err))
        return false;
    for (size_t i = 0; i < preview.catalog->warnings_count; i++)
        tell(&listener,
            &(struct event){.kind = EVENT_WARNING, .text = preview.catalog->warnings[i]});
    for (size_t i = 0; i < preview.plan->warnings_count; i++)
        tell(&listener, &(struct event){.kind = EVENT_WARNING, .text = preview.plan->warnings[i]});
    if (invocation->config->format == ANSWER_JSON)
        print_json(&preview);
    else
        print_text(&preview);
    return true;
}
