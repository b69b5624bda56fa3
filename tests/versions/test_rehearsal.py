# SPDX-License-Identifier: Apache-2.0
"""rehearse judges each operation as PostgreSQL does it: a table, one row each, on each version."""

import json
import typing
import unittest

from support.cluster import Cluster
from support.harness import Case
from support.servers import SUITES

ALL = "ACCESS EXCLUSIVE"


class Row(typing.NamedTuple):
    """An operation on a table of its own, {t}.

    work     of the lock on {t}: "", "scanned" or "rewritten"
    instead  how the first safe way begins; "" where none is told
    since    the first version that has it, or does it so; until: the last
    """

    name: str
    setup: str
    sql: str
    verdict: str
    lock: str
    work: str = ""
    instead: str = ""
    since: int = 13
    until: int = 99


T = "CREATE TABLE {t} (id int, n int, v varchar(10), m numeric(10,2), ts timestamp, x text); "
KEY = "ALTER TABLE {t} ADD PRIMARY KEY (id); "
PARTED = ("CREATE TABLE {t}_all (id int NOT NULL) PARTITION BY RANGE (id); "
          "CREATE TABLE {t} (id int NOT NULL); ")
BOUNDS = "FOR VALUES FROM (1) TO (9)"

TYPE = "expand and contract: add a column of the new type"
ADD = "add a without a default"
NOT_VALID = "ALTER TABLE {t} ADD CONSTRAINT "
USING = "CREATE UNIQUE INDEX CONCURRENTLY "
CONTRACT = "expand and contract: "

