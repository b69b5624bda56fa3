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

/* No version any more: golang-migrate's table is then empty. */
#define SQL_GUARD_LAST                                                                             \
    "WITH removed AS (\n"                                                                          \
    "    DELETE FROM %s\n"                                                                         \
    "     WHERE version = $1 AND NOT dirty\n"                                                      \
    "    RETURNING version)\n"                                                                     \
    "SELECT 1 / count(*)\n"                                                                        \
    "  FROM removed"

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
    "       run_id, runner, tool_version%s)\n"                                                     \
    "VALUES ($1, $2, $3, $4, $5, $6, $6, 'applied', clock_timestamp(), $7, $8, $9%s)\n"            \
    "RETURNING (extract(epoch FROM finished_at - started_at) * 1000)::bigint,\n       "

/* now() is the time of the one transaction: from the second step on it says too much. */
#define SQL_STARTED_BEHIND_LAST                                                                    \
    ", coalesce((\n"                                                                               \
    "           SELECT finished_at\n"                                                              \
    "             FROM (SELECT run_id, finished_at FROM %s ORDER BY id DESC LIMIT 1) AS last\n"    \
    "            WHERE last.run_id = $7), now())"

static void
forget_sql(struct run *run)
{
    free(run->history_table);
    free(run->sql_guard);
    free(run->sql_guard_first);
    free(run->sql_guard_last);
    free(run->sql_guard_late);
    free(run->sql_guard_unapplied);
    free(run->sql_lock_table);
    free(run->sql_record);
    free(run->sql_record_async);
    free(run->sql_record_atomic);
    run->history_table = NULL;
    run->sql_guard = NULL;
    run->sql_guard_first = NULL;
    run->sql_guard_last = NULL;
    run->sql_guard_late = NULL;
    run->sql_guard_unapplied = NULL;
    run->sql_lock_table = NULL;
    run->sql_record = NULL;
    run->sql_record_async = NULL;
    run->sql_record_atomic = NULL;
}

static char *
write_record(const struct run *run, const char *column, const char *value, const char *setting)
{
    AUTO_TEXT record = TEXT_INIT;

    text_printf(&record, SQL_RECORD, run->session.ledger.history_table, column, value);
    session_add_settings(
        &run->session, RECORD_VALUES + 1, run->session.is_pooled ? "true" : "false", &record);
    text_puts(&record, setting);
    return text_take(&record);
}

/* Write the SQL that names our tables; again after each new session. */
static void
write_sql(struct run *run)
{
    const struct ledger *ledger = &run->session.ledger;
    AUTO_STRING char *behind_last = memory_printf(SQL_STARTED_BEHIND_LAST, ledger->history_table);
    const char *durably =
        run->session.is_commit_async ? ", set_config('synchronous_commit', 'on', true)" : "";

    forget_sql(run);
    run->history_table = memory_string(ledger->history_table);
    run->sql_guard = memory_printf(SQL_GUARD, ledger->version_table);
    run->sql_guard_first = memory_printf(
        SQL_GUARD_FIRST, ledger->version_table, ledger->version_table, ledger->version_table);
    run->sql_guard_last = memory_printf(SQL_GUARD_LAST, ledger->version_table);
    run->sql_guard_late = memory_printf(SQL_GUARD_LATE, ledger->version_table);
    run->sql_guard_unapplied = memory_printf(SQL_GUARD_UNAPPLIED, ledger->history_table);
    run->sql_lock_table = memory_printf(SQL_LOCK_TABLE, ledger->version_table);
    run->sql_record = write_record(run, "", "", durably);
    run->sql_record_async =
        write_record(run, "", "", ", set_config('synchronous_commit', 'off', true)");
    run->sql_record_atomic = write_record(run, ", started_at", behind_last, durably);
}

/* The line of the statement of a step's file that begins with `query`; 0: there is none. */
static size_t
find_line(const struct run *run, const struct step *step, const char *query)
{
    const struct migration_file *file = step_file(step);
    AUTO_SCRIPT script = {0};
    AUTO_STRING char *owned = NULL;
    struct error ignored = ERROR_INIT;
    const char *text = NULL;
    size_t size = 0;

    if (!catalog_text(run->catalog, file, &text, &size, &owned, &ignored) ||
        !script_parse(file->name, text, size, &script, &ignored))
        return 0;
    for (size_t i = 0; i < script.count; i++) {
        if (strncmp(text + script.statements[i].offset, query, strlen(query)) == 0)
            return script.statements[i].line;
    }
    return 0;
}

static struct watched
describe_watched(const struct step *step, size_t line)
{
    return (struct watched){step->migration->name, step->migration->version, line};
}

/* For the watcher. The server may be some steps ahead of what we heard of it. */
static bool
look_up(void *context, const char *query, struct watched *watched)
{
    enum { STEPS_AHEAD = 100 };
    const struct run *run = context;

    if (run->watched_step == NULL)
        return false;
    *watched = describe_watched(run->watched_step, 0);
    size_t first = (size_t)(run->watched_step - run->plan->steps);
    for (size_t i = first; i < run->plan->count && i - first < STEPS_AHEAD; i++) {
        size_t line = find_line(run, &run->plan->steps[i], query);
        if (line == 0)
            continue;
        *watched = describe_watched(&run->plan->steps[i], line);
        break;
    }
    return true;
}

