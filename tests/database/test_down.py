# SPDX-License-Identifier: Apache-2.0
"""down N, down --all: what was applied is reverted, the newest first, and the history says so."""

import time

from database.case import DatabaseCase


def pair(version, up, down):
    return {f"{version}_t.up.sql": up, f"{version}_t.down.sql": down}


FILES = {name: text for n in range(1, 4)
         for name, text in pair(n, f"CREATE TABLE t{n} ();\n", f"DROP TABLE t{n};\n").items()}

ALONE = "-- pgstride: no-transaction\n"


class DownCase(DatabaseCase):
    def down(self, files, *words, **options):
        return self.pgstride(files, "down", *words, **options)

    def assert_state(self, tables, version):
        self.assertEqual((tables, version), (self.tables(), self.version()))

    def ways(self):
        """The history without its first rows, those of the tables t1 to t3."""
        return self.history("version, direction, outcome")[3:]


class Down(DownCase):
    def test_the_last_one(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.down(FILES, "1"), """
            <time> INFO  reverting 1 of 3 applied migrations on <database> at 127.0.0.1: 3 -> 2
            <time> INFO  3_t reverted in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 1 migration reverted in <duration>; 3 -> 2
        """, status=0)
        self.assert_state("t1 t2", "2|f")
        self.assertEqual(["3|down|applied"], self.ways())
        self.assertEqual("3_t|1|1|t|t", self.history(
            "name, statements_total, statements_done, error IS NULL, finished_at >= started_at")[3])

    def test_all_and_up_again(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.down(FILES, "--all"), """
            <time> INFO  reverting 3 of 3 applied migrations on <database> at 127.0.0.1: 3 -> none
            <time> INFO  3_t reverted in <duration> (1 statement); current version is 2
            <time> INFO  2_t reverted in <duration> (1 statement); current version is 1
            <time> INFO  1_t reverted in <duration> (1 statement); current version is none
            <time> INFO  succeeded! 3 migrations reverted in <duration>; 3 -> none
        """, status=0)
        self.assert_state("", "")
        self.assertEqual([f"{n}|down|applied" for n in (3, 2, 1)], self.ways())
        self.assert_log(self.up(FILES), """
            <time> INFO  3 of 3 migrations pending on <database> at 127.0.0.1: none -> 3
            <time> INFO  1_t applied in <duration> (1 statement); current version is 1
            <time> INFO  2_t applied in <duration> (1 statement); current version is 2
            <time> INFO  3_t applied in <duration> (1 statement); current version is 3
            <time> INFO  succeeded! 3 migrations applied in <duration>; none -> 3
        """, status=0)
        self.assert_state("t1 t2 t3", "3|f")

    def test_more_than_there_are(self):
        self.assert_good(self.up(FILES, "up", "2"))
        self.assert_log(self.down(FILES, "5"), """
            <time> INFO  reverting 2 of 2 applied migrations on <database> at 127.0.0.1: 2 -> none
            <time> WARN  only 2 applied, 3 fewer than asked for
            <time> INFO  2_t reverted in <duration> (1 statement); current version is 1
            <time> INFO  1_t reverted in <duration> (1 statement); current version is none
            <time> INFO  succeeded! 2 migrations reverted in <duration>; 2 -> none
        """, status=0)
        self.assert_state("", "")

    def test_nothing_to_revert(self):
        self.assert_log(self.down(FILES, "--all"), """
            <time> INFO  nothing to revert on <database> at 127.0.0.1; current version is none
            <time> INFO  succeeded! nothing to do; current version is none
        """, status=0)
        self.assert_state("", "")
        self.assertEqual([], self.history())

    def test_without_a_number_a_job_is_refused(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.down(FILES), """
            <time> ERROR down was not told how many migrations to revert
                               hint: Write pgstride down N, or pgstride down --all.
            <time> ERROR failed: nothing was reverted; a retry will not help
        """, status=1)
        self.assert_state("t1 t2 t3", "3|f")

    def test_a_late_one_and_a_gap(self):
        files = {**FILES, **pair(4, "CREATE TABLE t4 ();", "DROP TABLE t4;")}
        late = {name: text for name, text in files.items() if name[0] != "2"}
        self.assert_good(self.up(late))
        self.assert_good(self.up(files, "--out-of-order", "apply"))
        self.assertEqual(["1", "3", "4", "2"], self.history("version"))
        self.assert_log(self.down(files, "3"), """
            <time> INFO  reverting 3 of 4 applied migrations on <database> at 127.0.0.1: 4 -> 1
            <time> INFO  4_t reverted in <duration> (1 statement); current version is 3
            <time> INFO  3_t reverted in <duration> (1 statement); current version is 2
            <time> INFO  2_t reverted in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 3 migrations reverted in <duration>; 4 -> 1
        """, status=0)
        self.assert_state("t1", "1|f")

    def test_a_gap_is_stepped_over(self):
        late = {name: text for name, text in FILES.items() if name[0] != "2"}
        self.assert_good(self.up(late))
        self.assert_log(self.down(FILES, "1"), """
            <time> INFO  reverting 1 of 2 applied migrations on <database> at 127.0.0.1: 3 -> 1
            <time> INFO  3_t reverted in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 1 migration reverted in <duration>; 3 -> 1
        """, status=0)
        self.assert_state("t1", "1|f")

    def test_what_golang_migrate_applied(self):
        self.psql("CREATE TABLE schema_migrations (version bigint not null primary key,"
                  " dirty boolean not null); INSERT INTO schema_migrations VALUES (2, false);"
                  " CREATE TABLE t1 (); CREATE TABLE t2 ();")
        self.assert_log(self.down(FILES, "1"), """
            <time> INFO  reverting 1 of 2 applied migrations on <database> at 127.0.0.1: 2 -> 1
            <time> INFO  2_t reverted in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 1 migration reverted in <duration>; 2 -> 1
        """, status=0)
        self.assert_state("t1", "1|f")
        self.assertEqual(["1|up|adopted", "2|up|adopted", "2|down|applied"],
                         self.history("version, direction, outcome"))

    def test_columns_that_others_added_to_the_table_stay_on_the_way(self):
        self.assert_good(self.up(FILES))
        self.psql("ALTER TABLE schema_migrations ADD COLUMN data_version int NOT NULL DEFAULT 7;"
                  "UPDATE schema_migrations SET data_version = 30")
        self.assert_good(self.down(FILES, "2"))
        self.assertEqual("1|f|30", self.psql("TABLE schema_migrations"))
        self.assert_good(self.down(FILES, "1"))
        self.assertEqual("", self.psql("TABLE schema_migrations"))
        self.assert_good(self.up(FILES))
        self.assertEqual("3|f|7", self.psql("TABLE schema_migrations"))

    def test_a_file_that_is_missing(self):
        for name, files, message, hint in (
            ("the down file", {name: text for name, text in FILES.items() if name != "2_t.down.sql"},
             "2_t has no down file: it cannot be reverted",
             "Add 2_t.down.sql; an empty one where there is nothing to revert."),
            ("both", {name: text for name, text in FILES.items() if name[0] != "2"},
             "2_t is applied, but its files are not in the folder: it cannot be reverted",
             "Put them back, or use the image that has them."),
        ):
            with self.subTest(name):
                self.psql("DROP TABLE IF EXISTS t1, t2, t3, schema_migrations, pgstride_history")
                self.assert_good(self.up(FILES))
                self.assert_log(self.down(files, "2"), f"""
                    <time> ERROR {message}
                                       hint: {hint}
                    <time> ERROR failed: nothing was reverted; a retry will not help
                """, status=1)
                self.assert_state("t1 t2 t3", "3|f")

    def test_an_empty_down_file_moves_the_version(self):
        files = {**FILES, "3_t.down.sql": ""}
        self.assert_good(self.up(files))
        self.assert_log(self.down(files, "1"), """
            <time> INFO  reverting 1 of 3 applied migrations on <database> at 127.0.0.1: 3 -> 2
            <time> INFO  3_t reverted in <duration> (0 statements); current version is 2
            <time> INFO  succeeded! 1 migration reverted in <duration>; 3 -> 2
        """, status=0)
        self.assert_state("t1 t2 t3", "2|f")

    def test_what_is_wrong_in_one_file_is_found_before_the_first_runs(self):
        files = {**FILES, "2_t.down.sql": "DROP TABLE t2;\nSELECT 'open;\n"}
        self.assert_good(self.up(files))
        result = self.down(files, "--all")
        self.assertEqual(1, result.status)
        self.assertIn(" ERROR 2_t.down.sql:2:", result.stdout)
        self.assertTrue(result.stdout.endswith(
            "failed: nothing was reverted; a retry will not help\n"), result.stdout)
        self.assert_state("t1 t2 t3", "3|f")

    def test_an_edited_up_file_is_no_reason_to_stay(self):
        self.assert_good(self.up(FILES))
        self.assert_good(self.down({**FILES, "3_t.up.sql": "CREATE TABLE t3 (a int);"}, "1"))
        self.assert_state("t1 t2", "2|f")

    def test_a_down_file_that_was_edited_meanwhile_is_run_as_it_is(self):
        self.assert_good(self.up(FILES))
        self.assert_good(self.down({**FILES, "3_t.down.sql": "DROP TABLE t3, t2;"}, "1"))
        self.assert_state("t1", "2|f")

    def test_many_and_their_prepared_statements(self):
        files = {}
        for n in range(1, 301):
            files.update(pair(n, f"CREATE TABLE t{n} ();", f"DROP TABLE t{n};"))
        self.assert_good(self.up(files))
        self.assert_good(self.down(files, "--all"))
        self.assert_state("", "")
        self.assertEqual("300|300", self.psql(
            "SELECT count(*) FILTER (WHERE direction = 'up'),"
            " count(*) FILTER (WHERE direction = 'down') FROM pgstride_history"))


