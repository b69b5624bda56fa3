/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session_greeting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void
add_setting(struct session *session, const char *name, const char *value)
{
    if (session->settings_count == SESSION_VALUES_MAX)
        return;
    session->settings_names[session->settings_count] = name;
    session->settings_values[session->settings_count++] = value;
}

/*
 * A machine that vanishes says no goodbye. Within half a minute the server ends the session,
 * and its lock with it; by itself it would keep it for two hours. A wait in a query too is
 * over then, by client_connection_check_interval, which is added once it is known that the
 * server has it.
 */
static void
choose_patience(struct session *session)
{
    add_setting(session, "tcp_keepalives_idle", "10s");
    add_setting(session, "tcp_keepalives_interval", "5s");
    add_setting(session, "tcp_keepalives_count", "4");
    add_setting(session, "tcp_user_timeout", "30s");
}

static void
choose_settings(struct session *session)
{
    const struct config *config = session->config;

    session->settings_count = 0;
    snprintf(session->lock_timeout_text, sizeof(session->lock_timeout_text), "%" PRId64 "ms",
        config->ddl_lock_timeout_ms);
    snprintf(session->statement_timeout_text, sizeof(session->statement_timeout_text),
        "%" PRId64 "ms", config->statement_timeout_ms);
    add_setting(session, "lock_timeout", session->lock_timeout_text);
    add_setting(session, "statement_timeout", session->statement_timeout_text);
    add_setting(session, "idle_in_transaction_session_timeout", "0");
    if (pg_server_version(session->db) >= 140000)
        add_setting(session, "idle_session_timeout", "0");
    if (pg_server_version(session->db) >= 170000)
        add_setting(session, "transaction_timeout", "0");
    choose_patience(session);
    for (size_t i = 0; i < config->url.settings_count; i++)
        add_setting(session, config->url.settings[i].name, config->url.settings[i].value);
    if (config->role != NULL) {
        AUTO_STRING char *role = pg_quote_identifier(session->db, config->role);
        free(session->set_role);
        session->set_role = memory_printf("SET ROLE %s", role);
        add_setting(session, "role", config->role);
    }
}

