/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/clock.h"
#include "adapter/digest.h"
#include "adapter/signals.h"
#include "base/memory.h"

enum {
    OLDEST_SERVER = 130000,
    ATTEMPT_MS = 10 * 1000,
    FIRST_WAIT_MS = 100,
    LONGEST_WAIT_MS = 2000,
    FIRST_POLL_MS = 20,
    LONGEST_POLL_MS = 1000,
    SAY_EVERY_MS = 10 * 1000,
};

const char *const SESSION_RESETS[] = {
    "CLOSE ALL",
    "RESET SESSION AUTHORIZATION",
    "RESET ROLE",
    "RESET ALL",
    "DISCARD TEMP",
    NULL,
};

void
session_close(struct session *session)
{
    pg_close(session->db);
    pg_close(session->connecting);
    ledger_done(&session->ledger);
    *session = (struct session){0};
}

static void
hear_notice(const struct pg_notice *notice, void *context)
{
    const struct session *session = context;

    tell(session->listener, &(struct event){
                                .kind = EVENT_NOTICE,
                                .text = notice->message,
                                .migration = session->migration,
                                .severity = notice->severity,
                                .sqlstate = notice->sqlstate,
                                .detail = notice->detail,
                                .hint = notice->hint,
                                .context = notice->context,
                            });
}

static struct pg *
start_connecting(struct session *session)
{
    struct pg_target target = {
        .conninfo = session->config->url.conninfo,
        .on_notice = hear_notice,
        .notice_context = session,
    };

    return pg_connect_start(&target);
}

void
session_start(const struct config *config, const struct listener *listener, struct session *session)
{
    *session = (struct session){.config = config, .listener = listener};
    session->connecting = start_connecting(session);
}

static bool
connect_with_patience(struct session *session, struct error *err)
{
    const struct config *config = session->config;
    int64_t attempt_ms = ATTEMPT_MS;
    int64_t until_ms = clock_monotonic_ms() + config->wait_timeout_ms;
    int64_t said_ms = INT64_MIN / 2;
    int64_t wait_ms = FIRST_WAIT_MS;

    for (;;) {
        bool is_worth_waiting = false;
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (left_ms > FIRST_WAIT_MS && left_ms < ATTEMPT_MS)
            attempt_ms = left_ms;
        if (session->connecting == NULL)
            session->connecting = start_connecting(session);
        if (pg_connect_finish(&session->connecting, attempt_ms, &is_worth_waiting, err)) {
            session->db = TAKE(session->connecting);
            return true;
        }
        left_ms = until_ms - clock_monotonic_ms();
        if (!is_worth_waiting)
            return false;
        if (left_ms <= 0) {
            if (config->wait_timeout_ms > 0)
                error_prefix(err, "no database within %" PRId64 " s (--wait-timeout)",
                    config->wait_timeout_ms / 1000);
            return false;
        }
        if (clock_monotonic_ms() - said_ms >= SAY_EVERY_MS) {
            said_ms = clock_monotonic_ms();
            tell(session->listener,
                &(struct event){.kind = EVENT_DATABASE_WAITING, .error = err, .left_ms = left_ms});
        }
        int64_t pause_ms = wait_ms / 2 + clock_jitter((uint32_t)(wait_ms / 2));
        if (!signals_sleep(pause_ms < left_ms ? pause_ms : left_ms, err))
            return false;
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
    }
}

static void
add_setting(struct session *session, const char *name, const char *value)
{
    if (session->settings_count == SESSION_VALUES_MAX)
        return;
    session->settings_names[session->settings_count] = name;
    session->settings_values[session->settings_count++] = value;
}

void
session_add_settings(const struct session *session, size_t first, struct text *sql)
{
    for (size_t i = 0; i < session->settings_count; i++)
        text_printf(sql, "%sset_config('%s', $%zu, false)", i > 0 ? ", " : "",
            session->settings_names[i], first + i);
}

