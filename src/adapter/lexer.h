/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lexer: psql's own (psqlscan, of PostgreSQL's libpgfeutils), which finds
 * where one statement ends and the next begins. It knows dollar quotes, nested
 * comments, E'', BEGIN ATOMIC bodies, rules and COPY FROM STDIN as psql does.
 *
 * The whole text is one buffer. Variables (`:name`) stay as they are.
 */
#ifndef ADAPTER_LEXER_H
#define ADAPTER_LEXER_H

#include <stdbool.h>
#include <stddef.h>

struct lexer;

enum lexer_result {
    LEXER_STATEMENT,    /* `piece` is a statement; the last one may lack its semicolon */
    LEXER_END,          /* nothing but white space and line comments was left */
    LEXER_BACKSLASH,    /* a backslash stands at `piece.offset` + `piece.size_bytes` */
    LEXER_UNTERMINATED, /* `piece` ends inside a quote or comment: see `open` */
};

enum lexer_open {
    LEXER_OPEN_NOTHING,
    LEXER_OPEN_STRING,
    LEXER_OPEN_IDENTIFIER,
    LEXER_OPEN_DOLLAR,
    LEXER_OPEN_COMMENT,
};

struct lexer_piece {
    size_t offset;     /* of its first byte in the text: no white space, no line comment */
    size_t size_bytes; /* with its semicolon */
    bool is_copy_in;   /* COPY … FROM STDIN: its data follow on the next line */
    enum lexer_open open;
};

/* `text` is valid UTF-8 without NUL and outlives the lexer. */
struct lexer *lexer_new(const char *text, size_t size_bytes);
void lexer_free(struct lexer *lexer);

void lexer_release(struct lexer **lexer);
#define AUTO_LEXER __attribute__((cleanup(lexer_release)))

enum lexer_result lexer_next(struct lexer *lexer, struct lexer_piece *piece);

/* Go on at `offset` as if a statement had just ended there. */
void lexer_skip_to(struct lexer *lexer, size_t offset);

/*
 * Where the quote or comment that is still open at the end of `text` began:
 * the offset of its first byte.
 */
size_t lexer_find_open(const char *text, size_t size_bytes);

#endif