class Failing(DownCase):
    def test_what_came_before_stays_reverted_and_nothing_of_it_remains(self):
        files = {**FILES, "2_t.down.sql": "DROP TABLE t2;\nSELECT nope;\n"}
        self.assert_good(self.up(files))
        self.assert_log(self.down(files, "--all"), """
            <time> INFO  reverting 3 of 3 applied migrations on <database> at 127.0.0.1: 3 -> none
            <time> INFO  3_t reverted in <duration> (1 statement); current version is 2
            <time> ERROR 2_t.down.sql:2:8: column "nope" does not exist (42703)
                               2 | SELECT nope;
                                 |        ^
                               Nothing of this migration was kept: the database is at 2, clean. Mend the file and run again.
            <time> ERROR failed: 1 of 3 reverted in <duration>; 3 -> 2 (wanted none); a retry will not help
        """, status=1)
        self.assert_state("t1 t2", "2|f")
        self.assertEqual(["3|down|applied", "2|down|failed"], self.ways())
        self.assert_good(self.up(files))
        self.assert_state("t1 t2 t3", "3|f")
        self.assert_good(self.down(FILES, "--all"))
        self.assert_state("", "")

    def test_wrapped_in_a_transaction_of_its_own(self):
        files = {**FILES, "3_t.down.sql": "BEGIN;\nDROP TABLE t3;\nCOMMIT;\n",
                 "2_t.down.sql": "BEGIN;\nDROP TABLE t2;\nSELECT nope;\nCOMMIT;\n"}
        self.assert_good(self.up(files))
        self.assert_log(self.down(files, "2"), """
            <time> INFO  reverting 2 of 3 applied migrations on <database> at 127.0.0.1: 3 -> 1
            <time> INFO  3_t reverted in <duration> (3 statements); current version is 2
            <time> ERROR 2_t.down.sql:3:8: column "nope" does not exist (42703)
                               3 | SELECT nope;
                                 |        ^
                               Nothing of this migration was kept: the database is at 2, clean. Mend the file and run again.
            <time> ERROR failed: 1 of 2 reverted in <duration>; 3 -> 2 (wanted 1); a retry will not help
        """, status=1)
        self.assert_state("t1 t2", "2|f")

    def test_copied_data(self):
        good = "DROP TABLE t3;\nCREATE TABLE old (n int);\nCOPY old FROM stdin;\n1\n2\n\\.\n"
        files = {**FILES, "3_t.down.sql": good,
                 "2_t.down.sql": "DROP TABLE t2;\nCOPY old FROM stdin;\nword\n\\.\n"}
        self.assert_good(self.up(files))
        self.assert_log(self.down(files, "--all"), """
            <time> INFO  reverting 3 of 3 applied migrations on <database> at 127.0.0.1: 3 -> none
            <time> INFO  3_t reverted in <duration> (3 statements); current version is 2
            <time> ERROR 2_t.down.sql:2:1: invalid input syntax for type integer: "word" (22P02)
                               2 | COPY old FROM stdin;
                               context: COPY old, line 1, column n: "word"
                               Nothing of this migration was kept: the database is at 2, clean. Mend the file and run again.
            <time> ERROR failed: 1 of 3 reverted in <duration>; 3 -> 2 (wanted none); a retry will not help
        """, status=1)
        self.assert_state("old t1 t2", "2|f")
        self.assertEqual("2", self.psql("SELECT count(*) FROM old"))
        last = {**files, "2_t.down.sql": "DROP TABLE t2;",
                "1_t.down.sql": "DROP TABLE t1;\nCOPY old FROM stdin;\n3\n\\.\n"}
        self.assert_good(self.down(last, "--all"))
        self.assert_state("old", "")
        self.assertEqual("3", self.psql("SELECT count(*) FROM old"))

    def test_a_deferred_constraint(self):
        files = {
            "1_t.up.sql": "CREATE TABLE parent (id int PRIMARY KEY);"
                          "CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);"
                          "INSERT INTO parent VALUES (7); INSERT INTO child VALUES (7);",
            "1_t.down.sql": "DROP TABLE child, parent;",
            "2_t.up.sql": "", "2_t.down.sql": "DELETE FROM parent;",
        }
        self.assert_good(self.up(files))
        self.assert_log(self.down(files, "1"), """
            <time> INFO  reverting 1 of 2 applied migrations on <database> at 127.0.0.1: 2 -> 1
            <time> ERROR 2_t.down.sql: a deferred constraint, checked at the end: update or delete on table "parent" violates foreign key constraint "child_id_fkey" on table "child" (23503)
                               detail: Key (id)=(7) is still referenced from table "child".
                               Nothing of this migration was kept: the database is at 2, clean. Mend the file and run again.
            <time> ERROR failed: 0 of 1 reverted in <duration>; 2 -> 2 (wanted 1); a retry will not help
        """, status=1)
        self.assertEqual("2|f", self.version())
        self.assertEqual("1", self.psql("SELECT count(*) FROM parent"))

    def test_a_lost_race_is_tried_again(self):
        self.assert_good(self.up(FILES))
        holder = self.session("BEGIN; LOCK TABLE t2;")
        process = self.start_pgstride(*self.options(FILES), "--ddl-lock-timeout", "50ms", "down", "2")
        for line in process.stdout:
            if "; try 2 in " in line:
                self.assertIn(" WARN  2_t: no lock in time at line 1 (55P03), rolled back", line)
                break
        self.end_session(holder)
        self.assert_good(self.finish(process))
        self.assert_state("t1", "1|f")


