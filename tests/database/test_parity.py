# SPDX-License-Identifier: Apache-2.0
"""golang-migrate's command line, case by case: what it does with a database, so do we.

A row is one case. Where we differ on purpose, the row ends with what golang-migrate does.
"""

import itertools
import json
import time
import typing

from database.case import DatabaseCase, lock_key

LAST = 4
FILES = {
    name: text for n in range(1, LAST + 1) for name, text in (
        (f"{n}_t.up.sql", f"CREATE TABLE t{n} ();\n"), (f"{n}_t.down.sql", f"DROP TABLE t{n};\n"))
}

NO_TABLE = "no table"
DIRTY_2 = "dirty at 2"

SHAPE = (
    "SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod),"
    "                            CASE WHEN a.attnotnull THEN 'not null' END), ', ' ORDER BY a.attnum)"
    "       || ', ' || (SELECT pg_get_constraintdef(c.oid) FROM pg_constraint AS c"
    "                    WHERE c.conrelid = a.attrelid AND c.contype = 'p')"
    "  FROM pg_attribute AS a WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0"
    " GROUP BY a.attrelid"
)
GOLANGS_SHAPE = "version bigint not null, dirty boolean not null, PRIMARY KEY (version)"


def upto(version):
    """The tables of the files up to this version."""
    return " ".join(f"t{n}" for n in range(1, version + 1))


class Row(typing.NamedTuple):
    before: object  # the version that golang-migrate left; 0: its empty table; None: nothing
    words: str
    status: int
    after: str  # schema_migrations, or NO_TABLE
    tables: str
    differs: str = ""  # what golang-migrate does instead


IT_DIES_SHORT = "it applies or reverts what there is, then fails"
IT_ASKS = "it asks, where nobody can answer, too"

COMMANDS = (
    Row(None, "up", 0, "4|f", upto(4)),
    Row(0, "up", 0, "4|f", upto(4)),
    Row(2, "up", 0, "4|f", upto(4)),
    Row(4, "up", 0, "4|f", upto(4)),
    Row(DIRTY_2, "up", 1, "2|t", upto(1)),
    Row(None, "up 2", 0, "2|f", upto(2)),
    Row(1, "up 2", 0, "3|f", upto(3)),
    Row(3, "up 2", 0, "4|f", upto(4), IT_DIES_SHORT),
    Row(4, "up 1", 0, "4|f", upto(4), IT_DIES_SHORT),
    Row(2, "up x", 1, "2|f", upto(2)),
    Row(2, "up -x", 1, "2|f", upto(2)),
    Row(4, "down 1", 0, "3|f", upto(3)),
    Row(4, "down 3", 0, "1|f", upto(1)),
    Row(4, "down 4", 0, "", ""),
    Row(2, "down 3", 0, "", "", IT_DIES_SHORT),
    Row(0, "down 1", 0, "", "", IT_DIES_SHORT),
    Row(4, "down -all", 0, "", ""),
    Row(4, "down --all", 0, "", ""),
    Row(4, "down", 1, "4|f", upto(4), IT_ASKS),
    Row(4, "down x", 1, "4|f", upto(4)),
    Row(4, "down 1 -all", 1, "4|f", upto(4)),
    Row(DIRTY_2, "down 1", 1, "2|t", upto(1)),
    Row(None, "goto 3", 0, "3|f", upto(3)),
    Row(1, "goto 3", 0, "3|f", upto(3)),
    Row(4, "goto 1", 0, "1|f", upto(1)),
    Row(2, "goto 2", 0, "2|f", upto(2)),
    Row(2, "goto 9", 1, "2|f", upto(2)),
    Row(2, "goto", 1, "2|f", upto(2)),
    Row(2, "goto x", 1, "2|f", upto(2)),
    Row(DIRTY_2, "goto 1", 1, "2|t", upto(1)),
    Row(DIRTY_2, "force 2", 0, "2|f", upto(1)),
    Row(DIRTY_2, "force 1", 0, "1|f", upto(1)),
    Row(DIRTY_2, "force -- -1", 0, "", upto(1)),
    Row(4, "force 2", 0, "2|f", upto(4)),
    Row(2, "force 4", 0, "4|f", upto(2)),
    Row(2, "force 9", 0, "9|f", upto(2)),
    Row(None, "force 3", 0, "3|f", ""),
    Row(2, "force -- -1", 0, "", upto(2)),
    Row(2, "force -1", 0, "", upto(2), "it takes -1 for a flag"),
    Row(2, "force", 1, "2|f", upto(2)),
    Row(2, "force x", 1, "2|f", upto(2)),
    Row(2, "force -- -2", 1, "2|f", upto(2)),
    Row(4, "drop -f", 0, NO_TABLE, ""),
    Row(None, "drop -f", 0, NO_TABLE, ""),
    Row(DIRTY_2, "drop -f", 0, NO_TABLE, ""),
    Row(4, "drop", 1, "4|f", upto(4), IT_ASKS),
    Row(3, "version", 0, "3|f", upto(3)),
    Row(DIRTY_2, "version", 0, "2|t", upto(1)),
    Row(0, "version", 1, "", "", "its words are \"error: no migration\""),
    Row(None, "version", 1, NO_TABLE, "", "it creates its table"),
    Row(2, "nonsense", 1, "2|f", upto(2)),
)

