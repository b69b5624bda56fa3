# SPDX-License-Identifier: Apache-2.0
"""down, and what comes in between: signals, a lost connection, rivals."""

import signal

from database.case import DatabaseCase, lock_key
from support.proxy import LosingProxy

ALONE = "-- pgstride: no-transaction\n"
FILES = {}
for n in range(1, 4):
    FILES[f"{n}_t.up.sql"] = f"CREATE TABLE t{n} ();\n"
    FILES[f"{n}_t.down.sql"] = f"DROP TABLE t{n};\n"
LOST = ("the connection to the database was lost: server closed the connection unexpectedly; This "
        "probably means the server terminated abnormally; before or while processing the request.")
SLOW = {**FILES, "2_t.down.sql": "DROP TABLE t2;\nSELECT pg_sleep(30);\n"}
SLOW_ALONE = {**FILES, "2_t.down.sql": ALONE + "DROP TABLE t2;\nSELECT pg_sleep(30);\nSELECT 1;\n"}


class StoppedCase(DatabaseCase):
    def start_down(self, files, *words, database=None):
        return self.start_pgstride(*self.options(files, database), "down", *words)

    def start_over(self, files=None):
        self.psql("DROP TABLE IF EXISTS t1, t2, t3, schema_migrations, pgstride_history")
        self.assert_good(self.up(files or FILES))

    def assert_state(self, tables, version):
        self.assertEqual((tables, version), (self.tables(), self.version()))

    def ways(self):
        return self.history("version, direction, outcome")[3:]

    def quick(self, files):
        return {**files, "2_t.down.sql": files["2_t.down.sql"].replace("30", "0")}


class Stopped(StoppedCase):
    def test_by_sigterm(self):
        self.start_over(SLOW)
        process = self.start_down(SLOW, "--all")
        self.wait_for_statement("pg_sleep(30)")
        process.send_signal(signal.SIGTERM)
        self.assert_log(self.finish(process, timeout=8), """
            <time> INFO  reverting 3 of 3 applied migrations on <database> at 127.0.0.1: 3 -> none
            <time> INFO  3_t reverted in <duration> (1 statement); current version is 2
            <time> ERROR 2_t.down.sql:2:1: stopped by SIGTERM
                               2 | SELECT pg_sleep(30);
                               Nothing of this migration was kept: the database is at 2, clean.
            <time> ERROR failed: 1 of 3 reverted in <duration>; 3 -> 2 (wanted none); a retry may help
        """, status=1)
        self.assert_state("t1 t2", "2|f")
        self.assertEqual(["3|down|applied", "2|down|failed"], self.ways())
        self.assert_good(self.pgstride(self.quick(SLOW), "down", "--all"))
        self.assert_state("", "")

    def test_by_sigterm_outside_a_transaction(self):
        self.start_over(SLOW_ALONE)
        process = self.start_down(SLOW_ALONE, "--all")
        self.wait_for_statement("pg_sleep(30)")
        process.send_signal(signal.SIGTERM)
        self.assert_log(self.finish(process, timeout=8), """
            <time> INFO  reverting 3 of 3 applied migrations on <database> at 127.0.0.1: 3 -> none
            <time> INFO  3_t reverted in <duration> (1 statement); current version is 2
            <time> ERROR 2_t.down.sql:3:1: stopped by SIGTERM
                               3 | SELECT pg_sleep(30);
                               It ran outside a transaction: what stands before this statement was kept, and the version is 1, dirty, until the rest is done. Run again: it goes on here.
            <time> ERROR failed: 1 of 3 reverted in <duration>; 3 -> 2 (wanted none); a retry may help
        """, status=1)
        self.assert_state("t1", "1|t")
        self.assertEqual(["3|down|applied", "2|down|failed"], self.ways())
        self.assert_good(self.pgstride(self.quick(SLOW_ALONE), "down", "--all"))
        self.assert_state("", "")

    def test_by_a_kill(self):
        for files, state, goes_on in (
            (SLOW, ("t1 t2", "2|f"), False), (SLOW_ALONE, ("t1", "1|t"), True),
        ):
            with self.subTest(goes_on):
                self.start_over(files)
                process = self.start_down(files, "2")
                self.wait_for_statement("pg_sleep(30)")
                process.kill()
                process.wait()
                self.wait_until("SELECT count(*) FROM pg_stat_activity"
                                " WHERE application_name = 'pgstride'"
                                " AND datname = current_database()", "0")
                self.assert_state(*state)
                self.assertEqual("2|down|started" if goes_on else "3|down|applied", self.ways()[-1])
                result = self.pgstride(self.quick(files), "down", "1")
                self.assert_good(result)
                self.assertEqual(goes_on, "goes on at statement 2 of 3" in result.stdout)
                self.assert_state("t1", "1|f")

    def test_its_session_is_ended_and_it_tries_again(self):
        """What it tries again is what it checked: with the sleep."""
        for files, says in ((SLOW, ""), (SLOW_ALONE, """
            <time> WARN  2_t goes on at statement 2 of 3, where an earlier run stopped""")):
            with self.subTest(says):
                shorter = {**files, "2_t.down.sql": files["2_t.down.sql"].replace("30", "2")}
                self.start_over(shorter)
                process = self.start_down(shorter, "2")
                self.wait_for_statement("pg_sleep(2)")
                self.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                          " WHERE application_name = 'pgstride' AND datname = current_database()")
                result = self.finish(process)
                self.assertEqual(1, result.stdout.count("3_t reverted in "), result.stdout)
                self.assertIn("connecting again: ", result.stdout)
                self.assertEqual(bool(says), "goes on at statement 2 of 3" in result.stdout)
                self.assertEqual(0, result.status, result.stdout)
                self.assertIn("succeeded! 2 migrations reverted in ", result.stdout)
                self.assertIn("; 3 -> 1\n", result.stdout)
                self.assert_state("t1", "1|f")


