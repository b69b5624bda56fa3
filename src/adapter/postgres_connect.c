/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/clock.h"
#include "adapter/postgres_internal.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "base/secret.h"
#include "base/text.h"

static void
release_options(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}
#define AUTO_OPTIONS __attribute__((cleanup(release_options))) PQconninfoOption

bool
pg_check_conninfo(const char *conninfo, struct error *err)
{
    char *reason = NULL;
    AUTO_OPTIONS *options = PQconninfoParse(conninfo, &reason);

    /* libpq's reason quotes parts of the string, the password too: not shown. */
    PQfreemem(reason);
    if (options != NULL)
        return true;
    return error_set(err, ERROR_USAGE, "the database URL cannot be read");
}

bool
pg_is_parameter(const char *name)
{
    AUTO_OPTIONS *options = PQconndefaults();

    for (PQconninfoOption *option = options; option != NULL && option->keyword; option++) {
        if (strcmp(option->keyword, name) == 0)
            return true;
    }
    return false;
}

char *
pg_conninfo_value(const char *conninfo, const char *name)
{
    AUTO_OPTIONS *options = conninfo != NULL ? PQconninfoParse(conninfo, NULL) : NULL;

    for (PQconninfoOption *option = options; option != NULL && option->keyword; option++) {
        if (strcmp(option->keyword, name) == 0)
            return memory_string(option->val);
    }
    return NULL;
}

char *
pg_effective_value(const char *conninfo, const char *name)
{
    AUTO_STRING char *said = pg_conninfo_value(conninfo, name);

    if (said != NULL)
        return TAKE(said);
    AUTO_OPTIONS *options = PQconndefaults();
    for (PQconninfoOption *option = options; option != NULL && option->keyword; option++) {
        if (strcmp(option->keyword, name) == 0)
            return memory_string(option->val);
    }
    return NULL;
}

/* A copy, before a cut could leave the half of a secret; of `other` where there is none. */
static char *
without_secrets(const char *string, const char *other)
{
    AUTO_TEXT hidden = TEXT_INIT;

    if (string == NULL && other == NULL)
        return NULL;
    text_puts(&hidden, string != NULL ? string : other);
    secret_hide(&hidden);
    return text_take(&hidden);
}

static void
forward_notice(void *context, const PGresult *result)
{
    const struct pg *pg = context;
    AUTO_STRING char *message = without_secrets(
        PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), PQresultErrorMessage(result));
    AUTO_STRING char *detail =
        without_secrets(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL), NULL);
    AUTO_STRING char *hint =
        without_secrets(PQresultErrorField(result, PG_DIAG_MESSAGE_HINT), NULL);
    AUTO_STRING char *where = without_secrets(PQresultErrorField(result, PG_DIAG_CONTEXT), NULL);
    struct pg_notice notice = {
        .severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED),
        .message = message,
        .sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE),
        .detail = detail,
        .hint = hint,
        .context = where,
    };

    if (notice.severity == NULL)
        notice.severity = "NOTICE";
    if (pg->on_notice != NULL)
        pg->on_notice(&notice, pg->notice_context);
}

/*
 * Where a root certificate is named, libpq verifies the server in every
 * sslmode, and sslmode=prefer falls back to plain text when that fails. The
 * bundle of public CAs, which our image names in PGSSLROOTCERT, would so break
 * require and quietly undo prefer for a server with a CA of its own. It counts
 * for verify-ca and verify-full alone; another root certificate always counts.
 */
static bool
is_bundle_to_ignore(const struct pg_target *target)
{
    static const char BUNDLE[] = "/etc/ssl/certs/ca-certificates.crt";
    AUTO_STRING char *mode = pg_conninfo_value(target->conninfo, "sslmode");
    const char *root = getenv("PGSSLROOTCERT");
    const char *effective = mode != NULL ? mode : getenv("PGSSLMODE");

    if (target->sslmode != NULL)
        effective = target->sslmode;

    return root != NULL && strcmp(root, BUNDLE) == 0 &&
           (effective == NULL || strncmp(effective, "verify-", 7) != 0);
}