bool
session_reset(struct session *session, struct error *err)
{
    AUTO_TEXT sql = TEXT_INIT;

    for (size_t i = 0; SESSION_RESETS[i] != NULL; i++) {
        if (!pg_command(session->db, SESSION_RESETS[i], 0, NULL, err))
            return false;
    }
    session->is_prepared = false;
    if (!pg_command(session->db, "DEALLOCATE ALL", 0, NULL, err))
        return false;
    text_puts(&sql, "SELECT ");
    session_add_settings(session, 1, &sql);
    return pg_command(
        session->db, text_string(&sql), session->settings_count, session->settings_values, err);
}

/* client_connection_check_interval is added once it is known that the server has it. */
static void
choose_settings(struct session *session)
{
    const struct config *config = session->config;

    snprintf(session->lock_timeout_text, sizeof(session->lock_timeout_text), "%" PRId64 "ms",
        config->ddl_lock_timeout_ms);
    snprintf(session->statement_timeout_text, sizeof(session->statement_timeout_text),
        "%" PRId64 "ms", config->statement_timeout_ms);
    add_setting(session, "lock_timeout", session->lock_timeout_text);
    add_setting(session, "statement_timeout", session->statement_timeout_text);
    add_setting(session, "idle_in_transaction_session_timeout", "0");
    for (size_t i = 0; i < config->url.settings_count; i++)
        add_setting(session, config->url.settings[i].name, config->url.settings[i].value);
}

/*
 * One row. client_connection_check_interval (since 14, and not on every system)
 * ends the backend of a killed job within a second, and its lock with it. The
 * schema is where golang-migrate's table is, or will be: the
 * first of the search path that exists.
 */
#define SQL_LOOK_AROUND                                                                            \
    "SELECT name,\n"                                                                               \
    "       pg_is_in_recovery(),\n"                                                                \
    "       current_setting('synchronous_commit'),\n"                                              \
    "       CASE WHEN name IS NOT NULL\n"                                                          \
    "            THEN to_regclass(format('%I.%I', name, $2::text)) IS NOT NULL END,\n"             \
    "       CASE WHEN name IS NOT NULL\n"                                                          \
    "            THEN to_regclass(format('%I.pgstride_history', name)) IS NOT NULL END,\n"         \
    "       CASE WHEN current_setting('client_connection_check_interval', true) IS NOT NULL\n"     \
    "             AND version() ~ 'linux'\n"                                                       \
    "            THEN set_config('client_connection_check_interval', '1s', false) END\n"           \
    "  FROM coalesce($1, current_schema()) AS name"

static bool
read_surroundings(struct session *session, const struct pg_rows *rows, struct error *err)
{
    struct ledger *ledger = &session->ledger;
    const char *commit = pg_rows_text(rows, 0, 2);

    if (pg_rows_is_null(rows, 0, 0)) {
        error_set(err, ERROR_PLAN, "no schema of the search_path exists");
        return error_hint(err, "Create it first (CREATE SCHEMA), or name another with search_path= "
                               "in the URL.");
    }
    AUTO_STRING char *schema = pg_quote_identifier(session->db, pg_rows_text(rows, 0, 0));
    AUTO_STRING char *table = pg_quote_identifier(session->db, session->config->table);
    ledger->schema = memory_string(pg_rows_text(rows, 0, 0));
    ledger->table = memory_string(session->config->table);
    ledger->version_table = memory_printf("%s.%s", schema, table);
    ledger->history_table = memory_printf("%s.pgstride_history", schema);
    ledger->has_version_table = pg_rows_boolean(rows, 0, 3);
    ledger->has_history_table = pg_rows_boolean(rows, 0, 4);
    if (!pg_rows_is_null(rows, 0, 5))
        add_setting(session, "client_connection_check_interval", "1s");
    session->is_standby = pg_rows_boolean(rows, 0, 1);
    session->is_commit_async = strcmp(commit, "off") == 0;

    AUTO_STRING char *path = memory_printf("/%s", pg_database(session->db));
    session->lock_keys[0] = session_lock_key(ledger->schema, ledger->table, path);
    session->lock_keys[1] = session_lock_key(ledger->schema, ledger->table, path + 1);
    return true;
}

