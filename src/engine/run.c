/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json.h"
#include "base/memory.h"
#include "base/text.h"

/*
 * The guards. A statement in a pipeline cannot look at the one before it, so
 * each fails by itself, by a division by zero (22012), when the version is not
 * where the plan found it.
 */
#define SQL_GUARD                                                                                  \
    "WITH moved AS (\n"                                                                            \
    "    UPDATE %s\n"                                                                              \
    "       SET version = $1\n"                                                                    \
    "     WHERE version = $2 AND NOT dirty\n"                                                      \
    "    RETURNING version)\n"                                                                     \
    "SELECT 1 / count(*)\n"                                                                        \
    "  FROM moved"

/* No version yet, so no row to hold: the table is locked first. */
#define SQL_LOCK_TABLE "LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE"

#define SQL_GUARD_FIRST                                                                            \
    "WITH moved AS (\n"                                                                            \
    "    UPDATE %s\n"                                                                              \
    "       SET version = $1\n"                                                                    \
    "     WHERE version < 0 AND NOT dirty\n"                                                       \
    "    RETURNING version),\n"                                                                    \
    "added AS (\n"                                                                                 \
    "    INSERT INTO %s (version, dirty)\n"                                                        \
    "    SELECT $1, false\n"                                                                       \
    "     WHERE NOT EXISTS (SELECT FROM %s)\n"                                                     \
    "    RETURNING version)\n"                                                                     \
    "SELECT 1 / count(*)\n"                                                                        \
    "  FROM (TABLE moved UNION ALL TABLE added) AS changed"

/* A late file leaves the version: its row is held, and the history asked again. */
#define SQL_GUARD_LATE                                                                             \
    "SELECT 1 / count(*)\n"                                                                        \
    "  FROM (SELECT\n"                                                                             \
    "          FROM %s\n"                                                                          \
    "         WHERE version = $1 AND NOT dirty\n"                                                  \
    "           FOR UPDATE) AS held"

#define SQL_GUARD_UNAPPLIED                                                                        \
    "SELECT 1 / CASE WHEN coalesce((\n"                                                            \
    "           SELECT direction = 'up'\n"                                                         \
    "             FROM %s\n"                                                                       \
    "            WHERE migrations_table = $1 AND version = $2\n"                                   \
    "              AND outcome IN ('applied', 'adopted', 'forced')\n"                              \
    "            ORDER BY id DESC\n"                                                               \
    "            LIMIT 1), false) THEN 0 ELSE 1 END"

/* The settings follow, in the same statement: one message less. */
#define SQL_RECORD                                                                                 \
    "INSERT INTO %s (migrations_table, version, name, direction, checksum,\n"                      \
    "       statements_total, statements_done, outcome, finished_at,\n"                            \
    "       run_id, runner, tool_version)\n"                                                       \
    "VALUES ($1, $2, $3, 'up', $4, $5, $5, 'applied', clock_timestamp(), $6, $7, $8)\n"            \
    "RETURNING (extract(epoch FROM finished_at - started_at) * 1000)::bigint,\n       "

void
run_forget_sql(struct run *run)
{
    free(run->sql_guard);
    free(run->sql_guard_first);
    free(run->sql_guard_late);
    free(run->sql_guard_unapplied);
    free(run->sql_lock_table);
    free(run->sql_record);
    free(run->sql_record_async);
    run->sql_guard = NULL;
    run->sql_guard_first = NULL;
    run->sql_guard_late = NULL;
    run->sql_guard_unapplied = NULL;
    run->sql_lock_table = NULL;
    run->sql_record = NULL;
    run->sql_record_async = NULL;
}

void
run_write_sql(struct run *run)
{
    const struct ledger *ledger = &run->session.ledger;
    AUTO_TEXT record = TEXT_INIT;

    run_forget_sql(run);
    run->sql_guard = memory_printf(SQL_GUARD, ledger->version_table);
    run->sql_guard_first = memory_printf(
        SQL_GUARD_FIRST, ledger->version_table, ledger->version_table, ledger->version_table);
    run->sql_guard_late = memory_printf(SQL_GUARD_LATE, ledger->version_table);
    run->sql_guard_unapplied = memory_printf(SQL_GUARD_UNAPPLIED, ledger->history_table);
    run->sql_lock_table = memory_printf(SQL_LOCK_TABLE, ledger->version_table);
    text_printf(&record, SQL_RECORD, ledger->history_table);
    session_add_settings(&run->session, RECORD_VALUES + 1, &record);
    run->sql_record_async =
        memory_printf("%s, set_config('synchronous_commit', 'off', true)", text_string(&record));
    if (run->session.is_commit_async)
        text_puts(&record, ", set_config('synchronous_commit', 'on', true)");
    run->sql_record = text_take(&record);
}

