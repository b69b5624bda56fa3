/* SPDX-License-Identifier: Apache-2.0 */
/* verify: all that is wrong with the folder, and where the database disagrees with it. */
#include <stdio.h>

#include "base/memory.h"
#include "command/answer.h"
#include "command/command.h"
#include "command/narrator.h"
#include "engine/verification.h"

static const char *
severity(const struct finding *finding)
{
    return finding->is_failure ? "failure" : "warning";
}

static void
print_finding(const struct finding *finding)
{
    AUTO_TEXT line = TEXT_INIT;

    text_printf(&line, "%s  ", severity(finding));
    if (finding->file != NULL)
        text_puts(&line, finding->file);
    if (finding->line > 0)
        text_printf(&line, ":%zu", finding->line);
    if (finding->column > 0)
        text_printf(&line, ":%zu", finding->column);
    text_printf(&line, "%s%s", finding->file != NULL ? ": " : "", finding->message);
    if (finding->hint != NULL)
        text_printf(&line, ". %s", finding->hint);
    answer_print(text_string(&line));
    putchar('\n');
}

static void
print_count(size_t count, const char *what)
{
    printf("%zu %s%s", count, what, count == 1 ? "" : "s");
}

static void
print_text(const struct verification *verification, const struct state *state)
{
    for (size_t i = 0; i < verification->count; i++)
        print_finding(&verification->findings[i]);
    print_count(verification->migrations, "migration");
    if (state->database != NULL)
        printf(", %s at %s", state->database, state->host);
    printf(": ");
    print_count(verification->failures, "failure");
    printf(", ");
    print_count(verification->count - verification->failures, "warning");
    putchar('\n');
}

static json_t *
describe_finding(const struct finding *finding)
{
    json_t *object = json_object();

    json_put_string(object, "severity", severity(finding));
    json_put_string(object, "message", finding->message);
    json_put_string(object, "file", finding->file);
    if (finding->line > 0)
        json_put_number(object, "line", (int64_t)finding->line);
    if (finding->column > 0)
        json_put_number(object, "column", (int64_t)finding->column);
    json_put_string(object, "hint", finding->hint);
    return object;
}

static void
print_json(const struct verification *verification, const struct state *state)
{
    AUTO_JSON json_t *answer = json_object();
    json_t *findings = json_array();

    for (size_t i = 0; i < verification->count; i++)
        json_array_append_new(findings, describe_finding(&verification->findings[i]));
    json_put_string(answer, "database", state->database);
    json_put_string(answer, "host", state->host);
    json_put_number(answer, "migrations", (int64_t)verification->migrations);
    json_put_number(answer, "failures", (int64_t)verification->failures);
    json_put_number(answer, "warnings", (int64_t)(verification->count - verification->failures));
    json_object_set_new(answer, "findings", findings);
    answer_print_json(answer);
}

/* Against a folder that has no order the database cannot be held. */
static bool
ask_database(const struct config *config,
    const struct listener *listener,
    const struct catalog *catalog,
    struct state *state,
    struct verification *verification,
    struct error *err)
{
    if (config->is_offline)
        return true;
    if (catalog == NULL) {
        tell(listener, &(struct event){.kind = EVENT_WARNING,
                           .text = "the database was not asked: mend the folder first"});
        return true;
    }
    if (!state_load(config, catalog, listener, state, err))
        return false;
    verification_of_state(state, verification);
    return true;
}

bool
command_verify(const struct invocation *invocation, struct error *err)
{
    const struct config *config = invocation->config;
    size_t ceiling_bytes = (size_t)config->max_file_mib << 20;
    AUTO_NARRATOR narrator = {0};
    AUTO_CATALOG struct catalog *catalog = NULL;
    AUTO_STATE state = {0};
    AUTO_VERIFICATION verification = {0};
    struct error told = ERROR_INIT;

    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    if (!command_check_arguments(invocation, 0, "pgstride verify", err))
        return false;
    if (!verification_of_folder(config->path, ceiling_bytes, &verification, err))
        return false;
    if (!config->is_offline &&
        !catalog_load_unchecked(config->path, ceiling_bytes, &catalog, &told) &&
        verification.failures == 0) {
        *err = told; /* it changed under our eyes */
        return false;
    }

    bool is_good = ask_database(config, &listener, catalog, &state, &verification, err);
    if (config->format == ANSWER_JSON)
        print_json(&verification, &state);
    else
        print_text(&verification, &state);
    return is_good && verification.failures == 0;
}
