# SPDX-License-Identifier: Apache-2.0
"""A migration that fails: what is said, what is kept, and how one goes on."""

import json

from database.case import DatabaseCase

GOOD = "CREATE TABLE good ();\n"


class FailingMigration(DatabaseCase):
    FILES = {
        "1_first.up.sql": "CREATE TABLE first ();",
        "2_second.up.sql": "CREATE TABLE second ();",
        "3_third.up.sql": "CREATE TABLE third ();\nINSERT INTO first DEFAULT VALUES;\nSELECT nope;\n",
        "4_fourth.up.sql": "CREATE TABLE fourth ();",
    }

    def test_what_came_before_stays_and_nothing_of_it_remains(self):
        self.assert_log(self.up(self.FILES), """
            <time> INFO  4 of 4 migrations pending on <database> at 127.0.0.1: none -> 4
            <time> INFO  1_first applied in <duration> (1 statement); current version is 1
            <time> INFO  2_second applied in <duration> (1 statement); current version is 2
            <time> ERROR 3_third.up.sql:3:8: column "nope" does not exist (42703)
                               3 | SELECT nope;
                                 |        ^
                               Nothing of this migration was kept: the database is at 2, clean. Mend the file and run again.
            <time> ERROR failed: 2 of 4 applied in <duration>; none -> 2 (wanted 4); a retry will not help
        """, status=1)
        self.assertEqual("first second", self.tables())
        self.assertEqual("0", self.psql("SELECT count(*) FROM first"))
        self.assertEqual("2|f", self.version())
        self.assertEqual(
            ["1|1_first|up|applied", "2|2_second|up|applied", "3|3_third|up|failed"],
            self.history(),
        )

    def test_version_says_the_last_good_one(self):
        self.up(self.FILES)
        result = self.run_pgstride("--database", self.database, "version")
        self.assertEqual((0, "2\n"), (result.status, result.stdout))

    def test_the_history_keeps_the_error(self):
        self.up(self.FILES)
        row = json.loads(self.history("row_to_json(pgstride_history)")[2])
        self.assertEqual({
            "sqlstate": "42703", "message": 'column "nope" does not exist',
            "file": "3_third.up.sql", "line": 3, "statement": 3,
        }, {key: value for key, value in row["error"].items() if value != ""})
        self.assertEqual((3, 0), (row["statements_total"], row["statements_done"]))
        self.assertLessEqual(row["started_at"], row["finished_at"])

    def test_the_mended_file_goes_on(self):
        self.up(self.FILES)
        self.assert_log(self.up({**self.FILES, "3_third.up.sql": "CREATE TABLE third ();"}), """
            <time> INFO  2 of 4 migrations pending on <database> at 127.0.0.1: 2 -> 4
            <time> INFO  3_third applied in <duration> (1 statement); current version is 3
            <time> INFO  4_fourth applied in <duration> (1 statement); current version is 4
            <time> INFO  succeeded! 2 migrations applied in <duration>; 2 -> 4
        """, status=0)
        self.assertEqual("first fourth second third", self.tables())
        self.assertEqual("4|f", self.version())
        self.assertEqual(
            ["3|3_third|up|failed", "3|3_third|up|applied", "4|4_fourth|up|applied"],
            self.history()[2:],
        )

    def test_it_fails_the_same_way_again(self):
        self.up(self.FILES)
        self.assert_log(self.up(self.FILES), """
            <time> INFO  2 of 4 migrations pending on <database> at 127.0.0.1: 2 -> 4
            <time> ERROR 3_third.up.sql:3:8: column "nope" does not exist (42703)
                               3 | SELECT nope;
                                 |        ^
                               Nothing of this migration was kept: the database is at 2, clean. Mend the file and run again.
            <time> ERROR failed: 0 of 2 applied in <duration>; 2 -> 2 (wanted 4); a retry will not help
        """, status=1)

    def test_the_first_of_all_fails(self):
        self.assert_log(self.up({"1_a.up.sql": "SELECT nope;"}), """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> ERROR 1_a.up.sql:1:8: column "nope" does not exist (42703)
                               1 | SELECT nope;
                                 |        ^
                               Nothing of this migration was kept: the database is at no version, clean. Mend the file and run again.
            <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry will not help
        """, status=1)
        self.assertEqual("", self.version())

    def test_a_wrapped_file_leaves_nothing_either(self):
        text = "BEGIN;\nCREATE TABLE half ();\nSELECT nope;\nCOMMIT;\n"
        self.assert_log(self.up({"1_a.up.sql": GOOD, "2_b.up.sql": text}), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_a applied in <duration> (1 statement); current version is 1
            <time> ERROR 2_b.up.sql:3:8: column "nope" does not exist (42703)
                               3 | SELECT nope;
                                 |        ^
                               Nothing of this migration was kept: the database is at 1, clean. Mend the file and run again.
            <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry will not help
        """, status=1)
        self.assertEqual("good", self.tables())

    def test_a_failure_in_a_file_with_copied_data(self):
        text = "CREATE TABLE half (n int);\nCOPY half FROM stdin;\n1\nword\n\\.\n"
        self.assert_log(self.up({"1_a.up.sql": GOOD, "2_b.up.sql": text}), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_a applied in <duration> (1 statement); current version is 1
            <time> ERROR 2_b.up.sql:2:1: invalid input syntax for type integer: "word" (22P02)
                               2 | COPY half FROM stdin;
                               context: COPY half, line 2, column n: "word"
                               Nothing of this migration was kept: the database is at 1, clean. Mend the file and run again.
            <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry will not help
        """, status=1)
        self.assertEqual("good", self.tables())
        self.assertEqual("1|f", self.version())
        self.assertEqual(["1|1_a|up|applied", "2|2_b|up|failed"], self.history())


