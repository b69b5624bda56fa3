# SPDX-License-Identifier: Apache-2.0
"""`status` and `version`: what stands in the database, beside what stands in the folder."""

import json
import re

from database.case import DatabaseCase

FILES = {
    "1_first.up.sql": "CREATE TABLE first ();",
    "2_a_longer_title.up.sql": "CREATE TABLE second ();",
    "3_third.up.sql": "CREATE TABLE third ();",
}
AT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TOOK = re.compile(r" +\d+ ms  ")


def only(*numbers):
    return {name: text for name, text in FILES.items() if int(name[0]) in numbers}


class StatusCase(DatabaseCase):
    def ask(self, command, files=None, *options):
        return self.run_pgstride(*self.options(FILES if files is None else files), *options, command)

    def assert_status(self, expected, files=None, status=0, options=()):
        result = self.ask("status", files, *options)
        shown = TOOK.sub(" <ms>  ", AT.sub("<at>", result.stdout)).replace(self.dbname, "<database>")
        self.assertMultiLineEqual("\n".join(expected) + "\n", shown)
        self.assertEqual((status, ""), (result.status, result.stderr))

    def status_json(self, files=None):
        result = self.ask("status", files, "--format", "json")
        self.assertEqual((0, ""), (result.status, result.stderr))
        self.assertEqual(1, result.stdout.count("\n"))
        return json.loads(result.stdout)


