# SPDX-License-Identifier: Apache-2.0
"""What works at an index CONCURRENTLY and is stopped: what it leaves, and how the next run goes on."""

import signal

from database.case import DatabaseCase
from support.cluster import ClusterError

ALONE = "-- pgstride: no-transaction\n"
LONG = "i" * 60 + "xyz"  # as long as a name can be: its build's name is cut


class Reindex(DatabaseCase):
    def setUp(self):
        super().setUp()
        self.psql(f"""
            CREATE TABLE t (n int, x text);
            CREATE INDEX i ON t (n);
            CREATE INDEX {LONG} ON t (n);
            CREATE TABLE p (n int) PARTITION BY RANGE (n);
            CREATE INDEX p_n ON p (n);
            CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
            CREATE SCHEMA other;
            CREATE TABLE other.t (n int);
            CREATE INDEX i ON other.t (n)""")

    def invalid(self):
        return self.psql("""
            SELECT coalesce(string_agg(format('%s %s', n.nspname, regexp_replace(
                       relname, '[0-9]{4,}', 'N')), ', ' ORDER BY 1), '')
              FROM (SELECT nspname, relname FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid
                      JOIN pg_namespace AS n ON n.oid = relnamespace
                     WHERE NOT indisvalid ORDER BY 1, 2) AS n""")

    def stop(self, files, number=signal.SIGTERM):
        """A run that is stopped while it waits for an older transaction: what it leaves."""
        holder = self.session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;")
        process = self.start_up(files)
        self.wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE query ~ '^(REINDEX|DROP)'"
                        " AND datname = current_database() AND wait_event = 'virtualxid'")
        process.send_signal(number)
        result = self.finish(process)
        self.wait_until("SELECT count(*) FROM pg_stat_activity WHERE query ~ '^(REINDEX|DROP)'"
                        " AND datname = current_database() AND state = 'active'", "0")
        self.end_session(holder)
        self.assertNotEqual(0, result.status)
        return self.invalid()

    def test_what_it_leaves_is_dropped(self):
        files = {"1_i.up.sql": "REINDEX INDEX CONCURRENTLY i;\n"}
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.assertEqual("public i_ccnew", self.stop(files, number))
        self.assert_log(self.up(files), """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: 1 -> 1
            <time> WARN  1_i goes on at statement 1 of 1, where an earlier run stopped
            <time> WARN  dropping the invalid index public.i_ccnew, which an earlier try of REINDEX left
            <time> INFO  1_i applied in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 1 migration applied in <duration>; 1 -> 1
        """, status=0)
        self.assertEqual("", self.invalid())

    def test_whatever_it_names(self):
        table = (
            (f"REINDEX (VERBOSE, CONCURRENTLY) INDEX {LONG};", f"public {LONG[:57]}_ccnew"),
            ("REINDEX TABLE CONCURRENTLY t;",
             f"pg_toast pg_toast_N_index_ccnew, public i_ccnew, public {LONG[:57]}_ccnew"),
            ("REINDEX TABLE CONCURRENTLY p;", "public p1_n_idx_ccnew"),
            ("REINDEX INDEX CONCURRENTLY p_n;", "public p1_n_idx_ccnew"),
            ("REINDEX SCHEMA CONCURRENTLY other;", "other i_ccnew"),
        )
        for statement, left in table:
            with self.subTest(statement):
                self.psql("DROP TABLE IF EXISTS schema_migrations, pgstride_history")
                files = {"1_i.up.sql": statement}
                self.assertEqual(left, self.stop(files))
                self.assert_good(self.up(files))
                self.assertEqual("", self.invalid())

    def test_what_is_not_its_own_is_left_alone(self):
        """What was there before, and what others left meanwhile elsewhere, under the same name."""
        self.stop({"1_i.up.sql": "REINDEX TABLE CONCURRENTLY t;"})
        self.psql("DROP TABLE schema_migrations, pgstride_history")
        before = self.invalid()
        self.assertEqual(1, self.up({"1_i.up.sql": f"{ALONE}SELECT 1 / 0;"}).status)
        holder = self.session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;")
        with self.assertRaises(ClusterError):
            self.psql("SET statement_timeout = 500;\nREINDEX INDEX CONCURRENTLY other.i")
        self.end_session(holder)
        result = self.up({"1_i.up.sql": f"{ALONE}REINDEX INDEX CONCURRENTLY i;"})
        self.assert_good(result)
        self.assertNotIn("dropping", result.stdout)
        self.assertEqual(f"other i_ccnew, {before}", self.invalid())

    def test_what_another_session_builds_is_left_alone(self):
        self.assertEqual(1, self.up({"1_i.up.sql": f"{ALONE}SELECT 1 / 0;"}).status)
        holder = self.session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;")
        rival = self.cluster.start_psql(self.dbname)
        self.addCleanup(self.end_session, rival)
        rival.stdin.write("REINDEX INDEX CONCURRENTLY i;\n")
        rival.stdin.flush()
        self.wait_until("SELECT to_regclass('i_ccnew') IS NOT NULL")
        process = self.start_up({"1_i.up.sql": f"{ALONE}REINDEX TABLE CONCURRENTLY t;"})
        self.wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE datname ="
                        " current_database() AND application_name = 'pgstride'"
                        " AND wait_event_type = 'Lock'")
        self.end_session(holder)
        result = self.finish(process)
        self.assert_good(result)
        self.assertNotIn("dropping", result.stdout)
        self.assertEqual("", self.invalid())
