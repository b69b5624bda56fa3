/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/alone_pooled.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapter/clock.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "base/text.h"

enum { LOOK_AGAIN_MS = 100 };

static bool
set_timeout(struct alone *alone, const char *name, int64_t value_ms, struct error *err)
{
    AUTO_STRING char *sql = memory_printf("SET LOCAL %s = '%" PRId64 "ms'", name, value_ms);

    return value_ms < 0 || pg_command(alone->run->session.db, sql, 0, NULL, err);
}

/* In a transaction that was just opened: what statement `index` is to find. */
static bool
make_settings(struct alone *alone, size_t index, struct error *err)
{
    return session_set_local(&alone->run->session, err) &&
           set_timeout(alone, "lock_timeout", alone->script.lock_timeout_ms, err) &&
           set_timeout(alone, "statement_timeout", alone->script.statement_timeout_ms, err) &&
           alone_repeat_settings(alone, index, err);
}

/* Before a COMMIT: whatever the file set or took on is not to be found by others. */
static bool
take_back(struct alone *alone, struct error *err)
{
    const struct session *session = &alone->run->session;

    if (!pg_command(session->db, "SET CONSTRAINTS ALL IMMEDIATE", 0, NULL, err)) {
        error_prefix(err, "a deferred constraint, checked at the end");
        return false;
    }
    for (size_t i = 0; session_reset_sql(session, i) != NULL; i++) {
        if (!pg_command(session->db, session_reset_sql(session, i), 0, NULL, err))
            return error_prefix(err, "the session could not be reset");
    }
    return true;
}

static bool
record(struct alone *alone, struct error *err)
{
    const struct session *session = &alone->run->session;

    if (pg_is_in_transaction(session->db))
        return alone_record_progress(alone, err);
    pg_hold(session->db, true);
    bool is_recorded =
        session_begin(session, err) &&
        session_end(
            session, alone_write_progress(alone, alone->done, alone->checksum_done, err), err);
    pg_hold(session->db, false);
    if (is_recorded)
        alone->run->heard.recorded = alone->done;
    return is_recorded;
}

/* The statement and its progress in one transaction: never one without the other. */
static bool
run_in_transaction(struct alone *alone, size_t index, struct error *err)
{
    const struct session *session = &alone->run->session;
    size_t done = alone->done;
    char checksum[DIGEST_HEX_BYTES];

    memcpy(checksum, alone->checksum_done, sizeof(checksum));
    if (!session_begin(session, err))
        return false;
    bool is_good =
        make_settings(alone, index, err) && alone_send(alone, index, err) && take_back(alone, err);
    if (is_good) {
        alone_note_done(alone, index);
        is_good = alone_write_progress(alone, alone->done, alone->checksum_done, err);
    }
    if (session_end(session, is_good, err)) {
        alone_note_done(alone, index);
        alone->run->heard.recorded = alone->done;
        return true;
    }
    alone->done = done;
    memcpy(alone->checksum_done, checksum, sizeof(checksum));
    return false;
}

/* What a bare statement finds, and what it is to find, both as the server writes them. */
static bool
compare_settings(const struct run *run,
    const char *const *values,
    struct pg_rows **found,
    struct pg_rows **wanted,
    struct error *err)
{
    const struct session *session = &run->session;
    AUTO_TEXT ask = TEXT_INIT;
    AUTO_TEXT set = TEXT_INIT;

    text_puts(&ask, "SELECT ");
    for (size_t i = 0; i < session->settings_count; i++)
        text_printf(
            &ask, "%scurrent_setting('%s', true)", i > 0 ? ", " : "", session->settings_names[i]);
    text_puts(&set, "SELECT ");
    session_add_settings(session, 1, "true", &set);
    if (!pg_command(session->db, "BEGIN", 0, NULL, err))
        return false;
    bool is_good =
        pg_query(session->db, text_string(&ask), 0, NULL, found, err) &&
        pg_query(session->db, text_string(&set), session->settings_count, values, wanted, err);
    return session_end(session, is_good, err);
}

