/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/alone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/signals.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/alone_internal.h"
#include "engine/alone_pooled.h"
#include "engine/concurrent_index.h"
#include "engine/long_wait.h"

static void
alone_done(struct alone *alone)
{
    script_done(&alone->script);
    free(alone->owned_text);
    pg_rows_release(&alone->roles);
}
#define AUTO_ALONE __attribute__((cleanup(alone_done))) struct alone

/* Run a command of ours, and free it. */
static bool
command(struct alone *alone, char *sql, size_t count, const char *const *values, struct error *err)
{
    bool is_good = pg_command(alone->run->session.db, sql, count, values, err);

    free(sql);
    return is_good;
}

#define SQL_SET_DIRTY                                                                              \
    "WITH moved AS (\n"                                                                            \
    "    UPDATE %s\n"                                                                              \
    "       SET version = $1, dirty = true\n"                                                      \
    "     WHERE version = $2 AND NOT dirty\n"                                                      \
    "    RETURNING version)\n"                                                                     \
    "SELECT 1 / count(*)\n"                                                                        \
    "  FROM moved"

/*
 * What is invalid before the first try is not this migration's doing. Until it
 * is done, the attempt's checksum is that of the part that ran. The UPDATE of
 * nothing asks for the right to record that, while nothing has run.
 */
#define SQL_START                                                                                  \
    "WITH recorded AS (\n"                                                                         \
    "    UPDATE %s SET statements_done = 0 WHERE false)\n"                                         \
    "INSERT INTO %s (migrations_table, version, name, direction, checksum,\n"                      \
    "       statements_total, statements_done, outcome, run_id, runner, tool_version, error)\n"    \
    "VALUES ($1, $2, $3, $4, $5, $6, 0, 'started', $7, $8, $9,\n"                                  \
    "        jsonb_build_object('invalid_before', coalesce(\n"                                     \
    "            (SELECT jsonb_agg(indexrelid::bigint)\n"                                          \
    "               FROM pg_index\n"                                                               \
    "              WHERE NOT indisvalid), '[]')))\n"                                               \
    "RETURNING id"

/*
 * "since": the row's last change before the statement that was under way when the
 * run stopped. What is newer is that statement's.
 */
#define SQL_START_AGAIN                                                                            \
    "UPDATE %s\n"                                                                                  \
    "   SET outcome = 'started', checksum = $2, statements_total = $3,\n"                          \
    "       error = jsonb_build_object('invalid_before', error -> 'invalid_before',\n"             \
    "                                  'since', coalesce(error ->> 'since', xmin::text)),\n"       \
    "       started_at = now(), finished_at = NULL, run_id = $4, runner = $5,\n"                   \
    "       tool_version = $6\n"                                                                   \
    " WHERE id = $1"

static bool
move_version(struct alone *alone, struct error *err)
{
    const struct run *run = alone->run;
    const char *const values[] = {alone->to, alone->from};
    bool is_moved = true;

    if (alone->step->is_resumed)
        return true;
    if (!alone->step->has_from) {
        is_moved =
            pg_command(run->session.db, run->sql_lock_table, 0, NULL, err) &&
            pg_command(run->session.db, run->sql_guard_first, 1, values, err) &&
            command(alone,
                memory_printf("UPDATE %s SET dirty = true", run->session.ledger.version_table), 0,
                NULL, err);
    } else if (alone->step->is_late) {
        const char *const late[] = {run->session.ledger.table, alone->version};
        is_moved = pg_command(run->session.db, run->sql_guard_late, 1, values + 1, err) &&
                   pg_command(run->session.db, run->sql_guard_unapplied, 2, late, err);
    } else {
        is_moved = command(
            alone, memory_printf(SQL_SET_DIRTY, run->session.ledger.version_table), 2, values, err);
    }
    if (!is_moved && error_is_sqlstate(err, "22012"))
        return error_set(err, ERROR_MOVED, "another run moved the version");
    return is_moved;
}

