# SPDX-License-Identifier: Apache-2.0
"""--role: who logs in is not who owns the objects."""

from database.case import DatabaseCase, lock_key
from support.proxy import FaultProxy, LosingProxy

ALONE = "-- pgstride: no-transaction\n"


class Role(DatabaseCase):
    """A login without rights of its own (NOINHERIT), that may take the owner's role."""

    def setUp(self):
        super().setUp()
        self.login, self.owner = f"{self.dbname}_login", f"{self.dbname}-Owner"
        self.other = f"{self.dbname}_other"
        self.psql(f"""
            CREATE ROLE {self.login} LOGIN NOINHERIT PASSWORD 'secret-word';
            CREATE ROLE "{self.owner}"; CREATE ROLE {self.other};
            GRANT "{self.owner}", {self.other} TO {self.login};
            REVOKE CREATE ON SCHEMA public FROM PUBLIC;
            GRANT CREATE, USAGE ON SCHEMA public TO "{self.owner}", {self.other};
        """)
        self.addCleanup(self.cluster.psql, "postgres", f"""
            DROP ROLE {self.login}, "{self.owner}", {self.other}""")
        self.addCleanup(self.psql, f"""
            DROP OWNED BY {self.login}, "{self.owner}", {self.other} CASCADE""")
        self.as_login = self.cluster.url(self.dbname, user=self.login, password="secret-word")

    def run_as(self, files, *words, role=None):
        return self.pgstride(files, "--role", role or self.owner, *words, database=self.as_login)

    def owners(self):
        return dict(line.split("|") for line in self.psql(
            "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public'").splitlines())

    def test_without_it_the_login_may_not(self):
        result = self.pgstride({"1_a.up.sql": "CREATE TABLE a ();"}, "up", database=self.as_login)
        self.assertEqual(1, result.status)
        self.assertIn("permission denied for schema public (42501)", result.stdout)

    def test_all_that_is_made_is_the_roles(self):
        files = {
            "1_a.up.sql": "CREATE TABLE a ();", "1_a.down.sql": "DROP TABLE a;",
            "2_b.up.sql": ALONE + "CREATE TABLE b ();\nCREATE TABLE b2 ();",
            "2_b.down.sql": ALONE + "DROP TABLE b;\nDROP TABLE b2;",
            "3_c.up.sql": "CREATE TABLE c (n int); COPY c FROM stdin;\n1\n\\.\n",
            "3_c.down.sql": "BEGIN; DROP TABLE c; COMMIT;",
        }
        self.assert_log(self.run_as(files, "up"), """
            <time> INFO  3 of 3 migrations pending on <database> at 127.0.0.1: none -> 3
            <time> INFO  1_a applied in <duration> (1 statement); current version is 1
            <time> INFO  2_b applied in <duration> (2 statements); current version is 2
            <time> INFO  3_c applied in <duration> (2 statements); current version is 3
            <time> INFO  succeeded! 3 migrations applied in <duration>; none -> 3
        """, status=0)
        self.assertEqual(dict.fromkeys(
            ["a", "b", "b2", "c", "schema_migrations", "pgstride_history"], self.owner), self.owners())
        self.assertEqual([self.login] * 3, self.history("db_user"))
        self.assert_good(self.run_as(files, "plan", "down", "--all"))
        self.assert_good(self.run_as(files, "down", "2"))
        self.assert_good(self.run_as(files, "force", "1"))
        self.assertEqual("1|f", self.version())
        self.assert_good(self.run_as(files, "drop", "-f"))
        self.assertEqual({}, self.owners())
        self.assert_good(self.run_as(files, "baseline", "1"))
        self.assertEqual(self.owner, self.owners()["schema_migrations"])

    def test_by_the_environment(self):
        result = self.run_pgstride(
            *self.options({"1_a.up.sql": "CREATE TABLE a ();"}, self.as_login), "up",
            env={"PGSTRIDE_ROLE": self.owner})
        self.assert_good(result)
        self.assertEqual(self.owner, self.owners()["a"])

    def test_a_file_that_leaves_the_role_or_takes_another(self):
        """What it sets ends with it, and our own tables are reached all the same."""
        for name, head, foot in (("in a transaction", "", ""), ("wrapped", "BEGIN;\n", "COMMIT;\n"),
                                 ("outside", ALONE, "")):
            with self.subTest(name):
                self.psql("DROP TABLE IF EXISTS a, b, b2, c, d, schema_migrations, pgstride_history")
                files = {
                    "1_a.up.sql": f"{head}RESET ROLE;\nSELECT 1;\nSELECT 2;\n{foot}",
                    "2_b.up.sql": f"{head}SET ROLE {self.other};\nCREATE TABLE b ();\n"
                                  f"CREATE TABLE b2 ();\n{foot}",
                    "3_c.up.sql": "CREATE TABLE c ();",
                    "4_d.up.sql": "SET SESSION AUTHORIZATION DEFAULT; SELECT 1;",
                }
                self.assert_good(self.run_as(files, "up"))
                owners = self.owners()
                self.assertEqual([self.other, self.other, self.owner, self.owner],
                                 [owners[table] for table in ("b", "b2", "c", "schema_migrations")])
                self.assertEqual("4|f", self.version())

    def test_a_file_with_transactions_that_takes_another(self):
        """SET LOCAL ends with the file's transaction, SET with its session."""
        files = {"1_a.up.sql": f"BEGIN;\nSET LOCAL ROLE {self.other};\nCREATE TABLE a ();\nCOMMIT;\n"
                               f"CREATE TABLE b ();\nBEGIN;\nSET ROLE {self.other};\n"
                               "CREATE TABLE c ();\nCOMMIT;\nCREATE TABLE d ();\n",
                 "2_e.up.sql": "CREATE TABLE e ();"}
        self.assert_good(self.run_as(files, "up"))
        owners = self.owners()
        self.assertEqual([self.other, self.owner, self.other, self.other, self.owner],
                         [owners[table] for table in "abcde"])

    def test_a_failure_outside_in_another_role_is_recorded(self):
        files = {"1_a.up.sql": ALONE + f"SET ROLE {self.other};\nCREATE TABLE a ();\nSELECT nope;\n"}
        self.assert_log(self.run_as(files, "up"), """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> ERROR 1_a.up.sql:4:8: column "nope" does not exist (42703)
                               4 | SELECT nope;
                                 |        ^
                               It ran outside a transaction: what stands before this statement was kept, and the version is 1, dirty, until the rest is done. Mend the file and run again: it goes on here.
            <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry will not help
        """, status=1)
        self.assertEqual(["1|failed|2|3"],
                         self.history("version, outcome, statements_done, statements_total"))

    def test_without_the_option_a_file_may_take_a_role_too(self):
        files = {"1_a.up.sql": ALONE + f'SET ROLE "{self.owner}";\nCREATE TABLE a ();\nSELECT 1;\n',
                 "2_b.up.sql": ALONE + f"SET SESSION AUTHORIZATION {self.other};\nCREATE TABLE b ();\n"
                               "SELECT 1;\n",
                 "3_c.up.sql": "CREATE TABLE c ();"}
        self.assert_good(self.up(files))
        owners = self.owners()
        self.assertEqual([self.owner, self.other, "postgres"], [owners[table] for table in "abc"])

    def up_through(self, proxy):
        """As the login whose default role is the owner's, which is not to see its session."""
        self.addCleanup(proxy.stop)
        self.psql(f'ALTER ROLE {self.login} SET role = "{self.owner}"')
        database = self.as_login.replace(f":{self.cluster.port}/", f":{proxy.port}/")
        result = self.up({"1_a.up.sql": "CREATE TABLE a ();"}, "--lock-timeout", "2s", timeout=20,
                         database=database + "?sslmode=disable&tcp_user_timeout=2000")
        self.assertIn("connecting again: ", result.stdout)
        self.assertNotIn("cannot be ended", result.stdout)
        self.assert_good(result)

    def test_a_default_role_and_a_connection_that_stalls(self):
        self.up_through(LosingProxy(self.cluster.port, fault="stall"))

    def test_a_default_role_and_a_connection_that_is_lost(self):
        self.psql(f'GRANT pg_monitor TO "{self.owner}"')
        self.up_through(FaultProxy(self.cluster.port, "client", 10, "half-reset"))

    def test_a_lock_that_another_role_holds(self):
        self.session(f"SELECT pg_advisory_lock({lock_key('/' + self.dbname)});")
        result = self.pgstride({"1_a.up.sql": ""}, "up", "--lock-timeout", "0",
                               database=self.as_login)
        self.assert_log(result, """
            <time> ERROR another run holds the migration lock since before we came, 0 s ago: pid <pid> (psql, postgres)
                               hint: Let it finish and run again, or wait longer with --lock-timeout.
            <time> ERROR failed: nothing was applied; a retry may help
        """, status=1)

    def test_a_role_that_does_not_exist(self):
        self.assert_log(self.run_as({"1_a.up.sql": ""}, "up", role="nobody's"), f"""
            <time> ERROR cannot prepare the session: role "nobody's" does not exist (22023)
                               hint: Can {self.login} take the role of --role? GRANT it to the login, or name another.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)

    def test_a_role_that_was_not_granted(self):
        self.psql(f"REVOKE {self.other} FROM {self.login}")
        self.assert_log(self.run_as({"1_a.up.sql": ""}, "up", role=self.other), f"""
            <time> ERROR cannot prepare the session: permission denied to set role "{self.other}" (42501)
                               hint: Can {self.login} take the role of --role? GRANT it to the login, or name another.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