class FailingMessage(DatabaseCase):
    """Each line of a refusal, as the server told it."""

    def assert_error(self, text, expected):
        result = self.up({"1_a.up.sql": text})
        self.assertEqual(1, result.status, result.stdout)
        lines = self.normalise(result.stdout).splitlines()
        self.assertEqual(
            ("<time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1",
             "<time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1);"
             " a retry will not help"),
            (lines[0], lines[-1]),
        )
        self.assertEqual(
            " " * 19 + "Nothing of this migration was kept: the database is at no version, clean."
            " Mend the file and run again.", lines[-2])
        first, *others = lines[1:-2]
        shown = [first.removeprefix("<time> ERROR ")]
        shown += [line.removeprefix(" " * 19) for line in others]
        self.assertMultiLineEqual("\n".join(expected), "\n".join(shown))

    def test_the_place_in_the_file(self):
        table = (
            ("the first word", "SELEC 1;\n", [
                '1_a.up.sql:1:1: syntax error at or near "SELEC" (42601)',
                "1 | SELEC 1;",
                "  | ^"]),
            ("the end of the statement", "SELECT (1;\nSELECT 2;", [
                '1_a.up.sql:1:10: syntax error at or near ";" (42601)',
                "1 | SELECT (1;",
                "  |          ^"]),
            ("the end of the file", "SELECT\n  1 +\n", [
                "1_a.up.sql:2:6: syntax error at end of input (42601)",
                "2 |   1 +",
                "  |      ^"]),
            ("the third statement of a line", "SELECT 1; SELECT 2; SELECT nope; SELECT 4;", [
                '1_a.up.sql:1:28: column "nope" does not exist (42703)',
                "1 | SELECT 1; SELECT 2; SELECT nope; SELECT 4;",
                "  |                            ^"]),
            ("a line within a statement", "SELECT 1;\n\n/* so */ SELECT\n  1,\n    nope\n;", [
                '1_a.up.sql:5:5: column "nope" does not exist (42703)',
                "5 |     nope",
                "  |     ^"]),
            ("behind characters of many bytes", "SELECT 'é€😀ß', nope;", [
                '1_a.up.sql:1:16: column "nope" does not exist (42703)',
                "1 | SELECT 'é€😀ß', nope;",
                "  |                ^"]),
            ("behind lines of many bytes", "-- ééé\nSELECT 'é', -- €\n 'ü', nope;", [
                '1_a.up.sql:3:7: column "nope" does not exist (42703)',
                "3 |  'ü', nope;",
                "  |       ^"]),
            ("behind tabs", "SELECT\n\t\t1,\tnope;", [
                '1_a.up.sql:2:6: column "nope" does not exist (42703)',
                "2 |   1, nope;",
                "  |      ^"]),
            ("behind a byte-order mark", "\ufeffSELECT nope;", [
                '1_a.up.sql:1:8: column "nope" does not exist (42703)',
                "1 | SELECT nope;",
                "  |        ^"]),
            ("in a file of carriage returns and newlines", "SELECT 1;\r\nSELECT\r\n nope;\r\n", [
                '1_a.up.sql:3:2: column "nope" does not exist (42703)',
                "3 |  nope;",
                "  |  ^"]),
            ("none told", "SELECT 1;\nCREATE TABLE t (); SELECT 1 / 0;", [
                "1_a.up.sql:2:20: division by zero (22012)",
                "2 | CREATE TABLE t (); SELECT 1 / 0;"]),
        )
        for name, text, expected in table:
            with self.subTest(name):
                self.assert_error(text, expected)

    def test_a_long_line_is_cut_around_the_caret(self):
        result = self.up({"1_a.up.sql": "SELECT " + "11111, " * 200 + "nope" + ", 22222" * 200})
        title, source, caret = result.stdout.splitlines()[1:4]
        self.assertRegex(title, r'1_a\.up\.sql:1:1408: column "nope" does not exist \(42703\)\Z')
        self.assertLess(len(source), 200)
        self.assertEqual("nope", source[caret.index("^"):][:4])
        self.assertIn("11111, nope, 22222", source)

    def test_a_long_line_of_many_bytes_is_cut_between_characters(self):
        result = self.up({"1_a.up.sql": "SELECT '" + "é€😀" * 100 + "', nope, '" + "😀" * 100 + "'"})
        title, source, caret = result.stdout.splitlines()[1:4]
        self.assertRegex(title, r'1_a\.up\.sql:1:312: column "nope" does not exist \(42703\)\Z')
        self.assertEqual("nope", source[caret.index("^"):][:4])
        self.assertNotIn("\\x", source)

    def test_detail_and_hint(self):
        table = (
            ("a detail", "CREATE TABLE t (a int UNIQUE);\nINSERT INTO t VALUES (1), (1);", [
                '1_a.up.sql:2:1: duplicate key value violates unique constraint "t_a_key" (23505)',
                "2 | INSERT INTO t VALUES (1), (1);",
                "detail: Key (a)=(1) already exists."]),
            ("a hint", "CREATE TABLE half (note text);\nSELECT noet FROM half;", [
                '1_a.up.sql:2:8: column "noet" does not exist (42703)',
                "2 | SELECT noet FROM half;",
                "  |        ^",
                'hint: Perhaps you meant to reference the column "half.note".']),
            ("both", "CREATE TABLE t (); CREATE VIEW v AS SELECT * FROM t;\nDROP TABLE t;", [
                "1_a.up.sql:2:1: cannot drop table t because other objects depend on it (2BP01)",
                "2 | DROP TABLE t;",
                "detail: view v depends on table t",
                "hint: Use DROP ... CASCADE to drop the dependent objects too."]),
            ("a function's error with all of them",
             "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\n"
             "BEGIN\n  RAISE 'no %', 'good' USING DETAIL = 'two\nlines', HINT = 'do it',"
             " ERRCODE = 'P7777';\nEND $$;\n\nSELECT f();\n", [
                 "1_a.up.sql:7:1: no good (P7777)",
                 "7 | SELECT f();",
                 "detail: two",
                 "lines",
                 "hint: do it",
                 "context: PL/pgSQL function f() line 3 at RAISE"]),
            ("an inner statement's error", "DO $$ BEGIN\n  PERFORM nope;\nEND $$;", [
                '1_a.up.sql:1:1: column "nope" does not exist (42703)',
                "1 | DO $$ BEGIN",
                "context: PL/pgSQL function inline_code_block line 2 at PERFORM"]),
        )
        for name, text, expected in table:
            with self.subTest(name):
                self.assert_error(text, expected)

    def test_a_deferred_constraint_that_fails_at_the_end(self):
        text = (
            "CREATE TABLE parent (id int PRIMARY KEY);\n"
            "CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);\n"
            "INSERT INTO child VALUES (7);\n"
        )
        expected = [
            '1_a.up.sql: a deferred constraint, checked at the end: insert or update on table '
            '"child" violates foreign key constraint "child_id_fkey" (23503)',
            'detail: Key (id)=(7) is not present in table "parent".',
        ]
        for name, file in (("as it is", text), ("wrapped", f"BEGIN;\n{text}COMMIT;\n")):
            with self.subTest(name):
                self.assert_error(file, expected)
        self.assertEqual("", self.tables())

    def test_what_a_message_holds_cannot_begin_a_line_of_its_own(self):
        text = "DO $$ BEGIN RAISE E'one\\n12:00:00.000 INFO  succeeded!\\r\\x1b[2J'; END $$;"
        self.assert_error(text, [
            "1_a.up.sql:1:1: one",
            "<time> INFO  succeeded!??[2J (P0001)",
            "1 | " + text,
            "context: PL/pgSQL function inline_code_block line 1 at RAISE"])


