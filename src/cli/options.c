/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/files.h"
#include "base/memory.h"
#include "base/parse.h"

enum option_type {
    OPTION_STRING,
    OPTION_SECRET, /* a string that NAME_FILE may hold too */
    OPTION_DURATION,
    OPTION_NUMBER,
    OPTION_CHOICE,
    OPTION_SWITCH,
};

struct option {
    const char *name;
    const char *environment;       /* NULL: a flag alone */
    const char *other_environment; /* other tools' names for it, "A B", or NULL */
    enum option_type type;
    size_t offset; /* of the field in struct config */
    int64_t smallest;
    int64_t largest;
    const char *standard; /* the default, as one would write it; NULL: none */
    const char *choices;  /* "a|b|c": their order is the enum's */
    const char *value;    /* what --help calls the value */
    const char *help;
};

#define FIELD(name) offsetof(struct config, name)

static const struct option OPTIONS[] = {
    {"database", "PGSTRIDE_DATABASE", "DATABASE_URL MIGRATION_DB", OPTION_SECRET, FIELD(database),
        0, 0, NULL, NULL, "URL", "the database: postgres://USER:PASSWORD@HOST:PORT/DATABASE"},
    {"path", "PGSTRIDE_PATH", NULL, OPTION_STRING, FIELD(path), 0, 0, NULL, NULL, "DIR",
        "the migrations folder (default /migrations if it exists, else ./migrations)"},
    {"source", "PGSTRIDE_SOURCE", NULL, OPTION_STRING, FIELD(source), 0, 0, NULL, NULL,
        "file://DIR", "the same, as golang-migrate spells it"},
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
    {"statement-timeout", "PGSTRIDE_STATEMENT_TIMEOUT", NULL, OPTION_DURATION,
        FIELD(statement_timeout_ms), 0, 0, "0", NULL, "TIME",
        "how long a statement may run; 0: for ever"},
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
    {"verbose", "PGSTRIDE_VERBOSE", NULL, OPTION_SWITCH, FIELD(is_verbose), 0, 0, "false", NULL,
        NULL, "log more: the connection, each wait"},
    {"slack-webhook-url", "PGSTRIDE_SLACK_WEBHOOK_URL", "SLACK_WEBHOOK_URL", OPTION_SECRET,
        FIELD(slack_webhook_url), 0, 0, NULL, NULL, "URL", "post the result there"},
    {"notify", "PGSTRIDE_NOTIFY", NULL, OPTION_CHOICE, FIELD(notify), 0, 0, "changes",
        "changes|always|failure|never", "WHEN", "which results are posted; a failure is a change"},
    {"format", "PGSTRIDE_FORMAT", NULL, OPTION_CHOICE, FIELD(format), 0, 0, "text", "text|json",
        "FORMAT", "of the answer of status and version"},
    {"all", NULL, NULL, OPTION_SWITCH, FIELD(is_all), 0, 0, "false", NULL, NULL,
        "down: revert every migration"},
    {"exit-code", "PGSTRIDE_EXIT_CODE", NULL, OPTION_SWITCH, FIELD(is_exit_code), 0, 0, "false",
        NULL, NULL, "status: exit 1 when something is pending"},
    {"prefetch", NULL, NULL, OPTION_NUMBER, FIELD(prefetch), 0, INT32_MAX, "10", NULL, "N",
        "accepted for golang-migrate's sake; files are always read ahead"},
    {"help", NULL, NULL, OPTION_SWITCH, FIELD(is_help), 0, 0, "false", NULL, NULL, "this text"},
    {"version", NULL, NULL, OPTION_SWITCH, FIELD(is_version), 0, 0, "false", NULL, NULL,
        "the program's version"},
};

static bool
read_choice(const char *choices, const char *value, int *chosen)
{
    int index = 0;

    for (const char *at = choices; at != NULL; index++) {
        size_t size = strcspn(at, "|");
        if (strlen(value) == size && strncmp(at, value, size) == 0) {
            *chosen = index;
            return true;
        }
        at = at[size] == '|' ? at + size + 1 : NULL;
    }
    return false;
}

/* A flag of one of two names for the same thing puts the other aside. */
static void
put_aside(const struct option *option, struct config *config)
{
    if (option->offset == FIELD(path)) {
        free(config->source);
        config->source = NULL;
    } else if (option->offset == FIELD(source)) {
        free(config->path);
        config->path = NULL;
    }
}

