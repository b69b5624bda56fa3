/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL, inside: what the files of this adapter share.
 */
#ifndef ADAPTER_POSTGRES_INTERNAL_H
#define ADAPTER_POSTGRES_INTERNAL_H

#include <libpq-fe.h>

#include "adapter/postgres.h"

struct pg {
    PGconn *connection;
    PostgresPollingStatusType wanted; /* of an attempt to connect: what it waits for */
    ConnStatusType phase;             /* and how far it came */
    int backend_pid;                  /* libpq's own is 0 once the connection is lost */
    pg_notice_handler *on_notice;
    void *notice_context;
    pg_idle_handler *on_idle; /* NULL: none */
    void *idle_context;
    int64_t idle_every_ms;
    int64_t waiting_ms; /* monotonic: since when an answer is waited for; 0: it is not */
    int64_t idle_at_ms; /* monotonic: its next call */
    int64_t quiet_ms;   /* monotonic: since when no byte came or went */
    int64_t silence_ms; /* the longest wait for a word of the server; 0: for ever */
    bool is_given_up;   /* it did not answer */
    struct error why;   /* pg_give_up was called, for this reason */
    struct pg *other;   /* that must stand too; NULL: none */
    enum pg_rows_wanted rows_wanted; /* of the pipeline */
    PGresult *row;                   /* of PG_ROWS_LAST: the last that came so far; or NULL */
    /* After a request to stop. */
    int64_t stop_until_ms;   /* monotonic: how long the server's answers are waited for; 0: none */
    int64_t cancel_again_ms; /* when */
    bool is_held;            /* and nothing is cancelled */
    bool is_interrupted;     /* the server refused a statement since: nothing more to cancel */
};

/* A PGresult by another name, so that no header of libpq is needed elsewhere. */
static inline struct pg_rows *
rows_of(PGresult *result)
{
    return (struct pg_rows *)result;
}

static inline const PGresult *
result_of(const struct pg_rows *rows)
{
    return (const PGresult *)rows;
}

void pg_result_release(PGresult **result);
#define AUTO_RESULT __attribute__((cleanup(pg_result_release))) PGresult

/*
 * Where rows come one at a time: is `*result` a row? Then it becomes `*row`, in place of
 * the one before. At the end of the rows the last one becomes `*result`.
 */
bool pg_keep_row(PGresult **row, PGresult **result);

/* Describe a refused statement. Returns false. */
bool pg_fail_result(struct pg *pg, const PGresult *result, struct error *err);

/* Describe a connection that was lost. Returns false. */
bool pg_fail_lost(const PGconn *connection, struct error *err);

/*
 * Complete the error of an attempt to connect that failed. One whose message is "?" is told from
 * what libpq says.
 */
void pg_explain_refusal(struct pg *pg, bool *is_worth_waiting, struct error *err);

/*
 * Wait until the socket can be read and take what is there, writing what is
 * buffered meanwhile; or, `is_writable_wanted`, until some of it was written. A
 * stop cancels the statement at the server, whose answer is then waited for a
 * while: it is a refusal, of the kind ERROR_STOPPED.
 * Errors   ERROR_CONNECTION; ERROR_STOPPED: the server did not answer, and the
 *          connection is of no more use.
 */
MUST_CHECK bool pg_wait(struct pg *pg, bool is_writable_wanted, struct error *err);

/* Turn a result into a reply. False when it tells of a lost connection. */
MUST_CHECK bool pg_read_reply(
    struct pg *pg, PGresult *result, struct pg_reply *reply, struct error *err);

#endif
