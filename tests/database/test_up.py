# SPDX-License-Identifier: Apache-2.0
"""`up`: what it applies, what it says, what it leaves in the database."""

import hashlib
import json
import os
import re
import time

from database.case import DatabaseCase
from support.harness import SCHEMA_LINE

COMPANIES = """-- Companies.
CREATE TABLE companies (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE
);
CREATE INDEX companies_by_name ON companies (lower(name));
"""
ADDRESS = "ALTER TABLE companies ADD COLUMN address text;\n"
ORDERS = "CREATE TABLE orders (company uuid REFERENCES companies);\n"

FILES = {
    "1_companies.up.sql": COMPANIES,
    "1_companies.down.sql": "DROP TABLE companies;\n",
    "2_address.up.sql": ADDRESS,
    "2_address.down.sql": "ALTER TABLE companies DROP COLUMN address;\n",
}


class Up(DatabaseCase):
    def test_it_applies_and_reports_each_migration(self):
        result = self.up(FILES)
        self.assert_log(result, """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_companies applied in <duration> (2 statements); current version is 1
            <time> INFO  2_address applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
        """, status=0)
        self.assertEqual("", result.stderr)
        self.assertEqual("2|f", self.version())

    def test_the_schema_is_what_psql_gives(self):
        self.assert_like_psql({
            name: text for name, text in FILES.items() if name.endswith(".up.sql")
        })

    def test_a_second_run_has_nothing_to_do_and_writes_nothing(self):
        self.assert_good(self.up(FILES))
        look = "SELECT xmin, ctid FROM schema_migrations; SELECT xmin, ctid FROM pgstride_history"
        before = self.psql(look)
        self.assert_log(self.up(FILES), """
            <time> INFO  none of 2 migrations pending on <database> at 127.0.0.1; current version is 2
            <time> INFO  succeeded! nothing to do; current version is 2
        """, status=0)
        self.assertEqual(before, self.psql(look))

    def test_new_files_go_on_from_the_version(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.up({**FILES, "30_orders.up.sql": ORDERS}), """
            <time> INFO  1 of 3 migrations pending on <database> at 127.0.0.1: 2 -> 30
            <time> INFO  30_orders applied in <duration> (1 statement); current version is 30
            <time> INFO  succeeded! 1 migration applied in <duration>; 2 -> 30
        """, status=0)
        self.assertEqual("30|f", self.version())
        self.assertEqual("companies orders", self.tables())

    def test_versions_are_numbers_not_text(self):
        names = ["10_c", "9_b", "008_a", "20230330013250_d", "9223372036854775807_e"]
        files = {f"{name}.up.sql": f"CREATE TABLE t_{name[-1]} ();" for name in names}
        self.assert_good(self.up(files))
        self.assertEqual(
            ["8|008_a", "9|9_b", "10|10_c", "20230330013250|20230330013250_d",
             "9223372036854775807|9223372036854775807_e"],
            self.history("version, name"),
        )
        self.assertEqual("9223372036854775807|f", self.version())

    def test_version_zero_is_a_version(self):
        folder = {"0_zero.up.sql": "CREATE TABLE zero ();"}
        self.assert_good(self.up(folder))
        self.assertEqual("0|f", self.version())
        self.assert_log(self.up({**folder, "1_one.up.sql": "CREATE TABLE one ();"}), """
            <time> INFO  1 of 2 migrations pending on <database> at 127.0.0.1: 0 -> 1
            <time> INFO  1_one applied in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 1 migration applied in <duration>; 0 -> 1
        """, status=0)

    def test_names_are_golang_migrates(self):
        files = {
            "6_.up.sql": "CREATE TABLE six ();",
            "7_h.up.txt": "CREATE TABLE seven ();",
            "12_m.down.up.sql": "CREATE TABLE twelve ();",
        }
        self.assert_good(self.up(files))
        self.assertEqual(["6|6_", "7|7_h", "12|12_m.down"], self.history("version, name"))
        self.assertEqual("seven six twelve", self.tables())

    def test_a_down_file_alone_among_the_applied_is_no_matter(self):
        self.assert_good(self.up(FILES))
        files = {**FILES, "3_orders.up.sql": ORDERS}
        del files["1_companies.up.sql"], files["2_address.up.sql"]
        self.assert_good(self.up(files))
        self.assertEqual("3|f", self.version())

    def test_links_are_followed_as_a_config_map_has_them(self):
        folder = self.folder({"..2024/1_companies.up.sql": COMPANIES,
                              "..2024/2_address.up.sql": ADDRESS})
        os.symlink("..2024", f"{folder}/..data")
        for name in ("1_companies.up.sql", "2_address.up.sql"):
            os.symlink(f"..data/{name}", f"{folder}/{name}")
        self.assert_good(self.up(folder))
        self.assertEqual(["1|1_companies", "2|2_address"], self.history("version, name"))

