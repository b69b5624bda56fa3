/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: one row an option, with its flag, environment, limits, default and
 * help; what the command line and the environment say goes into the config.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/text.h"
#include "engine/config.h"

enum { ARGUMENTS_MAX = 8 };

struct command_line {
    const char *command; /* NULL: none was given */
    const char *arguments[ARGUMENTS_MAX];
    size_t arguments_count;
    char *const *program; /* of `wait -- PROGRAM …`; NULL: none */
};

/* Every option at its default. */
void options_default(struct config *config);

/* Wipe the secrets among the arguments, which every user of the machine can list. */
void options_hide(int argc, char *argv[]);

/*
 * Read the environment (a vector as `environ`), then the arguments over it.
 * Options stand before or after the command, with one dash or two.
 *
 * What can be read is read, also when something else cannot, so that the error
 * is told in the form that was asked for, and --help always helps.
 *
 * Errors   ERROR_USAGE, the first of them: an unknown option or PGSTRIDE_ variable, a missing or
 *          bad value, a secret's file that cannot be read.
 */
MUST_CHECK bool options_read(int argc,
    char *const argv[],
    char *const environment[],
    struct config *config,
    struct command_line *line,
    struct error *err);

/* The options' part of --help. */
void options_describe(struct text *help);

/* What a command has for itself; nothing where it has none. */
void options_describe_command(const char *command, struct text *help);

#endif
