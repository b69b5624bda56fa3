# SPDX-License-Identifier: Apache-2.0
"""What a run changed in the schema, as the log and Slack tell it."""

import json
import re

from database.case import DatabaseCase
from support.webhook import Webhook

LINE = re.compile(r"^\S+ (\w+) +(schema (?:changed; |not changed|changes are not known).*)$", re.M)

# Everything there is of each kind, and what comes, goes and changes of it.
BEFORE = """
CREATE SCHEMA gone;
CREATE SCHEMA other;
CREATE EXTENSION pg_trgm;
CREATE TYPE old_enum AS ENUM ('a');
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN amount AS integer CHECK (VALUE > 0);
CREATE DOMAIN code AS text;
CREATE TYPE pair AS (a integer, b text);
CREATE SEQUENCE old_sequence;
CREATE SEQUENCE numbers;
CREATE TABLE old_table (id serial PRIMARY KEY, note text UNIQUE);
CREATE TABLE firms (id integer);
CREATE TABLE other."Odd name" (id integer);
CREATE TABLE companies (
    id integer PRIMARY KEY, name varchar(10) NOT NULL, size integer, fax text, grade text,
    note text DEFAULT 'x', born date,
    CONSTRAINT old_check CHECK (size > 0), CONSTRAINT size_limit CHECK (size < 10));
CREATE INDEX old_index ON companies (size);
CREATE INDEX by_name ON companies (grade);
CREATE INDEX by_size ON companies (size);
CREATE FUNCTION old_function() RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION twice(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION on_write() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE tidy(text) LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER old_trigger BEFORE INSERT ON companies FOR EACH ROW EXECUTE FUNCTION on_write();
CREATE TRIGGER audit BEFORE INSERT ON companies FOR EACH ROW EXECUTE FUNCTION on_write();
CREATE RULE old_rule AS ON DELETE TO companies DO INSTEAD NOTHING;
CREATE POLICY old_policy ON companies USING (true);
CREATE POLICY mine ON companies USING (size > 0);
CREATE VIEW old_view AS SELECT id FROM companies;
CREATE VIEW big AS SELECT id FROM companies WHERE size > 5;
CREATE MATERIALIZED VIEW old_sums AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW sums AS SELECT count(*) FROM companies;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER far FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE old_far (id integer) SERVER far;
"""

AFTER = """
DROP SCHEMA gone;
CREATE SCHEMA fresh;
DROP EXTENSION pg_trgm;
DROP TYPE old_enum;
CREATE TYPE new_enum AS ENUM ('x');
ALTER TYPE mood ADD VALUE 'happy';
ALTER DOMAIN amount SET NOT NULL;
ALTER DOMAIN code ADD CHECK (VALUE <> '');
ALTER TYPE pair ADD ATTRIBUTE c date;
DROP SEQUENCE old_sequence;
CREATE SEQUENCE new_sequence;
ALTER SEQUENCE numbers INCREMENT 5;
DROP TABLE old_table;
CREATE TABLE new_table (id serial PRIMARY KEY, note text UNIQUE, CHECK (note <> ''));
CREATE INDEX ON new_table (note, id);
ALTER TABLE firms RENAME TO companies_2;
ALTER TABLE other."Odd name" ADD COLUMN "Odd column" integer;
DROP INDEX old_index;
DROP INDEX by_size;
CREATE INDEX by_size ON companies (size) WHERE size > 1;
CREATE UNIQUE INDEX new_index ON companies (name);
ALTER INDEX by_name RENAME TO by_title;
ALTER TABLE companies
    ADD COLUMN address text, DROP COLUMN fax, ALTER COLUMN name TYPE varchar(20),
    ALTER COLUMN born SET NOT NULL, ALTER COLUMN note SET DEFAULT 'y',
    ALTER COLUMN grade SET DEFAULT 'A',
    DROP CONSTRAINT old_check, DROP CONSTRAINT size_limit,
    ADD CONSTRAINT size_limit CHECK (size < 20) NOT VALID, ADD CONSTRAINT new_check CHECK (size > 1),
    ENABLE ROW LEVEL SECURITY;
ALTER TABLE companies RENAME COLUMN size TO staff;
DROP FUNCTION old_function();
CREATE FUNCTION new_function(date, text[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE FUNCTION twice(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 + $1';
DROP PROCEDURE tidy(text);
DROP TRIGGER old_trigger ON companies;
CREATE TRIGGER new_trigger AFTER UPDATE ON companies FOR EACH ROW EXECUTE FUNCTION on_write();
ALTER TABLE companies DISABLE TRIGGER audit;
DROP RULE old_rule ON companies;
CREATE RULE new_rule AS ON DELETE TO companies DO INSTEAD NOTHING;
DROP POLICY old_policy ON companies;
CREATE POLICY new_policy ON companies USING (true);
ALTER POLICY mine ON companies USING (staff > 3);
DROP VIEW old_view;
CREATE VIEW new_view AS SELECT id FROM companies;
CREATE OR REPLACE VIEW big AS SELECT id FROM companies WHERE staff > 6;
DROP MATERIALIZED VIEW old_sums;
CREATE MATERIALIZED VIEW new_sums AS SELECT 1 AS one;
DROP FOREIGN TABLE old_far;
CREATE FOREIGN TABLE new_far (id integer) SERVER far;
"""

