/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Database secret: where to connect, as RDS and Secrets Manager keep it: a JSON
 * object with engine, host, username, password, dbname and port.
 */
#ifndef ENGINE_DATABASE_SECRET_H
#define ENGINE_DATABASE_SECRET_H

#include "base/error.h"

/* Is it such a secret, and no URL? It begins with a brace. */
bool database_secret_is(const char *text);

/*
 * Make libpq's key=value words of a secret. A host, port or database that it does
 * not name is left to PGHOST, PGPORT and PGDATABASE. The sslmode is PGSSLMODE's,
 * else require, as for a URL.
 *
 * Result   `*conninfo`; the caller frees it. Keys that are not ours are ignored.
 * Errors   ERROR_USAGE: no JSON object, another engine, no username, no password
 *          where one is needed, a host or a database that nobody names. Neither
 *          message nor hint quotes a value.
 */
MUST_CHECK bool database_secret_parse(
    const char *text, bool is_password_needed, char **conninfo, struct error *err);

#endif