static bool
is_to_be_found(const char *name, const struct statement *statement)
{
    if (strcmp(name, "lock_timeout") == 0)
        return statement->is_concurrent;
    return strcmp(name, "idle_in_transaction_session_timeout") != 0 &&
           strcmp(name, "idle_session_timeout") != 0 &&
           strcmp(name, "client_connection_check_interval") != 0 && strncmp(name, "tcp_", 4) != 0;
}

static bool
refuse_setting(const struct run *run,
    const char *name,
    const char *found,
    const char *wanted,
    struct error *err)
{
    AUTO_STRING char *user = pg_show_identifier(run->session.db, pg_user(run->session.db));

    error_set(err, ERROR_PLAN,
        "it runs outside a transaction, where nothing can be set behind a pooler: %s is to be "
        "%s%s%s, and is %s%s%s",
        name, *wanted == '\0' ? "'" : "", wanted, *wanted == '\0' ? "'" : "",
        *found == '\0' ? "'" : "", found, *found == '\0' ? "'" : "");
    return error_hint(err,
        "Connect to the server itself; or let the login have it: ALTER ROLE %s SET %s = …, and "
        "let the pooler connect anew.",
        user, name);
}

/* Does a bare statement find what it needs? A concurrent build waits for locks without limit. */
static bool
check_settings(const struct run *run,
    const struct script *script,
    const struct statement *statement,
    struct error *err)
{
    const struct session *session = &run->session;
    const char *values[SESSION_VALUES_MAX];
    char timeout[24];
    AUTO_ROWS struct pg_rows *found = NULL;
    AUTO_ROWS struct pg_rows *wanted = NULL;

    snprintf(timeout, sizeof(timeout), "%" PRId64 "ms", script->statement_timeout_ms);
    for (size_t i = 0; i < session->settings_count; i++) {
        values[i] = session->settings_values[i];
        if (strcmp(session->settings_names[i], "lock_timeout") == 0)
            values[i] = "0";
        if (strcmp(session->settings_names[i], "statement_timeout") == 0 &&
            script->statement_timeout_ms >= 0)
            values[i] = timeout;
    }
    if (!compare_settings(run, values, &found, &wanted, err))
        return false;
    for (size_t i = 0; i < session->settings_count; i++) {
        const char *is = pg_rows_text(found, 0, i);
        const char *should = pg_rows_text(wanted, 0, i);
        if (is_to_be_found(session->settings_names[i], statement) && strcmp(is, should) != 0)
            return refuse_setting(run, session->settings_names[i], is, should, err);
    }
    return true;
}

/* May statement `index` run bare? */
static bool
check_bare(const struct run *run,
    const struct step *step,
    const struct script *script,
    size_t index,
    struct error *err)
{
    bool is_good = check_settings(run, script, &script->statements[index], err);

    for (size_t i = 0; i < index && is_good; i++) {
        if (!script->statements[i].is_setting)
            continue;
        error_set(err, ERROR_PLAN,
            "it runs outside a transaction, where nothing can be set behind a pooler: what line "
            "%zu sets would not hold for it",
            script->statements[i].line);
        is_good = error_hint(err, "Connect to the server itself; or put the statement into a file "
                                  "without settings.");
    }
    if (!is_good && err->kind == ERROR_PLAN)
        run_place_error(run, step, index, 0, err);
    return is_good;
}

bool
alone_pooled_check(
    const struct run *run, const struct step *step, const struct script *script, struct error *err)
{
    for (size_t i = step->statements_done; i < script->count; i++) {
        if (script->statements[i].is_run_alone && !check_bare(run, step, script, i, err))
            return false;
    }
    return true;
}

static bool
run_bare(struct alone *alone, size_t index, struct error *err)
{
    if (!check_bare(alone->run, alone->step, &alone->script, index, err) ||
        !alone_send_outside(alone, index, err))
        return false;
    alone_note_done(alone, index);
    return record(alone, err);
}