COMPANIES = [
    ("altered", "table", "companies"),
    ("altered", "column", "name", "character varying(10) NOT NULL",
     "character varying(20) NOT NULL"),
    ("renamed", "column", "staff", "size"),
    ("altered", "column", "grade", "text", "text DEFAULT"),
    ("altered", "column", "note"),
    ("altered", "column", "born", "date", "date NOT NULL"),
    ("added", "column", "address"),
    ("dropped", "column", "fax"),
    ("renamed", "index", "by_title", "by_name"),
    ("altered", "index", "by_size"),
    ("added", "index", "new_index"),
    ("dropped", "index", "old_index"),
    ("altered", "constraint", "size_limit", "", "NOT VALID"),
    ("added", "constraint", "new_check"),
    ("dropped", "constraint", "old_check"),
    ("altered", "trigger", "audit"),
    ("added", "trigger", "new_trigger"),
    ("dropped", "trigger", "old_trigger"),
    ("added", "rule", "new_rule"),
    ("dropped", "rule", "old_rule"),
    ("altered", "policy", "mine"),
    ("added", "policy", "new_policy"),
    ("dropped", "policy", "old_policy"),
]

OTHERS = [
    ("added", "schema", "fresh"),
    ("dropped", "schema", "gone"),
    ("dropped", "extension", "pg_trgm"),
    ("renamed", "table", "companies_2", "firms"),
    ("added", "table", "new_table"),
    ("dropped", "table", "old_table"),
    ("added", "column", '"Odd column"'),
    ("added", "foreign table", "new_far"),
    ("dropped", "foreign table", "old_far"),
    ("altered", "view", "big"),
    ("added", "view", "new_view"),
    ("dropped", "view", "old_view"),
    ("added", "materialized view", "new_sums"),
    ("dropped", "materialized view", "old_sums"),
    ("added", "sequence", "new_sequence"),
    ("altered", "sequence", "numbers"),
    ("dropped", "sequence", "old_sequence"),
    ("added", "function", "new_function(date, text[])"),
    ("dropped", "function", "old_function()"),
    ("dropped", "function", "tidy(text)"),
    ("altered", "function", "twice(integer)"),
    ("altered", "type", "amount", "integer", "integer NOT NULL"),
    ("altered", "type", "code"),
    ("altered", "type", "mood", "'sad', 'ok'", "'sad', 'ok', 'happy'"),
    ("added", "type", "new_enum"),
    ("dropped", "type", "old_enum"),
    ("altered", "type", "pair", "a integer, b text", "a integer, b text, c date"),
]


class EffectsCase(DatabaseCase):
    def line(self, result):
        """The line that tells what changed: its severity and its words."""
        found = LINE.findall(result.stdout)
        self.assertEqual(1, len(found), result.stdout + result.stderr)
        return found[0]

    def changed(self, *scripts, options=(), database=None):
        """Apply the scripts, each in a run of its own: what the last one says."""
        files = {}
        for number, sql in enumerate(scripts, 1):
            files[f"{number}_step.up.sql"] = sql
            result = self.up(files, *options, database=database)
            self.assert_good(result)
        return self.line(result)[1]

    def event(self, result):
        events = [json.loads(line) for line in result.stdout.splitlines()]
        found = [one for one in events if one["event"] == "schema.changed"]
        self.assertEqual(1, len(found), result.stdout)
        return found[0]


class Kinds(EffectsCase):
    def test_every_kind_comes_goes_and_changes(self):
        files = {"1_before.up.sql": BEFORE}
        self.assert_good(self.up(files))
        files["2_after.up.sql"] = AFTER
        result = self.up(files, "--log-format", "json")
        self.assert_good(result)
        event = self.event(result)
        told = [
            tuple(item[key] for key in ("change", "kind", "name", "old_name", "from", "to")
                  if key in item)
            for item in event["changes"]
        ]
        strip = [tuple(part for part in item if part != "") for item in COMPANIES + OTHERS]
        self.assertEqual(sorted(strip), sorted(told))
        self.assertEqual(len(strip), event["count"])
        parts = {item["name"]: item["table"] for item in event["changes"] if "table" in item}
        self.assertEqual("companies", parts["by_title"])
        self.assertEqual('other."Odd name"', parts['"Odd column"'])

    def test_the_way_back_is_told_as_well(self):
        files = {"1_a.up.sql": "CREATE TABLE a (); CREATE VIEW v AS SELECT 1 AS one;",
                 "1_a.down.sql": "DROP TABLE a; DROP VIEW v;"}
        self.assertEqual(("INFO", "schema changed; tables: +a; views: +v"), self.line(self.up(files)))
        result = self.pgstride(files, "down", "1")
        self.assertEqual(("INFO", "schema changed; tables: -a; views: -v"), self.line(result))


