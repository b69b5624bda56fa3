/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapter/clock.h"
#include "adapter/digest.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "engine/login.h"
#include "engine/session.h"

enum {
    FIRST_POLL_MS = 20,
    LONGEST_POLL_MS = 1000,
    SAY_EVERY_MS = 10 * 1000,
    SAY_SMALL_POOL_MS = 5 * 1000,
    LOCK_CONNECT_MS = 10 * 1000,
};

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

void
session_find_lock_keys(struct session *session)
{
    AUTO_STRING char *path = memory_printf("/%s", pg_database(session->db));

    session->lock_keys[0] = session_lock_key(session->ledger.schema, session->ledger.table, path);
    session->lock_keys[1] =
        session_lock_key(session->ledger.schema, session->ledger.table, path + 1);
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

/*
 * The same, for as long as a transaction of `lock_db` is open. In the simple
 * protocol and READ COMMITTED, such a transaction has no snapshot that a
 * concurrent index build would wait for.
 */
#define SQL_TRY_POOLED                                                                             \
    "BEGIN ISOLATION LEVEL READ COMMITTED;\n"                                                      \
    "SELECT count(set_config(name, '0', true))\n"                                                  \
    "  FROM pg_settings\n"                                                                         \
    " WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout');\n"             \
    "SELECT pg_try_advisory_xact_lock(%" PRId64 ") AND pg_try_advisory_xact_lock(%" PRId64 ")"

static void
tell_small_pool(void *context, int64_t waited_ms)
{
    const struct session *session = context;
    AUTO_STRING char *text = memory_printf("waiting for a second connection of the pooler's, for "
                                           "%" PRId64 " s now: a run needs two of them at once",
        waited_ms / 1000);

    tell(session->listener, &(struct event){.kind = EVENT_WARNING, .text = text});
}

/* PgBouncer's word for a client that waited for one of its connections to the server in vain. */
static void
explain_small_pool(struct error *err)
{
    if (err->kind != ERROR_CONNECTION || strstr(err->message, "query_wait_timeout") == NULL)
        return;
    *err = ERROR_INIT;
    error_set(err, ERROR_TIMEOUT,
        "the pooler gave us no second connection within its query_wait_timeout");
    error_hint(err, "A run needs two of them at once, one for the migration lock: raise "
                    "default_pool_size or max_db_connections, or connect to the server itself.");
}

/* On one of our two connections, which wait for each other where the pool has but one. */
static bool
run_pooled(struct session *session,
    struct pg *db,
    const char *sql,
    struct pg_reply *reply,
    struct error *err)
{
    pg_watch(db, SAY_SMALL_POOL_MS, tell_small_pool, session);
    bool is_run = pg_run(db, sql, reply, err);
    pg_watch(db, 0, NULL, NULL);
    if (is_run && reply->kind != PG_REPLY_FAILED)
        return true;
    if (is_run)
        *err = reply->error;
    explain_small_pool(err);
    return false;
}

static bool
try_pooled_lock(struct session *session, bool *is_locked, struct error *err)
{
    AUTO_STRING char *sql =
        memory_printf(SQL_TRY_POOLED, session->lock_keys[0], session->lock_keys[1]);
    AUTO_REPLY reply = {0};
    AUTO_REPLY ended = {0};
    AUTO_REPLY answer = {0};

    if (session->lock_db == NULL &&
        !login_connect(session->config, METADATA_PATIENT, LOCK_CONNECT_MS, &session->lock_db, err))
        return error_prefix(err, "no second connection, to hold the migration lock");
    if (!run_pooled(session, session->lock_db, sql, &reply, err))
        return error_prefix(err, "cannot ask for the migration lock");
    *is_locked = pg_rows_boolean(reply.rows, 0, 0);
    if (!*is_locked)
        return run_pooled(session, session->lock_db, "ROLLBACK", &ended, err);
    session->is_locked[0] = session->is_locked[1] = true;
    pg_depend(session->db, session->lock_db);
    return run_pooled(session, session->db, "SELECT", &answer, err);
}

#define SQL_LOOK_AGAIN "SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL"

/* Whoever held the lock before us may have made the tables. */
bool
session_look_again(struct session *session, struct error *err)
{
    struct ledger *ledger = &session->ledger;
    const char *const values[] = {ledger->version_table, ledger->history_table};
    AUTO_ROWS struct pg_rows *rows = NULL;

    if (ledger->has_version_table && ledger->has_history_table)
        return true;
    if (!session_query(session, SQL_LOOK_AGAIN, ARRAY_LENGTH(values), values, &rows, err))
        return error_prefix(err, "cannot look for the tables");
    ledger->has_version_table = pg_rows_boolean(rows, 0, 0);
    ledger->has_history_table = pg_rows_boolean(rows, 0, 1);
    return true;
}

/* A bigint key stands in pg_locks as two halves. */
#define SQL_HOLDER                                                                                 \
    SQL_AS_LOGIN                                                                                   \
    "SELECT a.pid, coalesce(nullif(a.application_name, ''), 'unknown'), a.usename, a.state,\n"     \
    "       extract(epoch FROM clock_timestamp() - a.backend_start)::bigint\n"                     \
    "  FROM pg_locks AS l\n"                                                                       \
    "  JOIN pg_stat_activity AS a USING (pid)\n"                                                   \
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1\n"                            \
    "   AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())\n"       \
    "   AND l.classid = 0 AND l.objid::bigint IN (%" PRId64 ", %" PRId64 ")\n"                     \
    "   AND a.pid <> pg_backend_pid()\n"                                                           \
    " LIMIT 1"

