/* SPDX-License-Identifier: Apache-2.0 */
#include "adapter/lexer.h"

#include <stdlib.h>

#include "base/text.h"

#include "unit.h"

enum { PIECES_MAX = 100 };

/*
 * What the lexer finds, one piece a bracket: [statement], [copy! statement],
 * \[what stands before a backslash] and, where something is not closed,
 * its name and the offset at which it opened.
 */
static char *
describe(const char *sql)
{
    static const char *const OPEN[] = {
        [LEXER_OPEN_NOTHING] = "nothing",
        [LEXER_OPEN_STRING] = "string",
        [LEXER_OPEN_IDENTIFIER] = "identifier",
        [LEXER_OPEN_DOLLAR] = "dollar",
        [LEXER_OPEN_COMMENT] = "comment",
    };
    AUTO_LEXER struct lexer *lexer = lexer_new(sql, strlen(sql));
    AUTO_TEXT text = TEXT_INIT;
    struct lexer_piece piece;

    for (size_t i = 0; i < PIECES_MAX; i++) {
        enum lexer_result result = lexer_next(lexer, &piece);
        const char *start = sql + piece.offset;

        switch (result) {
        case LEXER_END:
            return text_take(&text);
        case LEXER_BACKSLASH:
            text_printf(&text, "\\[%.*s]", (int)piece.size_bytes, start);
            return text_take(&text);
        case LEXER_UNTERMINATED:
            text_printf(&text, "%s at %zu", OPEN[piece.open],
                piece.offset + lexer_find_open(start, piece.size_bytes));
            return text_take(&text);
        case LEXER_STATEMENT:
            text_printf(
                &text, "[%s%.*s]", piece.is_copy_in ? "copy! " : "", (int)piece.size_bytes, start);
            break;
        }
    }
    fail_msg("%s: it never ends", sql);
    return NULL;
}

struct row {
    const char *sql;
    const char *pieces;
};

static void
check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_STRING char *described = describe(rows[i].sql);

        assert_string_equal(described, rows[i].pieces);
    }
}

static void
statements_end_at_semicolons_that_are_not_quoted(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {"", ""},
        {" \r\n\t\f\v", ""},
        {"-- only this", ""},
        {"SELECT 1", "[SELECT 1]"},
        {"SELECT 1;", "[SELECT 1;]"},
        {"  SELECT 1 ; SELECT 2  ", "[SELECT 1 ;][SELECT 2  ]"},
        {"SELECT 1;-- one\n-- two\nSELECT 2;", "[SELECT 1;][SELECT 2;]"},
        {"SELECT (1; 2);", "[SELECT (1; 2);]"},
        {";", "[;]"},
        {"SELECT 'a;b';SELECT 2;", "[SELECT 'a;b';][SELECT 2;]"},
        {"SELECT 'it''s;';SELECT 2;", "[SELECT 'it''s;';][SELECT 2;]"},
        {"SELECT 'a\\';SELECT 2;", "[SELECT 'a\\';][SELECT 2;]"},
        {"SELECT E'a\\';';SELECT 2;", "[SELECT E'a\\';';][SELECT 2;]"},
        {"SELECT e'\\\\';SELECT 2;", "[SELECT e'\\\\';][SELECT 2;]"},
        {"SELECT U&'\\0041;', B'1;', X'f;', N'n;';SELECT 2;",
            "[SELECT U&'\\0041;', B'1;', X'f;', N'n;';][SELECT 2;]"},
        {"SELECT 'a'\n'b;';SELECT 2;", "[SELECT 'a'\n'b;';][SELECT 2;]"},
        {"SELECT \"a;b\", \"q\"\";\";SELECT 2;", "[SELECT \"a;b\", \"q\"\";\";][SELECT 2;]"},
        {"SELECT 1 -- ;\n;SELECT 2;", "[SELECT 1 -- ;\n;][SELECT 2;]"},
        {"SELECT 1 /* ; /* ; */ ; */;SELECT 2;", "[SELECT 1 /* ; /* ; */ ; */;][SELECT 2;]"},
        {"SELECT 1 /*/ ; */;SELECT 2;", "[SELECT 1 /*/ ; */;][SELECT 2;]"},
        {"SELECT a->>'x', a @> b, 1--2\n;", "[SELECT a->>'x', a @> b, 1--2\n;]"},
        {"SELECT :x, :'x', :\"x\", a::int, b[1:y];", "[SELECT :x, :'x', :\"x\", a::int, b[1:y];]"},
        {"SELECT 'é€😀;';SELECT 2;", "[SELECT 'é€😀;';][SELECT 2;]"},
    };

    check(TABLE, ARRAY_LENGTH(TABLE));
}

