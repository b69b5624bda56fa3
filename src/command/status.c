/* SPDX-License-Identifier: Apache-2.0 */
/* status: every migration; applied, pending, missing or changed; when, by whom, how long. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "command/answer.h"
#include "command/command.h"
#include "command/narrator.h"
#include "engine/state.h"
#include "engine/wording.h"

static void
put_or_null(json_t *object, const char *key, const char *value)
{
    if (value != NULL && *value != '\0')
        json_put_string(object, key, value);
    else
        json_object_set_new(object, key, json_null());
}

static json_t *
describe_row(const struct state_row *row)
{
    const struct history_entry *entry = row->entry;
    bool is_applied = entry != NULL && entry->is_applied;
    json_t *object = json_object();

    json_put_number(object, "version", row->version);
    json_put_string(object, "name", row->name);
    json_put_string(object, "state", state_name(row->state));
    json_put_boolean(object, "adopted", is_applied && entry->outcome == OUTCOME_ADOPTED);
    json_put_boolean(object, "forced", is_applied && entry->outcome == OUTCOME_FORCED);
    put_or_null(object, "applied_at", is_applied ? entry->at : NULL);
    put_or_null(object, "applied_by", is_applied ? entry->by : NULL);
    json_object_set_new(object, "duration_ms",
        is_applied && entry->duration_ms >= 0 ? json_integer(entry->duration_ms) : json_null());
    put_or_null(object, "last_error", entry != NULL && !is_applied ? entry->attempt_error : NULL);
    return object;
}

static void
print_json(const struct state *state)
{
    AUTO_JSON json_t *answer = json_object();
    json_t *rows = json_array();
    const struct history *history = state->history;

    for (size_t i = 0; i < state->count; i++)
        json_array_append_new(rows, describe_row(&state->rows[i]));
    json_put_string(answer, "database", state->database);
    json_put_string(answer, "host", state->host);
    json_object_set_new(
        answer, "version", history->has_version ? json_integer(history->version) : json_null());
    json_put_boolean(answer, "dirty", history->is_dirty);
    json_put_number(answer, "pending", (int64_t)state->pending);
    json_object_set_new(answer, "migrations", rows);
    answer_print_json(answer);
}

static void
print_name(const char *name, int width)
{
    int shown = (int)utf8_count(name, strlen(name));

    answer_print(name);
    printf("%*s", shown < width ? width - shown : 0, "");
}

static void
print_row(const struct state_row *row, int width)
{
    const struct history_entry *entry = row->entry;

    printf("%-8s  ", state_name(row->state));
    if (entry == NULL || (!entry->is_applied && entry->attempt_error == NULL)) {
        print_name(row->name, 0);
        putchar('\n');
        return;
    }
    print_name(row->name, width);
    if (!entry->is_applied) {
        printf("  last try failed: ");
        print_name(entry->attempt_error, 0);
        putchar('\n');
        return;
    }
    printf("  %-20s", entry->at != NULL ? entry->at : "");
    if (entry->outcome == OUTCOME_ADOPTED || entry->outcome == OUTCOME_FORCED) {
        puts(entry->outcome == OUTCOME_ADOPTED ? "  adopted" : "  forced");
        return;
    }
    AUTO_TEXT duration = TEXT_INIT;
    if (entry->duration_ms >= 0)
        wording_duration(entry->duration_ms, &duration);
    printf("  %9s  %s\n", text_string(&duration), entry->by != NULL ? entry->by : "");
}

static void
print_text(const struct state *state)
{
    const struct history *history = state->history;
    size_t width = 0;

    for (size_t i = 0; i < state->count; i++) {
        size_t size = utf8_count(state->rows[i].name, strlen(state->rows[i].name));
        width = size > width ? size : width;
    }
    for (size_t i = 0; i < state->count; i++)
        print_row(&state->rows[i], (int)width);
    printf("%s at %s: ", state->database, state->host);
    if (history->has_version)
        printf("version %" PRId64 "%s", history->version, history->is_dirty ? " (dirty)" : "");
    else
        printf("no version");
    printf(", %zu pending\n", state->pending);
}

bool
command_status(const struct invocation *invocation, struct error *err)
{
    const struct config *config = invocation->config;
    AUTO_NARRATOR narrator = {0};
    AUTO_CATALOG struct catalog *catalog = NULL;
    AUTO_STATE state = {0};

    narrator_init(&narrator, invocation->log);
    struct listener listener = narrator_listener(&narrator);
    if (!command_check_arguments(invocation, 0, "pgstride status", err))
        return false;
    if (!catalog_load(config->path, (size_t)config->max_file_mib << 20, &catalog, err))
        return false;
    if (!state_load(config, catalog, &listener, &state, err))
        return false;
    for (size_t i = 0; i < catalog->warnings_count; i++)
        tell(&listener, &(struct event){.kind = EVENT_WARNING, .text = catalog->warnings[i]});
    if (config->format == ANSWER_JSON)
        print_json(&state);
    else
        print_text(&state);
    return !config->is_exit_code || state.pending == 0;
}
