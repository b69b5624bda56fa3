/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapter/clock.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "engine/alone_internal.h"
#include "engine/login.h"

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
    "        jsonb_build_object('session', $10::jsonb, 'invalid_before', coalesce(\n"              \
    "            (SELECT jsonb_agg(indexrelid::bigint)\n"                                          \
    "               FROM pg_index\n"                                                               \
    "              WHERE NOT indisvalid), '[]')))\n"                                               \
    "RETURNING id"

/*
 * "since": the row's last change before the statement that was under way when the
 * run stopped. What is newer is that statement's.
 */
#define SQL_START_AGAIN                                                                            \
    "WITH taken AS (\n"                                                                            \
    "    UPDATE %s\n"                                                                              \
    "       SET outcome = 'started', checksum = $2, statements_total = $3, statements_done = "     \
    "$7,\n"                                                                                        \
    "           error = jsonb_build_object('session', $9::jsonb,\n"                                \
    "               'invalid_before', error -> 'invalid_before',\n"                                \
    "               'removing', coalesce(error -> 'removing', '{}'),\n"                            \
    "               'since', CASE WHEN outcome = 'started'\n"                                      \
    "                             THEN coalesce(error ->> 'since', xmin::text) END),\n"            \
    "           started_at = now(), finished_at = NULL, run_id = $4, runner = $5,\n"               \
    "           tool_version = $6\n"                                                               \
    "     WHERE id = $1 AND outcome IN ('started', 'failed') AND statements_done = $8\n"           \
    "    RETURNING id)\n"                                                                          \
    "SELECT 1 / count(*)\n"                                                                        \
    "  FROM taken"

#define SQL_OWN_PROCESS                                                                            \
    SQL_AS_LOGIN                                                                                   \
    "SELECT jsonb_build_object('pid', pid, 'backend_start', backend_start)\n"                      \
    "  FROM pg_stat_activity\n"                                                                    \
    " WHERE pid = pg_backend_pid()"

/* The attempt's server process. Behind a pooler it is not ours, and outlives us. */
static bool
find_own_process(struct session *session, struct error *err)
{
    AUTO_REPLY reply = {0};

    if (session->is_pooled || session->own_process != NULL)
        return true;
    if (!pg_run(session->db, SQL_OWN_PROCESS, &reply, err))
        return false;
    if (reply.kind != PG_REPLY_FAILED)
        session->own_process = memory_string(pg_rows_text(reply.rows, 0, 0));
    else
        *err = reply.error;
    return reply.kind != PG_REPLY_FAILED;
}

#define TOOK_OVER "took the migration over"

/* A refused guard tells that another run was there. */
static bool
check_guard(bool is_good, const char *what, struct error *err)
{
    if (!is_good && error_is_sqlstate(err, "22012"))
        return error_set(err, ERROR_MOVED, "another run %s", what);
    return is_good;
}

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
    return check_guard(is_moved, "moved the version", err);
}

