/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/postgres_internal.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"

void
pg_result_release(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}

char *
pg_quote_identifier(struct pg *pg, const char *name)
{
    char *quoted = PQescapeIdentifier(pg->connection, name, strlen(name));

    /* No name that is not UTF-8 comes so far: the server has refused it. */
    if (quoted == NULL && strstr(PQerrorMessage(pg->connection), "out of memory") != NULL)
        memory_ran_out();
    char *copy = memory_string(quoted != NULL ? quoted : "\"?\"");

    PQfreemem(quoted);
    return copy;
}

char *
pg_show_identifier(struct pg *pg, const char *name)
{
    bool is_plain = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(name) &&
                    *name != '\0' && strchr("0123456789", *name) == NULL;

    return is_plain ? memory_string(name) : pg_quote_identifier(pg, name);
}

static void
copy_field(const PGresult *result, int field, char *into, size_t size)
{
    const char *value = PQresultErrorField(result, field);

    secret_copy(value != NULL ? value : "", into, size);
}

bool
pg_fail_lost(const PGconn *connection, struct error *err)
{
    AUTO_TEXT message = TEXT_INIT;

    /* libpq's lines as one. */
    for (const char *at = PQerrorMessage(connection); *at != '\0';) {
        size_t size = strcspn(at, "\n");
        const char *body = at + strspn(at, " \t");
        if (body < at + size) {
            text_puts(&message, message.size_bytes > 0 ? "; " : "");
            text_add(&message, body, (size_t)(at + size - body));
        }
        at += size + (at[size] == '\n');
    }
    secret_hide(&message);
    return error_set(err, ERROR_CONNECTION, "the connection to the database was lost: %s",
        message.size_bytes > 0 ? text_string(&message) : "no reason given");
}

/* The server's word for a statement that was cancelled, by us or another. */
#define QUERY_CANCELED "57014"

bool
pg_fail_result(struct pg *pg, const PGresult *result, struct error *err)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    bool is_fatal = severity != NULL && strcmp(severity, "ERROR") != 0;

    if (message == NULL || PQstatus(pg->connection) == CONNECTION_BAD)
        return pg_fail_lost(pg->connection, err);
    pg->is_interrupted = pg->stop_until_ms != 0;
    error_set(err, is_fatal ? ERROR_CONNECTION : ERROR_DATABASE, "?");
    secret_copy(message, err->message, sizeof(err->message));
    copy_field(result, PG_DIAG_SQLSTATE, err->sqlstate, sizeof(err->sqlstate));
    copy_field(result, PG_DIAG_MESSAGE_DETAIL, err->detail, sizeof(err->detail));
    copy_field(result, PG_DIAG_MESSAGE_HINT, err->hint, sizeof(err->hint));
    copy_field(result, PG_DIAG_CONTEXT, err->context, sizeof(err->context));
    if (pg->is_interrupted && strcmp(err->sqlstate, QUERY_CANCELED) == 0) {
        *err = ERROR_INIT;
        return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
    }
    return false;
}

static bool
next_result(struct pg *pg, PGresult **result, struct error *err)
{
    while (PQisBusy(pg->connection)) {
        if (!pg_wait(pg, false, err))
            return false;
    }
    *result = PQgetResult(pg->connection);
    return true;
}

bool
pg_keep_row(PGresult **row, PGresult **result)
{
    ExecStatusType status = PQresultStatus(*result);

    if (status == PGRES_SINGLE_TUPLE) {
        PQclear(*row);
        *row = TAKE(*result);
        return true;
    }
    if (status == PGRES_TUPLES_OK && *row != NULL) {
        PQclear(*result);
        *result = TAKE(*row);
    }
    pg_result_release(row);
    return false;
}

/* Take everything that is left of a query; the last result that says something stays. */
static bool
finish_query(struct pg *pg, PGresult **last, struct error *err)
{
    AUTO_RESULT *row = NULL;

    for (;;) {
        AUTO_RESULT *next = NULL;
        if (!next_result(pg, &next, err))
            return false;
        if (next == NULL)
            return true;
        if (pg_keep_row(&row, &next))
            continue;
        PQclear(*last);
        *last = TAKE(next);
        ExecStatusType status = PQresultStatus(*last);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            return true;
    }
}

static bool
is_success(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

bool
pg_query(struct pg *pg,
    const char *sql,
    size_t count,
    const char *const *values,
    struct pg_rows **rows,
    struct error *err)
{
    AUTO_RESULT *result = NULL;

    if (!PQsendQueryParams(pg->connection, sql, (int)count, NULL, values, NULL, NULL, 0))
        return pg_fail_lost(pg->connection, err);
    if (!finish_query(pg, &result, err))
        return false;
    if (!is_success(result))
        return pg_fail_result(pg, result, err);
    *rows = rows_of(TAKE(result));
    return true;
}

bool
pg_command(
    struct pg *pg, const char *sql, size_t count, const char *const *values, struct error *err)
{
    AUTO_ROWS struct pg_rows *rows = NULL;

    return pg_query(pg, sql, count, values, &rows, err);
}

size_t
pg_rows_count(const struct pg_rows *rows)
{
    return (size_t)PQntuples(result_of(rows));
}

bool
pg_rows_is_null(const struct pg_rows *rows, size_t row, size_t column)
{
    return PQgetisnull(result_of(rows), (int)row, (int)column) != 0;
}

const char *
pg_rows_text(const struct pg_rows *rows, size_t row, size_t column)
{
    const char *value = PQgetvalue(result_of(rows), (int)row, (int)column);

    return value != NULL ? value : "";
}

int64_t
pg_rows_number(const struct pg_rows *rows, size_t row, size_t column)
{
    return strtoll(pg_rows_text(rows, row, column), NULL, 10);
}

bool
pg_rows_boolean(const struct pg_rows *rows, size_t row, size_t column)
{
    return pg_rows_text(rows, row, column)[0] == 't';
}

void
pg_rows_release(struct pg_rows **rows)
{
    PQclear((PGresult *)*rows);
    *rows = NULL;
}

void
pg_reply_done(struct pg_reply *reply)
{
    pg_rows_release(&reply->rows);
    reply->kind = PG_REPLY_NONE;
}

static size_t
position_of(const PGresult *result)
{
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);

    return position != NULL ? strtoul(position, NULL, 10) : 0;
}

