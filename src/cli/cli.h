/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CLI: from the arguments and the environment to one command.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Run what the arguments ask for; returns the exit status, 0 or 1. */
int cli_run(int argc, char *argv[], char *environment[]);

#endif
