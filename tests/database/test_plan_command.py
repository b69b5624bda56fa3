# SPDX-License-Identifier: Apache-2.0
"""plan: what a run would do, statement by statement; nothing is written, no lock is taken."""

import json

from database.case import DatabaseCase

ALONE = "-- pgstride: no-transaction\n"
FILES = {
    "1_a.up.sql": "CREATE TABLE a (\n  n int\n);\nINSERT INTO a VALUES (1);\n",
    "1_a.down.sql": "DROP TABLE a;\n",
    "2_b.up.sql": "CREATE INDEX CONCURRENTLY i ON a (n);\n",
    "2_b.down.sql": ALONE + "DROP INDEX i;\nSELECT 1;\n",
    "3_c.up.sql": "BEGIN;\nSELECT 'é\t" + "x" * 120 + "';\nCOMMIT;\nSELECT 2;\n",
    "3_c.down.sql": "",
}
UP = """
    1_a.up.sql, in a transaction
         1  CREATE TABLE a ( …
         4  INSERT INTO a VALUES (1);
    2_b.up.sql, outside a transaction: PostgreSQL runs this command outside a transaction alone
         1  CREATE INDEX CONCURRENTLY i ON a (n);
    3_c.up.sql, outside a transaction: the file has transactions of its own
         1  BEGIN;
         2  SELECT 'é """ + "x" * 90 + """ …
         3  COMMIT;
         4  SELECT 2;
    <database> at 127.0.0.1: 3 to apply, none -> 3
"""


