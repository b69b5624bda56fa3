/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/login.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/aws_credentials.h"
#include "adapter/clock.h"
#include "adapter/gcp_token.h"
#include "adapter/postgres.h"
#include "base/memory.h"
#include "base/secret.h"

void
login_done(struct login *login)
{
    free(login->password);
    free(login->sslmode);
    *login = (struct login){0};
}

static const char *
auth_name(const struct config *config)
{
    return config->auth == AUTH_AWS_IAM ? "aws-iam" : "gcp-iam";
}

static bool
is_said(const char *value)
{
    return value != NULL && *value != '\0';
}

static bool
check_no_password(const struct config *config, struct error *err)
{
    AUTO_STRING char *password = pg_conninfo_value(config->url.conninfo, "password");
    const char *variable = getenv("PGPASSWORD");

    if (!is_said(password) && !is_said(variable))
        return true;
    error_set(err, ERROR_USAGE, "--auth %s takes the place of a password, and %s has one",
        auth_name(config), is_said(password) ? "the database's URL or secret" : "PGPASSWORD");
    return error_hint(err, "Take the password away, or --auth.");
}

/* A service file may say anything, an sslmode too, and is read by libpq alone. */
static bool
check_no_service(const struct config *config, struct error *err)
{
    AUTO_STRING char *service = pg_effective_value(config->url.conninfo, "service");

    return !is_said(service) ||
           error_set(err, ERROR_USAGE,
               "--auth %s needs the host and the user named, not a service file",
               auth_name(config));
}

/* Where no host is named, libpq tries a socket. */
static bool
is_socket(const char *host, size_t size)
{
    return size == 0 || *host == '/' || *host == '@';
}

/* Is every host a Unix socket's folder? What goes through one leaves no machine. */
static bool
has_sockets_alone(const struct config *config)
{
    AUTO_STRING char *hosts = pg_effective_value(config->url.conninfo, "host");
    AUTO_STRING char *addresses = pg_effective_value(config->url.conninfo, "hostaddr");

    if (is_said(addresses))
        return false;
    for (const char *at = hosts; at != NULL; at = *at == ',' ? at + 1 : NULL) {
        size_t size = strcspn(at, ",");
        if (!is_socket(at, size))
            return false;
        at += size;
    }
    return true;
}

/* What is said, else what sends no token in the clear; the caller frees it. */
static char *
find_sslmode(const struct config *config)
{
    AUTO_STRING char *said = pg_conninfo_value(config->url.conninfo, "sslmode");
    AUTO_STRING char *root = pg_effective_value(config->url.conninfo, "sslrootcert");
    const char *variable = getenv("PGSSLMODE");

    if (is_said(said))
        return TAKE(said);
    if (is_said(variable))
        return memory_string(variable);
    /* libpq takes no less for the system's own store. */
    return memory_string(root != NULL && strcmp(root, "system") == 0 ? "verify-full" : "require");
}

static bool
check_encryption(const struct config *config, struct error *err)
{
    static const char *const WEAK[] = {"disable", "allow", "prefer"};
    AUTO_STRING char *mode = find_sslmode(config);

    if (has_sockets_alone(config))
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(WEAK); i++) {
        if (strcmp(mode, WEAK[i]) != 0)
            continue;
        error_set(err, ERROR_USAGE,
            "--auth %s needs TLS: sslmode=%s may send the token in the clear", auth_name(config),
            mode);
        return error_hint(err, "Say sslmode=verify-full with sslrootcert=, or at least "
                               "sslmode=require, which is the default here.");
    }
    return true;
}

/* What the token of one login at RDS is made of. */
struct endpoint {
    char *host;
    char *port;
    char *user;
    char *region;
};

static void
endpoint_done(struct endpoint *endpoint)
{
    free(endpoint->host);
    free(endpoint->port);
    free(endpoint->user);
    free(endpoint->region);
}
#define AUTO_ENDPOINT __attribute__((cleanup(endpoint_done))) struct endpoint

static void
find_endpoint(const struct config *config, struct endpoint *endpoint)
{
    const char *region = getenv("AWS_REGION");
    const char *conninfo = config->url.conninfo;

    endpoint->host = pg_effective_value(conninfo, "host");
    endpoint->port = pg_effective_value(conninfo, "port");
    endpoint->user = pg_effective_value(conninfo, "user");
    if (!is_said(region))
        region = getenv("AWS_DEFAULT_REGION");
    if (is_said(region))
        endpoint->region = memory_string(region);
    else if (endpoint->host != NULL)
        endpoint->region = aws_region_of_host(endpoint->host);
}