class Words(EffectsCase):
    def test_a_table_with_what_changed_of_it(self):
        self.assertEqual(
            "schema changed; tables: ~companies (column size: integer -> bigint, column name: "
            "text NOT NULL -> text, column title renamed from label, column address added, index "
            "companies_name_idx added), +orders, ~people (renamed from persons)",
            self.changed(
                "CREATE TABLE companies (size integer, name text NOT NULL, label text);"
                "CREATE TABLE persons ();",
                "CREATE TABLE orders (id serial PRIMARY KEY); ALTER TABLE persons RENAME TO people;"
                "ALTER TABLE companies ALTER size TYPE bigint, ALTER name DROP NOT NULL,"
                "  ADD address text; ALTER TABLE companies RENAME label TO title;"
                "CREATE INDEX ON companies (name);"))

    def test_a_table_that_was_dropped_and_created_again(self):
        self.assertEqual(
            "schema changed; tables: ~a (dropped and created again)",
            self.changed("CREATE TABLE a (id integer);",
                         "DROP TABLE a; CREATE TABLE a (id integer PRIMARY KEY);"))

    def test_what_is_replaced_by_the_like_is_not_told(self):
        again = "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1';"
        self.assertEqual("schema not changed",
                         self.changed(again, "DROP FUNCTION f();" + again, options=["--verbose"]))

    def test_a_constraint_that_is_validated(self):
        self.assertEqual(
            "schema changed; tables: ~a (constraint c: no longer NOT VALID)",
            self.changed("CREATE TABLE a (n integer);"
                         "ALTER TABLE a ADD CONSTRAINT c CHECK (n > 0) NOT VALID;",
                         "ALTER TABLE a VALIDATE CONSTRAINT c;"))

    def test_a_partitioned_table_speaks_for_its_partitions(self):
        self.assertEqual(
            "schema changed; tables: ~m (column b added, index m_b_idx added, constraint m_u added)"
            ", +m3",
            self.changed(
                "CREATE TABLE m (a integer NOT NULL) PARTITION BY LIST (a);"
                "CREATE TABLE m1 PARTITION OF m FOR VALUES IN (1);"
                "CREATE TABLE m2 PARTITION OF m FOR VALUES IN (2);",
                "ALTER TABLE m ADD b text; CREATE INDEX ON m (b);"
                "ALTER TABLE m ADD CONSTRAINT m_u UNIQUE (a);"
                "CREATE TABLE m3 PARTITION OF m FOR VALUES IN (3);"))

    def test_what_belongs_to_an_extension_and_what_is_temporary_is_not_told(self):
        self.assertEqual(
            "schema changed; extensions: +hstore; tables: +kept",
            self.changed("CREATE EXTENSION hstore; CREATE TABLE kept ();"
                         "CREATE TEMPORARY TABLE passing ();"))

    def test_many_are_cut_with_a_count(self):
        names = [f"t{number:03}" for number in range(300)]
        said = self.changed(
            "CREATE TABLE wide ();",
            "".join(f"CREATE TABLE {name} ();" for name in names)
            + "".join(f"ALTER TABLE wide ADD c{number:02} integer;" for number in range(20))
            + "CREATE TABLE a ();")
        first = ", ".join("+" + name for name in ["a", *names[:19]])
        self.assertEqual(f"schema changed; tables: {first} and 282 more", said)
        self.assertEqual(
            "schema changed; tables: ~wide (" + ", ".join(
                f"column c{number:02} dropped" for number in range(8)) + " and 12 more)",
            self.changed("CREATE TABLE wide (" + ", ".join(
                f"c{number:02} integer" for number in range(20)) + ");",
                "ALTER TABLE wide " + ", ".join(
                    f"DROP c{number:02}" for number in range(20)) + ";",
                database=self.cluster.url(self.new_database())))

    def test_many_as_json_stay_within_a_line(self):
        result = self.up({"1_a.up.sql": "".join(
            f'CREATE TABLE "{number:03}{chr(228) * 29}" ();' for number in range(300))},
            "--log-format", "json")
        event = self.event(result)
        self.assertEqual((300, 100), (event["count"], len(event["changes"])))
        self.assertLess(max(len(line.encode()) for line in result.stdout.splitlines()), 64 * 1024)


