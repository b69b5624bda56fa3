# SPDX-License-Identifier: Apache-2.0
"""Through PgBouncer: in transaction mode each transaction may run in another session."""

import signal
import time

from database.case import DatabaseCase, lock_key
from support.cluster import Cluster
from support.pooler import Pooler

RUNS = 8

# What a transaction leaves in a session that others use after it.
LEFT = """
SELECT coalesce(string_agg(name || '=' || setting, ' '), 'nothing') FROM (
    SELECT name, setting FROM pg_settings
     WHERE source = 'session' AND setting <> reset_val
       AND name NOT IN ('application_name', 'client_encoding', 'role')
     UNION ALL
    SELECT 'channel', channel FROM pg_listening_channels() AS channel) AS left_there
"""


class Pooled(DatabaseCase):
    """A server of its own, and a PgBouncer in each mode before it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Cluster.start(fsync="off")
        cls.addClassCleanup(cls.server.stop)
        cls.poolers = {}
        for mode in ("transaction", "session"):
            cls.poolers[mode] = Pooler(cls.server, mode, users=("postgres", "web", "migrator"))
            cls.addClassCleanup(cls.poolers[mode].stop)
        cls.server.psql("postgres", "CREATE ROLE web LOGIN; CREATE ROLE owner;"
                                    "CREATE ROLE migrator LOGIN; GRANT owner TO migrator;")

    @property
    def cluster(self):
        return self.server

    @property
    def pooled(self):
        return self.poolers["transaction"].url(self.dbname)

    def each_mode(self, check):
        """Call `check` in each mode, with the name of a database of its own and a URL."""
        for mode, pooler in self.poolers.items():
            with self.subTest(mode):
                dbname = self.new_database()
                check(dbname, pooler.url(dbname))
                self.assert_clean(dbname, mode)

    def ask(self, dbname, sql):
        return self.cluster.psql(dbname, sql)

    def assert_clean(self, dbname, mode="transaction", user="postgres"):
        """Nothing of ours is left in the pool's sessions, and no lock."""
        pooler = self.poolers[mode]
        for _ in range(5):
            self.assertEqual("nothing", pooler.psql(dbname, LEFT, user))
            self.assertEqual("none", pooler.psql(dbname, "SHOW role", user))
        self.assertEqual("0", self.ask(dbname, "SELECT count(*) FROM pg_locks"
                                               " WHERE locktype = 'advisory'"))

    def test_a_run_of_every_kind_of_file(self):
        files = {
            "1_a.up.sql": "CREATE TABLE a (n int);\nSET search_path = pg_catalog;\n",
            "2_b.up.sql": "BEGIN;\nCREATE TABLE b (n int);\nSET ROLE owner;\nCOMMIT;\n",
            "3_c.up.sql": "CREATE TABLE c (n int);\nCOPY c FROM stdin;\n1\n2\n\\.\n",
            "4_d.up.sql": "CREATE INDEX CONCURRENTLY a_n ON a (n);\n",
            "5_e.up.sql": "-- pgstride: no-transaction\nCREATE TYPE mood AS ENUM ('sad');\n"
                          "ALTER TYPE mood ADD VALUE 'ok';\nVACUUM a;\n"
                          "CREATE INDEX CONCURRENTLY b_n ON b (n);\n"
                          "SET search_path = extra, public;\nCREATE TABLE e (m mood);\n"
                          "INSERT INTO e VALUES ('ok');\n",
            "6_f.up.sql": "BEGIN;\nCREATE TABLE f ();\nCOMMIT;\nSET lock_timeout = '1s';\nBEGIN;\n"
                          "CREATE TABLE g ();\nCOMMIT AND CHAIN;\nCREATE TABLE h ();\nCOMMIT;\n",
            "7_g.up.sql": "PREPARE p AS SELECT 1;\nEXECUTE p;\nCREATE TEMP TABLE t ();\n"
                          "LISTEN mine;\nSELECT pg_advisory_lock(42);\n",
            "8_h.up.sql": "CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO a"
                          " VALUES (1); COMMIT; INSERT INTO a VALUES (2); END $$;\n",
            "9_i.up.sql": "-- pgstride: no-transaction\nCALL twice();\n",
        }

        def check(dbname, url):
            self.ask(dbname, "CREATE SCHEMA extra")
            result = self.up(files, database=url)
            self.assert_good(result)
            self.assertNotIn("WARN", result.stdout)
            self.assertEqual("9|f", self.ask(dbname, "SELECT * FROM schema_migrations"))
            self.assertEqual(
                [f"{n}|applied" for n in range(1, 10)],
                self.ask(dbname, "SELECT version, outcome FROM pgstride_history"
                                 " ORDER BY id").splitlines())
            self.assertEqual("2|2|ok", self.ask(
                dbname, "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM c), m"
                        " FROM extra.e"))
            self.assertEqual("t", self.ask(dbname, "SELECT bool_and(indisvalid) FROM pg_index"))
            self.assert_clean(dbname)
            result = self.up(files, database=url)
            self.assert_good(result)
            self.assertIn("succeeded! nothing to do; current version is 9\n", result.stdout)

        self.each_mode(check)

    def test_eight_runs_at_once(self):
        files = {f"{n}_t.up.sql": f"CREATE TABLE t{n} (a int);\n" for n in range(1, 21)}
        files["10_t.up.sql"] = "CREATE INDEX CONCURRENTLY i ON t9 (a);\n"
        files["15_t.up.sql"] = "CREATE TABLE t15 (a int);\nSELECT pg_sleep(0.5);\n"
        folder = self.folder(files)

        def check(dbname, url):
            processes = [self.start_up(folder, database=url) for _ in range(RUNS)]
            results = [self.finish(process, timeout=120) for process in processes]
            for result in results:
                self.assert_good(result)
            self.assertEqual(
                [f"{n}|applied" for n in range(1, 21)],
                self.ask(dbname, "SELECT version, outcome FROM pgstride_history"
                                 " ORDER BY id").splitlines())
            self.assertEqual(20, sum(result.stdout.count(" applied in ") - 1 for result in results
                                     if "applied in" in result.stdout))

        self.each_mode(check)

    def test_all_in_one_transaction(self):
        files = {"1_a.up.sql": "CREATE TABLE a ();\nSET search_path = pg_catalog;\n",
                 "2_b.up.sql": "BEGIN;\nCREATE TABLE b (n int);\nCOMMIT;\n",
                 "3_c.up.sql": "COPY b FROM stdin;\n1\n\\.\nSELECT nope;\n"}
        mended = {**files, "3_c.up.sql": "COPY b FROM stdin;\n1\n\\.\n"}

        def check(dbname, url):
            result = self.up(files, "--atomic", database=url)
            self.assert_log(result, f"""
                <time> INFO  3 of 3 migrations pending on {dbname} at 127.0.0.1: none -> 3
                <time> ERROR 3_c.up.sql:4:8: column "nope" does not exist (42703)
                                   4 | SELECT nope;
                                     |        ^
                                   Nothing of this run was kept: the database is at no version, clean. Mend the file and run again.
                <time> ERROR failed: 0 of 3 applied in <duration>; none -> none (wanted 3); a retry will not help
            """, status=1)
            self.assertEqual("", self.tables(dbname))
            self.assert_clean(dbname)
            self.assert_good(self.up(mended, "--atomic", database=url))
            self.assertEqual("3|f|1", self.ask(
                dbname, "SELECT *, (SELECT count(*) FROM b) FROM schema_migrations"))

        self.each_mode(check)

    def test_a_pool_of_one_connection(self):
        """Each of a run's two waits for the other: until PgBouncer has waited long enough."""
        started = []
        for mode in self.poolers:
            pooler = Pooler(self.server, mode, pool_size=1, more="query_wait_timeout = 7")
            self.addCleanup(pooler.stop)
            started.append(self.start_up({"1_a.up.sql": "CREATE TABLE a ();"},
                                         database=pooler.url(self.new_database())))
        for process, mode in zip(started, self.poolers):
            begins = "" if mode == "transaction" else "cannot ask for the migration lock: "
            with self.subTest(mode):
                self.assert_log(self.finish(process), f"""
                    <time> WARN  waiting for a second connection of the pooler's, for <duration> now: a run needs two of them at once
                    <time> ERROR {begins}the pooler gave us no second connection within its query_wait_timeout
                                       hint: A run needs two of them at once, one for the migration lock: raise default_pool_size or max_db_connections, or connect to the server itself.
                    <time> ERROR failed: nothing was applied; a retry may help
                """, status=1)

    def test_the_lock_keeps_others_out(self):
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(2);"}, database=self.pooled)
        self.wait_for_statement("pg_sleep(2)")
        key = lock_key("/" + self.dbname)
        self.assertEqual("f", self.psql(f"SELECT pg_try_advisory_lock({key})"))
        result = self.up({"1_a.up.sql": "SELECT pg_sleep(2);"}, "--lock-timeout", "0")
        self.assert_log(result, """
            <time> ERROR another run holds the migration lock since before we came, 0 s ago: pid <pid> (pgstride, postgres), idle in transaction, connected for <duration>
                               hint: Let it finish and run again, or wait longer with --lock-timeout.
            <time> ERROR failed: nothing was applied; a retry may help
        """, status=1)
        self.assert_good(self.finish(process))

    def test_it_waits_for_the_lock_of_another(self):
        holder = self.session(f"SELECT pg_advisory_lock({lock_key('/' + self.dbname)});")
        process = self.start_up({"1_a.up.sql": "CREATE TABLE a ();"}, database=self.pooled)
        line = process.stdout.readline()
        self.assertIn(" WARN  waiting for the migration lock, held by pid ", line)
        self.assertIn("(psql, postgres), idle, connected for ", line)
        self.end_session(holder)
        self.assert_good(self.finish(process))

    def test_the_lock_pins_no_snapshot(self):
        """Else a concurrent index build would wait for it, and never end."""
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(2);"}, database=self.pooled)
        self.wait_for_statement("pg_sleep(2)")
        self.assertEqual("idle in transaction|t", self.psql(
            "SELECT state, backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity"
            " WHERE query LIKE '%pg_try_advisory_xact_lock%' AND pid <> pg_backend_pid()"))
        self.assert_good(self.finish(process))

    def test_a_lost_lock_ends_what_runs_and_it_begins_again(self):
        process = self.start_up({"1_a.up.sql": "CREATE TABLE a ();\nSELECT pg_sleep(3);"},
                                database=self.pooled)
        self.wait_for_statement("pg_sleep(3)")
        self.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                  " WHERE query LIKE '%pg_try_advisory_xact_lock%' AND pid <> pg_backend_pid()")
        result = self.finish(process)
        self.assert_good(result)
        self.assertIn(" WARN  connecting again: the migration lock was lost: ", result.stdout)
        self.assertEqual(["1|applied"], self.history("version, outcome"))

    def test_sigterm_cancels_through_it(self):
        folder = self.folder({"1_a.up.sql": "SELECT pg_sleep(60);"})

        def check(dbname, url):
            process = self.start_up(folder, database=url)
            self.wait_for_statement("pg_sleep(60)", dbname)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            self.assert_log(self.finish(process), f"""
                <time> INFO  1 of 1 migration pending on {dbname} at 127.0.0.1: none -> 1
                <time> ERROR 1_a.up.sql:1:1: stopped by SIGTERM
                                   1 | SELECT pg_sleep(60);
                                   Nothing of this migration was kept: the database is at no version, clean.
                <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry may help
            """, status=1)
            self.assertLess(time.monotonic() - begun, 8)
            self.assertEqual("1|failed", self.ask(
                dbname, "SELECT version, outcome FROM pgstride_history"))

        self.each_mode(check)

    def test_a_killed_run_frees_the_lock_and_the_next_goes_on(self):
        self.each_mode(self.check_a_killed_run)

    def test_so_does_a_login_whose_default_role_does_not_see_it(self):
        self.psql(f"ALTER ROLE migrator IN DATABASE {self.dbname} SET role = owner")
        self.check_a_killed_run(
            self.dbname, self.poolers["transaction"].url(self.dbname, "migrator"))

    def test_and_a_statement_of_which_the_server_shows_a_part(self):
        """It cuts within a character, and leaves that out."""
        text = "CREATE INDEX CONCURRENTLY i ON t (slow(n)) -- " + "€" * 1000
        size = int(self.psql("SELECT setting FROM pg_settings"
                             " WHERE name = 'track_activity_query_size'"))
        shown = text.encode()[:size - 1]
        self.assertLess(len(shown.decode(errors="ignore").encode()), len(shown))
        self.check_a_killed_run(self.dbname, self.pooled, f"{text}\n;")

    def test_a_shorter_statement_of_another_service_goes_on(self):
        """It has our login, and our name."""
        files = {"1_a.up.sql": "-- pgstride: no-transaction\nSELECT pg_sleep(2) FROM late;"}
        self.assertEqual(1, self.up(files, database=self.pooled).status)
        self.psql("CREATE TABLE late ()")
        other = self.cluster.start_psql(self.dbname)
        self.addCleanup(self.end_session, other)
        other.stdin.write("SET application_name = 'pgstride';\n"
                          "SELECT 'SELECT pg_sleep(2)' \\gexec\n\\echo failed: :ERROR\n")
        other.stdin.flush()
        self.wait_for_statement("SELECT pg_sleep(2)")
        self.assert_good(self.up(files, database=self.pooled))
        self.assertEqual("failed: false\n", next(
            line for line in other.stdout if line.startswith("failed: ")))

    def check_a_killed_run(self, dbname, url, text="CREATE INDEX CONCURRENTLY i ON t (slow(n));"):
        files = {"1_i.up.sql": text}

        self.ask(dbname, "GRANT CREATE ON SCHEMA public TO owner; SET ROLE owner;"
                         " CREATE TABLE t (n int); CREATE FUNCTION slow(n int) RETURNS int"
                         " IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5);"
                         " RETURN n; END $$; INSERT INTO t SELECT generate_series(1, 60);")
        process = self.start_up(files, database=url)
        self.wait_for_statement("CREATE INDEX CONCURRENTLY", dbname)
        process.kill()
        process.wait()
        key = lock_key("/" + dbname)
        self.wait_until(f"SELECT pg_try_advisory_lock({key})", timeout_s=10, dbname=dbname)
        self.ask(dbname, "CREATE OR REPLACE FUNCTION slow(n int) RETURNS int IMMUTABLE"
                         " LANGUAGE sql AS $$ SELECT n $$")
        result = self.up(files, database=url, timeout=20)
        self.assert_good(result)
        self.assertIn("1_i goes on at statement 1 of 1", result.stdout)
        self.assertEqual("t", self.ask(dbname, "SELECT indisvalid FROM pg_index"
                                               " WHERE indexrelid = 'i'::regclass"))
        self.assertEqual("1|f", self.ask(dbname, "SELECT * FROM schema_migrations"))

    def test_a_role_and_a_search_path_hold_and_are_not_left_to_others(self):
        self.psql("CREATE SCHEMA app AUTHORIZATION owner")
        url = self.poolers["transaction"].url(self.dbname, "migrator", search_path="app")
        files = {"1_a.up.sql": "CREATE TABLE a ();",
                 "2_b.up.sql": "-- pgstride: no-transaction\nCREATE TABLE b ();\n"
                               "CREATE TABLE c ();\n"}
        self.assert_good(self.up(files, "--role", "owner", database=url))
        self.assertEqual(
            [f"{name}|owner" for name in ("a", "b", "c", "pgstride_history", "schema_migrations")],
            self.psql("SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'app'"
                      " ORDER BY 1").splitlines())
        self.assert_clean(self.dbname, user="migrator")
        index = {**files, "3_d.up.sql": "CREATE INDEX CONCURRENTLY i ON a ((1));\n"}
        result = self.up(index, "--role", "owner", database=url)
        self.assert_log(result, """
            <time> ERROR 3_d.up.sql:1:1: it runs outside a transaction, where nothing can be set behind a pooler: search_path is to be app, and is "$user", public
                               1 | CREATE INDEX CONCURRENTLY i ON a ((1));
                               hint: Connect to the server itself; or let the login have it: ALTER ROLE migrator SET search_path = …, and let the pooler connect anew.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
        self.assertEqual("2|f", self.psql("SELECT * FROM app.schema_migrations"))
        self.psql("ALTER ROLE migrator SET search_path = app; ALTER ROLE migrator SET role = owner")
        self.addCleanup(self.psql, "ALTER ROLE migrator RESET ALL")
        self.poolers["transaction"].admin("RECONNECT")
        self.assert_good(self.up(index, "--role", "owner", database=url))

    def test_what_is_in_the_way_is_seen_through_it(self):
        self.psql("CREATE TABLE t ()")
        holder = self.session("BEGIN; LOCK TABLE t;")
        process = self.start_up({"1_a.up.sql": "ALTER TABLE t ADD COLUMN a int;"},
                                "--ddl-lock-timeout", "20s", database=self.pooled)
        line = ""
        while " waits for " not in line:
            line = process.stdout.readline()
            self.assertTrue(line)
        self.assertRegex(self.normalise(line), "WARN  1_a, line 1, waits for <duration> for"
                                               " AccessExclusiveLock on t: pid <pid> ")
        self.end_session(holder)
        self.assert_good(self.finish(process))
