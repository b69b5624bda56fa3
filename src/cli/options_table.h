/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options table: one row an option, all there is to say of it.
 */
#ifndef CLI_OPTIONS_TABLE_H
#define CLI_OPTIONS_TABLE_H

#include <stddef.h>
#include <stdint.h>

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

/* The rows, one after the other; NULL behind the last one. */
const struct option *option_at(size_t index);

/* The command that alone has this row; NULL: every one. */
const char *option_command(size_t index);

/* What a command has for itself goes before what every one has. NULL: there is none. */
const struct option *option_find(const char *command, const char *name, size_t size);

/* An option of this name, whichever command has it. */
const struct option *option_find_any(const char *name, size_t size);

#endif