class Lost(StoppedCase):
    """The connection breaks when the commit is done, and before it is heard of."""

    def lose(self, files, number, *words):
        proxy = LosingProxy(self.cluster.port, number=number)
        self.addCleanup(proxy.stop)
        database = self.database.replace(f":{self.cluster.port}/", f":{proxy.port}/")
        return self.pgstride(files, *words, database=database + "?sslmode=disable")

    def test_the_history_cannot_be_asked(self):
        """What had committed is not taken for undone, while another run has the lock."""
        rival = self.session("")
        files = {"1_t.up.sql": "CREATE TABLE t1 ();\nSELECT pg_sleep(1);\n"}
        proxy = LosingProxy(self.cluster.port)
        self.addCleanup(proxy.stop)
        database = self.database.replace(f":{self.cluster.port}/", f":{proxy.port}/")
        process = self.start_up(
            files, "--lock-timeout", "1s", database=database + "?sslmode=disable")
        self.wait_for_statement("pg_sleep(1)")
        rival.stdin.write(f"SELECT pg_advisory_lock({lock_key('/' + self.dbname)});\n")
        rival.stdin.flush()
        self.assert_log(self.finish(process), f"""
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> WARN  connecting again: {LOST}
            <time> WARN  waiting for the migration lock, held by pid <pid> (psql, postgres), idle, connected for <duration>; up to <duration> more
            <time> ERROR 1_t: another run holds the migration lock since before we came, <duration> ago: pid <pid> (psql, postgres), idle, connected for <duration>
                               hint: Let it finish and run again, or wait longer with --lock-timeout.
                               Its transaction either committed whole or left nothing; the next run finds out which.
            <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry may help
        """, status=1)
        self.assert_state("t1", "1|f")

    def test_what_no_other_look_follows(self):
        """drop and force do not connect again: they say that they do not know."""
        self.start_over()
        for words, undone, hint in (
            (("force", "2"), "the version was set",
             "It was, or nothing was changed: look with pgstride version."),
            (("drop", "-f"), "the tables were dropped", "They all were, or none was: run it again."),
        ):
            with self.subTest(words):
                self.assert_log(self.lose(FILES, 1, *words), f"""
                    <time> ERROR it is not known whether {undone}: {LOST}
                                       hint: {hint}
                """, status=1)
        self.assertEqual("", self.tables())

    def test_at_the_commit_of_a_down(self):
        for number, name in ((1, "the first"), (2, "the second"), (3, "the last")):
            with self.subTest(name):
                self.start_over()
                result = self.lose(FILES, number, "down", "--all")
                self.assert_good(result)
                for n in (1, 2, 3):
                    self.assertEqual(1, result.stdout.count(f"{n}_t reverted in "), result.stdout)
                self.assertEqual(1, result.stdout.count("connecting again: "), result.stdout)
                self.assertIn("succeeded! 3 migrations reverted in ", result.stdout)
                self.assert_state("", "")
                self.assertEqual([f"{n}|down|applied" for n in (3, 2, 1)], self.ways())

    def test_the_next_one_means_the_same_one(self):
        self.start_over()
        result = self.lose(FILES, 1, "down", "1")
        self.assert_good(result)
        self.assertIn("succeeded! 1 migration reverted in ", result.stdout)
        self.assertIn("; 3 -> 2\n", result.stdout)
        self.assert_state("t1 t2", "2|f")
        self.assertEqual(["3|down|applied"], self.ways())

    def test_the_only_one(self):
        files = {name: text for name, text in FILES.items() if name[0] == "1"}
        self.assert_good(self.up(files))
        result = self.lose(files, 1, "down", "1")
        self.assert_good(result)
        self.assertIn("; 1 -> none\n", result.stdout)
        self.assert_state("", "")

    def test_outside_a_transaction(self):
        files = {**FILES, "3_t.down.sql": ALONE + "DROP TABLE t3;\nSELECT 1;\n"}
        for number, name in ((1, "at its start"), (2, "at its end")):
            with self.subTest(name):
                self.start_over(files)
                result = self.lose(files, number, "down", "1")
                self.assert_good(result)
                self.assertEqual(1, result.stdout.count("3_t reverted in "), result.stdout)
                self.assertIn("; 3 -> 2\n", result.stdout)
                self.assert_state("t1 t2", "2|f")
                self.assertEqual(["3|down|applied"], self.ways())

    def test_with_copied_data(self):
        files = {**FILES, "3_t.down.sql": "DROP TABLE t3;\nCOPY t1 FROM stdin;\n\n\\.\n"}
        self.start_over(files)
        result = self.lose(files, 1, "down", "1")
        self.assert_good(result)
        self.assertEqual("1", self.psql("SELECT count(*) FROM t1"))
        self.assert_state("t1 t2", "2|f")

    def test_up_too(self):
        for number in (1, 2, 3):
            with self.subTest(number):
                self.start_over()
                self.assert_good(self.pgstride(FILES, "down", "--all"))
                result = self.lose(FILES, number, "up")
                self.assert_good(result)
                for n in (1, 2, 3):
                    self.assertEqual(1, result.stdout.count(f"{n}_t applied in "), result.stdout)
                self.assertIn("succeeded! 3 migrations applied in ", result.stdout)
                self.assert_state("t1 t2 t3", "3|f")

    def test_goto(self):
        self.start_over()
        result = self.lose(FILES, 1, "goto", "1")
        self.assert_good(result)
        self.assertIn("succeeded! 2 migrations reverted in ", result.stdout)
        self.assert_state("t1", "1|f")