static bool
enter_attempt(struct alone *alone, struct error *err)
{
    const struct run *run = alone->run;
    const struct migration *migration = alone->step->migration;
    const char *table = run->session.ledger.history_table;
    AUTO_ROWS struct pg_rows *rows = NULL;
    char total[24];

    snprintf(total, sizeof(total), "%zu", alone->script.count);
    if (alone->step->is_resumed) {
        const char *const values[] = {alone->attempt_id, alone->checksum_done, total,
            run->identity->run_id, run->identity->runner, PGSTRIDE_VERSION};
        return command(
            alone, memory_printf(SQL_START_AGAIN, table), ARRAY_LENGTH(values), values, err);
    }
    const char *const values[] = {run->session.ledger.table, alone->version, migration->name,
        run_direction(alone->step), alone->checksum_done, total, run->identity->run_id,
        run->identity->runner, PGSTRIDE_VERSION};
    AUTO_STRING char *sql = memory_printf(SQL_START, table, table);
    if (!pg_query(run->session.db, sql, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    snprintf(alone->attempt_id, sizeof(alone->attempt_id), "%s", pg_rows_text(rows, 0, 0));
    return true;
}

/* Does the step end without a version, may we empty the table then? Asked while nothing has run. */
static bool
check_may_empty(struct alone *alone, struct error *err)
{
    const char *table = alone->run->session.ledger.version_table;

    return alone->step->has_to ||
           command(alone, memory_printf("DELETE FROM %s WHERE false", table), 0, NULL, err);
}

static bool
start(struct alone *alone, struct error *err)
{
    const struct session *session = &alone->run->session;

    return session_begin(session, err) &&
           session_end(session,
               move_version(alone, err) && enter_attempt(alone, err) && check_may_empty(alone, err),
               err);
}

#define SQL_SET "SELECT set_config($1, $2, false)"

/* What a directive says; else it is as the session has it. */
static bool
set_timeout(struct alone *alone, const char *name, int64_t timeout_ms, struct error *err)
{
    char text[32];
    const char *const values[] = {name, text};

    snprintf(text, sizeof(text), "%" PRId64 "ms", timeout_ms);
    return timeout_ms < 0 ||
           pg_command(alone->run->session.db, SQL_SET, ARRAY_LENGTH(values), values, err);
}

static bool
set_timeouts(struct alone *alone, struct error *err)
{
    return set_timeout(alone, "lock_timeout", alone->script.lock_timeout_ms, err) &&
           set_timeout(alone, "statement_timeout", alone->script.statement_timeout_ms, err);
}

/*
 * A file may take on a role that has no right to our tables: between its
 * statements we use our own. Inside a transaction of the file's own that is
 * LOCAL, so that what it set comes with its COMMIT.
 */
#define SQL_LEAVE_ROLES                                                                            \
    "SELECT current_setting('session_authorization'), current_setting('role'),\n"                  \
    "       set_config('session_authorization', $1, $3), set_config('role', $2, $3)"

#define SQL_ENTER_ROLES                                                                            \
    "SELECT set_config('session_authorization', $1, $3), set_config('role', $2, $3)"

static bool
leave_roles(struct alone *alone, struct error *err)
{
    const struct run *run = alone->run;
    const char *is_local = pg_is_in_transaction(run->session.db) ? "true" : "false";
    const char *const values[] = {
        pg_user(run->session.db), run->config->role != NULL ? run->config->role : "none", is_local};

    pg_rows_release(&alone->roles);
    return pg_query(run->session.db, SQL_LEAVE_ROLES, ARRAY_LENGTH(values), values, &alone->roles,
               err) ||
           error_prefix(err, "cannot take our own role");
}

/* Those that leave_roles found, where they are others than ours. */
static bool
enter_roles(struct alone *alone, struct error *err)
{
    struct pg *db = alone->run->session.db;
    AUTO_ROWS struct pg_rows *roles = TAKE(alone->roles);

    if (roles == NULL || (strcmp(pg_rows_text(roles, 0, 0), pg_rows_text(roles, 0, 2)) == 0 &&
                             strcmp(pg_rows_text(roles, 0, 1), pg_rows_text(roles, 0, 3)) == 0))
        return true;
    const char *const values[] = {pg_rows_text(roles, 0, 0), pg_rows_text(roles, 0, 1),
        pg_is_in_transaction(db) ? "true" : "false"};
    return pg_command(db, SQL_ENTER_ROLES, ARRAY_LENGTH(values), values, err) ||
           error_prefix(err, "cannot take the role again that the file took");
}

#define SQL_PROGRESS                                                                               \
    "UPDATE %s\n"                                                                                  \
    "   SET statements_done = $2, checksum = $3, error = error - 'since'\n"                        \
    " WHERE id = $1"

/* Does the file's transaction in which statement `index` stands end prepared, with its locks? */
static bool
is_to_be_prepared(const struct alone *alone, size_t index)
{
    for (size_t i = index; i < alone->script.count; i++) {
        if (alone->script.statements[i].control == CONTROL_PREPARE)
            return true;
        if (alone->script.statements[i].control == CONTROL_COMMIT ||
            alone->script.statements[i].control == CONTROL_OTHER)
            return false;
    }
    return false;
}

/*
 * Inside a transaction of the file's own the progress commits, or goes, with it.
 * One that is prepared would keep the history's row locked: it is recorded behind it.
 */
bool
alone_record_progress(struct alone *alone, struct error *err)
{
    char done[24];
    const char *const values[] = {alone->attempt_id, done, alone->checksum_done};

    if (pg_is_in_transaction(alone->run->session.db) && is_to_be_prepared(alone, alone->done))
        return true;
    snprintf(done, sizeof(done), "%zu", alone->done);
    return command(alone, memory_printf(SQL_PROGRESS, alone->run->session.ledger.history_table), 3,
        values, err);
}

bool
alone_send(struct alone *alone, size_t index, struct error *err)
{
    const struct statement *statement = &alone->script.statements[index];
    struct pg *db = alone->run->session.db;
    AUTO_STRING char *sql = memory_copy(alone->text + statement->offset, statement->size_bytes);
    AUTO_ROWS struct pg_rows *limit = NULL;
    AUTO_REPLY reply = {0};

    bool is_long = statement->is_concurrent && !pg_is_in_transaction(db);
    if (is_long && !long_wait_begin(alone->run, alone->step, statement, &limit, err))
        return false;
    if (!enter_roles(alone, err))
        return false;
    bool is_run = statement->is_copy_in ? pg_run_copy(db, sql, alone->text + statement->data_offset,
                                              statement->data_bytes, &reply, err)
                                        : pg_run(db, sql, &reply, err);
    if (!is_run || (is_long && !long_wait_end(alone->run, limit, err)))
        return false;
    if (reply.kind != PG_REPLY_FAILED)
        return true;
    *err = reply.error;
    run_place_error(alone->run, alone->step, index, reply.position, err);
    return false;
}

/* Refused, as an index is there: the one that this statement built before the run was stopped? */
static bool
was_built_before(
    struct alone *alone, const struct statement *statement, const char *sql, struct error *refusal)
{
    struct error failure = ERROR_INIT;
    bool is_built = false;

    if (!statement->is_run_alone || !alone->step->is_resumed ||
        !error_is_sqlstate(refusal, "42P07"))
        return false;
    if (!concurrent_index_find_built(alone->run, alone->attempt_id, sql, &is_built, &failure)) {
        *refusal = failure;
        return false;
    }
    return is_built;
}

bool
alone_send_outside(struct alone *alone, size_t index, struct error *err)
{
    const struct statement *statement = &alone->script.statements[index];
    AUTO_STRING char *sql = memory_copy(alone->text + statement->offset, statement->size_bytes);

    if (statement->is_run_alone && alone->step->is_resumed &&
        !concurrent_index_sweep(alone->run, alone->attempt_id, sql, err))
        return false;
    if (!alone_send(alone, index, err) && !was_built_before(alone, statement, sql, err))
        return false;
    if (statement->is_run_alone && !concurrent_index_check(alone->run, sql, err)) {
        run_place_error(alone->run, alone->step, index, 0, err);
        return false;
    }
    return true;
}

void
alone_note_done(struct alone *alone, size_t index)
{
    struct step_script *noted = &alone->run->scripts[alone->index];

    alone->done = index + 1;
    if (alone->script.statements[index].control == CONTROL_CHAIN)
        noted->statements_kept = index;
    else if (!pg_is_in_transaction(alone->run->session.db))
        noted->statements_kept = alone->done;
    script_checksum(alone->text, &alone->script, alone->done, alone->checksum_done);
}

bool
alone_run_statement(struct alone *alone, size_t index, struct error *err)
{
    if (!alone_send_outside(alone, index, err))
        return false;
    alone_note_done(alone, index);
    return alone->done == alone->script.count ||
           (leave_roles(alone, err) && alone_record_progress(alone, err));
}

/* The row's checksum is of what has run: whoever asks what failed needs the whole file's. */
#define SQL_FAIL                                                                                   \
    "UPDATE %s\n"                                                                                  \
    "   SET outcome = 'failed', finished_at = clock_timestamp(),\n"                                \
    "       error = coalesce(error, '{}') || $2::jsonb\n"                                          \
    "               || jsonb_build_object('file_checksum', $3::text)\n"                            \
    " WHERE id = $1"

static void
record_failure(struct alone *alone, const struct error *failure)
{
    AUTO_STRING char *json = run_error_json(failure);
    const char *const values[] = {alone->attempt_id, json, step_file(alone->step)->checksum};
    struct error err = ERROR_INIT;
    struct pg *db = alone->run->session.db;

    if (failure->kind == ERROR_CONNECTION || pg_is_lost(db))
        return;
    if (pg_is_in_transaction(db) && !pg_command(db, "ROLLBACK", 0, NULL, &err))
        return;
    const struct session *session = &alone->run->session;
    AUTO_STRING char *sql = memory_printf(SQL_FAIL, session->ledger.history_table);
    if ((session->is_pooled || leave_roles(alone, &err)) &&
        session_command(session, sql, ARRAY_LENGTH(values), values, &err))
        return;
    error_prefix(&err, "the failure could not be entered into the history");
    tell(alone->run->listener, &(struct event){.kind = EVENT_WARNING, .text = err.message});
}

#define SQL_CLEAN                                                                                  \
    "UPDATE %s\n"                                                                                  \
    "   SET dirty = false\n"                                                                       \
    " WHERE version = $1 AND dirty"

/* golang-migrate's table is empty where there is no version. */
#define SQL_EMPTY                                                                                  \
    "DELETE FROM %s\n"                                                                             \
    " WHERE version = $1 AND dirty"

#define SQL_FINISH                                                                                 \
    "UPDATE %s\n"                                                                                  \
    "   SET outcome = 'applied', statements_done = statements_total, checksum = $2,\n"             \
    "       error = NULL, finished_at = clock_timestamp()\n"                                       \
    " WHERE id = $1\n"                                                                             \
    "RETURNING (extract(epoch FROM finished_at - started_at) * 1000)::bigint"

static bool
finish(struct alone *alone, int64_t *duration_ms, struct error *err)
{
    const struct run *run = alone->run;
    const char *const version[] = {alone->to};
    const char *const values[] = {alone->attempt_id, step_file(alone->step)->checksum};
    const char *table = run->session.ledger.version_table;
    AUTO_STRING char *sql = memory_printf(SQL_FINISH, run->session.ledger.history_table);
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!session_begin(&run->session, err))
        return false;
    bool is_good =
        (alone->step->is_late || command(alone,
                                     alone->step->has_to ? memory_printf(SQL_CLEAN, table)
                                                         : memory_printf(SQL_EMPTY, table),
                                     1, version, err)) &&
        pg_query(run->session.db, sql, 2, values, &rows, err);
    if (!session_end(&run->session, is_good, err))
        return false;
    *duration_ms = pg_rows_count(rows) > 0 ? pg_rows_number(rows, 0, 0) : 0;
    return true;
}

/*
 * What is done up to a COMMIT committed with it: only the mark behind it is
 * missing. To run it again it needs a transaction, above all COMMIT AND CHAIN.
 */
static bool
reopen(struct alone *alone, struct error *err)
{
    if (!alone->step->is_resumed || alone->done == alone->script.count)
        return true;
    enum statement_control next = alone->script.statements[alone->done].control;
    if (next != CONTROL_COMMIT && next != CONTROL_CHAIN)
        return true;
    return pg_command(alone->run->session.db, "BEGIN", 0, NULL, err);
}

bool
alone_repeat_settings(struct alone *alone, size_t end, struct error *err)
{
    for (size_t i = 0; i < end; i++) {
        if (alone->script.statements[i].is_setting && !alone_send(alone, i, err))
            return false;
    }
    return true;
}

static bool
run_statements(struct alone *alone, struct error *err)
{
    bool is_pooled = alone->run->session.is_pooled;

    if (is_pooled ? !alone_pooled_resume(alone, err)
                  : (!set_timeouts(alone, err) || !alone_repeat_settings(alone, alone->done, err)))
        return false;
    if (!reopen(alone, err))
        return false;
    for (size_t i = alone->done; i < alone->script.count; i++) {
        if (signals_is_stop_requested())
            return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
        if (is_pooled ? !alone_pooled_statement(alone, i, err)
                      : !alone_run_statement(alone, i, err))
            return false;
    }
    if (!pg_is_in_transaction(alone->run->session.db))
        return true;
    error_set(err, ERROR_DATABASE, "the file ends inside a transaction");
    error_hint(err, "Add COMMIT at the end of the file.");
    error_place(err, step_file(alone->step)->name, 0, 0);
    return false;
}

static void
tell_resumed(const struct alone *alone)
{
    if (!alone->step->is_resumed)
        return;
    AUTO_STRING char *text = memory_printf("%s goes on at statement %zu of %zu, where an earlier "
                                           "run stopped",
        alone->step->migration->name, alone->done + 1, alone->script.count);
    tell(alone->run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

bool
alone_step(struct run *run, size_t index, struct error *err)
{
    const struct step *step = &run->plan->steps[index];
    const struct migration_file *file = step_file(step);
    AUTO_ALONE alone = {.run = run, .step = step, .index = index, .done = step->statements_done};
    size_t size = 0;
    int64_t duration_ms = 0;

    if (!catalog_text(run->catalog, file, &alone.text, &size, &alone.owned_text, err))
        return false;
    if (!script_parse(file->name, alone.text, size, &alone.script, err))
        return false;
    snprintf(alone.version, sizeof(alone.version), "%" PRId64, step->migration->version);
    snprintf(alone.from, sizeof(alone.from), "%" PRId64, step->from);
    snprintf(alone.to, sizeof(alone.to), "%" PRId64, step->has_to ? step->to : -1);
    snprintf(alone.attempt_id, sizeof(alone.attempt_id), "%" PRId64, step->attempt_id);
    script_checksum(alone.text, &alone.script, alone.done, alone.checksum_done);

    run_tell_started(run, step);
    tell_resumed(&alone);
    if (!start(&alone, err))
        return false;
    if (!run_statements(&alone, err)) {
        watcher_explain(&run->watcher, err);
        record_failure(&alone, err);
        return false;
    }
    if ((!run->session.is_pooled && !session_reset(&run->session, err)) ||
        !finish(&alone, &duration_ms, err))
        return false;
    run_tell_applied(run, step, duration_ms);
    return true;
}
