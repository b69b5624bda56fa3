# SPDX-License-Identifier: Apache-2.0
"""Many runs at once: each migration is applied once, and all of them succeed."""

from database.case import DatabaseCase
from support.cluster import ClusterError

RUNS = 8


class Rivals(DatabaseCase):
    def run_all(self, files, *options):
        folder = self.folder(files)
        processes = [self.start_up(folder, *options) for _ in range(RUNS)]
        return [self.finish(process, timeout=120) for process in processes]

    def assert_once_each(self, results, files):
        versions = sorted(int(name.split("_")[0]) for name in files)
        for result in results:
            self.assert_good(result)
            self.assertRegex(result.stdout.splitlines()[-1],
                             rf" succeeded! .*( -> |; current version is ){versions[-1]}$")
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

    def test_another_service_makes_the_history_at_the_same_time(self):
        """Each has a table, and so a lock, of its own; the history is both's."""
        self.psql("CREATE SCHEMA other")
        self.assert_good(self.up({"1_t.up.sql": ""}, database=self.database + "?search_path=other"))
        self.psql("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
        rival = self.session(
            "BEGIN; CREATE TABLE pgstride_history (LIKE other.pgstride_history INCLUDING ALL);")
        process = self.start_up({"1_t.up.sql": "CREATE TABLE t ();"})
        self.wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                        " AND datname = current_database()")
        rival.stdin.write("COMMIT;\n")
        rival.stdin.flush()
        self.assert_good(self.finish(process))
        self.assertEqual(["1|applied"], self.history("version, outcome"))

    def test_another_session_has_the_version_table(self):
        self.psql("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
        self.session("BEGIN; LOCK TABLE schema_migrations IN ROW EXCLUSIVE MODE;")
        result = self.up({"1_t.up.sql": "CREATE TABLE t ();"},
                         "--ddl-lock-timeout", "100ms", "--retry-for", "0")
        self.assert_log(result, """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> ERROR 1_t: cannot move the version: canceling statement due to lock timeout (55P03)
                               Nothing of this migration was kept: the database is at no version, clean.
            <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry may help
        """, status=1)

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

    def test_sixteen_runs_of_mixed_versions_of_the_folder(self):
        """A rollout: jobs of the old image and of the new one, with files of every kind."""
        self.psql("CREATE TABLE trace (n int)")
        newest = {f"{n}_t.up.sql": f"CREATE TABLE t{n} (a int);\nINSERT INTO trace VALUES ({n});\n"
                  for n in range(1, 15)}
        newest["6_t.up.sql"] = "CREATE INDEX CONCURRENTLY i6 ON t5 (a);\n"
        newest["12_t.up.sql"] = "CREATE INDEX CONCURRENTLY i12 ON t11 (a);\n"
        folders = {count: self.folder({f"{n}_t.up.sql": newest[f"{n}_t.up.sql"]
                                       for n in range(1, count + 1)}) for count in (5, 10, 14)}
        counts = (10, 14, 5, 14) * 4
        processes = [self.start_up(folders[count]) for count in counts]
        results = [self.finish(process, timeout=120) for process in processes]
        applied = 0
        for count, result in zip(counts, results):
            self.assert_good(result)
            lines = result.stdout.splitlines()
            self.assertIn("succeeded! ", lines[-1])
            applied += sum(" applied in " in line and "; current version is " in line
                           for line in lines)
            if lines[-1].endswith("; current version is 14") and count < 14:
                self.assertIn(f" WARN  the database is at 14, ahead of the folder, whose newest is"
                              f" {count}: nothing to do for an older image\n", result.stdout)
        self.assertEqual(14, applied)
        self.assertEqual([f"{n}|applied" for n in range(1, 15)], self.history("version, outcome"))
        self.assertEqual("14|f", self.version())
        self.assertEqual(" ".join(str(n) for n in range(1, 15) if n not in (6, 12)),
                         self.psql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM trace"))
        self.assertEqual("2", self.psql(
            "SELECT count(*) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indisvalid AND relname IN ('i6', 'i12')"))

    def test_an_older_image_beside_a_newer_database(self):
        files = {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();\n" for n in range(1, 4)}
        self.assert_good(self.up(files))
        del files["3_t.up.sql"]
        self.assert_log(self.up(files), """
            <time> INFO  none of 2 migrations pending on <database> at 127.0.0.1; current version is 3
            <time> WARN  the database is at 3, ahead of the folder, whose newest is 2: nothing to do for an older image
            <time> INFO  succeeded! nothing to do; current version is 3
        """, status=0)

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