class Status(StatusCase):
    def test_of_an_empty_database(self):
        self.assert_status([
            "pending   1_first",
            "pending   2_a_longer_title",
            "pending   3_third",
            "<database> at 127.0.0.1: no version, 3 pending",
        ])
        self.assertEqual("0", self.psql(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"))

    def test_of_some(self):
        self.assert_good(self.up(FILES, "up", "2"))
        self.assert_status([
            "applied   1_first           <at> <ms>  postgres",
            "applied   2_a_longer_title  <at> <ms>  postgres",
            "pending   3_third",
            "<database> at 127.0.0.1: version 2, 1 pending",
        ])

    def test_of_all(self):
        self.assert_good(self.up(FILES))
        self.assert_status([
            "applied   1_first           <at> <ms>  postgres",
            "applied   2_a_longer_title  <at> <ms>  postgres",
            "applied   3_third           <at> <ms>  postgres",
            "<database> at 127.0.0.1: version 3, 0 pending",
        ])

    def test_the_time_is_in_utc_and_now(self):
        self.psql(f"ALTER DATABASE {self.dbname} SET timezone = 'Asia/Tokyo'")
        self.assert_good(self.up(FILES))
        at = self.status_json()["migrations"][0]["applied_at"]
        self.assertRegex(at, AT)
        age = float(self.psql(f"SELECT extract(epoch FROM now() - timestamptz '{at}')"))
        self.assertTrue(-2 < age < 60, age)

    def test_of_what_is_missing_changed_and_late(self):
        self.assert_good(self.up(only(1, 3)))
        files = {**only(2, 3), "3_third.up.sql": "CREATE TABLE third (edited int);"}
        self.assert_status([
            "missing   1_first           <at> <ms>  postgres",
            "pending   2_a_longer_title",
            "changed   3_third           <at> <ms>  postgres",
            "<database> at 127.0.0.1: version 3, 1 pending",
        ], files)

    def test_of_a_database_that_is_ahead(self):
        self.assert_good(self.up(FILES))
        self.assert_status([
            "applied   1_first           <at> <ms>  postgres",
            "applied   2_a_longer_title  <at> <ms>  postgres",
            "missing   3_third           <at> <ms>  postgres",
            "<database> at 127.0.0.1: version 3, 0 pending",
        ], only(1, 2))

    def test_of_what_golang_migrate_applied(self):
        self.psql("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty bool NOT NULL);"
                  "INSERT INTO schema_migrations VALUES (2, false)")
        expected = [
            "applied   1_first                                 adopted",
            "applied   2_a_longer_title                        adopted",
            "pending   3_third",
            "<database> at 127.0.0.1: version 2, 1 pending",
        ]
        self.assert_status(expected)
        self.assertEqual("", self.psql("SELECT to_regclass('pgstride_history')"))
        self.assert_good(self.up(only(1, 2)))
        self.assert_status([
            "applied   1_first           <at>  adopted",
            "applied   2_a_longer_title  <at>  adopted",
            "pending   3_third",
            "<database> at 127.0.0.1: version 2, 1 pending",
        ])

    def test_of_a_dirty_database(self):
        self.psql("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty bool NOT NULL);"
                  "INSERT INTO schema_migrations VALUES (2, true)")
        self.assert_status([
            "applied   1_first                                 adopted",
            "failed    2_a_longer_title",
            "pending   3_third",
            "<database> at 127.0.0.1: version 2 (dirty), 2 pending",
        ])

    def test_of_a_migration_that_failed(self):
        files = {**FILES, "2_a_longer_title.up.sql": "SELECT nope;"}
        self.up(files)
        self.assert_status([
            "applied   1_first           <at> <ms>  postgres",
            'pending   2_a_longer_title  last try failed: column "nope" does not exist',
            "pending   3_third",
            "<database> at 127.0.0.1: version 1, 2 pending",
        ], files)
        self.assert_good(self.up(FILES))
        self.assertNotIn("nope", self.ask("status").stdout)

    def test_a_failure_of_many_lines_stays_on_its_own(self):
        files = {"1_a.up.sql": "DO $$ BEGIN RAISE E'one\\napplied   2_b\\x1b[2J'; END $$;"}
        self.up(files)
        result = self.ask("status", files)
        self.assertEqual(2, result.stdout.count("\n"), result.stdout)
        self.assertNotIn("\x1b", result.stdout)

    def test_of_a_migration_that_failed_outside_a_transaction(self):
        files = {**FILES, "2_a_longer_title.up.sql":
                 "-- pgstride: no-transaction\nCREATE TABLE b ();\nSELECT nope;"}
        self.up(files)
        self.assert_status([
            "applied   1_first           <at> <ms>  postgres",
            'failed    2_a_longer_title  last try failed: column "nope" does not exist',
            "pending   3_third",
            "<database> at 127.0.0.1: version 2 (dirty), 2 pending",
        ], files)

    def test_as_json(self):
        files = {**FILES, "2_a_longer_title.up.sql": "SELECT nope;"}
        self.up(files)
        answer = self.status_json(files)
        first = answer["migrations"][0]
        self.assertRegex(first.pop("applied_at"), AT)
        self.assertIsInstance(first.pop("duration_ms"), int)
        nothing = {"adopted": False, "forced": False, "applied_at": None, "applied_by": None, "duration_ms": None}
        self.assertEqual({
            "database": self.dbname, "host": "127.0.0.1", "version": 1, "dirty": False,
            "pending": 2,
            "migrations": [
                {"version": 1, "name": "1_first", "state": "applied", "adopted": False,
                 "forced": False, "applied_by": "postgres", "last_error": None},
                {"version": 2, "name": "2_a_longer_title", "state": "pending", **nothing,
                 "last_error": 'column "nope" does not exist'},
                {"version": 3, "name": "3_third", "state": "pending", **nothing,
                 "last_error": None},
            ],
        }, answer)

    def test_of_an_empty_database_as_json(self):
        answer = self.status_json(only(1))
        self.assertEqual((None, False, 1), tuple(answer[key] for key in
                                                 ("version", "dirty", "pending")))

    def test_the_exit_code(self):
        self.assertEqual(0, self.ask("status").status)
        self.assertEqual(1, self.ask("status", None, "--exit-code").status)
        self.assert_good(self.up(FILES, "up", "2"))
        pending = self.ask("status", None, "--exit-code", "--format", "json")
        self.assertEqual((1, "", 1), (pending.status, pending.stderr,
                                      json.loads(pending.stdout)["pending"]))
        self.assert_good(self.up(FILES))
        self.assertEqual(0, self.ask("status", None, "--exit-code").status)

    def test_on_a_read_only_database(self):
        self.assert_good(self.up(FILES))
        self.psql(f"ALTER DATABASE {self.dbname} SET default_transaction_read_only = on")
        self.assertEqual(3, self.status_json()["version"])

    def test_while_another_run_holds_the_lock(self):
        process = self.start_up({"1_first.up.sql": "SELECT pg_sleep(3);"})
        self.wait_for_statement("pg_sleep(3)")
        self.assertEqual(3, self.status_json()["pending"])
        self.assertIsNone(process.poll())

    def test_of_a_folder_that_is_not_there(self):
        result = self.run_pgstride("--database", self.database, "--path", "/nowhere", "status")
        self.assert_log(result, """
            <time> ERROR cannot open the migrations folder /nowhere: No such file or directory
                               hint: Name the folder with --path DIR; in an image, COPY it to /migrations.
        """, stream="stderr", status=1)
        self.assertEqual("", result.stdout)


class Version(StatusCase):
    def test_as_golang_migrate_prints_it(self):
        result = self.ask("version")
        self.assert_log(result, "<time> ERROR no migration", stream="stderr", status=1)
        self.assertEqual("", result.stdout)
        self.assert_good(self.up(FILES, "up", "2"))
        self.assertEqual((0, "2\n", ""), tuple(self.ask("version")))
        self.psql("UPDATE schema_migrations SET dirty = true")
        self.assertEqual((0, "2 (dirty)\n", ""), tuple(self.ask("version")))

    def test_needs_no_folder(self):
        self.assert_good(self.up(FILES))
        result = self.run_pgstride("--database", self.database, "version", cwd="/")
        self.assertEqual((0, "3\n", ""), tuple(result))

    def test_as_json(self):
        result = self.ask("version", None, "--format", "json")
        self.assertEqual({"version": None, "dirty": False}, json.loads(result.stdout))
        self.assertEqual(1, result.status)
        self.assert_good(self.up(FILES))
        result = self.ask("version", None, "--format", "json")
        self.assertEqual((0, '{"version":3,"dirty":false}\n', ""), tuple(result))

    def test_changes_nothing(self):
        self.ask("version")
        self.assertEqual("0", self.psql(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"))
