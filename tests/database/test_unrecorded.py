# SPDX-License-Identifier: Apache-2.0
"""Outside a transaction a statement may have run and the history not know of it: it does not run
again in the same run, and who has to know is told."""

import os
import re
import signal
import time

from database.case import DatabaseCase
from support.proxy import LosingProxy

HEAD = "-- pgstride: no-transaction\n"
SLOW = HEAD + ("CREATE TABLE t (n int);\nINSERT INTO t SELECT 1 FROM pg_sleep(1);\n"
               "INSERT INTO t VALUES (2);\n")
SLOW_LAST = HEAD + "CREATE TABLE t (n int);\nINSERT INTO t SELECT 1 FROM pg_sleep(1);\n"
HOLD_HISTORY = "BEGIN; LOCK TABLE pgstride_history IN EXCLUSIVE MODE;"
HOLD_VERSION = "BEGIN; SELECT * FROM schema_migrations FOR UPDATE;"


class Unrecorded(DatabaseCase):
    def rows(self):
        return self.psql("SELECT coalesce(string_agg(n::text, ' ' ORDER BY n), '') FROM t")

    def run_beside(self, text, hold, limit="300ms"):
        """A run, while somebody holds one of our tables from its second statement on."""
        process = self.start_up({"1_b.up.sql": text}, "--ddl-lock-timeout", limit)
        self.wait_for_statement("pg_sleep(1)")
        holder = self.session(hold)
        self.wait_until("SELECT count(*) FROM pg_locks WHERE NOT granted", "1")
        return process, holder

    def test_a_lock_on_the_history_does_not_repeat_it(self):
        process, holder = self.run_beside(SLOW, HOLD_HISTORY)
        self.wait_until("SELECT count(*) FROM pg_locks WHERE NOT granted", "0")
        self.end_session(holder)
        result = self.finish(process)
        self.assertEqual("1 2", self.rows())
        shown = re.sub(r"; (try \d+) .*", r"; \1 …", result.stdout)
        self.assertIn("1_b: no lock on pgstride's own tables in time (55P03), rolled back so that"
                      " the application goes on; try 2 …\n", shown)
        self.assertIn(" WARN  1_b goes on at statement 3 of 3, where an earlier run stopped\n",
                      result.stdout)
        self.assertEqual(["applied|3"], self.history("outcome, statements_done"))

    def test_a_lock_on_the_version_does_not_repeat_the_last_one(self):
        process, holder = self.run_beside(SLOW_LAST, HOLD_VERSION)
        self.wait_until("SELECT count(*) FROM pg_locks WHERE NOT granted", "0")
        self.end_session(holder)
        result = self.finish(process)
        self.assert_good(result)
        self.assertEqual("1", self.rows())
        self.assertIn(
            " WARN  of 1_b all statements ran before: it is marked as applied\n",
            result.stdout)
        self.assertEqual("1|f", self.version())

    def test_a_stop_behind_the_last_one_waits_for_its_end(self):
        process, holder = self.run_beside(SLOW_LAST, HOLD_VERSION, "20s")
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.end_session(holder)
        self.assert_good(self.finish(process, timeout=8))
        self.assertEqual("1", self.rows())
        self.assertEqual("1|f", self.version())

    def test_who_stops_it_in_vain_is_told_what_the_history_does_not_know(self):
        files = {"1_b.up.sql": SLOW}
        process, holder = self.run_beside(SLOW, HOLD_HISTORY)
        process.send_signal(signal.SIGTERM)
        result = self.finish(process, timeout=8)
        self.end_session(holder)
        checksum = re.search("'([0-9a-f]{64})'", result.stdout).group(1)
        self.assert_log(result, f"""
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> WARN  the failure could not be entered into the history: cannot write the history: canceling statement due to lock timeout
            <time> WARN  1_b: no lock on pgstride's own tables in time (55P03), rolled back so that the application goes on; try 2 in <duration> (<duration> left)
            <time> ERROR 1_b: stopped by SIGTERM
                               It ran outside a transaction: 2 of its statements ran, and the history knows of 1; the next run would run the rest again. If that must not be, say first: UPDATE "public".pgstride_history SET statements_done = 2, checksum = '{checksum}' WHERE id = 1 AND outcome IN ('started', 'failed') AND statements_done < 2;
            <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry may help
        """, status=1)
        self.psql(re.search("say first: (UPDATE .*;)", result.stdout).group(1))
        self.assert_good(self.up(files))
        self.assertEqual("1 2", self.rows())

    def test_of_a_chain_of_transactions_the_history_knows_what_was_kept(self):
        """Where the run ends behind COMMIT AND CHAIN and can say nothing more to the server."""
        text = ("BEGIN;\nCREATE TABLE t (n int);\nCOMMIT AND CHAIN;\n"
                "INSERT INTO t SELECT 1 FROM pg_sleep(60);\nCOMMIT;\n")
        process = self.start_up({"1_b.up.sql": text})
        self.wait_for_statement("pg_sleep(60)")
        pid = int(self.psql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"
                            " AND pid <> pg_backend_pid()"))
        os.kill(pid, signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        result = self.finish(process, timeout=8)
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(1, result.status)
        self.assertNotIn("the history knows", result.stdout)
        self.assertIn("of its statements the first 2 were kept", result.stdout)
        self.assertEqual(["2"], self.history("statements_done"))

    def test_a_connection_lost_before_it_was_recorded_does_not_repeat_it(self):
        text = HEAD + "CREATE TABLE t (n int);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\n"
        lost = 0
        for number in range(1, 12):
            with self.subTest(number):
                self.psql("DROP TABLE IF EXISTS t, schema_migrations, pgstride_history")
                proxy = LosingProxy(self.cluster.port, b"current_setting", number)
                server = self.cluster
                url = (f"postgres://postgres:{server.password}@127.0.0.1:{proxy.port}"
                       f"/{self.dbname}?sslmode=disable")
                result = self.up({"1_b.up.sql": text}, database=url)
                proxy.stop()
                self.assert_good(result)
                self.assertEqual("1 2", self.rows(), result.stdout)
                lost += "goes on at statement" in result.stdout
        self.assertGreater(lost, 1)

    def test_an_end_that_nobody_heard_of_is_called_so(self):
        files = {"1_b.up.sql": HEAD + "CREATE TABLE t (n int);\n"}
        commit_of_the_end = 2
        proxy = LosingProxy(self.cluster.port, number=commit_of_the_end, is_final=True)
        self.addCleanup(proxy.stop)
        server = self.cluster
        result = self.up(files, "--wait-timeout", "0", database=
                         f"postgres://postgres:{server.password}@127.0.0.1:{proxy.port}"
                         f"/{self.dbname}?sslmode=disable")
        text = re.sub(r"(connecting again: |ERROR 1_b: ).*", r"\1<why>", result.stdout)
        self.assert_log(result._replace(stdout=text), """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> WARN  connecting again: <why>
            <time> ERROR 1_b: <why>
                               hint: Is the server running on that host and accepting TCP/IP connections?
                               It ran outside a transaction, all of it, and was either marked as applied or not; the next run finds out which.
            <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry may help
        """, status=1)
        self.assertEqual("1|f", self.version())
        self.assertIn("nothing to do; current version is 1", self.up(files).stdout)


class WithoutTheLock(DatabaseCase):
    """A file gave up the migration lock."""

    def test_the_next_run_waits_for_the_session_that_is_at_it(self):
        files = {"1_b.up.sql": HEAD + "DISCARD ALL;\nCREATE TABLE t (n int);\n"
                                      "SELECT pg_sleep(2);\nINSERT INTO t VALUES (2);\n"}
        first = self.start_up(files)
        self.wait_for_statement("pg_sleep(2)")
        second = self.up(files)
        self.assert_good(self.finish(first))
        self.assertEqual("2", self.psql("SELECT string_agg(n::text, ' ') FROM t"))
        self.assertIn("another run is at 1_b, by pid ", second.stdout)
        self.assertIn("nothing to do", second.stdout)
        self.assert_good(second)

    def test_whatever_role_it_has_taken(self):
        role = f"{self.dbname}_owner"
        login = f"{self.dbname}_login"
        self.psql(f"CREATE ROLE {role}; CREATE ROLE {login} LOGIN IN ROLE {role} PASSWORD 'lock-word';"
                  f"GRANT ALL ON SCHEMA public TO {role}")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {login}; DROP ROLE {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}")
        url = (f"postgres://{login}:lock-word@127.0.0.1:{self.cluster.port}/{self.dbname}"
               "?sslmode=require")
        files = {"1_b.up.sql": HEAD + "SELECT pg_advisory_unlock_all();\nCREATE TABLE t (n int);\n"
                                      "INSERT INTO t SELECT 2 FROM pg_sleep(2);\n"}
        first = self.start_up(files, "--role", role, database=url)
        self.wait_for_statement("pg_sleep(2)")
        second = self.up(files, "--role", role, database=url)
        self.assert_good(self.finish(first))
        self.assert_good(second)
        self.assertIn("another run is at 1_b, by pid ", second.stdout)
        self.assertEqual("2", self.psql("SELECT string_agg(n::text, ' ') FROM t"))

    def test_it_goes_on_when_that_session_is_gone(self):
        files = {"1_b.up.sql": HEAD + "DISCARD ALL;\nCREATE TABLE t (n int);\n"
                                      "SELECT pg_sleep(2);\nINSERT INTO t VALUES (2);\n"}
        first = self.start_up(files)
        self.wait_for_statement("pg_sleep(2)")
        second = self.start_up(files)
        self.wait_until("SELECT count(*) > 1 FROM pg_stat_activity WHERE"
                        " application_name LIKE 'pgstride%' AND datname = current_database()")
        first.kill()
        first.wait()
        self.assert_good(self.finish(second))
        self.assertEqual("2", self.psql("SELECT string_agg(n::text, ' ') FROM t"))

    def test_a_run_that_was_overtaken_records_nothing(self):
        """Whatever let another take its attempt over."""
        process = self.start_up({"1_b.up.sql": SLOW})
        self.wait_for_statement("pg_sleep(1)")
        self.psql("UPDATE pgstride_history SET run_id = gen_random_uuid(), statements_done = 3,"
                  " outcome = 'applied'; UPDATE schema_migrations SET dirty = false")
        self.finish(process)
        self.assertEqual("1", self.psql("SELECT string_agg(n::text, ' ') FROM t"))
        self.assertEqual(["applied|3"], self.history("outcome, statements_done"))

    def test_nor_does_one_that_then_fails(self):
        process = self.start_up({"1_b.up.sql": HEAD + "DO $$ BEGIN PERFORM pg_sleep(1);"
                                               " RAISE 'late'; END $$;\n"})
        self.wait_for_statement("pg_sleep(1)")
        self.psql("UPDATE pgstride_history SET run_id = gen_random_uuid(), statements_done = 1,"
                  " outcome = 'applied'; UPDATE schema_migrations SET dirty = false")
        self.assertEqual(1, self.finish(process).status)
        self.assertEqual(["applied|1"], self.history("outcome, statements_done"))


class Roles(DatabaseCase):
    def make_role(self, name, words):
        role = f"{self.dbname}_{name}"
        self.psql(f"CREATE ROLE {role} {words}")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}")
        return role

    def test_a_login_whose_default_role_has_the_rights(self):
        """As Vault makes them."""
        owner = self.make_role("owner", "")
        login = self.make_role("login", f"LOGIN NOINHERIT IN ROLE {owner} PASSWORD 'vault-word'")
        self.psql(f"ALTER ROLE {login} SET role = {owner}; GRANT CREATE, USAGE ON SCHEMA public TO {owner}")
        server = self.cluster
        url = f"postgres://{login}:vault-word@127.0.0.1:{server.port}/{self.dbname}?sslmode=require"
        text = HEAD + "CREATE TABLE t (n int);\nINSERT INTO t VALUES (1);\nSET ROLE none;\nRESET ROLE;\n"
        self.assert_good(self.up({"1_a.up.sql": text}, database=url))
        self.assertEqual("1", self.psql("SELECT string_agg(n::text, ' ') FROM t"))
        self.assertEqual(owner, self.psql(
            "SELECT tableowner FROM pg_tables WHERE tablename = 'pgstride_history'"))

    def test_a_file_that_took_a_role_goes_on_in_it(self):
        limited = self.make_role("limited", "")
        self.psql(f"GRANT CREATE, USAGE ON SCHEMA public TO {limited};"
                  "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (1);"
                  f"ALTER TABLE t OWNER TO {limited}")
        files = {"1_i.up.sql": HEAD + f"SET ROLE {limited};\nCREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n);\n"
                               "CREATE TABLE u ();\n"}
        self.assertEqual(1, self.up(files).status)
        self.psql("DELETE FROM t")
        self.assert_good(self.up(files))
        self.assertEqual(limited, self.psql("SELECT tableowner FROM pg_tables WHERE tablename = 'u'"))
