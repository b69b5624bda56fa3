/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options_table.h"

#include <string.h>

#include "base/memory.h"
#include "engine/config.h"

#define FIELD(name) offsetof(struct config, name)

static const struct option OPTIONS[] = {
    {"database", "PGSTRIDE_DATABASE", "DATABASE_URL MIGRATION_DB", OPTION_SECRET, FIELD(database),
        0, 0, NULL, NULL, "URL", "the database: postgres://USER:PASSWORD@HOST:PORT/DATABASE"},
    {"auth", "PGSTRIDE_AUTH", NULL, OPTION_CHOICE, FIELD(auth), 0, 0, "password",
        "password|gcp-iam|aws-iam", "HOW",
        "log in with the password, or with a token of the cloud's IAM in its place"},
    {"path", "PGSTRIDE_PATH", NULL, OPTION_STRING, FIELD(path), 0, 0, NULL, NULL, "DIR",
        "the migrations folder (default /migrations if it exists, else ./migrations)"},
    {"source", "PGSTRIDE_SOURCE", NULL, OPTION_STRING, FIELD(source), 0, 0, NULL, NULL,
        "file://DIR", "the same, as golang-migrate spells it"},
    {"role", "PGSTRIDE_ROLE", NULL, OPTION_STRING, FIELD(role), 0, 0, NULL, NULL, "ROLE",
        "run as this role (SET ROLE): the owner of the objects, where the login is another"},
    {"wait-timeout", "PGSTRIDE_WAIT_TIMEOUT", NULL, OPTION_DURATION, FIELD(wait_timeout_ms), 0, 0,
        "60s", NULL, "TIME", "how long to wait for a database that is not up yet"},
    {"lock-timeout", "PGSTRIDE_LOCK_TIMEOUT", NULL, OPTION_DURATION, FIELD(lock_timeout_ms), 0, 0,
        "5min", NULL, "TIME", "how long to wait for another run that holds the migration lock"},
    {"ddl-lock-timeout", "PGSTRIDE_DDL_LOCK_TIMEOUT", NULL, OPTION_DURATION,
        FIELD(ddl_lock_timeout_ms), 0, 0, "5s", NULL, "TIME",
        "how long a statement may wait for a table's lock, and stall what queues behind it; 0: for "
        "ever"},
    {"retry-for", "PGSTRIDE_RETRY_FOR", NULL, OPTION_DURATION, FIELD(retry_for_ms), 0, 0, "5min",
        NULL, "TIME", "how long to retry a migration that lost a race for a lock"},
    {"heartbeat", "PGSTRIDE_HEARTBEAT", NULL, OPTION_DURATION, FIELD(heartbeat_ms), 0, 0, "10s",
        NULL, "TIME", "how often to say that a statement still runs, and how far it is; 0: never"},
    {"statement-timeout", "PGSTRIDE_STATEMENT_TIMEOUT", NULL, OPTION_DURATION,
        FIELD(statement_timeout_ms), 0, 0, "0", NULL, "TIME",
        "how long a statement may run; 0: for ever"},
    {"atomic", "PGSTRIDE_ATOMIC", NULL, OPTION_SWITCH, FIELD(is_atomic), 0, 0, "false", NULL, NULL,
        "run all of it in one transaction: all or nothing"},
    {"out-of-order", "PGSTRIDE_OUT_OF_ORDER", NULL, OPTION_CHOICE, FIELD(out_of_order), 0, 0,
        "fail", "fail|apply|skip", "WHAT", "a pending migration older than an applied one"},
    {"drift", "PGSTRIDE_DRIFT", NULL, OPTION_CHOICE, FIELD(drift), 0, 0, "fail", "fail|warn|ignore",
        "WHAT", "an applied migration whose file was edited"},
    {"if-ahead", "PGSTRIDE_IF_AHEAD", NULL, OPTION_CHOICE, FIELD(if_ahead), 0, 0, "ok", "ok|fail",
        "WHAT", "a database that is newer than the folder"},
    {"max-file-size", "PGSTRIDE_MAX_FILE_SIZE", NULL, OPTION_NUMBER, FIELD(max_file_mib), 1, 1024,
        "64", NULL, "MIB", "the largest migration file"},
    {"log-format", "PGSTRIDE_LOG_FORMAT", NULL, OPTION_CHOICE, FIELD(log_format), 0, 0, "auto",
        "auto|text|json", "FORMAT", "auto: JSON lines where a platform reads them, else text"},
    {"no-effects", "PGSTRIDE_NO_EFFECTS", NULL, OPTION_SWITCH, FIELD(is_without_effects), 0, 0,
        "false", NULL, NULL, "do not look at what the run changed in the schema"},
    {"verbose", "PGSTRIDE_VERBOSE", NULL, OPTION_SWITCH, FIELD(is_verbose), 0, 0, "false", NULL,
        NULL, "log more: the connection, each wait"},
    {"slack-webhook-url", "PGSTRIDE_SLACK_WEBHOOK_URL", "SLACK_WEBHOOK_URL", OPTION_SECRET,
        FIELD(slack_webhook_url), 0, 0, NULL, NULL, "URL", "post the result there"},
    {"notify", "PGSTRIDE_NOTIFY", NULL, OPTION_CHOICE, FIELD(notify), 0, 0, "changes",
        "changes|always|failure|never", "WHEN", "which results are posted; a failure is a change"},
    {"before-url", "PGSTRIDE_BEFORE_URL", NULL, OPTION_SECRET, FIELD(before_url), 0, 0, NULL, NULL,
        "URL", "post the plan there before anything is touched; what is not a 2xx stops the run"},
    {"after-url", "PGSTRIDE_AFTER_URL", NULL, OPTION_SECRET, FIELD(after_url), 0, 0, NULL, NULL,
        "URL", "post the result there after a run that had something to do"},
    {"hook-token", "PGSTRIDE_HOOK_TOKEN", NULL, OPTION_SECRET, FIELD(hook_token), 0, 0, NULL, NULL,
        "SECRET", "sent to both: Authorization: Bearer SECRET"},
    {"hook-timeout", "PGSTRIDE_HOOK_TIMEOUT", NULL, OPTION_DURATION, FIELD(hook_timeout_ms), 0, 0,
        "30s", NULL, "TIME", "how long each of them may take to answer, with retries"},
    {"image", "PGSTRIDE_IMAGE", NULL, OPTION_STRING, FIELD(image), 0, 0, NULL, NULL, "NAME",
        "the container's image, where the platform does not tell it: for the log and the history"},
    {"format", "PGSTRIDE_FORMAT", NULL, OPTION_CHOICE, FIELD(format), 0, 0, "text", "text|json",
        "FORMAT", "of the answer of status, version, plan, rehearse and verify"},
    {"offline", "PGSTRIDE_OFFLINE", NULL, OPTION_SWITCH, FIELD(is_offline), 0, 0, "false", NULL,
        NULL, "verify: the folder alone, without a database"},
    {"exit-code", "PGSTRIDE_EXIT_CODE", NULL, OPTION_SWITCH, FIELD(is_exit_code), 0, 0, "false",
        NULL, NULL,
        "status: exit 1 when something is pending; write: when there was something to write"},
    {"method", NULL, NULL, OPTION_STRING, FIELD(method), 0, 0, NULL, NULL, "up|write",
        "the command, for those who spell it so; write is create where there is no --schema"},
    {"name", NULL, NULL, OPTION_STRING, FIELD(name), 0, 0, NULL, NULL, "NAME",
        "of --method write: what to create"},
    {"schema", "PGSTRIDE_SCHEMA", NULL, OPTION_STRING, FIELD(schema_file), 0, 0, NULL, NULL, "FILE",
        "of write: the schema that is wanted, as SQL"},
    {"dev-database", "PGSTRIDE_DEV_DATABASE", NULL, OPTION_SECRET, FIELD(dev_database), 0, 0, NULL,
        NULL, "URL", "of write: the server to try it on, in scratch databases; never production"},
    {"prefetch", NULL, NULL, OPTION_NUMBER, FIELD(prefetch), 0, INT32_MAX, "10", NULL, "N",
        "accepted for golang-migrate's sake; files are always read ahead"},
    {"help", NULL, NULL, OPTION_SWITCH, FIELD(is_help), 0, 0, "false", NULL, NULL, "this text"},
    {"version", NULL, NULL, OPTION_SWITCH, FIELD(is_version), 0, 0, "false", NULL, NULL,
        "the program's version"},
};

