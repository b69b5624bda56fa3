# SPDX-License-Identifier: Apache-2.0
"""What works at an index CONCURRENTLY and is stopped: what it leaves, and how the next run goes on."""

import re
import signal
import time

from database.case import DatabaseCase
from support.cluster import ClusterError
from support.proxy import LosingProxy

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


class Removal(DatabaseCase):
    """The server dropped or detached it, and the run was cut off before it could say so."""

    UP = {"1_t.up.sql": "CREATE TABLE t (n int);",
          "2_i.up.sql": "CREATE INDEX CONCURRENTLY i ON t (n);"}

    def run_cut_off_at(self, word, files, *words):
        proxy = LosingProxy(self.cluster.port, word)
        self.addCleanup(proxy.stop)
        server = self.cluster
        return self.pgstride(files, *words, database=f"postgres://postgres:{server.password}"
                             f"@127.0.0.1:{proxy.port}/{self.dbname}?sslmode=disable")

    def assert_cut_off_log(self, result, expected, status):
        text = re.sub(r"(connecting again: ).*", r"\1<why>", result.stdout)
        self.assert_log(result._replace(stdout=text), expected, status=status)

    def test_a_dropped_index(self):
        self.assert_good(self.up(self.UP))
        result = self.run_cut_off_at(b"DROP INDEX\0", {
            **self.UP, "1_t.down.sql": "DROP TABLE t;", "2_i.down.sql":
            f"{ALONE}CREATE TABLE u ();\nDROP INDEX CONCURRENTLY i;\nDROP TABLE u;\n"},
            "down", "--all")
        self.assert_cut_off_log(result, """
            <time> INFO  reverting 2 of 2 applied migrations on <database> at 127.0.0.1: 2 -> none
            <time> WARN  connecting again: <why>
            <time> WARN  2_i goes on at statement 2 of 3, where an earlier run stopped
            <time> WARN  i is gone from where it was: an earlier run removed it, and was stopped before it could say so
            <time> INFO  2_i reverted in <duration> (3 statements); current version is 1
            <time> INFO  1_t reverted in <duration> (1 statement); current version is none
            <time> INFO  succeeded! 2 migrations reverted in <duration>; 2 -> none
        """, status=0)
        self.assertEqual("", self.tables())

    def test_a_detached_partition(self):
        self.psql("CREATE TABLE p (n int) PARTITION BY RANGE (n);"
                  "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1)")
        result = self.run_cut_off_at(b"ALTER TABLE\0", {
            "1_d.up.sql": "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;"}, "up")
        self.assert_cut_off_log(result, """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> WARN  connecting again: <why>
            <time> WARN  1_d goes on at statement 1 of 1, where an earlier run stopped
            <time> WARN  p1 is gone from where it was: an earlier run removed it, and was stopped before it could say so
            <time> INFO  1_d applied in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 1 migration applied in <duration>; none -> 1
        """, status=0)

    def test_what_never_was_is_refused(self):
        self.psql("CREATE TABLE t (n int); CREATE INDEX j ON t (n)")
        refused = """\
            <time> ERROR 1_i.up.sql:3:1: index "i" does not exist (42704)
                               3 | DROP INDEX CONCURRENTLY i;
                               It ran outside a transaction: what stands before this statement was kept, and the version is 1, dirty, until the rest is done. Mend the file and run again: it goes on here."""
        files = {"1_i.up.sql": f"{ALONE}DROP INDEX CONCURRENTLY j;\nDROP INDEX CONCURRENTLY i;\n"}
        self.assert_cut_off_log(self.run_cut_off_at(b"42704", files, "up"), f"""
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> WARN  connecting again: <why>
            <time> WARN  1_i goes on at statement 2 of 2, where an earlier run stopped
{refused}
            <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry will not help
        """, status=1)
        result = self.up(files)
        self.assertEqual(1, result.status)
        self.assertIn('index "i" does not exist (42704)', result.stdout)

    def test_a_drop_that_was_stopped_half_way_goes_on(self):
        self.assert_good(self.up(self.UP))
        files = {**self.UP, "2_i.down.sql": "DROP INDEX CONCURRENTLY i;"}
        holder = self.session("BEGIN; SELECT FROM t;")
        process = self.start_pgstride(*self.options(files), "down", "1")
        self.wait_until("SELECT count(*) FROM pg_index WHERE NOT indisvalid", "1")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(1, self.finish(process).status)
        self.end_session(holder)
        self.assert_log(self.pgstride(files, "down", "1"), """
            <time> INFO  reverting 1 of 2 applied migrations on <database> at 127.0.0.1: 1 -> 1
            <time> WARN  2_i goes on at statement 1 of 1, where an earlier run stopped
            <time> INFO  2_i reverted in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 1 migration reverted in <duration>; 1 -> 1
        """, status=0)
        self.assertEqual("0", self.psql("SELECT count(*) FROM pg_class WHERE relname = 'i'"))