VERSIONS = {3: "3\n", DIRTY_2: "2 (dirty)\n", 0: "", None: ""}


class Parity(DatabaseCase):
    def setting(self, before):
        """The schema as golang-migrate left it."""
        version = {None: 0, DIRTY_2: 1}.get(before, before)
        sql = ["SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public"]
        sql += [f"CREATE TABLE t{n} ()" for n in range(1, version + 1)]
        if before is not None:
            sql.append("CREATE TABLE schema_migrations"
                       " (version bigint not null primary key, dirty boolean not null)")
        if before == DIRTY_2:
            sql.append("INSERT INTO schema_migrations VALUES (2, true)")
        elif version:
            sql.append(f"INSERT INTO schema_migrations VALUES ({version}, false)")
        self.psql("; ".join(sql))

    def state(self, table="schema_migrations"):
        if self.psql(f"SELECT to_regclass('{table}')") == "":
            return NO_TABLE
        self.assertEqual(GOLANGS_SHAPE, self.psql(SHAPE.format(table=table)))
        return self.psql(f"SELECT version, dirty FROM {table}")

    def migrate(self, *words, files=None, database=None, env=None):
        """golang-migrate's command line: -path and -database, then the command."""
        path = files if isinstance(files, str) else self.folder(FILES if files is None else files)
        return self.run_pgstride(
            "-path", path, "-database", database or self.database, *words, env=env)


class Commands(Parity):
    def test_each_leaves_the_database_as_golang_migrate_does(self):
        path = self.folder(FILES)
        for row in COMMANDS:
            with self.subTest(before=row.before, words=row.words):
                self.setting(row.before)
                result = self.migrate(*row.words.split(), files=path)
                said = result.stdout + result.stderr
                self.assertEqual(row.status, result.status, said)
                self.assertEqual(row.after, self.state(), said)
                self.assertEqual(row.tables, self.tables(), said)
                if row.words == "version":
                    self.assertEqual(VERSIONS[row.before], result.stdout)

    def test_a_whole_life(self):
        """One database, one command after the other: no state of ours gets in the way."""
        path = self.folder(FILES)
        for words, after, tables in (
                ("up 1", "1|f", upto(1)), ("up", "4|f", upto(4)), ("down 2", "2|f", upto(2)),
                ("goto 4", "4|f", upto(4)), ("goto 1", "1|f", upto(1)), ("force 0", "0|f", upto(1)),
                ("force 1", "1|f", upto(1)), ("up", "4|f", upto(4)), ("down -all", "", ""),
                ("up 3", "3|f", upto(3)), ("force -- -1", "", upto(3)), ("force 3", "3|f", upto(3)),
                ("down 1", "2|f", upto(2)), ("drop -f", NO_TABLE, ""), ("up", "4|f", upto(4))):
            with self.subTest(words):
                self.assert_good(self.migrate(*words.split(), files=path))
                self.assertEqual((after, tables), (self.state(), self.tables()))


    def test_a_version_forced_by_mistake_is_forgotten_with_the_next(self):
        path = self.folder({name: FILES[name] for name in FILES if not name.startswith("2")})
        for words in ("up", "force 2", "force 4", "up", "down -all"):
            self.assert_good(self.migrate(*words.split(), files=path))
        self.assertEqual(("", ""), (self.state(), self.tables()))