ROWS = (
    Row("SET NOT NULL", T, "ALTER TABLE {t} ALTER n SET NOT NULL", "blocks-all", ALL, "scanned",
        NOT_VALID + "n_not_null CHECK (n IS NOT NULL) NOT VALID"),
    Row("SET NOT NULL with a validated CHECK", T + "ALTER TABLE {t} ADD CHECK (n IS NOT NULL);",
        "ALTER TABLE {t} ALTER n SET NOT NULL", "brief-lock", ALL),
    Row("ADD COLUMN", T, "ALTER TABLE {t} ADD a int", "brief-lock", ALL),
    Row("ADD COLUMN, constant default", T, "ALTER TABLE {t} ADD a int DEFAULT 5",
        "brief-lock", ALL),
    Row("ADD COLUMN, stable default", T, "ALTER TABLE {t} ADD a timestamptz DEFAULT now()",
        "brief-lock", ALL),
    Row("ADD COLUMN, volatile default", T,
        "ALTER TABLE {t} ADD a timestamptz DEFAULT clock_timestamp()",
        "blocks-all", ALL, "rewritten", ADD),
    Row("ADD COLUMN NOT NULL without default", T, "ALTER TABLE {t} ADD a int NOT NULL",
        "breaks", ALL, "scanned", "add a with a constant DEFAULT"),
    Row("ADD COLUMN NOT NULL with default", T, "ALTER TABLE {t} ADD a int NOT NULL DEFAULT 0",
        "brief-lock", ALL),
    Row("ADD COLUMN, generated, stored", T,
        "ALTER TABLE {t} ADD a int GENERATED ALWAYS AS (n * 2) STORED",
        "blocks-all", ALL, "rewritten", ADD),
    Row("ADD COLUMN, generated, virtual", T,
        "ALTER TABLE {t} ADD a int GENERATED ALWAYS AS (n * 2) VIRTUAL", "brief-lock", ALL,
        since=18),
    Row("ADD COLUMN, identity", T, "ALTER TABLE {t} ADD a int GENERATED ALWAYS AS IDENTITY",
        "blocks-all", ALL, "rewritten", ADD),
    Row("ADD COLUMN, serial", T, "ALTER TABLE {t} ADD a serial", "blocks-all", ALL, "rewritten",
        ADD),
    Row("ALTER TYPE, int to bigint", T, "ALTER TABLE {t} ALTER n TYPE bigint", "breaks", ALL,
        "rewritten", TYPE),
    Row("ALTER TYPE, varchar wider", T, "ALTER TABLE {t} ALTER v TYPE varchar(20)",
        "brief-lock", ALL),
    Row("ALTER TYPE, varchar narrower", T, "ALTER TABLE {t} ALTER v TYPE varchar(5)",
        "blocks-all", ALL, "rewritten", TYPE),
    Row("ALTER TYPE, varchar to text", T, "ALTER TABLE {t} ALTER v TYPE text", "brief-lock", ALL),
    Row("ALTER TYPE, text to varchar", T, "ALTER TABLE {t} ALTER x TYPE varchar(50)",
        "blocks-all", ALL, "rewritten", TYPE),
    Row("ALTER TYPE, numeric precision", T, "ALTER TABLE {t} ALTER m TYPE numeric(12,2)",
        "brief-lock", ALL),
    Row("ALTER TYPE, numeric scale", T, "ALTER TABLE {t} ALTER m TYPE numeric(12,4)",
        "blocks-all", ALL, "rewritten", TYPE),
    Row("ALTER TYPE, timestamp to timestamptz under UTC", T,
        "ALTER TABLE {t} ALTER ts TYPE timestamptz", "breaks", ALL, "", TYPE),
    Row("ALTER TYPE, timestamp to timestamptz elsewhere", T,
        "SET TimeZone = 'Europe/Berlin'; ALTER TABLE {t} ALTER ts TYPE timestamptz",
        "breaks", ALL, "rewritten", TYPE),
    Row("ALTER TYPE, of an indexed column", T + "CREATE INDEX ON {t} (v);",
        "ALTER TABLE {t} ALTER v TYPE varchar(20)", "brief-lock", ALL),
    Row("SET DEFAULT", T, "ALTER TABLE {t} ALTER n SET DEFAULT 1", "brief-lock", ALL),
    Row("DROP DEFAULT of what is NOT NULL",
        T + "ALTER TABLE {t} ALTER n SET DEFAULT 1, ALTER n SET NOT NULL;",
        "ALTER TABLE {t} ALTER n DROP DEFAULT", "breaks", ALL, "",
        "first a release whose code always names n"),
    Row("DROP NOT NULL", T + "ALTER TABLE {t} ALTER n SET NOT NULL;",
        "ALTER TABLE {t} ALTER n DROP NOT NULL", "brief-lock", ALL),
    Row("CHECK", T, "ALTER TABLE {t} ADD CONSTRAINT c CHECK (n > 0)", "blocks-all", ALL, "scanned",
        NOT_VALID + "c CHECK (…) NOT VALID"),
    Row("CHECK NOT VALID", T, "ALTER TABLE {t} ADD CONSTRAINT c CHECK (n > 0) NOT VALID",
        "brief-lock", ALL),
    Row("VALIDATE CHECK", T + "ALTER TABLE {t} ADD CONSTRAINT c CHECK (n > 0) NOT VALID;",
        "ALTER TABLE {t} VALIDATE CONSTRAINT c", "safe", "SHARE UPDATE EXCLUSIVE", "scanned"),
    Row("FOREIGN KEY", T + "CREATE TABLE {t}_to (id int PRIMARY KEY);",
        "ALTER TABLE {t} ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES {t}_to",
        "blocks-writes", "SHARE ROW EXCLUSIVE", "scanned", NOT_VALID + "f FOREIGN KEY"),
    Row("FOREIGN KEY NOT VALID", T + "CREATE TABLE {t}_to (id int PRIMARY KEY);",
        "ALTER TABLE {t} ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES {t}_to NOT VALID",
        "brief-lock", "SHARE ROW EXCLUSIVE"),
    Row("VALIDATE FOREIGN KEY", T + "CREATE TABLE {t}_to (id int PRIMARY KEY); ALTER TABLE {t} "
        "ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES {t}_to NOT VALID;",
        "ALTER TABLE {t} VALIDATE CONSTRAINT f", "safe", "SHARE UPDATE EXCLUSIVE", "scanned"),
    Row("UNIQUE", T, "ALTER TABLE {t} ADD CONSTRAINT {t}_u UNIQUE (n)", "blocks-all", ALL,
        "scanned", USING + "{t}_u ON {t} (…)"),
    Row("UNIQUE USING INDEX", T + "CREATE UNIQUE INDEX {t}_u ON {t} (n);",
        "ALTER TABLE {t} ADD CONSTRAINT {t}_u UNIQUE USING INDEX {t}_u", "brief-lock", ALL),
    Row("PRIMARY KEY", T, "ALTER TABLE {t} ADD CONSTRAINT {t}_p PRIMARY KEY (id)", "blocks-all",
        ALL, "scanned", "make its columns NOT NULL; " + USING + "{t}_p"),
    Row("PRIMARY KEY USING INDEX",
        T + "ALTER TABLE {t} ALTER id SET NOT NULL; CREATE UNIQUE INDEX {t}_p ON {t} (id);",
        "ALTER TABLE {t} ADD CONSTRAINT {t}_p PRIMARY KEY USING INDEX {t}_p", "brief-lock", ALL),
    Row("EXCLUDE", "CREATE TABLE {t} (r int4range);",
        "ALTER TABLE {t} ADD CONSTRAINT {t}_x EXCLUDE USING gist (r WITH &&)",
        "blocks-all", ALL, "scanned", "PostgreSQL has no way to add it without the lock"),
    Row("DROP CONSTRAINT", T + "ALTER TABLE {t} ADD CONSTRAINT c CHECK (n > 0);",
        "ALTER TABLE {t} DROP CONSTRAINT c", "brief-lock", ALL),
    Row("DROP CONSTRAINT, unique", T + "ALTER TABLE {t} ADD CONSTRAINT {t}_u UNIQUE (n);",
        "ALTER TABLE {t} DROP CONSTRAINT {t}_u", "brief-lock", ALL),
    Row("CREATE INDEX", T, "CREATE INDEX {t}_i ON {t} (n)", "blocks-writes", "SHARE", "scanned",
        "CREATE INDEX CONCURRENTLY {t}_i ON {t} (…)"),
    Row("CREATE INDEX CONCURRENTLY", T, "CREATE INDEX CONCURRENTLY {t}_i ON {t} (n)", "safe", ""),
    Row("DROP INDEX", T + "CREATE INDEX {t}_i ON {t} (n);", "DROP INDEX {t}_i", "brief-lock", ALL,
        "", "DROP INDEX CONCURRENTLY {t}_i"),
    Row("DROP INDEX CONCURRENTLY", T + "CREATE INDEX {t}_i ON {t} (n);",
        "DROP INDEX CONCURRENTLY {t}_i", "safe", ""),
    Row("REINDEX INDEX", T + "CREATE INDEX {t}_i ON {t} (n);", "REINDEX INDEX {t}_i",
        "blocks-all", "SHARE", "scanned", "REINDEX INDEX CONCURRENTLY {t}_i"),
    Row("REINDEX INDEX CONCURRENTLY", T + "CREATE INDEX {t}_i ON {t} (n);",
        "REINDEX INDEX CONCURRENTLY {t}_i", "safe", ""),
    Row("ATTACH PARTITION", PARTED, "ALTER TABLE {t}_all ATTACH PARTITION {t} " + BOUNDS,
        "blocks-all", ALL, "scanned", "first " + NOT_VALID + "… CHECK (the partition's bounds)"),
    Row("ATTACH PARTITION with a CHECK", PARTED +
        "ALTER TABLE {t} ADD CHECK (id >= 1 AND id < 9);",
        "ALTER TABLE {t}_all ATTACH PARTITION {t} " + BOUNDS, "brief-lock", ALL),
    Row("DETACH PARTITION", PARTED + "ALTER TABLE {t}_all ATTACH PARTITION {t} " + BOUNDS,
        "ALTER TABLE {t}_all DETACH PARTITION {t}", "brief-lock", ALL, "",
        "ALTER TABLE … DETACH PARTITION {t} CONCURRENTLY", since=14),
    Row("DETACH PARTITION of old", PARTED + "ALTER TABLE {t}_all ATTACH PARTITION {t} " + BOUNDS,
        "ALTER TABLE {t}_all DETACH PARTITION {t}", "brief-lock", "SHARE UPDATE EXCLUSIVE", "",
        "ALTER TABLE … DETACH PARTITION {t} CONCURRENTLY", until=13),
    Row("DETACH PARTITION CONCURRENTLY", PARTED + "ALTER TABLE {t}_all ATTACH PARTITION {t} " +
        BOUNDS, "ALTER TABLE {t}_all DETACH PARTITION {t} CONCURRENTLY", "safe", "", since=14),
    Row("CREATE TABLE PARTITION OF", PARTED,
        "CREATE TABLE {t}_new PARTITION OF {t}_all " + BOUNDS, "brief-lock", ""),
    Row("RENAME TABLE", T, "ALTER TABLE {t} RENAME TO {t}_b", "breaks", ALL, "",
        CONTRACT + "leave a view of the old name, CREATE VIEW {t} AS"),
    Row("RENAME COLUMN", T, "ALTER TABLE {t} RENAME n TO k", "breaks", ALL, "",
        CONTRACT + "add k, write both"),
    Row("DROP TABLE", T, "DROP TABLE {t}", "breaks", ALL, "",
        CONTRACT + "drop {t} in a later release"),
    Row("DROP COLUMN", T, "ALTER TABLE {t} DROP n", "breaks", ALL, "",
        CONTRACT + "first a release whose code does not use n"),
    Row("DROP VIEW", "CREATE VIEW {t} AS SELECT 1 AS one;", "DROP VIEW {t}", "breaks", ALL, "",
        CONTRACT + "drop {t} in a later release"),
    Row("ALTER TABLE SET SCHEMA", T + "CREATE SCHEMA {t}_s;", "ALTER TABLE {t} SET SCHEMA {t}_s",
        "breaks", ALL, "", CONTRACT + "leave a view"),
    Row("ALTER SCHEMA RENAME", "CREATE SCHEMA {t}_s; CREATE TABLE {t}_s.a (id int);",
        "ALTER SCHEMA {t}_s RENAME TO {t}_r", "breaks", "", "",
        CONTRACT + "first a release whose code does not name {t}_s"),
    Row("TRUNCATE", T, "TRUNCATE {t}", "breaks", ALL, "",
        "first a release whose code does without the rows"),
    Row("TRUNCATE with indexes", T + KEY + "CREATE INDEX ON {t} (n); CREATE INDEX ON {t} (x);",
        "TRUNCATE {t}", "breaks", ALL, "", "first a release whose code does without the rows"),
    Row("SET UNLOGGED with indexes",
        T + KEY + "CREATE INDEX ON {t} (n); CREATE INDEX ON {t} (x);",
        "ALTER TABLE {t} SET UNLOGGED", "blocks-all", ALL, "rewritten",
        "PostgreSQL has no way to rewrite a table without the lock"),
    Row("UPDATE of every row", T, "UPDATE {t} SET n = 1", "blocks-writes", "ROW EXCLUSIVE",
        "scanned", "batches: "),
    Row("DELETE of many rows", T, "DELETE FROM {t} WHERE n < 5", "blocks-writes",
        "ROW EXCLUSIVE", "scanned", "batches: "),
    Row("INSERT", T, "INSERT INTO {t} (id) VALUES (1)", "safe", "ROW EXCLUSIVE"),
    Row("UPDATE by the key", T + KEY, "UPDATE {t} SET n = 1 WHERE id = 1", "safe",
        "ROW EXCLUSIVE"),
    Row("UPDATE by an index that is not unique", T + "CREATE INDEX ON {t} (n);",
        "UPDATE {t} SET x = 'a' WHERE n = 1", "blocks-writes", "ROW EXCLUSIVE", "scanned",
        "batches: "),
    Row("UPDATE by a range of the key", T + KEY,
        "UPDATE {t} SET n = 1 WHERE id BETWEEN 1 AND 500", "safe", "ROW EXCLUSIVE"),
    Row("CREATE TRIGGER", T, "CREATE TRIGGER g BEFORE UPDATE ON {t} FOR EACH ROW "
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "brief-lock", "SHARE ROW EXCLUSIVE"),
    Row("CREATE RULE", T, "CREATE RULE r AS ON DELETE TO {t} DO INSTEAD NOTHING",
        "brief-lock", ALL),
    Row("CREATE POLICY", T, "CREATE POLICY p ON {t} USING (true)", "brief-lock", ALL),
    Row("ENABLE ROW LEVEL SECURITY", T, "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
        "breaks", ALL, "", "CREATE POLICY for every role that uses {t}"),
    Row("SET UNLOGGED", T, "ALTER TABLE {t} SET UNLOGGED", "blocks-all", ALL, "rewritten",
        "PostgreSQL has no way to rewrite a table without the lock"),
    Row("CLUSTER", T + KEY, "CLUSTER {t} USING {t}_pkey", "blocks-all", ALL, "rewritten",
        "PostgreSQL has no way to rewrite a table without the lock"),
    Row("VACUUM FULL", T, "VACUUM FULL {t}", "blocks-all", "", "rewritten",
        "PostgreSQL has no way to rewrite a table without the lock"),
    Row("VACUUM", T, "VACUUM {t}", "safe", ""),
    Row("REFRESH MATERIALIZED VIEW", "CREATE MATERIALIZED VIEW {t} AS SELECT 1 AS one;",
        "REFRESH MATERIALIZED VIEW {t}", "blocks-all", ALL, "rewritten",
        "PostgreSQL has no way to rewrite a table without the lock"),
    Row("SET STATISTICS", T, "ALTER TABLE {t} ALTER n SET STATISTICS 100", "safe",
        "SHARE UPDATE EXCLUSIVE"),
    Row("COMMENT", T, "COMMENT ON TABLE {t} IS 'x'", "safe", "SHARE UPDATE EXCLUSIVE"),
    Row("a new table with all that it has", T + KEY,
        "CREATE TABLE {t}_new (id int, n int); CREATE INDEX ON {t}_new (n);"
        "INSERT INTO {t}_new SELECT 1, 1; ALTER TABLE {t}_new ALTER n SET NOT NULL,"
        "ALTER n TYPE bigint; ALTER TABLE {t}_new DROP id; DROP TABLE {t}_new", "safe", ""),
    Row("a new table that refers to one", T + KEY,
        "CREATE TABLE {t}_new (id int REFERENCES {t})", "brief-lock", "SHARE ROW EXCLUSIVE"),
    Row("a scan under the lock of an earlier statement", T +
        "ALTER TABLE {t} ADD CONSTRAINT c CHECK (n > 0) NOT VALID;",
        "ALTER TABLE {t} ADD a int; ALTER TABLE {t} VALIDATE CONSTRAINT c",
        "blocks-all", ALL, "scanned", "put this statement into a migration of its own"),
)


