# SPDX-License-Identifier: Apache-2.0
"""The primary dies in mid-run and its standby is promoted: what counts is the new one's history."""

import re
import time

from database.case import DatabaseCase
from support.cluster import Cluster

STEPS = 8


def step(number):
    """Each transaction leaves a trace of how often it ran."""
    return f"CREATE TABLE t{number} ();\nINSERT INTO trace VALUES ({number});\n"


class Failover(DatabaseCase):
    def setUp(self):
        super().setUp()
        self.primary = Cluster.start()
        self.addCleanup(self.primary.stop)
        self.primary.psql("postgres", "CREATE TABLE trace (n int)")
        self.standby = self.primary.standby()
        self.url = (f"postgres://postgres:{self.primary.password}@127.0.0.1:{self.primary.port},"
                    f"127.0.0.1:{self.standby.port}/postgres?target_session_attrs=read-write")
        self.files = {f"{n}_t.up.sql": step(n) for n in range(1, STEPS + 1)}
        self.files["5_t.up.sql"] += "SELECT pg_sleep(3);\n"

    def ask(self, server, sql):
        return server.psql("postgres", sql)

    def wait_for(self, server, sql, expected="t", timeout_s=60):
        deadline = time.monotonic() + timeout_s
        while self.ask(server, sql) != expected:
            self.assertLess(time.monotonic(), deadline, f"{sql} is not {expected}")
            time.sleep(0.05)

    def wait_for_statement(self, part):
        self.wait_for(self.primary, "SELECT count(*) > 0 FROM pg_stat_activity WHERE state ="
                      f" 'active' AND pid <> pg_backend_pid() AND query LIKE '%{part}%'")

    def cut_replication(self):
        self.ask(self.standby, "ALTER SYSTEM SET primary_conninfo = ''")
        self.ask(self.standby, "SELECT pg_reload_conf()")
        self.wait_for(self.standby, "SELECT count(*) FROM pg_stat_wal_receiver", "0")

    def fail_over(self, after_s=0):
        self.primary.stop_immediate()
        time.sleep(after_s)
        self.assertEqual("t", self.ask(self.standby, "SELECT pg_promote()"))

    def assert_whole(self, result):
        self.assert_good(result)
        numbers = " ".join(map(str, range(1, STEPS + 1)))
        self.assertEqual(f"{numbers}|{numbers}|{STEPS}|f", self.ask(self.standby, """
            SELECT (SELECT string_agg(n::text, ' ' ORDER BY n) FROM trace),
                   (SELECT string_agg(version::text, ' ' ORDER BY version) FROM pgstride_history
                     WHERE outcome = 'applied'), version, dirty FROM schema_migrations"""))

    def assert_lost_log(self, result, expected, status):
        """Compare the log without what differs by the moment at which the connection was lost."""
        text = re.sub(r"^.* WARN  (5_t: WARNING: terminating|waiting for the database).*\n", "",
                      result.stdout, flags=re.M)
        text = re.sub(r"(connecting again: ).*", r"\1<lost>", text)
        self.assert_log(result._replace(stdout=text), expected, status=status)

    def test_the_run_goes_on_at_the_new_primary(self):
        """What was replicated is not applied again, here by synchronous replication."""
        self.ask(self.primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.ask(self.primary, "SELECT pg_reload_conf()")
        self.wait_for(self.primary, "SELECT sync_state FROM pg_stat_replication", "sync")
        process = self.start_up(self.files, database=self.url)
        self.wait_for_statement("pg_sleep(3)")
        # Commits in the middle of a run do not wait for the disk or the standby.
        self.wait_for(self.standby, "SELECT max(n) FROM trace", "4")
        self.fail_over(after_s=1.5)
        result = self.finish(process, timeout=120)
        self.assert_lost_log(result, """
            <time> INFO  8 of 8 migrations pending on postgres at 127.0.0.1: none -> 8
            <time> INFO  1_t applied in <duration> (2 statements); current version is 1
            <time> INFO  2_t applied in <duration> (2 statements); current version is 2
            <time> INFO  3_t applied in <duration> (2 statements); current version is 3
            <time> INFO  4_t applied in <duration> (2 statements); current version is 4
            <time> WARN  connecting again: <lost>
            <time> INFO  5_t applied in <duration> (3 statements); current version is 5
            <time> INFO  6_t applied in <duration> (2 statements); current version is 6
            <time> INFO  7_t applied in <duration> (2 statements); current version is 7
            <time> INFO  8_t applied in <duration> (2 statements); current version is 8
            <time> INFO  succeeded! 8 migrations applied in <duration>; none -> 8
        """, status=0)
        self.assert_whole(result)
        self.assertIn(" WARN  waiting for the database, up to ", result.stdout)
        again = self.up(self.files, database=self.url)
        self.assert_whole(again)
        self.assertIn("succeeded! nothing to do; current version is 8\n", again.stdout)

    def test_what_was_not_replicated_is_applied_again(self):
        first = self.folder({name: self.files[name] for name in ("1_t.up.sql", "2_t.up.sql")})
        self.assert_good(self.up(first, database=self.url))
        self.wait_for(self.standby, "SELECT max(n) FROM trace", "2")
        self.cut_replication()
        process = self.start_up(self.files, database=self.url)
        self.wait_for_statement("pg_sleep(3)")
        self.assertEqual("4|2", "|".join(
            self.ask(server, "SELECT max(n) FROM trace") for server in (self.primary, self.standby)))
        self.fail_over()
        result = self.finish(process, timeout=120)
        self.assert_lost_log(result, """
            <time> INFO  6 of 8 migrations pending on postgres at 127.0.0.1: 2 -> 8
            <time> INFO  3_t applied in <duration> (2 statements); current version is 3
            <time> INFO  4_t applied in <duration> (2 statements); current version is 4
            <time> WARN  connecting again: <lost>
            <time> WARN  3_t was committed, and is not there any more (the server crashed, or another one took over): it runs again, and so does what came behind it
            <time> INFO  3_t applied in <duration> (2 statements); current version is 3
            <time> INFO  4_t applied in <duration> (2 statements); current version is 4
            <time> INFO  5_t applied in <duration> (3 statements); current version is 5
            <time> INFO  6_t applied in <duration> (2 statements); current version is 6
            <time> INFO  7_t applied in <duration> (2 statements); current version is 7
            <time> INFO  8_t applied in <duration> (2 statements); current version is 8
            <time> INFO  succeeded! 6 migrations applied in <duration>; 2 -> 8
        """, status=0)
        self.assert_whole(result)

    def test_a_success_that_was_not_replicated_is_applied_again(self):
        """An asynchronous standby may be behind what the primary had acknowledged."""
        del self.files["5_t.up.sql"]
        first = self.folder({name: self.files[name] for name in ("1_t.up.sql", "2_t.up.sql")})
        self.assert_good(self.up(first, database=self.url))
        self.wait_for(self.standby, "SELECT max(n) FROM trace", "2")
        self.cut_replication()
        result = self.up(self.files, database=self.url)
        self.assert_good(result)
        self.assertIn("succeeded! 5 migrations applied in ", result.stdout)
        self.fail_over()
        result = self.up(self.files, database=self.url)
        self.assert_good(result)
        self.assertIn("; 2 -> 8\n", result.stdout)
        self.assertEqual("1 2 3 4 6 7 8|8|f", self.ask(self.standby, """
            SELECT (SELECT string_agg(n::text, ' ' ORDER BY n) FROM trace), version, dirty
              FROM schema_migrations"""))

    def test_no_standby_is_promoted(self):
        process = self.start_up(self.files, "--wait-timeout", "2s", database=self.url)
        self.wait_for_statement("pg_sleep(3)")
        self.wait_for(self.standby, "SELECT max(n) FROM trace", "4")
        self.primary.stop_immediate()
        self.assert_lost_log(self.finish(process, timeout=120), """
            <time> INFO  8 of 8 migrations pending on postgres at 127.0.0.1: none -> 8
            <time> INFO  1_t applied in <duration> (2 statements); current version is 1
            <time> INFO  2_t applied in <duration> (2 statements); current version is 2
            <time> INFO  3_t applied in <duration> (2 statements); current version is 3
            <time> INFO  4_t applied in <duration> (2 statements); current version is 4
            <time> WARN  connecting again: <lost>
            <time> ERROR 5_t: no database within <duration> (--wait-timeout): connection to server at "127.0.0.1", port <port> failed: Connection refused; connection to server at "127.0.0.1", port <port> failed: session is read-only
                               hint: Is the server running on that host and accepting TCP/IP connections?
                               Its transaction either committed whole or left nothing; the next run finds out which.
            <time> ERROR failed: 4 of 8 applied in <duration>; none -> 4 (wanted 8); a retry may help
        """, status=1)
        self.ask(self.standby, "SELECT pg_promote()")
        self.assert_whole(self.up(self.files, database=self.url))

    def test_statements_outside_a_transaction_that_were_not_replicated_run_again(self):
        path = self.folder({"1_a.up.sql": "-- pgstride: no-transaction\nSELECT pg_sleep(2);\n"
                            "CREATE TABLE one ();\nCREATE TABLE two ();\nSELECT pg_sleep(4);\n"
                            "CREATE TABLE three ();\n"})
        process = self.start_up(path, database=self.url)
        self.wait_for_statement("pg_sleep(2)")
        self.wait_for(self.standby, "SELECT to_regclass('pgstride_history') IS NOT NULL")
        self.wait_for(self.standby, "SELECT count(*) FROM pgstride_history", "1")
        self.cut_replication()
        self.wait_for_statement("pg_sleep(4)")
        self.fail_over()
        self.assert_good(self.finish(process))
        self.assertEqual("one three two", self.ask(self.standby, """
            SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
             WHERE relname IN ('one', 'two', 'three')"""))
