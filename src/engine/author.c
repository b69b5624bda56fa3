/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/author.h"

#include <string.h>

#include "adapter/files.h"
#include "base/memory.h"
#include "engine/runner.h"
#include "engine/scratch_database.h"
#include "engine/script.h"

/* A scratch database, and a session with it. */
struct bench {
    struct scratch_database database;
    struct config config;
    struct session session;
};

static void
bench_done(struct bench *bench)
{
    session_close(&bench->session);
    scratch_database_done(&bench->database);
}

void
authored_done(struct authored *authored)
{
    difference_done(&authored->up);
    difference_done(&authored->down);
}

static void
hear_nothing(void *context, const struct event *event)
{
    (void)context;
    (void)event;
}

static const struct listener NOBODY = {.hear = hear_nothing};

static bool
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

static bool
run_folder(struct bench *bench, const struct run_identity *identity, struct error *err)
{
    const struct goal goal = {.kind = PLAN_UP};
    bool has = false;

    if (!has_migrations(bench->config.path, &has, err))
        return false;
    return !has || runner_run(&bench->config, identity, &goal, &NOBODY, err) ||
           error_prefix(err, "the folder's migrations do not run on an empty database");
}

static bool
run_statement(struct pg *db,
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

/* `name` is the file's, for errors. */
static bool
run_text(struct pg *db, const char *name, const char *text, size_t size, struct error *err)
{
    AUTO_SCRIPT script = {0};

    if (!script_parse(name, text, size, &script, err))
        return false;
    for (size_t i = 0; i < script.count; i++) {
        const struct statement *statement = &script.statements[i];
        size_t position = 0;
        if (run_statement(db, text, statement, &position, err))
            continue;
        size_t within = position == 0 ? 0
                                      : utf8_offset(text + statement->offset, statement->size_bytes,
                                            position - 1);
        error_place(err, name, 0, 0);
        error_show_source(err, text, size, statement->offset + within);
        return false;
    }
    return true;
}

static bool
run_schema(struct bench *bench, const char *path, struct error *err)
{
    AUTO_STRING char *text = NULL;
    size_t size = 0;

    if (!file_read(path, (size_t)bench->config.max_file_mib << 20, &text, &size, err))
        return false;
    if (utf8_valid(text, size) != size || memchr(text, '\0', size) != NULL)
        return error_set(err, ERROR_INPUT, "%s is not UTF-8", path);
    return run_text(bench->session.db, path, text, size, err);
}

static bool
load(struct bench *bench, struct model **model, struct error *err)
{
    const struct ledger *ledger = &bench->session.ledger;
    const struct model_request request = {
        .schema = ledger->schema,
        .left_out_tables = {ledger->version_table, ledger->history_table},
    };

    return session_reset(&bench->session, err) &&
           model_load(bench->session.db, &request, model, err);
}

/* Run one direction as a migration is run, and look whether it gives what it should. */
static bool
prove(struct bench *bench,
    const char *direction,
    const struct difference *difference,
    const struct model *wanted,
    struct error *err)
{
    AUTO_MODEL struct model *got = NULL;
    AUTO_TEXT names = TEXT_INIT;
    const struct text *sql = &difference->sql;

    if (!session_reset(&bench->session, err) ||
        !pg_command(bench->session.db, "BEGIN", 0, NULL, err))
        return false;
    if (!run_text(bench->session.db, direction, text_string(sql), sql->size_bytes, err)) {
        error_prefix(err, "the migration that was made does not run");
        if (error_is_sqlstate(err, "42846") || error_is_sqlstate(err, "42804"))
            return error_hint(err, "Nothing was written. No cast leads from the one type to the "
                                   "other: write this migration by hand: pgstride create.");
        return error_hint(err, "That is a defect of pgstride; nothing was written. Write this "
                               "migration by hand: pgstride create.");
    }
    if (!pg_command(bench->session.db, "COMMIT", 0, NULL, err) || !load(bench, &got, err))
        return false;
    difference_name(got, wanted, &names);
    if (names.size_bytes == 0)
        return true;
    error_set(err, ERROR_PLAN, "the migration that was made (%s) does not give the schema: %s",
        direction, text_string(&names));
    return error_hint(err, "That is a defect of pgstride; nothing was written. Write this "
                           "migration by hand: pgstride create.");
}

/* A model is silent about them, so that they have no place in the proof. */
#define SQL_UNCOMPARED                                                                             \
    "SELECT concat_ws(' and ',\n"                                                                  \
    "    (SELECT 'comments'\n"                                                                     \
    "      WHERE EXISTS (\n"                                                                       \
    "            SELECT FROM pg_description AS d\n"                                                \
    "             WHERE objoid >= 16384 AND NOT EXISTS (\n"                                        \
    "                   SELECT FROM pg_depend AS e\n"                                              \
    "                    WHERE e.classid = d.classoid AND e.objid = d.objoid\n"                    \
    "                      AND e.deptype = 'e')\n"                                                 \
    "               AND classoid <> 'pg_extension'::regclass)),\n"                                 \
    "    (SELECT 'privileges'\n"                                                                   \
    "      WHERE EXISTS (SELECT FROM pg_class WHERE relacl IS NOT NULL AND oid >= 16384)\n"        \
    "         OR EXISTS (SELECT FROM pg_proc WHERE proacl IS NOT NULL AND oid >= 16384)\n"         \
    "         OR EXISTS (SELECT FROM pg_type WHERE typacl IS NOT NULL AND oid >= 16384)\n"         \
    "         OR EXISTS (SELECT FROM pg_namespace WHERE nspacl IS NOT NULL AND oid >= 16384)\n"    \
    "         OR EXISTS (SELECT FROM pg_attribute WHERE attacl IS NOT NULL\n"                      \
    "                       AND attrelid >= 16384)))"

static bool
warn_uncompared(const struct session *server,
    const struct bench *wanted,
    const char *schema_path,
    struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!pg_query(wanted->session.db, SQL_UNCOMPARED, 0, NULL, &rows, err))
        return false;
    if (*pg_rows_text(rows, 0, 0) == '\0')
        return true;
    AUTO_STRING char *text =
        memory_printf("%s holds %s, which are not compared", schema_path, pg_rows_text(rows, 0, 0));
    tell(server->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
    return true;
}

static bool
write_on(struct session *server,
    const struct run_identity *identity,
    const char *schema_path,
    struct authored *authored,
    struct error *err)
{
    __attribute__((cleanup(bench_done))) struct bench folder = {0};
    __attribute__((cleanup(bench_done))) struct bench wanted = {0};
    AUTO_MODEL struct model *old = NULL;
    AUTO_MODEL struct model *new = NULL;

    if (!bench_open(server, &folder, err) || !bench_open(server, &wanted, err) ||
        !run_folder(&folder, identity, err) || !run_schema(&wanted, schema_path, err))
        return false;
    if (!load(&folder, &old, err))
        return error_prefix(err, "the folder's schema");
    if (!load(&wanted, &new, err))
        return error_prefix(err, "%s", schema_path);
    if (!warn_uncompared(server, &wanted, schema_path, err))
        return false;
    if (!difference_find(old, new, &authored->up, err) ||
        !difference_find(new, old, &authored->down, err))
        return error_hint(err, "Write this migration by hand: pgstride create.");
    return prove(&folder, "up", &authored->up, new, err) &&
           prove(&folder, "down", &authored->down, old, err);
}

bool
author_write(const struct config *config,
    const struct run_identity *identity,
    const char *schema_path,
    const struct listener *listener,
    struct authored *authored,
    struct error *err)
{
    AUTO_SESSION server = {0};

    session_start(config, listener, &server);
    return session_open(&server, SESSION_TO_TELL, err) &&
           write_on(&server, identity, schema_path, authored, err);
}
