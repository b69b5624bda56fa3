/* SPDX-License-Identifier: Apache-2.0 */
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

/* NULL: it cannot be read. */
static PQconninfoOption *
parse_conninfo(const char *conninfo)
{
    char *reason = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &reason);

    if (options == NULL && (reason == NULL || strncmp(reason, "out of memory", 13) == 0))
        memory_ran_out();
    /* libpq's reason quotes parts of the string, the password too: not shown. */
    PQfreemem(reason);
    return options;
}

bool
pg_check_conninfo(const char *conninfo, struct error *err)
{
    AUTO_OPTIONS *options = parse_conninfo(conninfo);

    if (options != NULL)
        return true;
    return error_set(err, ERROR_USAGE, "the database URL cannot be read");
}

bool
pg_is_parameter(const char *name)
{
    AUTO_OPTIONS *options = parse_conninfo(""); /* PQconndefaults asks who the user is */

    for (PQconninfoOption *option = options; option != NULL && option->keyword; option++) {
        if (strcmp(option->keyword, name) == 0)
            return true;
    }
    return false;
}

char *
pg_conninfo_value(const char *conninfo, const char *name)
{
    AUTO_OPTIONS *options = conninfo != NULL ? parse_conninfo(conninfo) : NULL;

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
    if (options == NULL)
        memory_ran_out();
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

/*
 * libpq 17 compares its sslrootcert with "system" though there is none, where a server
 * goes away right behind its certificate: a NULL pointer. An empty one means the same
 * everywhere else, and is taken from the environment alone, behind the conninfo and the
 * service's file. The program that `wait` becomes has the environment as it was.
 */
static PGconn *
start_without_null(const char *const *keywords,
    const char *const *values,
    bool is_bundle_ignored,
    bool is_expanded)
{
    static const char NAME[] = "PGSSLROOTCERT";
    AUTO_STRING char *root = memory_string(getenv(NAME));

    if (setenv(NAME, "", is_bundle_ignored) != 0)
        memory_ran_out();
    PGconn *connection = PQconnectStartParams(keywords, values, is_expanded);
    if (root == NULL)
        unsetenv(NAME);
    else if (setenv(NAME, root, 1) != 0)
        memory_ran_out();
    return connection;
}

static PGconn *
start_connecting(const struct pg_target *target)
{
    enum { PARAMETERS_MAX = 12 };
    const char *keywords[PARAMETERS_MAX] = {"fallback_application_name", "keepalives_idle",
        "keepalives_interval", "keepalives_count", "tcp_user_timeout"};
    const char *values[PARAMETERS_MAX] = {"pgstride", "30", "10", "3", "60000"};
    size_t count = 5;

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
    return start_without_null(
        keywords, values, is_bundle_to_ignore(target), target->conninfo != NULL);
}

/* What the attempt waits for; its socket is another one for each address. */
static struct pollfd
wanted_of(const struct pg *pg)
{
    return (struct pollfd){
        .fd = PQsocket(pg->connection),
        .events = pg->wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT,
    };
}

static void
take_a_step(struct pg *pg)
{
    pg->phase = PQstatus(pg->connection);
    pg->wanted = PQconnectPoll(pg->connection);
}

static bool
is_standing(const struct pg *pg)
{
    return pg->wanted == PGRES_POLLING_OK && PQstatus(pg->connection) != CONNECTION_BAD;
}

static bool
is_under_way(const struct pg *pg)
{
    return PQstatus(pg->connection) != CONNECTION_BAD && pg->wanted != PGRES_POLLING_OK &&
           pg->wanted != PGRES_POLLING_FAILED;
}

bool
pg_connect_go_on(struct pg *pg)
{
    while (is_under_way(pg)) {
        struct pollfd wait = wanted_of(pg);
        if (poll(&wait, 1, 0) != 1)
            return false;
        take_a_step(pg);
    }
    return is_standing(pg);
}

/* Poll until the connection stands or fails. */
static bool
finish_connecting(struct pg *pg, int64_t attempt_ms, struct error *err)
{
    PGconn *connection = pg->connection;
    int64_t until_ms = clock_monotonic_ms() + attempt_ms;

    while (is_under_way(pg)) {
        struct pollfd wait[] = {wanted_of(pg), {.fd = signals_descriptor(), .events = POLLIN}};
        int64_t left_ms = until_ms - clock_monotonic_ms();
        if (left_ms <= 0)
            return error_set(err, ERROR_CONNECTION, "no answer from \"%s\", port %s within %lld s",
                PQhost(connection), PQport(connection), (long long)(attempt_ms / 1000));
        if (poll(wait, ARRAY_LENGTH(wait), (int)left_ms) < 0)
            continue;
        if (signals_is_stop_requested())
            return error_set(err, ERROR_STOPPED, "stopped by %s", signals_stop_name());
        if (wait[0].revents != 0)
            take_a_step(pg);
    }
    return is_standing(pg) || error_set(err, ERROR_CONNECTION, "?");
}

struct pg *
pg_connect_start(const struct pg_target *target)
{
    struct pg *opened = memory_new(sizeof(*opened));

    opened->on_notice = target->on_notice;
    opened->notice_context = target->notice_context;
    opened->connection = start_connecting(target);
    if (opened->connection == NULL)
        memory_ran_out();
    PQsetErrorVerbosity(opened->connection, PQERRORS_VERBOSE); /* the only way to the SQLSTATE */
    PQsetNoticeReceiver(opened->connection, forward_notice, opened);
    /* A Unix socket is tried at once; anything else that fails at once fails for good. */
    opened->phase = CONNECTION_NEEDED;
    if (PQstatus(opened->connection) == CONNECTION_BAD &&
        strncmp(PQerrorMessage(opened->connection), "connection to server", 20) != 0)
        opened->phase = CONNECTION_SSL_STARTUP;
    opened->wanted = PGRES_POLLING_WRITING;
    pg_connect_go_on(opened); /* near by, that is all until the server must answer */
    return opened;
}

bool
pg_connect_finish(struct pg **pg, int64_t attempt_ms, bool *is_worth_waiting, struct error *err)
{
    AUTO_PG struct pg *opened = TAKE(*pg);

    if (!finish_connecting(opened, attempt_ms, err)) {
        pg_explain_refusal(opened, is_worth_waiting, err);
        return false;
    }
    opened->backend_pid = PQbackendPID(opened->connection);
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
    pg_result_release(&pg->row);
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
    return pg->backend_pid;
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