static bool
check_endpoint(const struct endpoint *endpoint, struct error *err)
{
    const char *host = endpoint->host;

    if (!is_said(host) || is_socket(host, strlen(host)) || strchr(host, ',') != NULL) {
        error_set(err, ERROR_USAGE, "--auth aws-iam needs one host: the token is signed for it");
        return error_hint(err, "Name the endpoint as RDS does: "
                               "NAME.ID.REGION.rds.amazonaws.com.");
    }
    if (!is_said(endpoint->port) || strchr(endpoint->port, ',') != NULL)
        return error_set(err, ERROR_USAGE, "--auth aws-iam needs one port");
    if (!is_said(endpoint->user)) {
        error_set(err, ERROR_USAGE, "--auth aws-iam needs the user named");
        return error_hint(err, "Name the user in the URL or in PGUSER.");
    }
    if (endpoint->region == NULL) {
        error_set(err, ERROR_USAGE, "--auth aws-iam finds no region");
        return error_hint(err, "Set AWS_REGION; only the host's name as RDS gives it holds one.");
    }
    return true;
}

bool
login_check(const struct config *config, struct error *err)
{
    AUTO_ENDPOINT endpoint = {0};

    if (config->auth == AUTH_PASSWORD)
        return true;
    if (!check_no_password(config, err) || !check_no_service(config, err) ||
        !check_encryption(config, err))
        return false;
    if (config->auth == AUTH_GCP_IAM)
        return true;
    find_endpoint(config, &endpoint);
    return check_endpoint(&endpoint, err) && aws_credentials_check(err);
}

static bool
get_aws_token(
    const struct config *config, enum metadata_patience patience, char **token, struct error *err)
{
    enum { MILLISECONDS = 1000 };
    AUTO_ENDPOINT endpoint = {0};
    AUTO_AWS_KEYS keys = {0};

    find_endpoint(config, &endpoint);
    if (!check_endpoint(&endpoint, err) || !aws_credentials_get(patience, &keys, err))
        return false;
    const struct aws_login login = {
        .host = endpoint.host,
        .port = endpoint.port,
        .user = endpoint.user,
        .region = endpoint.region,
    };
    *token = aws_token_new(&login, &keys, clock_unix_ms() / MILLISECONDS);
    secret_add(*token);
    return true;
}

bool
login_get(const struct config *config,
    enum metadata_patience patience,
    struct login *login,
    struct error *err)
{
    char *token = NULL;

    *login = (struct login){0};
    if (config->auth == AUTH_PASSWORD)
        return true;
    if (config->auth == AUTH_GCP_IAM ? !gcp_token_get(patience, &token, err)
                                     : !get_aws_token(config, patience, &token, err))
        return error_prefix(err, "--auth %s", auth_name(config));
    *login = (struct login){.password = token, .sslmode = find_sslmode(config)};
    return true;
}

/* The folder of Cloud SQL's sockets is the platform's: the server is never local. */
static void
explain_socket(const struct config *config, struct error *err)
{
    static const char FOLDER[] = "/cloudsql/";
    AUTO_STRING char *host = pg_effective_value(config->url.conninfo, "host");

    if (err->kind == ERROR_CONNECTION && host != NULL && strncmp(host, FOLDER, strlen(FOLDER)) == 0)
        error_hint(err, "Is it PROJECT:REGION:INSTANCE, is the instance attached to the job "
                        "(--set-cloudsql-instances), and has the job's account "
                        "roles/cloudsql.client?");
}

bool
login_connect(const struct config *config,
    enum metadata_patience patience,
    int64_t attempt_ms,
    struct pg **db,
    struct error *err)
{
    struct pg_target target = {.conninfo = config->url.conninfo, .dbname = config->scratch_name};
    AUTO_LOGIN login = {0};
    bool is_worth_waiting = false;

    if (!login_get(config, patience, &login, err))
        return false;
    target.password = login.password;
    target.sslmode = login.sslmode;
    AUTO_PG struct pg *opened = pg_connect_start(&target);
    if (!pg_connect_finish(&opened, attempt_ms, &is_worth_waiting, err))
        return false;
    *db = TAKE(opened);
    return true;
}

void
login_explain(const struct config *config, struct error *err)
{
    static const char SUFFIX[] = ".gserviceaccount.com";
    AUTO_STRING char *user = pg_effective_value(config->url.conninfo, "user");
    size_t size = user != NULL ? strlen(user) : 0;

    explain_socket(config, err);
    if (config->auth == AUTH_PASSWORD || strncmp(err->sqlstate, "28", 2) != 0)
        return;
    if (config->auth == AUTH_AWS_IAM)
        error_hint(err, "GRANT rds_iam TO the user, allow rds-db:connect to the task role, and "
                        "name the host as RDS does: the token is not good for an alias.");
    else if (size > strlen(SUFFIX) && strcmp(user + size - strlen(SUFFIX), SUFFIX) == 0)
        error_hint(err, "The user is the account without %s: %.*s.", SUFFIX,
            (int)(size - strlen(SUFFIX)), user);
    else
        error_hint(err,
            "The user is the service account that this runs as, without %s; it has to "
            "be an IAM user of the instance, which has IAM authentication on.",
            SUFFIX);
}
