# SPDX-License-Identifier: Apache-2.0
"""Every kind of SQL that migrations hold, and what one migration leaves to the next: nothing."""

import re

from database.case import DatabaseCase
from support.proxy import LosingProxy
from support.cluster import clean_environment, run_program


class Transactions(DatabaseCase):
    def test_files_with_their_own_begin_and_commit(self):
        table = (
            ("BEGIN", "BEGIN;\n{};\nCOMMIT;\n"),
            ("no newline at the end", "BEGIN;{};COMMIT"),
            ("small letters", "begin;\n{};\ncommit;\n"),
            ("BEGIN and END", "BEGIN WORK;\n{};\nEND;\n"),
            ("BEGIN TRANSACTION", "BEGIN TRANSACTION;\n{};\nCOMMIT TRANSACTION;\n"),
            ("START TRANSACTION", "START TRANSACTION;\n{};\nCOMMIT WORK;\n"),
            ("comments around", "-- head\n/* more */ BEGIN; -- so\n{};\nCOMMIT; -- end\n/* end */\n"),
            ("a semicolon too many", "BEGIN;;\n{};;\nCOMMIT;;\n"),
        )
        for name, text in table:
            with self.subTest(name):
                dbname = self.new_database()
                database = self.cluster.url(dbname)
                files = {"1_a.up.sql": text.format("CREATE TABLE a (); CREATE TABLE b ()"),
                         "2_b.up.sql": text.format("CREATE TABLE c ()")}
                result = self.up(files, database=database)
                self.assert_good(result)
                self.assertNotIn(" WARN ", result.stdout)
                self.assertEqual("a b c", self.tables(dbname))
                self.assertEqual("2|f", self.cluster.psql(
                    dbname, "SELECT version, dirty FROM schema_migrations"))

    def test_the_isolation_level_that_a_file_asks_for(self):
        seen = ("CREATE TABLE seen_{0} AS SELECT current_setting('transaction_isolation') AS level,"
                " current_setting('transaction_deferrable') AS deferrable")
        files = {
            "1_a.up.sql": f"BEGIN ISOLATION LEVEL SERIALIZABLE;\n{seen.format(1)};\nCOMMIT;\n",
            "2_b.up.sql": "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE;\n"
                          f"{seen.format(2)};\nEND;\n",
            "3_c.up.sql": "BEGIN;\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\n"
                          f"{seen.format(3)};\nCOMMIT;\n",
            "4_d.up.sql": f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;\n{seen.format(4)};\n",
            "5_e.up.sql": f"{seen.format(5)};",
        }
        self.assert_good(self.up(files))
        self.assertEqual(
            ["serializable", "repeatable read", "serializable", "repeatable read",
             "read committed"],
            [self.psql(f"SELECT level FROM seen_{n}") for n in range(1, 6)],
        )

    def test_several_transactions_in_one_file(self):
        text = ("BEGIN;\nCREATE TABLE a ();\nCOMMIT;\nCREATE TABLE b ();\n"
                "BEGIN;\nCREATE TABLE c ();\nROLLBACK;\n")
        self.assert_log(self.up({"1_a.up.sql": text, "2_d.up.sql": "CREATE TABLE d ();"}), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_a applied in <duration> (7 statements); current version is 1
            <time> INFO  2_d applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
        """, status=0)
        self.assertEqual("a b d", self.tables())
        self.assertEqual("2|f", self.version())

    def test_savepoints_are_no_transactions(self):
        text = ("CREATE TABLE a (n int);\nSAVEPOINT s;\nINSERT INTO a VALUES (1);\n"
                "ROLLBACK TO SAVEPOINT s;\nINSERT INTO a VALUES (2);\nRELEASE s;\n")
        for name, file in (("as it is", text), ("wrapped", f"BEGIN;\n{text}COMMIT;\n")):
            with self.subTest(name):
                dbname = self.new_database()
                self.assert_good(self.up({"1_a.up.sql": file}, database=self.cluster.url(dbname)))
                self.assertEqual("2", self.cluster.psql(dbname, "SELECT n FROM a"))

    def test_a_procedure_that_commits(self):
        files = {
            "1_a.up.sql": "CREATE TABLE a (n int);\nCREATE PROCEDURE p() LANGUAGE plpgsql AS $$"
                          " BEGIN INSERT INTO a VALUES (1); COMMIT; END $$;",
            "2_b.up.sql": "CALL p();",
        }
        self.assert_good(self.up(files))
        self.assertEqual("1", self.psql("SELECT n FROM a"))
        self.assertEqual("2|f", self.version())


class OutsideATransaction(DatabaseCase):
    BASE = "CREATE TABLE t (a int, b int);\nINSERT INTO t SELECT n, n FROM generate_series(1, 100) n;\n"

    def test_commands_that_refuse_a_transaction(self):
        index = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"
        table = (
            ("CREATE INDEX CONCURRENTLY i ON t (a);", index, "t"),
            ("-- so\ncreate unique index concurrently if not exists i on t (a)", index, "t"),
            ("/* a */ CREATE /* b */ INDEX -- c\n CONCURRENTLY i ON t (a);", index, "t"),
            ("CREATE INDEX i ON t (a);\n", index, "t"),
            ("VACUUM;", "SELECT 1", "1"),
            ("VACUUM (FULL, ANALYZE) t;", "SELECT count(*) FROM t", "100"),
            ("REINDEX TABLE CONCURRENTLY t;", "SELECT count(*) FROM t", "100"),
            ("ALTER SYSTEM RESET work_mem;", "SELECT 1", "1"),
        )
        for text, question, answer in table:
            with self.subTest(text):
                dbname = self.new_database()
                result = self.up({"1_t.up.sql": self.BASE, "2_i.up.sql": text,
                                  "3_u.up.sql": "CREATE TABLE u ();"},
                                 database=self.cluster.url(dbname))
                self.assert_good(result)
                self.assertNotIn(" WARN ", result.stdout)
                self.assertEqual(answer, self.cluster.psql(dbname, question))
                self.assertEqual("1|1_t|applied\n2|2_i|applied\n3|3_u|applied", self.cluster.psql(
                    dbname, "SELECT version, name, outcome FROM pgstride_history ORDER BY id"))
                self.assertEqual("t u", self.tables(dbname))

    def test_a_command_that_only_the_server_knows_to_refuse_one(self):
        """Its words do not tell: the server's refusal does, and it is run again by itself."""
        files = {
            "1_t.up.sql": "CREATE TABLE t (a int) PARTITION BY LIST (a);\n"
                          "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);",
            "2_d.up.sql": "ALTER TABLE t DETACH PARTITION t1 CONCURRENTLY;",
        }
        self.assert_log(self.up(files), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_t applied in <duration> (2 statements); current version is 1
            <time> INFO  2_d applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
        """, status=0)
        self.assertEqual("f", self.psql(
            "SELECT relispartition FROM pg_class WHERE relname = 't1'"))

    def test_among_other_statements_it_is_refused_with_the_way_out(self):
        text = "CREATE TABLE u ();\nCREATE INDEX CONCURRENTLY i ON t (a);\n"
        self.assert_log(self.up({"1_t.up.sql": self.BASE, "2_i.up.sql": text}), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_t applied in <duration> (2 statements); current version is 1
            <time> ERROR 2_i.up.sql:2:1: CREATE INDEX CONCURRENTLY cannot run inside a transaction block (25001)
                               2 | CREATE INDEX CONCURRENTLY i ON t (a);
                               hint: Put this statement in a file of its own; or write the comment -- pgstride: no-transaction at the head of the file, and each statement runs by itself.
                               Nothing of this migration was kept: the database is at 1, clean. Mend the file and run again.
            <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry will not help
        """, status=1)
        self.assertEqual("t", self.tables())

    def test_directives_of_ours_and_of_other_tools(self):
        for directive in ("-- pgstride: no-transaction", "--pgstride:no-transaction",
                          "-- PGSTRIDE: No-Transaction", "-- atlas:txmode none",
                          "-- +goose NO TRANSACTION", "-- migrate:up transaction:false",
                          "-- a comment first\n\n-- pgstride: no-transaction"):
            with self.subTest(directive):
                dbname = self.new_database()
                text = (f"{directive}\nCREATE TABLE u ();\nCREATE INDEX CONCURRENTLY i ON t (a);\n"
                        "CREATE INDEX CONCURRENTLY j ON t (b);\n")
                self.assert_good(self.up({"1_t.up.sql": self.BASE, "2_i.up.sql": text},
                                         database=self.cluster.url(dbname)))
                self.assertEqual("t|t", self.cluster.psql(
                    dbname, "SELECT string_agg(indisvalid::text, '|') FROM pg_index"
                            " WHERE indrelid = 't'::regclass").replace("true", "t"))

    def test_a_directive_below_the_head_is_a_comment(self):
        text = "CREATE TABLE u ();\n-- pgstride: no-transaction\nSELECT 1 / 0;\n"
        self.assertEqual(1, self.up({"1_u.up.sql": text}).status)
        self.assertEqual("", self.tables())

    FAILING = ("-- pgstride: no-transaction\nCREATE TABLE a ();\nCREATE TABLE b (n int);\n"
               "INSERT INTO b SELECT 1 / count(*) FROM pg_class WHERE relname = 'c';\n"
               "CREATE TABLE d ();\n")

    def test_a_failure_keeps_what_ran_and_the_next_run_goes_on_there(self):
        files = {"1_t.up.sql": "CREATE TABLE t ();", "2_n.up.sql": self.FAILING,
                 "3_u.up.sql": "CREATE TABLE u ();"}
        failure = """
            <time> ERROR 2_n.up.sql:4:1: division by zero (22012)
                               4 | INSERT INTO b SELECT 1 / count(*) FROM pg_class WHERE relname = 'c';
                               It ran outside a transaction: what stands before this statement was kept, and the version is 2, dirty, until the rest is done. Mend the file and run again: it goes on here.
        """
        self.assert_log(self.up(files), f"""
            <time> INFO  3 of 3 migrations pending on <database> at 127.0.0.1: none -> 3
            <time> INFO  1_t applied in <duration> (1 statement); current version is 1
            {failure.strip()}
            <time> ERROR failed: 1 of 3 applied in <duration>; none -> 1 (wanted 3); a retry will not help
        """, status=1)
        self.assertEqual("a b t", self.tables())
        self.assertEqual("2|t", self.version())
        self.assertEqual(["1|applied|1|1", "2|failed|2|4"],
                         self.history("version, outcome, statements_done, statements_total"))

        again = self.up(files)
        self.assertEqual(1, again.status)
        self.assertIn("2_n.up.sql:4:1: division by zero (22012)\n", again.stdout)
        self.assertEqual("2|t", self.version())

        self.psql("CREATE TABLE c ()")
        self.assert_log(self.up(files), """
            <time> INFO  2 of 3 migrations pending on <database> at 127.0.0.1: 2 -> 3
            <time> WARN  2_n goes on at statement 3 of 4, where an earlier run stopped
            <time> INFO  2_n applied in <duration> (4 statements); current version is 2
            <time> INFO  3_u applied in <duration> (1 statement); current version is 3
            <time> INFO  succeeded! 2 migrations applied in <duration>; 2 -> 3
        """, status=0)
        self.assertEqual("a b c d t u", self.tables())
        self.assertEqual("1", self.psql("SELECT count(*) FROM b"))
        self.assertEqual("3|f", self.version())
        self.assertEqual(["1|applied|1|1", "2|applied|4|4", "3|applied|1|1"],
                         self.history("version, outcome, statements_done, statements_total"))

    def test_the_failing_statement_may_be_mended(self):
        files = {"1_n.up.sql": self.FAILING}
        self.assertEqual(1, self.up(files).status)
        files["1_n.up.sql"] = self.FAILING.replace("1 / count(*)", "count(*)")
        self.assert_good(self.up(files))
        self.assertEqual("a b d", self.tables())
        self.assertEqual("1|f", self.version())

    def test_the_part_that_ran_may_not(self):
        self.assertEqual(1, self.up({"1_n.up.sql": self.FAILING}).status)
        edited = self.FAILING.replace("CREATE TABLE a ();", "CREATE TABLE other ();")
        self.assert_log(self.up({"1_n.up.sql": edited}), """
            <time> ERROR 1_n.up.sql was edited within its first 2 statements, which ran before, outside a transaction
                               hint: Put them back as they were and run again: it goes on behind them. Make the change in a new migration.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)

    def test_a_transaction_of_the_files_own_that_fails_is_begun_again(self):
        text = ("CREATE TABLE a ();\nBEGIN;\nCREATE TABLE b ();\n"
                "SELECT 1 / count(*) FROM pg_class WHERE relname = 'c';\nCOMMIT;\nCREATE TABLE d ();\n")
        self.assertEqual(1, self.up({"1_n.up.sql": text}).status)
        self.assertEqual("a", self.tables())
        self.assertEqual(["failed|1|6"],
                         self.history("outcome, statements_done, statements_total"))
        self.psql("CREATE TABLE c ()")
        self.assert_good(self.up({"1_n.up.sql": text}))
        self.assertEqual("a b c d", self.tables())
        self.assertEqual("1|f", self.version())

    def test_what_is_said_of_it_is_what_was_kept(self):
        kept = "and the version is 1, dirty, until the rest is done. Mend the file and run again"
        for text, said in (
                ("CREATE TABLE a (); BEGIN; COMMIT; SELECT 1/0;",
                 f"It ran outside a transaction: what stands before this statement was kept, {kept}:"
                 " it goes on here.\n"),
                ("BEGIN; CREATE TABLE a (); SELECT 1/0; ROLLBACK;",
                 f"Its own transaction was rolled back: nothing of it was kept, {kept}.\n"),
                ("CREATE TABLE a (); BEGIN; CREATE TABLE b (); SELECT 1/0; COMMIT;",
                 "Its own transaction was rolled back: of its statements the first 1 were kept,"
                 f" {kept}: it goes on behind them.\n")):
            with self.subTest(text):
                self.psql("DROP TABLE IF EXISTS a, b, schema_migrations, pgstride_history")
                self.assertIn(said, self.up({"1_n.up.sql": text}).stdout)

    def test_a_chain_of_transactions_goes_on_within_it(self):
        text = ("BEGIN ISOLATION LEVEL SERIALIZABLE;\nCREATE TABLE a ();\nCOMMIT AND CHAIN;\n"
                "CREATE TABLE b AS SELECT current_setting('transaction_isolation') AS level;\n"
                "SELECT 1 / count(*) FROM pg_class WHERE relname = 'c';\nCOMMIT;\n")
        self.assertIn("of its statements the first 2 were kept", self.up({"1_n.up.sql": text}).stdout)
        self.assertEqual("a", self.tables())
        self.psql("CREATE TABLE c ()")
        self.assert_good(self.up({"1_n.up.sql": text}))
        self.assertEqual("a b c", self.tables())
        self.assertEqual("serializable", self.psql("SELECT level FROM b"))

    def test_a_transaction_that_is_prepared_locks_no_row_of_ours(self):
        """Another file, and another run, find it and end it."""
        prepare = "BEGIN;\nCREATE TABLE a ();\nPREPARE TRANSACTION 'pgstride test';\n"
        commit = "COMMIT PREPARED 'pgstride test';\n"
        self.assert_good(self.up({"1_a.up.sql": prepare + commit + "CREATE TABLE b ();"}))
        self.assertEqual("a b", self.tables())
        self.psql("DROP TABLE a, b, schema_migrations, pgstride_history")
        self.assert_good(self.up({"1_a.up.sql": prepare}))
        self.assertEqual(("1|f", ""), (self.version(), self.tables()))
        self.assert_good(self.up({"1_a.up.sql": prepare, "2_b.up.sql": commit}))
        self.assertEqual("a", self.tables())

    def test_an_invalid_index_of_an_earlier_try_is_built_anew(self):
        files = {
            "1_t.up.sql": "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (1);\n",
            "2_i.up.sql": "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);\n",
        }
        self.assertEqual(1, self.up(files).status)
        self.psql("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)")
        self.assert_good(self.up(files))
        self.assertEqual("t", self.psql(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"))
        self.assertEqual("2|f", self.version())


class StoppedBehindABuild(DatabaseCase):
    """The server built the index, and the run was cut off before it could say so."""

    TABLE = "CREATE TABLE t (n int);"
    BUILD = "CREATE INDEX CONCURRENTLY i ON t (n);"
    LOST = ("connecting again: the connection to the database was lost: server closed the "
            "connection unexpectedly; This probably means the server terminated abnormally; "
            "before or while processing the request.")
    REFUSED = """\
            <time> ERROR 2_i.up.sql:1:1: relation "i" already exists (42P07)
                               1 | CREATE INDEX CONCURRENTLY i ON t (n);
                               It ran outside a transaction: what stands before this statement was kept, and the version is 2, dirty, until the rest is done. Mend the file and run again: it goes on here."""

    def run_cut_off_at(self, word, files):
        proxy = LosingProxy(self.cluster.port, word)
        self.addCleanup(proxy.stop)
        server = self.cluster
        return self.up(files, database=f"postgres://postgres:{server.password}@127.0.0.1:"
                                       f"{proxy.port}/{self.dbname}?sslmode=disable")

    def test_the_index_is_taken_for_its_own(self):
        result = self.run_cut_off_at(b"CREATE INDEX\0", {
            "1_t.up.sql": self.TABLE, "2_i.up.sql": self.BUILD, "3_u.up.sql": "CREATE TABLE u ();"})
        self.assert_log(result, f"""
            <time> INFO  3 of 3 migrations pending on <database> at 127.0.0.1: none -> 3
            <time> INFO  1_t applied in <duration> (1 statement); current version is 1
            <time> WARN  {self.LOST}
            <time> WARN  2_i goes on at statement 1 of 1, where an earlier run stopped
            <time> WARN  the index public.i is there and valid: an earlier run built it, and was stopped before it could say so
            <time> INFO  2_i applied in <duration> (1 statement); current version is 2
            <time> INFO  3_u applied in <duration> (1 statement); current version is 3
            <time> INFO  succeeded! 3 migrations applied in <duration>; none -> 3
        """, status=0)

    def test_one_that_was_there_before_is_not(self):
        files = {"1_t.up.sql": self.TABLE + "CREATE INDEX i ON t (n);", "2_i.up.sql": self.BUILD}
        self.assert_log(self.run_cut_off_at(b"42P07", files), f"""
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_t applied in <duration> (2 statements); current version is 1
            <time> WARN  {self.LOST}
            <time> WARN  2_i goes on at statement 1 of 1, where an earlier run stopped
{self.REFUSED}
            <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry will not help
        """, status=1)
        self.assert_log(self.up(files), f"""
            <time> INFO  1 of 2 migrations pending on <database> at 127.0.0.1: 2 -> 2
            <time> WARN  2_i goes on at statement 1 of 1, where an earlier run stopped
{self.REFUSED}
            <time> ERROR failed: 0 of 1 applied in <duration>; 2 -> 2 (wanted 2); a retry will not help
        """, status=1)


class Resumed(DatabaseCase):
    def test_the_settings_of_the_part_that_ran_are_made_again(self):
        self.psql("CREATE SCHEMA other")
        part = ("-- pgstride: no-transaction\nSET search_path = other;\nCREATE TABLE a ();\n"
                "SELECT set_config('work_mem', '5MB', false);\n")
        self.assertEqual(1, self.up({"1_a.up.sql": part + "SELECT 1 / 0;\n"}).status)
        self.assert_good(self.up({"1_a.up.sql": part + "CREATE TABLE b AS"
                                  " SELECT current_setting('work_mem') AS w;\n"}))
        self.assertEqual("5MB", self.psql("SELECT w FROM other.b"))


class Baseline(DatabaseCase):
    def test_ten_megabytes_of_data(self):
        row = "x" * 100
        rows = "".join(f"{n}\t{row}\n" for n in range(100_000))
        self.assert_good(self.up({"1_a.up.sql": "CREATE TABLE t (n int, x text);\n"
                                  f"COPY t FROM stdin;\n{rows}\\.\n"}, timeout=240))
        self.assertEqual("100000|10000000", self.psql("SELECT count(*), sum(length(x)) FROM t"))


class Session(DatabaseCase):
    """Between migrations the session is as new: one or a thousand in a run behave alike."""

    SEEN = (
        "CREATE TABLE public.seen AS SELECT name, setting FROM pg_settings\n"
        " WHERE name NOT IN ('transaction_isolation', 'transaction_read_only')\n"
        " UNION SELECT 'role', current_user UNION SELECT 'session', session_user\n"
        " UNION SELECT 'custom', coalesce(current_setting('my.custom', true), '')\n"
        " UNION SELECT 'prepared', count(*)::text FROM pg_prepared_statements WHERE name NOT LIKE 'pgstride%'\n"
        " UNION SELECT 'temporary', count(*)::text FROM pg_class WHERE relpersistence = 't'\n"
        " UNION SELECT 'cursors', count(*)::text FROM pg_cursors WHERE is_holdable\n"
        " UNION SELECT 'channels', count(*)::text FROM pg_listening_channels()\n"
    )

    def test_what_one_migration_sets_the_next_does_not_find(self):
        role = f"{self.dbname}_role"
        self.psql(f"CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}; CREATE SCHEMA other")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE IF EXISTS {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}")
        self.assert_good(self.up({"1_seen.up.sql": self.SEEN}))
        normal = set(self.psql("TABLE seen").splitlines())
        self.assertIn("lock_timeout|5000", normal)
        table = (
            "SET search_path = other",
            "SET search_path = ''",
            "SELECT set_config('search_path', '', false)",
            f"SET ROLE {role}",
            f"SET SESSION AUTHORIZATION {role}",
            "CREATE TEMP TABLE gone (a int)",
            "CREATE TEMP TABLE pgstride_history (a int); CREATE TEMP TABLE schema_migrations ()",
            "SET statement_timeout = '1h'",
            "SET lock_timeout = '1h'",
            "SET idle_in_transaction_session_timeout = '1h'",
            "SET client_min_messages = error",
            "SET standard_conforming_strings = off",
            "SET client_encoding = 'LATIN1'",
            "SET datestyle = 'German'",
            "SET row_security = off",
            "SET session_replication_role = replica",
            "SET check_function_bodies = off",
            "SET synchronous_commit = off",
            "SET my.custom = 'mine'",
            "SET application_name = 'mine'",
            "SET default_transaction_isolation = 'serializable'",
            "SET default_tablespace = ''",
            "PREPARE mine AS SELECT 1",
            "DECLARE mine CURSOR WITH HOLD FOR SELECT 1",
            "LISTEN mine",
            "SET TIME ZONE 'Asia/Tokyo'",
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        )
        for begin, end in (("", ""), ("BEGIN;\n", "COMMIT;\n"), ("-- pgstride: no-transaction\n", "")):
            for statement in table:
                with self.subTest(begin + statement):
                    self.psql("DROP TABLE seen; TRUNCATE schema_migrations, pgstride_history")
                    result = self.up({"1_set.up.sql": f"{begin}{statement};\n{end}",
                                      "2_seen.up.sql": self.SEEN})
                    self.assert_good(result)
                    seen = set(self.psql("TABLE seen").splitlines())
                    self.assertEqual((set(), set()), (normal - seen, seen - normal))
                    self.assertEqual(["1|1_set|up|applied", "2|2_seen|up|applied"], self.history())

    def test_nor_the_last_value_of_a_sequence(self):
        result = self.up({"1_a.up.sql": "CREATE SEQUENCE s; SELECT nextval('s');",
                          "2_b.up.sql": "SELECT currval('s');"})
        self.assertIn('currval of sequence "s" is not yet defined in this session (55000)',
                      result.stdout)

    def test_it_finds_what_is_set_for_the_database_and_the_role(self):
        self.psql(f"CREATE SCHEMA home; ALTER DATABASE {self.dbname} SET search_path = home;"
                  f"ALTER DATABASE {self.dbname} SET my.custom = 'here'")
        self.assert_good(self.up({
            "1_a.up.sql": "SET search_path = public; SET my.custom = 'there';",
            "2_b.up.sql": "CREATE TABLE b AS SELECT current_setting('my.custom') AS custom;",
        }))
        self.assertEqual("here", self.cluster.psql(self.dbname, "SELECT custom FROM home.b"))

    def test_a_url_names_settings_for_every_migration(self):
        self.psql("CREATE SCHEMA tenant")
        database = self.cluster.url(self.dbname, search_path="tenant,public", work_mem="7MB")
        seen = "CREATE TABLE seen_{0} AS SELECT current_setting('work_mem') AS w;"
        self.assert_good(self.up({"1_a.up.sql": seen.format(1) + "SET work_mem = '1MB';",
                                  "2_b.up.sql": seen.format(2)}, database=database))
        self.assertEqual("7MB|7MB", self.psql(
            "SELECT one.w, two.w FROM tenant.seen_1 AS one, tenant.seen_2 AS two"))


class Kinds(DatabaseCase):
    def test_an_empty_file_is_recorded(self):
        for name, content in (("empty", ""), ("white space", " \n\t\n"), ("a comment", "-- none\n"),
                              ("a block comment", "/* a /* b */ */"), ("semicolons", ";;\n;"),
                              ("a byte-order mark", "\ufeff")):
            with self.subTest(name):
                dbname = self.new_database()
                self.assert_log(
                    self.up({"1_a.up.sql": content, "2_b.up.sql": "CREATE TABLE b ();"},
                            database=self.cluster.url(dbname)), f"""
                    <time> INFO  2 of 2 migrations pending on {dbname} at 127.0.0.1: none -> 2
                    <time> INFO  1_a applied in <duration> (0 statements); current version is 1
                    <time> INFO  2_b applied in <duration> (1 statement); current version is 2
                    <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
                """, status=0)

    def test_like_psql(self):
        table = (
            ("a byte-order mark", b"\xef\xbb\xbfCREATE TABLE a ();\n"),
            ("carriage returns", "CREATE TABLE a (\r\n  b int\r\n);\r\n-- c\r\nCREATE TABLE d ();\r\n"),
            ("no final semicolon", "CREATE TABLE a ()"),
            ("quotes of all kinds",
             "CREATE TABLE \"a;b\" (\"c\"\"d\" text DEFAULT 'it''s; --', e text DEFAULT E'\\';',"
             " f text DEFAULT U&'\\0041;', g text DEFAULT $x$;'$$;$x$);"),
            ("characters of many bytes", "CREATE TABLE \"é€😀\" (\"ß\" text DEFAULT '€');"),
            ("comments", "/* ; /* nested ; */ ' */ CREATE TABLE a ( -- ; '\n b int /* \" */);"),
            ("a function of dollar quotes",
             "CREATE FUNCTION f(a int) RETURNS int LANGUAGE plpgsql AS $f$\nDECLARE b int;\nBEGIN\n"
             "  b := a; -- it's ;\n  RETURN (SELECT $$;$$::text <> '') ::int + b;\nEND;\n$f$;\n"
             "CREATE TABLE a ();"),
            ("a function of BEGIN ATOMIC",
             "CREATE TABLE a (n int);\nCREATE FUNCTION f(m int) RETURNS bigint LANGUAGE sql\n"
             "BEGIN ATOMIC\n  INSERT INTO a VALUES (m);\n  SELECT CASE WHEN m > 1 THEN 1 ELSE 2 END;\n"
             "  SELECT count(*) FROM a;\nEND;\nCREATE TABLE b ();"),
            ("a procedure of BEGIN ATOMIC, small letters",
             "create table a (n int);\ncreate or replace procedure p() begin atomic\n"
             "  insert into a values (1);\n  insert into a values (2);\nend;\n"),
            ("a rule", "CREATE TABLE a (n int); CREATE TABLE b (n int);\n"
                       "CREATE RULE r AS ON INSERT TO a DO ALSO (INSERT INTO b VALUES (new.n);"
                       " DELETE FROM b WHERE n < 0);"),
            ("array slices and casts",
             "CREATE TABLE a (b int[]);\nCREATE VIEW v AS SELECT b[1:2] AS c, b[1:array_length(b, 1)]"
             " AS d, '1'::int AS e FROM a;"),
            ("names like variables",
             "CREATE TABLE a (b text DEFAULT ':name', c text DEFAULT ':''x''');\n"
             "PREPARE p AS SELECT b FROM a WHERE c = $1;"),
            ("a trigger, a type, a domain, an enum",
             "CREATE TYPE mood AS ENUM ('sad');\nCREATE DOMAIN positive AS int CHECK (VALUE > 0);\n"
             "CREATE TABLE a (m mood, p positive);\nCREATE FUNCTION t() RETURNS trigger LANGUAGE"
             " plpgsql AS 'BEGIN RETURN new; END';\nCREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW"
             " EXECUTE FUNCTION t();\nCOMMENT ON TABLE a IS 'it''s a; comment';"),
            ("DO", "DO $$\nBEGIN\n  EXECUTE 'CREATE TABLE a ()';\n  CREATE TABLE b ();\nEND\n$$;"),
            ("materialized views, partitions, generated columns",
             "CREATE TABLE a (n int, m int GENERATED ALWAYS AS (n * 2) STORED) PARTITION BY RANGE (n);\n"
             "CREATE TABLE a1 PARTITION OF a FOR VALUES FROM (1) TO (10);\n"
             "CREATE MATERIALIZED VIEW v AS SELECT * FROM a;"),
            ("default privileges and grants",
             "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;\n"
             "CREATE TABLE a ();\nREVOKE ALL ON a FROM PUBLIC;"),
        )
        for name, content in table:
            with self.subTest(name):
                self.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                self.assert_like_psql({"1_a.up.sql": content})

    def test_an_enum_grows_and_the_next_migration_uses_it(self):
        self.assert_like_psql({
            "1_a.up.sql": "CREATE TYPE mood AS ENUM ('sad');\nCREATE TABLE a (m mood);",
            "2_b.up.sql": "ALTER TYPE mood ADD VALUE 'happy';",
            "3_c.up.sql": "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'glad' BEFORE 'happy';\n"
                          "CREATE TABLE b ();",
            "4_d.up.sql": "INSERT INTO a VALUES ('happy'), ('glad');\n"
                          "ALTER TABLE a ALTER m SET DEFAULT 'happy';",
        })
        self.assertEqual("2", self.psql("SELECT count(*) FROM a"))

    def test_data_to_copy(self):
        text = (
            "CREATE TABLE a (n int, word text);\n"
            "COPY a (n, word) FROM stdin;\n"
            "1\tone; 'quote\n2\t\\N\n3\t$$ -- /* é€\n4\t\\\\.\n"
            "\\.\n"
            "COPY a FROM STDIN WITH (FORMAT csv, HEADER);\n"
            "n,word\n5,\"five; \"\"5\"\"\"\n"
            "\\.\n\n"
            "copy public.a from stdin with csv; -- said so\n"
            "\\.\n"
            "CREATE TABLE b AS SELECT count(*) FROM a;\n"
        )
        expected = "1|one; 'quote\n2|\n3|$$ -- /* é€\n4|\\.\n5|five; \"5\""
        for name, file in (
            ("as it is", text), ("wrapped", f"BEGIN;\n{text}COMMIT;\n"),
            ("outside a transaction", f"-- pgstride: no-transaction\n{text}"),
            ("carriage returns", text.replace("\n", "\r\n")),
        ):
            with self.subTest(name):
                dbname = self.new_database()
                files = {"1_a.up.sql": file, "2_c.up.sql": "CREATE TABLE c ();"}
                self.assert_good(self.up(files, database=self.cluster.url(dbname)))
                self.assertEqual(expected, self.cluster.psql(dbname, "SELECT * FROM a ORDER BY n"))
                self.assertEqual("5", self.cluster.psql(dbname, "TABLE b"))
                self.assertEqual("a b c", self.tables(dbname))

    def test_much_data_to_copy(self):
        lines = "".join(f"{n}\tword {n}\n" for n in range(200_000))
        self.assert_good(self.up({
            "1_a.up.sql": f"CREATE TABLE a (n int, w text);\nCOPY a FROM stdin;\n{lines}\\.\n"}))
        self.assertEqual("200000|19999900000", self.psql("SELECT count(*), sum(n) FROM a"))

    def test_data_to_copy_that_nobody_would_take(self):
        for head in ("", "-- pgstride: no-transaction\n", "SELECT 1;\n"):
            for text in ("COPY a TO stdout;", "copy (SELECT * FROM a) to STDOUT WITH CSV;"):
                with self.subTest(head + text):
                    dbname = self.new_database()
                    result = self.up({
                        "1_a.up.sql": "CREATE TABLE a (n int);\nINSERT INTO a VALUES (1);",
                        "2_b.up.sql": f"{head}{text}", "3_c.up.sql": "CREATE TABLE c ();",
                    }, database=self.cluster.url(dbname))
                    self.assertIn(
                        f" ERROR 2_b.up.sql:{1 + head.count(chr(10))}:1: COPY … TO STDOUT has nowhere"
                        " to go in a migration\n", result.stdout)
                    self.assertEqual(1, result.status)
                    self.assertEqual("a", self.tables(dbname))

    def test_rows_that_nobody_asked_for_are_left(self):
        files = {
            "1_a.up.sql": "SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) AS n;\n"
                          "CREATE TABLE a (n serial);\nINSERT INTO a DEFAULT VALUES RETURNING n;\n"
                          "SHOW search_path;\nEXPLAIN SELECT 1;\nSELECT setval('a_n_seq', 7);\n",
            "2_b.up.sql": "INSERT INTO a DEFAULT VALUES;",
        }
        self.assert_good(self.up(files))
        self.assertEqual("1 8", self.psql("SELECT string_agg(n::text, ' ' ORDER BY n) FROM a"))

    def test_a_dump_is_a_migration(self):
        source = self.new_database()
        self.cluster.psql(source, (
            "CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad', 'happy');"
            "CREATE TABLE app.person (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text"
            " UNIQUE, m app.mood DEFAULT 'sad');"
            "CREATE TABLE pet (id serial PRIMARY KEY, person int REFERENCES app.person, note text);"
            "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;"
            "CREATE FUNCTION app.g() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;"
            "CREATE TRIGGER g BEFORE INSERT ON pet FOR EACH ROW EXECUTE FUNCTION app.g();"
            "CREATE VIEW happy AS SELECT * FROM app.person WHERE m = 'happy';"
            "INSERT INTO app.person (name) SELECT 'it''s ' || n || E'\\t\\n\\\\.' FROM"
            " generate_series(1, 50) AS n;"
            "INSERT INTO pet (person, note) SELECT n, NULL FROM generate_series(1, 50) AS n;"
        ))
        dump = run_program(
            [f"{self.cluster.bin}/pg_dump", "--host=" + self.cluster.socket_dir,
             f"--port={self.cluster.port}", "--username=postgres", "--no-owner", source],
            env=clean_environment())
        if "\\restrict" not in dump:
            dump = f"\\restrict Key123\n{dump}\n\\unrestrict Key123\n"
        files = {"1_baseline.up.sql": dump, "2_next.up.sql": "ALTER TABLE pet ADD COLUMN age int;"}
        self.assert_good(self.up(files))
        self.assertEqual("2|f", self.version())
        rows = "SELECT md5(string_agg(p::text, '|' ORDER BY id)) FROM app.person AS p"
        self.assertEqual(self.cluster.psql(source, rows), self.psql(rows))
        self.assertEqual("51", self.psql("INSERT INTO pet (person) VALUES (1) RETURNING id"))
        self.forget_ours(self.dbname)
        self.psql("ALTER TABLE pet DROP COLUMN age")
        self.assertMultiLineEqual(self.cluster.dump(source), self.cluster.dump(self.dbname))

    def test_a_dump_that_is_wrapped(self):
        text = ("\\restrict abc\nBEGIN;\nSELECT pg_catalog.set_config('search_path', '', false);\n"
                "CREATE TABLE public.a (n int);\nCOPY public.a (n) FROM stdin;\n1\n\\.\n\nCOMMIT;\n"
                "\\unrestrict abc\n")
        self.assert_good(self.up({"1_a.up.sql": text, "2_b.up.sql": "CREATE TABLE b ();"}))
        self.assertEqual("a b", self.tables())
        self.assertEqual("1", self.psql("SELECT n FROM a"))

    def test_a_migration_that_adds_to_our_tables(self):
        """Some projects keep a column of their own in schema_migrations."""
        files = {
            "1_a.up.sql": "ALTER TABLE schema_migrations ADD COLUMN data_version int DEFAULT 30;",
            "2_b.up.sql": "UPDATE schema_migrations SET data_version = 40;",
            "3_c.up.sql": "CREATE TABLE c ();",
        }
        self.assert_good(self.up(files))
        self.assertEqual("3|f|40", self.psql("SELECT version, dirty, data_version FROM"
                                             " schema_migrations"))

    def test_a_migration_that_ends_its_own_session(self):
        files = {"1_a.up.sql": "CREATE TABLE a ();",
                 "2_b.up.sql": "SELECT pg_terminate_backend(pg_backend_pid());"}
        result = self.up(files)
        self.assertEqual(1, result.status)
        self.assertEqual("1|f", self.version())
        last = self.normalise(result.stdout).splitlines()[-1]
        self.assertTrue(re.fullmatch(
            r"<time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 \(wanted 2\);"
            r" a retry may help", last), result.stdout)