/* golang-migrate's options of `create`, whose --format is another one. */
static const struct option CREATE_OPTIONS[] = {
    {"ext", "PGSTRIDE_EXT", NULL, OPTION_STRING, FIELD(extension), 0, 0, "sql", NULL, "EXT",
        "the new files' extension"},
    {"dir", "PGSTRIDE_DIR", NULL, OPTION_STRING, FIELD(directory), 0, 0, NULL, NULL, "DIR",
        "where they go (default --path, else ./migrations if it exists, else here)"},
    {"seq", "PGSTRIDE_SEQ", NULL, OPTION_SWITCH, FIELD(is_sequential), 0, 0, "false", NULL, NULL,
        "the version is the highest one plus 1, not the time"},
    {"digits", "PGSTRIDE_DIGITS", NULL, OPTION_NUMBER, FIELD(digits), 1, 19, "6", NULL, "N",
        "how many digits such a version has"},
    {"format", NULL, NULL, OPTION_STRING, FIELD(time_format), 0, 0, NULL, NULL, "FORMAT",
        "how the time is written: unix, unixNano, or a layout as Go has it (default "
        "20060102150405)"},
    {"tz", "PGSTRIDE_TZ", NULL, OPTION_STRING, FIELD(time_zone), 0, 0, "UTC", NULL, "ZONE",
        "the time's zone"},
};