class RehearsalTest(Case):
    def files(self, version):
        """1 makes every row's table; row i is version i + 2. And the rows by version."""
        files, rows, setup = {}, {}, []
        for index, row in enumerate(ROWS):
            if not row.since <= version <= row.until:
                continue
            table = f"t{index}"
            setup.append(row.setup.replace("{t}", table).rstrip("; ") + ";\n")
            files[f"{index + 2}_row.up.sql"] = row.sql.replace("{t}", table) + ";\n"
            rows[index + 2] = (table, row)
        return "".join(setup), files, rows

    def check(self, table, row, statements):
        """The last statement of a row's file; before it nothing is worse."""
        last = statements[-1]
        mine = [entry for entry in last["tables"] if entry["table"] == table]
        work = "".join(
            word for word in ("rewritten", "scanned")
            if row.work == word and any(entry[f"is_{word}"] for entry in mine)
        )
        if not row.work:
            work = "".join(
                word for word in ("rewritten", "scanned")
                if any(entry[f"is_{word}"] for entry in mine)
            )
        self.assertEqual(
            (row.verdict, row.lock, row.work, row.instead.replace("{t}", table)),
            (last["verdict"], mine[0].get("lock", "") if mine and row.lock else "", work,
             (last["instead"] or [""])[0][:len(row.instead.replace("{t}", table)) or None]),
            json.dumps(last, indent=1),
        )

    def check_version(self, version):
        server = Cluster.start(version)
        self.addCleanup(server.stop)
        name = server.create_database()
        setup, files, rows = self.files(version)
        folder = self.folder({"1_tables.up.sql": setup})
        command = ("--database", server.url(name), "--path", folder)
        done = self.run_pgstride(*command, "up")
        self.assertEqual(0, done.status, done.stdout)
        before = server.dump(name)
        for file, text in files.items():
            with open(f"{folder}/{file}", "w", encoding="utf-8") as out:
                out.write(text)
        done = self.run_pgstride(*command, "--format", "json", "rehearse", timeout=120)
        self.assertEqual(0, done.status, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(list(rows), [step["version"] for step in answer["steps"]])
        for step in answer["steps"]:
            table, row = rows[step["version"]]
            with self.subTest(version=version, row=row.name):
                self.check(table, row, step["statements"])
        self.assertEqual(before, server.dump(name))
        self.assertEqual("", server.psql("postgres", "SELECT datname FROM pg_database "
                                         "WHERE datname ~ 'pgstride_rehearsal'"))

    def test_every_operation_is_judged_on_13(self):
        self.check_version(13)

    def test_every_operation_is_judged_on_15(self):
        self.check_version(15)

    def test_every_operation_is_judged_on_17(self):
        self.check_version(17)

    def test_every_operation_is_judged_on_18(self):
        self.check_version(18)

    def test_every_version_is_tested(self):
        for version in SUITES:
            self.assertTrue(hasattr(self, f"test_every_operation_is_judged_on_{version}"))


if __name__ == "__main__":
    unittest.main()