class HalfWay(DownCase):
    """A down file outside a transaction that stopped in its middle."""

    HALF = {**FILES, "3_t.up.sql": "CREATE TABLE t3 ();\nCREATE TABLE u3 ();\n",
            "3_t.down.sql": ALONE + "DROP TABLE t3;\nDROP TABLE nope;\nDROP TABLE u3;\n"}
    MENDED = {**HALF, "3_t.down.sql": ALONE + "DROP TABLE t3;\nSELECT 1;\nDROP TABLE u3;\n"}

    def fail_half_way(self):
        self.assert_good(self.up(self.HALF))
        return self.down(self.HALF, "1")

    def test_it_stops_says_where_and_goes_on(self):
        self.assert_log(self.fail_half_way(), """
            <time> INFO  reverting 1 of 3 applied migrations on <database> at 127.0.0.1: 3 -> 2
            <time> ERROR 3_t.down.sql:3:1: table "nope" does not exist (42P01)
                               3 | DROP TABLE nope;
                               It ran outside a transaction: what stands before this statement was kept, and the version is 2, dirty, until the rest is done. Mend the file and run again: it goes on here.
            <time> ERROR failed: 0 of 1 reverted in <duration>; 3 -> 3 (wanted 2); a retry will not help
        """, status=1)
        self.assert_state("t1 t2 u3", "2|t")
        self.assertEqual(["3|down|failed"], self.ways())
        self.assertEqual("3|1", self.history("statements_total, statements_done")[3])
        self.assert_log(self.down(self.MENDED, "2"), """
            <time> INFO  reverting 2 of 3 applied migrations on <database> at 127.0.0.1: 2 -> 1
            <time> WARN  3_t goes on at statement 2 of 3, where an earlier run stopped
            <time> INFO  3_t reverted in <duration> (3 statements); current version is 2
            <time> INFO  2_t reverted in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 2 migrations reverted in <duration>; 2 -> 1
        """, status=0)
        self.assert_state("t1", "1|f")
        self.assertEqual(["3|down|applied", "2|down|applied"], self.ways())

    def test_it_fails_again_at_the_same_place(self):
        self.fail_half_way()
        result = self.down(self.HALF, "1")
        self.assertEqual(1, result.status)
        self.assertIn('3_t.down.sql:3:1: table "nope" does not exist', result.stdout)
        self.assert_state("t1 t2 u3", "2|t")
        self.assertEqual(["3|down|failed"], self.ways())

    def test_up_is_refused(self):
        self.fail_half_way()
        for words, verb in ((("up",), "applied"), (("goto", "3"), "applied")):
            with self.subTest(words):
                self.assert_log(self.pgstride(self.MENDED, *words), """
                    <time> ERROR 3_t stopped on its way down, outside a transaction, with 1 of 3 statements done
                                       hint: Go on in that direction first: pgstride down 1. Or bring the schema where you want it by hand and set the version: pgstride force 3 (with it) or force 2 (without).
                    <time> ERROR failed: nothing was applied; a retry will not help
                """, status=1)
        self.assert_state("t1 t2 u3", "2|t")

    def test_goto_below_goes_on(self):
        self.fail_half_way()
        self.assert_good(self.pgstride(self.MENDED, "goto", "2"))
        self.assert_state("t1 t2", "2|f")

    def test_force_without_it(self):
        self.fail_half_way()
        self.psql("DROP TABLE u3")
        self.assert_log(self.pgstride(self.HALF, "force", "2"), """
            <time> INFO  version set on <database> at 127.0.0.1, without running anything: 2 -> 2
        """, status=0)
        self.assert_state("t1 t2", "2|f")
        self.assertEqual(["3|down|failed", "2|up|forced", "3|down|forced"], self.ways())
        self.assert_good(self.up(self.HALF))
        self.assert_state("t1 t2 t3 u3", "3|f")

    def test_force_with_it(self):
        self.fail_half_way()
        self.psql("CREATE TABLE t3 ()")
        self.assert_log(self.pgstride(self.HALF, "force", "3"), """
            <time> INFO  version set on <database> at 127.0.0.1, without running anything: 2 -> 3
        """, status=0)
        self.assertEqual(["3|down|failed", "3|up|forced"], self.ways())
        self.assert_log(self.up(self.HALF), """
            <time> INFO  none of 3 migrations pending on <database> at 127.0.0.1; current version is 3
            <time> INFO  succeeded! nothing to do; current version is 3
        """, status=0)
        self.assert_good(self.down(self.MENDED, "1"))
        self.assert_state("t1 t2", "2|f")

    def test_what_ran_was_edited(self):
        self.fail_half_way()
        edited = {**self.HALF, "3_t.down.sql": ALONE + "DROP TABLE IF EXISTS t3;\nSELECT 1;\n"}
        self.assert_log(self.down(edited, "1"), """
            <time> ERROR 3_t.down.sql was edited within its first 1 statements, which ran before, outside a transaction
                               hint: Put them back as they were and run again: it goes on behind them. Make the change in a new migration.
            <time> ERROR failed: nothing was reverted; a retry will not help
        """, status=1)
        self.assert_state("t1 t2 u3", "2|t")

    def test_its_file_is_gone(self):
        self.fail_half_way()
        files = {name: text for name, text in self.HALF.items() if name != "3_t.down.sql"}
        self.assert_log(self.down(files, "1"), """
            <time> ERROR 3_t stopped on its way down, outside a transaction, with 1 of 3 statements done
                               hint: Put 3_t.down.sql back into the folder and run again. Or bring the schema where you want it by hand and set the version: pgstride force 3 (with it) or force 2 (without).
            <time> ERROR failed: nothing was reverted; a retry will not help
        """, status=1)

    def test_the_first_of_all(self):
        files = pair(1, "CREATE TABLE t1 (); CREATE TABLE u1 ();",
                     ALONE + "DROP TABLE t1;\nDROP TABLE nope;\nDROP TABLE u1;\n")
        self.assert_good(self.up(files))
        self.assert_log(self.down(files, "1"), """
            <time> INFO  reverting 1 of 1 applied migration on <database> at 127.0.0.1: 1 -> none
            <time> ERROR 1_t.down.sql:3:1: table "nope" does not exist (42P01)
                               3 | DROP TABLE nope;
                               It ran outside a transaction: what stands before this statement was kept, and the database is dirty, without a version, until the rest is done. Mend the file and run again: it goes on here.
            <time> ERROR failed: 0 of 1 reverted in <duration>; 1 -> 1 (wanted none); a retry will not help
        """, status=1)
        self.assertEqual("-1|t", self.version())  # golang-migrate's words for it
        self.assert_log(self.up(files), """
            <time> ERROR 1_t stopped on its way down, outside a transaction, with 1 of 3 statements done
                               hint: Go on in that direction first: pgstride down 1. Or bring the schema where you want it by hand and set the version: pgstride force 1 (with it) or force -1 (without).
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
        mended = {**files, "1_t.down.sql": files["1_t.down.sql"].replace("TABLE nope", "TABLE IF EXISTS nope")}
        self.assert_log(self.down(mended, "--all"), """
            <time> INFO  reverting 1 of 1 applied migration on <database> at 127.0.0.1: none -> none
            <time> WARN  1_t goes on at statement 2 of 3, where an earlier run stopped
            <time> INFO  1_t: NOTICE: table "nope" does not exist, skipping
            <time> INFO  1_t reverted in <duration> (3 statements); current version is none
            <time> INFO  succeeded! 1 migration reverted in <duration>; none -> none
        """, status=0)
        self.assert_state("", "")
        self.assert_good(self.up(mended))
        self.assert_state("t1 u1", "1|f")

    def test_the_first_of_all_ended_by_force(self):
        files = pair(1, "CREATE TABLE t1 ();", ALONE + "DROP TABLE t1;\nDROP TABLE nope;\n")
        for target, log, version in (("-1", "none -> none", ""), ("1", "none -> 1", "1|f")):
            with self.subTest(target):
                self.psql("DROP TABLE IF EXISTS t1, schema_migrations, pgstride_history")
                self.assert_good(self.up(files))
                self.down(files, "1")
                self.assertEqual("-1|t", self.version())
                self.assert_log(self.pgstride(files, "force", target), f"""
                    <time> INFO  version set on <database> at 127.0.0.1, without running anything: {log}
                """, status=0)
                self.assertEqual(version, self.version())
                self.assert_good(self.up(files))

    def test_a_concurrent_drop_of_an_index(self):
        files = {**FILES, "3_t.up.sql": "CREATE TABLE t3 (a int); CREATE INDEX i ON t3 (a);",
                 "3_t.down.sql": "DROP INDEX CONCURRENTLY i;"}
        self.assert_good(self.up(files))
        self.assert_log(self.down(files, "1"), """
            <time> INFO  reverting 1 of 3 applied migrations on <database> at 127.0.0.1: 3 -> 2
            <time> INFO  3_t reverted in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 1 migration reverted in <duration>; 3 -> 2
        """, status=0)
        self.assertEqual("2|f", self.version())
        self.assertEqual("", self.psql("SELECT to_regclass('i')"))


class HalfUp(DownCase):
    """An up file outside a transaction that stopped in its middle, and the other ways."""

    HALF = {**FILES, "3_t.up.sql": ALONE + "CREATE TABLE t3 ();\nSELECT nope;\nCREATE TABLE u3 ();\n",
            "3_t.down.sql": "DROP TABLE t3, u3;"}
    REFUSED = """
        <time> ERROR 3_t stopped on its way up, outside a transaction, with 1 of 3 statements done
                           hint: Go on in that direction first: pgstride up 1. Or bring the schema where you want it by hand and set the version: pgstride force 3 (with it) or force 2 (without).
        <time> ERROR failed: nothing was {}; a retry will not help
    """

    def setUp(self):
        super().setUp()
        self.assertEqual(1, self.up(self.HALF).status)
        self.assert_state("t1 t2 t3", "3|t")

    def test_down_is_refused(self):
        self.assert_log(self.down(self.HALF, "1"), self.REFUSED.format("reverted"), status=1)
        self.assert_log(self.pgstride(self.HALF, "goto", "2"), self.REFUSED.format("applied"), status=1)
        self.assert_state("t1 t2 t3", "3|t")

    def test_goto_it_goes_on(self):
        mended = {**self.HALF, "3_t.up.sql": self.HALF["3_t.up.sql"].replace("nope", "1")}
        self.assert_log(self.pgstride(mended, "goto", "3"), """
            <time> INFO  1 of 3 migrations pending on <database> at 127.0.0.1: 3 -> 3
            <time> WARN  3_t goes on at statement 2 of 3, where an earlier run stopped
            <time> INFO  3_t applied in <duration> (3 statements); current version is 3
            <time> INFO  succeeded! 1 migration applied in <duration>; 3 -> 3
        """, status=0)
        self.assert_state("t1 t2 t3 u3", "3|f")
        self.assert_good(self.down(mended, "1"))
        self.assert_state("t1 t2", "2|f")

    def test_force_with_it(self):
        self.psql("CREATE TABLE u3 ()")
        self.assert_log(self.pgstride(self.HALF, "force", "3"), """
            <time> INFO  version set on <database> at 127.0.0.1, without running anything: 3 -> 3
        """, status=0)
        self.assertEqual("3|f", self.version())
        self.assert_good(self.down(self.HALF, "1"))
        self.assert_state("t1 t2", "2|f")

    def test_force_without_it(self):
        self.psql("DROP TABLE t3")
        self.assert_log(self.pgstride(self.HALF, "force", "2"), """
            <time> INFO  version set on <database> at 127.0.0.1, without running anything: 3 -> 2
        """, status=0)
        self.assertEqual("2|f", self.version())
        self.assert_good(self.down(self.HALF, "1"))
        self.assert_state("t1", "1|f")
        self.assert_good(self.up({**self.HALF, "3_t.up.sql": "CREATE TABLE t3 ();"}))
        self.assert_state("t1 t2 t3", "3|f")

    def test_forced_without_it_and_late_it_begins_anew(self):
        """What was forced away is not gone on with, though the file comes back."""
        self.psql("DROP TABLE t3")
        self.assert_good(self.pgstride(self.HALF, "force", "2"))
        later = {name: text for name, text in FILES.items() if name[0] != "3"}
        later.update(pair(4, "CREATE TABLE t4 ();", "DROP TABLE t4;"))
        self.assert_good(self.up(later))
        late = {**later, **self.HALF, "3_t.up.sql": self.HALF["3_t.up.sql"].replace("nope", "1")}
        self.assert_good(self.up(late, "--out-of-order", "apply"))
        self.assert_state("t1 t2 t3 t4 u3", "4|f")
