# SPDX-License-Identifier: Apache-2.0
"""`verify`: every finding, one a line, with and without a database."""

import json
import os

from cli.folder_case import ATLAS, ATLAS_SUM, MEANT, FolderCase

GOOD = {"1_a.up.sql": "CREATE TABLE a ();", "1_a.down.sql": "DROP TABLE a;"}
LEFT_OUT = ("is left out: a migration's name is VERSION_TITLE.up.sql or VERSION_TITLE.down.sql,"
            " with a version of digits alone")


class Offline(FolderCase):
    def verify(self, files, *options):
        folder = files if isinstance(files, str) else self.folder(files)
        return self.run_pgstride("verify", "--offline", "--path", folder, *options)

    def assert_found(self, files, *findings, count, status=1):
        self.assert_answer(
            self.verify(files), "".join(f"{line}\n" for line in (*findings, count)), "", status)

    def test_nothing_is_wrong(self):
        self.assert_found(GOOD, count="1 migration: 0 failures, 0 warnings", status=0)
        self.assert_found({**GOOD, "2_b.up.sql": "", "2_b.down.sql": "", "README.md": "x"},
                          count="2 migrations: 0 failures, 0 warnings", status=0)

    def test_it_asks_for_no_database(self):
        folder = self.folder(GOOD)
        for env in ({"DATABASE_URL": "nonsense://"}, {"PGSTRIDE_OFFLINE": "true"}):
            with self.subTest(env):
                result = self.run_pgstride("verify", "--offline", "--path", folder, env=env)
                self.assert_answer(result, "1 migration: 0 failures, 0 warnings\n")

    def test_without_offline_it_does(self):
        result = self.run_pgstride("verify", "--path", self.folder(GOOD))
        self.assert_refused(
            result, "no database was named",
            "Set DATABASE_URL (or --database, MIGRATION_DB, PGHOST and its kin) to"
            " postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full.")

    def test_names(self):
        self.assert_found(
            {**GOOD, "2-b.up.sql": "", "notes.sql": "", "9223372036854775808_c.up.sql": ""},
            f"failure  2-b.up.sql {LEFT_OUT}",
            "failure  the version of 9223372036854775808_c.up.sql is too large",
            f"failure  notes.sql {LEFT_OUT}",
            count="1 migration: 3 failures, 0 warnings")

    def test_no_migration(self):
        self.assert_found({"README.md": ""},
                          "failure  the migrations folder <folder> holds no migration",
                          count="0 migrations: 1 failure, 0 warnings")

    def test_pairs(self):
        self.assert_found({**GOOD, "2_b.up.sql": ""}, "warning  2_b.up.sql has no down file",
                          count="2 migrations: 0 failures, 1 warning", status=0)
        self.assert_found({**GOOD, "2_b.down.sql": ""}, "failure  2_b.down.sql has no up file",
                          count="2 migrations: 1 failure, 0 warnings")

    def test_duplicates(self):
        self.assert_found(
            {"1_a.up.sql": "", "1_b.up.sql": "", "001_c.up.sql": "", "1_a.down.sql": "",
             "01_b.down.sql": ""},
            "failure  001_c.up.sql and 1_a.up.sql are both the up file of version 1",
            "failure  1_a.up.sql and 1_b.up.sql are both the up file of version 1",
            "failure  01_b.down.sql and 1_a.down.sql are both the down file of version 1",
            count="1 migration: 3 failures, 0 warnings")

    def test_files_of_both_directions(self):
        folder = self.folder({
            **GOOD, "2_b.up.sql": "SELECT 1;\nSELECT 'open;", "2_b.down.sql": "\\d\n",
            "3_c.up.sql": "-- pgstride: no-such\n", "3_c.down.sql": b"\xff", "4_d.up.sql": "BEGIN;",
        })
        os.symlink("nothing", f"{folder}/4_d.down.sql")
        self.assert_found(
            folder,
            "failure  2_b.up.sql:2:8: this quoted string is never closed. Close it; nothing was run.",
            "failure  2_b.down.sql:1:1: backslash commands belong to psql and cannot run in a"
            " migration. Write what the command does in SQL; nothing was run.",
            'failure  3_c.up.sql:1:4: unknown directive "no-such". The directives are'
            " no-transaction, lock-timeout=, statement-timeout= and retry-for=.",
            "failure  3_c.down.sql is not UTF-8: byte 0xFF at offset 0. Save the file as UTF-8.",
            "failure  4_d.up.sql:1:1: this BEGIN is never closed. Add COMMIT at the end of the file, or"
            " remove the BEGIN: each migration runs in a transaction as it is. Nothing was run.",
            "failure  4_d.down.sql is a link to nothing",
            count="4 migrations: 6 failures, 0 warnings")

    def test_atlas_sum(self):
        files = {**ATLAS, "atlas.sum": ATLAS_SUM}
        warnings = [f"warning  {name} has no down file"
                    for name in ("1_a.up.sql", "2_b.up.sql", "10_c.up.sql")]
        self.assert_found(files, *warnings, count="3 migrations: 0 failures, 3 warnings", status=0)
        self.assert_found(
            {**files, "1_a.up.sql": ""}, *warnings,
            f"failure  1_a.up.sql was edited since atlas.sum was written. {MEANT}",
            count="3 migrations: 1 failure, 3 warnings")

    def test_a_name_cannot_act_in_a_terminal(self):
        self.assert_found({**GOOD, "2_\x1b[31m\n.up.sql": ""},
                          "warning  2_?[31m?.up.sql has no down file",
                          count="2 migrations: 0 failures, 1 warning", status=0)

    def test_json(self):
        result = self.verify({**GOOD, "2_b.up.sql": "SELECT 'x"}, "--format", "json")
        self.assertEqual((1, "", 1), (result.status, result.stderr, result.stdout.count("\n")))
        self.assertEqual({
            "migrations": 2, "failures": 1, "warnings": 1,
            "findings": [
                {"severity": "warning", "message": "2_b.up.sql has no down file"},
                {"severity": "failure", "message": "this quoted string is never closed",
                 "file": "2_b.up.sql", "line": 1, "column": 8,
                 "hint": "Close it; nothing was run."},
            ],
        }, json.loads(result.stdout))

    def test_what_cannot_be_looked_at(self):
        folder = self.folder(GOOD)
        hint = "Name the folder with --path DIR; in an image, COPY it to /migrations."
        self.assert_refused(self.verify(f"{folder}/nowhere"), "cannot open the migrations folder"
                            " <folder>/nowhere: No such file or directory", hint)
        self.assert_refused(self.run_pgstride("verify", "x", "--offline"),
                            'unexpected argument "x"', "Usage: pgstride verify")


