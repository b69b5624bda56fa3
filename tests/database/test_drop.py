# SPDX-License-Identifier: Apache-2.0
"""drop -f: every table of the current schema goes, and nothing else."""

from database.case import DatabaseCase

FILES = {"1_a.up.sql": "CREATE TABLE a (n int);", "1_a.down.sql": "DROP TABLE a;",
         "2_b.up.sql": "CREATE TABLE b (n int);", "2_b.down.sql": "DROP TABLE b;"}


class Drop(DatabaseCase):
    def drop(self, *words, **options):
        return self.pgstride(FILES, "drop", *words, **options)

    def relations(self, schema="public"):
        return self.psql("SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '')"
                         " FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
                         f" AND relnamespace = '{schema}'::regnamespace")

    def test_everything_and_then_up_begins_anew(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.drop("-f"), """
            <time> INFO  dropped 4 tables of the schema public on <database> at 127.0.0.1
        """, status=0)
        self.assertEqual("", self.relations())
        self.assert_log(self.up(FILES), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_a applied in <duration> (1 statement); current version is 1
            <time> INFO  2_b applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
        """, status=0)

    def test_an_empty_schema(self):
        self.assert_log(self.drop("-f"), """
            <time> INFO  dropped 0 tables of the schema public on <database> at 127.0.0.1
        """, status=0)

    def test_the_folder_is_not_needed(self):
        result = self.run_pgstride("--database", self.database, "--path", "/nowhere", "drop", "-f")
        self.assert_good(result)

    def test_without_f_a_job_is_refused(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.drop(), """
            <time> ERROR drop would delete every table of the schema, with its data
                               hint: If that is meant: pgstride drop -f
        """, status=1)
        self.assertEqual("a b", self.tables())

    def test_what_hangs_together(self):
        self.psql("""
            CREATE TABLE parent (id int PRIMARY KEY, back int);
            CREATE TABLE child (id int PRIMARY KEY REFERENCES parent);
            ALTER TABLE parent ADD FOREIGN KEY (back) REFERENCES child;
            CREATE TABLE parts (n int) PARTITION BY RANGE (n);
            CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (9);
            CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (9) TO (99) PARTITION BY RANGE (n);
            CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES FROM (9) TO (20);
            CREATE TABLE heir () INHERITS (parent);
            CREATE VIEW seen AS SELECT id FROM child;
            CREATE MATERIALIZED VIEW kept AS SELECT id FROM seen;
            CREATE TABLE counted (id serial, "Odd ""name""; DROP" int);
            CREATE TABLE "Table ""of""; spaces'" ();
            CREATE SEQUENCE alone;
            CREATE FUNCTION one() RETURNS int LANGUAGE sql RETURN 1;
            CREATE TYPE mood AS ENUM ('good');
        """)
        self.assert_log(self.drop("-f"), """
            <time> INFO  NOTICE: drop cascades to 2 other objects
                               detail: drop cascades to view seen
                               drop cascades to materialized view kept
            <time> INFO  dropped 6 tables of the schema public on <database> at 127.0.0.1
        """, status=0)
        self.assertEqual("alone", self.relations())  # golang-migrate leaves it too
        self.assertEqual("1", self.psql("SELECT one()"))

    def test_another_schema_is_not_touched(self):
        self.psql("CREATE SCHEMA other; CREATE TABLE other.kept ();"
                  "CREATE TABLE pointed (id int PRIMARY KEY);"
                  "CREATE TABLE other.points (id int REFERENCES pointed)")
        self.assert_log(self.drop("-f"), """
            <time> INFO  NOTICE: drop cascades to constraint points_id_fkey on table other.points
            <time> INFO  dropped 1 table of the schema public on <database> at 127.0.0.1
        """, status=0)
        self.assertEqual("kept points", self.relations("other"))

    def test_the_schema_of_the_search_path(self):
        self.psql('CREATE SCHEMA "My App"')
        self.psql("CREATE TABLE stays ()")
        database = self.cluster.url(self.dbname, search_path='"My App",public')
        self.assert_good(self.up(FILES, database=database))
        self.assert_log(self.drop("-f", database=database), """
            <time> INFO  dropped 4 tables of the schema My App on <database> at 127.0.0.1
        """, status=0)
        self.assertEqual("", self.relations('"My App"'))
        self.assertEqual("stays", self.relations())

    def test_a_table_of_an_extension_stays(self):
        """An extension's script makes it, as PostGIS makes spatial_ref_sys."""
        self.psql("CREATE EXTENSION hstore; CREATE TABLE of_hstore (); CREATE TABLE mine (h hstore);"
                  "ALTER EXTENSION hstore ADD TABLE of_hstore")
        self.assert_log(self.drop("-f"), """
            <time> INFO  dropped 1 table of the schema public on <database> at 127.0.0.1
        """, status=0)
        self.assertEqual("of_hstore", self.relations())

    def test_a_version_table_of_another_name(self):
        database = self.cluster.url(self.dbname, **{"x-migrations-table": "my versions"})
        self.assert_good(self.up(FILES, database=database))
        self.assert_good(self.drop("-f", database=database))
        self.assertEqual("", self.relations())

    def test_a_version_table_in_another_schema_forgets(self):
        self.psql('CREATE SCHEMA "Audit"')
        database, other = (self.cluster.url(self.dbname, **{
            "x-migrations-table": f'"Audit"."{name}"', "x-migrations-table-quoted": "1",
        }) for name in ("Versions", "others"))
        self.assert_good(self.up(FILES, database=database))
        self.psql("CREATE SCHEMA other")
        self.assert_good(self.up({"7_o.up.sql": "CREATE TABLE other.o ();"}, database=other))
        self.assert_log(self.drop("-f", database=database), """
            <time> INFO  dropped 2 tables of the schema public on <database> at 127.0.0.1
        """, status=0)
        self.assertEqual("", self.relations())
        self.assertEqual("", self.psql('TABLE "Audit"."Versions"'))
        self.assertEqual("others|7", self.psql(
            'SELECT migrations_table, version FROM "Audit".pgstride_history'))
        self.assertEqual("7|f", self.psql('TABLE "Audit".others'))
        self.assert_good(self.up(FILES, database=database))
        self.assertEqual("a b", self.tables())

    def test_all_or_nothing(self):
        role = f"{self.dbname}_role"
        self.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret-word';"
                  f"GRANT CREATE ON SCHEMA public TO {role}")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}")
        self.cluster.psql(self.dbname, "CREATE TABLE a_mine ()", user=role)
        self.psql("CREATE TABLE theirs ()")
        self.assert_log(self.drop("-f", database=self.cluster.url(
            self.dbname, user=role, password="secret-word")), """
            <time> ERROR nothing was dropped: must be owner of table theirs (42501)
        """, status=1)
        self.assertEqual("a_mine theirs", self.relations())

    def test_a_table_in_use_is_not_waited_for_for_ever(self):
        self.assert_good(self.up(FILES))
        self.session("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE;")
        self.assert_log(self.drop("-f", "--ddl-lock-timeout", "100ms"), """
            <time> ERROR nothing was dropped: canceling statement due to lock timeout (55P03)
        """, status=1)
        self.assertEqual("a b", self.tables())
        self.assertEqual("2|f", self.version())
