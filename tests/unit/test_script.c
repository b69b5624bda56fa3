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
    assert_true(script.has_copy);
    assert_true(script.statements[0].is_copy_in);
    assert_int_equal(script.statements[0].data_bytes, 12);
    assert_memory_equal(TEXT + script.statements[0].data_offset, "1\ta;b'\n2\t\\N\n", 12);
    assert_false(script.statements[1].is_copy_in);
    assert_int_equal(script.statements[1].line, 6);
    assert_true(script.statements[2].is_copy_in);
    assert_int_equal(script.statements[2].data_bytes, 0);
}

/* Nothing of one COPY is left over for what follows it, whatever that begins with. */
static void
what_follows_copy_data_is_no_copy(UNUSED void **state)
{
    static const char *const TABLE[] = {";", "(SELECT 0);", "$$a$$;", "1;", ";;/* a */;"};

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_STRING char *text =
            memory_printf("COPY t FROM stdin;\n1\n\\.\n%s\nSELECT 1;\nSELECT 2;\n", TABLE[i]);
        AUTO_SCRIPT script = {0};

        parse(text, &script);
        assert_true(script.statements[0].is_copy_in);
        for (size_t k = 1; k < script.count; k++)
            assert_false(script.statements[k].is_copy_in);
        assert_int_equal(script.statements[script.count - 1].line, 6);
    }
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
        {"BEGIN; SELECT 1; COMMIT AND CHAIN; ROLLBACK;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"BEGIN; PREPARE TRANSACTION 'a';", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"SELECT 1; COMMIT;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"PREPARE a AS SELECT 1;", SCRIPT_TRANSACTION, ALONE_NOT},
        {"BEGIN WORK; SELECT 1; COMMIT TRANSACTION;", SCRIPT_WRAPPED, ALONE_NOT},
        {"BEGIN; SELECT 1; END TRANSACTION;", SCRIPT_WRAPPED, ALONE_NOT},
        {"BEGIN; COMMIT", SCRIPT_WRAPPED, ALONE_NOT},
        {"/* why */ BEGIN /* now */; COMMIT /* done */ ;", SCRIPT_WRAPPED, ALONE_NOT},
        {"BEGIN; ROLLBACK WORK TO SAVEPOINT a; ROLLBACK TRANSACTION TO a; COMMIT;", SCRIPT_WRAPPED,
            ALONE_NOT},
        {"SELECT 1; BEGIN; COMMIT;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"BEGIN; COMMIT; SELECT 1; COMMIT;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"BEGIN; SELECT 1; ABORT;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"BEGIN; SELECT 1; END AND CHAIN; COMMIT;", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"COMMIT PREPARED 'a';", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        {"ROLLBACK PREPARED 'a';", SCRIPT_ALONE, ALONE_TRANSACTIONS},
        /* Words that only look like it. */
        {"DO $$ BEGIN NULL; END $$;", SCRIPT_TRANSACTION, ALONE_NOT},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;", SCRIPT_TRANSACTION,
            ALONE_NOT},
        {"BEGINNING; SELECT 'COMMIT'; SELECT \"begin\";", SCRIPT_TRANSACTION, ALONE_NOT},
        {"SAVEPOINT a; RELEASE a;", SCRIPT_TRANSACTION, ALONE_NOT},
        {"SET TRANSACTION READ ONLY;", SCRIPT_TRANSACTION, ALONE_NOT},
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
    static const char CLOSE_IT[] = "Close it; nothing was run.";
    static const char COMMIT_IT[] =
        "Add COMMIT at the end of the file, or remove the BEGIN: each migration runs in a "
        "transaction as it is. Nothing was run.";
    static const char END_IT[] = "End them with a line \\. alone; nothing was run.";
    static const char IN_SQL[] = "Write what the command does in SQL; nothing was run.";
    static const char NEXT_LINE[] =
        "Its data begin on the next line and end with a line \\. alone.";
    static const char DIRECTIVES[] =
        "The directives are no-transaction, lock-timeout=, statement-timeout= and retry-for=.";
    static const struct {
        const char *text;
        const char *message;
        size_t line;
        size_t column;
        const char *source;
        const char *hint;
    } TABLE[] = {
        {"SELECT 1;\nSELECT 'a;\nb", "this quoted string is never closed", 2, 8, "SELECT 'a;",
            CLOSE_IT},
        {"SELECT E'\\'", "this quoted string is never closed", 1, 9, "SELECT E'\\'", CLOSE_IT},
        {"SELECT 1;\n  SELECT \"a\n;", "this quoted identifier is never closed", 2, 10,
            "  SELECT \"a", CLOSE_IT},
        {"DO $$ $a$ x\n$$;\nDO $a$ $$\n$b$;", "this dollar-quoted string is never closed", 3, 4,
            "DO $a$ $$", CLOSE_IT},
        {"SELECT 1; -- fine\n  /* a /* b */ c\nSELECT 2;", "this /* comment is never closed", 2, 3,
            "  /* a /* b */ c", CLOSE_IT},
        {"SELECT 1;\n\\d t\n", "backslash commands belong to psql and cannot run in a migration", 2,
            1, "\\d t", IN_SQL},
        {"SELECT 1 \\gset\n", "backslash commands belong to psql and cannot run in a migration", 1,
            10, "SELECT 1 \\gset", IN_SQL},
        {"\\connect d\n", "backslash commands belong to psql and cannot run in a migration", 1, 1,
            "\\connect d", IN_SQL},
        {"SELECT 1 \\; SELECT 2;",
            "backslash commands belong to psql and cannot run in a migration", 1, 10,
            "SELECT 1 \\; SELECT 2;", IN_SQL},
        {"SELECT 1 \\restrict a\n;",
            "backslash commands belong to psql and cannot run in a migration", 1, 10,
            "SELECT 1 \\restrict a", IN_SQL},
        {"\\restricted\n", "backslash commands belong to psql and cannot run in a migration", 1, 1,
            "\\restricted", IN_SQL},
        {"SELECT 1;\nBEGIN;\nSELECT 2;", "this BEGIN is never closed", 2, 1, "BEGIN;", COMMIT_IT},
        {"BEGIN;\nCOMMIT;\n  START TRANSACTION;\nSELECT 1;", "this BEGIN is never closed", 3, 3,
            "  START TRANSACTION;", COMMIT_IT},
        {"BEGIN;\nBEGIN;\nSELECT 1;", "this BEGIN is never closed", 1, 1, "BEGIN;", COMMIT_IT},
        {"BEGIN", "this BEGIN is never closed", 1, 1, "BEGIN", COMMIT_IT},
        {"BEGIN;\nCOMMIT AND CHAIN;", "this COMMIT AND CHAIN is never closed", 2, 1,
            "COMMIT AND CHAIN;",
            "Add COMMIT at the end of the file, or remove AND CHAIN. Nothing was run."},
        {"COPY t FROM stdin;\n1\n2\n", "the data of this COPY … FROM STDIN never end", 1, 1,
            "COPY t FROM stdin;", END_IT},
        {"COPY t FROM stdin; SELECT 1;\n1\n\\.\n",
            "nothing may follow COPY … FROM STDIN on its line", 1, 19,
            "COPY t FROM stdin; SELECT 1;", NEXT_LINE},
        {"SELECT 1;\nCOPY t FROM stdin;", "the data of this COPY … FROM STDIN never end", 2, 1,
            "COPY t FROM stdin;", END_IT},
        {"COPY t FROM stdin;\n1\n \\.\n\\.x\n", "the data of this COPY … FROM STDIN never end", 1,
            1, "COPY t FROM stdin;", END_IT},
        {"-- pgstride: lock-timeout=soon\nSELECT 1;",
            "\"soon\" is not a duration: write 500ms, 5s, 2min or 1h (a bare number is seconds)", 1,
            4, "-- pgstride: lock-timeout=soon", ""},
        {"-- pgstride: no-transactions\nSELECT 1;", "unknown directive \"no-transactions\"", 1, 4,
            "-- pgstride: no-transactions", DIRECTIVES},
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
        assert_string_equal(err.hint, TABLE[i].hint);
        assert_int_equal(err.line, TABLE[i].line);
        assert_int_equal(err.column, TABLE[i].column);
        assert_int_equal(script.count, 0);
    }
}

