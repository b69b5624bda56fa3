# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench is made of: its migrations are good, and it says what was measured."""

import argparse
import json
import types
import unittest
import xml.etree.ElementTree

from perf import bars, contenders, corpus, measure, plot
from perf.results import Results
from support.harness import Case

SERVER = types.SimpleNamespace(version=17)
OPTIONS = argparse.Namespace(migrations=1000, data=None, rtt=[0.0, 5.0])


def sample(seconds, cpu_seconds=0.05):
    return measure.Sample(seconds, cpu_seconds, 5_000_000)


def example():
    results = Results(OPTIONS, SERVER)
    for name, near, far in ((contenders.PGSTRIDE, 1.0, 1.2), (contenders.DBMATE, 2.0, 9.6)):
        results.add(results.key(name, "tables")("apply"), sample(near), 0.5)
        results.add(results.key(name, "tables", rtt=5)("apply"), sample(far), 0.5, 6)
    return results


class Corpora(Case):
    def test_each_is_applied_and_reverted_without_a_trace(self):
        empty = self.cluster.dump(self.dbname)
        for name, make in corpus.CORPORA.items():
            with self.subTest(name):
                folder = corpus.Corpus(self.folder(), make(20)).folder()
                common = ("--database", self.database, "--path", folder)
                self.assertEqual(0, self.run_pgstride(*common, "up").status)
                self.assertNotEqual(empty, self.cluster.dump(self.dbname))
                self.assertEqual(0, self.run_pgstride(*common, "down", "--all").status)
                self.assertEqual("0", self.psql(
                    "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                    " AND relname !~ '^(pgstride_history|schema_migrations)'"))
                self.psql("DROP TABLE schema_migrations, pgstride_history")

    def test_psql_reverts_them_too(self):
        for name, make in corpus.CORPORA.items():
            with self.subTest(name):
                folder = corpus.Corpus(self.folder(), make(20)).folder("psql")
                for direction in ("up", "down"):
                    with open(f"{folder}/{direction}.sql", encoding="utf-8") as file:
                        self.psql(file.read())
                self.assertEqual("0", self.psql(
                    "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"))

    def test_a_layout_holds_the_same_sql(self):
        made = corpus.make_mix(10)
        for layout, files in corpus.LAYOUTS.items():
            with self.subTest(layout):
                text = "".join(sql for _, sql in files(made))
                for migration in made:
                    self.assertIn(migration.up, text)
                    self.assertIn(migration.down, text)

    def test_goose_is_told_where_a_function_ends(self):
        touch = corpus.make_mix(10)[5:6]
        (name, text), = corpus.goose_files(touch)
        self.assertEqual("20240101000005_touch_orders_0.sql", name)
        self.assertTrue(text.startswith("-- +goose Up\n-- +goose StatementBegin\nALTER TABLE"))


class Words(unittest.TestCase):
    maxDiff = None

    def test_the_verdict_says_what_is_reached_missed_and_not_measured(self):
        lines = bars.verdict(example()).split("\n")
        self.assertEqual([
            "not measured  1000 migrations, no added delay: of psql -1 (≤ 0.65 ×)",
            "not measured  1000 migrations, no added delay: of golang-migrate (≤ 0.3 ×)",
            "reached       1000 migrations, no added delay: of dbmate: 0.5 × (≤ 0.55 ×)",
            "NOT REACHED   1000 migrations at +5 ms: of its own time without: 1.2 × (≤ 1.15 ×)",
            "NOT REACHED   1000 migrations at +5 ms: faster than dbmate: 8 × (≥ 9 ×)",
        ], lines[:5])
        self.assertEqual(
            "reached       1000 migrations, no added delay: client's CPU: 50 ms (≤ 80 ms)", lines[-2]
        )

    def test_a_table_has_each_contender_with_its_ratio(self):
        text = example().tables(markdown=True)
        self.assertIn("### All migrations, an empty database (tables; no TLS, +5 ms)", text)
        self.assertIn("| dbmate | 9600 ms | 8.00 | 6 | 50.0 ms | 500 ms | 5.0 MB | 1 |", text)

    def test_the_json_has_every_run(self):
        results = example()
        results.add(results.key(contenders.PGSTRIDE, "tables")("apply"), sample(3.0), 0.5)
        first = json.loads(results.json())["results"][0]
        self.assertEqual([1.0, 3.0], first["seconds"])
        self.assertEqual(2.0, first["median"]["seconds"])

    def test_the_plot_has_a_line_for_each_contender(self):
        drawing = plot.draw(example())
        tree = xml.etree.ElementTree.fromstring(drawing)
        lines = tree.findall("{http://www.w3.org/2000/svg}polyline")
        self.assertEqual(2, len(lines))
        self.assertIn("dbmate<tspan class=\"small\" dx=\"6\">9.6 s</tspan>", drawing)

    def test_one_round_trip_time_makes_no_plot(self):
        results = example()
        results.options = argparse.Namespace(**{**vars(OPTIONS), "rtt": [0.0]})
        self.assertIsNone(plot.draw(results))