static bool
read_value(const struct option *option, const char *value, struct config *config, struct error *err)
{
    char *field = (char *)config + option->offset;
    char **string = (char **)(void *)field;

    switch (option->type) {
    case OPTION_STRING:
    case OPTION_SECRET:
        free(*string);
        *string = memory_string(value);
        return *value != '\0' || error_set(err, ERROR_USAGE, "the value is empty");
    case OPTION_DURATION:
        return parse_duration(value, (int64_t *)(void *)field, err);
    case OPTION_NUMBER:
        return parse_number(
            value, option->smallest, option->largest, (int64_t *)(void *)field, err);
    case OPTION_CHOICE:
        return read_choice(option->choices, value, (int *)(void *)field) ||
               error_set(err, ERROR_USAGE, "\"%.64s\" is none of %s", value, option->choices);
    case OPTION_SWITCH:
        return parse_boolean(value, (bool *)field, err);
    }
    return false;
}

static bool
set_value(const struct option *option, const char *value, struct config *config, struct error *err)
{
    if (read_value(option, value, config, err))
        return true;
    if (strstr(value, "://") != NULL) /* a URL that went astray: its password is not shown */
        error_set(err, ERROR_USAGE, "a URL is not what it takes");
    return false;
}

void
options_default(struct config *config)
{
    struct error ignored = ERROR_INIT;

    *config = (struct config){0};
    for (size_t i = 0; i < ARRAY_LENGTH(OPTIONS); i++) {
        if (OPTIONS[i].standard != NULL &&
            !set_value(&OPTIONS[i], OPTIONS[i].standard, config, &ignored))
            abort(); /* a row of the table is wrong */
    }
}

static const char *
find_variable(char *const environment[], const char *name, size_t name_size)
{
    for (; *environment != NULL; environment++) {
        if (strncmp(*environment, name, name_size) == 0 && (*environment)[name_size] == '=')
            return *environment + name_size + 1;
    }
    return NULL;
}

/* The secret in the file that NAME_FILE names, without the newline that editors add. */
static bool
read_secret_file(const char *path, char **secret, struct error *err)
{
    enum { SECRET_BYTES = 64 * 1024 };
    size_t size = 0;

    if (!file_read(path, SECRET_BYTES, secret, &size, err))
        return false;
    while (size > 0 && isspace((unsigned char)(*secret)[size - 1]))
        (*secret)[--size] = '\0';
    return true;
}

static bool
read_variable(const struct option *option,
    const char *name,
    size_t name_size,
    char *const environment[],
    struct config *config,
    bool *is_set,
    struct error *err)
{
    const char *value = find_variable(environment, name, name_size);
    AUTO_STRING char *file_name = memory_printf("%.*s_FILE", (int)name_size, name);
    AUTO_STRING char *secret = NULL;

    *is_set = false;
    if ((value == NULL || *value == '\0') && option->type == OPTION_SECRET) {
        const char *path = find_variable(environment, file_name, strlen(file_name));
        if (path != NULL && *path != '\0') {
            if (!read_secret_file(path, &secret, err))
                return error_prefix(err, "%s", file_name);
            value = secret;
        }
    }
    if (value == NULL || *value == '\0')
        return true;
    *is_set = true;
    return set_value(option, value, config, err) || error_prefix(err, "%.*s", (int)name_size, name);
}

static bool
read_environment(const struct option *option,
    char *const environment[],
    struct config *config,
    struct error *err)
{
    bool is_set = false;

    if (option->environment == NULL)
        return true;
    if (!read_variable(option, option->environment, strlen(option->environment), environment,
            config, &is_set, err))
        return false;
    for (const char *at = option->other_environment; at != NULL && !is_set;) {
        size_t size = strcspn(at, " ");
        if (!read_variable(option, at, size, environment, config, &is_set, err))
            return false;
        at = at[size] == ' ' ? at + size + 1 : NULL;
    }
    return true;
}

static bool
is_known_variable(const char *name, size_t size)
{
    static const char FILE_END[] = "_FILE";

    /* Kubernetes gives every container of a namespace the addresses of its services. */
    if (strncmp(name, "PGSTRIDE_SERVICE_", 17) == 0 || strncmp(name, "PGSTRIDE_PORT", 13) == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(OPTIONS); i++) {
        const char *known = OPTIONS[i].environment;
        size_t known_size = known != NULL ? strlen(known) : 0;
        if (known == NULL || known_size > size || strncmp(known, name, known_size) != 0)
            continue;
        if (known_size == size)
            return true;
        if (OPTIONS[i].type == OPTION_SECRET && size == known_size + strlen(FILE_END) &&
            strncmp(name + known_size, FILE_END, strlen(FILE_END)) == 0)
            return true;
    }
    return false;
}

