/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/bench.h"

#include "adapter/files.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/runner.h"

void
bench_done(struct bench *bench)
{
    session_close(&bench->session);
    scratch_database_done(&bench->database);
}

static void
hear_nothing(void *context, const struct event *event)
{
    (void)context;
    (void)event;
}

static const struct listener NOBODY = {.hear = hear_nothing};

bool
bench_open(struct session *server, struct bench *bench, struct error *err)
{
    if (!scratch_database_make(server, "write", NULL, &bench->database, err))
        return false;
    bench->config = *server->config;
    bench->config.scratch_name = bench->database.name;
    bench->config.is_without_effects = true;
    session_start(&bench->config, &NOBODY, &bench->session);
    return session_open(&bench->session, SESSION_TO_TELL, err);
}

/* A folder that is yet to be filled is fine here. */
static bool
has_migrations(const char *path, bool *has, struct error *err)
{
    AUTO_FOLDER struct folder *folder = NULL;
    AUTO_FILE_NAMES names = {0};

    *has = false;
    if (!file_exists(path))
        return true;
    if (!folder_open(path, &folder, err) || !folder_list(folder, &names, err))
        return false;
    for (size_t i = 0; i < names.count && !*has; i++) {
        enum file_direction direction = FILE_UP;
        size_t digits = 0;
        size_t title_bytes = 0;
        bool is_near = false;
        *has = catalog_match_name(names.names[i], &digits, &title_bytes, &direction, &is_near);
    }
    return true;
}

bool
bench_run_folder(struct bench *bench, const struct run_identity *identity, struct error *err)
{
    const struct goal goal = {.kind = PLAN_UP};
    bool has = false;

    if (!has_migrations(bench->config.path, &has, err))
        return false;
    return !has || runner_run(&bench->config, identity, &goal, &NOBODY, err) ||
           error_prefix(err, "the folder's migrations do not run on an empty database");
}

static bool
send(struct pg *db,
    const char *text,
    const struct statement *statement,
    size_t *position,
    struct error *err)
{
    AUTO_STRING char *sql = memory_copy(text + statement->offset, statement->size_bytes);
    AUTO_REPLY reply = {0};
    bool is_run = statement->is_copy_in ? pg_run_copy(db, sql, text + statement->data_offset,
                                              statement->data_bytes, &reply, err)
                                        : pg_run(db, sql, &reply, err);

    if (!is_run)
        return false;
    if (reply.kind != PG_REPLY_FAILED)
        return true;
    *err = reply.error;
    *position = reply.position;
    return false;
}

bool
bench_run_statement(struct bench *bench,
    const char *name,
    const char *text,
    size_t size_bytes,
    const struct statement *statement,
    struct error *err)
{
    size_t position = 0;

    if (send(bench->session.db, text, statement, &position, err))
        return true;
    size_t within =
        position == 0 ? 0
                      : utf8_offset(text + statement->offset, statement->size_bytes, position - 1);
    error_place(err, name, 0, 0);
    error_show_source(err, text, size_bytes, statement->offset + within);
    return false;
}

bool
bench_run_text(
    struct bench *bench, const char *name, const char *text, size_t size_bytes, struct error *err)
{
    AUTO_SCRIPT script = {0};

    if (!script_parse(name, text, size_bytes, &script, err))
        return false;
    for (size_t i = 0; i < script.count; i++) {
        if (!bench_run_statement(bench, name, text, size_bytes, &script.statements[i], err))
            return false;
    }
    return true;
}

bool
bench_load(struct bench *bench, struct model **model, struct error *err)
{
    const struct ledger *ledger = &bench->session.ledger;
    const struct model_request request = {
        .schema = ledger->schema,
        .left_out_tables = {ledger->version_table, ledger->history_table},
        .is_with_grants = bench->config.is_with_grants,
    };

    return session_reset(&bench->session, err) &&
           model_load(bench->session.db, &request, model, err);
}
