# SPDX-License-Identifier: Apache-2.0
"""The watcher: who is in the way of a statement, who waits behind it, and how far it is."""

import json
import re
import threading
import time

from database.case import DatabaseCase

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
        self.assertRegex(line, r" WARN  1_t, line 2, waits for 2\.\d s for AccessExclusiveLock on"
                         rf" t: pid {pid} \(psql, postgres\), idle in transaction, its transaction"
                         r" \d s old: SELECT \?, \? FROM t;; 1 session waits behind us\n")
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
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(1);"})
        self.wait_for_statement("pg_sleep(1)")
        time.sleep(0.5)
        self.assertEqual("0", self.psql("SELECT count(*) FROM pg_stat_activity"
                                        " WHERE application_name = 'pgstride watcher'"))
        self.assert_good(self.finish(process))

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
        self.assertRegex(lines, r" WARN  1_i, line 1, waits for 2\.\d s for ShareLock on an older"
                         rf" transaction: pid {pid} \(psql, postgres\), idle in transaction")

    def test_as_json(self):
        holder = self.hold()
        process = self.start_up(ALTER, "--ddl-lock-timeout", "20s", "--log-format", "json")
        events = [json.loads(process.stdout.readline()) for _ in range(3)]
        self.release(holder)
        self.assert_good(self.finish(process))
        event = events[-1]
        self.assertEqual(
            ("migration.blocked", "WARNING", "1_t", 2, 0),
            (event["event"], event["severity"], event["migration"], event["line"],
             event["waiting"]))
        self.assertEqual("AccessExclusiveLock on t", event["lock"])
        blocker, = event["blockers"]
        self.assertIsInstance(blocker.pop("pid"), int)
        self.assertIsInstance(blocker.pop("transaction_s"), int)
        self.assertEqual({"application": "psql", "user": "postgres", "state": "idle in transaction",
                          "query": "SELECT ?, ? FROM t;"}, blocker)

    def test_without_a_second_connection_the_run_goes_on(self):
        self.psql(f"CREATE ROLE lonely_{self.dbname} LOGIN CONNECTION LIMIT 1 PASSWORD 'p'")
        self.addCleanup(self.psql, f"DROP OWNED BY lonely_{self.dbname};"
                                   f" DROP ROLE lonely_{self.dbname}")
        self.psql(f"GRANT CREATE, USAGE ON SCHEMA public TO lonely_{self.dbname}")
        url = self.cluster.url(self.dbname, user=f"lonely_{self.dbname}", password="p")
        result = self.up({"1_a.up.sql": "SELECT pg_sleep(3);"}, "--heartbeat", "1s", database=url)
        self.assert_good(result)
        self.assertEqual(1, result.stdout.count(" WARN  what the statement waits for cannot be seen"))
