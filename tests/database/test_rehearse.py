# SPDX-License-Identifier: Apache-2.0
"""rehearse: where it runs, what it leaves, what it says; tests/versions has what it judges."""

import json
import os
import signal
import time
import unittest

from support.harness import Case

TABLES = {"1_orders.up.sql": "CREATE TABLE orders (id int PRIMARY KEY, note varchar(10));\n",
          "1_orders.down.sql": "DROP TABLE orders;\n"}
SCRATCH = "SELECT datname FROM pg_database WHERE datname ~ '^pgstride_rehearsal_'"


class RehearseCase(Case):
    def applied(self, files=None):
        """A folder whose files are applied; what is added to it then is pending."""
        folder = self.folder(files or TABLES)
        done = self.pgstride("up", folder)
        self.assertEqual(0, done.status, done.stdout)
        return folder

    def pgstride(self, command, folder, *arguments, database=None, **options):
        return self.run_pgstride("--database", database or self.database, "--path", folder,
                                 *command.split(), *arguments, **options)

    @staticmethod
    def add(folder, name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def verdicts(self, result):
        answer = json.loads(result.stdout)
        return [s["verdict"] for step in answer["steps"] for s in step["statements"]]

    def assert_nothing_left(self):
        self.assertEqual("", self.cluster.psql("postgres", SCRATCH))


class Answer(RehearseCase):
    def test_it_says_what_each_statement_does_and_the_safe_way(self):
        folder = self.applied()
        self.psql("INSERT INTO orders SELECT n FROM generate_series(1, 10000) AS n; ANALYZE orders")
        self.add(folder, "2_note.up.sql", "ALTER TABLE orders ADD a int;\n"
                 "CREATE INDEX orders_note ON orders (note);\nALTER TABLE orders DROP note;\n")
        self.add(folder, "3_index.up.sql", "CREATE INDEX CONCURRENTLY orders_a ON orders (a);\n")
        result = self.pgstride("rehearse", folder)
        self.assert_log(result, """
            2_note.up.sql, in a transaction
                 1  ALTER TABLE orders ADD a int;
                    = brief lock
                    ACCESS EXCLUSIVE on orders: 624 kB, 10000 rows
                    column a of orders is added
                 2  CREATE INDEX orders_note ON orders (note);
                    = blocks all while it scans orders, 624 kB
                    ACCESS EXCLUSIVE on orders, held since an earlier statement, scanned: 624 kB, 10000 rows
                    index orders_note of orders is built
                    instead: CREATE INDEX CONCURRENTLY orders_note ON orders (…), in a file of its own
                 3  ALTER TABLE orders DROP note;
                    = breaks running code; blocks nobody
                    column note of orders is dropped
                    instead: expand and contract: first a release whose code does not use note, then this migration
            3_index.up.sql, outside a transaction: PostgreSQL runs this command outside a transaction alone
                 1  CREATE INDEX CONCURRENTLY orders_a ON orders (a);
                    = safe
                    index orders_a of orders is built
            <database> at 127.0.0.1: 4 statements rehearsed, the worst is breaks
            """, status=0)
        self.assertEqual("", result.stderr)
        self.assert_nothing_left()
        self.assertEqual("1|f", self.psql("SELECT * FROM schema_migrations"))

    def test_nothing_pending_is_nothing_to_rehearse(self):
        result = self.pgstride("rehearse", self.applied())
        self.assert_log(result, "<database> at 127.0.0.1: nothing to rehearse", status=0)

    def test_down_is_rehearsed_too(self):
        result = self.pgstride("rehearse down 1", self.applied(), "--format", "json")
        self.assertEqual(["breaks"], self.verdicts(result))
        self.assert_nothing_left()

    def test_what_fails_there_is_told_with_its_place(self):
        folder = self.applied()
        self.add(folder, "2_bad.up.sql", "ALTER TABLE orders ADD a int;\nALTER TABLE nope ADD b int;\n")
        result = self.pgstride("rehearse", folder)
        self.assertEqual(1, result.status)
        self.assert_log(result, """
            <time> ERROR 2_bad.up.sql:2:1: relation "nope" does not exist (42P01)
                               2 | ALTER TABLE nope ADD b int;
                               hint: The folder alone may not make this database's schema: a baseline, a change by hand, an extension. Rehearse on a copy of it: --observe URL.
            """, stream="stderr")
        self.assert_nothing_left()

    def test_a_level_fails_the_run(self):
        folder = self.applied()
        self.add(folder, "2_index.up.sql", "CREATE INDEX ON orders (note);\n")
        for level, status in (("never", 0), ("brief-lock", 1), ("blocks-writes", 1),
                              ("blocks-all", 0), ("breaks", 0)):
            with self.subTest(level):
                result = self.pgstride("rehearse", folder, "--fail-on", level)
                self.assertEqual(status, result.status)
                if status:
                    self.assert_log(
                        result, f"<time> ERROR 1 statement is as bad, or worse (--fail-on {level})",
                        stream="stderr")

    def test_a_server_that_counts_no_scans_is_refused(self):
        folder = self.applied()
        self.add(folder, "2_a.up.sql", "ALTER TABLE orders ALTER note SET NOT NULL;\n")
        result = self.pgstride("rehearse", folder, database=self.database + "?track_counts=off")
        self.assertEqual(1, result.status)
        self.assert_log(result, """
            <time> ERROR the server counts no scans, so none would be seen
                               hint: Set track_counts = on, its default; and look into its log, whether the statistics collector runs.
            """, stream="stderr")
        self.assert_nothing_left()


class ScratchDatabase(RehearseCase):
    def test_it_has_the_settings_and_the_schema_of_the_real_one(self):
        self.psql(f"CREATE SCHEMA tenant; ALTER DATABASE {self.dbname} SET timezone TO "
                  f"'Europe/Berlin'; ALTER DATABASE {self.dbname} SET search_path TO tenant, public")
        folder = self.applied({"1_a.up.sql": "CREATE TABLE a (t timestamp);\n"})
        self.assertEqual("tenant", self.psql(
            "SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'a'"))
        self.add(folder, "2_b.up.sql", "ALTER TABLE a ALTER t TYPE timestamptz;\n")
        result = self.pgstride("rehearse", folder, "--format", "json")
        self.assertEqual(0, result.status, result.stderr)
        table = json.loads(result.stdout)["steps"][0]["statements"][0]["tables"][0]
        self.assertEqual(("tenant.a", True), (table["table"], table["is_rewritten"]))
        self.assertIn("size_bytes", table)

    def test_an_extension_that_an_administrator_made_is_made_there(self):
        self.psql("CREATE EXTENSION citext")
        folder = self.applied({"1_a.up.sql": "CREATE TABLE a (t citext);\n"})
        self.add(folder, "2_b.up.sql", "ALTER TABLE a ADD b citext;\n")
        result = self.pgstride("rehearse", folder, "--format", "json")
        self.assertEqual((0, ["brief-lock"]), (result.status, self.verdicts(result)))
        self.assert_nothing_left()

    def test_a_baseline_cannot_be_built_from_the_folder(self):
        self.psql("CREATE TABLE users (id int)")
        folder = self.folder({"5_a.up.sql": "ALTER TABLE users ADD a int;\n"})
        self.assertEqual(0, self.pgstride("baseline 5", folder).status)
        self.add(folder, "6_b.up.sql", "ALTER TABLE users ADD b int;\n")
        result = self.pgstride("rehearse", folder)
        self.assertEqual(1, result.status)
        self.assert_log(result, """
            <time> ERROR 5_a.up.sql:1:1: cannot make the current schema on a scratch database: relation "users" does not exist (42P01)
                               1 | ALTER TABLE users ADD a int;
                               hint: The folder alone may not make this database's schema: a baseline, a change by hand, an extension. Rehearse on a copy of it: --observe URL.
            """, stream="stderr")
        self.assert_nothing_left()

    def test_without_the_right_it_says_how(self):
        server = self.cluster
        role = f"poor_{self.dbname}"
        server.psql("postgres", f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        self.psql(f"GRANT ALL ON SCHEMA public TO {role}")
        self.addCleanup(server.psql, "postgres", f"DROP OWNED BY {role}; DROP ROLE {role}")
        self.addCleanup(server.psql, self.dbname, f"DROP OWNED BY {role}")
        database = server.url(self.dbname, user=role, password="secret")
        folder = self.folder({"1_a.up.sql": "CREATE TABLE a (id int);\n"})
        result = self.pgstride("rehearse", folder, database=database)
        self.assertEqual(1, result.status)
        self.assert_log(result, f"""
            <time> ERROR no scratch database can be made: permission denied to create database (42501)
                               hint: Grant the right: ALTER ROLE {role} CREATEDB; or name a scratch database that has the schema: --observe URL.
            """, stream="stderr")

    def test_a_stop_leaves_none(self):
        folder = self.applied()
        self.add(folder, "2_slow.up.sql", "SELECT pg_sleep(60);\n")
        process = self.start_pgstride("--database", self.database, "--path", folder, "rehearse")
        deadline = time.monotonic() + 30
        while not self.cluster.psql(
                "postgres", "SELECT pid FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'"):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertNotEqual("", self.cluster.psql("postgres", SCRATCH))
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        result = self.finish(process)
        self.assertLess(time.monotonic() - started, 8)
        self.assertEqual(1, result.status)
        self.assertIn("stopped by SIGTERM", result.stderr)
        self.assertNotIn("could not be dropped", result.stderr)
        self.assert_nothing_left()

    def test_a_left_over_is_dropped(self):
        old = f"pgstride_rehearsal_{int(time.time()) - 7200}_0_00000001"
        young = f"pgstride_rehearsal_{int(time.time())}_0_00000002"
        for name in (old, young):
            self.cluster.psql("postgres", f"CREATE DATABASE {name}")
            self.addCleanup(self.cluster.drop_database, name)
        folder = self.applied()
        self.add(folder, "2_a.up.sql", "ALTER TABLE orders ADD a int;\n")
        self.assertEqual(0, self.pgstride("rehearse", folder).status)
        self.assertEqual(young, self.cluster.psql("postgres", SCRATCH))


class Observe(RehearseCase):
    def copy(self):
        """A database with this one's schema: its name, dropped with the test."""
        name = self.cluster.create_database()
        self.addCleanup(self.cluster.drop_database, name)
        self.cluster.psql(name, self.cluster.dump(self.dbname))
        return name

    def test_a_scratch_database_is_left_as_it_was(self):
        folder = self.applied()
        copy = self.copy()
        self.add(folder, "2_a.up.sql", "ALTER TABLE orders ALTER note SET NOT NULL;\n")
        before = self.cluster.dump(copy, data=True)
        for command in ("rehearse", "plan"):
            with self.subTest(command):
                result = self.pgstride(command, folder, "--observe", self.cluster.url(copy),
                                       "--format", "json")
                self.assertEqual((0, ""), (result.status, result.stderr))
                self.assertEqual(["blocks-all"], self.verdicts(result))
                self.assertEqual(before, self.cluster.dump(copy, data=True))

    def test_what_runs_outside_a_transaction_is_run_for_real(self):
        folder = self.applied()
        copy = self.copy()
        self.add(folder, "2_a.up.sql", "CREATE INDEX CONCURRENTLY orders_note ON orders (note);\n")
        self.add(folder, "3_b.up.sql", "DROP INDEX orders_note;\n")
        result = self.pgstride("rehearse", folder, "--observe", self.cluster.url(copy),
                               "--format", "json")
        self.assertEqual((0, ["safe", "brief-lock"]), (result.status, self.verdicts(result)))
        self.assert_log(result, "<time> WARN  a migration runs outside a transaction, so all of "
                        "them are applied to the scratch database of --observe", stream="stderr")

    def test_the_database_itself_is_refused(self):
        folder = self.applied()
        self.add(folder, "2_a.up.sql", "ALTER TABLE orders ADD a int;\n")
        result = self.pgstride("plan", folder, "--observe", self.database)
        self.assertEqual(1, result.status)
        self.assert_log(result, """
            <time> ERROR --observe names the database itself
                               hint: Nothing is rehearsed there: it would lock its tables. Name a scratch database that has its schema, or leave --observe out.
            """, stream="stderr")

    def test_a_gate_of_plan_needs_somewhere_to_look(self):
        result = self.pgstride("plan", self.applied(), "--fail-on", "breaks")
        self.assertEqual(1, result.status)
        self.assert_log(result, """
            <time> ERROR --fail-on of plan needs --observe URL
                               hint: Or: pgstride rehearse, which makes a scratch database.
            """, stream="stderr")


if __name__ == "__main__":
    unittest.main()