bool
pg_read_reply(struct pg *pg, PGresult *result, struct pg_reply *reply, struct error *err)
{
    reply->kind = PG_REPLY_DONE;
    reply->position = 0;
    pg->waiting_ms = 0;
    switch (PQresultStatus(result)) {
    case PGRES_PIPELINE_ABORTED:
        reply->kind = PG_REPLY_SKIPPED;
        break;
    case PGRES_PIPELINE_SYNC:
        reply->kind = PG_REPLY_SYNCED;
        break;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_EMPTY_QUERY:
    case PGRES_SINGLE_TUPLE:
    case PGRES_TUPLES_CHUNK:
    case PGRES_NONFATAL_ERROR:
        break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        if (PQpipelineStatus(pg->connection) != PQ_PIPELINE_OFF)
            return error_set(err, ERROR_SYSTEM, "a COPY came up where none was seen in the file");
        break;
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR:
        reply->kind = PG_REPLY_FAILED;
        pg_fail_result(pg, result, &reply->error);
        reply->position = position_of(result);
        break;
    }
    if (reply->kind == PG_REPLY_FAILED && reply->error.kind == ERROR_CONNECTION) {
        *err = reply->error;
        return false;
    }
    return true;
}

static bool
run_to_end(struct pg *pg, struct pg_reply *reply, struct error *err)
{
    AUTO_RESULT *result = NULL;

    if (!finish_query(pg, &result, err))
        return false;
    if (result == NULL)
        return pg_fail_lost(pg->connection, err);
    if (!pg_read_reply(pg, result, reply, err))
        return false;
    pg_rows_release(&reply->rows);
    reply->rows = rows_of(TAKE(result));
    return true;
}

/* Read what COPY … TO STDOUT sends, for nobody. */
static bool
drop_copy_data(struct pg *pg, struct error *err)
{
    for (;;) {
        char *line = NULL;
        int size = PQgetCopyData(pg->connection, &line, true);
        PQfreemem(line);
        if (size < 0)
            return true;
        if (size == 0 && !pg_wait(pg, false, err))
            return false;
    }
}

bool
pg_run(struct pg *pg, const char *sql, struct pg_reply *reply, struct error *err)
{
    if (!PQsendQuery(pg->connection, sql) || !PQsetSingleRowMode(pg->connection))
        return pg_fail_lost(pg->connection, err);
    if (!run_to_end(pg, reply, err))
        return false;
    ExecStatusType status = PQresultStatus(result_of(reply->rows));
    if (status != PGRES_COPY_IN && status != PGRES_COPY_OUT)
        return true;

    /* A COPY that the lexer did not see as one: end it at once. */
    if (status == PGRES_COPY_IN && PQputCopyEnd(pg->connection, "its data are not in the file") < 0)
        return pg_fail_lost(pg->connection, err);
    if (status == PGRES_COPY_OUT && !drop_copy_data(pg, err))
        return false;
    if (!run_to_end(pg, reply, err))
        return false;
    if (status == PGRES_COPY_OUT && reply->kind == PG_REPLY_DONE) {
        reply->kind = PG_REPLY_FAILED;
        error_set(
            &reply->error, ERROR_DATABASE, "COPY … TO STDOUT has nowhere to go in a migration");
    }
    return true;
}

/* Once the statement was cancelled the rest is for nobody. */
static bool
put_copy_data(struct pg *pg, const char *data, size_t size_bytes, struct error *err)
{
    enum { CHUNK_BYTES = 64 * 1024 };

    for (size_t at = 0; at < size_bytes && pg->stop_until_ms == 0;) {
        size_t size = size_bytes - at < CHUNK_BYTES ? size_bytes - at : CHUNK_BYTES;
        int put = PQputCopyData(pg->connection, data + at, (int)size);
        if (put < 0)
            return pg_fail_lost(pg->connection, err);
        at += put > 0 ? size : 0;
        for (int unsent = PQflush(pg->connection); unsent != 0; unsent = PQflush(pg->connection)) {
            if (unsent < 0)
                return pg_fail_lost(pg->connection, err);
            if (!pg_wait(pg, true, err))
                return false;
        }
    }
    return true;
}

bool
pg_run_copy(struct pg *pg,
    const char *sql,
    const char *data,
    size_t size_bytes,
    struct pg_reply *reply,
    struct error *err)
{
    if (!PQsendQuery(pg->connection, sql))
        return pg_fail_lost(pg->connection, err);
    if (!run_to_end(pg, reply, err))
        return false;
    if (PQresultStatus(result_of(reply->rows)) != PGRES_COPY_IN)
        return true; /* refused */
    if (!put_copy_data(pg, data, size_bytes, err))
        return false;
    const char *why_not = pg->stop_until_ms != 0 ? "stopped" : NULL;
    if (PQputCopyEnd(pg->connection, why_not) < 0)
        return pg_fail_lost(pg->connection, err);
    return run_to_end(pg, reply, err);
}