static bool
describe_holder(struct session *session, struct text *holder, struct error *err)
{
    AUTO_STRING char *sql = memory_printf(SQL_HOLDER, session->lock_keys[0], session->lock_keys[1]);
    AUTO_REPLY reply = {0};

    if (!pg_run(session->db, sql, &reply, err))
        return false;
    if (reply.kind == PG_REPLY_FAILED) {
        *err = reply.error;
        return false;
    }
    const struct pg_rows *rows = reply.rows;
    text_clear(holder);
    if (pg_rows_count(rows) == 0) {
        text_puts(holder, "a session that has just ended");
        return true;
    }
    text_printf(holder, "pid %s (%s, %s)", pg_rows_text(rows, 0, 0), pg_rows_text(rows, 0, 1),
        pg_rows_text(rows, 0, 2));
    if (!pg_rows_is_null(rows, 0, 3)) /* else it is another role's, and hidden from us */
        text_printf(
            holder, ", %s, connected for %s s", pg_rows_text(rows, 0, 3), pg_rows_text(rows, 0, 4));
    return true;
}

/* The server's silence is its own matter; but the time is over. */
static bool
fail_asking(int64_t until_ms, struct error *err)
{
    if (err->kind == ERROR_CONNECTION && clock_monotonic_ms() >= until_ms)
        err->kind = ERROR_TIMEOUT;
    return false;
}

static bool
poll_lock(struct session *session, int64_t until_ms, struct error *err)
{
    int64_t said_ms = INT64_MIN / 2;
    int64_t wait_ms = FIRST_POLL_MS;
    AUTO_TEXT holder = TEXT_INIT;

    for (;;) {
        bool is_locked = false;
        if (!session->is_pooled) /* a pooler may have no connection to give for long */
            session_limit(session, until_ms);
        bool is_asked = session->is_pooled ? try_pooled_lock(session, &is_locked, err)
                                           : try_lock(session, &is_locked, err);
        if (!is_asked)
            return fail_asking(until_ms, err);
        if (is_locked)
            return session_look_again(session, err);
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (left_ms <= 0 || clock_monotonic_ms() - said_ms >= SAY_EVERY_MS) {
            if (!describe_holder(session, &holder, err))
                return fail_asking(until_ms, err);
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

bool
session_lock(struct session *session, struct error *err)
{
    int64_t until_ms = clock_monotonic_ms() + session->config->lock_timeout_ms;

    if (session->is_standby) {
        error_set(err, ERROR_PLAN, "%s is a read-only standby", pg_host(session->db));
        return error_hint(err, "Name the primary, or both hosts: host=a,b "
                               "target_session_attrs=read-write.");
    }
    if (session->is_locked[0] && session->is_locked[1])
        return true; /* and what was seen then was seen after that */
    bool is_good = poll_lock(session, until_ms, err);
    pg_limit(session->db, 0);
    return is_good;
}