class Plan(DatabaseCase):
    def plan(self, *words, files=None, **options):
        return self.pgstride(files or FILES, "plan", *words, **options)

    def test_of_up(self):
        for words in ((), ("up",)):
            with self.subTest(words):
                result = self.plan(*words)
                self.assert_log(result, UP, status=0)
                self.assertEqual("", result.stderr)
        self.assertEqual("", self.psql("SELECT to_regclass('schema_migrations')"))

    def test_of_up_n_and_of_goto(self):
        expected = """
            1_a.up.sql, in a transaction
                 1  CREATE TABLE a ( …
                 4  INSERT INTO a VALUES (1);
            <database> at 127.0.0.1: 1 to apply, none -> 1
        """
        for words in (("up", "1"), ("goto", "1")):
            with self.subTest(words):
                self.assert_log(self.plan(*words), expected, status=0)

    def test_of_down_and_of_goto(self):
        self.assert_good(self.up(FILES))
        last = "3_c.down.sql, in a transaction\n"
        alone = """
            2_b.down.sql, outside a transaction: the file says so
                 2  DROP INDEX i;
                 3  SELECT 1;
        """.strip() + "\n"
        for words in (("down", "2"), ("goto", "1")):
            with self.subTest(words):
                self.assert_log(self.plan(*words), f"""
            {last}            {alone}            <database> at 127.0.0.1: 2 to revert, 3 -> 1
                """, status=0)
        for words in (("down", "--all"), ("--all", "down")):
            with self.subTest(words):
                self.assert_log(self.plan(*words), f"""
            {last}            {alone}            1_a.down.sql, in a transaction
                 1  DROP TABLE a;
            <database> at 127.0.0.1: 3 to revert, 3 -> none
                """, status=0)

    def test_of_nothing(self):
        self.assert_log(self.plan("down", "--all"), """
            <database> at 127.0.0.1: version none, nothing to do
        """, status=0)
        self.assert_good(self.up(FILES))
        self.assert_log(self.plan(), """
            <database> at 127.0.0.1: version 3, nothing to do
        """, status=0)

    def test_json(self):
        self.assert_good(self.up(FILES, "up", "1"))
        result = self.plan("--format", "json")
        self.assert_good(result)
        self.assertEqual({
            "database": self.dbname, "host": "127.0.0.1", "from": 1, "to": 3,
            "steps": [
                {"version": 2, "file": "2_b.up.sql", "direction": "up", "to": 2,
                 "transaction": False,
                 "why": "PostgreSQL runs this command outside a transaction alone",
                 "statements": [{"line": 1, "sql": "CREATE INDEX CONCURRENTLY i ON a (n);"}]},
                {"version": 3, "file": "3_c.up.sql", "direction": "up", "to": 3,
                 "transaction": False, "why": "the file has transactions of its own",
                 "statements": [{"line": 1, "sql": "BEGIN;"},
                                {"line": 2, "sql": "SELECT 'é\t" + "x" * 120 + "';"},
                                {"line": 3, "sql": "COMMIT;"}, {"line": 4, "sql": "SELECT 2;"}]},
            ],
        }, json.loads(result.stdout))
        self.assertEqual(1, result.stdout.count("\n"))
        result = self.plan("--format", "json", "down", "1")
        self.assertEqual({
            "database": self.dbname, "host": "127.0.0.1", "from": 1, "to": None,
            "steps": [{"version": 1, "file": "1_a.down.sql", "direction": "down", "to": None,
                       "transaction": True, "statements": [{"line": 1, "sql": "DROP TABLE a;"}]}],
        }, json.loads(result.stdout))
        result = self.plan("--format", "json", "goto", "1")
        self.assertEqual({"database": self.dbname, "host": "127.0.0.1", "from": 1, "to": 1,
                          "steps": []}, json.loads(result.stdout))

    def test_of_what_goes_on(self):
        files = {**FILES, "2_b.up.sql": ALONE + "SELECT 1;\nSELECT nope;\nSELECT 3;\n"}
        self.assertEqual(1, self.up(files).status)
        self.assert_log(self.plan("up", "1", files=files), """
            2_b.up.sql, outside a transaction: an earlier run began it so; from statement 2
                 3  SELECT nope;
                 4  SELECT 3;
            <database> at 127.0.0.1: 1 to apply, 2 -> 2
        """, status=0)
        step = json.loads(self.plan("--format", "json", "up", "1", files=files).stdout)["steps"][0]
        self.assertEqual((1, [3, 4]), (step["statements_done"],
                                       [statement["line"] for statement in step["statements"]]))
        for text in ("SELECT 0;\nSELECT 2;", ""):
            with self.subTest(text):
                result = self.plan("up", "1", files={**files, "2_b.up.sql": ALONE + text})
                self.assertEqual((1, ""), (result.status, result.stdout))
                self.assertIn("2_b.up.sql was edited within its first 1 statements", result.stderr)

    def test_of_a_late_file(self):
        files = {"1_a.up.sql": "SELECT 1;", "2_b.up.sql": "SELECT 2;", "3_c.up.sql": "SELECT 3;"}
        self.assert_good(self.up({name: files[name] for name in ("1_a.up.sql", "3_c.up.sql")}))
        self.assert_log(self.plan("--out-of-order", "apply", files=files), """
            2_b.up.sql, in a transaction; late, so the version stays
                 1  SELECT 2;
            <database> at 127.0.0.1: 1 to apply, 3 -> 3
        """, status=0)
        result = self.plan("--out-of-order", "skip", files=files)
        self.assert_log(result, "<database> at 127.0.0.1: version 3, nothing to do", status=0)
        self.assert_log(result, """
            <time> WARN  skipped, since the database is past it, at 3: 2_b.up.sql
        """, stream="stderr")

    def test_what_the_run_would_refuse(self):
        self.assert_good(self.up(FILES))
        for name, words, files, message in (
            ("an edited file", (), {**FILES, "1_a.up.sql": "SELECT 1;"},
             "edited after it was applied: 1_a.up.sql"),
            ("no down file", ("down", "3"), {name: FILES[name] for name in FILES if name != "1_a.down.sql"},
             "1_a has no down file: it cannot be reverted"),
            ("an open quote", ("down", "3"), {**FILES, "1_a.down.sql": "SELECT 'open;"},
             "1_a.down.sql:1:8: "),
            ("no such version", ("goto", "9"), FILES, "version 9 is not in the folder"),
            ("down alone", ("down",), FILES, "down was not told how many migrations to revert"),
            ("another word", ("sideways",), FILES, '"sideways" is none of up, down and goto'),
            ("two numbers", ("up", "1", "2"), FILES, 'unexpected argument "2"'),
        ):
            with self.subTest(name):
                result = self.plan(*words, files=files)
                self.assertEqual((1, ""), (result.status, result.stdout))
                self.assertIn(" ERROR " + message, result.stderr)

    def test_by_a_role_that_may_only_read(self):
        role = f"{self.dbname}_reader"
        self.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret-word'")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}")
        database = self.cluster.url(self.dbname, user=role, password="secret-word")
        self.psql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        self.assert_log(self.plan(database=database), UP, status=0)
        self.assert_good(self.up(FILES, "up", "1"))
        self.psql(f"GRANT SELECT ON schema_migrations, pgstride_history TO {role}")
        before = self.cluster.dump(self.dbname), self.version(), self.history("*")
        for words in (("up",), ("down", "1"), ("goto", "3")):
            with self.subTest(words):
                self.assert_good(self.plan(*words, database=database))
        self.assertEqual(before, (self.cluster.dump(self.dbname), self.version(), self.history("*")))

    def test_while_another_run_holds_the_lock(self):
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(2);"})
        self.wait_for_statement("pg_sleep(2)")
        self.assert_log(self.plan("--lock-timeout", "0"), UP, status=0)
        self.assert_good(self.finish(process))

    def test_it_takes_no_advisory_lock(self):
        """The server's own log has every statement that the session sends."""
        self.psql(f"ALTER DATABASE {self.dbname} SET log_statement = 'all'")
        self.assert_good(self.up(FILES, "up", "1"))
        begun = len(self.cluster.log())
        self.assert_good(self.plan())
        said = self.cluster.log()[begun:]
        self.assertIn(" execute ", said)
        self.assertNotRegex(said, r"advisory|INSERT|UPDATE|DELETE|CREATE|LOCK TABLE")

    def test_in_a_database_that_is_read_only(self):
        self.psql(f"ALTER DATABASE {self.dbname} SET default_transaction_read_only = on")
        self.assert_log(self.plan(), UP, status=0)
