/* SPDX-License-Identifier: Apache-2.0 */
/* Why a connection was not made, what helps, and whether waiting does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/postgres_internal.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"

/*
 * The SQLSTATE of a line, and what follows: `connection to server … failed: FATAL:  28P01: …`.
 * What looks like one further on are the server's words, or another peer's.
 */
static const char *
find_sqlstate(const char *line, char sqlstate[6])
{
    static const char BEGINNING[] = "connection to server ";
    static const char FAILED[] = " failed: ";
    const char *at = strstr(line, FAILED);

    if (at == NULL || strncmp(line, BEGINNING, strlen(BEGINNING)) != 0)
        return NULL;
    at += strlen(FAILED);
    at += strcspn(at, " "); /* the severity, in the server's language, and its colon */
    if (at[-1] != ':' || strncmp(at, "  ", 2) != 0)
        return NULL;
    at += 2;
    if (strspn(at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5 || strncmp(at + 5, ": ", 2) != 0)
        return NULL;
    memcpy(sqlstate, at, 5);
    sqlstate[5] = '\0';
    return at;
}

/*
 * libpq's message of a failed connection as one line: its lines joined, the
 * server's code and source location taken out, DETAIL and HINT in their place.
 */
static void
read_connection_error(const char *message, struct error *err)
{
    AUTO_TEXT joined = TEXT_INIT;
    AUTO_STRING char *previous = NULL;
    const char *end = message;

    for (const char *line = message; *line != '\0'; line = *end != '\0' ? end + 1 : end) {
        char code[6];
        end = line + strcspn(line, "\n");
        AUTO_STRING char *copy = memory_copy(line, (size_t)(end - line));
        const char *body = copy + strspn(copy, " \t");
        if (*body == '\0' || strncmp(body, "LOCATION:", 9) == 0)
            continue;
        if (strncmp(body, "DETAIL:  ", 9) == 0) {
            snprintf(err->detail, sizeof(err->detail), "%s", body + 9);
            continue;
        }
        if (strncmp(body, "HINT:  ", 7) == 0 || strncmp(body, "Is the server", 13) == 0) {
            snprintf(err->hint, sizeof(err->hint), "%s", *body == 'H' ? body + 7 : body);
            continue;
        }
        if (previous != NULL && strcmp(previous, body) == 0)
            continue; /* with TLS and without, or two addresses of one name */
        free(previous);
        previous = memory_string(body);
        if (joined.size_bytes > 0)
            text_puts(&joined, "; ");
        const char *at = find_sqlstate(body, code);
        if (at != NULL) {
            memcpy(err->sqlstate, code, sizeof(code));
            text_add(&joined, body, (size_t)(at - body) - 2);
            text_printf(&joined, " %s", at + 7);
        } else {
            text_puts(&joined, body);
        }
    }
    snprintf(err->message, sizeof(err->message), "%s",
        joined.size_bytes > 0 ? text_string(&joined) : "the connection failed");
    text_mend_utf8(err->message);
    text_mend_utf8(err->detail);
    text_mend_utf8(err->hint);
}

/* A server may quote the password, or a token, of which half would be left where the message is
 * cut. */
static void
read_failure(const struct pg *pg, struct error *err)
{
    AUTO_TEXT message = TEXT_INIT;

    text_puts(&message, PQerrorMessage(pg->connection));
    secret_hide(&message);
    read_connection_error(text_string(&message), err);
}

static bool
is_starting_or_full(const char *sqlstate)
{
    static const char CODES[] =
        "57P01 57P02 57P03 "                   /* shutting down, crashed, starting */
        "53300 53400 "                         /* no free connection */
        "08006 08001 08P01 08000 58000 XX000"; /* a pooler's server is away */

    return strlen(sqlstate) == 5 && strstr(CODES, sqlstate) != NULL;
}

/*
 * A server that said no (a password, a database, a certificate) says it again:
 * waiting helps only where none answered, or it said that it is not ready. So it
 * does where each that answered is a standby: one of them is promoted in a failover.
 */
static bool
is_worth_a_wait(const struct error *err, ConnStatusType phase)
{
    static const char *const PASSING[] = {
        "server closed the connection",
        "could not receive data",
        "Connection reset",
        "SSL SYSCALL error", /* in the handshake; what TLS itself refuses is an "SSL error" */
        "unexpected eof while reading",
        "SSL connection has been closed unexpectedly",
        "could not translate host name",
        "session is read-only",
        "server is in hot standby mode",
        "no answer from",
    };

    if (err->sqlstate[0] != '\0')
        return is_starting_or_full(err->sqlstate);
    if (strstr(err->message, "for connection option") != NULL)
        return false; /* a parameter that libpq cannot read, which it finds out late */
    for (size_t i = 0; i < ARRAY_LENGTH(PASSING); i++) {
        if (strstr(err->message, PASSING[i]) != NULL)
            return true;
    }
    return phase == CONNECTION_STARTED || phase == CONNECTION_NEEDED || phase == CONNECTION_MADE ||
           phase == CONNECTION_CHECK_WRITABLE || phase == CONNECTION_CHECK_STANDBY ||
           phase == CONNECTION_CHECK_TARGET || phase == CONNECTION_CONSUME;
}

static void
add_connection_hint(struct error *err)
{
    static const struct {
        const char *sqlstate;
        const char *part;
        const char *hint;
    } HINTS[] = {
        {"28P01", NULL,
            "Check the user and the password; in a URL, special characters in the "
            "password are percent-encoded (@ is %40)."},
        {"28000", "not permitted to log in", "Let it log in: ALTER ROLE … LOGIN."},
        {"28000", NULL, "The server's pg_hba.conf does not let this user in from here."},
        {"3D000", NULL,
            "Create it first (CREATE DATABASE); pgstride migrates a database that is "
            "there."},
        {"", "root certificate file",
            "Mount the CA's certificate and name it with sslrootcert= in the URL or "
            "PGSSLROOTCERT."},
        {"", "certificate verify failed",
            "The server's certificate is not signed by the CA in sslrootcert / PGSSLROOTCERT."},
        {"", "does not match host name",
            "Connect by the name in the certificate, or use sslmode=verify-ca."},
        {"", "server does not support SSL",
            "Turn ssl on at the server, or say sslmode=disable where that is safe. The default for "
            "a "
            "URL is require."},
        {"", "no password supplied",
            "Give it in the URL, in PGPASSWORD, or by "
            "PGSTRIDE_DATABASE_FILE."},
        {"", "does not exist",
            "The container has no passwd file: name the user in the URL or in "
            "PGUSER."},
        {"", "could not translate host name", "Check the host in the database URL."},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(HINTS) && err->hint[0] == '\0'; i++) {
        bool has_part = HINTS[i].part == NULL || strstr(err->message, HINTS[i].part) != NULL;
        if (has_part && strcmp(HINTS[i].sqlstate, err->sqlstate) == 0)
            error_hint(err, "%s", HINTS[i].hint);
    }
}

void
pg_explain_refusal(struct pg *pg, bool *is_worth_waiting, struct error *err)
{
    if (strcmp(err->message, "?") == 0)
        read_failure(pg, err);
    *is_worth_waiting = err->kind != ERROR_STOPPED && is_worth_a_wait(err, pg->phase);
    if (err->kind == ERROR_CONNECTION && !*is_worth_waiting)
        err->kind = ERROR_REFUSED;
    if (error_is_sqlstate(err, "42501")) {
        AUTO_STRING char *database = pg_show_identifier(pg, PQdb(pg->connection));
        AUTO_STRING char *user = pg_show_identifier(pg, PQuser(pg->connection));
        error_hint(err, "Let its owner say: GRANT CONNECT ON DATABASE %s TO %s;", database, user);
    }
    add_connection_hint(err);
}
