/* SPDX-License-Identifier: Apache-2.0 */
/* rehearse [up [N] | down N | goto V]: what a run would do to the application. */
#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"
#include "command/answer.h"
#include "command/goal.h"
#include "command/listing.h"
#include "command/narrator.h"
#include "rehearsal/rehearsal.h"

/* Is there something to say of it: it keeps others out here, or is worked through? */
static bool
is_telling(const struct effect *effect, const struct verdict *verdict)
{
    bool is_blocking = verdict_of_lock(effect->held) != LEVEL_SAFE;
    bool is_taken = effect->taken != LOCK_NONE && effect->taken == effect->held;

    if (effect->relation->kind == RELATION_INDEX && verdict->level != LEVEL_BRIEF &&
        !effect->is_rewritten)
        return false;
    return effect->is_scanned || effect->is_rewritten ||
           (is_blocking && (is_taken || verdict->blocking >= LEVEL_WRITES));
}

static void
print_line(const char *before, const struct text *text)
{
    printf("        %s", before);
    answer_print(text_string(text));
    putchar('\n');
}

static void
print_effect(const struct effect *effect, const struct facts_table *facts)
{
    AUTO_TEXT line = TEXT_INIT;
    AUTO_TEXT known = TEXT_INIT;

    text_printf(&line, "%s on %s", lock_mode_name(effect->held), effect->relation->name);
    if (effect->held == LOCK_NONE) {
        text_clear(&line);
        text_puts(&line, effect->relation->name);
    } else if (effect->taken != effect->held) {
        text_puts(&line, ", held since an earlier statement");
    }
    if (effect->is_rewritten)
        text_puts(&line, ", rewritten");
    else if (effect->is_scanned)
        text_puts(&line, ", scanned");
    facts_add(facts_of(facts, effect->relation), &known);
    if (known.size_bytes > 0)
        text_printf(&line, ": %s", text_string(&known));
    print_line("", &line);
}

static void
print_statement(const struct rehearsal *rehearsal, const struct rehearsed *rehearsed)
{
    AUTO_TEXT headline = TEXT_INIT;

    listing_print_statement(&rehearsal->preview.steps[rehearsed->step], rehearsed->statement);
    text_puts(&headline, rehearsed->verdict.headline);
    print_line("= ", &headline);
    for (size_t i = 0; i < rehearsed->observation.effects_count; i++) {
        if (is_telling(&rehearsed->observation.effects[i], &rehearsed->verdict))
            print_effect(&rehearsed->observation.effects[i], &rehearsal->facts);
    }
    for (size_t i = 0; i < rehearsed->observation.changes_count; i++) {
        AUTO_TEXT line = TEXT_INIT;
        verdict_add_change(&rehearsed->observation.changes[i], &line);
        print_line("", &line);
    }
    for (size_t i = 0; i < rehearsed->advice.count; i++) {
        AUTO_TEXT line = TEXT_INIT;
        text_puts(&line, rehearsed->advice.texts[i]);
        print_line("instead: ", &line);
    }
}

static void
print_text(const struct rehearsal *rehearsal)
{
    const struct preview *preview = &rehearsal->preview;
    size_t next = 0;

    for (size_t i = 0; i < preview->plan->count; i++) {
        if (rehearsal->has_failed && next == rehearsal->count)
            break;
        listing_print_step(preview, i);
        for (; next < rehearsal->count && rehearsal->statements[next].step == i; next++)
            print_statement(rehearsal, &rehearsal->statements[next]);
    }
    printf("%s at %s: ", preview->database, preview->host);
    if (preview->plan->count == 0)
        puts("nothing to rehearse");
    else
        printf("%zu statement%s rehearsed, the worst is %s\n", rehearsal->count,
            rehearsal->count == 1 ? "" : "s", level_name(rehearsal->worst));
}

static json_t *
describe_effect(const struct effect *effect, const struct facts_table *table)
{
    const struct facts *facts = facts_of(table, effect->relation);
    json_t *object = json_object();

    json_put_string(object, "table", effect->relation->name);
    if (effect->held != LOCK_NONE)
        json_put_string(object, "lock", lock_mode_name(effect->held));
    json_put_boolean(object, "is_taken_here", effect->taken == effect->held);
    json_put_boolean(object, "is_scanned", effect->is_scanned);
    json_put_boolean(object, "is_rewritten", effect->is_rewritten);
    if (!facts->is_known)
        return object;
    json_put_number(object, "size_bytes", facts->size_bytes);
    if (facts->rows >= 0)
        json_put_number(object, "rows", facts->rows);
    json_put_number(object, "reads", facts->reads);
    json_put_number(object, "writes", facts->writes);
    if (facts->seconds > 0)
        json_put_number(object, "seconds", facts->seconds);
    return object;
}

