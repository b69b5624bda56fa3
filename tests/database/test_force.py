# SPDX-License-Identifier: Apache-2.0
"""force V and baseline V: the version is set, nothing runs, and the history says so."""

from database.case import DatabaseCase, lock_key

FILES = {}
for n in range(1, 5):
    FILES[f"{n}_t.up.sql"] = f"CREATE TABLE t{n} ();\n"
    FILES[f"{n}_t.down.sql"] = f"DROP TABLE t{n};\n"

SET = "<time> INFO  version set on <database> at 127.0.0.1, without running anything: {}\n"


class Force(DatabaseCase):
    def force(self, *words, files=None, **options):
        return self.pgstride(files or FILES, "force", *words, **options)

    def ways(self, first=0):
        return self.history("version, direction, outcome")[first:]

    def test_back(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.force("2"), SET.format("4 -> 2"), status=0)
        self.assertEqual(("t1 t2 t3 t4", "2|f"), (self.tables(), self.version()))
        self.assertEqual(["2|up|forced", "3|down|forced", "4|down|forced"], self.ways(4))
        self.psql("DROP TABLE t3, t4")
        self.assert_good(self.up(FILES))
        self.assertEqual(("t1 t2 t3 t4", "4|f"), (self.tables(), self.version()))

    def test_forth(self):
        self.assert_good(self.up(FILES, "up", "1"))
        self.assert_log(self.force("3"), SET.format("1 -> 3"), status=0)
        self.assertEqual(("t1", "3|f"), (self.tables(), self.version()))
        self.assertEqual(["2|up|forced", "3|up|forced"], self.ways(1))
        self.assert_good(self.up(FILES))
        self.assertEqual(("t1 t4", "4|f"), (self.tables(), self.version()))

    def test_where_it_is(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.force("4"), SET.format("4 -> 4"), status=0)
        self.assertEqual(["4|up|forced"], self.ways(4))

    def test_an_edited_file_is_as_it_is_now(self):
        self.assert_good(self.up(FILES))
        edited = {**FILES, "4_t.up.sql": "CREATE TABLE other ();"}
        self.assertEqual(1, self.up(edited).status)
        self.assert_good(self.force("4", files=edited))
        self.assert_good(self.up(edited))

    def test_to_no_version(self):
        self.assert_good(self.up(FILES))
        for words in (("-1",), ("--", "-1")):
            with self.subTest(words):
                self.assert_good(self.force("4"))
                self.assert_log(self.force(*words), SET.format("4 -> none"), status=0)
                self.assertEqual("", self.version())
        self.assertEqual([f"{n}|down|forced" for n in range(1, 5)], self.ways()[-4:])
        self.psql("DROP TABLE t1, t2, t3, t4")
        self.assert_good(self.up(FILES))
        self.assertEqual(("t1 t2 t3 t4", "4|f"), (self.tables(), self.version()))

    def test_from_nothing(self):
        self.assert_log(self.force("2"), SET.format("none -> 2"), status=0)
        self.assertEqual(("", "2|f"), (self.tables(), self.version()))
        self.assertEqual(["1|up|forced", "2|up|forced"], self.ways())

    def test_from_nothing_to_nothing(self):
        self.assert_log(self.force("-1"), SET.format("none -> none"), status=0)
        self.assertEqual("", self.version())
        self.assertEqual([], self.ways())

    def test_a_version_that_is_not_in_the_folder(self):
        self.assert_good(self.up(FILES, "up", "2"))
        folder = self.folder(FILES)
        self.assert_log(self.force("7", files=folder), """
            <time> WARN  version 7 is not in the folder <folder2>
            """ + SET.format("2 -> 7"), status=0)
        self.assertEqual("7|f", self.version())
        self.assertEqual(["3|3_t|forced", "4|4_t|forced", "7|7|forced"],
                         self.history("version, name, outcome")[2:])

    def test_what_golang_migrate_left_dirty(self):
        self.psql("CREATE TABLE schema_migrations (version bigint not null primary key,"
                  " dirty boolean not null); INSERT INTO schema_migrations VALUES (3, true);")
        self.assert_log(self.force("2"), SET.format("3 -> 2"), status=0)
        self.assertEqual("2|f", self.version())
        self.assertEqual(["1|up|adopted", "2|up|adopted", "2|up|forced"], self.ways())

    def test_columns_and_rows_that_others_added(self):
        self.assert_good(self.up(FILES))
        self.psql("ALTER TABLE schema_migrations ADD COLUMN data_version int NOT NULL DEFAULT 7;"
                  "UPDATE schema_migrations SET data_version = 30;"
                  "INSERT INTO schema_migrations VALUES (1, false)")
        self.assert_good(self.force("2"))
        self.assertEqual("2|f|30", self.psql("TABLE schema_migrations"))
        self.assert_good(self.force("-1"))
        self.assert_good(self.force("3"))
        self.assertEqual("3|f|7", self.psql("TABLE schema_migrations"))

    def test_a_table_of_another_name_and_schema(self):
        self.psql('CREATE SCHEMA "Audit"')
        for name, quoted, table, history in (
            ("my versions", "0", '"my versions"', "pgstride_history"),
            ('"Audit"."Versions"', "1", '"Audit"."Versions"', '"Audit".pgstride_history'),
        ):
            with self.subTest(name):
                database = self.cluster.url(self.dbname, **{
                    "x-migrations-table": name, "x-migrations-table-quoted": quoted})
                self.assert_good(self.up(FILES, database=database))
                self.assert_good(self.pgstride(FILES, "down", "1", database=database))
                self.assertEqual("3|f", self.psql(f"TABLE {table}"))
                self.assert_good(self.force("2", database=database))
                self.assertEqual("2|f", self.psql(f"TABLE {table}"))
                self.assertEqual("4|down|applied 2|up|forced 3|down|forced", self.psql(
                    "SELECT string_agg(concat_ws('|', version, direction, outcome), ' ' ORDER BY id)"
                    f" FROM {history} WHERE id > 4"))
                self.assert_good(self.pgstride(FILES, "drop", "-f", database=database))

    def test_it_waits_for_another_run(self):
        self.session(f"SELECT pg_advisory_lock({lock_key('/' + self.dbname)});")
        result = self.pgstride(FILES, "--lock-timeout", "0", "force", "2")
        self.assertEqual(1, result.status)
        self.assertIn(" ERROR another run holds the migration lock", result.stdout)
        self.assertEqual("", self.psql("SELECT to_regclass('schema_migrations')"))

    def test_all_or_nothing(self):
        self.assert_good(self.up(FILES))
        self.psql("ALTER TABLE pgstride_history ADD CHECK (outcome <> 'forced')")
        result = self.force("2")
        self.assertEqual(1, result.status)
        self.assertIn(" ERROR the version could not be set: ", result.stdout)
        self.assertEqual("4|f", self.version())

    def test_words_that_are_no_version(self):
        for words, message, hint in (
            ((), "force: no version was given", "Usage: pgstride force V; -1 for no version"),
            (("1", "2"), 'force: unexpected argument "2"',
             "Usage: pgstride force V; -1 for no version"),
        ):
            with self.subTest(words):
                self.assert_log(self.force(*words), f"""
                    <time> ERROR {message}
                                       hint: {hint}
                """, status=1)
        for word in ("", "x", "-2", "9223372036854775808"):
            with self.subTest(word):
                result = self.force("--", word)
                self.assertEqual(1, result.status)
                self.assertIn(" ERROR force: ", result.stdout)
        self.assertEqual("", self.psql("SELECT to_regclass('schema_migrations')"))