class Notices(DatabaseCase):
    def test_what_the_server_says_is_in_the_log(self):
        text = (
            "DO $$ BEGIN\n"
            "  RAISE NOTICE 'a notice' USING DETAIL = 'its detail', HINT = 'its hint';\n"
            "  RAISE WARNING 'a warning';\n"
            "  RAISE INFO 'an information';\n"
            "  RAISE LOG 'not for the client';\n"
            "END $$;\n"
            "DROP TABLE IF EXISTS nothing;\n"
        )
        self.assert_log(self.up({"1_a.up.sql": text, "2_b.up.sql": GOOD}), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_a: NOTICE: a notice
                               detail: its detail
                               hint: its hint
                               context: PL/pgSQL function inline_code_block line 2 at RAISE
            <time> WARN  1_a: WARNING: a warning
                               context: PL/pgSQL function inline_code_block line 3 at RAISE
            <time> INFO  1_a: INFO: an information
                               context: PL/pgSQL function inline_code_block line 4 at RAISE
            <time> INFO  1_a: NOTICE: table "nothing" does not exist, skipping
            <time> INFO  1_a applied in <duration> (2 statements); current version is 1
            <time> INFO  2_b applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
        """, status=0)

    def test_each_notice_names_its_own_migration(self):
        files = {f"{n}_m.up.sql": f"DO $$ BEGIN RAISE NOTICE 'from {n}'; END $$;"
                 for n in range(1, 41)}
        result = self.up(files)
        self.assert_good(result)
        said = [line.split("INFO  ")[1] for line in result.stdout.splitlines()
                if "NOTICE: " in line]
        self.assertEqual([f"{n}_m: NOTICE: from {n}" for n in range(1, 41)], said)

    def test_our_own_statements_cause_none(self):
        result = self.up({"1_a.up.sql": GOOD, "2_b.up.sql": "BEGIN;\nCREATE TABLE b ();\nCOMMIT;"})
        self.assert_good(result)
        self.assertNotIn("WARN", result.stdout)
        self.assertNotIn("NOTICE", result.stdout)

    def test_a_notice_from_outside_a_transaction(self):
        text = "-- pgstride: no-transaction\nDO $$ BEGIN RAISE NOTICE 'alone'; END $$;"
        result = self.up({"1_a.up.sql": text})
        self.assert_good(result)
        self.assertIn(" INFO  1_a: NOTICE: alone\n", result.stdout)