class Rivals(StoppedCase):
    def make(self, count, extra=""):
        files = {}
        for n in range(1, count + 1):
            files[f"{n}_t.up.sql"] = f"CREATE TABLE t{n} ();\n"
            files[f"{n}_t.down.sql"] = f"DROP TABLE t{n};\nSELECT pg_sleep(0.1);\n{extra}"
        return files

    def run_at_once(self, files, *words, count=4):
        folder = self.folder(files)
        processes = [self.start_down(folder, *words) for _ in range(count)]
        return [self.finish(process) for process in processes]

    def reverted(self, results):
        return [sum(" reverted in " in line and "succeeded" not in line
                    for line in result.stdout.splitlines()) for result in results]

    def test_four_of_one_each(self):
        files = self.make(6)
        self.assert_good(self.up(files))
        results = self.run_at_once(files, "1")
        for result in results:
            self.assert_good(result)
        self.assertEqual([1] * 4, self.reverted(results))
        self.assert_state("t1 t2", "2|f")
        self.assertEqual([f"{n}|down" for n in (6, 5, 4, 3)],
                         self.history("version, direction")[6:])

    def test_four_of_one_each_outside_a_transaction(self):
        files = {name: ALONE + text if "down" in name else text
                 for name, text in self.make(6).items()}
        self.assert_good(self.up(files))
        results = self.run_at_once(files, "1")
        for result in results:
            self.assert_good(result)
        self.assertEqual([1] * 4, self.reverted(results))
        self.assert_state("t1 t2", "2|f")

    def test_four_of_all(self):
        files = self.make(6)
        self.assert_good(self.up(files))
        results = self.run_at_once(files, "--all")
        for result in results:
            self.assert_good(result)
        self.assertEqual(6, sum(self.reverted(results)))
        self.assert_state("", "")

    def test_a_lock_that_is_lost_reverts_nothing_twice(self):
        """The lock is courtesy, the compare-and-set is the guarantee."""
        files = self.make(6, "SELECT pg_advisory_unlock_all();\n")
        self.assert_good(self.up(files))
        results = self.run_at_once(files, "2")
        for result, count in zip(results, self.reverted(results)):
            self.assert_good(result)
            self.assertLessEqual(count, 2)
        ways = self.history("version, direction")[6:]
        self.assertEqual([f"{n}|down" for n in range(6, 6 - len(ways), -1)], ways)
        self.assertEqual(len(ways), sum(self.reverted(results)))
        left = 6 - len(ways)
        self.assert_state(" ".join(f"t{n}" for n in range(1, left + 1)),
                          f"{left}|f" if left else "")
