# SPDX-License-Identifier: Apache-2.0
"""The documented grants suffice, and each one that is missing is named."""

from database.case import DatabaseCase

FILES = {
    "1_a.up.sql": "CREATE TABLE a (id bigint PRIMARY KEY);",
    "1_a.down.sql": "DROP TABLE a;",
    "2_b.up.sql": "CREATE INDEX CONCURRENTLY a_id ON a (id);",
    "2_b.down.sql": "DROP INDEX CONCURRENTLY a_id;",
}


class RightsCase(DatabaseCase):
    def setUp(self):
        super().setUp()
        self.role = f"{self.dbname}_role"
        self.psql(f"REVOKE ALL ON SCHEMA public FROM PUBLIC;"
                  f"REVOKE ALL ON DATABASE {self.dbname} FROM PUBLIC;"
                  f"CREATE ROLE {self.role} LOGIN PASSWORD 'secret-word';"
                  f"CREATE SCHEMA app;")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {self.role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {self.role}")

    def as_role(self, *words, files=None, **parameters):
        url = self.cluster.url(
            self.dbname, user=self.role, password="secret-word", search_path="app", **parameters)
        return self.run_pgstride(
            "--database", url, "--path", self.folder(FILES if files is None else files), *words)

    def grant(self, *grants):
        for grant in grants:
            self.psql(grant.format(role=self.role, database=self.dbname))


class Enough(RightsCase):
    def test_what_is_documented_is_enough(self):
        self.grant("GRANT CONNECT ON DATABASE {database} TO {role}",
                   "GRANT USAGE, CREATE ON SCHEMA app TO {role}")
        for words in (("up",), ("status",), ("plan",), ("verify",), ("version",), ("wait",),
                      ("down", "--all"), ("goto", "1"), ("force", "2"), ("baseline", "2"),
                      ("drop", "-f")):
            with self.subTest(words):
                if words[0] == "baseline":
                    self.grant("DROP TABLE app.schema_migrations, app.pgstride_history")
                self.assert_good(self.as_role(*words))

    def test_a_role_that_owns_its_schema_alone(self):
        self.grant("GRANT CONNECT ON DATABASE {database} TO {role}",
                   "ALTER SCHEMA app OWNER TO {role}")
        self.assert_good(self.as_role("up"))
        self.assert_good(self.as_role("down", "--all"))

    def share_tables_of_another(self):
        """All is applied by their owner, and the role has every right to them."""
        self.grant("GRANT CONNECT ON DATABASE {database} TO {role}",
                   "GRANT USAGE, CREATE ON SCHEMA app TO {role}")
        self.assert_good(self.run_pgstride(
            "--database", self.cluster.url(self.dbname, search_path="app"),
            "--path", self.folder(FILES), "up"))
        self.grant("GRANT ALL ON ALL TABLES IN SCHEMA app TO {role}")

    def test_rows_that_are_hidden_are_not_taken_for_none(self):
        self.share_tables_of_another()
        both = ("up",), ("status",), ("wait", "--timeout", "1s")
        for table, commands in (
                ("schema_migrations", (*both, ("version",))), ("pgstride_history", both)):
            self.psql(f"ALTER TABLE app.{table} ENABLE ROW LEVEL SECURITY")
            for words in commands:
                with self.subTest(table=table, words=words):
                    result = self.as_role(*words)
                    self.assertEqual(1, result.status)
                    self.assertIn('row-level security may hide rows of "app"."schema_migrations" '
                                  'and of "app".pgstride_history', result.stdout + result.stderr)
            self.psql(f"ALTER TABLE app.{table} DISABLE ROW LEVEL SECURITY")
        self.assert_good(self.as_role("up"))

    def test_rows_that_a_policy_shows_are_believed(self):
        self.share_tables_of_another()
        expected = [self.as_role(*words).stdout for words in (("version",), ("status",))]
        for table in ("schema_migrations", "pgstride_history"):
            self.psql(f"ALTER TABLE app.{table} ENABLE ROW LEVEL SECURITY;"
                      f"CREATE POLICY seen ON app.{table} FOR SELECT USING (true)")
        self.assertEqual(
            expected, [self.as_role(*words).stdout for words in (("version",), ("status",))])
        self.assert_good(self.as_role("wait", "--timeout", "1s"))
        self.assert_good(self.as_role("plan"))
        self.assertIn("row-level security may hide rows of ", self.as_role("up").stdout)

    def test_tables_of_another_role(self):
        """golang-migrate, or an earlier login, made them."""
        self.assert_good(self.run_pgstride(
            "--database", self.cluster.url(self.dbname, search_path="app"),
            "--path", self.folder({"1_a.up.sql": ""}), "up"))
        self.grant("GRANT CONNECT ON DATABASE {database} TO {role}",
                   "GRANT USAGE, CREATE ON SCHEMA app TO {role}",
                   "GRANT SELECT, INSERT, UPDATE, DELETE ON app.schema_migrations TO {role}",
                   "GRANT SELECT, INSERT, UPDATE ON app.pgstride_history TO {role}")
        files = {"1_a.up.sql": "", "2_b.up.sql": "CREATE TABLE b (id bigint);",
                 "2_b.down.sql": "DROP TABLE b;",
                 "3_c.up.sql": "CREATE INDEX CONCURRENTLY b_id ON b (id);",
                 "3_c.down.sql": "DROP INDEX CONCURRENTLY b_id;"}
        self.assert_good(self.as_role("up", files=files))
        self.assert_good(self.as_role("down", "2", files=files))

    def test_reading_alone(self):
        self.assert_good(self.run_pgstride(
            "--database", self.cluster.url(self.dbname, search_path="app"),
            "--path", self.folder(FILES), "up"))
        self.grant("GRANT CONNECT ON DATABASE {database} TO {role}",
                   "GRANT USAGE ON SCHEMA app TO {role}",
                   "GRANT SELECT ON app.schema_migrations, app.pgstride_history TO {role}")
        for word in ("status", "plan", "verify", "version", "wait"):
            with self.subTest(word):
                self.assert_good(self.as_role(word))


class Missing(RightsCase):
    """Each grant is taken away; the error's hint holds the statement that gives it."""

    def check(self, words, message, hint, files=None):
        result = self.as_role(*words, files=files)
        output = self.normalise(result.stdout + result.stderr)
        self.assertEqual(1, result.status, output)
        self.assertIn(message.format(role=self.role, database="<database>"), output)
        self.assertIn("hint: " + hint.format(role=self.role.replace(self.dbname, "<database>"),
                                             database="<database>") + "\n", output)
        grants = [part.split(";")[0] for part in result.stdout.split("\n")
                  if "GRANT" in part for part in [part[part.index("GRANT"):]]]
        self.psql(grants[0])

    def test_connect(self):
        self.grant("GRANT USAGE, CREATE ON SCHEMA app TO {role}")
        self.check(("up",), 'FATAL: permission denied for database "<database>" (42501)',
                   "Let its owner say: GRANT CONNECT ON DATABASE <database> TO {role};")
        self.assert_good(self.as_role("up"))

    def test_usage_of_the_schema(self):
        self.grant("GRANT CONNECT ON DATABASE {database} TO {role}")
        self.check(("up",), "no schema of the search_path exists, or may be used",
                   "Create it first (CREATE SCHEMA), or let its owner say: GRANT USAGE, CREATE ON"
                   " SCHEMA app TO {role}; or name another with search_path= in the URL.")
        self.assert_good(self.as_role("up"))

    def test_create_in_the_schema(self):
        self.grant("GRANT CONNECT ON DATABASE {database} TO {role}",
                   "GRANT USAGE ON SCHEMA app TO {role}")
        self.check(("up",), 'cannot create the table "app"."schema_migrations": permission denied'
                            ' for schema app (42501)',
                   "Let the schema's owner say: GRANT USAGE, CREATE ON SCHEMA app TO {role};")
        self.assert_good(self.as_role("up"))

    def make_tables(self):
        self.assert_good(self.run_pgstride(
            "--database", self.cluster.url(self.dbname, search_path="app"),
            "--path", self.folder({"1_a.up.sql": ""}), "up"))
        self.grant("GRANT CONNECT ON DATABASE {database} TO {role}",
                   "GRANT USAGE, CREATE ON SCHEMA app TO {role}")

    def test_each_right_on_our_tables(self):
        self.make_tables()
        versions = "SELECT, INSERT, UPDATE, DELETE"
        history = "SELECT, INSERT, UPDATE"
        files = {"1_a.up.sql": "", "1_a.down.sql": "", "2_b.up.sql": "", "3_c.up.sql":
                 "-- pgstride: no-transaction\nSELECT 1;\nSELECT 2;"}
        for table, all_rights, right, words in (
            ("schema_migrations", versions, "SELECT", ("up",)),
            ("schema_migrations", versions, "UPDATE", ("up", "1")),
            ("pgstride_history", history, "SELECT", ("up",)),
            ("pgstride_history", history, "INSERT", ("up", "1")),
            ("schema_migrations", versions, "DELETE", ("down", "--all")),
            ("pgstride_history", history, "UPDATE", ("up",)),
            ("schema_migrations", versions, "SELECT", ("status",)),
            ("pgstride_history", history, "SELECT", ("status",)),
        ):
            with self.subTest(table=table, right=right, words=words):
                self.grant(f"GRANT {versions} ON app.schema_migrations TO {{role}}",
                           f"GRANT {history} ON app.pgstride_history TO {{role}}",
                           f"REVOKE {right} ON app.{table} FROM {{role}}")
                result = self.as_role(*words, files=files)
                output = result.stdout + result.stderr
                self.assertEqual(1, result.status, output)
                self.assertIn(f"permission denied for table {table} (42501)", output)
                self.assertIn("hint: Let the table's owner say: GRANT "
                              f"{all_rights} ON app.{table} TO {self.role};", output)
                self.grant(output[output.index("GRANT"):].split(";")[0])
                if words[0] != "up":
                    self.assert_good(self.as_role(*words, files=files))

    def test_what_could_not_be_recorded_is_not_run(self):
        """Outside a transaction it would have been done, and nobody would know."""
        self.make_tables()
        self.grant("GRANT SELECT, INSERT, UPDATE ON app.schema_migrations TO {role}",
                   "GRANT SELECT, INSERT ON app.pgstride_history TO {role}",
                   "CREATE SEQUENCE app.runs; GRANT USAGE ON app.runs TO {role}")
        alone = "-- pgstride: no-transaction\nSELECT nextval('runs');\nSELECT nextval('runs');"
        files = {"1_a.up.sql": "", "1_a.down.sql": alone, "2_b.up.sql": alone, "2_b.down.sql": ""}
        for words, file, table, rights in (
            (("up",), "2_b.up", "pgstride_history", "SELECT, INSERT, UPDATE"),
            (("down", "--all"), "1_a.down", "schema_migrations", "SELECT, INSERT, UPDATE, DELETE"),
        ):
            with self.subTest(words):
                before = self.psql("SELECT last_value, is_called FROM app.runs")
                result = self.as_role(*words, files=files)
                self.assertEqual(1, result.status, result.stdout)
                self.assertIn(f"permission denied for table {table} (42501)\n"
                              f"                   hint: Let the table's owner say: GRANT {rights}"
                              f" ON app.{table} TO {self.role};\n", result.stdout)
                self.assertEqual(before, self.psql("SELECT last_value, is_called FROM app.runs"))
                self.assertEqual("1|f", self.psql("SELECT * FROM app.schema_migrations"))
                self.grant(f"GRANT {rights} ON app.{table} TO {{role}}")
                self.assert_good(self.as_role(*words, files=files))

    def test_the_objects_of_another_role(self):
        self.make_tables()
        self.grant("GRANT SELECT, INSERT, UPDATE, DELETE ON app.schema_migrations TO {role}",
                   "GRANT SELECT, INSERT, UPDATE ON app.pgstride_history TO {role}",
                   "CREATE TABLE app.theirs (a int)")
        result = self.as_role("up", files={"1_a.up.sql": "", "2_b.up.sql":
                                           "ALTER TABLE theirs ADD b int;"})
        self.assertEqual(1, result.status)
        self.assertIn("2_b.up.sql:1:1: must be owner of table theirs (42501)", result.stdout)
        self.assertIn(f"hint: Make {self.role} a member of the role that owns it (GRANT OWNER TO"
                      f" {self.role}), and name that: --role OWNER.\n", result.stdout)