static bool
look_around(struct session *session, struct error *err)
{
    const char *const values[] = {session->config->url.schema, session->config->table};
    AUTO_REPLY reply = {0};
    AUTO_TEXT settings = TEXT_INIT;

    text_puts(&settings, "SELECT ");
    session_add_settings(session, 1, &settings);

    if (!pg_pipeline_enter(session->db, err))
        return false;
    if (!pg_pipeline_send(session->db, text_string(&settings), session->settings_count,
            session->settings_values, err))
        return false;
    if (!pg_pipeline_send(session->db, SQL_LOOK_AROUND, 2, values, err))
        return false;
    if (!pg_pipeline_sync(session->db, err))
        return false;
    bool is_read = false;
    struct error refusal = ERROR_INIT;
    for (int owed = 3; owed > 0; owed--) {
        if (!pg_pipeline_receive(session->db, true, &reply, err))
            return false;
        if (reply.kind == PG_REPLY_FAILED)
            refusal = reply.error;
        if (owed == 2 && reply.kind == PG_REPLY_DONE)
            is_read = read_surroundings(session, reply.rows, &refusal);
    }
    if (!pg_pipeline_leave(session->db, err))
        return false;
    if (is_read)
        return true;
    *err = refusal;
    return error_prefix(err, "cannot prepare the session");
}

bool
session_open(struct session *session, struct error *err)
{
    if (!connect_with_patience(session, err))
        return false;
    if (pg_server_version(session->db) < OLDEST_SERVER) {
        int version = pg_server_version(session->db);
        error_set(err, ERROR_PLAN, "the server is PostgreSQL %d.%d, which is too old",
            version / 10000, version >= 100000 ? version % 10000 : version / 100 % 100);
        return error_hint(err, "pgstride needs PostgreSQL 13 or newer.");
    }
    choose_settings(session);
    return look_around(session, err);
}

uint32_t
session_lock_key(const char *schema, const char *table, const char *database)
{
    enum { SALT = 1486364155 };
    AUTO_TEXT joined = TEXT_INIT;

    text_add(&joined, schema, strlen(schema) + 1);
    text_add(&joined, table, strlen(table) + 1);
    text_puts(&joined, database);
    return digest_crc32(joined.data, joined.size_bytes) * (uint32_t)SALT;
}

#define SQL_TRY_LOCK "SELECT pg_try_advisory_lock($1)"

/* Take what is missing of the two keys, the command line's first. */
static bool
try_lock(struct session *session, bool *is_locked, struct error *err)
{
    *is_locked = false;
    for (size_t i = 0; i < ARRAY_LENGTH(session->lock_keys); i++) {
        char key[24];
        const char *const values[] = {key};
        AUTO_ROWS struct pg_rows *rows = NULL;
        if (session->is_locked[i])
            continue;
        snprintf(key, sizeof(key), "%" PRId64, session->lock_keys[i]);
        if (!pg_query(session->db, SQL_TRY_LOCK, 1, values, &rows, err))
            return error_prefix(err, "cannot ask for the migration lock");
        session->is_locked[i] = pg_rows_boolean(rows, 0, 0);
        if (!session->is_locked[i])
            return true;
    }
    *is_locked = true;
    return true;
}

#define SQL_LOOK_AGAIN "SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL"

/* Whoever held the lock before us may have made the tables. */
static bool
look_again(struct session *session, struct error *err)
{
    struct ledger *ledger = &session->ledger;
    const char *const values[] = {ledger->version_table, ledger->history_table};
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (ledger->has_version_table && ledger->has_history_table)
        return true;
    if (!pg_query(session->db, SQL_LOOK_AGAIN, ARRAY_LENGTH(values), values, &rows, err))
        return error_prefix(err, "cannot look for the tables");
    ledger->has_version_table = pg_rows_boolean(rows, 0, 0);
    ledger->has_history_table = pg_rows_boolean(rows, 0, 1);
    return true;
}

