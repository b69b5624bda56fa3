/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands: one row a command, all there is to say of it.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "command/command.h"

enum command_need {
    NEED_DATABASE,
    NEED_DATABASE_ONLINE, /* but with --offline */
    NEED_FOLDER,          /* no database at all */
};

enum command_output {
    OUTPUT_RUN,    /* stdout has the log of a run, with run.finished at its end */
    OUTPUT_LOG,    /* stdout has the log */
    OUTPUT_ANSWER, /* stdout has the answer, stderr the log */
};

struct command {
    const char *name;
    const char *usage;
    const char *help;    /* one line */
    const char *details; /* what --help says of it */
    bool (*run)(const struct invocation *invocation, struct error *err);
    enum command_need need;
    enum command_output output;
};

/* The rows, one after the other; NULL behind the last one. */
const struct command *command_at(size_t index);

/* NULL: there is none of this name. */
const struct command *command_find(const char *name);

#endif
