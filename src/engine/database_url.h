/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Database URL: what libpq understands, and what it does not.
 *
 * golang-migrate's parameters (x-migrations-table, …) are ours to read; other
 * parameters that libpq does not know (search_path=tenant1) are settings of
 * the session, as Go's drivers pass them.
 */
#ifndef ENGINE_DATABASE_URL_H
#define ENGINE_DATABASE_URL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct setting {
    char *name;
    char *value;
};

struct database_url {
    char *conninfo; /* for libpq: the URL without what is not libpq's, or key=value words */
    struct setting *settings;
    size_t settings_count;
    size_t settings_capacity;
    char *table;                  /* NULL: not said */
    char *schema;                 /* NULL: not said */
    int64_t statement_timeout_ms; /* -1: not said */
};

void database_url_done(struct database_url *url);
#define AUTO_DATABASE_URL __attribute__((cleanup(database_url_done))) struct database_url

/*
 * Read a URL, or libpq's key=value words, which pass as they are.
 *
 * Errors   ERROR_USAGE: cannot be read; special characters that are not
 *          percent-encoded; a bad value of a parameter of ours. Neither message
 *          nor hint quotes the URL.
 */
MUST_CHECK bool database_url_parse(const char *text, struct database_url *url, struct error *err);

#endif