class Flags(Parity):
    def spellings(self, flag, value):
        for dashes, is_joined in itertools.product(("-", "--"), (False, True)):
            if value is None:
                yield [f"{dashes}{flag}=true" if is_joined else f"{dashes}{flag}"]
            else:
                yield [f"{dashes}{flag}={value}"] if is_joined else [f"{dashes}{flag}", value]

    def places(self, command, flag, value):
        for words in self.spellings(flag, value):
            yield [*words, *command]
            yield [*command, *words]

    def test_those_of_every_command(self):
        path = self.folder(FILES)
        given = {"path": path, "database": self.database}
        for flag, value in (("path", path), ("source", f"file://{path}"),
                            ("database", self.database), ("prefetch", "3"), ("lock-timeout", "15"),
                            ("verbose", None)):
            others = [word for name, standard in given.items()
                      if name != flag and (flag, name) != ("source", "path")
                      for word in (f"-{name}", standard)]
            for words in self.places(["up", "1"], flag, value):
                with self.subTest(words):
                    self.setting(None)
                    result = self.run_pgstride(*others, *words)
                    self.assert_good(result)
                    self.assertEqual("1|f", self.state())
                    self.assertEqual(flag == "verbose", " DEBUG " in result.stdout)

    def test_lock_timeout_counts_in_seconds(self):
        path = self.folder(FILES)
        self.session(f"SELECT pg_advisory_lock({lock_key('/' + self.dbname)});")
        for words in self.places(["up"], "lock-timeout", "0"):
            with self.subTest(words):
                self.assertEqual(1, self.migrate(*words, files=path).status)
        begun = time.monotonic()
        self.assertEqual(1, self.migrate("-lock-timeout", "1", "up", files=path).status)
        self.assertTrue(0.9 < time.monotonic() - begun < 10)
        self.assertEqual(NO_TABLE, self.state())

    def test_those_that_end_it(self):
        for words in self.spellings("version", None):
            self.assertRegex(self.run_pgstride(*words).stdout, r"\Apgstride \S+\n\Z")
        for words in self.spellings("help", None):
            self.assertIn("usage: ", self.run_pgstride(*words).stdout)

    def test_those_of_down_and_drop(self):
        path = self.folder(FILES)
        for command, flag, after in (("down", "all", ""), ("drop", "f", NO_TABLE)):
            for words in self.places([command], flag, None):
                with self.subTest(words):
                    self.setting(LAST)
                    self.assert_good(self.migrate(*words, files=path))
                    self.assertEqual((after, ""), (self.state(), self.tables()))

    def test_those_of_create(self):
        given = {"ext": "sql", "dir": "there", "format": "unix"}
        for flag, value, pattern in (
                ("ext", "sql", r"there/\d{10}_two_words\.(up|down)\.sql"),
                ("ext", ".psql", r"there/\d{10}_two_words\.(up|down)\.psql"),
                ("dir", "db/new", r"db/new/\d{10}_two_words\.(up|down)\.sql"),
                ("format", "unixNano", r"there/\d{19}_two_words\.(up|down)\.sql"),
                ("format", "20060102", r"there/20\d{6}_two_words\.(up|down)\.sql"),
                ("tz", "UTC", r"there/\d{10}_two_words\.(up|down)\.sql"),
                ("seq", None, r"there/000001_two_words\.(up|down)\.sql"),
                ("digits", "3", r"there/001_two_words\.(up|down)\.sql")):
            others = [word for name, standard in given.items()
                      if name != flag and not (name == "format" and flag in ("seq", "digits"))
                      for word in (f"-{name}", standard)]
            if flag == "digits":
                others.append("-seq")
            for words in self.places(["create", *others, "two words"], flag, value):
                with self.subTest(words):
                    result = self.run_pgstride(*words, cwd=self.folder())
                    self.assertEqual((0, ""), (result.status, result.stderr))
                    self.assertRegex(result.stdout, rf"\A({pattern}\n){{2}}\Z")


FUNCTION = "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;\n"
TWO_STATEMENTS = {"1_t.up.sql": "CREATE TABLE t1 ();\n" + FUNCTION + "SELECT pg_sleep(0.3);\n"}


