/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL: the only user of libpq.
 *
 * Not a general purpose client: one connection, text format, queries one at a
 * time or in a pipeline. When the process is asked to stop, the running statement
 * is cancelled at the server, and refused with ERROR_STOPPED.
 */
#ifndef ADAPTER_POSTGRES_H
#define ADAPTER_POSTGRES_H

#include <stdint.h>

#include "base/error.h"

struct pg;
struct pg_rows;

struct pg_notice {
    const char *severity; /* "NOTICE", "WARNING", …, never localised */
    const char *message;
    const char *sqlstate;
    const char *detail; /* NULL where there is none; the same for the next two */
    const char *hint;
    const char *context;
};
typedef void pg_notice_handler(const struct pg_notice *notice, void *context);

/* Where to connect. */
struct pg_target {
    const char *conninfo; /* a URL, key=value words, or NULL: libpq's own environment */
    const char *password; /* these over what else is said; NULL: nothing */
    const char *sslmode;
    const char *dbname; /* the database over the one that conninfo names; NULL: that one */
    pg_notice_handler *on_notice;
    void *notice_context;
};

/* What is wrong with a connection string, in words that never quote it. */
MUST_CHECK bool pg_check_conninfo(const char *conninfo, struct error *err);

/* Is `name` a connection parameter of libpq? */
bool pg_is_parameter(const char *name);

/* The value of a parameter of `conninfo`; the caller frees it. NULL: not said there. */
char *pg_conninfo_value(const char *conninfo, const char *name);

/*
 * The same, else what libpq takes where `conninfo` does not say: from its
 * environment and PGSERVICE's file, or its default.
 */
char *pg_effective_value(const char *conninfo, const char *name);

/*
 * Begin one attempt to connect, without waiting: the server works on it while
 * we do something else. The result is for pg_connect_finish, or pg_close.
 */
struct pg *pg_connect_start(const struct pg_target *target);

/* Go on with the attempt as far as it goes without waiting. True: the connection stands. */
bool pg_connect_go_on(struct pg *pg);

/*
 * Finish the attempt. On failure `*pg` is closed, and NULL.
 *
 * Errors   ERROR_CONNECTION: a server that is not up yet, `*is_worth_waiting`;
 *          ERROR_REFUSED: it said no; ERROR_STOPPED.
 */
MUST_CHECK bool pg_connect_finish(
    struct pg **pg, int64_t attempt_ms, bool *is_worth_waiting, struct error *err);
void pg_close(struct pg *pg);
void pg_release(struct pg **pg);
#define AUTO_PG __attribute__((cleanup(pg_release)))

const char *pg_database(const struct pg *pg);
const char *pg_host(const struct pg *pg);
const char *pg_user(const struct pg *pg);
int pg_server_version(const struct pg *pg);     /* 150004 is 15.4 */
bool pg_is_lost(const struct pg *pg);           /* or given up, after a stop */
bool pg_is_in_transaction(const struct pg *pg); /* open or failed */

/*
 * Call `on_idle` about every `every_ms` while a wait for an answer lasts, with the time
 * since it began. It may use other connections, not this one.
 */
typedef void pg_idle_handler(void *context, int64_t waited_ms);
void pg_watch(struct pg *pg, int64_t every_ms, pg_idle_handler *on_idle, void *context);
int pg_backend_pid(const struct pg *pg); /* also once it is lost */

/* From now on a stop lets the running statement end, and what follows; or cancels it, as usual. */
void pg_hold(struct pg *pg, bool is_held);

/* Give up a connection whose server says nothing for so long, as a lost one; 0: never. */
void pg_limit(struct pg *pg, int64_t silence_ms);

/* For how long a silent server is waited for: tcp_user_timeout, which the URL may set; 0: for ever.
 */
int64_t pg_patience_ms(const struct pg *pg);

/* For a pg_idle_handler: for how long no byte came or went. */
int64_t pg_quiet_ms(const struct pg *pg);

/* For a pg_idle_handler: is anything on its way that the other side has not confirmed? */
bool pg_is_sending(const struct pg *pg);

/* For a pg_idle_handler: take the watched connection for lost. */
void pg_give_up(struct pg *pg, const struct error *why);

/*
 * Be of use only while `other` stands: when that connection is lost, a wait of this
 * one cancels its statement and fails as if it were lost itself.
 */
void pg_depend(struct pg *pg, struct pg *other);

/* An identifier, quoted; the caller frees it. */
char *pg_quote_identifier(struct pg *pg, const char *name);