/* A bigint key stands in pg_locks as two halves. */
#define SQL_HOLDER                                                                                 \
    "SELECT a.pid, coalesce(nullif(a.application_name, ''), 'unknown'), a.usename,\n"              \
    "       coalesce(a.state, 'unknown'),\n"                                                       \
    "       extract(epoch FROM clock_timestamp() - a.backend_start)::bigint\n"                     \
    "  FROM pg_locks AS l\n"                                                                       \
    "  JOIN pg_stat_activity AS a USING (pid)\n"                                                   \
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1\n"                            \
    "   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())\n"       \
    "   AND l.classid = 0 AND l.objid::bigint IN ($1, $2)\n"                                       \
    "   AND a.pid <> pg_backend_pid()\n"                                                           \
    " LIMIT 1"

static bool
describe_holder(struct session *session, struct text *holder, struct error *err)
{
    char first[24];
    char second[24];
    const char *const values[] = {first, second};
    AUTO_ROWS struct pg_rows *rows = NULL;

    snprintf(first, sizeof(first), "%" PRId64, session->lock_keys[0]);
    snprintf(second, sizeof(second), "%" PRId64, session->lock_keys[1]);
    if (!pg_query(session->db, SQL_HOLDER, 2, values, &rows, err))
        return false;
    text_clear(holder);
    if (pg_rows_count(rows) == 0)
        text_puts(holder, "a session that has just ended");
    else
        text_printf(holder, "pid %s (%s, %s), %s, connected for %s s", pg_rows_text(rows, 0, 0),
            pg_rows_text(rows, 0, 1), pg_rows_text(rows, 0, 2), pg_rows_text(rows, 0, 3),
            pg_rows_text(rows, 0, 4));
    return true;
}

bool
session_lock(struct session *session, struct error *err)
{
    int64_t until_ms = clock_monotonic_ms() + session->config->lock_timeout_ms;
    int64_t said_ms = INT64_MIN / 2;
    int64_t wait_ms = FIRST_POLL_MS;
    AUTO_TEXT holder = TEXT_INIT;

    if (session->is_standby) {
        error_set(err, ERROR_PLAN, "%s is a read-only standby", pg_host(session->db));
        return error_hint(err, "Name the primary, or both hosts: host=a,b "
                               "target_session_attrs=read-write.");
    }
    for (;;) {
        bool is_locked = false;
        if (!try_lock(session, &is_locked, err))
            return false;
        if (is_locked)
            return look_again(session, err);
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (left_ms <= 0 || clock_monotonic_ms() - said_ms >= SAY_EVERY_MS) {
            if (!describe_holder(session, &holder, err))
                return false;
        }
        if (left_ms <= 0) {
            error_set(err, ERROR_TIMEOUT,
                "another run holds the migration lock since before we came, %" PRId64 " s ago: %s",
                session->config->lock_timeout_ms / 1000, text_string(&holder));
            return error_hint(err, "Let it finish and run again, or wait longer with "
                                   "--lock-timeout.");
        }
        if (clock_monotonic_ms() - said_ms >= SAY_EVERY_MS) {
            said_ms = clock_monotonic_ms();
            tell(session->listener,
                &(struct event){
                    .kind = EVENT_LOCK_WAITING, .text = text_string(&holder), .left_ms = left_ms});
        }
        int64_t pause_ms = wait_ms / 2 + clock_jitter((uint32_t)(wait_ms / 2) + 1);
        if (!signals_sleep(pause_ms < left_ms ? pause_ms : left_ms, err))
            return false;
        wait_ms = wait_ms * 2 < LONGEST_POLL_MS ? wait_ms * 2 : LONGEST_POLL_MS;
    }
}