void
run_place_error(const struct run *run,
    const struct step *step,
    size_t statement,
    size_t position,
    struct error *err)
{
    const struct migration_file *file = &step->migration->up;
    AUTO_SCRIPT script = {0};
    AUTO_STRING char *owned = NULL;
    struct error ignored = ERROR_INIT;
    const char *text = NULL;
    size_t size = 0;

    error_place(err, file->name, 0, 0);
    err->statement = statement + 1;
    if (!catalog_text(run->catalog, file, &text, &size, &owned, &ignored) ||
        !script_parse(file->name, text, size, &script, &ignored) || statement >= script.count)
        return;

    const struct statement *refused = &script.statements[statement];
    size_t within =
        position == 0 ? 0 : utf8_offset(text + refused->offset, refused->size_bytes, position - 1);
    error_show_source(err, text, size, refused->offset + within);
    if (position == 0)
        err->caret = 0;
}

char *
run_error_json(const struct error *failure)
{
    AUTO_JSON json_t *json = json_object();

    json_put_string(json, "sqlstate", failure->sqlstate);
    json_put_string(json, "message", failure->message);
    json_put_string(json, "detail", failure->detail);
    json_put_string(json, "file", failure->file);
    if (failure->line > 0)
        json_put_number(json, "line", (int64_t)failure->line);
    if (failure->statement > 0)
        json_put_number(json, "statement", (int64_t)failure->statement);
    return json_to_string(json);
}

#define SQL_RECORD_FAILURE                                                                         \
    "INSERT INTO %s (migrations_table, version, name, direction, checksum,\n"                      \
    "       statements_total, statements_done, outcome, error, finished_at,\n"                     \
    "       run_id, runner, tool_version)\n"                                                       \
    "VALUES ($1, $2, $3, 'up', $4, $5, 0, 'failed', $6, clock_timestamp(), $7, $8, $9)"

void
run_record_failure(struct run *run, const struct step *step, const struct error *failure)
{
    const struct migration *migration = step->migration;
    AUTO_STRING char *error = run_error_json(failure);
    const char *durably = run->session.is_commit_async
                              ? " RETURNING set_config('synchronous_commit', 'on', true)"
                              : "";
    AUTO_STRING char *sql =
        memory_printf(SQL_RECORD_FAILURE "%s", run->session.ledger.history_table, durably);
    struct error err = ERROR_INIT;
    char version[24];
    char total[24];

    if (pg_is_lost(run->session.db))
        return;
    snprintf(version, sizeof(version), "%" PRId64, migration->version);
    snprintf(total, sizeof(total), "%zu", run->scripts[step - run->plan->steps].statements);
    const char *const values[] = {run->session.ledger.table, version, migration->name,
        migration->up.checksum, total, error, run->identity->run_id, run->identity->runner,
        PGSTRIDE_VERSION};

    if (pg_command(run->session.db, sql, ARRAY_LENGTH(values), values, &err))
        return;
    error_prefix(&err, "the failure could not be entered into the history");
    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = err.message});
}

void
run_tell_started(struct run *run, const struct step *step)
{
    run->session.migration = step->migration->name;
    tell(run->listener, &(struct event){
                            .kind = EVENT_MIGRATION_STARTED,
                            .migration = step->migration->name,
                            .version = step->migration->version,
                            .statements = run->scripts[step - run->plan->steps].statements,
                        });
}

void
run_tell_applied(struct run *run, const struct step *step, int64_t duration_ms)
{
    run->applied++;
    tell(run->listener, &(struct event){
                            .kind = EVENT_MIGRATION_APPLIED,
                            .migration = step->migration->name,
                            .version = step->migration->version,
                            .statements = run->scripts[step - run->plan->steps].statements,
                            .duration_ms = duration_ms,
                            .has_wanted = true,
                            .wanted = step->is_late ? step->from : step->migration->version,
                        });
}
