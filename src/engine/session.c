/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/clock.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "engine/login.h"
#include "engine/session_greeting.h"

enum {
    OLDEST_SERVER = 130000,
    ATTEMPT_MS = 10 * 1000,
    FIRST_WAIT_MS = 100,
    LONGEST_WAIT_MS = 2000,
    SAY_EVERY_MS = 10 * 1000,
};

const char *
session_reset_sql(const struct session *session, size_t index)
{
    bool has_role = session->set_role != NULL && !session->is_pooled;
    const char *const resets[] = {
        "CLOSE ALL",
        "RESET SESSION AUTHORIZATION",
        has_role ? session->set_role : "RESET ROLE",
        "RESET ALL",
        "DISCARD TEMP",
        "DISCARD SEQUENCES",
        "UNLISTEN *",
        /* The migration lock is another session's there. */
        session->is_pooled ? "SELECT pg_advisory_unlock_all()" : NULL,
        session->is_pooled ? session->set_role : NULL, /* SET LOCAL */
        NULL,
    };

    return resets[index];
}

void
session_close(struct session *session)
{
    pg_close(session->db);
    pg_close(session->connecting);
    pg_close(session->lock_db);
    ledger_done(&session->ledger);
    history_free(session->greeted);
    free(session->set_role);
    free(session->server_since);
    free(session->own_process);
    free(session->role);
    *session = (struct session){0};
}

static void
hear_notice(const struct pg_notice *notice, void *context)
{
    struct session *session = context;

    notices_hear(&session->notices, session->listener, session->migration, notice);
}

/* One attempt; with --auth each has a token of its own. */
static void
start_connecting(struct session *session)
{
    AUTO_LOGIN login = {0};
    struct error failure = ERROR_INIT;
    struct pg_target target = {
        .conninfo = session->config->url.conninfo,
        .dbname = session->config->scratch_name,
        .on_notice = hear_notice,
        .notice_context = session,
    };

    session->is_login_failed = !login_get(session->config, METADATA_PATIENT, &login, &failure);
    if (session->is_login_failed) {
        session->login_failure = failure;
        return;
    }
    target.password = login.password;
    target.sslmode = login.sslmode;
    session->connecting = pg_connect_start(&target);
}

void
session_start(const struct config *config, const struct listener *listener, struct session *session)
{
    *session = (struct session){.config = config, .listener = listener};
    start_connecting(session);
}

static bool
is_recent(const struct pg *db)
{
    return pg_server_version(db) >= OLDEST_SERVER;
}

bool
session_is_started(const struct session *session)
{
    return session->connecting != NULL || session->is_login_failed;
}

void
session_go_on(struct session *session, enum session_purpose purpose)
{
    struct error ignored = ERROR_INIT; /* session_open fails for the same reason */
    bool is_worth_waiting = false;

    if (session->connecting == NULL || session->is_greeted_ahead ||
        !pg_connect_go_on(session->connecting) ||
        !pg_connect_finish(&session->connecting, 0, &is_worth_waiting, &ignored))
        return;
    session->db = TAKE(session->connecting);
    session->is_greeted_ahead = is_recent(session->db) && session_greet(session, purpose, &ignored);
    session->connecting = TAKE(session->db); /* until session_open takes it */
}

/* Finish the attempt that was started, or make one. */
static bool
try_to_connect(
    struct session *session, int64_t attempt_ms, bool *is_worth_waiting, struct error *err)
{
    if (!session_is_started(session))
        start_connecting(session);
    if (session->is_login_failed) {
        session->is_login_failed = false;
        *err = session->login_failure;
        *is_worth_waiting = err->kind == ERROR_CONNECTION;
        return false;
    }
    if (pg_connect_finish(&session->connecting, attempt_ms, is_worth_waiting, err)) {
        session->db = TAKE(session->connecting);
        return true;
    }
    login_explain(session->config, err);
    return false;
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
        if (try_to_connect(session, attempt_ms, &is_worth_waiting, err))
            return true;
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

void
session_add_settings(
    const struct session *session, size_t first, const char *is_local, struct text *sql)
{
    for (size_t i = 0; i < session->settings_count; i++)
        text_printf(sql, "%sset_config('%s', $%zu, %s)", i > 0 ? ", " : "",
            session->settings_names[i], first + i, is_local);
}

bool
session_reset(struct session *session, struct error *err)
{
    AUTO_TEXT resets = TEXT_INIT;
    AUTO_TEXT settings = TEXT_INIT;
    AUTO_REPLY reply = {0};

    for (size_t i = 0; session_reset_sql(session, i) != NULL; i++)
        text_printf(&resets, "%s; ", session_reset_sql(session, i));
    text_puts(&resets, "DEALLOCATE ALL");
    session->is_prepared = false;
    if (!pg_run(session->db, text_string(&resets), &reply, err))
        return false;
    if (reply.kind == PG_REPLY_FAILED) {
        *err = reply.error;
        return false;
    }
    text_puts(&settings, "SELECT ");
    session_add_settings(session, 1, "false", &settings);
    return pg_command(session->db, text_string(&settings), session->settings_count,
        session->settings_values, err);
}

static bool
load_history(
    struct session *session, bool with_details, struct history **history, struct error *err)
{
    if (session->greeted != NULL) {
        *history = TAKE(session->greeted);
        return true;
    }
    if (!session->is_pooled)
        return history_load(session->db, &session->ledger, with_details, history, err);
    return session_begin(session, err) &&
           session_end(session,
               history_load(session->db, &session->ledger, with_details, history, err), err);
}

bool
session_history(
    struct session *session, bool with_details, struct history **history, struct error *err)
{
    AUTO_HISTORY struct history *loaded = NULL;

    if (!load_history(session, with_details, &loaded, err) ||
        !session_check_shown(&session->ledger, loaded, err))
        return false;
    *history = TAKE(loaded);
    return true;
}

void
session_limit(const struct session *session, int64_t until_ms)
{
    enum { SHORTEST_MS = 2000 }; /* a server may be slow, and have an answer */
    int64_t limit_ms = until_ms - clock_monotonic_ms();
    int64_t patience_ms = pg_patience_ms(session->db);

    if (limit_ms < SHORTEST_MS)
        limit_ms = SHORTEST_MS;
    pg_limit(session->db, patience_ms > 0 && patience_ms < limit_ms ? patience_ms : limit_ms);
}

bool
session_open(struct session *session, enum session_purpose purpose, struct error *err)
{
    if (!connect_with_patience(session, err))
        return false;
    if (!is_recent(session->db)) {
        int version = pg_server_version(session->db);
        error_set(err, ERROR_PLAN, "the server is PostgreSQL %d.%d, which is too old",
            version / 10000, version >= 100000 ? version % 10000 : version / 100 % 100);
        return error_hint(err, "pgstride needs PostgreSQL 13 or newer.");
    }
    pg_limit(session->db, pg_patience_ms(session->db));
    bool is_good =
        (session->lost == NULL || lost_end(session->lost, session->db, session->listener, err)) &&
        (session->is_greeted_ahead || session_greet(session, purpose, err)) &&
        session_hear_greeting(session, purpose, err);
    pg_limit(session->db, 0);
    return is_good;
}