/*
 * golang-migrate's default for a URL, where neither it nor PGSSLMODE names another. With
 * sslrootcert=system libpq has one of its own, verify-full, and takes none that is weaker.
 */
static const char *
default_sslmode(const char *conninfo)
{
    AUTO_STRING char *root = pg_conninfo_value(conninfo, "sslrootcert");
    const char *effective = root != NULL ? root : getenv("PGSSLROOTCERT");
    bool is_url = conninfo != NULL && strstr(conninfo, "://") != NULL;
    bool is_system = effective != NULL && strcmp(effective, "system") == 0;

    return is_url && !is_system && getenv("PGSSLMODE") == NULL ? "require" : NULL;
}

static PGconn *
start_connecting(const struct pg_target *target)
{
    enum { PARAMETERS_MAX = 12 };
    const char *keywords[PARAMETERS_MAX] = {"fallback_application_name", "keepalives_idle",
        "keepalives_interval", "keepalives_count", "tcp_user_timeout"};
    const char *values[PARAMETERS_MAX] = {"pgstride", "30", "10", "3", "60000"};
    size_t count = 5;

    /* libpq takes an empty sslrootcert for none given, and asks the environment. */
    if (is_bundle_to_ignore(target))
        unsetenv("PGSSLROOTCERT");

    if (default_sslmode(target->conninfo) != NULL) {
        keywords[count] = "sslmode";
        values[count++] = default_sslmode(target->conninfo);
    }

    /* What stands later wins: the conninfo over our defaults, our needs over it. */
    if (target->conninfo != NULL) {
        keywords[count] = "dbname";
        values[count++] = target->conninfo;
    }
    if (target->password != NULL) {
        keywords[count] = "password";
        values[count++] = target->password;
    }
    if (target->sslmode != NULL) {
        keywords[count] = "sslmode";
        values[count++] = target->sslmode;
    }
    if (target->dbname != NULL) {
        keywords[count] = "dbname";
        values[count++] = target->dbname;
    }
    keywords[count] = "client_encoding";
    values[count++] = "UTF8";
    return PQconnectStartParams(keywords, values, target->conninfo != NULL);
}

/* Poll until the connection stands or fails; `*phase` is how far it came. */
static bool
finish_connecting(PGconn *connection, int64_t attempt_ms, ConnStatusType *phase, struct error *err)
{
    int64_t until_ms = clock_monotonic_ms() + attempt_ms;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING; /* whatever was polled before */

    while (PQstatus(connection) != CONNECTION_BAD) {
        if (want == PGRES_POLLING_OK)
            return true;
        if (want == PGRES_POLLING_FAILED)
            break;

        struct pollfd wait[] = {
            {.fd = PQsocket(connection),
                .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT},
            {.fd = signals_descriptor(), .events = POLLIN},
        };
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            return error_set(err, ERROR_CONNECTION, "no answer from \"%s\", port %s within %lld s",
                PQhost(connection), PQport(connection), (long long)(attempt_ms / 1000));
        if (poll(wait, ARRAY_LENGTH(wait), (int)left_ms) < 0)
            continue;
        if (signals_is_stop_requested())
            return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
        if (wait[0].revents == 0)
            continue;
        *phase = PQstatus(connection);
        want = PQconnectPoll(connection);
    }
    return error_set(err, ERROR_CONNECTION, "?");
}

