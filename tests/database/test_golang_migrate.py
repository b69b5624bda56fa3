# SPDX-License-Identifier: Apache-2.0
"""golang-migrate was here before, is here in between, and may take over at any moment."""

import time

from database.case import DatabaseCase, lock_key

FILES = {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();\n" for n in range(1, 5)}


def first(count):
    return {f"{n}_t.up.sql": FILES[f"{n}_t.up.sql"] for n in range(1, count + 1)}


class GolangMigrate(DatabaseCase):
    def golang_creates(self, table="public.schema_migrations"):
        self.psql(f"CREATE TABLE IF NOT EXISTS {table}"
                  " (version bigint not null primary key, dirty boolean not null)")

    def golang_sets(self, version, dirty=False, table="public.schema_migrations"):
        """As golang-migrate does: one transaction, TRUNCATE and INSERT."""
        insert = f"INSERT INTO {table} (version, dirty) VALUES ({version}, {dirty});"
        if version < 0 and not dirty:
            insert = ""
        self.psql(f"BEGIN; TRUNCATE {table}; {insert} COMMIT;")

    def golang_goes_to(self, version):
        """The tables 1 to `version` are there, no others; the row says so."""
        for n in range(1, 5):
            self.psql(f"CREATE TABLE IF NOT EXISTS t{n} ()" if n <= version
                      else f"DROP TABLE IF EXISTS t{n}")
        self.golang_creates()
        self.golang_sets(version if version else -1)


class Adoption(GolangMigrate):
    def test_we_go_on_from_its_version(self):
        self.golang_goes_to(2)
        self.assert_log(self.up(FILES), """
            <time> INFO  2 of 4 migrations pending on <database> at 127.0.0.1: 2 -> 4
            <time> INFO  3_t applied in <duration> (1 statement); current version is 3
            <time> INFO  4_t applied in <duration> (1 statement); current version is 4
            <time> INFO  succeeded! 2 migrations applied in <duration>; 2 -> 4
        """, status=0)
        self.assertEqual("4|f", self.version())
        self.assertEqual(
            ["1|1_t|up|adopted", "2|2_t|up|adopted", "3|3_t|up|applied", "4|4_t|up|applied"],
            self.history(),
        )

    def test_its_files_are_known_from_then_on(self):
        self.golang_goes_to(2)
        self.assert_good(self.up(first(2)))
        self.assertEqual(["1|1_t|up|adopted", "2|2_t|up|adopted"], self.history())
        self.assert_log(self.up({**first(2), "1_t.up.sql": "CREATE TABLE other ();"}), """
            <time> ERROR edited after it was applied: 1_t.up.sql
                               hint: Put the file back and make the change in a new migration; or accept the edit with --drift warn.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
        self.assertIn("0_t.up.sql", self.up({**first(2), "0_t.up.sql": ""}).stdout)

    def test_its_table_is_empty(self):
        self.golang_goes_to(0)
        self.assert_good(self.up(FILES))
        self.assertEqual("4|f", self.version())
        self.assertEqual("t1 t2 t3 t4", self.tables())

    def test_it_was_forced_to_no_version(self):
        """`force -- -1` leaves an empty table; older versions of it left -1."""
        self.golang_creates()
        self.psql("INSERT INTO schema_migrations VALUES (-1, false)")
        self.assert_good(self.up(FILES))
        self.assertEqual("4|f", self.version())

    def test_its_version_is_the_newest(self):
        self.golang_goes_to(4)
        self.assert_log(self.up(FILES), """
            <time> INFO  none of 4 migrations pending on <database> at 127.0.0.1; current version is 4
            <time> INFO  succeeded! nothing to do; current version is 4
        """, status=0)

    def test_its_version_has_no_file(self):
        self.golang_goes_to(2)
        files = dict(FILES)
        del files["2_t.up.sql"]
        self.assert_good(self.up(files))
        self.assertEqual("4|f", self.version())
        self.assertEqual("t1 t2 t3 t4", self.tables())

    def test_columns_that_others_added_to_its_table_stay(self):
        self.golang_goes_to(2)
        self.psql("ALTER TABLE schema_migrations ADD COLUMN data_version int NOT NULL DEFAULT 0,"
                  " ADD COLUMN note text; UPDATE schema_migrations SET data_version = 30,"
                  " note = 'kept'")
        self.assert_good(self.up(FILES))
        self.assertEqual("4|f|30|kept", self.psql("TABLE schema_migrations"))

    def test_golang_migrate_can_take_over(self):
        """One row of two columns, in its table, that its statements read and replace."""
        self.assert_good(self.up(first(2)))
        self.assertEqual("2|f", self.psql(
            'SELECT version, dirty FROM "public"."schema_migrations" LIMIT 1'))
        self.golang_creates()
        self.golang_sets(3, dirty=True)
        self.golang_sets(3)
        self.assertEqual("3|f", self.version())


class Dirty(GolangMigrate):
    def test_what_it_means_and_the_ways_out(self):
        self.golang_goes_to(1)
        self.golang_sets(2, dirty=True)
        self.assert_log(self.up(FILES), """
            <time> ERROR the database is dirty at version 2: another tool began 2_t.up.sql and did not finish it
                               hint: Look at which of its statements took effect. If none did: pgstride force 1; if all did: pgstride force 2; then run again.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
        self.assertEqual("2|t", self.version())
        self.assertEqual("t1", self.tables())

    def test_the_first_way_out_none_took_effect(self):
        self.golang_goes_to(1)
        self.golang_sets(2, dirty=True)
        self.assert_good(self.pgstride(FILES, "force", "1"))
        self.assert_good(self.up(FILES))
        self.assertEqual("t1 t2 t3 t4", self.tables())

    def test_the_second_way_out_all_took_effect(self):
        self.golang_goes_to(2)
        self.golang_sets(2, dirty=True)
        self.assert_good(self.pgstride(FILES, "force", "2"))
        self.assert_good(self.up(FILES))
        self.assertEqual("t1 t2 t3 t4", self.tables())

    def test_at_a_version_without_a_file(self):
        self.golang_creates()
        self.golang_sets(7, dirty=True)
        result = self.up(FILES)
        self.assertIn("the database is dirty at version 7: another tool began a file that is not in"
                      " the folder and did not finish it\n", result.stdout)
        self.assertEqual(1, result.status)

    def test_after_we_had_been_there(self):
        self.assert_good(self.up(first(2)))
        self.golang_sets(3, dirty=True)
        result = self.up(FILES)
        self.assertIn("the database is dirty at version 3: another tool began 3_t.up.sql",
                      result.stdout)
        self.assertEqual(1, result.status)


class BackAndForth(GolangMigrate):
    def test_it_went_down_in_between(self):
        self.assert_good(self.up(FILES))
        self.golang_goes_to(1)
        self.assert_log(self.up(FILES), """
            <time> INFO  3 of 4 migrations pending on <database> at 127.0.0.1: 1 -> 4
            <time> INFO  2_t applied in <duration> (1 statement); current version is 2
            <time> INFO  3_t applied in <duration> (1 statement); current version is 3
            <time> INFO  4_t applied in <duration> (1 statement); current version is 4
            <time> INFO  succeeded! 3 migrations applied in <duration>; 1 -> 4
        """, status=0)
        self.assertEqual("t1 t2 t3 t4", self.tables())
        self.assertEqual(
            [f"{n}|up|applied" for n in range(1, 5)] + [f"{n}|down|adopted" for n in range(2, 5)]
            + [f"{n}|up|applied" for n in range(2, 5)],
            self.history("version, direction, outcome"),
        )

    def test_it_went_all_the_way_down(self):
        self.assert_good(self.up(FILES))
        self.golang_goes_to(0)
        self.assert_good(self.up(FILES))
        self.assertEqual("4|f", self.version())
        self.assertEqual("t1 t2 t3 t4", self.tables())

    def test_it_went_up_in_between(self):
        self.assert_good(self.up(first(1)))
        self.golang_goes_to(3)
        self.assert_log(self.up(FILES), """
            <time> INFO  1 of 4 migrations pending on <database> at 127.0.0.1: 3 -> 4
            <time> INFO  4_t applied in <duration> (1 statement); current version is 4
            <time> INFO  succeeded! 1 migration applied in <duration>; 3 -> 4
        """, status=0)
        self.assertEqual(
            ["1|up|applied", "2|up|adopted", "3|up|adopted", "4|up|applied"],
            self.history("version, direction, outcome"),
        )

    def test_it_went_down_and_up_again(self):
        self.assert_good(self.up(first(3)))
        self.golang_goes_to(1)
        self.assert_good(self.up(first(1)))
        self.golang_goes_to(3)
        self.assert_log(self.up(FILES), """
            <time> INFO  1 of 4 migrations pending on <database> at 127.0.0.1: 3 -> 4
            <time> INFO  4_t applied in <duration> (1 statement); current version is 4
            <time> INFO  succeeded! 1 migration applied in <duration>; 3 -> 4
        """, status=0)
        self.assertEqual("4|up|applied", self.history("version, direction, outcome")[-1])

    def test_an_edited_file_that_it_applied_again_is_as_it_is_now(self):
        self.assert_good(self.up(first(2)))
        self.golang_goes_to(1)
        self.assert_good(self.up(first(1)))
        self.golang_goes_to(2)
        files = {**first(3), "2_t.up.sql": "CREATE TABLE t2 (); -- now otherwise\n"}
        self.assert_good(self.up(files))
        self.assertEqual("3|f", self.version())


class OtherTables(GolangMigrate):
    def test_a_table_of_another_name(self):
        database = self.cluster.url(self.dbname, **{"x-migrations-table": "my versions"})
        self.assert_good(self.up(FILES, database=database))
        self.assertEqual("4|f", self.psql('SELECT version, dirty FROM "my versions"'))
        self.assertEqual(["my versions"] * 4, self.history("migrations_table"))
        self.assert_log(self.up(FILES, database=database), """
            <time> INFO  none of 4 migrations pending on <database> at 127.0.0.1; current version is 4
            <time> INFO  succeeded! nothing to do; current version is 4
        """, status=0)

    def test_a_quoted_table_of_another_schema(self):
        self.psql('CREATE SCHEMA "Audit"')
        database = self.cluster.url(self.dbname, **{
            "x-migrations-table": '"Audit"."Versions"', "x-migrations-table-quoted": "1"})
        self.golang_creates('"Audit"."Versions"')
        self.psql("CREATE TABLE t1 ()")
        self.golang_sets(1, table='"Audit"."Versions"')
        self.assert_good(self.up(FILES, database=database))
        self.assertEqual("4|f", self.psql('SELECT version, dirty FROM "Audit"."Versions"'))
        self.assertEqual("4", self.psql('SELECT count(*) FROM "Audit".pgstride_history'))
        self.assertEqual("t1 t2 t3 t4", self.tables())

    def test_two_sets_of_migrations_share_a_schema(self):
        one, two = (self.cluster.url(self.dbname, **{"x-migrations-table": name})
                    for name in ("one", "two"))
        self.assert_good(self.up({"1_a.up.sql": "CREATE TABLE a ();"}, database=one))
        self.assert_good(self.up({"1_b.up.sql": "CREATE TABLE b ();",
                                  "2_c.up.sql": "CREATE TABLE c ();"}, database=two))
        self.assertEqual("1|f 2|f", self.psql("TABLE one") + " " + self.psql("TABLE two"))
        self.assertEqual(["one|1|1_a", "two|1|1_b", "two|2|2_c"],
                         self.history("migrations_table, version, name"))
        self.assert_good(self.up({"1_a.up.sql": "CREATE TABLE a ();"}, database=one))

    def test_a_quoted_name_that_is_none(self):
        for name in ("versions", '"a"."b"."c"', '"a', '"a".', '""'):
            with self.subTest(name):
                database = self.cluster.url(self.dbname, **{
                    "x-migrations-table": name, "x-migrations-table-quoted": "true"})
                self.assert_log(self.up(FILES, database=database), """
                    <time> ERROR x-migrations-table is not a quoted name
                                       hint: Write "table" or "schema"."table", percent-encoded.
                    <time> ERROR failed: nothing was applied; a retry will not help
                """, status=1)

    def test_a_schema_for_the_table_that_is_not_there(self):
        database = self.cluster.url(self.dbname, **{
            "x-migrations-table": '"nowhere"."versions"', "x-migrations-table-quoted": "true"})
        result = self.up(FILES, database=database)
        self.assertEqual(1, result.status)
        self.assertIn('schema "nowhere" does not exist (3F000)\n', result.stdout)
        self.assertEqual("", self.tables())


class Lock(GolangMigrate):
    def test_the_key_is_golang_migrates(self):
        """Keys that golang-migrate itself was seen to take."""
        self.assertEqual(
            [3280485947, 481906188, 143310882], list(map(lock_key, ("/postgres", "/b_sem", "postgres"))))

    def hold(self, key):
        return self.session(f"SELECT pg_advisory_lock({key});")

    def test_a_run_waits_for_whoever_holds_it_and_says_who_that_is(self):
        for name, database in (("its command line", f"/{self.dbname}"), ("its library", self.dbname)):
            with self.subTest(name):
                self.psql("DROP TABLE IF EXISTS schema_migrations, pgstride_history, t1")
                holder = self.hold(lock_key(database))
                process = self.start_up(first(1))
                time.sleep(1)
                self.assertEqual("", self.tables())
                self.end_session(holder)
                self.assert_log(self.finish(process), """
                    <time> WARN  waiting for the migration lock, held by pid <pid> (psql, postgres), idle, connected for <duration>; up to <duration> more
                    <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
                    <time> INFO  1_t applied in <duration> (1 statement); current version is 1
                    <time> INFO  succeeded! 1 migration applied in <duration>; none -> 1
                """, status=0)

    def test_a_run_gives_up_after_its_time(self):
        self.hold(lock_key(f"/{self.dbname}"))
        begun = time.monotonic()
        result = self.up(first(1), "--lock-timeout", "1s")
        self.assertTrue(0.9 < time.monotonic() - begun < 10)
        self.assert_log(result, """
            <time> WARN  waiting for the migration lock, held by pid <pid> (psql, postgres), idle, connected for <duration>; up to <duration> more
            <time> ERROR another run holds the migration lock since before we came, 1 s ago: pid <pid> (psql, postgres), idle, connected for <duration>
                               hint: Let it finish and run again, or wait longer with --lock-timeout.
            <time> ERROR failed: nothing was applied; a retry may help
        """, status=1)
        self.assertEqual("", self.tables())
        self.assertEqual("", self.psql("SELECT to_regclass('schema_migrations')"))

    def test_without_patience_it_gives_up_at_once(self):
        self.hold(lock_key(f"/{self.dbname}"))
        result = self.up(first(1), "--lock-timeout", "0")
        self.assertEqual(1, result.status)
        self.assertIn(" ERROR another run holds the migration lock", result.stdout)

    def test_a_run_holds_both_keys_until_it_ends(self):
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(2);"})
        self.wait_for_statement("pg_sleep(2)")
        for database in (f"/{self.dbname}", self.dbname):
            self.assertEqual("f", self.psql(f"SELECT pg_try_advisory_lock({lock_key(database)})"))
        self.assert_good(self.finish(process))
        for database in (f"/{self.dbname}", self.dbname):
            self.assertEqual("t", self.psql(f"SELECT pg_try_advisory_lock({lock_key(database)})"))

    def test_the_key_follows_the_table(self):
        self.hold(lock_key(f"/{self.dbname}"))
        database = self.cluster.url(self.dbname, **{"x-migrations-table": "versions"})
        self.assert_good(self.up(first(1), "--lock-timeout", "0", database=database))
        self.hold(lock_key(f"/{self.dbname}", table="versions"))
        self.assertEqual(1, self.up(first(2), "--lock-timeout", "0", database=database).status)

    def test_a_waiting_run_holds_no_snapshot(self):
        """So that the holder's CREATE INDEX CONCURRENTLY can end."""
        self.psql("CREATE TABLE t (a int)")
        holder = self.hold(lock_key(f"/{self.dbname}"))
        process = self.start_up(first(1))
        self.wait_until("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgstride'"
                        " AND datname = current_database()", "1")
        holder.stdin.write("CREATE INDEX CONCURRENTLY i ON t (a);\n\\echo built\n")
        holder.stdin.flush()
        begun = time.monotonic()
        self.assertEqual("built\n", holder.stdout.readline())
        self.assertLess(time.monotonic() - begun, 5)
        self.end_session(holder)
        self.assert_good(self.finish(process))

    def test_the_server_soon_misses_a_machine_that_vanished(self):
        """In each session, transaction and way to run; by itself a server takes two hours."""
        shown = ("SELECT current_setting('tcp_keepalives_idle'),"
                 " current_setting('tcp_keepalives_interval'),"
                 " current_setting('tcp_keepalives_count'), current_setting('tcp_user_timeout');\n")
        self.assert_good(self.up({
            "1_a.up.sql": f"CREATE TABLE seen (a text, b text, c text, d text);\nINSERT INTO seen {shown}",
            "2_b.up.sql": f"INSERT INTO seen {shown}",
            "3_c.up.sql": f"-- pgstride: no-transaction\nINSERT INTO seen {shown}SELECT 1;\n",
        }))
        self.assertEqual(["10|5|4|30000"] * 3, self.psql("SELECT * FROM seen").splitlines())

    def test_a_server_that_freezes_meanwhile(self):
        self.hold(lock_key(f"/{self.dbname}"))
        process = self.start_up(first(1), "--lock-timeout", "3s")
        self.assertIn(" waiting for the migration lock, ", process.stdout.readline())
        self.freeze()
        self.assert_log(self.finish(process, timeout=15), """
            <time> ERROR cannot ask for the migration lock: the server did not answer within <duration>
            <time> ERROR failed: nothing was applied; a retry may help
        """, status=1)

    def test_the_lock_goes_with_a_killed_run(self):
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(30);"})
        self.wait_for_statement("pg_sleep(30)")
        process.kill()
        process.wait()
        begun = time.monotonic()
        self.assert_good(self.up(first(1)))
        self.assertLess(time.monotonic() - begun, 8)