static bool
enter_attempt(struct alone *alone, struct error *err)
{
    const struct run *run = alone->run;
    const struct migration *migration = alone->step->migration;
    const char *table = run->session.ledger.history_table;
    AUTO_ROWS struct pg_rows *rows = NULL;
    char total[24];
    char done[24];
    char read[24];

    snprintf(total, sizeof(total), "%zu", alone->script.count);
    if (alone->step->is_resumed) {
        snprintf(done, sizeof(done), "%zu", alone->done);
        snprintf(read, sizeof(read), "%zu", alone->step->statements_done);
        const char *const values[] = {alone->attempt_id, alone->checksum_done, total,
            run->identity->run_id, run->identity->runner, PGSTRIDE_VERSION, done, read,
            run->session.own_process};
        char *again = memory_printf(SQL_START_AGAIN, table);
        return check_guard(
            command(alone, again, ARRAY_LENGTH(values), values, err), TOOK_OVER, err);
    }
    const char *const values[] = {run->session.ledger.table, alone->version, migration->name,
        run_direction(alone->step), alone->checksum_done, total, run->identity->run_id,
        run->identity->runner, PGSTRIDE_VERSION, run->session.own_process};
    AUTO_STRING char *sql = memory_printf(SQL_START, table, table);
    if (!pg_query(run->session.db, sql, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    snprintf(alone->attempt_id, sizeof(alone->attempt_id), "%s", pg_rows_text(rows, 0, 0));
    alone->run->heard.attempt_id = pg_rows_number(rows, 0, 0);
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

bool
alone_start(struct alone *alone, struct error *err)
{
    struct session *session = &alone->run->session;
    bool is_started =
        find_own_process(session, err) && session_begin(session, err) &&
        session_end(session,
            move_version(alone, err) && enter_attempt(alone, err) && check_may_empty(alone, err),
            err);

    if (is_started)
        alone->run->heard.recorded = alone->done;
    return is_started;
}

/* A run that lost the migration lock, but not its connection, may be at it still. */
#define SQL_EARLIER                                                                                \
    "SELECT error #>> '{session,pid}', quote_literal(error #>> '{session,backend_start}')\n"       \
    "  FROM %s\n"                                                                                  \
    " WHERE id = $1 AND outcome = 'started'\n"                                                     \
    "   AND (error #>> '{session,pid}')::int <> pg_backend_pid()"
#define SQL_IS_THERE                                                                               \
    SQL_AS_LOGIN                                                                                   \
    "SELECT\n"                                                                                     \
    "  FROM pg_stat_activity\n"                                                                    \
    " WHERE pid = %" PRId64 " AND backend_start = %s"

/* By the history; as the login, from which alone another session of its own is not hidden. */
static bool
find_earlier(const struct alone *alone, bool *is_there, int64_t *pid, struct error *err)
{
    const struct session *session = &alone->run->session;
    AUTO_STRING char *sql = memory_printf(SQL_EARLIER, session->ledger.history_table);
    const char *const values[] = {alone->attempt_id};
    AUTO_ROWS struct pg_rows *rows = NULL;
    AUTO_REPLY reply = {0};

    *is_there = false;
    if (!session_query(session, sql, ARRAY_LENGTH(values), values, &rows, err))
        return false;
    if (pg_rows_count(rows) == 0 || pg_rows_is_null(rows, 0, 1))
        return true;
    *pid = pg_rows_number(rows, 0, 0);
    AUTO_STRING char *look = memory_printf(SQL_IS_THERE, *pid, pg_rows_text(rows, 0, 1));
    if (!pg_run(session->db, look, &reply, err))
        return false;
    *is_there = reply.kind != PG_REPLY_FAILED && pg_rows_count(reply.rows) > 0;
    if (reply.kind == PG_REPLY_FAILED)
        *err = reply.error;
    return reply.kind != PG_REPLY_FAILED;
}

static void
tell_earlier(const struct alone *alone, int64_t pid)
{
    AUTO_STRING char *text = memory_printf("another run is at %s, by pid %" PRId64
                                           ", without the migration lock, which its file "
                                           "gave up: waiting for its end",
        alone->step->migration->name, pid);

    tell(alone->run->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

bool
alone_wait_for_earlier(struct alone *alone, struct error *err)
{
    enum { LOOK_AGAIN_MS = 100 };
    int64_t until_ms = clock_monotonic_ms() + alone->run->config->lock_timeout_ms;
    bool is_told = false;
    bool is_there = false;
    int64_t pid = 0;

    if (!alone->step->is_resumed)
        return true;
    for (;;) {
        if (!find_earlier(alone, &is_there, &pid, err))
            return error_prefix(err, "cannot look for an earlier run");
        if (!is_there)
            return true;
        if (!is_told)
            tell_earlier(alone, pid);
        is_told = true;
        if (clock_monotonic_ms() >= until_ms)
            return error_set(err, ERROR_TIMEOUT,
                "another run is still at it, by pid %" PRId64 ", and holds no migration lock", pid);
        if (!signals_sleep(LOOK_AGAIN_MS, err))
            return false;
    }
}

#define SQL_PROGRESS                                                                               \
    "WITH recorded AS (\n"                                                                         \
    "    UPDATE %s\n"                                                                              \
    "       SET statements_done = $2, checksum = $3, error = error - 'since' - 'removing'\n"       \
    "     WHERE id = $1 AND run_id = $4\n"                                                         \
    "    RETURNING id)\n"                                                                          \
    "SELECT 1 / count(*)\n"                                                                        \
    "  FROM recorded"

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

bool
alone_write_progress(struct alone *alone, size_t count, const char *checksum, struct error *err)
{
    const struct run *run = alone->run;
    char done[24];
    const char *const values[] = {alone->attempt_id, done, checksum, run->identity->run_id};

    snprintf(done, sizeof(done), "%zu", count);
    char *sql = memory_printf(SQL_PROGRESS, run->session.ledger.history_table);
    return check_guard(command(alone, sql, ARRAY_LENGTH(values), values, err), TOOK_OVER, err) ||
           error_prefix(err, "cannot write the history");
}

/*
 * Inside a transaction of the file's own the progress commits, or goes, with it.
 * One that is prepared would keep the history's row locked: it is recorded behind it.
 */
bool
alone_record_progress(struct alone *alone, struct error *err)
{
    bool is_inside = pg_is_in_transaction(alone->run->session.db);

    if (is_inside && is_to_be_prepared(alone, alone->done))
        return true;
    if (!alone_write_progress(alone, alone->done, alone->checksum_done, err))
        return false;
    if (!is_inside)
        alone->run->heard.recorded = alone->done;
    return true;
}

/* The row's checksum is of what has run: whoever asks what failed needs the whole file's. */
#define SQL_FAIL                                                                                   \
    "UPDATE %s\n"                                                                                  \
    "   SET outcome = 'failed', finished_at = clock_timestamp(),\n"                                \
    "       error = coalesce(error, '{}') || $2::jsonb\n"                                          \
    "               || jsonb_build_object('file_checksum', $3::text)\n"                            \
    " WHERE id = $1 AND run_id = $4"

/* What ran, and could not be recorded at once. */
static bool
record_kept(struct alone *alone, struct error *err)
{
    const struct session *session = &alone->run->session;
    struct heard *heard = &alone->run->heard;

    if (heard->kept <= heard->recorded)
        return true;
    if (session->is_pooled && !session_begin(session, err))
        return false;
    bool is_good = alone_write_progress(alone, heard->kept, heard->checksum_kept, err);
    if (session->is_pooled)
        is_good = session_end(session, is_good, err);
    if (is_good)
        heard->recorded = heard->kept;
    return is_good;
}

void
alone_record_failure(struct alone *alone, const struct error *failure)
{
    AUTO_STRING char *json = run_error_json(failure);
    const char *const values[] = {
        alone->attempt_id, json, step_file(alone->step)->checksum, alone->run->identity->run_id};
    struct error err = ERROR_INIT;
    struct pg *db = alone->run->session.db;

    if (failure->kind == ERROR_CONNECTION || pg_is_lost(db))
        return;
    if (pg_is_in_transaction(db) && !pg_command(db, "ROLLBACK", 0, NULL, &err))
        return;
    pg_rows_release(&alone->roles); /* with the transaction it may be undone that we left them */
    const struct session *session = &alone->run->session;
    AUTO_STRING char *sql = memory_printf(SQL_FAIL, session->ledger.history_table);
    if ((session->is_pooled || alone_leave_roles(alone, &err)) && record_kept(alone, &err) &&
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
    " WHERE id = $1 AND run_id = $3\n"                                                             \
    "RETURNING (extract(epoch FROM finished_at - started_at) * 1000)::bigint"

bool
alone_finish(struct alone *alone, int64_t *duration_ms, struct error *err)
{
    const struct run *run = alone->run;
    const char *const version[] = {alone->to};
    const char *const values[] = {
        alone->attempt_id, step_file(alone->step)->checksum, run->identity->run_id};
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
        pg_query(run->session.db, sql, ARRAY_LENGTH(values), values, &rows, err);
    if (is_good && pg_rows_count(rows) == 0)
        is_good = error_set(err, ERROR_MOVED, "another run " TOOK_OVER);
    if (!session_end(&run->session, is_good, err))
        return false;
    *duration_ms = pg_rows_number(rows, 0, 0);
    return true;
}