/* Text after a SQLSTATE that the server's message carries: `FATAL:  28P01: …`. */
static const char *
find_sqlstate(const char *message, char sqlstate[6])
{
    for (const char *at = strstr(message, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        size_t size = strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        if (size == 5 && strncmp(at + 8, ": ", 2) == 0) {
            memcpy(sqlstate, at + 3, 5);
            sqlstate[5] = '\0';
            return at + 3;
        }
    }
    return NULL;
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
    if (err->sqlstate[0] != '\0')
        return is_starting_or_full(err->sqlstate);
    if (strstr(err->message, "server closed the connection") != NULL ||
        strstr(err->message, "could not receive data") != NULL ||
        strstr(err->message, "Connection reset") != NULL ||
        strstr(err->message, "could not translate host name") != NULL ||
        strstr(err->message, "session is read-only") != NULL ||
        strstr(err->message, "server is in hot standby mode") != NULL ||
        strstr(err->message, "no answer from") != NULL)
        return true;
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

/* Send what can be sent at once: through a Unix socket that is the whole greeting. */
static void
say_first_words(PGconn *connection)
{
    struct pollfd wait = {.fd = PQsocket(connection), .events = POLLOUT};

    if (PQstatus(connection) != CONNECTION_BAD && poll(&wait, 1, 0) == 1 &&
        (wait.revents & POLLOUT) != 0)
        PQconnectPoll(connection);
}

struct pg *
pg_connect_start(const struct pg_target *target)
{
    struct pg *opened = memory_new(sizeof(*opened));

    opened->on_notice = target->on_notice;
    opened->notice_context = target->notice_context;
    opened->connection = start_connecting(target);
    if (opened->connection == NULL)
        memory_resize(NULL, SIZE_MAX / 2); /* out of memory: says so and exits */
    PQsetErrorVerbosity(opened->connection, PQERRORS_VERBOSE); /* the only way to the SQLSTATE */
    PQsetNoticeReceiver(opened->connection, forward_notice, opened);
    say_first_words(opened->connection);
    return opened;
}

bool
pg_connect_finish(struct pg **pg, int64_t attempt_ms, bool *is_worth_waiting, struct error *err)
{
    AUTO_PG struct pg *opened = TAKE(*pg);
    ConnStatusType phase = CONNECTION_NEEDED;

    /* A Unix socket is tried at once; anything else that fails at once fails for good. */
    if (PQstatus(opened->connection) == CONNECTION_BAD &&
        strncmp(PQerrorMessage(opened->connection), "connection to server", 20) != 0)
        phase = CONNECTION_SSL_STARTUP;
    if (!finish_connecting(opened->connection, attempt_ms, &phase, err)) {
        if (strcmp(err->message, "?") == 0)
            read_failure(opened, err);
        *is_worth_waiting = err->kind != ERROR_STOPPED && is_worth_a_wait(err, phase);
        if (err->kind == ERROR_CONNECTION && !*is_worth_waiting)
            err->kind = ERROR_REFUSED;
        if (error_is_sqlstate(err, "42501")) {
            AUTO_STRING char *database = pg_show_identifier(opened, PQdb(opened->connection));
            AUTO_STRING char *user = pg_show_identifier(opened, PQuser(opened->connection));
            error_hint(
                err, "Let its owner say: GRANT CONNECT ON DATABASE %s TO %s;", database, user);
        }
        add_connection_hint(err);
        return false;
    }
    PQsetErrorVerbosity(opened->connection, PQERRORS_DEFAULT);
    PQsetnonblocking(opened->connection, 1);
    *pg = TAKE(opened);
    return true;
}

void
pg_close(struct pg *pg)
{
    if (pg == NULL)
        return;
    PQfinish(pg->connection);
    free(pg);
}

void
pg_release(struct pg **pg)
{
    pg_close(*pg);
    *pg = NULL;
}

const char *
pg_database(const struct pg *pg)
{
    return PQdb(pg->connection);
}

const char *
pg_host(const struct pg *pg)
{
    const char *host = PQhost(pg->connection);

    return host != NULL && *host != '\0' ? host : "localhost";
}

const char *
pg_user(const struct pg *pg)
{
    return PQuser(pg->connection);
}

int
pg_backend_pid(const struct pg *pg)
{
    return PQbackendPID(pg->connection);
}

int
pg_server_version(const struct pg *pg)
{
    return PQserverVersion(pg->connection);
}

bool
pg_is_lost(const struct pg *pg)
{
    return pg->is_given_up || PQstatus(pg->connection) == CONNECTION_BAD;
}

bool
pg_is_in_transaction(const struct pg *pg)
{
    PGTransactionStatusType status = PQtransactionStatus(pg->connection);

    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}