/* The same, quoted where PostgreSQL needs it: for people to read and paste. */
char *pg_show_identifier(struct pg *pg, const char *name);

/*
 * One query, one round trip; `values` are its $1…$count.
 *
 * Errors   ERROR_DATABASE with SQLSTATE, ERROR_CONNECTION, ERROR_STOPPED.
 */
MUST_CHECK bool pg_query(struct pg *pg,
    const char *sql,
    size_t count,
    const char *const *values,
    struct pg_rows **rows,
    struct error *err);

/* The same for a command whose rows nobody reads. */
MUST_CHECK bool pg_command(
    struct pg *pg, const char *sql, size_t count, const char *const *values, struct error *err);

size_t pg_rows_count(const struct pg_rows *rows);
bool pg_rows_is_null(const struct pg_rows *rows, size_t row, size_t column);
const char *pg_rows_text(const struct pg_rows *rows, size_t row, size_t column);
int64_t pg_rows_number(const struct pg_rows *rows, size_t row, size_t column);
bool pg_rows_boolean(const struct pg_rows *rows, size_t row, size_t column);
void pg_rows_release(struct pg_rows **rows);
#define AUTO_ROWS __attribute__((cleanup(pg_rows_release)))

enum pg_reply_kind {
    PG_REPLY_NONE,    /* nothing has come yet */
    PG_REPLY_DONE,    /* the statement ran */
    PG_REPLY_FAILED,  /* the server refused it: see `error` and `position` */
    PG_REPLY_SKIPPED, /* an earlier one failed, so this one was not run */
    PG_REPLY_SYNCED,  /* the answer to pg_pipeline_sync */
};

struct pg_reply {
    enum pg_reply_kind kind;
    struct pg_rows *rows; /* of PG_REPLY_DONE: see pg_run, pg_pipeline_enter; owned by the reply */
    size_t position;      /* of PG_REPLY_FAILED: in characters of the SQL, from 1; 0: none */
    struct error error;
};

void pg_reply_done(struct pg_reply *reply);
#define AUTO_REPLY __attribute__((cleanup(pg_reply_done))) struct pg_reply

/*
 * Run one statement as it is, also one that cannot run in a transaction. A
 * refusal by the server is PG_REPLY_FAILED, not an error. Of the rows the last
 * stays: however many there are, one at a time is in memory.
 *
 * Errors   ERROR_CONNECTION; ERROR_STOPPED: and the server did not even answer.
 */
MUST_CHECK bool pg_run(struct pg *pg, const char *sql, struct pg_reply *reply, struct error *err);

/* The same for COPY … FROM STDIN with its data. */
MUST_CHECK bool pg_run_copy(struct pg *pg,
    const char *sql,
    const char *data,
    size_t size_bytes,
    struct pg_reply *reply,
    struct error *err);

/*
 * The pipeline: statements go out without waiting; replies come in the order
 * of sending, one for each pg_pipeline_send and pg_pipeline_sync. After a
 * refusal all others are PG_REPLY_SKIPPED up to the next sync.
 */
enum pg_rows_wanted {
    PG_ROWS_ALL,
    PG_ROWS_LAST, /* of each statement, as pg_run does */
};
MUST_CHECK bool pg_pipeline_enter(struct pg *pg, enum pg_rows_wanted wanted, struct error *err);
MUST_CHECK bool pg_pipeline_leave(struct pg *pg, struct error *err);
MUST_CHECK bool pg_pipeline_send(
    struct pg *pg, const char *sql, size_t count, const char *const *values, struct error *err);
/* Name a statement for the session; then send it by its name. Each is owed a reply. */
MUST_CHECK bool pg_pipeline_prepare(
    struct pg *pg, const char *name, const char *sql, struct error *err);
MUST_CHECK bool pg_pipeline_send_prepared(
    struct pg *pg, const char *name, size_t count, const char *const *values, struct error *err);
MUST_CHECK bool pg_pipeline_sync(struct pg *pg, struct error *err);

/* Ask the server to send what it has, and start writing what is buffered here. */
MUST_CHECK bool pg_pipeline_flush(struct pg *pg, struct error *err);

/* Write without blocking; `*is_drained` when nothing is left to write. */
MUST_CHECK bool pg_pipeline_write(struct pg *pg, bool *is_drained, struct error *err);

/*
 * The next reply; PG_REPLY_NONE when none is there and `wait` is false. Never
 * called when no reply is owed. While waiting, buffered output is written.
 */
MUST_CHECK bool pg_pipeline_receive(
    struct pg *pg, bool wait, struct pg_reply *reply, struct error *err);

#endif
