/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/script.h"

#include <stdio.h>

#include "unit.h"

enum { STATEMENTS = 6 };

/* Parse; print the error where there should be none. */
static void
parse(const char *text, struct script *script)
{
    struct error err = ERROR_INIT;

    if (!script_parse("1_a.up.sql", text, strlen(text), script, &err))
        fail_msg("%s\nis refused: %s", text, err.message);
}

static void
check_statements(const char *text, const char *const *expected, const size_t *lines)
{
    AUTO_SCRIPT script = {0};
    size_t count = 0;

    parse(text, &script);
    for (; expected[count] != NULL; count++) {
        const struct statement *statement = &script.statements[count];

        assert_true(count < script.count);
        assert_int_equal(statement->size_bytes, strlen(expected[count]));
        assert_memory_equal(text + statement->offset, expected[count], statement->size_bytes);
        assert_int_equal(statement->line, lines[count]);
    }
    assert_int_equal(script.count, count);
}

static void
a_file_is_split_as_psql_splits_it(UNUSED void **state)
{
    static const struct {
        const char *text;
        const char *statements[STATEMENTS];
        size_t lines[STATEMENTS];
    } TABLE[] = {
        {"", {NULL}, {0}},
        {" \n\t-- only a comment\n/* and another */\n", {NULL}, {0}},
        {"SELECT 1", {"SELECT 1"}, {1}},
        {"SELECT 1;SELECT 2;", {"SELECT 1;", "SELECT 2;"}, {1, 1}},
        {"-- one\nSELECT 1;\n\n-- two\nSELECT\n 2;\n", {"SELECT 1;", "SELECT\n 2;"}, {2, 5}},
        {";;\n ; SELECT 1; ;", {"SELECT 1;"}, {2}},
        {"/* a /* nested; */ b; */\nSELECT 1;", {"SELECT 1;"}, {2}},
        {"SELECT 'a;''b', E'\\';', \"c;\"\"d\";", {"SELECT 'a;''b', E'\\';', \"c;\"\"d\";"}, {1}},
        {"DO $$ BEGIN; END $$;\nDO $a$ $$;$b$; $a$;",
            {"DO $$ BEGIN; END $$;", "DO $a$ $$;$b$; $a$;"}, {1, 2}},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC; SELECT CASE WHEN true THEN 1 END; END;\n"
         "SELECT 2;",
            {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC; SELECT CASE WHEN true THEN 1 END; END;",
                "SELECT 2;"},
            {1, 2}},
        {"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); SELECT 3;",
            {"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);", "SELECT 3;"}, {1, 1}},
        {"SELECT a[1:x], :v, :'v', :\"v\", now()::date;",
            {"SELECT a[1:x], :v, :'v', :\"v\", now()::date;"}, {1}},
        {"SELECT 'é€😀;';\r\nSELECT 2;\r\n", {"SELECT 'é€😀;';", "SELECT 2;"}, {1, 2}},
        {"\\restrict Ab1\n\nSET a = 1;\n\n\\unrestrict Ab1\n", {"SET a = 1;"}, {3}},
        {"SELECT 1 -- no; end\n;", {"SELECT 1 -- no; end\n;"}, {1}},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++)
        check_statements(TABLE[i].text, TABLE[i].statements, TABLE[i].lines);
}

static void
copy_data_are_taken_apart(UNUSED void **state)
{
    static const char TEXT[] = "COPY t FROM stdin;\n1\ta;b'\n2\t\\N\n\\.\n\nSELECT 1;\n"
                               "COPY t FROM STDIN WITH (FORMAT csv); -- none\r\n\\.\r\n";
    AUTO_SCRIPT script = {0};

    parse(TEXT, &script);
    assert_int_equal(script.count, 3);
    assert_true(script.has_copy_in);
    assert_true(script.statements[0].is_copy_in);
    assert_int_equal(script.statements[0].data_bytes, 12);
    assert_memory_equal(TEXT + script.statements[0].data_offset, "1\ta;b'\n2\t\\N\n", 12);
    assert_false(script.statements[1].is_copy_in);
    assert_int_equal(script.statements[1].line, 6);
    assert_true(script.statements[2].is_copy_in);
    assert_int_equal(script.statements[2].data_bytes, 0);
}

