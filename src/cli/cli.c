/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adapter/process.h"
#include "adapter/signals.h"
#include "base/memory.h"
#include "base/secret.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "command/ending.h"
#include "command/narrator.h"

static void
print_help(void)
{
    AUTO_TEXT help = TEXT_INIT;

    text_puts(&help, "pgstride " PGSTRIDE_VERSION ": applies PostgreSQL schema migrations as a "
                     "container job\n\n"
                     "usage: pgstride [options] COMMAND [arguments]\n\ncommands:\n");
    for (size_t i = 0; command_at(i) != NULL; i++)
        text_printf(&help, "  %-12s %s\n", command_at(i)->usage, command_at(i)->help);
    text_puts(&help, "\npgstride COMMAND --help says more of one.\n"
                     "\noptions (one dash or two; a flag beats the environment; TIME is 500ms, 5s, "
                     "2min, 1h):\n");
    options_describe(&help);
    text_puts(&help, "\nExit status: 0 when the database is at the wanted version, 1 for anything "
                     "else.\n\n"
                     "example:\n"
                     "  DATABASE_URL=postgres://app:secret@db:5432/company pgstride up\n");
    fputs(text_string(&help), stdout);
}

static void
print_command_help(const struct command *command)
{
    AUTO_TEXT help = TEXT_INIT;

    text_printf(&help, "usage: pgstride [options] %s\n\n%s\n", command->usage, command->details);
    options_describe_command(command->name, &help);
    text_puts(&help, "\nThe options that every command has: pgstride --help\n");
    fputs(text_string(&help), stdout);
}

static bool
is_json_wanted(int log_format, const struct platform *platform)
{
    switch ((enum log_choice)log_format) {
    case LOG_CHOICE_TEXT:
        return false;
    case LOG_CHOICE_JSON:
        return true;
    case LOG_CHOICE_AUTO:
        break;
    }
    return platform->reads_json;
}

static bool
fail_command(const char *name, struct error *err)
{
    AUTO_TEXT names = TEXT_INIT;

    for (size_t i = 0; command_at(i) != NULL; i++) {
        const char *before = command_at(i + 1) == NULL ? " and " : ", ";
        text_printf(&names, "%s%s", i > 0 ? before : "", command_at(i)->name);
    }
    if (name == NULL)
        error_set(err, ERROR_USAGE, "no command was given");
    else
        error_set(err, ERROR_USAGE, "unknown command \"%.60s\"", name);
    return error_hint(err, "The commands are %s; pgstride --help says more.", text_string(&names));
}

/* Who writes to the database: told by the platform, and to each line of the log. */
static void
identify(const struct config *config,
    struct log *log,
    json_t *labels,
    struct platform *platform,
    struct run_identity *identity)
{
    if (config->image != NULL)
        platform->image = memory_string(config->image);
    platform_ask(platform);
    platform_label(platform, labels);
    identity_init(identity, platform);
    if (platform->is_cloud_run)
        log->operation_id = identity->run_id;
    log_prepare_overrun(log);
}

static bool
run_command(const struct command *command,
    struct config *config,
    const struct command_line *line,
    struct log *log,
    json_t *labels,
    struct platform *platform,
    struct run_identity *identity,
    struct error *err)
{
    struct invocation invocation = {
        .config = config,
        .log = log,
        .platform = platform,
        .identity = identity,
        .arguments = line->arguments,
        .arguments_count = line->arguments_count,
        .program = line->program,
    };

    if (command == NULL)
        return fail_command(line->command, err);
    if (!config_finish_webhooks(config, err))
        return false;
    if (command->output != OUTPUT_ANSWER && command->run != command_wait)
        identify(config, log, labels, platform, identity);

    bool is_database_needed = command->need == NEED_DATABASE ||
                              (command->need == NEED_DATABASE_ONLINE && !config->is_offline);
    if (config_finish(config, is_database_needed, err) && command->run(&invocation, err))
        return true;
    if (command->output == OUTPUT_RUN && err->kind != ERROR_NONE) {
        ending_tell_unbegun(&invocation, command->run == command_down, err);
        err->kind = ERROR_NONE;
    }
    return false;
}

/*
 * The first Go job's spelling: -method up, -method write -name X; without a schema to
 * compare, write makes an empty pair.
 */
static bool
read_method(const struct config *config, struct command_line *line, struct error *err)
{
    if (config->method == NULL)
        return true;
    if (line->command != NULL) {
        error_set(err, ERROR_USAGE, "both a command and --method were given");
        return error_hint(err, "Leave --method out.");
    }
    if (strcmp(config->method, "up") == 0) {
        line->command = "up";
        return true;
    }
    if (strcmp(config->method, "write") != 0)
        return error_set(
            err, ERROR_USAGE, "--method: \"%.60s\" is none of up|write", config->method);
    if (config->is_check) {
        line->command = "write"; /* of which nothing is named */
        return true;
    }
    if (config->name == NULL)
        return error_set(err, ERROR_USAGE, "--method write needs --name NAME");
    bool is_create = config->schema_file == NULL && !config->is_destructive && !config->is_online;
    line->command = is_create ? "create" : "write";
    line->arguments[line->arguments_count++] = config->name;
    return true;
}

/* pgstride help [COMMAND]: as --help. */
static void
read_help(struct config *config, struct command_line *line)
{
    if (line->command == NULL || strcmp(line->command, "help") != 0)
        return;
    config->is_help = true;
    line->command = line->arguments_count > 0 ? line->arguments[0] : NULL;
}

/* The answer must have reached its reader: a full disk is a failure. */
static bool
flush_answer(struct error *err)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    return error_set(err, ERROR_SYSTEM, "cannot write the answer: %s", strerror(errno));
}

int
cli_run(int argc, char *argv[], char *environment[])
{
    AUTO_CONFIG config = {0};
    struct command_line line = {0};
    AUTO_PLATFORM platform = {0};
    AUTO_IDENTITY identity = {0};
    AUTO_JSON json_t *labels = json_object();
    struct error err = ERROR_INIT;

    process_protect();
    process_fill_descriptors();
    signals_install();
    platform_detect(&platform);
    options_default(&config);
    bool is_read = options_read(argc, argv, environment, &config, &line, &err);
    options_hide(argc, argv);
    is_read = is_read && read_method(&config, &line, &err);
    read_help(&config, &line);
    const struct command *command = command_find(line.command);
    platform_label(&platform, labels);
    struct log log = {
        .descriptor =
            command != NULL && command->output != OUTPUT_ANSWER ? STDOUT_FILENO : STDERR_FILENO,
        .is_json = is_json_wanted(config.log_format, &platform),
        .is_verbose = config.is_verbose,
        .labels = platform.is_cloud_run ? labels : NULL,
    };
    struct terminal_line live;
    terminal_line_init(&live, log.descriptor);
    log.live = log.is_json ? NULL : &live;
    log_prepare_overrun(&log);

    bool is_good = is_read || config.is_help || config.is_version;
    if (config.is_help && command != NULL)
        print_command_help(command);
    else if (config.is_help)
        print_help();
    else if (config.is_version)
        puts("pgstride " PGSTRIDE_VERSION);
    else if (is_read)
        is_good = run_command(command, &config, &line, &log, labels, &platform, &identity, &err);
    is_good = flush_answer(&err) && is_good;
    if (!is_good && err.kind != ERROR_NONE)
        narrate_failure(&log, command != NULL && command->output == OUTPUT_RUN, &err);
    secret_forget_all();
    return is_good ? 0 : 1;
}
