# SPDX-License-Identifier: Apache-2.0
"""What an option decides: late files, edited files, a newer database, time limits, directives."""

import re
import threading
import time

from database.case import DatabaseCase

FAILED = "<time> ERROR failed: nothing was applied; a retry will not help"


def make(*numbers):
    return {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();\n" for n in numbers}


class OutOfOrder(DatabaseCase):
    LATE = make(1, 2, 3, 4, 5)

    def setUp(self):
        super().setUp()
        self.assert_good(self.up(make(1, 4)))

    def test_fail_names_the_files(self):
        for options in ((), ("--out-of-order", "fail")):
            with self.subTest(options):
                self.assert_log(self.up(self.LATE, *options), f"""
                    <time> ERROR pending, but older than the database's version 4: 2_t.up.sql, 3_t.up.sql
                                       hint: Give them a newer version; or apply them where they stand with --out-of-order apply.
                    {FAILED}
                """, status=1)
        self.assertEqual("t1 t4", self.tables())
        self.assertEqual("4|f", self.version())

    def test_fail_names_the_one_file(self):
        self.assert_log(self.up(make(1, 2, 4)), f"""
            <time> ERROR pending, but older than the database's version 4: 2_t.up.sql
                               hint: Give it a newer version; or apply it where it stands with --out-of-order apply.
            {FAILED}
        """, status=1)

    def test_fail_names_a_few_of_many(self):
        self.assert_good(self.up(make(1, 4, 20)))
        self.assert_log(self.up(make(1, 2, 3, 4, 5, 6, 7, 8, 9, 20)), f"""
            <time> ERROR pending, but older than the database's version 20: 2_t.up.sql, 3_t.up.sql, 5_t.up.sql, 6_t.up.sql, 7_t.up.sql, …
                               hint: Give them a newer version; or apply them where they stand with --out-of-order apply.
            {FAILED}
        """, status=1)

    def test_apply_applies_them_first_and_keeps_the_version(self):
        self.assert_log(self.up(self.LATE, "--out-of-order", "apply"), """
            <time> INFO  3 of 5 migrations pending on <database> at 127.0.0.1: 4 -> 5
            <time> INFO  2_t applied in <duration> (1 statement); current version is 4
            <time> INFO  3_t applied in <duration> (1 statement); current version is 4
            <time> INFO  5_t applied in <duration> (1 statement); current version is 5
            <time> INFO  succeeded! 3 migrations applied in <duration>; 4 -> 5
        """, status=0)
        self.assertEqual("t1 t2 t3 t4 t5", self.tables())
        self.assertEqual("5|f", self.version())
        self.assert_log(self.up(self.LATE), """
            <time> INFO  none of 5 migrations pending on <database> at 127.0.0.1; current version is 5
            <time> INFO  succeeded! nothing to do; current version is 5
        """, status=0)

    def test_a_late_file_that_runs_outside_a_transaction(self):
        files = {**make(1, 4), "2_i.up.sql": "CREATE INDEX CONCURRENTLY i ON t4 ((1));"}
        self.assert_good(self.up(files, "--out-of-order", "apply"))
        self.assertEqual("4|f", self.version())
        self.assertEqual("2|2_i|up|applied", self.history()[-1])
        self.assertIn("nothing to do", self.up(files).stdout)

    def test_a_late_file_that_fails(self):
        files = {**make(1, 4, 5), "2_t.up.sql": "SELECT nope;"}
        self.assert_log(self.up(files, "--out-of-order", "apply"), """
            <time> INFO  2 of 4 migrations pending on <database> at 127.0.0.1: 4 -> 5
            <time> ERROR 2_t.up.sql:1:8: column "nope" does not exist (42703)
                               1 | SELECT nope;
                                 |        ^
                               Nothing of this migration was kept: the database is at 4, clean. Mend the file and run again.
            <time> ERROR failed: 0 of 2 applied in <duration>; 4 -> 4 (wanted 5); a retry will not help
        """, status=1)
        self.assertEqual("t1 t4", self.tables())

    def test_skip_warns_each_time_and_goes_on(self):
        self.assert_log(self.up(self.LATE, "--out-of-order", "skip"), """
            <time> INFO  1 of 5 migrations pending on <database> at 127.0.0.1: 4 -> 5
            <time> WARN  skipped, since the database is past them, at 4: 2_t.up.sql, 3_t.up.sql
            <time> INFO  5_t applied in <duration> (1 statement); current version is 5
            <time> INFO  succeeded! 1 migration applied in <duration>; 4 -> 5
        """, status=0)
        self.assert_log(self.up(self.LATE, "--out-of-order", "skip"), """
            <time> INFO  none of 5 migrations pending on <database> at 127.0.0.1; current version is 5
            <time> WARN  skipped, since the database is past them, at 5: 2_t.up.sql, 3_t.up.sql
            <time> INFO  succeeded! nothing to do; current version is 5
        """, status=0)
        self.assertEqual("t1 t4 t5", self.tables())


class LateBesideHalfDone(DatabaseCase):
    """An older file that comes while a newer one is half done was not applied by anybody."""

    HALF = {**make(5), "5_t.up.sql": "-- pgstride: no-transaction\nCREATE TABLE t5 ();\nSELECT nope;"}

    def check(self, before, late, tables):
        self.assertEqual(1, self.up({**before, **self.HALF}).status)
        self.assertEqual("5|t", self.version())
        files = {**before, **self.HALF, **late}
        self.assert_log(self.up(files), f"""
            <time> ERROR pending, but older than the database's version 5: 3_t.up.sql
                               hint: Give it a newer version; or apply it where it stands with --out-of-order apply.
            {FAILED}
        """, status=1)
        self.assertNotIn("adopted", "".join(self.history()))
        mended = {**files, "5_t.up.sql": self.HALF["5_t.up.sql"].replace("SELECT nope", "SELECT 1")}
        self.assert_good(self.up(mended, "--out-of-order", "apply"))
        self.assertEqual(tables, self.tables())
        self.assertEqual("5|f", self.version())

    def test_the_first_of_all_is_half_done(self):
        self.check({}, make(3), "t3 t5")

    def test_with_others_below(self):
        self.check(make(1, 2), make(3), "t1 t2 t3 t5")


    def test_one_does_not_go_down_past_a_late_one_that_is_half_done(self):
        files = {f"{n}_t.{way}.sql": sql for n in (1, 3, 4) for way, sql in (
            ("up", f"CREATE TABLE t{n} ();"), ("down", f"DROP TABLE t{n};"))}
        self.assert_good(self.up(files))
        files["2_t.up.sql"] = "-- pgstride: no-transaction\nCREATE TABLE t2 ();\nSELECT nope;"
        self.assertEqual(1, self.up(files, "--out-of-order", "apply").status)
        for words, done in ((("down", "2"), "reverted"), (("down", "--all"), "reverted"),
                            (("goto", "1"), "applied")):
            with self.subTest(words):
                self.assert_log(self.pgstride(files, *words), f"""
                    <time> ERROR 2_t stopped on its way up, outside a transaction, with 1 of 2 statements done: what is older cannot be reverted
                                       hint: Let it go on first: pgstride up 1 --out-of-order apply.
                    {FAILED.replace("applied", done)}
                """, status=1)
        self.assert_good(self.pgstride(files, "down", "1"))
        files["2_t.up.sql"] = files["2_t.up.sql"].replace("SELECT nope", "CREATE TABLE rest ()")
        self.assert_good(self.up(files, "--out-of-order", "apply", "up", "1"))
        self.assertEqual("rest t1 t2 t3", self.tables())


class Drift(DatabaseCase):
    EDITED = {**make(1, 2, 3), "1_t.up.sql": "CREATE TABLE t1 (edited int);\n"}
    HINT = ("Put the file back and make the change in a new migration; or accept the edit with"
            " --drift warn.")

    def setUp(self):
        super().setUp()
        self.assert_good(self.up(make(1, 2)))

    def test_fail_names_the_file(self):
        for options in ((), ("--drift", "fail")):
            with self.subTest(options):
                self.assert_log(self.up(self.EDITED, *options), f"""
                    <time> ERROR edited after it was applied: 1_t.up.sql
                                       hint: {self.HINT}
                    {FAILED}
                """, status=1)
        self.assertEqual("t1 t2", self.tables())

    def test_fail_names_the_files(self):
        files = {**self.EDITED, "2_t.up.sql": "-- nothing\n"}
        self.assert_log(self.up(files), f"""
            <time> ERROR edited after they were applied: 1_t.up.sql, 2_t.up.sql
                               hint: {self.HINT}
            {FAILED}
        """, status=1)

    def test_warn_goes_on(self):
        self.assert_log(self.up(self.EDITED, "--drift", "warn"), """
            <time> INFO  1 of 3 migrations pending on <database> at 127.0.0.1: 2 -> 3
            <time> WARN  edited after it was applied: 1_t.up.sql
            <time> INFO  3_t applied in <duration> (1 statement); current version is 3
            <time> INFO  succeeded! 1 migration applied in <duration>; 2 -> 3
        """, status=0)

    def test_ignore_says_nothing(self):
        self.assert_log(self.up(self.EDITED, "--drift", "ignore"), """
            <time> INFO  1 of 3 migrations pending on <database> at 127.0.0.1: 2 -> 3
            <time> INFO  3_t applied in <duration> (1 statement); current version is 3
            <time> INFO  succeeded! 1 migration applied in <duration>; 2 -> 3
        """, status=0)

    def test_what_git_and_editors_change_is_no_drift(self):
        table = (
            ("carriage returns", "CREATE TABLE t1 ();\r\n"),
            ("no final newline", "CREATE TABLE t1 ();"),
            ("two final newlines", "CREATE TABLE t1 ();\n\n"),
            ("a byte-order mark", "\ufeffCREATE TABLE t1 ();\n"),
        )
        for name, text in table:
            with self.subTest(name):
                self.assert_log(self.up({**make(1, 2), "1_t.up.sql": text}), """
                    <time> INFO  none of 2 migrations pending on <database> at 127.0.0.1; current version is 2
                    <time> INFO  succeeded! nothing to do; current version is 2
                """, status=0)

    def test_what_is_within_a_line_is_drift(self):
        for text in ("CREATE TABLE  t1 ();\n", "create table t1 ();\n", "CREATE TABLE t1 (); \n"):
            with self.subTest(text):
                self.assertEqual(1, self.up({**make(1, 2), "1_t.up.sql": text}).status)

    def test_a_new_title_is_no_drift(self):
        files = make(2)
        files["1_another_title.up.sql"] = "CREATE TABLE t1 ();\n"
        self.assert_good(self.up(files))

    def test_a_down_file_may_be_edited(self):
        self.assert_good(self.up({**make(1, 2), "1_t.down.sql": "DROP TABLE t1;"}))
        self.assert_good(self.up({**make(1, 2), "1_t.down.sql": "DROP TABLE IF EXISTS t1;"}))

    def test_an_applied_file_that_is_gone(self):
        self.assert_good(self.up(make(1, 2, 3)))
        self.assert_log(self.up(make(1, 3)), f"""
            <time> ERROR applied, but not in the folder: 2_t
                               hint: Is this an image of another branch? Put the file back, or accept that it is gone with --drift warn.
            {FAILED}
        """, status=1)
        self.assert_log(self.up(make(1, 3, 4), "--drift", "warn"), """
            <time> INFO  1 of 3 migrations pending on <database> at 127.0.0.1: 3 -> 4
            <time> WARN  applied, but not in the folder: 2_t
            <time> INFO  4_t applied in <duration> (1 statement); current version is 4
            <time> INFO  succeeded! 1 migration applied in <duration>; 3 -> 4
        """, status=0)

    def test_the_oldest_files_may_be_squashed_away(self):
        self.assert_good(self.up(make(1, 2, 3)))
        self.assert_log(self.up(make(3, 4)), """
            <time> INFO  1 of 2 migrations pending on <database> at 127.0.0.1: 3 -> 4
            <time> INFO  4_t applied in <duration> (1 statement); current version is 4
            <time> INFO  succeeded! 1 migration applied in <duration>; 3 -> 4
        """, status=0)


class IfAhead(DatabaseCase):
    def setUp(self):
        super().setUp()
        self.assert_good(self.up(make(1, 2, 3)))

    def test_ok_warns_and_does_nothing(self):
        for options in ((), ("--if-ahead", "ok")):
            with self.subTest(options):
                self.assert_log(self.up(make(1, 2), *options), """
                    <time> INFO  none of 2 migrations pending on <database> at 127.0.0.1; current version is 3
                    <time> WARN  the database is at 3, ahead of the folder, whose newest is 2: nothing to do for an older image
                    <time> INFO  succeeded! nothing to do; current version is 3
                """, status=0)

    def test_fail_fails(self):
        self.assert_log(self.up(make(1, 2), "--if-ahead", "fail"), f"""
            <time> ERROR the database is at 3, ahead of the folder, whose newest is 2
                               hint: Deploy the newer image; or allow an older one with --if-ahead ok.
            {FAILED}
        """, status=1)


class TimeLimits(DatabaseCase):
    SLOW = {"1_slow.up.sql": "CREATE TABLE slow ();\nSELECT pg_sleep(20);\n"}
    TIMED_OUT = """
        <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
        <time> ERROR 1_slow.up.sql:{0}:1: canceling statement due to statement timeout (57014)
                           {0} | SELECT pg_sleep(20);
                           Nothing of this migration was kept: the database is at no version, clean.
        <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry may help
    """

    def test_a_statement_has_its_time(self):
        begun = time.monotonic()
        result = self.up(self.SLOW, "--statement-timeout", "300ms")
        self.assertLess(time.monotonic() - begun, 10)
        self.assert_log(result, self.TIMED_OUT.format(2), status=1)
        self.assertEqual("", self.tables())

    def test_golang_migrates_parameter_means_the_same(self):
        database = self.cluster.url(self.dbname, **{"x-statement-timeout": 300})
        self.assert_log(self.up(self.SLOW, database=database), self.TIMED_OUT.format(2), status=1)

    def test_a_directive_gives_a_file_its_own_time(self):
        text = "-- pgstride: statement-timeout=300ms\n" + self.SLOW["1_slow.up.sql"]
        self.assert_log(self.up({"1_slow.up.sql": text}), self.TIMED_OUT.format(3), status=1)

    def test_a_directive_is_for_its_own_file_alone(self):
        files = {
            "1_a.up.sql": "-- pgstride: statement-timeout=7s\n-- pgstride: lock-timeout=3s\n"
                          "CREATE TABLE one AS SELECT current_setting('statement_timeout') AS s,"
                          " current_setting('lock_timeout') AS l;",
            "2_b.up.sql": "CREATE TABLE two AS SELECT current_setting('statement_timeout') AS s,"
                          " current_setting('lock_timeout') AS l;",
            "3_c.up.sql": "-- pgstride: no-transaction\n-- pgstride: statement-timeout=9s\n"
                          "CREATE TABLE three AS SELECT current_setting('statement_timeout') AS s,"
                          " current_setting('lock_timeout') AS l;",
            "4_d.up.sql": "CREATE TABLE four AS SELECT current_setting('statement_timeout') AS s,"
                          " current_setting('lock_timeout') AS l;",
        }
        self.assert_good(self.up(files))
        self.assertEqual("7s|3s\n0|5s\n9s|5s\n0|5s", self.psql(
            "TABLE one; TABLE two; TABLE three; TABLE four"))

    def test_limits_are_those_of_the_options(self):
        """And none of idle time, whatever the database has: a migration may wait in between."""
        for name in ("idle_session_timeout", "idle_in_transaction_session_timeout"):
            self.psql(f"ALTER DATABASE {self.dbname} SET {name} = '1min'")
        text = ("CREATE TABLE seen AS SELECT current_setting('statement_timeout') AS s,"
                " current_setting('lock_timeout') AS l,"
                " current_setting('idle_session_timeout') AS i,"
                " current_setting('idle_in_transaction_session_timeout') AS t")
        self.assert_good(self.up({"1_a.up.sql": text}, "--ddl-lock-timeout", "0",
                                 "--statement-timeout", "2min"))
        self.assertEqual("2min|0|0|0", self.psql("TABLE seen"))


class LostRace(DatabaseCase):
    FILES = {
        "1_t.up.sql": "CREATE TABLE t ();",
        "2_u.up.sql": "CREATE TABLE u ();\nALTER TABLE t ADD COLUMN a int;\n",
        "3_v.up.sql": "CREATE TABLE v ();",
    }
    RETRIED = re.compile(
        r"<time> WARN  2_u: no lock in time at line 2 \(55P03\), rolled back so that the "
        r"application goes on; try \d+ (?:in <duration>|when the way is free) \(<duration> left\)")

    def setUp(self):
        super().setUp()
        self.assert_good(self.up({"1_t.up.sql": self.FILES["1_t.up.sql"]}))

    def hold(self):
        return self.session("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE;")

    @staticmethod
    def release(holder):
        holder.stdin.write("COMMIT;\n")
        holder.stdin.flush()

    def assert_log(self, result, expected, stream="stdout", status=None):
        """What the watcher adds, on a slow machine, does not count here."""
        kept = [line for line in result.stdout.splitlines(keepends=True)
                if " waits for " not in line and " stands aside" not in line
                and "detail: It waited for " not in line]
        shown = type(result)(result.status, "".join(kept), result.stderr)
        super().assert_log(shown, expected, stream, status)

    def test_a_migration_that_gets_no_lock_is_tried_again_until_it_does(self):
        holder = self.hold()
        process = self.start_up(self.FILES, "--ddl-lock-timeout", "200ms")
        time.sleep(2)
        self.assertIsNone(process.poll())
        self.assertEqual("0", self.psql("SELECT count(*) FROM pg_class WHERE relname = 'u'"))
        holder.stdin.write("COMMIT;\n")
        holder.stdin.flush()
        result = self.finish(process)
        lines = self.normalise(result.stdout).splitlines()
        retried = [line for line in lines if self.RETRIED.fullmatch(line)]
        self.assertGreaterEqual(len(retried), 1, result.stdout)
        tries = re.findall(r"; try (\d+) ", result.stdout)
        self.assertEqual([str(n) for n in range(2, len(tries) + 2)], tries)
        self.assertEqual([
            "<time> INFO  2 of 3 migrations pending on <database> at 127.0.0.1: 1 -> 3",
            "<time> INFO  2_u applied in <duration> (2 statements); current version is 2",
            "<time> INFO  3_v applied in <duration> (1 statement); current version is 3",
            "<time> INFO  schema changed; tables: ~t (column a added), +u, +v",
            "<time> INFO  succeeded! 2 migrations applied in <duration>; 1 -> 3",
        ], [line for line in lines if line not in retried and " waits for " not in line
            and " stands aside" not in line])
        self.assertEqual(0, result.status)
        self.assertEqual("t u v", self.tables())
        self.assertEqual(["1|1_t|up|applied", "2|2_u|up|applied", "3|3_v|up|applied"],
                         self.history())

    GIVEN_UP = """
        <time> INFO  2 of 3 migrations pending on <database> at 127.0.0.1: 1 -> 3
        <time> ERROR 2_u.up.sql:{0}:1: canceling statement due to lock timeout (55P03)
                           {0} | ALTER TABLE t ADD COLUMN a int;
                           Nothing of this migration was kept: the database is at 1, clean.
        <time> ERROR failed: 0 of 2 applied in <duration>; 1 -> 1 (wanted 3); a retry may help
    """

    def test_without_patience_it_fails_at_once(self):
        self.hold()
        result = self.up(self.FILES, "--ddl-lock-timeout", "200ms", "--retry-for", "0")
        self.assert_log(result, self.GIVEN_UP.format(2), status=1)
        self.assertEqual("t", self.tables())

    def test_it_gives_up_after_its_time(self):
        self.hold()
        begun = time.monotonic()
        result = self.up(self.FILES, "--ddl-lock-timeout", "100ms", "--retry-for", "1500ms")
        self.assertTrue(1.4 < time.monotonic() - begun < 15)
        lines = self.normalise(result.stdout).splitlines(keepends=True)
        kept = "".join(line for line in lines if not self.RETRIED.fullmatch(line.rstrip("\n")))
        self.assertLess(len(kept), sum(map(len, lines)), "no retry")
        self.assert_log(result._replace(stdout=kept), self.GIVEN_UP.format(2), status=1)

    def test_a_directive_sets_the_limit_and_the_patience(self):
        self.hold()
        text = "-- pgstride: lock-timeout=100ms\n-- pgstride: retry-for=0\n"
        files = {**self.FILES, "2_u.up.sql": text + self.FILES["2_u.up.sql"]}
        begun = time.monotonic()
        self.assert_log(self.up(files), self.GIVEN_UP.format(4), status=1)
        self.assertLess(time.monotonic() - begun, 4)

    def test_a_file_with_copied_data_is_tried_again_too(self):
        holder = self.hold()
        files = {**self.FILES, "2_u.up.sql": "CREATE TABLE u (n int);\nALTER TABLE t ADD a int;\n"
                                             "COPY u FROM stdin;\n1\n2\n\\.\n"}
        process = self.start_up(files, "--ddl-lock-timeout", "200ms")
        time.sleep(1)
        holder.stdin.write("COMMIT;\n")
        holder.stdin.flush()
        result = self.finish(process)
        self.assert_good(result)
        self.assertIn("; try 2 ", result.stdout)
        self.assertEqual("2", self.psql("SELECT count(*) FROM u"))

    def test_a_wrapped_file_is_tried_again_too(self):
        holder = self.hold()
        files = {**self.FILES, "2_u.up.sql": f"BEGIN;\n{self.FILES['2_u.up.sql']}COMMIT;\n"}
        process = self.start_up(files, "--ddl-lock-timeout", "200ms")
        time.sleep(1)
        holder.stdin.write("COMMIT;\n")
        holder.stdin.flush()
        result = self.finish(process)
        self.assert_good(result)
        self.assertIn("2_u: no lock in time at line 3 (55P03)", result.stdout)
        self.assertEqual("t u v", self.tables())

    def test_a_statement_outside_a_transaction_is_tried_again_too(self):
        holder = self.hold()
        files = {**self.FILES, "2_u.up.sql": "-- pgstride: no-transaction\n"
                                             + self.FILES["2_u.up.sql"]}
        process = self.start_up(files, "--ddl-lock-timeout", "200ms")
        time.sleep(1)
        holder.stdin.write("COMMIT;\n")
        holder.stdin.flush()
        result = self.finish(process)
        self.assert_good(result)
        self.assertIn("; try 2 ", result.stdout)
        self.assertEqual("t u v", self.tables())
        self.assertEqual("3|f", self.version())

    def test_what_was_sent_ahead_is_sent_again(self):
        holder = self.hold()
        files = {**{f"{n}_u.up.sql": f"CREATE TABLE u{n} (n int);\nINSERT INTO u{n} VALUES ({n});\n"
                    for n in range(2, 12)},
                 "1_t.up.sql": self.FILES["1_t.up.sql"],
                 "5_u.up.sql": "CREATE TABLE u5 (n int);\nINSERT INTO u5 VALUES (5);\n"
                               "ALTER TABLE t ADD a int;\n"}
        process = self.start_up(files, "--ddl-lock-timeout", "300ms")
        self.wait_for_statement("ALTER TABLE t ADD a int")
        time.sleep(1)
        self.assertEqual("4|f", self.version(), "those before it are kept")
        self.assertEqual("t u2 u3 u4", self.tables())
        self.release(holder)
        self.assert_good(self.finish(process))
        self.assertEqual(["1|1_t|up|applied", *(f"{n}|{n}_u|up|applied" for n in range(2, 12))],
                         self.history())
        for n in range(2, 12):
            self.assertEqual(str(n), self.psql(f"SELECT * FROM u{n}"))

    def test_one_stall_is_enough_while_the_same_transaction_is_in_the_way(self):
        holder = self.hold()
        process = self.start_up(self.FILES, "--ddl-lock-timeout", "2s")
        self.wait_for_statement("ALTER TABLE t ADD COLUMN a int")
        time.sleep(5)
        self.assertEqual("0", self.psql("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        self.release(holder)
        released = time.monotonic()
        result = self.finish(process)
        self.assertLess(time.monotonic() - released, 5)
        self.assert_good(result)
        self.assertEqual(1, result.stdout.count("rolled back so that the application goes on; try"
                                                " 2 when the way is free ("), result.stdout)
        self.assertNotIn("; try 3", result.stdout)

    def test_a_lock_that_changes_hands_is_got_by_the_queue(self):
        """Transactions that overlap leave no gap: standing aside would last for ever."""
        stop = threading.Event()

        def hold_in_turns(offset_s):
            time.sleep(offset_s)
            while not stop.is_set():
                self.psql("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE; SELECT pg_sleep(0.8); COMMIT;")

        holders = [threading.Thread(target=hold_in_turns, args=(n * 0.4,)) for n in range(3)]
        for holder in holders:
            holder.start()
        time.sleep(1)
        try:
            result = self.up(self.FILES, "--ddl-lock-timeout", "600ms", "--retry-for", "40s")
        finally:
            stop.set()
            for holder in holders:
                holder.join()
        self.assert_good(result)

    def test_vacuum_full_does_not_stall_either(self):
        holder = self.hold()
        files = {**self.FILES, "2_u.up.sql": "VACUUM FULL t;"}
        process = self.start_up(files, "--ddl-lock-timeout", "300ms")
        self.wait_for_statement("VACUUM FULL t")
        self.wait_until("SELECT count(*) = 0 FROM pg_locks WHERE NOT granted")
        self.release(holder)
        result = self.finish(process)
        self.assert_good(result)
        self.assertIn("2_u: no lock in time at line 1 (55P03)", result.stdout)

    def test_a_file_outside_a_transaction_keeps_the_limit_that_it_set(self):
        text = ("-- pgstride: no-transaction\nSET lock_timeout = '7s';\n"
                "CREATE INDEX CONCURRENTLY i ON t ((1));\n"
                "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS l;\n")
        self.assert_good(self.up({**self.FILES, "2_u.up.sql": text}))
        self.assertEqual("7s", self.psql("TABLE seen"))

    def test_a_deadlock_is_tried_again(self):
        self.psql("CREATE TABLE other ()")
        holder = self.session("SET deadlock_timeout = '30s'; BEGIN; LOCK TABLE other;")
        files = {**self.FILES, "2_u.up.sql": "SET LOCAL deadlock_timeout = '3s';\nLOCK TABLE t;\n"
                                             "SELECT 1;\nLOCK TABLE other;\nCREATE TABLE u ();\n"}
        process = self.start_up(files, "--ddl-lock-timeout", "20s")
        self.wait_for_statement("LOCK TABLE other")
        holder.stdin.write("LOCK TABLE t; COMMIT;\n")
        holder.stdin.flush()
        result = self.finish(process)
        self.assert_good(result)
        self.assertEqual("other t u v", self.tables())
        self.assertIn("2_u: a deadlock at line 4 (40P01), rolled back", result.stdout)