class UrlParameters(Parity):
    def test_each(self):
        for parameters, table, status in (
                ({}, "schema_migrations", 0),
                ({"x-migrations-table": "versions"}, "versions", 0),
                ({"x-migrations-table": "My Versions"}, '"My Versions"', 0),
                ({"x-migrations-table": "a.b"}, '"a.b"', 0),
                ({"x-migrations-table": '"audit"."Log"', "x-migrations-table-quoted": "true"},
                 'audit."Log"', 0),
                ({"x-migrations-table": '"audit"."Log"', "x-migrations-table-quoted": "1"},
                 'audit."Log"', 0),
                ({"x-migrations-table": '"Log"', "x-migrations-table-quoted": "true"}, '"Log"', 0),
                ({"x-migrations-table": '"Log"', "x-migrations-table-quoted": "false"},
                 '"""Log"""', 0),
                ({"x-migrations-table": "Log", "x-migrations-table-quoted": "true"}, '"Log"', 1),
                ({"x-multi-statement": "true"}, "schema_migrations", 0),
                ({"x-multi-statement": "true", "x-multi-statement-max-size": "10"},
                 "schema_migrations", 0),  # there a larger statement fails
                ({"x-statement-timeout": "0"}, "schema_migrations", 0),
                ({"x-statement-timeout": "20000"}, "schema_migrations", 0),
                ({"x-statement-timeout": "100"}, "schema_migrations", 1),
                ({"x-lock-strategy": "advisory"}, "schema_migrations", 0),
                ({"x-lock-strategy": "table"}, "schema_migrations", 0),  # ours is advisory
                ({"search_path": "tenant1"}, "tenant1.schema_migrations", 0),
                ({"search_path": "nowhere,tenant1"}, "tenant1.schema_migrations", 0),
                ({"x-nonsense": "1"}, "schema_migrations", 1)):
            with self.subTest(parameters):
                self.setting(None)
                self.psql("SET client_min_messages = error; DROP SCHEMA IF EXISTS audit, tenant1"
                          " CASCADE; CREATE SCHEMA audit; CREATE SCHEMA tenant1")
                result = self.migrate(
                    "up", files=TWO_STATEMENTS, database=self.cluster.url(self.dbname, **parameters))
                self.assertEqual(status, result.status, result.stdout)
                self.assertIn(self.state(table), ("1|f",) if status == 0 else ("", NO_TABLE))
                schema = "tenant1" if "search_path" in parameters else "public"
                self.assertEqual("f" if status else "t", self.psql(
                    f"SELECT to_regclass('{schema}.t1') IS NOT NULL"))

    def test_a_folder_as_host_is_a_socket(self):
        database = self.cluster.url(self.dbname, host=self.cluster.socket_dir)
        self.assert_good(self.migrate("up", database=database))
        self.assertEqual("4|f", self.state())

    def test_sslmode_is_require_unless_something_else_is_said(self):
        server = self.cluster
        quiet = self.cluster.url(self.dbname)
        words = (f"host=127.0.0.1 port={server.port} user={server.superuser}"
                 f" password={server.password} dbname={self.dbname}")
        self.addCleanup(self.set_ssl, "on")
        self.set_ssl("off")
        for database, env, status in (
                (quiet, None, 1),
                (self.cluster.url(self.dbname, sslmode="require"), None, 1),
                (self.cluster.url(self.dbname, sslmode="disable"), None, 0),
                (self.cluster.url(self.dbname, sslmode="prefer"), None, 0),
                (quiet, {"PGSSLMODE": "disable"}, 0),
                (self.cluster.url(self.dbname, host=server.socket_dir), None, 0),
                (words, None, 0)):
            with self.subTest(database=database, env=env):
                self.setting(None)
                result = self.migrate("up", database=database, env=env)
                self.assertEqual(status, result.status, result.stdout)
                self.assertEqual(status == 1, "server does not support SSL, but SSL was required"
                                 in result.stdout)

    def set_ssl(self, value):
        self.cluster.psql("postgres", f"ALTER SYSTEM SET ssl = {value}")
        self.cluster.psql("postgres", "SELECT pg_reload_conf()")
        self.wait_until("SHOW ssl", value)


