/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/files.h"
#include "base/memory.h"
#include "base/parse.h"
#include "cli/options_table.h"

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
    if (option->offset == offsetof(struct config, path)) {
        free(config->source);
        config->source = NULL;
    } else if (option->offset == offsetof(struct config, source)) {
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
    for (size_t i = 0; option_at(i) != NULL; i++) {
        const struct option *option = option_at(i);
        if (option->standard != NULL && !set_value(option, option->standard, config, &ignored))
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
    for (size_t i = 0; option_at(i) != NULL; i++) {
        const char *known = option_at(i)->environment;
        size_t known_size = known != NULL ? strlen(known) : 0;
        if (known == NULL || known_size > size || strncmp(known, name, known_size) != 0)
            continue;
        if (known_size == size)
            return true;
        if (option_at(i)->type == OPTION_SECRET && size == known_size + strlen(FILE_END) &&
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

static bool
is_flag(const char *word)
{
    /* -1 is golang-migrate's word for no version. */
    return word[0] == '-' && word[1] != '\0' && !isdigit((unsigned char)word[1]);
}

static const char *
flag_name(const char *flag)
{
    return flag + (flag[1] == '-' ? 2 : 1);
}

static bool
takes_next(const char *flag)
{
    const char *name = flag_name(flag);
    size_t size = strcspn(name, "=");
    const struct option *option = option_find_any(name, size);

    return option != NULL && option->type != OPTION_SWITCH && name[size] == '\0';
}

static bool
is_method(const char *flag)
{
    const char *name = flag_name(flag);

    return strncmp(name, "method", 6) == 0 && (name[6] == '=' || name[6] == '\0');
}

/*
 * The command may stand behind options, and says what they mean: look for it first. Where
 * there is none, --method names it.
 */
static const char *
find_command_word(int argc, char *const argv[])
{
    const char *method = NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0)
            return i + 1 < argc ? argv[i + 1] : method;
        if (!is_flag(argv[i]))
            return argv[i];
        const char *value = strchr(argv[i], '=');
        bool is_next = takes_next(argv[i]);
        if (is_method(argv[i]))
            method = value != NULL ? value + 1 : argv[i + is_next];
        i += is_next;
    }
    return method;
}

/* One flag, and its value from `next` when it does not carry it. */
static bool
read_flag(const char *command,
    const char *flag,
    const char *next,
    struct config *config,
    bool *is_next_used,
    struct error *err)
{
    const char *name = flag_name(flag);
    size_t size = strcspn(name, "=");
    const char *value = name[size] == '=' ? name + size + 1 : NULL;
    const struct option *option = option_find(command, name, size);

    *is_next_used = false;
    if (option == NULL && option_find_any(name, size) != NULL) {
        *is_next_used = takes_next(flag);
        error_set(err, ERROR_USAGE, "--%.*s is an option of another command", (int)size, name);
        return error_hint(err, "pgstride COMMAND --help lists what each takes.");
    }
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
    const char *command = find_command_word(argc, argv);
    bool is_words_only = false;

    for (int i = 1; i < argc; i++) {
        struct error err = ERROR_INIT;
        bool is_next_used = false;
        bool is_option = !is_words_only && is_flag(argv[i]);
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (is_option && strcmp(argv[i], "--") == 0 && line->command != NULL &&
            strcmp(line->command, "wait") == 0) {
            line->program = argv[i + 1] != NULL ? &argv[i + 1] : NULL;
            return;
        }
        if (is_option && strcmp(argv[i], "--") == 0) {
            is_words_only = true;
            continue;
        }
        bool is_read = is_option ? read_flag(command, argv[i], next, config, &is_next_used, &err)
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
    for (size_t i = 0; option_at(i) != NULL; i++) {
        if (!read_environment(option_at(i), environment, config, &next))
            keep_first(&first, &next);
    }
    read_arguments(argc, argv, config, line, &first);
    if (first.kind == ERROR_NONE)
        return true;
    *err = first;
    return false;
}

void
options_hide(int argc, char *argv[])
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *name = flag_name(argv[i]);
        size_t size = strcspn(name, "=");
        const struct option *option = is_flag(argv[i]) ? option_find_any(name, size) : NULL;
        bool is_next = is_flag(argv[i]) && takes_next(argv[i]);
        char *value = is_next ? argv[i + 1] : strchr(argv[i], '=');
        if (option != NULL && option->type == OPTION_SECRET && value != NULL)
            memset(value + !is_next, '\0', strlen(value + !is_next));
        i += is_next;
    }
}

static void
describe_option(const struct option *option, struct text *help)
{
    text_printf(help, "  --%s%s%s\n      %s", option->name, option->value != NULL ? " " : "",
        option->value != NULL ? option->value : "", option->help);
    if (option->choices != NULL)
        text_printf(help, ": %s", option->choices);
    if (option->standard != NULL && option->type != OPTION_SWITCH)
        text_printf(help, " (default %s)", option->standard);
    text_puts(help, "\n");
    if (option->environment != NULL)
        text_printf(help, "      %s%s%s%s\n", option->environment,
            option->other_environment != NULL ? " " : "",
            option->other_environment != NULL ? option->other_environment : "",
            option->type == OPTION_SECRET ? ", each also as NAME_FILE" : "");
}

void
options_describe(struct text *help)
{
    for (size_t i = 0; option_at(i) != NULL; i++) {
        if (option_command(i) == NULL)
            describe_option(option_at(i), help);
    }
}

void
options_describe_command(const char *command, struct text *help)
{
    bool is_first = true;

    for (size_t i = 0; option_at(i) != NULL; i++) {
        const char *owner = option_command(i);
        if (owner == NULL || strcmp(owner, command) != 0)
            continue;
        text_puts(help, is_first ? "\noptions:\n" : "");
        is_first = false;
        describe_option(option_at(i), help);
    }
}
