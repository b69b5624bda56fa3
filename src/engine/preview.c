/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/preview.h"

#include <stdlib.h>

#include "base/memory.h"

void
preview_done(struct preview *preview)
{
    for (size_t i = 0; preview->steps != NULL && i < preview->plan->count; i++) {
        script_done(&preview->steps[i].script);
        free(preview->steps[i].owned_text);
    }
    free(preview->steps);
    plan_free(preview->plan);
    history_free(preview->history);
    catalog_free(preview->catalog);
    free(preview->database);
    free(preview->host);
    *preview = (struct preview){0};
}

static bool
read_step(struct preview *preview, size_t index, struct error *err)
{
    const struct step *step = &preview->plan->steps[index];
    const struct migration_file *file = step_file(step);
    struct preview_step *read = &preview->steps[index];
    size_t size = 0;

    if (step->is_down && !catalog_hash_down(preview->catalog, step->migration->version, err))
        return false;
    return catalog_text(preview->catalog, file, &read->text, &size, &read->owned_text, err) &&
           script_parse(file->name, read->text, size, &read->script, err) &&
           run_check_resumable(step, read->text, &read->script, err);
}

static bool
ask_database(const struct config *config,
    const struct listener *listener,
    struct preview *preview,
    struct error *err)
{
    AUTO_SESSION session = {0};

    session_start(config, listener, &session);
    if (!session_open(&session, SESSION_TO_READ, err))
        return false;
    preview->database = memory_string(pg_database(session.db));
    preview->host = memory_string(pg_host(session.db));
    return session_history(&session, true, &preview->history, err);
}

bool
preview_load(const struct config *config,
    const struct goal *goal,
    const struct listener *listener,
    struct preview *preview,
    struct error *err)
{
    AUTO_PREVIEW loaded = {0};
    struct plan_policy policy = runner_policy(config, goal);

    if (!catalog_load(config->path, (size_t)config->max_file_mib << 20, &loaded.catalog, err))
        return false;
    if (!ask_database(config, listener, &loaded, err))
        return false;
    history_infer(loaded.history, loaded.catalog);
    if (!plan_build(loaded.catalog, loaded.history, &policy, &loaded.plan, err))
        return false;
    loaded.steps = memory_new((loaded.plan->count + 1) * sizeof(*loaded.steps));
    for (size_t i = 0; i < loaded.plan->count; i++) {
        if (!read_step(&loaded, i, err))
            return false;
    }
    *preview = loaded;
    loaded = (struct preview){0};
    return true;
}

const char *
preview_why_alone(const struct preview *preview, size_t step)
{
    if (preview->plan->steps[step].is_resumed)
        return "an earlier run began it so";
    switch (preview->steps[step].script.why_alone) {
    case ALONE_NOT:
        return NULL;
    case ALONE_DIRECTIVE:
        return "the file says so";
    case ALONE_COMMAND:
        return "PostgreSQL runs this command outside a transaction alone";
    case ALONE_TRANSACTIONS:
        return "the file has transactions of its own";
    }
    return NULL;
}
