# SPDX-License-Identifier: Apache-2.0
"""SIGTERM and SIGINT: the run ends soon, leaves nothing half done, and says so."""

import fcntl
import os
import signal
import statistics
import struct
import subprocess
import time

from database.case import DatabaseCase, lock_key
from support.cluster import free_port
from support.harness import binary
from support.proxy import TlsFaultProxy

SLOW = {
    "1_a.up.sql": "CREATE TABLE a ();",
    "2_b.up.sql": "CREATE TABLE b ();\nSELECT pg_sleep(60);\n",
    "3_c.up.sql": "CREATE TABLE c ();",
}


TLS_REQUEST = struct.pack("!ii", 8, 80877103)


class Stop(DatabaseCase):
    def stop(self, process, number=signal.SIGTERM):
        """Ask it to end: its Result, that came within the eight seconds that there are."""
        process.send_signal(number)
        begun = time.monotonic()
        result = self.finish(process, timeout=20)
        self.assertLess(time.monotonic() - begun, 8)
        return result

    def test_in_a_long_statement(self):
        for number, name in ((signal.SIGTERM, "SIGTERM"), (signal.SIGINT, "SIGINT")):
            with self.subTest(name):
                self.psql("DROP TABLE IF EXISTS a, schema_migrations, pgstride_history")
                process = self.start_up(SLOW)
                self.wait_for_statement("pg_sleep(60)")
                self.assert_log(self.stop(process, number), f"""
                    <time> INFO  3 of 3 migrations pending on <database> at 127.0.0.1: none -> 3
                    <time> INFO  1_a applied in <duration> (1 statement); current version is 1
                    <time> ERROR 2_b.up.sql:2:1: stopped by {name}
                                       2 | SELECT pg_sleep(60);
                                       Nothing of this migration was kept: the database is at 1, clean.
                    <time> ERROR failed: 1 of 3 applied in <duration>; none -> 1 (wanted 3); a retry may help
                """, status=1)
                self.assertEqual("a", self.tables())
                self.assertEqual("1|f", self.version())
                self.assertEqual("0", self.psql(
                    "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"
                    " AND pid <> pg_backend_pid() AND state = 'active'"))
                self.assertEqual(["1|applied|", f"2|failed|stopped by {name}"],
                                 self.history("version, outcome, error ->> 'message'"))

    def test_twenty_stops_are_soon(self):
        took_s = []
        for number in range(20):
            self.psql("DROP TABLE IF EXISTS a, schema_migrations, pgstride_history")
            process = self.start_up(SLOW)
            self.wait_for_statement("pg_sleep(60)")
            begun = time.monotonic()
            self.assertEqual(1, self.stop(process).status, f"stop {number}")
            took_s.append(time.monotonic() - begun)
            self.assertEqual("1|f", self.version())
        print(f"20 stops, median {statistics.median(took_s):.2f} s, slowest {max(took_s):.2f} s")
        self.assertLess(statistics.median(took_s), 2)

    def test_in_a_concurrent_index_build(self):
        files = {"1_a.up.sql": "CREATE TABLE a (n int);",
                 "2_i.up.sql": "CREATE INDEX CONCURRENTLY i ON a (n);\n"}
        self.assert_good(self.up({"1_a.up.sql": files["1_a.up.sql"]}))
        holder = self.session("BEGIN; INSERT INTO a VALUES (1);")
        process = self.start_up(files)
        self.wait_for_statement("CREATE INDEX CONCURRENTLY i")
        self.wait_until("SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('i')", "1")
        self.assert_log(self.stop(process), """
            <time> INFO  1 of 2 migrations pending on <database> at 127.0.0.1: 1 -> 2
            <time> ERROR 2_i.up.sql:1:1: stopped by SIGTERM
                               1 | CREATE INDEX CONCURRENTLY i ON a (n);
                               It ran outside a transaction: what stands before this statement was kept, and the version is 2, dirty, until the rest is done. Run again: it goes on here.
            <time> ERROR failed: 0 of 1 applied in <duration>; 1 -> 1 (wanted 2); a retry may help
        """, status=1)
        self.assertEqual("2|t", self.version())
        self.assertEqual(["1|applied|1|", "2|failed|0|stopped by SIGTERM"],
                         self.history("version, outcome, statements_done, error ->> 'message'"))
        self.end_session(holder)
        self.assert_log(self.up(files), """
            <time> INFO  1 of 2 migrations pending on <database> at 127.0.0.1: 2 -> 2
            <time> WARN  2_i goes on at statement 1 of 1, where an earlier run stopped
            <time> WARN  dropping the invalid index public.i, which an earlier try left, to build it anew
            <time> INFO  2_i applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 1 migration applied in <duration>; 2 -> 2
        """, status=0)
        self.assertEqual(["1|applied|1|", "2|applied|1|"],
                         self.history("version, outcome, statements_done, error ->> 'message'"))
        self.assertEqual("t", self.psql(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"))
        self.assertEqual("2|f", self.version())

    def through_tls(self, *fault):
        """A proxy, and the URL that leads through it."""
        proxy = TlsFaultProxy(self.cluster.port, *fault)
        self.addCleanup(proxy.stop)
        url = self.cluster.url(self.dbname, sslmode="require")
        return proxy, url.replace(f":{self.cluster.port}/", f":{proxy.port}/")

    def test_the_request_to_cancel_is_encrypted_too(self):
        proxy, database = self.through_tls()
        process = self.start_up(SLOW, database=database)
        self.wait_for_statement("pg_sleep(60)")
        before = len(proxy.requests)
        result = self.stop(process)
        self.assertIn(" ERROR 2_b.up.sql:2:1: stopped by SIGTERM\n", result.stdout)
        self.assertGreater(len(proxy.requests), before)
        self.assertEqual({TLS_REQUEST}, set(proxy.requests))

    def test_in_a_tls_handshake_that_hangs(self):
        proxy, database = self.through_tls("server", 3, "stall")
        process = self.start_up(SLOW, database=database)
        self.assertTrue(proxy.is_broken.wait(20))
        begun = time.monotonic()
        self.assert_log(self.stop(process), """
            <time> ERROR stopped by SIGTERM
            <time> ERROR failed: nothing was applied; a retry may help
        """, status=1)
        self.assertLess(time.monotonic() - begun, 2)

    def test_when_the_server_does_not_answer(self):
        process = self.start_up(SLOW)
        self.wait_for_statement("pg_sleep(60)")
        backend = int(self.psql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"
                                " AND pid <> pg_backend_pid()"))
        os.kill(backend, signal.SIGSTOP)
        self.addCleanup(os.kill, backend, signal.SIGCONT)
        self.assert_log(self.stop(process), """
            <time> INFO  3 of 3 migrations pending on <database> at 127.0.0.1: none -> 3
            <time> INFO  1_a applied in <duration> (1 statement); current version is 1
            <time> ERROR 2_b: stopped by SIGTERM
                               Its transaction either committed whole or left nothing; the next run finds out which.
            <time> ERROR failed: 1 of 3 applied in <duration>; none -> 1 (wanted 3); a retry may help
        """, status=1)

    def test_the_next_run_goes_on(self):
        process = self.start_up(SLOW)
        self.wait_for_statement("pg_sleep(60)")
        self.stop(process)
        self.assert_good(self.up({**SLOW, "2_b.up.sql": "CREATE TABLE b ();"}))
        self.assertEqual("3|f", self.version())

    def test_in_copied_data_and_outside_a_transaction(self):
        for name, text in (
            ("with copied data",
             "CREATE TABLE b (n int);\nCOPY b FROM stdin;\n1\n\\.\nSELECT pg_sleep(60);\n"),
            ("outside", "-- pgstride: no-transaction\nCREATE TABLE IF NOT EXISTS b ();\n"
                        "SELECT pg_sleep(60);\n"),
        ):
            with self.subTest(name):
                self.psql("DROP TABLE IF EXISTS a, b, c, schema_migrations, pgstride_history")
                process = self.start_up({**SLOW, "2_b.up.sql": text})
                self.wait_for_statement("pg_sleep(60)")
                result = self.stop(process)
                self.assertEqual(1, result.status)
                line = 5 if name == "with copied data" else 3
                self.assertIn(f" ERROR 2_b.up.sql:{line}:1: stopped by SIGTERM\n", result.stdout)
                self.assertEqual("failed|stopped by SIGTERM",
                                 self.history("outcome, error ->> 'message'")[-1])
                is_kept = name == "outside"
                self.assertEqual("a b" if is_kept else "a", self.tables())
                self.assertEqual("2|t" if is_kept else "1|f", self.version())
                self.assert_good(self.up({**SLOW, "2_b.up.sql": text.replace("60", "0")},
                                         "--drift", "warn"))
                self.assertEqual("3|f", self.version())

    def test_while_it_waits_for_the_lock(self):
        self.session(f"SELECT pg_advisory_lock({lock_key('/' + self.dbname)});")
        process = self.start_up(SLOW)
        self.wait_until("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgstride'"
                        " AND datname = current_database()", "1")
        time.sleep(0.3)
        self.assert_log(self.stop(process), """
            <time> WARN  waiting for the migration lock, held by pid <pid> (psql, postgres), idle, connected for <duration>; up to <duration> more
            <time> ERROR stopped by SIGTERM
            <time> ERROR failed: nothing was applied; a retry may help
        """, status=1)
        self.assertEqual("", self.psql("SELECT to_regclass('schema_migrations')"))

    def test_while_it_waits_for_the_database(self):
        port = free_port()
        process = self.start_up(SLOW, database=f"postgres://u:p@127.0.0.1:{port}/db")
        line = process.stdout.readline()
        self.assertIn(" WARN  waiting for the database, up to ", line)
        time.sleep(0.2)
        result = self.stop(process)
        self.assert_log(result, """
            <time> ERROR stopped by SIGTERM
            <time> ERROR failed: nothing was applied; a retry may help
        """, status=1)

    def test_while_it_waits_for_another_try(self):
        self.psql("CREATE TABLE t ()")
        self.session("BEGIN; LOCK TABLE t;")
        process = self.start_up({"1_a.up.sql": "ALTER TABLE t ADD COLUMN a int;"},
                                "--ddl-lock-timeout", "10ms")
        self.assertTrue(any("; try 5 in " in line for line in process.stdout))
        result = self.stop(process)
        self.assertEqual(1, result.status)
        self.assertIn(" ERROR 1_a: stopped by SIGTERM\n", result.stdout)
        self.assertIn("; a retry may help\n", result.stdout)

    def test_a_second_signal_ends_it_at_once(self):
        process = self.start_up(SLOW)
        self.wait_for_statement("pg_sleep(60)")
        backend = int(self.psql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"
                                " AND pid <> pg_backend_pid()"))
        os.kill(backend, signal.SIGSTOP)  # else the first one would end it as soon
        self.addCleanup(os.kill, backend, signal.SIGCONT)
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        begun = time.monotonic()
        result = self.finish(process, timeout=20)
        self.assertLess(time.monotonic() - begun, 1)
        self.assertNotEqual(0, result.status)

    def test_signals_that_mean_no_stop_are_ignored(self):
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(1);"})
        self.wait_for_statement("pg_sleep(1)")
        for number in (signal.SIGTSTP, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            process.send_signal(number)
        self.assert_good(self.finish(process, timeout=20))

    def start_stuck(self, *words, folder):
        """A run whose log nobody reads, in a pipe that is nearly full: (process, reader)."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"x" * (size - 1))
        process = subprocess.Popen(
            [binary(), "--database", self.database, "--path", folder, *words],
            stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"]}, text=True)
        os.close(writer)
        self.addCleanup(self._end, process)
        return process, reader

    def test_a_log_that_nobody_reads_does_not_stop_a_migration(self):
        files = {f"{n}_a.up.sql": f"DO $$ BEGIN RAISE NOTICE '%', repeat('n', {n} * 3000); END $$;"
                 for n in range(1, 9)}
        begun = time.monotonic()
        process, reader = self.start_stuck("--log-format", "json", "up", folder=self.folder(files))
        _, stderr = process.communicate(timeout=40)
        self.assertLess(time.monotonic() - begun, 12, "5 s of patience, once")
        self.assertEqual((0, ""), (process.returncode, stderr))
        self.assertEqual("8|f", self.version())
        self.assertLess(len(os.read(reader, 65536)), 5000)

    def test_a_log_that_nobody_reads_does_not_stop_a_stop(self):
        process, _ = self.start_stuck("up", folder=self.folder(SLOW))
        self.wait_for_statement("pg_sleep(60)")
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=40)
        self.assertLess(time.monotonic() - begun, 8)
        self.assertEqual(1, process.returncode)

    def test_a_stop_in_the_last_moment_of_a_wait(self):
        folder = self.folder({"1_a.up.sql": "CREATE TABLE a ();"})
        self.assert_good(self.up(folder))
        mark = os.path.join(self.folder(), "mark")
        process, _ = self.start_stuck("wait", "--", "touch", mark, folder=folder)
        self.wait_until("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgstride'"
                        " AND datname = current_database()", "1")
        time.sleep(1)  # it has found the version, and has a line to write
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=40)
        self.assertEqual((1, False), (process.returncode, os.path.exists(mark)))

    def test_a_reader_that_went_away_does_not_stop_a_migration(self):
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(1);",
                                 "2_b.up.sql": "CREATE TABLE b ();"})
        self.wait_for_statement("pg_sleep(1)")
        process.stdout.close()
        process.wait(20)
        self.assertEqual(0, process.returncode)
        self.assertEqual("2|f", self.version())