class Baseline(DatabaseCase):
    def baseline(self, *words, files=None, **options):
        return self.pgstride(files or FILES, "baseline", *words, **options)

    def test_a_schema_without_a_version(self):
        self.psql("CREATE TABLE t1 (); CREATE TABLE t2 ()")
        self.assert_log(self.baseline("2"), SET.format("none -> 2"), status=0)
        self.assertEqual(("t1 t2", "2|f"), (self.tables(), self.version()))
        self.assertEqual(["1|1_t|up|adopted", "2|2_t|up|adopted"], self.history())
        self.assert_good(self.up(FILES))
        self.assertEqual(("t1 t2 t3 t4", "4|f"), (self.tables(), self.version()))
        self.assert_good(self.pgstride(FILES, "down", "--all"))
        self.assertEqual(("", ""), (self.tables(), self.version()))

    def test_its_files_are_known_from_then_on(self):
        self.assert_good(self.baseline("2"))
        self.assertIn("edited after it was applied: 1_t.up.sql",
                      self.up({**FILES, "1_t.up.sql": "CREATE TABLE other ();"}).stdout)

    def test_a_database_with_a_version(self):
        self.assert_good(self.up(FILES, "up", "1"))
        self.assert_log(self.baseline("2"), """
            <time> ERROR the database is at version 1 already
                               hint: baseline is for a database that has a schema and no version. To set another version without running anything: pgstride force V.
        """, status=1)
        self.assertEqual("1|f", self.version())

    def test_a_dirty_database_without_a_version(self):
        self.psql("CREATE TABLE schema_migrations (version bigint not null primary key,"
                  " dirty boolean not null); INSERT INTO schema_migrations VALUES (-1, true);")
        self.assert_log(self.baseline("2"), """
            <time> ERROR the database is dirty, without a version
                               hint: baseline is for a database that has a schema and no version. To set another version without running anything: pgstride force V.
        """, status=1)
        self.assertEqual("-1|t", self.version())

    def test_a_version_that_is_not_in_the_folder(self):
        self.assert_log(self.baseline("7"), """
            <time> ERROR version 7 is not in the folder
                               hint: Name the last version whose changes the database already has.
        """, status=1)
        self.assertEqual("", self.psql("SELECT to_regclass('schema_migrations')"))

    def test_after_all_was_reverted(self):
        self.assert_good(self.up(FILES))
        self.assert_good(self.pgstride(FILES, "down", "--all"))
        self.psql("CREATE TABLE t1 (); CREATE TABLE t2 (); CREATE TABLE t3 ()")
        self.assert_good(self.baseline("3"))
        self.assert_good(self.up(FILES))
        self.assertEqual(("t1 t2 t3 t4", "4|f"), (self.tables(), self.version()))

    def test_after_the_version_was_taken_away(self):
        self.assert_good(self.up(FILES))
        self.psql("DELETE FROM schema_migrations; DROP TABLE t3, t4")
        self.assert_good(self.baseline("2"))
        self.assert_good(self.up(FILES))
        self.assertEqual(("t1 t2 t3 t4", "4|f"), (self.tables(), self.version()))

    def test_words_that_are_no_version(self):
        for words, message in (((), "no version was given"), (("1", "2"), 'unexpected argument "2"')):
            with self.subTest(words):
                self.assert_log(self.baseline(*words), f"""
                    <time> ERROR baseline: {message}
                                       hint: Usage: pgstride baseline V
                """, status=1)
        result = self.baseline("--", "-1")
        self.assertEqual(1, result.status)
        self.assertIn(" ERROR baseline: ", result.stdout)