class LockKeys(Parity):
    def test_the_key_is_of_schema_table_and_database(self):
        """Whoever holds it keeps us out, and no other key does."""
        path = self.folder(FILES)
        self.psql("CREATE SCHEMA tenant1; CREATE SCHEMA audit")
        cases = (
            ({}, "public", "schema_migrations"),
            ({"x-migrations-table": "versions"}, "public", "versions"),
            ({"search_path": "tenant1"}, "tenant1", "schema_migrations"),
            ({"x-migrations-table": '"audit"."Log"', "x-migrations-table-quoted": "1"},
             "audit", "Log"),
        )
        for held in cases:
            holder = self.session(
                f"SELECT pg_advisory_lock({lock_key('/' + self.dbname, held[1], held[2])});")
            for parameters, schema, table in cases:
                with self.subTest(held=held, parameters=parameters):
                    result = self.migrate("-lock-timeout", "0", "up", files=path,
                                          database=self.cluster.url(self.dbname, **parameters))
                    is_out = " ERROR another run holds the migration lock" in result.stdout
                    self.assertEqual((schema, table) == held[1:], is_out, result.stdout)
            self.end_session(holder)


UP, DOWN = "up", "down"
NEAR, FAR = "near", "far"  # left out: with a warning, without one

NAMES = (
    # name, version, direction; or name, None, how it is left out
    ("1_a.up.sql", 1, UP),
    ("1_a.down.sql", 1, DOWN),
    ("001_a.up.sql", 1, UP),
    ("0_zero.up.sql", 0, UP),
    ("6_.up.sql", 6, UP),
    ("7_h.up.txt", 7, UP),
    ("7_h.up.", 7, UP),
    ("8_a.b.c.up.sql", 8, UP),
    ("9_a b-c.up.sql", 9, UP),
    ("12_m.down.up.sql", 12, UP),
    ("13_m.up.down.sql", 13, DOWN),
    ("14_m.up.sql.bak", 14, UP),
    ("15_ümläut.up.sql", 15, UP),
    ("16__under_.up.sql", 16, UP),
    ("17_m.up.SQL", 17, UP),
    ("20230330013250_create.up.sql", 20230330013250, UP),
    ("9223372036854775807_last.up.sql", 9223372036854775807, UP),
    ("1-a.up.sql", None, NEAR),
    ("1a_b.up.sql", None, NEAR),
    ("_a.up.sql", None, NEAR),
    ("v1_a.up.sql", None, NEAR),
    ("-1_a.up.sql", None, NEAR),
    ("1_a.sql", None, NEAR),
    ("1_a.up", None, FAR),
    ("1_aup.sql", None, NEAR),
    ("1_a.UP.sql", None, NEAR),
    ("1_a.Down.sql", None, NEAR),
    (" 1_a.up.sql", None, NEAR),
    ("schema.sql", None, NEAR),
    ("README.md", None, FAR),
    ("1_notes.txt", None, FAR),
    ("atlas.sum.bak", None, FAR),
    (".1_a.up.sql", None, FAR),
    (".gitkeep", None, FAR),
    ("older/1_a.up.sql", None, FAR),
)


class FileNames(Parity):
    def steps(self, path, *words):
        result = self.migrate("-format", "json", "plan", *words, files=path)
        self.assert_good(result)
        return [(step["file"], step["version"], step["direction"])
                for step in json.loads(result.stdout)["steps"]], result.stderr

    def test_each(self):
        for name, version, how in NAMES:
            with self.subTest(name):
                self.setting(None)
                if how == UP:
                    self.assertEqual([(name, version, UP)],
                                     self.steps(self.folder({name: ""}))[0])
                elif how == DOWN:
                    path = self.folder({name: "", f"{version}_pair.up.sql": ""})
                    self.assert_good(self.migrate("up", files=path))
                    self.assertEqual([(name, version, DOWN)],
                                     self.steps(path, "down", "--all")[0])
                else:
                    steps, warned = self.steps(self.folder({name: "", "5_pair.up.sql": ""}))
                    self.assertEqual([("5_pair.up.sql", 5, UP)], steps)
                    self.assertEqual(how == NEAR, f"{name} is left out" in warned, warned)

    def test_what_cannot_be(self):
        for files, before, words, why in (
                ({"1_a.up.sql": "", "1_b.up.sql": ""}, None, "up", ""),
                ({"1_a.up.sql": "", "001_b.up.sql": ""}, None, "up", ""),
                ({"1_a.up.sql": "", "1_a.down.sql": "", "01_b.down.sql": ""}, None, "up", ""),
                ({"9223372036854775808_a.up.sql": ""}, None, "up", "it crashes"),
                ({}, None, "up", ""),
                ({"1_a.up.sql": "", "2_b.down.sql": ""}, None, "up", "it runs as empty"),
                ({"1_t.up.sql": ""}, 1, "down 1", "it runs as empty")):
            with self.subTest(files=files, words=words, golang_migrate=why or "the same"):
                self.setting(before)
                before_it = self.state()
                self.assertEqual(1, self.migrate(*words.split(), files=files).status)
                self.assertEqual(before_it, self.state())

    def test_versions_are_ordered_as_numbers(self):
        path = self.folder({name: "" for name in ("10_a.up.sql", "9_a.up.sql", "0100_a.up.sql")})
        self.assertEqual([9, 10, 100], [version for _, version, _ in self.steps(path)[0]])


