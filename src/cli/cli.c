/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adapter/signals.h"
#include "base/memory.h"
#include "base/secret.h"
#include "cli/options.h"
#include "command/command.h"
#include "command/narrator.h"

enum need {
    NEED_DATABASE,
    NEED_DATABASE_ONLINE, /* but with --offline */
    NEED_FOLDER,          /* no database at all */
};

struct command {
    const char *name;
    const char *usage;
    const char *help;
    bool (*run)(const struct invocation *invocation, struct error *err);
    enum need need;
    bool is_answer; /* prints an answer on stdout: its log goes to stderr */
};

static const struct command COMMANDS[] = {
    {"up", "up [N]", "apply all pending migrations, or the next N", command_up, NEED_DATABASE,
        false},
    {"down", "down N", "revert the last N migrations, or with --all every one", command_down,
        NEED_DATABASE, false},
    {"goto", "goto V", "go up or down to version V", command_goto, NEED_DATABASE, false},
    {"plan", "plan", "show what up would do, or down N, or goto V", command_plan, NEED_DATABASE,
        true},
    {"status", "status", "list every migration: applied, pending, missing, changed", command_status,
        NEED_DATABASE, true},
    {"version", "version", "print the current version", command_version, NEED_DATABASE, true},
    {"force", "force V", "set the version and run nothing; -1: none", command_force, NEED_DATABASE,
        true},
    {"baseline", "baseline V", "adopt a database that has the schema of version V",
        command_baseline, NEED_DATABASE, true},
    {"drop", "drop -f", "drop every table of the schema", command_drop, NEED_DATABASE, true},
    {"verify", "verify", "check names, pairs, files, atlas.sum, and what is applied",
        command_verify, NEED_DATABASE_ONLINE, true},
    {"create", "create NAME", "write a new pair of empty files", command_create, NEED_FOLDER, true},
    {"hash", "hash", "write atlas.sum, the folder's checksums", command_hash, NEED_FOLDER, true},
};

static const struct command *
find_command(const char *name)
{
    for (size_t i = 0; name != NULL && i < ARRAY_LENGTH(COMMANDS); i++) {
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    }
    return NULL;
}

static void
print_help(void)
{
    AUTO_TEXT help = TEXT_INIT;

    text_puts(&help, "pgstride " PGSTRIDE_VERSION ": applies PostgreSQL schema migrations as a "
                     "container job\n\n"
                     "usage: pgstride [options] COMMAND [arguments]\n\ncommands:\n");
    for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++)
        text_printf(&help, "  %-12s %s\n", COMMANDS[i].usage, COMMANDS[i].help);
    text_puts(&help, "\noptions (one dash or two; a flag beats the environment; TIME is 500ms, 5s, "
                     "2min, 1h):\n");
    options_describe(&help);
    text_puts(&help, "\nExit status: 0 when the database is at the wanted version, 1 for anything "
                     "else.\n\n"
                     "example:\n"
                     "  DATABASE_URL=postgres://app:secret@db:5432/company pgstride up\n");
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

    for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
        const char *before = i + 1 == ARRAY_LENGTH(COMMANDS) ? " and " : ", ";
        text_printf(&names, "%s%s", i > 0 ? before : "", COMMANDS[i].name);
    }
    if (name == NULL)
        error_set(err, ERROR_USAGE, "no command was given");
    else
        error_set(err, ERROR_USAGE, "unknown command \"%.60s\"", name);
    return error_hint(err, "The commands are %s; pgstride --help says more.", text_string(&names));
}

static bool
run_command(const struct command *command,
    struct config *config,
    const struct command_line *line,
    const struct log *log,
    const struct platform *platform,
    struct error *err)
{
    struct invocation invocation = {
        .config = config,
        .log = log,
        .platform = platform,
        .arguments = line->arguments,
        .arguments_count = line->arguments_count,
    };

    if (command == NULL)
        return fail_command(line->command, err);
    bool is_database_needed = command->need == NEED_DATABASE ||
                              (command->need == NEED_DATABASE_ONLINE && !config->is_offline);
    if (!config_finish(config, is_database_needed, err))
        return false;
    return command->run(&invocation, err);
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
    struct platform platform;
    struct error err = ERROR_INIT;

    signals_install();
    platform_detect(&platform);
    options_default(&config);
    bool is_read = options_read(argc, argv, environment, &config, &line, &err);
    const struct command *command = find_command(line.command);
    AUTO_JSON json_t *labels = platform.is_cloud_run ? platform_labels(&platform) : NULL;
    struct log log = {
        .descriptor = command != NULL && !command->is_answer ? STDOUT_FILENO : STDERR_FILENO,
        .is_json = is_json_wanted(config.log_format, &platform),
        .is_verbose = config.is_verbose,
        .labels = labels,
    };

    bool is_good = is_read || config.is_help || config.is_version;
    if (config.is_help)
        print_help();
    else if (config.is_version)
        puts("pgstride " PGSTRIDE_VERSION);
    else if (is_read)
        is_good = run_command(command, &config, &line, &log, &platform, &err);
    is_good = flush_answer(&err) && is_good;
    if (!is_good && err.kind != ERROR_NONE)
        narrate_failure(&log, command != NULL && !command->is_answer, &err);
    secret_forget_all();
    return is_good ? 0 : 1;
}