class Limits(EffectsCase):
    def test_nothing_to_do_and_no_effects_ask_nothing(self):
        files = {"1_a.up.sql": "CREATE TABLE a ();"}
        for options in (["--no-effects"], []):
            result = self.up(files, *options)
            self.assert_good(result)
            self.assertEqual([], LINE.findall(result.stdout))
        with open(self.cluster.log_file, encoding="utf-8") as log:
            log.seek(0, 2)
            self.psql("ALTER DATABASE " + self.dbname + " SET log_statement = 'all'")
            self.assert_good(self.up(files))
            self.assertNotIn("pg_inherits", log.read())
            self.assert_good(self.up({**files, "2_b.up.sql": "SELECT 1;"}))
            self.assertEqual(2, log.read().count("FROM pg_inherits"))

    def test_what_was_applied_before_a_failure_is_told(self):
        result = self.up({"1_a.up.sql": "CREATE TABLE a ();",
                          "2_b.up.sql": "CREATE TABLE b (); SELECT 1/0;"})
        self.assertEqual(1, result.status)
        self.assertEqual(("INFO", "schema changed; tables: +a"), self.line(result))
        lines = result.stdout.splitlines()
        self.assertIn("failed: 1 of 2 applied", lines[-1])
        self.assertIn("schema changed", lines[-2])

    def test_what_a_failed_file_outside_a_transaction_left_is_told(self):
        result = self.up({"1_a.up.sql": "-- pgstride: no-transaction\n"
                                        "CREATE TABLE a ();\nSELECT 1/0;"})
        self.assertEqual(1, result.status)
        self.assertEqual(("INFO", "schema changed; tables: +a"), self.line(result))

    def test_a_look_that_fails_is_not_the_runs_failure(self):
        self.session("BEGIN; LOCK TABLE pg_policy IN ACCESS EXCLUSIVE MODE;")
        result = self.up({"1_a.up.sql": "CREATE TABLE a ();"})
        self.assert_good(result)
        self.assertEqual(
            ("INFO", "schema changes are not known: canceling statement due to lock timeout"),
            self.line(result))
        self.assertEqual("a", self.tables())
        self.assertEqual("1|f", self.version())

    def test_a_catalog_that_is_too_large_is_not_compared(self):
        for _ in range(4):  # dead rows count as well: they are what a look would have to read
            self.psql(
                "BEGIN; UPDATE pg_attribute SET attfdwoptions = ARRAY[(SELECT string_agg("
                "md5(n::text), '') FROM generate_series(1, 220) AS n)]; ROLLBACK;")
        result = self.up({"1_a.up.sql": "CREATE TABLE a ();"})
        self.assert_good(result)
        self.assertEqual(
            ("INFO", "schema changes are not known: the catalog is too large"), self.line(result))

    def test_settings_of_the_look_do_not_reach_the_migrations(self):
        self.assert_good(self.up({"1_a.up.sql": """
            CREATE TABLE a AS SELECT current_setting('search_path') AS path,
                current_setting('enable_nestloop') AS loops, current_setting('jit') AS jit,
                current_setting('statement_timeout') AS time;"""}))
        self.assertEqual('"$user", public|on|on|0', self.psql("SELECT * FROM a"))


class Slack(EffectsCase):
    def post(self, files, *options):
        hook = Webhook.start(answers=[(200, "ok", {})])
        self.addCleanup(hook.stop)
        env = {"SLACK_WEBHOOK_URL": hook.url, "SSL_CERT_FILE": hook.ca_file}
        result = self.up(files, *options, env=env)
        blocks = hook.requests[0].body["blocks"]
        return result, [block["text"]["text"] for block in blocks if block["type"] == "section"
                        and "text" in block]

    def test_the_message_tells_what_changed(self):
        files = {"1_a.up.sql": "CREATE TABLE a (); CREATE TYPE \"<b>`\" AS ENUM ();"}
        result, texts = self.post(files)
        self.assert_good(result)
        self.assertEqual(
            ['*Schema*\n```\ntables: +a\ntypes: +"&lt;b&gt;\u02cb"\n```'], texts[1:])

    def test_the_message_of_a_failure_tells_it_too(self):
        result, texts = self.post({"1_a.up.sql": "CREATE TABLE a ();", "2_b.up.sql": "SELECT 1/0;"})
        self.assertEqual(1, result.status)
        self.assertEqual("*Schema*\n```\ntables: +a\n```", texts[-1])

    def test_without_effects_or_changes_there_is_nothing_of_it(self):
        files = {"1_a.up.sql": "CREATE TABLE a ();"}
        self.assertEqual(1, len(self.post(files, "--no-effects")[1]))
        self.assertEqual(1, len(self.post({**files, "2_b.up.sql": "SELECT 1;"})[1]))