class UpToALimit(DatabaseCase):
    FILES = {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();" for n in range(1, 5)}

    def test_n_applies_the_next_n(self):
        self.assert_log(self.up(self.FILES, "up", "2"), """
            <time> INFO  4 of 4 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_t applied in <duration> (1 statement); current version is 1
            <time> INFO  2_t applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
        """, status=0)
        self.assert_good(self.up(self.FILES, "up", "1"))
        self.assertEqual("3|f", self.version())
        self.assertEqual("t1 t2 t3", self.tables())

    def test_more_than_there_are_is_a_warning(self):
        self.assert_log(self.up(self.FILES, "up", "6"), """
            <time> INFO  4 of 4 migrations pending on <database> at 127.0.0.1: none -> 4
            <time> WARN  only 4 pending, 2 fewer than asked for
            <time> INFO  1_t applied in <duration> (1 statement); current version is 1
            <time> INFO  2_t applied in <duration> (1 statement); current version is 2
            <time> INFO  3_t applied in <duration> (1 statement); current version is 3
            <time> INFO  4_t applied in <duration> (1 statement); current version is 4
            <time> INFO  succeeded! 4 migrations applied in <duration>; none -> 4
        """, status=0)

    def test_what_is_not_asked_for_is_not_looked_into(self):
        files = {**self.FILES, "3_t.up.sql": "SELECT 'never closed"}
        self.assert_good(self.up(files, "up", "2"))
        self.assertEqual("2|f", self.version())

    def test_a_failure_counts_what_was_asked_for(self):
        files = {**self.FILES, "2_t.up.sql": "SELECT nope;"}
        self.assert_log(self.up(files, "up", "2"), """
            <time> INFO  4 of 4 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_t applied in <duration> (1 statement); current version is 1
            <time> ERROR 2_t.up.sql:1:8: column "nope" does not exist (42703)
                               1 | SELECT nope;
                                 |        ^
                               Nothing of this migration was kept: the database is at 1, clean. Mend the file and run again.
            <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry will not help
        """, status=1)


class Records(DatabaseCase):
    def test_schema_migrations_is_golang_migrates(self):
        self.assert_good(self.up(FILES))
        self.assertEqual(
            "version|bigint|NO|\ndirty|boolean|NO|",
            self.psql("SELECT column_name, data_type, is_nullable, column_default"
                      " FROM information_schema.columns WHERE table_name = 'schema_migrations'"
                      " ORDER BY ordinal_position"),
        )
        self.assertEqual(
            "schema_migrations_pkey|PRIMARY KEY (version)",
            self.psql("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                      " WHERE conrelid = 'schema_migrations'::regclass AND contype <> 'n'"),
        )

    def test_the_history_has_a_row_for_each_migration(self):
        begun = time.time()
        self.assert_good(self.up(FILES))
        version = self.run_pgstride("--version").stdout.split()[-1]
        rows = [json.loads(row) for row in self.history("row_to_json(pgstride_history)")]
        self.assertEqual(2, len(rows))
        self.assertEqual(rows[0]["run_id"], rows[1]["run_id"])
        texts = (("1_companies", COMPANIES, 2), ("2_address", ADDRESS, 1))
        for number, (row, (name, text, statements)) in enumerate(zip(rows, texts), 1):
            started, finished = row.pop("started_at"), row.pop("finished_at")
            self.assertLessEqual(started, finished)
            age = float(self.psql(f"SELECT extract(epoch FROM timestamptz '{started}')")) - begun
            self.assertTrue(-1 < age < 60, age)
            self.assertRegex(
                row.pop("run_id"), r"\A[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                   r"[0-9a-f]{12}\Z")
            runner = row.pop("runner")
            self.assertEqual({"platform", "host"}, set(runner))
            self.assertEqual("none", runner["platform"])
            self.assertEqual({
                "id": number, "migrations_table": "schema_migrations", "version": number,
                "name": name, "direction": "up",
                "checksum": hashlib.sha256(text.rstrip("\n").encode()).hexdigest(),
                "statements_total": statements, "statements_done": statements,
                "outcome": "applied", "error": None, "tool_version": version,
                "db_user": "postgres",
            }, row)

    def test_two_runs_have_two_names(self):
        self.assert_good(self.up(FILES, "up", "1"))
        self.assert_good(self.up(FILES))
        self.assertEqual(2, len(set(self.history("run_id"))))

    def test_the_history_knows_the_platforms_job(self):
        self.assert_good(self.up(FILES, env={
            "CLOUD_RUN_JOB": "migrate", "CLOUD_RUN_EXECUTION": "migrate-x1",
            "CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_ATTEMPT": "2",
            "GCE_METADATA_HOST": "127.0.0.1:1",
        }))
        runner = json.loads(self.history("runner")[0])
        runner.pop("host")
        self.assertEqual({"platform": "cloud-run", "job": "migrate", "execution": "migrate-x1",
                          "task": "0", "attempt": "2"}, runner)

    def test_our_tables_are_where_the_search_path_begins(self):
        self.psql("CREATE SCHEMA tenant")
        database = self.cluster.url(self.dbname, search_path="tenant")
        self.assert_good(self.up(FILES, database=database))
        self.assertEqual(
            "companies pgstride_history schema_migrations",
            self.psql("SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables"
                      " WHERE schemaname = 'tenant'"),
        )
        self.assertEqual("", self.tables())
        self.assert_log(self.up(FILES, database=database), """
            <time> INFO  none of 2 migrations pending on <database> at 127.0.0.1; current version is 2
            <time> INFO  succeeded! nothing to do; current version is 2
        """, status=0)

    def test_a_schema_that_is_not_there(self):
        result = self.up(FILES, database=self.cluster.url(self.dbname, search_path="nowhere"))
        self.assert_log(result, """
            <time> ERROR cannot prepare the session: no schema of the search_path exists, or may be used
                               hint: Create it first (CREATE SCHEMA), or let its owner say: GRANT USAGE, CREATE ON SCHEMA nowhere TO postgres; or name another with search_path= in the URL.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)


class Bulk(DatabaseCase):
    def test_a_file_of_ten_thousand_statements(self):
        lines = ["CREATE TABLE many (n int PRIMARY KEY, word text);"]
        lines += [f"INSERT INTO many VALUES ({n}, 'it''s; {n}');" for n in range(9999)]
        self.assert_log(self.up({"1_many.up.sql": "\n".join(lines)}), """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> INFO  1_many applied in <duration> (10000 statements); current version is 1
            <time> INFO  succeeded! 1 migration applied in <duration>; none -> 1
        """, status=0)
        self.assertEqual("9999|49985001|9999", self.psql(
            "SELECT count(*), sum(n), count(*) FILTER (WHERE word = 'it''s; ' || n) FROM many"))

    def test_an_error_in_the_ten_thousandth_statement(self):
        lines = [f"SELECT {n};" for n in range(9999)] + ["SELECT nope;"]
        self.assert_log(self.up({"1_many.up.sql": "\n".join(lines)}), """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> ERROR 1_many.up.sql:10000:8: column "nope" does not exist (42703)
                               10000 | SELECT nope;
                                     |        ^
                               Nothing of this migration was kept: the database is at no version, clean. Mend the file and run again.
            <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry will not help
        """, status=1)

    def test_three_hundred_migrations(self):
        files = {}
        for n in range(1, 301):
            files[f"{n}_t.up.sql"] = (
                f"CREATE TABLE t{n} (id bigint PRIMARY KEY, a text); CREATE INDEX ON t{n} (a);"
                if n % 2 else f"ALTER TABLE t{n - 1} ADD COLUMN b int;"
            )
        result = self.up(files)
        self.assert_good(result)
        log = self.normalise(SCHEMA_LINE.sub("", result.stdout)).splitlines()
        expected = ["<time> INFO  300 of 300 migrations pending on <database> at 127.0.0.1:"
                    " none -> 300"]
        expected += [
            f"<time> INFO  {n}_t applied in <duration> "
            f"({'2 statements' if n % 2 else '1 statement'}); current version is {n}"
            for n in range(1, 301)
        ]
        expected.append("<time> INFO  succeeded! 300 migrations applied in <duration>; none -> 300")
        self.assertEqual(expected, log)
        self.assertEqual([f"{n}|applied" for n in range(1, 301)], self.history("version, outcome"))
        self.assertEqual("150|150", self.psql(
            "SELECT count(*) FILTER (WHERE attname = 'a'), count(*) FILTER (WHERE attname = 'b')"
            " FROM pg_attribute WHERE attrelid::regclass::text ~ '^t[0-9]+$'"))

    def test_a_failure_among_three_hundred_keeps_what_came_before(self):
        files = {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();" for n in range(1, 301)}
        files["200_t.up.sql"] = "CREATE TABLE t200 (); SELECT 1 / 0;"
        result = self.up(files)
        self.assertEqual(1, result.status)
        self.assertEqual("199|f", self.version())
        self.assertEqual("199", self.psql(
            "SELECT count(*) FROM pg_tables WHERE tablename ~ '^t[0-9]+$'"))
        self.assertEqual(199, result.stdout.count(" applied in ") - 1)
        self.assertTrue(self.normalise(result.stdout).endswith(
            "<time> ERROR failed: 199 of 300 applied in <duration>; none -> 199 (wanted 300);"
            " a retry will not help\n"), result.stdout[-400:])
        self.assert_good(self.up({**files, "200_t.up.sql": "CREATE TABLE t200 ();"}))
        self.assertEqual("300|f", self.version())

    def test_files_beyond_the_memory_kept_are_read_again(self):
        files = {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();\n--" + "-" * (3 << 20)
                 for n in range(1, 4)}
        self.assert_good(self.up(files))
        self.assertEqual("t1 t2 t3", self.tables())

    def test_a_file_that_changes_under_way_is_not_run(self):
        folder = self.folder({
            "1_slow.up.sql": "-- pgstride: no-transaction\nSELECT pg_sleep(1.5);",
            "2_large.up.sql": "CREATE TABLE large ();\n--" + "-" * (5 << 20),
        })
        process = self.start_up(folder)
        self.wait_for_statement("pg_sleep(1.5)")
        with open(f"{folder}/2_large.up.sql", "a", encoding="ascii") as file:
            file.write("\nCREATE TABLE other ();\n")
        self.assert_log(self.finish(process), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_slow applied in <duration> (1 statement); current version is 1
            <time> ERROR 2_large.up.sql changed while the run was under way
                               hint: Run again when the folder is at rest.
                               Nothing of this migration was kept: the database is at 1, clean.
            <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry will not help
        """, status=1)
        self.assertEqual("", self.tables())


class Verbose(DatabaseCase):
    def test_verbose_says_when_a_migration_starts(self):
        log = self.normalise(self.up(FILES, "--verbose").stdout)
        self.assertIn("<time> DEBUG 1_companies started (2 statements)\n", log)
        self.assertIn("<time> DEBUG 2_address started (1 statement)\n", log)
        quiet = re.sub(r"^<time> DEBUG .*\n", "", log, flags=re.M)
        self.assertEqual(5, quiet.count("\n"), log)
        self.assertIn("<time> INFO  schema changed; tables: +companies\n", log)