static void
start_watch(struct run *run)
{
    enum { LOOK_MS = 100 };

    watcher_done(&run->watcher);
    run->watched_step = NULL;
    run->watcher = (struct watcher){
        .config = run->config,
        .listener = run->listener,
        .watched_db = run->session.db,
        .is_pooled = run->session.is_pooled,
        .look_up = look_up,
        .context = run,
    };
    pg_watch(run->session.db, LOOK_MS, watcher_look, &run->watcher);
}

void
run_done(struct run *run)
{
    watcher_done(&run->watcher);
    effects_done(&run->effects);
    session_close(&run->session);
    history_free(run->history);
    plan_free(run->plan);
    free(run->scripts);
    forget_sql(run);
}

bool
run_open(struct run *run, struct error *err)
{
    if (run->session.db == NULL) {
        if (!session_is_started(&run->session))
            session_start(run->config, run->listener, &run->session);
        run->session.lost = &run->lost;
        if (!session_open(&run->session, SESSION_TO_RUN, err))
            return false;
        if (!session_lock(&run->session, err))
            return false;
        write_sql(run);
        start_watch(run);
    }
    history_release(&run->history);
    /* The greeting's does not say which run it was: after a lost connection that counts. */
    if (run->plan != NULL)
        history_release(&run->session.greeted);
    return session_history(&run->session, run->plan != NULL, &run->history, err);
}

bool
run_check_resumable(
    const struct step *step, const char *text, const struct script *script, struct error *err)
{
    char checksum[DIGEST_HEX_BYTES] = "";

    if (!step->is_resumed)
        return true;
    if (step->statements_done <= script->count)
        script_checksum(text, script, step->statements_done, checksum);
    if (step->checksum_done != NULL && strcmp(checksum, step->checksum_done) == 0)
        return true;
    error_set(err, ERROR_PLAN,
        "%s was edited within its first %zu statements, which ran before, outside a transaction",
        step_file(step)->name, step->statements_done);
    return error_hint(err, "Put them back as they were and run again: it goes on behind them. "
                           "Make the change in a new migration.");
}

void
run_place_error(const struct run *run,
    const struct step *step,
    size_t statement,
    size_t position,
    struct error *err)
{
    const struct migration_file *file = step_file(step);
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

    script_place_error(&script, text, size, statement, position, err);
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
    AUTO_JSON json_t *hidden = json_hide_secrets(json);
    return json_to_string(hidden);
}

#define SQL_RECORD_FAILURE                                                                         \
    "INSERT INTO %s (migrations_table, version, name, direction, checksum,\n"                      \
    "       statements_total, statements_done, outcome, error, finished_at,\n"                     \
    "       run_id, runner, tool_version)\n"                                                       \
    "VALUES ($1, $2, $3, $4, $5, $6, 0, 'failed', $7, clock_timestamp(), $8, $9, $10)"

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
        run_direction(step), step_file(step)->checksum, total, error, run->identity->run_id,
        run->identity->runner, PGSTRIDE_VERSION};

    if (session_command(&run->session, sql, ARRAY_LENGTH(values), values, &err))
        return;
    error_prefix(&err, "the failure could not be entered into the history");
    tell(run->listener, &(struct event){.kind = EVENT_WARNING, .text = err.message});
}

const char *
run_direction(const struct step *step)
{
    return step->is_down ? "down" : "up";
}

size_t
run_current(const struct run *run)
{
    return run->started > run->applied ? run->started : run->applied;
}

void
run_tell_started(struct run *run, const struct step *step)
{
    const struct step_script *script = &run->scripts[step - run->plan->steps];

    run->started = (size_t)(step - run->plan->steps);
    run->session.migration = step->migration->name;
    run->watched_step = step;
    run->watcher.lock_timeout_ms =
        script->lock_timeout_ms >= 0 ? script->lock_timeout_ms : run->config->ddl_lock_timeout_ms;
    tell(run->listener, &(struct event){
                            .kind = EVENT_MIGRATION_STARTED,
                            .migration = step->migration->name,
                            .version = step->migration->version,
                            .is_down = step->is_down,
                            .statements = script->statements,
                            .has_from = step->has_from,
                            .from = step->from,
                        });
}

void
run_tell_applied(struct run *run, const struct step *step, int64_t duration_ms)
{
    notices_end(&run->session.notices, run->listener);
    run->applied++;
    run->watched_step = NULL;
    run->watcher.is_alert = false;
    tell(run->listener, &(struct event){
                            .kind = EVENT_MIGRATION_APPLIED,
                            .migration = step->migration->name,
                            .version = step->migration->version,
                            .is_down = step->is_down,
                            .statements = run->scripts[step - run->plan->steps].statements,
                            .duration_ms = duration_ms,
                            .has_wanted = step->has_to,
                            .wanted = step->to,
                        });
}