static json_t *
describe_statement(const struct rehearsal *rehearsal, const struct rehearsed *rehearsed)
{
    json_t *object =
        listing_statement(&rehearsal->preview.steps[rehearsed->step], rehearsed->statement);
    json_t *tables = json_array();
    json_t *changes = json_array();
    json_t *instead = json_array();

    for (size_t i = 0; i < rehearsed->observation.effects_count; i++)
        json_array_append_new(
            tables, describe_effect(&rehearsed->observation.effects[i], &rehearsal->facts));
    for (size_t i = 0; i < rehearsed->observation.changes_count; i++) {
        AUTO_TEXT line = TEXT_INIT;
        verdict_add_change(&rehearsed->observation.changes[i], &line);
        json_array_append_new(changes, json_string(text_string(&line)));
    }
    for (size_t i = 0; i < rehearsed->advice.count; i++)
        json_array_append_new(instead, json_string(rehearsed->advice.texts[i]));
    json_put_string(object, "verdict", level_name(rehearsed->verdict.level));
    json_put_string(object, "blocking", level_name(rehearsed->verdict.blocking));
    json_put_string(object, "message", rehearsed->verdict.headline);
    json_put_number(object, "duration_us", rehearsed->duration_us);
    json_object_set_new(object, "tables", tables);
    json_object_set_new(object, "changes", changes);
    json_object_set_new(object, "instead", instead);
    return object;
}

static void
print_json(const struct rehearsal *rehearsal)
{
    AUTO_JSON json_t *answer = json_object();
    json_t *steps = json_array();
    size_t next = 0;

    listing_put_target(&rehearsal->preview, answer);
    for (size_t i = 0; i < rehearsal->preview.plan->count; i++) {
        json_t *step = listing_step(&rehearsal->preview, i);
        json_t *statements = json_array();
        for (; next < rehearsal->count && rehearsal->statements[next].step == i; next++)
            json_array_append_new(
                statements, describe_statement(rehearsal, &rehearsal->statements[next]));
        json_object_set_new(step, "statements", statements);
        json_array_append_new(steps, step);
    }
    json_object_set_new(answer, "steps", steps);
    json_put_string(answer, "verdict", level_name(rehearsal->worst));
    json_put_boolean(answer, "is_complete", !rehearsal->has_failed);
    answer_print_json(answer);
}

/* --fail-on: what is as bad, or worse, fails. */
static bool
pass_gate(const struct config *config, const struct rehearsal *rehearsal, struct error *err)
{
    static const enum level LEVELS[] = {
        [FAIL_ON_BRIEF] = LEVEL_BRIEF,
        [FAIL_ON_WRITES] = LEVEL_WRITES,
        [FAIL_ON_ALL] = LEVEL_ALL,
        [FAIL_ON_BREAKS] = LEVEL_BREAKS,
    };
    size_t count = 0;

    if (config->fail_on == FAIL_ON_NEVER)
        return true;
    enum level limit = LEVELS[config->fail_on];
    for (size_t i = 0; i < rehearsal->count; i++)
        count += rehearsal->statements[i].verdict.level >= limit;
    if (count == 0)
        return true;
    return error_set(err, ERROR_PLAN, "%zu statement%s %s (--fail-on %s)", count,
        count == 1 ? " is" : "s are", limit == LEVEL_BREAKS ? "as bad" : "as bad, or worse",
        level_name(limit));
}

bool
command_rehearse(const struct invocation *invocation, struct error *err)
{
    AUTO_NARRATOR narrator = {0};
    AUTO_IDENTITY identity = {0};
    AUTO_REHEARSAL rehearsal = {0};
    struct goal goal = {.kind = PLAN_UP};

    identity_init(&identity, invocation->platform);
    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    if (!goal_read_arguments(invocation, "rehearse", &goal, err))
        return false;
    if (!rehearsal_run(invocation->config, &identity, &goal, &listener, &rehearsal, err))
        return false;
    listing_warn(&rehearsal.preview, &listener);
    if (invocation->config->format == ANSWER_JSON)
        print_json(&rehearsal);
    else
        print_text(&rehearsal);
    if (rehearsal.has_failed) {
        *err = rehearsal.failure;
        return false;
    }
    return pass_gate(invocation->config, &rehearsal, err);
}
