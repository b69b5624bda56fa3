/* SPDX-License-Identifier: Apache-2.0 */
#include "command/listing.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"
#include "command/answer.h"

enum { SHOWN_CHARACTERS = 100 };

json_t *
listing_statement(const struct preview_step *step, size_t index)
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

json_t *
listing_step(const struct preview *preview, size_t index)
{
    const struct step *step = &preview->plan->steps[index];
    const char *why = preview_why_alone(preview, index);
    json_t *object = json_object();

    json_put_number(object, "version", step->migration->version);
    json_put_string(object, "file", step_file(step)->name);
    json_put_string(object, "direction", step->is_down ? "down" : "up");
    json_object_set_new(object, "to", version_or_null(step->has_to, step->to));
    json_put_boolean(object, "transaction", why == NULL);
    json_put_string(object, "why", why);
    if (step->is_resumed)
        json_put_number(object, "statements_done", (int64_t)step->statements_done);
    return object;
}

void
listing_print_statement(const struct preview_step *step, size_t index)
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

void
listing_print_step(const struct preview *preview, size_t index)
{
    const struct step *step = &preview->plan->steps[index];
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
}

void
listing_put_target(const struct preview *preview, json_t *answer)
{
    const struct history *history = preview->history;

    json_put_string(answer, "database", preview->database);
    json_put_string(answer, "host", preview->host);
    json_object_set_new(answer, "from",
        version_or_null(history->has_version && history->version >= 0, history->version));
    json_object_set_new(
        answer, "to", version_or_null(preview->plan->has_wanted, preview->plan->wanted));
}

void
listing_warn(const struct preview *preview, const struct listener *listener)
{
    for (size_t i = 0; i < preview->catalog->warnings_count; i++)
        tell(listener,
            &(struct event){.kind = EVENT_WARNING, .text = preview->catalog->warnings[i]});
    for (size_t i = 0; i < preview->plan->warnings_count; i++)
        tell(listener, &(struct event){.kind = EVENT_WARNING, .text = preview->plan->warnings[i]});
}