static void
name_ledger(struct session *session, const char *schema)
{
    struct ledger *ledger = &session->ledger;
    AUTO_STRING char *quoted = pg_quote_identifier(session->db, schema);
    AUTO_STRING char *table = pg_quote_identifier(session->db, session->config->table);

    ledger->schema = memory_string(schema);
    ledger->table = memory_string(session->config->table);
    ledger->version_table = memory_printf("%s.%s", quoted, table);
    ledger->history_table = memory_printf("%s.pgstride_history", quoted);
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
    "            THEN set_config('client_connection_check_interval', '1s',\n"                      \
    "                            pg_backend_pid() <> $3::int) END,\n"                              \
    "       pg_backend_pid() <> $3::int,\n"                                                        \
    "       current_setting('role'),\n"                                                            \
    "       CASE WHEN name IS NOT NULL\n"                                                          \
    "            THEN row_security_active(to_regclass(format('%I.%I', name, $2::text))) END,\n"    \
    "       CASE WHEN name IS NOT NULL\n"                                                          \
    "            THEN row_security_active(\n"                                                      \
    "                     to_regclass(format('%I.pgstride_history', name))) END,\n"                \
    "       pg_postmaster_start_time()\n"                                                          \
    "  FROM coalesce($1, current_schema()) AS name"

/* A version that is not seen would be taken for none, and all be run again. */
static bool
refuse_hidden_rows(const struct ledger *ledger, struct error *err)
{
    error_set(err, ERROR_PLAN, "row-level security may hide rows of %s and of %s",
        ledger->version_table, ledger->history_table);
    return error_hint(err,
        "Let their owner say, of each: ALTER TABLE … DISABLE ROW LEVEL SECURITY; "
        "or run as the owner: --role.");
}

bool
session_check_shown(const struct ledger *ledger, const struct history *history, struct error *err)
{
    if ((ledger->may_hide_version && !history->has_version) ||
        (ledger->may_hide_history && history->count == 0))
        return refuse_hidden_rows(ledger, err);
    return true;
}

static bool
read_surroundings(struct session *session, const struct pg_rows *rows, struct error *err)
{
    const char *commit = pg_rows_text(rows, 0, 2);

    if (pg_rows_is_null(rows, 0, 0)) {
        AUTO_STRING char *user = pg_show_identifier(session->db, pg_user(session->db));
        error_set(err, ERROR_PLAN, "no schema of the search_path exists, or may be used");
        return error_hint(err,
            "Create it first (CREATE SCHEMA), or let its owner say: GRANT USAGE, CREATE ON SCHEMA "
            "%s TO %s; or name another with search_path= in the URL.",
            session->ledger.schema, user);
    }
    if (strcmp(session->ledger.schema, pg_rows_text(rows, 0, 0)) != 0) {
        ledger_done(&session->ledger);
        name_ledger(session, pg_rows_text(rows, 0, 0));
    }
    session->ledger.may_hide_version = pg_rows_boolean(rows, 0, 8);
    session->ledger.may_hide_history = pg_rows_boolean(rows, 0, 9);
    session->ledger.has_version_table = pg_rows_boolean(rows, 0, 3);
    session->ledger.has_history_table = pg_rows_boolean(rows, 0, 4);
    if (!pg_rows_is_null(rows, 0, 5))
        add_setting(session, "client_connection_check_interval", "1s");
    session->is_pooled = pg_rows_boolean(rows, 0, 6);
    free(session->server_since);
    session->server_since = memory_string(pg_rows_text(rows, 0, 10));
    free(session->role);
    session->role = memory_string(
        session->config->role != NULL ? session->config->role : pg_rows_text(rows, 0, 7));
    if (session->is_pooled && session->set_role != NULL) {
        AUTO_STRING char *for_session = session->set_role;
        session->set_role = memory_printf("SET LOCAL%s", for_session + strlen("SET"));
    }
    session->is_standby = pg_rows_boolean(rows, 0, 1);
    session->is_commit_async = strcmp(commit, "off") == 0;
    session_find_lock_keys(session);
    return true;
}

/* The lock, if the schema is the one that we think, and the session ours; as far as each key is
 * free. */
#define SQL_LOCK_AHEAD                                                                             \
    "SELECT CASE WHEN coalesce($1, current_schema()) = $2 AND NOT pg_is_in_recovery()\n"           \
    "             AND pg_backend_pid() = $5::int\n"                                                \
    "            THEN CASE WHEN NOT pg_try_advisory_lock($3) THEN 0\n"                             \
    "                      WHEN NOT pg_try_advisory_lock($4) THEN 1\n"                             \
    "                      ELSE 2 END END"

/* One message of the greeting, and what is done with its answer. */
enum greeting_part { GREETING_SETTINGS, GREETING_LOCK, GREETING_LOOK, GREETING_HISTORY };

static bool
send_greeting(struct session *session, enum session_purpose purpose, struct error *err)
{
    const struct config *config = session->config;
    AUTO_TEXT settings = TEXT_INIT;
    AUTO_STRING char *history = history_query(&session->ledger, purpose == SESSION_TO_READ);
    char keys[2][24];
    char pid[16];
    bool is_drained = false; /* or the rest goes out as the answer is waited for */
    const char *const look[] = {config->url.schema, config->table, pid};
    const char *const lock[] = {config->url.schema, session->ledger.schema, keys[0], keys[1], pid};
    const char *const table[] = {config->table};

    /* Behind a pooler nothing may be set for the session: it is others' too. */
    snprintf(pid, sizeof(pid), "%d", pg_backend_pid(session->db));
    AUTO_STRING char *is_pooled = memory_printf("pg_backend_pid() <> (%s)", pid);
    text_puts(&settings, "SELECT ");
    session_add_settings(session, 1, is_pooled, &settings);
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
        snprintf(keys[i], sizeof(keys[i]), "%" PRId64, session->lock_keys[i]);
    if (!pg_pipeline_enter(session->db, PG_ROWS_ALL, err))
        return false;
    if (!pg_pipeline_send(session->db, text_string(&settings), session->settings_count,
            session->settings_values, err))
        return false;
    if (!pg_pipeline_send(session->db, purpose == SESSION_TO_RUN ? SQL_LOCK_AHEAD : "SELECT 0",
            purpose == SESSION_TO_RUN ? ARRAY_LENGTH(lock) : 0, lock, err))
        return false;
    if (!pg_pipeline_send(session->db, SQL_LOOK_AROUND, ARRAY_LENGTH(look), look, err))
        return false;
    /* Where there are no tables yet it fails, for itself. */
    return pg_pipeline_sync(session->db, err) &&
           pg_pipeline_send(
               session->db, history, session->ledger.has_history_table ? 1 : 0, table, err) &&
           pg_pipeline_sync(session->db, err) && pg_pipeline_write(session->db, &is_drained, err);
}

static bool
hear_greeting(struct session *session,
    enum greeting_part part,
    const struct pg_reply *reply,
    struct error *refusal)
{
    if (reply->kind == PG_REPLY_FAILED && part != GREETING_HISTORY) {
        *refusal = reply->error;
        return false;
    }
    if (reply->kind != PG_REPLY_DONE)
        return true;
    if (part == GREETING_LOCK) {
        int64_t got = pg_rows_number(reply->rows, 0, 0);
        session->is_locked[0] = got >= 1;
        session->is_locked[1] = got >= 2;
    } else if (part == GREETING_LOOK) {
        return read_surroundings(session, reply->rows, refusal);
    } else if (part == GREETING_HISTORY) {
        session->greeted = history_read(reply->rows);
    }
    return true;
}

/* The answers come in order, one a message, and one a sync. */
static bool
read_greeting(struct session *session, struct error *err)
{
    enum greeting_part part = GREETING_SETTINGS;
    struct error refusal = ERROR_INIT;
    bool is_good = true;

    for (int syncs = 0; syncs < 2;) {
        AUTO_REPLY reply = {0};
        if (!pg_pipeline_receive(session->db, true, &reply, err))
            return false;
        if (reply.kind == PG_REPLY_SYNCED)
            syncs++;
        else if (is_good)
            is_good = hear_greeting(session, part++, &reply, &refusal);
    }
    if (!pg_pipeline_leave(session->db, err))
        return false;
    if (is_good)
        return true;
    *err = refusal;
    error_prefix(err, "cannot prepare the session");
    if (session->config->role != NULL && err->hint[0] == '\0')
        error_hint(err, "Can %s take the role of --role? GRANT it to the login, or name another.",
            pg_user(session->db));
    return false;
}

/* Our guess, before the server said: from the URL, or what nearly everybody has. */
static char *
guess_schema(const struct config *config)
{
    if (config->url.schema != NULL)
        return memory_string(config->url.schema);
    for (size_t i = 0; i < config->url.settings_count; i++) {
        const char *path = config->url.settings[i].value;
        if (strcmp(config->url.settings[i].name, "search_path") == 0)
            return memory_copy(path, strcspn(path, ", "));
    }
    return memory_string("public");
}

bool
session_greet(struct session *session, enum session_purpose purpose, struct error *err)
{
    AUTO_STRING char *guess = guess_schema(session->config);

    choose_settings(session);
    ledger_done(&session->ledger);
    name_ledger(session, guess);
    session->ledger.has_history_table = purpose != SESSION_TO_TELL;
    session_find_lock_keys(session);
    return send_greeting(session, purpose, err);
}

bool
session_hear_greeting(struct session *session, enum session_purpose purpose, struct error *err)
{
    AUTO_STRING char *guess = memory_string(session->ledger.schema);

    if (!read_greeting(session, err))
        return false;
    if (purpose == SESSION_TO_RUN &&
        (session->ledger.may_hide_version || session->ledger.may_hide_history))
        return refuse_hidden_rows(&session->ledger, err);
    if (purpose == SESSION_TO_TELL)
        session->ledger.may_hide_history = false; /* it is not asked */
    bool is_guessed = strcmp(session->ledger.schema, guess) == 0;
    if (!is_guessed || (purpose == SESSION_TO_RUN && !session->is_locked[1])) {
        /* Of another schema, or from before the lock. */
        history_free(TAKE(session->greeted));
    }
    return true;
}
