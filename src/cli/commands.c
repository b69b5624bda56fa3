/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

#include "base/memory.h"

static const struct command COMMANDS[] = {
    {"up", "up [N]", "apply all pending migrations, or the next N",
        "Applies the pending migrations in the order of their versions, each in one transaction\n"
        "with its record. A failure keeps those before it and nothing of its own. With N: the "
        "next\n"
        "N; fewer that are pending are a warning.",
        command_up, NEED_DATABASE, OUTPUT_RUN},
    {"down", "down N", "revert the last N migrations, or with --all every one",
        "Runs the down files of the last N applied migrations, the newest first, each in one\n"
        "transaction with its record. Without N or --all a person at a terminal is asked; a job\n"
        "is refused.",
        command_down, NEED_DATABASE, OUTPUT_RUN},
    {"goto", "goto V", "go up or down to version V",
        "Applies what is pending up to version V, or reverts what was applied after it. V is a\n"
        "version of the folder.",
        command_goto, NEED_DATABASE, OUTPUT_RUN},
    {"plan", "plan", "show what up would do, or down N, or goto V",
        "Of up, up N, down N, down --all or goto V, as its arguments say.\n"
        "Shows each file and its statements with their lines, and which run outside a\n"
        "transaction and why. Writes nothing and takes no lock. --format json gives all of each\n"
        "statement. --observe URL: rehearses it there, as pgstride rehearse does.",
        command_plan, NEED_DATABASE, OUTPUT_ANSWER},
    {"rehearse", "rehearse", "tell what up would do to the application, or down N, or goto V",
        "Of up, up N, down N, down --all or goto V: runs it on a scratch database and asks the\n"
        "server after each statement which locks it took, what it scanned, rewrote or took away.\n"
        "With the size and the traffic of the real tables that is a verdict: safe, brief-lock,\n"
        "blocks-writes, blocks-all, breaks (running code), and the safe way instead. The scratch\n"
        "database is made beside the real one from the folder, and dropped; or --observe names\n"
        "one. --fail-on: exit 1 from a verdict on. --format json.",
        command_rehearse, NEED_DATABASE, OUTPUT_ANSWER},
    {"status", "status", "list every migration: applied, pending, missing, changed",
        "Lists every migration of the folder and of the history: applied, pending, changed\n"
        "(edited after it was applied), missing (applied, and not in the folder) or failed (begun\n"
        "outside a transaction); when, by whom, and how long it took. --exit-code: exit 1 when\n"
        "something is pending. --format json.",
        command_status, NEED_DATABASE, OUTPUT_ANSWER},
    {"version", "version", "print the current version",
        "Prints the database's version, as \"3\" or \"3 (dirty)\". Exit 1 when there is none.\n"
        "--format json.",
        command_version, NEED_DATABASE, OUTPUT_ANSWER},
    {"wait", "wait", "block until the database has this folder's version",
        "Blocks until the database has at least the folder's newest version and is not dirty.\n"
        "For what needs the new schema: pgstride wait -- COMMAND then becomes COMMAND. Takes no\n"
        "lock and writes nothing; a database that is not up yet is waited for too.",
        command_wait, NEED_DATABASE, OUTPUT_LOG},
    {"force", "force V", "set the version and run nothing; -1: none",
        "Sets the version to V, not dirty, and runs nothing; -1 is no version. The history says\n"
        "so: what it has above V counts as reverted, what the folder has up to V as applied.",
        command_force, NEED_DATABASE, OUTPUT_LOG},
    {"baseline", "baseline V", "adopt a database that has the schema of version V",
        "For a database that has a schema and no version: every file up to V counts as applied.\n"
        "Runs nothing.",
        command_baseline, NEED_DATABASE, OUTPUT_LOG},
    {"drop", "drop -f", "drop every table of the schema",
        "Drops every table of the current schema with its data, the version and the history too,\n"
        "in one transaction. What belongs to an extension stays. Without -f a person at a\n"
        "terminal is asked; a job is refused.",
        command_drop, NEED_DATABASE, OUTPUT_LOG},
    {"verify", "verify", "check names, pairs, files, atlas.sum, and what is applied",
        "Checks the folder: names, two files of one version, pairs, that every file can be split\n"
        "into statements, atlas.sum where there is one; and against the database what was edited\n"
        "or has vanished since it was applied. Prints every finding. --offline: the folder alone.\n"
        "--format json.",
        command_verify, NEED_DATABASE_ONLINE, OUTPUT_ANSWER},
    {"create", "create NAME", "write a new pair of empty files",
        "Writes VERSION_NAME.up.sql and VERSION_NAME.down.sql, empty, and updates atlas.sum where\n"
        "there is one. Prints the two paths.",
        command_create, NEED_FOLDER, OUTPUT_ANSWER},
    {"write", "write NAME", "write the pair that gives the schema of a file",
        "Compares what the folder's migrations give with what --schema FILE gives, on two scratch\n"
        "databases of --dev-database, and writes the pair that makes the one of the other, once\n"
        "both directions are proven there. Nothing is written when they agree. --check: writes\n"
        "nothing, prints the difference, exit 1 when there is one. --exit-code: exit 1 when\n"
        "something was written. --online: several pairs, in steps that do not stall the\n"
        "application.",
        command_write, NEED_FOLDER, OUTPUT_ANSWER},
    {"hash", "hash", "write atlas.sum, the folder's checksums",
        "Writes atlas.sum: with it in the folder, a file that was edited, added or removed "
        "without\n"
        "another hash is refused before the database is touched.",
        command_hash, NEED_FOLDER, OUTPUT_ANSWER},
};

const struct command *
command_at(size_t index)
{
    return index < ARRAY_LENGTH(COMMANDS) ? &COMMANDS[index] : NULL;
}

const struct command *
command_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < ARRAY_LENGTH(COMMANDS); i++) {
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    }
    return NULL;
}