static const struct option WRITE_OPTIONS[] = {
    {"allow-destructive", NULL, NULL, OPTION_SWITCH, FIELD(is_destructive), 0, 0, "false", NULL,
        NULL, "write also what loses data"},
    {"check", NULL, NULL, OPTION_SWITCH, FIELD(is_check), 0, 0, "false", NULL, NULL,
        "write nothing; exit 1 when there is a difference"},
    {"online", "PGSTRIDE_ONLINE", NULL, OPTION_SWITCH, FIELD(is_online), 0, 0, "false", NULL, NULL,
        "write several files, in steps that do not stall the application"},
    {"with-grants", NULL, NULL, OPTION_SWITCH, FIELD(is_with_grants), 0, 0, "false", NULL, NULL,
        "compare owners and privileges too"},
};

static const struct option DOWN_OPTIONS[] = {
    {"all", NULL, NULL, OPTION_SWITCH, FIELD(is_all), 0, 0, "false", NULL, NULL,
        "revert every migration"},
};

static const struct option REHEARSE_OPTIONS[] = {
    {"all", NULL, NULL, OPTION_SWITCH, FIELD(is_all), 0, 0, "false", NULL, NULL,
        "down: every migration"},
    {"observe", "PGSTRIDE_OBSERVE", NULL, OPTION_SECRET, FIELD(observe), 0, 0, NULL, NULL, "URL",
        "a scratch database that has the schema: rehearse there, and roll back"},
    {"fail-on", "PGSTRIDE_FAIL_ON", NULL, OPTION_CHOICE, FIELD(fail_on), 0, 0, "never",
        "never|brief-lock|blocks-writes|blocks-all|breaks", "LEVEL",
        "exit 1 when a statement is as bad, or worse"},
};

static const struct option DROP_OPTIONS[] = {
    {"f", NULL, NULL, OPTION_SWITCH, FIELD(is_forced), 0, 0, "false", NULL, NULL, "without asking"},
};

static const struct option WAIT_OPTIONS[] = {
    {"timeout", "PGSTRIDE_TIMEOUT", NULL, OPTION_DURATION, FIELD(timeout_ms), 0, 0, "10min", NULL,
        "TIME", "how long to wait for the version"},
};

/* The tables: of every command, and what one command has for itself. */
static const struct option_table {
    const char *command; /* NULL: every one */
    const struct option *rows;
    size_t count;
} TABLES[] = {
    {NULL, OPTIONS, ARRAY_LENGTH(OPTIONS)},
    {"create", CREATE_OPTIONS, ARRAY_LENGTH(CREATE_OPTIONS)},
    {"write", CREATE_OPTIONS, ARRAY_LENGTH(CREATE_OPTIONS)},
    {"write", WRITE_OPTIONS, ARRAY_LENGTH(WRITE_OPTIONS)},
    {"down", DOWN_OPTIONS, ARRAY_LENGTH(DOWN_OPTIONS)},
    {"plan", REHEARSE_OPTIONS, ARRAY_LENGTH(REHEARSE_OPTIONS)},
    {"rehearse", REHEARSE_OPTIONS, ARRAY_LENGTH(REHEARSE_OPTIONS)},
    {"wait", WAIT_OPTIONS, ARRAY_LENGTH(WAIT_OPTIONS)},
    {"drop", DROP_OPTIONS, ARRAY_LENGTH(DROP_OPTIONS)},
};

static const struct option_table *
find_table(size_t *index)
{
    for (size_t i = 0; i < ARRAY_LENGTH(TABLES); i++) {
        if (*index < TABLES[i].count)
            return &TABLES[i];
        *index -= TABLES[i].count;
    }
    return NULL;
}

const struct option *
option_at(size_t index)
{
    const struct option_table *table = find_table(&index);

    return table != NULL ? &table->rows[index] : NULL;
}

const char *
option_command(size_t index)
{
    const struct option_table *table = find_table(&index);

    return table != NULL ? table->command : NULL;
}

static const struct option *
find_row(const struct option_table *table, const char *name, size_t size)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strlen(table->rows[i].name) == size && strncmp(table->rows[i].name, name, size) == 0)
            return &table->rows[i];
    }
    return NULL;
}

const struct option *
option_find(const char *command, const char *name, size_t size)
{
    for (size_t i = ARRAY_LENGTH(TABLES); command != NULL && i-- > 1;) {
        const struct option *own = find_row(&TABLES[i], name, size);
        if (own != NULL && strcmp(TABLES[i].command, command) == 0)
            return own;
    }
    return find_row(&TABLES[0], name, size);
}

const struct option *
option_find_any(const char *name, size_t size)
{
    const struct option *found = NULL;

    for (size_t i = 0; found == NULL && i < ARRAY_LENGTH(TABLES); i++)
        found = find_row(&TABLES[i], name, size);
    return found;
}
