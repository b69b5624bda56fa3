/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error: what failed, where and why, as a plain value.
 *
 * It owns nothing and is never freed. A function that can fail takes it as
 * its last parameter and returns false after filling it; on success it is
 * left untouched.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))

enum {
    ERROR_MESSAGE_BYTES = 2048,
    ERROR_FILE_BYTES = 512,
    ERROR_LINE_BYTES = 256,
};

enum error_kind {
    ERROR_NONE,
    ERROR_USAGE,      /* the command line or the environment */
    ERROR_INPUT,      /* a migration file or its folder */
    ERROR_PLAN,       /* what is asked for contradicts the database */
    ERROR_DATABASE,   /* the server refused a statement: see sqlstate */
    ERROR_CONNECTION, /* no connection, or it was lost */
    ERROR_REFUSED,    /* no connection, and asking again gets the same answer */
    ERROR_TIMEOUT,    /* a deadline of ours passed */
    ERROR_STOPPED,    /* SIGTERM or SIGINT */
    ERROR_MOVED,      /* another run moved the version under us */
    ERROR_SYSTEM,     /* the operating system refused */
};

struct error {
    enum error_kind kind;
    char sqlstate[6];                  /* "" where the server said none */
    char message[ERROR_MESSAGE_BYTES]; /* one sentence, without a place */
    char detail[ERROR_MESSAGE_BYTES];  /* the server's DETAIL, or "" */
    char hint[ERROR_MESSAGE_BYTES];    /* what to do next, or "" */
    char context[ERROR_MESSAGE_BYTES]; /* the server's CONTEXT, or "" */
    char file[ERROR_FILE_BYTES];       /* "" where no file is to blame */
    size_t line;                       /* from 1; 0: unknown */
    size_t column;                     /* in characters from 1; 0: unknown */
    char source[ERROR_LINE_BYTES];     /* the line itself, cut to fit, or "" */
    size_t caret;                      /* column within `source`, from 1; 0: no caret */
    size_t statement;                  /* the statement's number in its file, from 1; 0: none */
};

#define ERROR_INIT ((struct error){.kind = ERROR_NONE})

/* Fill the kind and the message. Returns false, so that a failure is one `return`. */
bool error_set(struct error *err, enum error_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Put "text: " before the message. Returns false. */
bool error_prefix(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Say what to do next. Returns false. */
bool error_hint(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Name the place. `line` and `column` may be 0. Returns false. */
bool error_place(struct error *err, const char *file, size_t line, size_t column);

/*
 * Show the line at byte `offset` of `text`: line, column, source and caret.
 * A long line is cut around the caret.
 */
void error_show_source(struct error *err, const char *text, size_t size, size_t offset);

/* Is one of the SQLSTATEs of this error `code`? */
bool error_is_sqlstate(const struct error *err, const char *code);

#endif