class Build(DatabaseCase):
    def make_login(self):
        """A role of the application's own, which may not see what others do: its URL."""
        role = f"{self.dbname}_app"
        self.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'app-word'; GRANT ALL ON SCHEMA public TO {role}")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}")
        place = f"127.0.0.1:{self.cluster.port}"
        return role, f"postgres://{role}:app-word@{place}/{self.dbname}?sslmode=require"

    def valid(self, name):
        return self.psql(f"SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{name}')")

    def test_what_another_role_builds_is_left_alone(self):
        role, url = self.make_login()
        self.psql(f"CREATE TABLE big (a int, b int); INSERT INTO big VALUES (1, 1), (1, 2);"
                  f"ALTER TABLE big OWNER TO {role}")
        for text in ("CREATE UNIQUE INDEX CONCURRENTLY big_a ON big (a);",
                     "CREATE UNIQUE INDEX CONCURRENTLY ON big (a);"):
            with self.subTest(text):
                self.psql("DROP TABLE IF EXISTS schema_migrations, pgstride_history;"
                          "DELETE FROM big; INSERT INTO big VALUES (1, 1), (1, 2)")
                files = {"1_i.up.sql": text}
                self.assertEqual(1, self.up(files, database=url).status)
                self.psql("DELETE FROM big WHERE b = 2")
                holder = self.session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;")
                builder = self.cluster.start_psql(self.dbname)
                self.addCleanup(self.end_session, builder)
                builder.stdin.write("CREATE INDEX CONCURRENTLY big_b ON big (b);\n")
                builder.stdin.flush()
                self.wait_until("SELECT count(*) FROM pg_index"
                                " WHERE indexrelid = to_regclass('big_b')", "1")
                process = self.start_pgstride(*self.options(files, url), "up")
                self.wait_until("SELECT count(*) > 0 FROM pg_stat_activity"
                                f" WHERE usename = '{role}' AND state_change < now() - interval '0.5 s'")
                self.end_session(holder)
                self.assert_good(self.finish(process))
                self.end_session(builder)
                self.assertEqual("t", self.valid("big_b"))
                self.assertEqual("t", self.valid("big_a" if "big_a" in text else "big_a_idx"))
                self.psql("DROP INDEX big_b; DROP INDEX IF EXISTS big_a, big_a_idx")

    def test_one_that_was_refused_is_not_taken_for_built(self):
        self.psql("CREATE TABLE t (a int, b int); CREATE INDEX t_x ON t (b)")
        files = {"1_i.up.sql": "CREATE INDEX CONCURRENTLY t_x ON t (a);"}
        self.assertEqual(1, self.up(files).status)
        self.psql("REINDEX INDEX CONCURRENTLY t_x")
        self.assertIn('relation "t_x" already exists (42P07)', self.up(files).stdout)
        self.assertEqual("1|t", self.version())

    def test_one_of_another_schema_is_not_taken_for_built(self):
        files = {"1_i.up.sql": "CREATE INDEX CONCURRENTLY t_x ON t (a);"}
        for schema in ("one", "two"):
            self.psql(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (a int, b int)")
        self.psql("CREATE INDEX t_x ON one.t (b)")
        urls = [self.cluster.url(self.dbname, search_path=schema) for schema in ("one", "two")]
        self.assertEqual(1, self.up(files, database=urls[0]).status)
        self.psql("UPDATE one.pgstride_history SET outcome = 'started'")  # as a kill leaves it
        self.assert_good(self.up(files, database=urls[1]))
        self.assertIn('relation "t_x" already exists (42P07)',
                      self.up(files, database=urls[0]).stdout)

    def test_an_invalid_one_of_another_table_does_not_matter(self):
        self.psql("CREATE TABLE other (a int); INSERT INTO other VALUES (1), (1);"
                  "CREATE TABLE t (email text)")
        with self.assertRaises(ClusterError):
            self.psql("CREATE UNIQUE INDEX CONCURRENTLY email ON other (a)")
        self.assertEqual("f", self.valid("email"))
        self.assert_good(self.up({"1_i.up.sql": "CREATE INDEX CONCURRENTLY t_email ON t (email);"}))

    def test_what_is_left_is_dropped_without_a_limit(self):
        self.psql("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
        files = {"1_i.up.sql": "CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);"}
        self.assertEqual(1, self.up(files).status)
        self.psql("DELETE FROM t")
        holder = self.session("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE;")
        process = self.start_up(files, "--ddl-lock-timeout", "200ms", "--retry-for", "0s")
        self.wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE 'DROP INDEX%'"
                        " AND datname = current_database() AND wait_event_type = 'Lock'")
        time.sleep(0.5)
        self.end_session(holder)
        self.assert_good(self.finish(process))
        self.assertEqual("t", self.valid("t_a"))
