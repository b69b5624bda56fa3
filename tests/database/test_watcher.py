# SPDX-License-Identifier: Apache-2.0
"""The watcher: who is in the way of a statement, who waits behind it, and how far it is."""

import json
import os
import re
import signal
import threading
import time

from database.case import DatabaseCase
from support.webhook import Webhook

ALTER = {"1_t.up.sql": "SELECT 1;\nALTER TABLE t ADD a int;\n"}


class Watcher(DatabaseCase):
    def hold(self, sql="BEGIN; SELECT 'secret', 4711 FROM t;"):
        self.psql("CREATE TABLE t (n int)")
        return self.session(sql)

    def pid_of(self, pattern):
        return self.psql("SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                         f" AND query LIKE '{pattern}' AND pid <> pg_backend_pid()")

    def release(self, holder):
        holder.stdin.write("COMMIT;\n")
        holder.stdin.flush()

    def test_who_is_in_the_way_and_who_waits_behind(self):
        holder = self.hold()
        process = self.start_up(ALTER, "--ddl-lock-timeout", "20s")
        self.wait_for_statement("ALTER TABLE t ADD a int")
        behind = threading.Thread(target=self.psql, args=("SELECT * FROM t",))
        behind.start()
        pid = self.pid_of("%secret%")
        line = process.stdout.readline() + process.stdout.readline()
        self.release(holder)
        result = self.finish(process)
        self.assert_good(result)
        behind.join()
        self.assertRegex(line, r" WARN  1_t, line 2, waits for \d\.\d s for AccessExclusiveLock on"
                         rf" t: pid {pid} \(psql, postgres\), idle in transaction, its transaction"
                         r" \d s old: SELECT \?, \? FROM t; 1 session waits behind us\n")
        self.assertNotIn("secret", line + result.stdout)
        self.assertNotIn("4711", line + result.stdout)

    def test_a_lock_that_is_given_up_names_the_blocker(self):
        self.hold()
        result = self.up(ALTER, "--ddl-lock-timeout", "1s", "--retry-for", "1s")
        self.assertEqual(1, result.status)
        pid = self.pid_of("%secret%")
        said = re.findall(r"detail: It waited for AccessExclusiveLock on t: pid (\d+)",
                          result.stdout)
        self.assertEqual(pid, said[-1])

    def test_nothing_is_opened_for_what_is_quick(self):
        """Counted by the server itself: one connection a run, whatever it does."""
        self.psql("ALTER SYSTEM SET log_connections = on; SELECT pg_reload_conf()")
        self.addCleanup(self.psql, "ALTER SYSTEM RESET log_connections; SELECT pg_reload_conf()")
        url = self.make_login("counted")
        files = {**{f"{n}_t.up.sql": f"CREATE TABLE t{n} ();" for n in range(1, 60)},
                 "60_sleep.up.sql": "SELECT pg_sleep(1);",
                 "61_i.up.sql": "CREATE INDEX CONCURRENTLY i ON t1 ((1));"}
        for name, options, connections in (("many", (), 1), ("none pending", (), 1),
                                           ("one that is long", ("--heartbeat", "1s"), 2)):
            with self.subTest(name):
                if name == "one that is long":
                    files["62_sleep.up.sql"] = "SELECT pg_sleep(3);"
                before = self.connections_of("counted")
                self.assert_good(self.up(files, *options, database=url))
                self.assertEqual(connections, self.connections_of("counted") - before)

    def connections_of(self, name):
        return self.cluster.log().count(
            f"connection authorized: user={name}_{self.dbname} database={self.dbname}")

    def make_login(self, name, rest=""):
        """A role of this test that may create tables: the URL to log in with it."""
        role = f"{name}_{self.dbname}"
        self.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'p' {rest};"
                  f"GRANT CREATE, USAGE ON SCHEMA public TO {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}; DROP ROLE {role}")
        return self.cluster.url(self.dbname, user=role, password="p")

    def blocked(self, files=None, options=(), release=None, database=None):
        """Run against what is in the way until it was named, then release it: the log."""
        process = self.start_up(files or ALTER, "--ddl-lock-timeout", "20s", "--retry-for", "0",
                                *options, database=database)
        lines = []
        while not lines or " waits for " not in lines[-1]:
            lines.append(process.stdout.readline())
            self.assertNotEqual("", lines[-1], lines)
        release()
        result = self.finish(process)
        self.assert_good(result)
        return "".join(lines) + result.stdout

    def test_a_prepared_transaction_is_in_the_way(self):
        self.psql("CREATE TABLE t (n int)")
        gid = f"left over {self.dbname}"
        self.psql(f"BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION '{gid}'")
        said = self.blocked(release=lambda: self.psql(f"COMMIT PREPARED '{gid}'"))
        self.assertRegex(said, r" WARN  1_t, line 2, waits for \d\.\d s for AccessExclusiveLock on t:"
                         rf' the prepared transaction "{gid}" of postgres, \d s old\n')

    def test_a_prepared_transaction_outlasts_the_patience(self):
        self.psql("CREATE TABLE t (n int)")
        gid = f"left over {self.dbname}"
        self.psql(f"BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION '{gid}'")
        result = self.up(ALTER, "--ddl-lock-timeout", "2s", "--retry-for", "2s")
        self.psql(f"COMMIT PREPARED '{gid}'")
        self.assertEqual(1, result.status)
        self.assertEqual(1, result.stdout.count("rolled back so that the application goes on"))
        self.assertIn(f'detail: It waited for AccessExclusiveLock on t: the prepared transaction'
                      f' "{gid}" of postgres', result.stdout)

    def test_an_autovacuum_that_does_not_yield(self):
        """One against wraparound goes on, whoever waits; others give way within a second."""
        self.psql("CREATE TABLE t WITH (autovacuum_freeze_max_age = 100000,"
                  " autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
                  " AS SELECT n, repeat('x', 500) AS x FROM generate_series(1, 20000) n")
        self.psql("SET synchronous_commit = off; DO $$ BEGIN FOR n IN 1 .. 100100 LOOP"
                  " PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
        self.psql("ALTER SYSTEM SET autovacuum_naptime = '1s'; SELECT pg_reload_conf()")
        self.addCleanup(self.psql, "ALTER SYSTEM RESET autovacuum_naptime; SELECT pg_reload_conf()")
        worker = "FROM pg_stat_activity WHERE query LIKE 'autovacuum: %public.t %wraparound)'"
        self.wait_until(f"SELECT count(*) = 1 {worker}", timeout_s=60)
        pid = self.psql(f"SELECT pid {worker}")
        said = self.blocked(release=lambda: self.psql(f"SELECT pg_cancel_backend({pid})"))
        self.assertRegex(said, r" waits for \d\.\d s for AccessExclusiveLock on t: pid \d+ \(autovacuum"
                         r" worker\), active, its transaction \d+ s old: autovacuum: VACUUM( ANALYZE)? public\.t"
                         r" \(to prevent wraparound\)\n")

    def test_one_that_waits_itself_is_named_with_whom_it_waits_for(self):
        """An open write, behind it one that wants SHARE, behind that our write."""
        self.psql("CREATE TABLE t (n int)")
        holder = self.session("BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE;")
        pid = self.pid_of("%ROW EXCLUSIVE MODE%")
        waiter = threading.Thread(target=self.psql, args=("BEGIN; LOCK TABLE t IN SHARE MODE;",))
        waiter.start()
        self.wait_for_statement("IN SHARE MODE")
        said = self.blocked({"1_t.up.sql": "INSERT INTO t VALUES (1);"},
                            release=lambda: self.release(holder))
        waiter.join()
        self.assertRegex(said, r"for RowExclusiveLock on t: pid \d+ \(psql, postgres\), active,"
                         rf" itself behind pid {pid}, its transaction \d s old: LOCK TABLE t")

    def test_a_role_that_may_not_see_others(self):
        url = self.make_login("blind")
        self.psql(f"CREATE TABLE t (n int); ALTER TABLE t OWNER TO blind_{self.dbname}")
        holder = self.session("BEGIN; SELECT 'secret' FROM t;")
        said = self.blocked(database=url, release=lambda: self.release(holder))
        self.assertRegex(said, r"for AccessExclusiveLock on t: pid \d+ \(psql, postgres\), of which"
                         r" members of pg_read_all_stats alone see more\n")

    def test_it_stands_aside_also_where_it_may_not_see_others(self):
        url = self.make_login("blind")
        self.psql(f"CREATE TABLE t (n int); ALTER TABLE t OWNER TO blind_{self.dbname}")
        holder = self.session("BEGIN; SELECT 'secret' FROM t;")
        process = self.start_up(ALTER, "--ddl-lock-timeout", "2s", database=url)
        self.wait_for_statement("ALTER TABLE t ADD a int")
        time.sleep(4)
        self.release(holder)
        result = self.finish(process)
        self.assert_good(result)
        self.assertEqual(1, result.stdout.count("try 2 when the way is free"))
        self.assertNotIn("; try 3", result.stdout)

    def test_a_literal_that_the_server_cut_off_is_not_shown(self):
        self.psql("CREATE TABLE t (n int)")
        holder = self.session("BEGIN; SELECT FROM t; SELECT 'secret " + "x" * 3000 + "';")
        said = self.blocked(release=lambda: self.release(holder))
        self.assertRegex(said, r"its transaction \d s old: SELECT \?\n")

    def test_a_lock_of_another_kind(self):
        self.psql("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
        for name, hold, statement, lock in (
                ("a row", "UPDATE t SET n = 2;", "UPDATE t SET n = 3;",
                 "ShareLock on a row that another transaction wrote"),
                ("an advisory lock", "SELECT pg_advisory_xact_lock(42);",
                 "SELECT pg_advisory_xact_lock(42);", "ExclusiveLock on an advisory lock")):
            with self.subTest(name):
                self.psql("DROP TABLE IF EXISTS schema_migrations, pgstride_history")
                holder = self.session(f"BEGIN; {hold}")
                said = self.blocked({"1_t.up.sql": statement}, release=lambda: self.release(holder))
                self.assertRegex(said, rf" waits for \d\.\d s for {lock}: pid \d+")

    def test_who_waits_for_a_lock_that_the_migration_has(self):
        self.psql("CREATE TABLE t (n int)")
        process = self.start_up({"1_a.up.sql": "ALTER TABLE t ADD a int;\nSELECT pg_sleep(5);"},
                                "--heartbeat", "3s")
        self.wait_for_statement("pg_sleep(5)")
        behind = [threading.Thread(target=self.psql, args=("SELECT * FROM t",)) for _ in range(2)]
        for thread in behind:
            thread.start()
        result = self.finish(process)
        for thread in behind:
            thread.join()
        self.assert_good(result)
        self.assertRegex(result.stdout, r" WARN  1_a, line 2, runs for 3\.\d s; 2 sessions wait"
                         r" behind us\n")

    def watcher_pid(self):
        name = "application_name = 'pgstride watcher' AND datname = current_database()"
        self.wait_until(f"SELECT count(*) = 1 FROM pg_stat_activity WHERE {name}")
        return int(self.psql(f"SELECT pid FROM pg_stat_activity WHERE {name}"))

    def test_the_run_goes_on_when_the_watcher_is_ended(self):
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(6);"}, "--heartbeat", "1s")
        self.psql(f"SELECT pg_terminate_backend({self.watcher_pid()})")
        result = self.finish(process)
        self.assert_good(result)
        self.assertEqual(1, result.stdout.count(" WARN  what the statement waits for cannot be"
                                                " seen: "), result.stdout)

    def test_the_run_goes_on_when_the_watcher_gets_no_answer(self):
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(4);", "2_b.up.sql": "SELECT 1;"})
        pid = self.watcher_pid()
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        result = self.finish(process, timeout=20)
        self.assert_good(result)
        self.assertIn(" WARN  what the statement waits for cannot be seen: the server did not answer"
                      " within 1500 ms\n", result.stdout)

    def test_a_limit_that_the_file_sets_is_watched_from_the_second_try(self):
        self.hold()
        files = {"1_t.up.sql": "SET lock_timeout = '400ms';\nALTER TABLE t ADD a int;\n"}
        result = self.up(files, "--retry-for", "3s")
        self.assertEqual(1, result.status)
        self.assertIn("detail: It waited for AccessExclusiveLock on t: pid ", result.stdout)

    def test_the_blockers_of_the_end_are_in_the_history_and_in_slack(self):
        slack = Webhook.start(answers=((200, "ok", {}), (200, "ok", {})), tls=False)
        self.addCleanup(slack.stop)
        for name, head in (("in a transaction", ""), ("outside", "-- pgstride: no-transaction\n")):
            with self.subTest(name):
                self.psql("DROP TABLE IF EXISTS t, schema_migrations, pgstride_history")
                holder = self.hold()
                pid = self.pid_of("%secret%")
                result = self.up({"1_t.up.sql": head + ALTER["1_t.up.sql"]},
                                 "--ddl-lock-timeout", "600ms", "--retry-for", "1s",
                                 "--slack-webhook-url", slack.url)
                self.release(holder)
                self.assertEqual(1, result.status)
                wanted = f"It waited for AccessExclusiveLock on t: pid {pid} (psql, postgres)"
                self.assertIn(f"detail: {wanted}", result.stdout)
                kept, = self.history("error ->> 'detail'")
                self.assertIn(wanted, kept)
                self.assertNotIn("secret", kept)
                self.assertIn(wanted, json.dumps(slack.requests[-1].body))

    def test_a_concurrent_build_warns_of_older_transactions(self):
        self.psql("CREATE TABLE t (n int)")
        holder = self.session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t;")
        pid = self.pid_of("%count(*) FROM t;")
        time.sleep(5.5)
        process = self.start_up({"1_i.up.sql": "-- so\nCREATE INDEX CONCURRENTLY i ON t (n);"},
                                "--ddl-lock-timeout", "200ms")
        lines = process.stdout.readline() + process.stdout.readline()
        time.sleep(1)
        self.assertIsNone(process.poll(), "a time-out ends it")
        self.release(holder)
        self.assert_good(self.finish(process))
        self.assertRegex(lines, r" WARN  1_i, line 2, may have to wait until older transactions are"
                         rf" over: pid {pid} \(psql, postgres\), idle in transaction, its"
                         r" transaction \d+ s old: SELECT count\(\*\) FROM t\n")

    def test_a_partition_is_detached_however_long_that_takes(self):
        self.psql("CREATE TABLE t (n int) PARTITION BY LIST (n);"
                  "CREATE TABLE p PARTITION OF t FOR VALUES IN (1)")
        holder = self.session("BEGIN; SELECT count(*) FROM t;")
        process = self.start_up(
            {"1_p.up.sql": "ALTER TABLE t DETACH PARTITION p CONCURRENTLY;"},
            "--ddl-lock-timeout", "200ms")
        self.wait_for_statement("DETACH PARTITION p")
        time.sleep(1.5)
        self.assertIsNone(process.poll())
        self.release(holder)
        result = self.finish(process)
        self.assert_good(result)
        self.assertNotIn("rolled back", result.stdout)
        self.assertEqual("f", self.psql("SELECT relispartition FROM pg_class WHERE relname = 'p'"))

    def detach_by_half(self):
        """The files, which are refused now."""
        self.psql("CREATE TABLE t (n int) PARTITION BY LIST (n);"
                  "CREATE TABLE p PARTITION OF t FOR VALUES IN (1)")
        holder = self.session("BEGIN; SELECT count(*) FROM t;")
        detach = {"1_p.up.sql": "ALTER TABLE t DETACH PARTITION p CONCURRENTLY;"}
        process = self.start_up(detach)
        self.wait_until("SELECT bool_or(inhdetachpending) FROM pg_inherits")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(1, self.finish(process).status)
        self.release(holder)
        self.assert_log(self.up(detach), """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: 1 -> 1
            <time> WARN  1_p goes on at statement 1 of 1, where an earlier run stopped
            <time> ERROR 1_p.up.sql:1:1: partition "p" already pending detach in partitioned table "public.t" (55000)
                               1 | ALTER TABLE t DETACH PARTITION p CONCURRENTLY;
                               hint: Use ALTER TABLE ... DETACH PARTITION ... FINALIZE to complete the pending detach operation.
                               It ran outside a transaction: what stands before this statement was kept, and the version is 1, dirty, until the rest is done. Mend the file and run again: it goes on here.
            <time> ERROR failed: 0 of 1 applied in <duration>; 1 -> 1 (wanted 1); a retry will not help
        """, status=1)
        return detach

    def test_a_partition_that_is_half_detached_is_finished_by_hand(self):
        detach = self.detach_by_half()
        self.psql("ALTER TABLE t DETACH PARTITION p FINALIZE")
        self.assert_log(self.up(detach), """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: 1 -> 1
            <time> WARN  1_p goes on at statement 1 of 1, where an earlier run stopped
            <time> WARN  p is gone from where it was: an earlier run removed it, and was stopped before it could say so
            <time> INFO  1_p applied in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 1 migration applied in <duration>; 1 -> 1
        """, status=0)

    def test_a_partition_that_is_half_detached_is_finished_by_another_statement(self):
        self.detach_by_half()
        self.assert_good(self.up({"1_p.up.sql": "ALTER TABLE t DETACH PARTITION p FINALIZE;"}))
        self.assertEqual("f", self.psql("SELECT relispartition FROM pg_class WHERE relname = 'p'"))

    def test_how_far_others_are(self):
        self.psql("CREATE TABLE big AS SELECT n, md5(n::text) AS m FROM generate_series(1, 1000) n;"
                  "CREATE FUNCTION slow(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$"
                  " BEGIN PERFORM pg_sleep(0.001); RETURN $1; END $$;"
                  "CREATE INDEX i ON big (slow(m));"
                  "CREATE TABLE target (n int CHECK (slow(n::text) IS NOT NULL))")
        rows = "".join(f"{n}\n" for n in range(1500))
        for name, sql, phase in (
                ("rewrite", "VACUUM FULL big;", r"rebuilding index"),
                ("analyze", "ANALYZE big;", r"[a-z ]+, \d+ %"),
                ("copy", f"COPY target FROM stdin;\n{rows}\\.\n", r"copying, \d+ rows so far")):
            with self.subTest(name):
                self.psql("DROP TABLE IF EXISTS schema_migrations, pgstride_history")
                result = self.up({"1_a.up.sql": sql}, "--heartbeat", "500ms",
                                 "--ddl-lock-timeout", "800ms")
                self.assert_good(result)
                self.assertRegex(result.stdout, rf" INFO  1_a, line 1, runs for \d\.\d s: {phase}")

    def test_a_heartbeat_says_how_long(self):
        result = self.up({"1_a.up.sql": "\nSELECT pg_sleep(4.5);"}, "--heartbeat", "1s")
        self.assert_good(result)
        beats = re.findall(r" INFO  1_a, line 2, runs for (\d)\.\d s\n", result.stdout)
        self.assertIn(beats, (["2", "3"], ["2", "3", "4"]))

    def test_no_heartbeat_where_none_is_wanted(self):
        result = self.up({"1_a.up.sql": "SELECT pg_sleep(3);"}, "--heartbeat", "0")
        self.assert_good(result)
        self.assertNotIn("runs for", result.stdout)

    def test_how_far_an_index_is(self):
        self.psql("CREATE TABLE big AS SELECT n, md5(n::text) AS m FROM generate_series(1, 400000) n")
        self.psql("CREATE FUNCTION slow(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$"
                  " BEGIN IF right($1, 3) = '000' THEN PERFORM pg_sleep(0.05); END IF; RETURN $1; END $$")
        result = self.up({"1_i.up.sql": "CREATE INDEX CONCURRENTLY i ON big (slow(m));"},
                         "--heartbeat", "1s")
        self.assert_good(result)
        self.assertRegex(result.stdout, r" INFO  1_i, line 1, runs for \d\.\d s: building index:"
                         r" scanning table, \d+ %\n")

    def test_a_concurrent_build_names_the_old_transaction_it_waits_for(self):
        self.psql("CREATE TABLE t (n int)")
        holder = self.session("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t;")
        pid = self.pid_of("%count(*) FROM t;")
        process = self.start_up({"1_i.up.sql": "CREATE INDEX CONCURRENTLY i ON t (n);"})
        lines = process.stdout.readline() + process.stdout.readline()
        self.release(holder)
        self.assert_good(self.finish(process))
        self.assertRegex(lines, r" WARN  1_i, line 1, waits for \d\.\d s for ShareLock on an older"
                         rf" transaction: pid {pid} \(psql, postgres\), idle in transaction")

    def test_as_json(self):
        holder = self.hold()
        process = self.start_up(ALTER, "--ddl-lock-timeout", "20s", "--log-format", "json")
        events = [json.loads(process.stdout.readline()) for _ in range(3)]
        self.release(holder)
        self.assert_good(self.finish(process))
        event = events[-1]
        self.assertEqual(
            ("migration.blocked", "WARNING", "1_t", 1, 2, 0),
            (event["event"], event["severity"], event["migration"], event["version"],
             event["line"], event["waiting"]))
        self.assertEqual("AccessExclusiveLock on t", event["lock"])
        blocker, = event["blockers"]
        self.assertIsInstance(blocker.pop("pid"), int)
        self.assertIsInstance(blocker.pop("transaction_s"), int)
        self.assertEqual({"application": "psql", "user": "postgres", "state": "idle in transaction",
                          "query": "SELECT ?, ? FROM t"}, blocker)

    def test_without_a_second_connection_the_run_goes_on(self):
        url = self.make_login("lonely", "CONNECTION LIMIT 1")
        result = self.up({"1_a.up.sql": "SELECT pg_sleep(3);"}, "--heartbeat", "1s", database=url)
        self.assert_good(result)
        self.assertEqual(1, result.stdout.count(" WARN  what the statement waits for cannot be seen"))
