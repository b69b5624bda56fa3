/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session: a connection that is ready for migrations: settings made, the two
 * tables found, the migration lock held.
 */
#ifndef ENGINE_SESSION_H
#define ENGINE_SESSION_H

#include "adapter/postgres.h"
#include "base/text.h"
#include "engine/config.h"
#include "engine/event.h"
#include "engine/history.h"
#include "engine/lost.h"
#include "engine/notices.h"

enum { SESSION_VALUES_MAX = 36 };

enum session_purpose {
    SESSION_TO_READ, /* the history with its details; no lock */
    SESSION_TO_TELL, /* the version alone; no lock */
    SESSION_TO_RUN,  /* the migration lock too, if it is free, and no details */
};

struct session {
    struct pg *db;         /* NULL: not open */
    struct pg *connecting; /* between session_start and session_open */
    bool is_greeted_ahead; /* and what session_open asks has gone out to it */
    bool is_login_failed;  /* in its place: --auth got no token, for this reason */
    struct error login_failure;
    struct lost *lost; /* the run's: what session_open ends at the server; NULL: nothing */
    const struct config *config;
    const struct listener *listener;
    struct ledger ledger;
    const char *migration; /* that runs, for the server's notices; NULL: none */
    struct notices notices;
    bool is_standby;
    bool is_prepared;     /* run_write_sql's prepared statements are there */
    bool is_commit_async; /* synchronous_commit is off here: the last commit must say on */
    int64_t lock_keys[2]; /* golang-migrate's command line, and its library */
    bool is_locked[2];
    bool is_pooled; /* a pooler is in between: from one transaction to the next all may change */
    struct pg *lock_db; /* behind one: the connection whose transaction holds the lock, or NULL */
    struct history *greeted; /* the history as it was asked for ahead, if it was; once */
    /* What every migration finds set. */
    const char *settings_names[SESSION_VALUES_MAX];
    const char *settings_values[SESSION_VALUES_MAX];
    size_t settings_count;
    char *set_role;     /* SET ROLE of --role, or NULL */
    char *server_since; /* when it was started */
    char *own_process;  /* for the history, as JSON; NULL: not asked for */
    char *role;         /* that is ours: of --role, or what the login has by default; or "none" */
    char lock_timeout_text[24];
    char statement_timeout_text[24];
};

void session_close(struct session *session);
#define AUTO_SESSION __attribute__((cleanup(session_close))) struct session

/*
 * Begin to connect; session_open waits for it, and tells what failed. The session
 * borrows `config` and `listener`, and stays where it is. With --auth a token is
 * got first, which may take seconds.
 */
void session_start(
    const struct config *config, const struct listener *listener, struct session *session);
bool session_is_started(const struct session *session);

/*
 * Between session_start and session_open, for the same purpose: go on with it as far as it
 * goes without waiting.
 */
void session_go_on(struct session *session, enum session_purpose purpose);

/*
 * Connect, waiting for a server that is not up yet, and look around. Whatever can
 * be asked before the answers are known goes out in the same round trip: the lock
 * and the history of the schema that is most likely ours.
 *
 * Errors   ERROR_CONNECTION, ERROR_REFUSED, ERROR_TIMEOUT, ERROR_STOPPED;
 *          ERROR_PLAN for a server below 13.
 */
MUST_CHECK bool session_open(
    struct session *session, enum session_purpose purpose, struct error *err);

/*
 * What the two tables say: from session_open, the first time, or asked anew.
 * Errors   as history_load; ERROR_PLAN where row-level security may hide all of one.
 */
MUST_CHECK bool session_history(
    struct session *session, bool with_details, struct history **history, struct error *err);

/*
 * What makes the session fresh again, but for its settings: statements that
 * may run in a transaction. NULL at the end. Behind a pooler they are the last
 * ones of a transaction, so that nothing of it is left to others.
 */
const char *session_reset_sql(const struct session *session, size_t index);

/*
 * Add set_config calls for our settings, comma-separated; the first value is
 * $`first`. `is_local`: SQL, whether they are the transaction's alone.
 */
void session_add_settings(
    const struct session *session, size_t first, const char *is_local, struct text *sql);

/* Make the session fresh, with our settings. */
MUST_CHECK bool session_reset(struct session *session, struct error *err);

/*
 * A transaction of our own, whose commit waits for the disk. Behind a pooler it
 * makes our settings first, for itself.
 */
MUST_CHECK bool session_begin(const struct session *session, struct error *err);

/* Commit; or roll back what failed, keep its error and return false. */
MUST_CHECK bool session_end(const struct session *session, bool is_good, struct error *err);

/* One query or command with our settings: behind a pooler in a transaction of its own. */
MUST_CHECK bool session_query(const struct session *session,
    const char *sql,
    size_t count,
    const char *const *values,
    struct pg_rows **rows,
    struct error *err);
MUST_CHECK bool session_command(const struct session *session,
    const char *sql,
    size_t count,
    const char *const *values,
    struct error *err);

/* Create the tables that are missing. */
MUST_CHECK bool session_create_tables(struct session *session, struct error *err);

/* Our settings, for the transaction that is open. */
MUST_CHECK bool session_set_local(const struct session *session, struct error *err);

/* Look for the tables that were not there before. */
MUST_CHECK bool session_look_again(struct session *session, struct error *err);

/* Wait for no answer beyond `until_ms`, monotonic, nor for longer than a silent server has. */
void session_limit(const struct session *session, int64_t until_ms);

/* The keys of the migration lock; once the ledger is known. */
void session_find_lock_keys(struct session *session);

/*
 * Get the migration lock, by polling, unless session_open got it: a session that blocks in
 * pg_advisory_lock holds a snapshot, and so deadlocks with the holder's
 * CREATE INDEX CONCURRENTLY. Behind a pooler a second connection holds it, in a
 * transaction that has no snapshot; when that is lost, so is the session.
 *
 * Errors   ERROR_TIMEOUT: who holds it; ERROR_PLAN on a standby.
 */
MUST_CHECK bool session_lock(struct session *session, struct error *err);

/*
 * golang-migrate's key: CRC-32 of schema, table and database, joined by NULs,
 * times its salt, in 32 bits. `database` is "/name" for its command line.
 */
uint32_t session_lock_key(const char *schema, const char *table, const char *database);

#endif