static bool
check_variables(char *const environment[], struct error *err)
{
    for (; *environment != NULL; environment++) {
        size_t size = strcspn(*environment, "=");
        if (strncmp(*environment, "PGSTRIDE_", 9) != 0 || is_known_variable(*environment, size))
            continue;
        error_set(err, ERROR_USAGE, "unknown environment variable %.*s",
            (int)(size < 100 ? size : 100), *environment);
        return error_hint(err, "pgstride --help lists them; remove it, or mend its name.");
    }
    return true;
}

static const struct option *
find_option(const char *name, size_t size)
{
    for (size_t i = 0; i < ARRAY_LENGTH(OPTIONS); i++) {
        if (strlen(OPTIONS[i].name) == size && strncmp(OPTIONS[i].name, name, size) == 0)
            return &OPTIONS[i];
    }
    return NULL;
}

/* One flag, and its value from `next` when it does not carry it. */
static bool
read_flag(const char *flag,
    const char *next,
    struct config *config,
    bool *is_next_used,
    struct error *err)
{
    const char *name = flag + (flag[1] == '-' ? 2 : 1);
    size_t size = strcspn(name, "=");
    const char *value = name[size] == '=' ? name + size + 1 : NULL;
    const struct option *option = find_option(name, size);

    *is_next_used = false;
    if (option == NULL) {
        size = strcspn(name, "=:"); /* a URL that went astray is not shown */
        error_set(err, ERROR_USAGE, "unknown option --%.*s", (int)(size < 60 ? size : 60), name);
        return error_hint(err, "pgstride --help lists them.");
    }
    if (value == NULL && option->type == OPTION_SWITCH)
        value = "true";
    if (value == NULL) {
        if (next == NULL)
            return error_set(err, ERROR_USAGE, "--%s needs a value", option->name);
        value = next;
        *is_next_used = true;
    }
    put_aside(option, config);
    return set_value(option, value, config, err) || error_prefix(err, "--%s", option->name);
}

static bool
add_word(const char *word, struct command_line *line, struct error *err)
{
    if (strstr(word, "://") != NULL) {
        error_set(err, ERROR_USAGE, "a URL stands where a command or its argument belongs");
        return error_hint(err, "Name the database with --database URL.");
    }
    if (line->command == NULL) {
        line->command = word;
        return true;
    }
    if (line->arguments_count == ARGUMENTS_MAX)
        return error_set(err, ERROR_USAGE, "too many arguments");
    line->arguments[line->arguments_count++] = word;
    return true;
}

/* Keep the first error of several. */
static void
keep_first(struct error *first, const struct error *next)
{
    if (first->kind == ERROR_NONE)
        *first = *next;
}

static void
read_arguments(int argc,
    char *const argv[],
    struct config *config,
    struct command_line *line,
    struct error *first)
{
    bool is_words_only = false;

    for (int i = 1; i < argc; i++) {
        struct error err = ERROR_INIT;
        bool is_next_used = false;
        bool is_flag = !is_words_only && argv[i][0] == '-' && argv[i][1] != '\0';
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (is_flag && strcmp(argv[i], "--") == 0) {
            is_words_only = true;
            continue;
        }
        bool is_read = is_flag ? read_flag(argv[i], next, config, &is_next_used, &err)
                               : add_word(argv[i], line, &err);
        if (!is_read)
            keep_first(first, &err);
        i += is_next_used;
    }
}

bool
options_read(int argc,
    char *const argv[],
    char *const environment[],
    struct config *config,
    struct command_line *line,
    struct error *err)
{
    struct error first = ERROR_INIT;
    struct error next = ERROR_INIT;

    *line = (struct command_line){0};
    if (!check_variables(environment, &next))
        keep_first(&first, &next);
    for (size_t i = 0; i < ARRAY_LENGTH(OPTIONS); i++) {
        if (!read_environment(&OPTIONS[i], environment, config, &next))
            keep_first(&first, &next);
    }
    read_arguments(argc, argv, config, line, &first);
    if (first.kind == ERROR_NONE)
        return true;
    *err = first;
    return false;
}

void
options_describe(struct text *help)
{
    for (size_t i = 0; i < ARRAY_LENGTH(OPTIONS); i++) {
        const struct option *option = &OPTIONS[i];
        text_printf(help, "  --%s%s%s\n      %s", option->name, option->value != NULL ? " " : "",
            option->value != NULL ? option->value : "", option->help);
        if (option->choices != NULL)
            text_printf(help, ": %s", option->choices);
        if (option->standard != NULL && option->type != OPTION_SWITCH)
            text_printf(help, " (default %s)", option->standard);
        text_puts(help, "\n");
        if (option->environment != NULL)
            text_printf(help, "      %s%s%s%s%s\n", option->environment,
                option->other_environment != NULL ? " " : "",
                option->other_environment != NULL ? option->other_environment : "",
                option->type == OPTION_SECRET ? ", each also as NAME_FILE" : "", "");
    }
}