static void
a_file_runs_in_a_transaction_unless_something_says_otherwise(UNUSED void **state)
{
    static const struct {
        const char *text;
        enum script_mode mode;
        enum script_alone why_alone;
    } TABLE[] = {
        {"", SCRIPT_TRANSACTION, ALONE_NOT},
        {"SELECT 1;", SCRIPT_TRANSACTION, ALONE_NOT},
        {"BEGIN; SELECT 1; COMMIT;", SCRIPT_WRAPPED, ALONE_NOT},
        {"begin transaction isolation level serializable; SELECT 1; end;", SCRIPT_WRAPPED,
            ALONE_NOT},
        {"START TRANSACTION; COMMIT WORK;", SCRIPT_WRAPPED, ALONE_NOT},
        {"-- why\nBEGIN;\nSAVEPOINT a; ROLLBACK TO a; RELEASE a;\nCOMMIT;\n-- end", SCRIPT_WRAPPED,
            ALONE_NOT},
        {"-- pgstride: no-transaction\nSELECT 1;", SCRIPT_ALONE, ALONE_DIRECTIVE},
        {"-- pgstride: no-transaction\nBEGIN; SELECT 1; COMMIT;", SCRIPT_ALONE, ALONE_DIRECTIVE},
        {"SELECT 1; BEGIN; SELECT 2; COMMIT;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"BEGIN; SELECT 1; COMMIT; SELECT 2;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"BEGIN; SELECT 1; ROLLBACK;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"BEGIN; SELECT 1; COMMIT AND CHAIN;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"BEGIN; PREPARE TRANSACTION 'a';", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"SELECT 1; COMMIT;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"PREPARE a AS SELECT 1;", SCRIPT_TRANSACTION, ALONE_NOT},
        {"CREATE INDEX CONCURRENTLY i ON t (c);", SCRIPT_ALONE, ALONE_COMMAND},
        {"create unique /* x */ index -- y\n concurrently i ON t (c)", SCRIPT_ALONE, ALONE_COMMAND},
        {"DROP INDEX CONCURRENTLY IF EXISTS i;", SCRIPT_ALONE, ALONE_COMMAND},
        {"REINDEX INDEX CONCURRENTLY i;", SCRIPT_ALONE, ALONE_COMMAND},
        {"REINDEX TABLE CONCURRENTLY t;", SCRIPT_ALONE, ALONE_COMMAND},
        {"REINDEX DATABASE d;", SCRIPT_ALONE, ALONE_COMMAND},
        {"VACUUM;", SCRIPT_ALONE, ALONE_COMMAND},
        {"VACUUM (FULL) t;", SCRIPT_ALONE, ALONE_COMMAND},
        {"CREATE DATABASE d;", SCRIPT_ALONE, ALONE_COMMAND},
        {"DROP DATABASE d;", SCRIPT_ALONE, ALONE_COMMAND},
        {"ALTER SYSTEM SET a = 1;", SCRIPT_ALONE, ALONE_COMMAND},
        {"CREATE INDEX i ON t (c);", SCRIPT_TRANSACTION, ALONE_NOT},
        {"CREATE INDEX concurrently_built ON t (c);", SCRIPT_TRANSACTION, ALONE_NOT},
        {"REINDEX TABLE t;", SCRIPT_TRANSACTION, ALONE_NOT},
        {"VACUUMED;", SCRIPT_TRANSACTION, ALONE_NOT},
        {"CREATE INDEX CONCURRENTLY i ON t (c); SELECT 1;", SCRIPT_TRANSACTION, ALONE_NOT},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRIPT script = {0};

        parse(TABLE[i].text, &script);
        if (script.mode != TABLE[i].mode || script.why_alone != TABLE[i].why_alone)
            fail_msg("%s\nmode %d, why %d", TABLE[i].text, (int)script.mode, (int)script.why_alone);
    }
}

static void
directives_reach_the_script(UNUSED void **state)
{
    AUTO_SCRIPT script = {0};
    AUTO_SCRIPT plain = {0};

    parse("-- pgstride: lock-timeout=2s\n-- pgstride: retry-for=0\nSELECT 1;", &script);
    assert_int_equal(script.lock_timeout_ms, 2000);
    assert_int_equal(script.statement_timeout_ms, -1);
    assert_int_equal(script.retry_for_ms, 0);
    parse("SELECT 1;", &plain);
    assert_int_equal(plain.lock_timeout_ms, -1);
    assert_int_equal(plain.retry_for_ms, -1);
}

static void
set_transaction_is_recognised(UNUSED void **state)
{
    AUTO_SCRIPT script = {0};

    parse("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET transaction_timeout = 1;", &script);
    assert_true(script.statements[0].is_set_transaction);
    assert_false(script.statements[1].is_set_transaction);
}

static void
what_cannot_be_run_is_refused_where_it_stands(UNUSED void **state)
{
    static const struct {
        const char *text;
        const char *message;
        size_t line;
        size_t column;
        const char *source;
    } TABLE[] = {
        {"SELECT 1;\nSELECT 'a;\nb", "this quoted string is never closed", 2, 8, "SELECT 'a;"},
        {"SELECT E'\\'", "this quoted string is never closed", 1, 9, "SELECT E'\\'"},
        {"SELECT 1;\n  SELECT \"a\n;", "this quoted identifier is never closed", 2, 10,
            "  SELECT \"a"},
        {"DO $$ $a$ x\n$$;\nDO $a$ $$\n$b$;", "this dollar-quoted string is never closed", 3, 4,
            "DO $a$ $$"},
        {"SELECT 1; -- fine\n  /* a /* b */ c\nSELECT 2;", "this /* comment is never closed", 2, 3,
            "  /* a /* b */ c"},
        {"SELECT 1;\n\\d t\n", "backslash commands belong to psql and cannot run in a migration", 2,
            1, "\\d t"},
        {"SELECT 1 \\gset\n", "backslash commands belong to psql and cannot run in a migration", 1,
            10, "SELECT 1 \\gset"},
        {"SELECT 1;\nBEGIN;\nSELECT 2;", "this BEGIN is never closed", 2, 1, "BEGIN;"},
        {"COPY t FROM stdin;\n1\n2\n", "the data of this COPY … FROM STDIN never end", 1, 1,
            "COPY t FROM stdin;"},
        {"COPY t FROM stdin; SELECT 1;\n1\n\\.\n",
            "nothing may follow COPY … FROM STDIN on its line", 1, 19,
            "COPY t FROM stdin; SELECT 1;"},
        {"-- pgstride: no-transactions\nSELECT 1;", "unknown directive \"no-transactions\"", 1, 4,
            "-- pgstride: no-transactions"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        struct error err = ERROR_INIT;
        AUTO_SCRIPT script = {0};
        const char *text = TABLE[i].text;

        if (script_parse("1_a.up.sql", text, strlen(text), &script, &err))
            fail_msg("%s\nis not refused", text);
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_string_equal(err.message, TABLE[i].message);
        assert_string_equal(err.file, "1_a.up.sql");
        assert_string_equal(err.source, TABLE[i].source);
        assert_int_equal(err.line, TABLE[i].line);
        assert_int_equal(err.column, TABLE[i].column);
        assert_string_not_equal(err.hint, "");
        assert_int_equal(script.count, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_split_as_psql_splits_it),
        cmocka_unit_test(copy_data_are_taken_apart),
        cmocka_unit_test(a_file_runs_in_a_transaction_unless_something_says_otherwise),
        cmocka_unit_test(directives_reach_the_script),
        cmocka_unit_test(set_transaction_is_recognised),
        cmocka_unit_test(what_cannot_be_run_is_refused_where_it_stands),
    };

    return RUN_TESTS(tests);
}
