#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/ZERO-DOWNTIME.md shows what rehearse prints; with --write it is written there anew."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.harness import ROOT, Case  # noqa: E402

PAGE = os.path.join(ROOT, "docs/ZERO-DOWNTIME.md")
EXAMPLE = re.compile(r"^```sql\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?", re.M | re.S)
FILE = re.compile(r"^-- (\d+_\w+\.up\.sql)\n", re.M)
ROWS = """
INSERT INTO customers SELECT n, n FROM generate_series(1, 100000) AS n;
INSERT INTO orders SELECT n, n, 'new', n, now() FROM generate_series(1, 100000) AS n;
ANALYZE;
"""
SIZE = re.compile(r"\b\d+(?:\.\d+)? (?:bytes|kB|MB|GB)\b")


def read_page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def files_of(block):
    """{name: content} of a block; a line of its own names each file."""
    parts = FILE.split(block)
    return dict(zip(parts[1::2], parts[2::2]))


class ZeroDowntimePage(Case):
    def outputs(self):
        """(what the page shows, what rehearse prints) of each example."""
        schema, *examples = EXAMPLE.findall(read_page())
        schema = files_of(schema[0])
        done = self.run_pgstride(
            "--database", self.database, "--path", self.folder(schema), "up")
        self.assertEqual(0, done.status, done.stdout)
        self.psql(ROWS)
        for block, shown in examples:
            folder = self.folder({**schema, **files_of(block)})
            done = self.run_pgstride(
                "--database", self.database, "--path", folder, "rehearse")
            self.assertEqual((0, ""), (done.status, done.stderr), block)
            yield shown, done.stdout.replace(self.dbname, "company")

    def test_it_shows_what_is_printed(self):
        count = 0
        for shown, printed in self.outputs():
            count += 1
            self.assertMultiLineEqual(SIZE.sub("<size>", shown), SIZE.sub("<size>", printed))
        self.assertGreater(count, 15)

    def test_the_safe_way_is_safe(self):
        """Of two examples in a section the second blocks nobody for long."""
        for section in read_page().split("\n## ")[1:]:
            blocks = EXAMPLE.findall(section)
            if len(blocks) < 2:
                continue
            with self.subTest(section.split("\n")[0]):
                self.assertNotRegex(blocks[1][1], "= (?:blocks|breaks)")
                self.assertRegex(blocks[0][1], "= (?:blocks|breaks)")


def write_page():
    """Put what rehearse prints into the page."""
    case = ZeroDowntimePage("outputs")
    case.setUp()
    try:
        printed = iter([printed for _, printed in case.outputs()])
    finally:
        case.doCleanups()
    first = EXAMPLE.search(read_page()).end()
    page = read_page()
    rest = EXAMPLE.sub(
        lambda found: f"```sql\n{found.group(1)}```\n\n```\n{next(printed)}```\n", page[first:]
    )
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page[:first] + rest)


if __name__ == "__main__":
    if "--write" in sys.argv:
        write_page()
    else:
        unittest.main()