static void
dollar_quotes_end_at_their_own_tag(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {"DO $$;$$;SELECT 2;", "[DO $$;$$;][SELECT 2;]"},
        {"DO $a$;$$;$b$;$a$;SELECT 2;", "[DO $a$;$$;$b$;$a$;][SELECT 2;]"},
        {"DO $a$;$A$;$a$;SELECT 2;", "[DO $a$;$A$;$a$;][SELECT 2;]"},
        {"DO $été$;$été$;SELECT 2;", "[DO $été$;$été$;][SELECT 2;]"},
        {"DO $$'\"/*--$$;SELECT 2;", "[DO $$'\"/*--$$;][SELECT 2;]"},
        {"SELECT $1;SELECT 2;", "[SELECT $1;][SELECT 2;]"},
        {"SELECT a$b$;SELECT c$b$;", "[SELECT a$b$;][SELECT c$b$;]"},
    };

    check(TABLE, ARRAY_LENGTH(TABLE));
}

static void
bodies_in_sql_keep_their_semicolons(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;SELECT 3;",
            "[CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;][SELECT 3;]"},
        {"CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; END;"
         "SELECT 3;",
            "[CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; END;]"
            "[SELECT 3;]"},
        {"create function f() returns int return 1; SELECT 3;",
            "[create function f() returns int return 1;][SELECT 3;]"},
        {"BEGIN; SELECT 1; END;", "[BEGIN;][SELECT 1;][END;]"},
        {"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);SELECT 3;",
            "[CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);][SELECT 3;]"},
    };

    check(TABLE, ARRAY_LENGTH(TABLE));
}

static void
copy_from_stdin_is_recognised(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {"COPY t FROM stdin;", "[copy! COPY t FROM stdin;]"},
        {"copy t (a, b) from STDIN with (format csv);",
            "[copy! copy t (a, b) from STDIN with (format csv);]"},
        {"COPY t FROM '/x';", "[COPY t FROM '/x';]"},
        {"COPY t TO stdout;", "[COPY t TO stdout;]"},
        {"COPY (SELECT 1) TO stdout;", "[COPY (SELECT 1) TO stdout;]"},
        {"SELECT 'COPY t FROM stdin';", "[SELECT 'COPY t FROM stdin';]"},
    };

    check(TABLE, ARRAY_LENGTH(TABLE));
}

static void
the_lexer_goes_on_where_it_is_told(UNUSED void **state)
{
    static const char SQL[] = "COPY t FROM stdin;\nit's \"data\n\\.\nSELECT 1;";
    AUTO_LEXER struct lexer *lexer = lexer_new(SQL, strlen(SQL));
    struct lexer_piece piece;

    assert_int_equal(lexer_next(lexer, &piece), LEXER_STATEMENT);
    assert_true(piece.is_copy_in);
    lexer_skip_to(lexer, (size_t)(strstr(SQL, "SELECT") - SQL));
    assert_int_equal(lexer_next(lexer, &piece), LEXER_STATEMENT);
    assert_false(piece.is_copy_in);
    assert_int_equal(piece.offset, strstr(SQL, "SELECT") - SQL);
    assert_int_equal(piece.size_bytes, strlen("SELECT 1;"));
    assert_int_equal(lexer_next(lexer, &piece), LEXER_END);
}

