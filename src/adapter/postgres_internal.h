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
    pg_notice_handler *on_notice;
    void *notice_context;
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

/* Describe a refused statement. Returns false. */
bool pg_fail_result(const PGconn *connection, const PGresult *result, struct error *err);

/* Describe a connection that was lost. Returns false. */
bool pg_fail_lost(const PGconn *connection, struct error *err);

/*
 * Wait until the socket can be read, writing what is buffered meanwhile.
 * Errors   ERROR_CONNECTION, ERROR_STOPPED.
 */
MUST_CHECK bool pg_wait_readable(PGconn *connection, struct error *err);

/*
 * The next result of the query that is under way, NULL at its end. A stop
 * cancels the statement at the server first.
 * Errors   ERROR_CONNECTION, ERROR_STOPPED.
 */
MUST_CHECK bool pg_next_result(PGconn *connection, PGresult **result, struct error *err);

/* Turn a result into a reply. False when it tells of a lost connection. */
MUST_CHECK bool pg_read_reply(
    PGconn *connection, PGresult *result, struct pg_reply *reply, struct error *err);

#endif
