# SPDX-License-Identifier: Apache-2.0
"""Eight runs at once: each migration is applied once, and all eight succeed."""

from database.case import DatabaseCase
from support.cluster import ClusterError

RUNS = 8


class Rivals(DatabaseCase):
    def run_all(self, files, *options):
        folder = self.folder(files)
        processes = [self.start_up(folder, *options) for _ in range(RUNS)]
        return [self.finish(process, timeout=120) for process in processes]

    def assert_once_each(self, results, files):
        for result in results:
            self.assert_good(result)
            self.assertIn("succeeded! ", result.stdout.splitlines()[-1])
        versions = sorted(int(name.split("_")[0]) for name in files)
        self.assertEqual([f"{version}|applied" for version in versions],
                         self.history("version, outcome"))
        self.assertEqual(f"{versions[-1]}|f", self.version())
        applied = [line for result in results for line in result.stdout.splitlines()
                   if "; current version is " in line and " applied in " in line]
        self.assertEqual(len(versions), len(applied))

    def test_on_an_empty_database(self):
        files = {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();\n" for n in range(1, 11)}
        self.assert_once_each(self.run_all(files), files)

    def test_one_migration(self):
        files = {"1_t.up.sql": "CREATE TABLE t ();\nSELECT pg_sleep(0.3);\n"}
        self.assert_once_each(self.run_all(files), files)

    def test_forty_with_a_concurrent_index_among_them(self):
        files = {
            f"{n}_t.up.sql": f"CREATE TABLE t{n} (a int);\n" if n % 2
            else f"ALTER TABLE t{n - 1} ADD COLUMN b int;\n" for n in range(1, 41)
        }
        files["20_t.up.sql"] = "CREATE INDEX CONCURRENTLY i ON t19 (a);\n"
        files["30_t.up.sql"] = "BEGIN;\nCREATE TABLE t30 ();\nCOMMIT;\n"
        files["31_t.up.sql"] = "CREATE TABLE t31 (a int);\nCOPY t31 FROM stdin;\n1\n2\n\\.\n"
        self.assert_once_each(self.run_all(files), files)
        self.assertEqual("t", self.psql(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"))
        self.assertEqual("2", self.psql("SELECT count(*) FROM t31"))

    def test_with_nothing_pending(self):
        files = {"1_t.up.sql": "CREATE TABLE t ();"}
        self.assert_good(self.up(files))
        for result in self.run_all(files):
            self.assert_good(result)
            self.assertIn("succeeded! nothing to do; current version is 1\n", result.stdout)

    def test_late_files(self):
        files = {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();\n" for n in range(1, 11)}
        self.assert_good(self.up({"10_t.up.sql": files["10_t.up.sql"]}))
        results = self.run_all(files, "--out-of-order", "apply")
        for result in results:
            self.assert_good(result)
        self.assertEqual(["10"] + [str(n) for n in range(1, 10)], self.history("version"))
        self.assertEqual("10|f", self.version())

    def test_a_lock_that_is_lost_applies_nothing_twice(self):
        """The lock is courtesy, the compare-and-set is the guarantee."""
        files = {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();\nSELECT pg_sleep(0.2);\n"
                 for n in range(1, 6)}
        files["2_t.up.sql"] += "SELECT pg_advisory_unlock_all();\n"
        self.assert_once_each(self.run_all(files), files)

    def test_an_invalid_index_of_another_schema_is_left_alone(self):
        """A schema a tenant: the names are the same."""
        self.psql("CREATE SCHEMA other; CREATE TABLE other.t (a int);"
                  "INSERT INTO other.t VALUES (1), (1)")
        with self.assertRaises(ClusterError):
            self.psql("CREATE UNIQUE INDEX CONCURRENTLY i ON other.t (a)")
        files = {"1_t.up.sql": "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (1);\n",
                 "2_i.up.sql": "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a);\n"}
        result = self.up(files)
        self.assertIn('could not create unique index "i"', result.stdout)
        self.psql("TRUNCATE t")
        result = self.up(files)
        self.assert_good(result)
        self.assertEqual(1, result.stdout.count("dropping the invalid index public.i"))
        self.assertEqual("other|f public|t", self.psql(
            "SELECT string_agg(relnamespace::regnamespace || '|' || CASE WHEN indisvalid"
            " THEN 't' ELSE 'f' END, ' ' ORDER BY relnamespace::regnamespace::text)"
            " FROM pg_index JOIN pg_class ON indexrelid = pg_class.oid WHERE relname = 'i'"))
