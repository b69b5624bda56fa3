/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Login: without a password. --auth puts a token of the cloud's IAM in its place,
 * a fresh one for each connection.
 */
#ifndef ENGINE_LOGIN_H
#define ENGINE_LOGIN_H

#include "adapter/metadata.h"
#include "adapter/postgres.h"
#include "engine/config.h"

/*
 * Can --auth log in there? Pure but for the environment: connects nowhere. Run once the
 * database is known; secrets of the environment are remembered.
 *
 * Errors   ERROR_USAGE: a password beside it, no TLS, what a token needs and nobody names.
 */
MUST_CHECK bool login_check(const struct config *config, struct error *err);

/* What a connection is opened with beside the conninfo; all NULL for --auth password. */
struct login {
    char *password;
    char *sslmode;
};

void login_done(struct login *login);
#define AUTO_LOGIN __attribute__((cleanup(login_done))) struct login

/*
 * Get a token: asks the metadata server or the credentials endpoint, for some 6 s
 * at most, or 1 s. Remembered as a secret.
 *
 * Errors   ERROR_CONNECTION  it does not answer, and may in a while.
 *          ERROR_REFUSED     it said no; ERROR_STOPPED, ERROR_USAGE.
 */
MUST_CHECK bool login_get(const struct config *config,
    enum metadata_patience patience,
    struct login *login,
    struct error *err);

/*
 * Another connection beside the run's: one attempt, as --auth says.
 * Errors   as login_get and pg_connect_finish.
 */
MUST_CHECK bool login_connect(const struct config *config,
    enum metadata_patience patience,
    int64_t attempt_ms,
    struct pg **db,
    struct error *err);

/* Say what a login by IAM needs, where the server refused one, and what Cloud SQL's socket. */
void login_explain(const struct config *config, struct error *err);

/*
 * A login's default role (ALTER ROLE … SET role) sees nothing of the login's own sessions, and may
 * not end one. Stands before a query in a pg_run, whose one transaction both are.
 */
#define SQL_AS_LOGIN "SET LOCAL ROLE none;\n"

#endif