/* Inside a transaction of the file's own, which one session serves to its end. */
static bool
run_inside(struct alone *alone, size_t index, struct error *err)
{
    enum statement_control control = alone->script.statements[index].control;
    bool is_end =
        control == CONTROL_COMMIT || control == CONTROL_CHAIN || control == CONTROL_PREPARE;

    if (control == CONTROL_NONE)
        return alone_run_statement(alone, index, err);
    if (is_end && !take_back(alone, err))
        return false;
    if (!alone_send(alone, index, err))
        return false;
    if (control == CONTROL_CHAIN && !make_settings(alone, index, err))
        return false;
    alone_note_done(alone, index);
    return record(alone, err);
}

static bool
is_refused_in_transaction(const struct error *err)
{
    return error_is_sqlstate(err, "25001") || error_is_sqlstate(err, "2D000");
}

bool
alone_pooled_statement(struct alone *alone, size_t index, struct error *err)
{
    const struct statement *statement = &alone->script.statements[index];

    if (pg_is_in_transaction(alone->run->session.db))
        return run_inside(alone, index, err);
    if (statement->is_setting) { /* made anew for each statement that follows */
        alone_note_done(alone, index);
        return record(alone, err);
    }
    if (statement->control == CONTROL_BEGIN) {
        if (!alone_send(alone, index, err) || !make_settings(alone, index, err))
            return false;
        alone_note_done(alone, index);
        return record(alone, err);
    }
    if (statement->is_run_alone || statement->control != CONTROL_NONE)
        return run_bare(alone, index, err);
    if (run_in_transaction(alone, index, err))
        return true;
    if (!is_refused_in_transaction(err) || pg_is_lost(alone->run->session.db))
        return false;
    *err = ERROR_INIT;
    return run_bare(alone, index, err);
}

/*
 * A killed job's lock goes at once with the connection that held it; what it ran
 * bare goes on in its backend, which nobody listens to. By its name, and its text, which the
 * server cuts at a size, between two characters.
 */
#define SQL_CANCEL_LEFT                                                                            \
    "SELECT count(pg_cancel_backend(pid))\n"                                                       \
    "  FROM pg_stat_activity\n"                                                                    \
    " WHERE datname = current_database() AND usename = session_user AND state = 'active'\n"        \
    "   AND application_name = current_setting('application_name')\n"                              \
    "   AND pid <> pg_backend_pid()\n"                                                             \
    "   AND (query = $1 OR (starts_with($1, query) AND octet_length(query) > (\n"                  \
    "           SELECT setting::int - 5\n"                                                         \
    "             FROM pg_settings\n"                                                              \
    "            WHERE name = 'track_activity_query_size')))"

/* As the login: its default role may neither see nor cancel what the login runs. */
static bool
cancel_left(const struct session *session, const char *sql, size_t *count, struct error *err)
{
    const char *const values[] = {sql};
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (!session_begin(session, err))
        return false;
    bool is_good = pg_command(session->db, "SET LOCAL ROLE none", 0, NULL, err) &&
                   pg_query(session->db, SQL_CANCEL_LEFT, ARRAY_LENGTH(values), values, &rows, err);
    if (!session_end(session, is_good, err))
        return false;
    *count = (size_t)pg_rows_number(rows, 0, 0);
    return true;
}

bool
alone_pooled_resume(struct alone *alone, struct error *err)
{
    const struct session *session = &alone->run->session;
    int64_t until_ms = clock_monotonic_ms() + session->config->lock_timeout_ms;

    if (!alone->step->is_resumed || alone->done == alone->script.count)
        return true;
    const struct statement *next = &alone->script.statements[alone->done];
    AUTO_STRING char *sql = memory_copy(alone->text + next->offset, next->size_bytes);
    for (;;) {
        size_t count = 0;
        if (!cancel_left(session, sql, &count, err))
            return error_prefix(err, "cannot look for what an earlier run left running");
        if (count == 0)
            return true;
        if (clock_monotonic_ms() >= until_ms)
            return error_set(err, ERROR_TIMEOUT,
                "what an earlier run left running did not end when it was cancelled");
        if (!signals_sleep(LOOK_AGAIN_MS, err))
            return false;
    }
}
