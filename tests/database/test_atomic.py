# SPDX-License-Identifier: Apache-2.0
"""--atomic: a run is one transaction, all of it or nothing."""

import signal

from database.case import DatabaseCase

FILES = {
    "1_a.up.sql": "CREATE TABLE a (id int);\n",
    "2_b.up.sql": "BEGIN;\nCREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\nCOMMIT;\n",
    "3_c.up.sql": "SET search_path TO pg_catalog;\nCREATE TABLE public.c (id int);\n",
    "4_d.up.sql": "CREATE TABLE d (id int);\nSELECT pg_sleep(0.2);\n",
}
BROKEN = dict(FILES, **{"3_c.up.sql": "CREATE TABLE c (id int);\nSELECT nope;\n"})
COPIED = dict(FILES, **{"3_c.up.sql": "CREATE TABLE c (id int);\nCOPY c FROM stdin;\n1\n2\n\\.\n"})
DOWNS = {f"{name[0]}_{name[2]}.down.sql": f"DROP TABLE {name[2]};\n" for name in FILES}


class Atomic(DatabaseCase):
    def transactions(self):
        """The transactions that wrote the history's rows."""
        return self.psql("SELECT count(DISTINCT xmin::text) FROM pgstride_history")

    def test_all_of_it_is_one_transaction(self):
        self.assert_log(self.up(FILES, "--atomic"), """
            <time> INFO  4 of 4 migrations pending on <database> at 127.0.0.1: none -> 4
            <time> INFO  1_a applied in <duration> (1 statement); current version is 1
            <time> INFO  2_b applied in <duration> (4 statements); current version is 2
            <time> INFO  3_c applied in <duration> (2 statements); current version is 3
            <time> INFO  4_d applied in <duration> (2 statements); current version is 4
            <time> INFO  succeeded! 4 migrations applied in <duration>; none -> 4
        """, status=0)
        self.assertEqual("a b c d", self.tables())
        self.assertEqual("4|f", self.version())
        self.assertEqual("1", self.transactions())

    def test_each_migration_has_its_own_time(self):
        self.assert_good(self.up(dict(FILES, **{"1_a.up.sql": "SELECT pg_sleep(0.3);\n"}),
                                 "--atomic"))
        self.assertEqual("1 4", self.psql(
            "SELECT string_agg(version::text, ' ' ORDER BY id) FROM pgstride_history"
            " WHERE finished_at - started_at >= interval '200 ms'"))

    def test_a_failure_leaves_nothing_of_any(self):
        self.assert_good(self.up({"0_z.up.sql": "CREATE TABLE z (id int);\n"}))
        broken = dict(BROKEN, **{"0_z.up.sql": "CREATE TABLE z (id int);\n"})
        self.assert_log(self.up(broken, "--atomic"), """
            <time> INFO  4 of 5 migrations pending on <database> at 127.0.0.1: 0 -> 4
            <time> ERROR 3_c.up.sql:2:8: column "nope" does not exist (42703)
                               2 | SELECT nope;
                                 |        ^
                               Nothing of this run was kept: the database is at 0, clean. Mend the file and run again.
            <time> ERROR failed: 0 of 4 applied in <duration>; 0 -> 0 (wanted 4); a retry will not help
        """, status=1)
        self.assertEqual("z", self.tables())
        self.assertEqual("0|f", self.version())
        self.assertEqual("3 failed", self.psql(
            "SELECT version || ' ' || outcome FROM pgstride_history ORDER BY id DESC LIMIT 1"))
        self.assert_good(self.up(dict(FILES, **{"0_z.up.sql": "CREATE TABLE z (id int);\n"}),
                                 "--atomic"))
        self.assertEqual("a b c d z", self.tables())

    def test_sigterm_leaves_nothing_of_any(self):
        first = {"0_z.up.sql": "CREATE TABLE z (id int);\n"}
        self.assert_good(self.up(first))
        slow = {**first, **FILES, "3_c.up.sql": "CREATE TABLE c (id int);\nSELECT pg_sleep(60);\n"}
        process = self.start_up(slow, "--atomic")
        self.wait_for_statement("pg_sleep(60)")
        process.send_signal(signal.SIGTERM)
        self.assert_log(self.finish(process, timeout=8), """
            <time> INFO  4 of 5 migrations pending on <database> at 127.0.0.1: 0 -> 4
            <time> ERROR 3_c.up.sql:2:1: stopped by SIGTERM
                               2 | SELECT pg_sleep(60);
                               Nothing of this run was kept: the database is at 0, clean.
            <time> ERROR failed: 0 of 4 applied in <duration>; 0 -> 0 (wanted 4); a retry may help
        """, status=1)
        self.assertEqual("z", self.tables())
        self.assertEqual("0|f", self.version())
        self.assertEqual(["0|applied|", "3|failed|stopped by SIGTERM"],
                         self.history("version, outcome, error ->> 'message'"))
        self.assert_good(self.up({**first, **FILES}, "--atomic"))
        self.assertEqual("a b c d z", self.tables())

    def test_copy_data_go_along(self):
        self.assert_good(self.up(COPIED, "--atomic"))
        self.assertEqual("a b c d", self.tables())
        self.assertEqual("2", self.psql("SELECT count(*) FROM c"))
        self.assertEqual("1", self.transactions())

    def test_a_failure_behind_copy_data_leaves_nothing(self):
        broken = dict(COPIED, **{"4_d.up.sql": "SELECT nope;\n"})
        self.assertEqual(1, self.up(broken, "--atomic").status)
        self.assertEqual("", self.tables())

    def test_down_is_one_transaction_too(self):
        files = dict(FILES, **DOWNS)
        self.assert_good(self.up(files))
        failing = dict(files, **{"2_b.down.sql": "DROP TABLE nope;\n"})
        self.assertEqual(1, self.pgstride(failing, "down", "--all", "--atomic").status)
        self.assertEqual("a b c d", self.tables())
        self.assertEqual("4|f", self.version())
        self.assert_good(self.pgstride(files, "down", "--all", "--atomic"))
        self.assertEqual("", self.tables())

    def test_what_runs_outside_a_transaction_is_refused_before_anything_runs(self):
        files = dict(FILES, **{"3_c.up.sql": "CREATE INDEX CONCURRENTLY i ON a (id);\n"})
        self.assert_log(self.up(files, "--atomic"), """
            <time> ERROR 3_c.up.sql runs outside a transaction, so it cannot share one transaction with the 3 others
                               hint: Run without --atomic; or in parts: what comes before it, it alone, and the rest. Nothing was run.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
        self.assertEqual("", self.tables())

    def test_a_transaction_with_a_level_of_its_own_is_refused(self):
        files = dict(FILES, **{"2_b.up.sql": "BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;\nCOMMIT;\n"})
        self.assert_log(self.up(files, "--atomic"), """
            <time> ERROR 2_b.up.sql says how its transaction is to be, so it cannot share one transaction with the 3 others
                               hint: Run without --atomic; or in parts: what comes before it, it alone, and the rest. Nothing was run.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)

    def test_a_command_that_the_server_refuses_in_a_transaction_says_so(self):
        files = dict(FILES, **{"3_c.up.sql": "SELECT 1;\nVACUUM;\n"})
        done = self.up(files, "--atomic")
        self.assertEqual(1, done.status)
        self.assertIn("3_c.up.sql:2:1: VACUUM cannot run inside a transaction block (25001)",
                      done.stdout)
        self.assertIn("hint: Run without --atomic: this statement cannot share a transaction.",
                      done.stdout)
        self.assertEqual("", self.tables())

    def test_one_alone_needs_no_other(self):
        self.assert_good(self.up({"1_a.up.sql": "CREATE TABLE a (id int);\n"}, "--atomic"))
        index = {"2_i.up.sql": "CREATE INDEX CONCURRENTLY i ON a (id);\n"}
        self.assert_good(self.up({"1_a.up.sql": "CREATE TABLE a (id int);\n", **index}, "--atomic"))

    def test_a_lost_lock_race_starts_all_of_it_again(self):
        self.psql("CREATE TABLE busy (id int)")
        files = dict(FILES, **{"3_c.up.sql": "CREATE TABLE c (id int);\nALTER TABLE busy ADD x int;\n"})
        holder = self.session("BEGIN; LOCK TABLE busy;")
        process = self.start_up(files, "--atomic", "--ddl-lock-timeout", "100ms")
        for line in process.stdout:
            if "rolled back" in line:
                break
        self.end_session(holder)
        self.assert_good(self.finish(process))
        self.assertEqual("a b busy c d", self.tables())
        self.assertEqual("1", self.transactions())