class Online(FolderCase):
    FILES = {
        "1_a.up.sql": "CREATE TABLE a ();", "1_a.down.sql": "", "2_b.up.sql": "CREATE TABLE b ();",
        "2_b.down.sql": "", "3_c.up.sql": "CREATE TABLE c ();", "3_c.down.sql": "",
    }

    def setUp(self):
        super().setUp()
        result = self.ask("up", self.FILES)
        self.assertEqual(0, result.status, result.stdout)

    def ask(self, command, files, *options):
        return self.run_pgstride(command, "--path", self.folder(files), "--database",
                                 self.database, *options)

    def assert_found(self, files, *findings, count, status=1):
        end = f"{count[0]} migrations, <database> at 127.0.0.1: {count[1]}"
        self.assert_answer(self.ask("verify", files),
                           "".join(f"{line}\n" for line in (*findings, end)), "", status)

    def test_all_is_applied(self):
        self.assert_found(self.FILES, count=(3, "0 failures, 0 warnings"), status=0)

    def test_what_is_pending_is_no_finding(self):
        self.assert_found({**self.FILES, "4_d.up.sql": "", "4_d.down.sql": ""},
                          count=(4, "0 failures, 0 warnings"), status=0)

    def test_what_was_edited_and_what_is_gone(self):
        files = {name: text for name, text in self.FILES.items() if not name.startswith("2_")}
        self.assert_found({**files, "1_a.up.sql": "CREATE TABLE a (b int);"},
                          "failure  1_a was edited after it was applied",
                          "failure  2_b is applied, and not in the folder",
                          count=(2, "2 failures, 0 warnings"))

    def test_after_what_the_folder_says(self):
        files = {**self.FILES, "1_a.up.sql": "SELECT 'x", "atlas.sum": ATLAS_SUM}
        self.assert_found(
            files, "failure  1_a.up.sql:1:8: this quoted string is never closed. Close it; nothing was run.",
            f"failure  10_c.up.sql was removed since atlas.sum was written. {MEANT}",
            "failure  1_a was edited after it was applied",
            count=(3, "3 failures, 0 warnings"))

    def test_a_folder_without_order_is_not_held_against_it(self):
        result = self.ask("verify", {**self.FILES, "1_x.up.sql": ""})
        self.assert_answer(
            result,
            "failure  1_a.up.sql and 1_x.up.sql are both the up file of version 1\n"
            "3 migrations: 1 failure, 0 warnings\n",
            "<time> WARN  the database was not asked: mend the folder first\n", 1)

    def test_json(self):
        result = self.ask("verify", {**self.FILES, "1_a.up.sql": ""}, "--format", "json")
        self.assertEqual({
            "database": self.dbname, "host": "127.0.0.1", "migrations": 3, "failures": 1,
            "warnings": 0, "findings": [
                {"severity": "failure", "message": "1_a was edited after it was applied"}],
        }, json.loads(result.stdout))
        self.assertEqual((1, ""), (result.status, result.stderr))

    def test_a_database_that_cannot_be_reached(self):
        folder = self.folder({**GOOD, "2_b.up.sql": ""})
        result = self.run_pgstride("verify", "--path", folder, "--database",
                                   "postgres://u:p@127.0.0.1:1/db", "--wait-timeout", "0")
        self.assertEqual("warning  2_b.up.sql has no down file\n"
                         "2 migrations: 0 failures, 1 warning\n", result.stdout)
        self.assertIn(" ERROR connection to server at ", result.stderr)
        self.assertEqual(1, result.status)