class Running(Parity):
    def test_what_a_file_leaves_behind(self):
        for text, status, after, tables, differs in (
                ("", 0, "2|f", "t1", ""),
                ("-- nothing\n", 0, "2|f", "t1", ""),
                ("CREATE TABLE a ();\nCREATE TABLE b ();", 0, "2|f", "a b t1", ""),
                ("BEGIN;\nCREATE TABLE a ();\nCOMMIT;\n", 0, "2|f", "a t1", ""),
                ("BEGIN;\nCREATE TABLE a ();\nCOMMIT;\nCREATE TABLE b ();", 0, "2|f", "a b t1", ""),
                ("CREATE INDEX CONCURRENTLY i ON t1 ((1));", 0, "2|f", "t1", ""),
                ("CREATE TABLE a (); SELECT nope;", 1, "1|f", "t1", "it is dirty at 2"),
                ("BEGIN; CREATE TABLE a (); SELECT nope; COMMIT;", 1, "1|f", "t1",
                 "it is dirty at 2"),
                ("BEGIN;\nCREATE TABLE a ();\n", 1, "1|f", "t1", "it is dirty at 2"),
                ("CREATE TABLE a ('", 1, "1|f", "t1", "it is dirty at 2"),
                ("CREATE INDEX CONCURRENTLY i ON t1 (nope);", 1, "2|t", "t1", "")):
            with self.subTest(text, golang_migrate=differs or "the same"):
                self.setting(1)
                result = self.migrate("up", "1", files={**FILES, "2_t.up.sql": text})
                self.assertEqual(status, result.status, result.stdout)
                self.assertEqual((after, tables), (self.state(), self.tables()), result.stdout)

    def test_a_column_that_a_project_added_to_its_table_stays(self):
        for words, after in (("up", "4|f|7"), ("down 1", "1|f|7"), ("goto 3", "3|f|7"),
                             ("force 4", "4|f|7")):
            with self.subTest(words):
                self.setting(2)
                self.psql("ALTER TABLE schema_migrations ADD data_version int NOT NULL DEFAULT 0;"
                          " UPDATE schema_migrations SET data_version = 7")
                self.assert_good(self.migrate(*words.split()))
                self.assertEqual(after, self.psql("TABLE schema_migrations"))


class ManyFiles(Parity):
    COUNT = 5000
    BAR_S = 20  # a guard against what grows with the square; golang-migrate reads for 2.1 s

    def test_five_thousand_with_nothing_pending(self):
        path = self.folder({f"{n}_t.up.sql": f"CREATE TABLE t{n} ();\n"
                            for n in range(1, self.COUNT + 1)})
        self.setting(0)
        self.psql(f"INSERT INTO schema_migrations VALUES ({self.COUNT}, false)")
        self.assert_good(self.migrate("up", files=path))  # adopts them
        for command in ("version", "up", "status", "plan"):
            with self.subTest(command):
                begun = time.monotonic()
                result = self.migrate(command, files=path)
                elapsed = time.monotonic() - begun
                print(f"{self.COUNT} files, nothing pending: {command} in {elapsed * 1000:.0f} ms")
                self.assert_good(result)
                self.assertLess(elapsed, self.BAR_S)
        self.assertEqual(f"{self.COUNT}|f", self.state())
