/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/author.h"

#include <stdlib.h>

#include "base/memory.h"
#include "engine/author_internal.h"
#include "engine/renames.h"

void
authored_done(struct authored *authored)
{
    for (size_t i = 0; i < authored->count; i++) {
        text_done(&authored->files[i].up);
        text_done(&authored->files[i].down);
    }
    free(authored->files);
    text_done(&authored->losses);
    *authored = (struct authored){0};
}

static bool
fail_proof(const struct bench *bench, struct error *err)
{
    if (bench->config.is_online)
        return error_hint(err, "Nothing was written. This change does not go in such steps: leave "
                               "--online out, or write it by hand: pgstride create.");
    return error_hint(err, "That is a defect of pgstride; nothing was written. Write this "
                           "migration by hand: pgstride create.");
}

bool
author_check(const struct bench *bench,
    const char *direction,
    const struct model *got,
    const struct model *wanted,
    struct error *err)
{
    AUTO_TEXT names = TEXT_INIT;

    difference_name(got, wanted, &names);
    if (names.size_bytes == 0)
        return true;
    error_set(err, ERROR_PLAN, "the migration that was made (%s) does not give the schema: %s",
        direction, text_string(&names));
    return fail_proof(bench, err);
}

bool
author_run(struct bench *bench,
    const char *direction,
    const struct text *sql,
    bool is_alone,
    struct model **got,
    struct error *err)
{
    struct pg *db = bench->session.db;

    if (!session_reset(&bench->session, err) ||
        (!is_alone && !pg_command(db, "BEGIN", 0, NULL, err)))
        return false;
    if (!bench_run_text(bench, direction, text_string(sql), sql->size_bytes, err)) {
        error_prefix(err, "the migration that was made does not run");
        if (error_is_sqlstate(err, "42846") || error_is_sqlstate(err, "42804"))
            return error_hint(err, "Nothing was written. No cast leads from the one type to the "
                                   "other: write this migration by hand: pgstride create.");
        if (error_is_sqlstate(err, "53200"))
            return error_hint(err,
                "Nothing was written. It locks more than the server has room for: "
                "raise max_locks_per_transaction, or go there in several steps.");
        return fail_proof(bench, err);
    }
    return (is_alone || pg_command(db, "COMMIT", 0, NULL, err)) && bench_load(bench, got, err);
}

/* Run one direction as a migration is run, and look whether it gives what it should. */
static bool
prove(struct bench *bench,
    const char *direction,
    const struct text *sql,
    const struct model *wanted,
    struct error *err)
{
    AUTO_MODEL struct model *got = NULL;

    return author_run(bench, direction, sql, false, &got, err) &&
           author_check(bench, direction, got, wanted, err);
}

/* Privileges that somebody was given, or that were taken from somebody. */
#define SQL_HAS_GRANTS                                                                             \
    "SELECT EXISTS (SELECT FROM pg_class WHERE relacl IS NOT NULL AND oid >= 16384)\n"             \
    "    OR EXISTS (SELECT FROM pg_proc WHERE proacl IS NOT NULL AND oid >= 16384)\n"              \
    "    OR EXISTS (SELECT FROM pg_type WHERE typacl IS NOT NULL AND oid >= 16384)\n"              \
    "    OR EXISTS (SELECT FROM pg_namespace WHERE nspacl IS NOT NULL AND oid >= 16384)\n"         \
    "    OR EXISTS (SELECT FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384)"

static void
warn(const struct session *server, const char *path, const char *what)
{
    AUTO_STRING char *text = memory_printf("%s holds %s", path, what);

    tell(server->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

/* A model is silent about it, so that it has no place in the proof. */
static bool
warn_uncompared(
    const struct session *server, const struct bench *bench, const char *path, struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_TEXT names = TEXT_INIT;

    if (!model_strangers(bench->session.db, &names, err) ||
        !pg_query(bench->session.db, SQL_HAS_GRANTS, 0, NULL, &rows, err))
        return false;
    if (names.size_bytes > 0) {
        AUTO_STRING char *what =
            memory_printf("what is not compared, write that by hand: %s", text_string(&names));
        warn(server, path, what);
    }
    if (pg_rows_boolean(rows, 0, 0) && !bench->config.is_with_grants)
        warn(server, path, "privileges, which are not compared without --with-grants");
    return true;
}

/* Put `second` behind `first`. */
static void
join(struct text *first, const struct text *second)
{
    if (first->size_bytes > 0 && second->size_bytes > 0)
        text_puts(first, "\n");
    text_puts(first, text_string(second));
}

/*
 * One pair. What is renamed comes first on the way up, and last on the way down; `renamed`
 * is the folder's schema with those names.
 */
static bool
write_pair(struct bench *folder,
    const struct renames *renames,
    const struct model *old,
    const struct model *renamed,
    const struct model *new,
    struct authored *authored,
    struct error *err)
{
    AUTO_DIFFERENCE up = {0};
    AUTO_DIFFERENCE down = {0};

    difference_find(renamed, new, &up);
    difference_find(new, renamed, &down);
    text_puts(&authored->losses, text_string(&up.losses));
    if (up.statements + renames->count == 0)
        return true;
    struct authored_file *file = ARRAY_ADD(authored->files, authored->count, authored->capacity);
    text_puts(&file->up, text_string(&renames->up));
    join(&file->up, &up.sql);
    text_puts(&file->down, text_string(&down.sql));
    join(&file->down, &renames->down);
    if (renames->count > 0 && !prove(folder, "down", &renames->down, old, err))
        return false;
    return prove(folder, "up", &file->up, new, err) && prove(folder, "down", &file->down, old, err);
}

static bool
write_files(struct bench *folder,
    struct bench *wanted,
    const struct schema_file *file,
    const struct model *old,
    const struct model *new,
    struct authored *authored,
    struct error *err)
{
    AUTO_RENAMES renames = {0};
    AUTO_MODEL struct model *renamed = NULL;

    if (!renames_make(file, folder->session.db, wanted->session.db, &renames, err))
        return false;
    if (folder->config.is_online && renames.count > 0) {
        error_set(err, ERROR_PLAN, "--online renames nothing: %s asks for it", file->path);
        return error_hint(err, "The application that runs would miss the old name. Add the new "
                               "one beside it, and drop the old one in a later release; or leave "
                               "--online out.");
    }
    if (folder->config.is_online)
        return author_write_online(folder, old, new, authored, err);
    if (renames.count > 0 && !bench_load(folder, &renamed, err))
        return false;
    return write_pair(folder, &renames, old, renamed != NULL ? renamed : old, new, authored, err);
}

static bool
write_on(struct session *server,
    const struct run_identity *identity,
    const char *schema_path,
    struct authored *authored,
    struct error *err)
{
    AUTO_BENCH folder = {0};
    AUTO_BENCH wanted = {0};
    AUTO_SCHEMA_FILE file = {0};
    AUTO_MODEL struct model *old = NULL;
    AUTO_MODEL struct model *new = NULL;

    if (!bench_open(server, &folder, err) || !bench_open(server, &wanted, err) ||
        !bench_run_folder(&folder, identity, err) ||
        !schema_file_run(schema_path, &wanted, &file, err))
        return false;
    if (!bench_load(&folder, &old, err))
        return error_prefix(err, "the folder's schema");
    if (!bench_load(&wanted, &new, err))
        return error_prefix(err, "%s", schema_path);
    if (!warn_uncompared(server, &folder, server->config->path, err) ||
        !warn_uncompared(server, &wanted, schema_path, err))
        return false;
    return write_files(&folder, &wanted, &file, old, new, authored, err);
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