static void
a_backslash_is_found(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {"\\d t", "\\[]"},
        {"SELECT 1;\n\\d t", "[SELECT 1;]\\[]"},
        {"SELECT 1 \\gset", "\\[SELECT 1 ]"},
        {"SELECT 1 \\; SELECT 2;", "\\[SELECT 1 ]"},
        {"SELECT \\:x;", "\\[SELECT ]"},
        {"SELECT '\\d';", "[SELECT '\\d';]"},
        {"-- \\d\nSELECT 1;", "[SELECT 1;]"},
        {"DO $$\\d$$;", "[DO $$\\d$$;]"},
    };

    check(TABLE, ARRAY_LENGTH(TABLE));
}

static void
what_is_never_closed_is_found_where_it_opened(UNUSED void **state)
{
    static const struct row TABLE[] = {
        {"SELECT 'a", "string at 7"},
        {"SELECT 'a''", "string at 7"},
        {"SELECT 'a'''", "[SELECT 'a''']"},
        {"SELECT 'a', 'b;\n;", "string at 12"},
        {"SELECT '''''', 'b", "string at 15"},
        {"SELECT E'a\\'", "string at 8"},
        {"SELECT E'a\\'', 'b\\', 'c", "string at 21"},
        {"SELECT \"a", "identifier at 7"},
        {"SELECT \"a\"\"", "identifier at 7"},
        {"SELECT 'x' AS \"a;", "identifier at 14"},
        {"DO $$ x", "dollar at 3"},
        {"DO $a$ $$ $b$ x $A$", "dollar at 3"},
        {"DO $$x$$; DO $tag$ ' x", "[DO $$x$$;]dollar at 13"},
        {"DO $été$ x $$", "dollar at 3"},
        {"SELECT 1; /* a", "[SELECT 1;]comment at 10"},
        {"/* a /* b */ SELECT 1;", "comment at 0"},
        {"SELECT 1 /* a */ + /* b ' */ /* c", "comment at 29"},
        {"SELECT '/*', \"--\", $$'$$, 'x", "string at 26"},
        {"-- it's\nSELECT 'a", "string at 15"},
        {"SELECT 1 -- it's\n+ 'a", "string at 19"},
    };

    check(TABLE, ARRAY_LENGTH(TABLE));
}

/* Looking for the opening is bounded, so the answer may be a later quote; it must come soon. */
static void
a_huge_open_string_is_found_in_time(UNUSED void **state)
{
    enum { QUOTES = 200 * 1000 };
    AUTO_TEXT sql = TEXT_INIT;

    text_puts(&sql, "SELECT ");
    for (size_t i = 0; i < QUOTES; i++)
        text_puts(&sql, "'a', ");
    text_puts(&sql, "'x");
    assert_int_equal(
        lexer_find_open(text_string(&sql), sql.size_bytes), sql.size_bytes - strlen("'x"));
}

static void
freeing_nothing_is_allowed(UNUSED void **state)
{
    struct lexer *lexer = NULL;

    lexer_free(NULL);
    lexer_release(&lexer);
    assert_null(lexer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_end_at_semicolons_that_are_not_quoted),
        cmocka_unit_test(dollar_quotes_end_at_their_own_tag),
        cmocka_unit_test(bodies_in_sql_keep_their_semicolons),
        cmocka_unit_test(copy_from_stdin_is_recognised),
        cmocka_unit_test(the_lexer_goes_on_where_it_is_told),
        cmocka_unit_test(a_backslash_is_found),
        cmocka_unit_test(what_is_never_closed_is_found_where_it_opened),
        cmocka_unit_test(a_huge_open_string_is_found_in_time),
        cmocka_unit_test(freeing_nothing_is_allowed),
    };

    return RUN_TESTS(tests);
}
