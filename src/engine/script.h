/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Script: one migration file as statements and directives.
 *
 * Pure: text in, statements out. psql's lexer splits; what a statement does
 * is the server's to say. The only words looked at are those that begin or
 * end a transaction, and those of commands that PostgreSQL runs alone.
 */
#ifndef ENGINE_SCRIPT_H
#define ENGINE_SCRIPT_H

#include <stdint.h>

#include "adapter/digest.h"
#include "base/error.h"

enum statement_control {
    CONTROL_NONE,
    CONTROL_BEGIN,   /* BEGIN, START TRANSACTION */
    CONTROL_COMMIT,  /* COMMIT, END */
    CONTROL_CHAIN,   /* COMMIT AND CHAIN: a transaction is open behind it, too */
    CONTROL_PREPARE, /* PREPARE TRANSACTION */
    CONTROL_OTHER,   /* ROLLBACK, ABORT, COMMIT PREPARED */
};

struct statement {
    size_t offset; /* of its first word in the text */
    size_t size_bytes;
    size_t line; /* of its first word, from 1 */
    enum statement_control control;
    bool is_set_transaction; /* SET TRANSACTION: must come before any query */
    bool is_setting;         /* SET, RESET, SELECT set_config(…): of the session */
    bool is_run_alone;       /* looks like a command that PostgreSQL refuses in a transaction */
    bool is_concurrent;      /* the same, that waits for older transactions without a queue */
    bool is_removal;         /* of these, DROP and DETACH */
    bool is_copy_in;
    size_t data_offset; /* COPY … FROM STDIN: its lines, without the `\.` */
    size_t data_bytes;
};

enum script_mode {
    SCRIPT_TRANSACTION, /* in one transaction of ours */
    SCRIPT_WRAPPED,     /* the same; its own first BEGIN and last COMMIT are that transaction */
    SCRIPT_ALONE,       /* outside a transaction, statement by statement: see `why_alone` */
};

enum script_alone {
    ALONE_NOT,
    ALONE_DIRECTIVE,
    ALONE_COMMAND,      /* one statement that PostgreSQL refuses in a transaction block */
    ALONE_TRANSACTIONS, /* transaction control of its own */
};

struct script {
    struct statement *statements;
    size_t count;
    size_t capacity;
    enum script_mode mode;
    enum script_alone why_alone;
    bool has_begin_options; /* SCRIPT_WRAPPED: its BEGIN names an isolation level or the like */
    bool has_copy;          /* COPY does not go through a pipeline */
    bool has_prepared; /* it touches the session's prepared statements, as far as one can see */
    int64_t lock_timeout_ms;      /* -1: no directive */
    int64_t statement_timeout_ms; /* -1: no directive */
    int64_t retry_for_ms;         /* -1: no directive */
};

void script_done(struct script *script);
#define AUTO_SCRIPT __attribute__((cleanup(script_done))) struct script

/*
 * Split `text` (valid UTF-8, no NUL). `file` is named in errors. The passwords
 * in it are remembered as secrets.
 *
 * Errors   ERROR_INPUT with its place: an unterminated quote or comment (where
 *          it opened), a backslash command, a BEGIN that is never closed, an
 *          unknown directive, COPY data without their end.
 */
MUST_CHECK bool script_parse(const char *file,
    const char *text,
    size_t size_bytes,
    struct script *script,
    struct error *err);

/*
 * Show in `err` where statement `statement` was refused: at `position`, in its
 * characters from 1, or 0 where the server named none.
 */
void script_place_error(const struct script *script,
    const char *text,
    size_t size_bytes,
    size_t statement,
    size_t position,
    struct error *err);

/* The checksum of the text up to the end of its first `count` statements. */
void script_checksum(
    const char *text, const struct script *script, size_t count, char hex[DIGEST_HEX_BYTES]);

#endif