/* Those that PostgreSQL refuses in a transaction block; what is missed, its refusal tells. */
static void
a_command_that_postgresql_runs_alone_is_recognised(UNUSED void **state)
{
    static const char *const ALONE[] = {
        "CREATE INDEX CONCURRENTLY i ON t (c);",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (c);",
        "create unique /* x */ index -- y\n concurrently i ON t (c)",
        "-- why\nCREATE INDEX CONCURRENTLY i ON t (c);\n-- done\n",
        "DROP INDEX CONCURRENTLY i;",
        "DROP INDEX CONCURRENTLY IF EXISTS i;",
        "REINDEX (VERBOSE) INDEX CONCURRENTLY i;",
        "REINDEX (CONCURRENTLY) TABLE t;",
        "REINDEX (VERBOSE, CONCURRENTLY true) INDEX i;",
        "REINDEX (VERBOSE) DATABASE d;",
        "ALTER TABLE t DETACH PARTITION p CONCURRENTLY;",
        "alter table only s.t\n detach partition\n s.p concurrently ;",
        "REINDEX INDEX CONCURRENTLY i;",
        "REINDEX TABLE CONCURRENTLY t;",
        "REINDEX SCHEMA CONCURRENTLY s;",
        "REINDEX DATABASE d;",
        "REINDEX DATABASE CONCURRENTLY d;",
        "REINDEX SYSTEM d;",
        "VACUUM;",
        "VACUUM t;",
        "VACUUM (FULL, ANALYZE) t;",
        "ALTER SYSTEM SET a = 1;",
        "ALTER SYSTEM RESET ALL;",
        "CREATE DATABASE d;",
        "DROP DATABASE IF EXISTS d;",
        "CREATE TABLESPACE s LOCATION '/x';",
        "DROP TABLESPACE s;",
    };
    static const char *const IN_A_TRANSACTION[] = {
        "CREATE INDEX i ON t (c);",
        "CREATE INDEX concurrently_built ON t (c);",
        "CREATE INDEX \"concurrently\" ON t (c);",
        "CREATE UNIQUE INDEX i ON t (c);",
        "DROP INDEX i;",
        "DROP TABLE concurrently;",
        "REINDEX (CONCURRENTLY false) TABLE t;",
        "REINDEX (VERBOSE) TABLE t;",
        "ALTER TABLE t DETACH PARTITION p;",
        "ALTER TABLE t DETACH PARTITION p FINALIZE;",
        "ALTER TABLE t RENAME TO concurrently;",
        "ALTER TABLE t DETACH PARTITION notconcurrently;",
        "REINDEX TABLE t;",
        "REINDEX INDEX i;",
        "VACUUMED;",
        "ANALYZE t;",
        "ALTER TABLE system ADD c int;",
        "ALTER DATABASE d SET a = 1;",
        "CREATE TABLE database (c int);",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v;",
        "COMMENT ON INDEX i IS 'CREATE INDEX CONCURRENTLY';",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ALONE); i++) {
        AUTO_SCRIPT script = {0};

        parse(ALONE[i], &script);
        if (script.mode != SCRIPT_ALONE || script.why_alone != ALONE_COMMAND ||
            !script.statements[0].is_run_alone)
            fail_msg("not recognised: %s", ALONE[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(IN_A_TRANSACTION); i++) {
        AUTO_SCRIPT script = {0};

        parse(IN_A_TRANSACTION[i], &script);
        if (script.mode != SCRIPT_TRANSACTION || script.statements[0].is_run_alone)
            fail_msg("runs in a transaction: %s", IN_A_TRANSACTION[i]);
    }
}

static void
such_a_command_among_others_is_left_to_the_server(UNUSED void **state)
{
    AUTO_SCRIPT script = {0};

    parse("CREATE INDEX CONCURRENTLY i ON t (c); SELECT 1;", &script);
    assert_int_equal(script.mode, SCRIPT_TRANSACTION);
    assert_true(script.statements[0].is_run_alone);
    assert_false(script.statements[1].is_run_alone);
}

static void
pg_dumps_backslash_lines_are_passed_over(UNUSED void **state)
{
    static const char TEXT[] = "--\n-- PostgreSQL database dump\n--\n\n\\restrict Ab1\n\n"
                               "SET lock_timeout = 0;\nCOPY public.t (a) FROM stdin;\n"
                               "\\restrict is data\n\\N\n\\.\n\n\nSELECT 1;\n"
                               "\\unrestrict Ab1\n";
    AUTO_SCRIPT script = {0};

    parse(TEXT, &script);
    assert_int_equal(script.count, 3);
    assert_int_equal(script.statements[0].line, 7);
    assert_int_equal(script.statements[1].line, 8);
    assert_int_equal(script.statements[1].data_bytes, strlen("\\restrict is data\n\\N\n"));
    assert_int_equal(script.statements[2].line, 14);
}

static void
copy_is_told_apart_from_what_goes_through_a_pipeline(UNUSED void **state)
{
    static const struct {
        const char *text;
        bool has_copy;
    } TABLE[] = {
        {"SELECT 1;", false},
        {"COPY t FROM stdin;\n\\.\n", true},
        {"SELECT 1; copy t TO stdout;", true},
        {"COPY t FROM '/x';", true},
        {"SELECT 'COPY t FROM stdin;';", false},
        {"COPYING;", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRIPT script = {0};

        parse(TABLE[i].text, &script);
        if (script.has_copy != TABLE[i].has_copy)
            fail_msg("%s", TABLE[i].text);
    }
}

static void
what_touches_prepared_statements_is_told(UNUSED void **state)
{
    static const struct {
        const char *text;
        bool has_prepared;
    } TABLE[] = {
        {"SELECT 1;", false},
        {"SELECT 1; PREPARE a AS SELECT 1;", true},
        {"DEALLOCATE ALL;", true},
        {"discard plans;", true},
        {"BEGIN; PREPARE TRANSACTION 'a';", false},
        {"SELECT 'PREPARE a';", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TABLE); i++) {
        AUTO_SCRIPT script = {0};

        parse(TABLE[i].text, &script);
        if (script.has_prepared != TABLE[i].has_prepared)
            fail_msg("%s", TABLE[i].text);
    }
}

static void
check_sum(const char *text, size_t count, const char *part)
{
    AUTO_SCRIPT script = {0};
    char hex[DIGEST_HEX_BYTES];
    char expected[DIGEST_HEX_BYTES];

    parse(text, &script);
    script_checksum(text, &script, count, hex);
    digest_text(part, strlen(part), expected);
    assert_string_equal(hex, expected);
}

/* What stands behind the part that ran may be mended. */
static void
a_part_of_a_script_has_a_checksum(UNUSED void **state)
{
    static const char TEXT[] = "-- one\nSELECT 1;\n-- two\nSELECT 2;\nSELECT 3;\n";

    check_sum(TEXT, 0, "");
    check_sum(TEXT, 1, "-- one\nSELECT 1;");
    check_sum(TEXT, 2, "-- one\nSELECT 1;\n-- two\nSELECT 2;");
    check_sum(TEXT, 3, TEXT);
    check_sum("SELECT 1;\r\nSELECT 2;\r\n", 2, "SELECT 1;\nSELECT 2;");
    check_sum("COPY t FROM stdin;\n1\n2\n\\.\nSELECT 1;", 1, "COPY t FROM stdin;\n1\n2\n");
}

static void
a_failure_leaves_the_script_alone(UNUSED void **state)
{
    struct script script = {.count = 77, .lock_timeout_ms = 77};
    struct error err = ERROR_INIT;

    assert_false(script_parse("1_a.up.sql", "SELECT 1; SELECT 'a", 19, &script, &err));
    assert_int_equal(script.count, 77);
    assert_null(script.statements);
    assert_int_equal(script.lock_timeout_ms, 77);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_split_as_psql_splits_it),
        cmocka_unit_test(copy_data_are_taken_apart),
        cmocka_unit_test(what_follows_copy_data_is_no_copy),
        cmocka_unit_test(a_file_runs_in_a_transaction_unless_something_says_otherwise),
        cmocka_unit_test(directives_reach_the_script),
        cmocka_unit_test(set_transaction_is_recognised),
        cmocka_unit_test(what_cannot_be_run_is_refused_where_it_stands),
        cmocka_unit_test(a_command_that_postgresql_runs_alone_is_recognised),
        cmocka_unit_test(such_a_command_among_others_is_left_to_the_server),
        cmocka_unit_test(pg_dumps_backslash_lines_are_passed_over),
        cmocka_unit_test(copy_is_told_apart_from_what_goes_through_a_pipeline),
        cmocka_unit_test(what_touches_prepared_statements_is_told),
        cmocka_unit_test(a_part_of_a_script_has_a_checksum),
        cmocka_unit_test(a_failure_leaves_the_script_alone),
    };

    return RUN_TESTS(tests);
}
