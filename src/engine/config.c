/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/config.h"

#include <stdlib.h>
#include <string.h>

#include "adapter/files.h"
#include "adapter/http.h"
#include "adapter/postgres.h"
#include "base/memory.h"
#include "base/secret.h"
#include "engine/database_secret.h"
#include "engine/login.h"

void
config_done(struct config *config)
{
    free(config->database);
    free(config->path);
    free(config->source);
    free(config->slack_webhook_url);
    free(config->before_url);
    free(config->after_url);
    free(config->hook_token);
    free(config->image);
    free(config->role);
    free(config->method);
    free(config->name);
    free(config->observe);
    free(config->extension);
    free(config->directory);
    free(config->schema_file);
    free(config->dev_database);
    free(config->time_format);
    free(config->time_zone);
    database_url_done(&config->url);
    *config = (struct config){0};
}

static bool
has_libpq_environment(void)
{
    static const char *const NAMES[] = {
        "PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE", "PGUSER", "PGPORT"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        const char *value = getenv(NAMES[i]);
        if (value != NULL && *value != '\0')
            return true;
    }
    return false;
}

static bool
read_database(struct config *config, struct error *err)
{
    if (database_secret_is(config->database))
        return database_secret_parse(
            config->database, config->auth == AUTH_PASSWORD, &config->url.conninfo, err);
    return database_url_parse(config->database, &config->url, err);
}

static bool
finish_database(struct config *config, struct error *err)
{
    if (config->database == NULL) {
        if (has_libpq_environment())
            return login_check(config, err);
        error_set(err, ERROR_USAGE, "no database was named");
        return error_hint(err,
            "Set DATABASE_URL (or --database, MIGRATION_DB, PGHOST and its kin) to "
            "postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full.");
    }

    if (!read_database(config, err))
        return false;
    if (config->url.table != NULL)
        config->table = config->url.table;
    if (config->url.statement_timeout_ms > 0 && config->statement_timeout_ms == 0)
        config->statement_timeout_ms = config->url.statement_timeout_ms;

    AUTO_STRING char *password = pg_conninfo_value(config->url.conninfo, "password");
    AUTO_STRING char *key_password = pg_conninfo_value(config->url.conninfo, "sslpassword");
    secret_add(password);
    secret_add(key_password);
    return login_check(config, err);
}

static bool
finish_path(struct config *config, struct error *err)
{
    static const char SCHEME[] = "file://";

    if (config->path == NULL && config->source != NULL) {
        if (strncmp(config->source, SCHEME, strlen(SCHEME)) != 0)
            return error_set(err, ERROR_USAGE, "--source takes file://DIR alone");
        config->path = memory_string(config->source + strlen(SCHEME));
    }
    config->is_path_given = config->path != NULL;
    if (config->path == NULL)
        config->path =
            memory_string(file_is_folder("/migrations") ? "/migrations" : "./migrations");
    return true;
}

static bool
finish_webhook(const char *option, const char *url, struct error *err)
{
    secret_add(url);
    if (url != NULL && !http_url_check(url, err))
        return error_prefix(err, "%s", option);
    return true;
}

/* It goes into a header as it is. */
static bool
finish_token(const struct config *config, struct error *err)
{
    secret_add(config->hook_token);
    for (const char *c = config->hook_token; c != NULL && *c != '\0'; c++) {
        if (*c > ' ' && *c < 0x7F)
            continue;
        error_set(err, ERROR_USAGE, "--hook-token has white space in it, or what is not ASCII");
        return error_hint(err, "a line break at the end of a stored secret is the usual cause");
    }
    return true;
}

bool
config_finish_webhooks(const struct config *config, struct error *err)
{
    return finish_token(config, err) &&
           finish_webhook("--slack-webhook-url", config->slack_webhook_url, err) &&
           finish_webhook("--before-url", config->before_url, err) &&
           finish_webhook("--after-url", config->after_url, err);
}

bool
config_finish(struct config *config, bool is_database_needed, struct error *err)
{
    config->table = "schema_migrations";
    config->url.statement_timeout_ms = -1;
    secret_add(config->database);
    secret_add(getenv("PGPASSWORD"));
    return finish_path(config, err) && (!is_database_needed || finish_database(config, err));
}
