# SPDX-License-Identifier: Apache-2.0
"""The runners count what really ran, and the log's placeholders are what they should be."""

import os
import subprocess
import sys
import tempfile
import unittest

from support import harness, run_unit

HERE = os.path.dirname(os.path.abspath(__file__))

HEAD = "import unittest\n\n\nclass Some(unittest.TestCase):\n"
PASS = "    def test_good(self):\n        pass\n"


class SuiteRunner(unittest.TestCase):
    def run_folder(self, files):
        """(status, last line, counts file) of a run over these files."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(content)
            counts = os.path.join(folder, "counts")
            done = subprocess.run(
                [sys.executable, f"{HERE}/run_suite.py", folder, "--counts", counts],
                stdout=subprocess.PIPE, check=False, text=True,
            )
            with open(counts, encoding="ascii") as file:
                return done.returncode, done.stdout.splitlines()[-1], file.read()

    def test_counts_come_from_what_ran(self):
        bad = "    def test_bad(self):\n        self.fail()\n"
        skip = "    @unittest.skip('later')\n    def test_skipped(self):\n        pass\n"
        subtests = (
            "    def test_subtests(self):\n        for i in range(3):\n"
            "            with self.subTest(i):\n                self.assertEqual(i, 0)\n"
        )
        set_up = "    @classmethod\n    def setUpClass(cls):\n        raise OSError\n"
        table = (
            ("a test that passes", {"test_a.py": HEAD + PASS}, 0, 1, 0),
            ("a failure", {"test_a.py": HEAD + PASS + bad}, 1, 1, 1),
            ("a skipped test", {"test_a.py": HEAD + PASS + skip}, 1, 1, 1),
            ("two subtests of one test", {"test_a.py": HEAD + subtests}, 1, 0, 1),
            ("a class that cannot be set up", {"test_a.py": HEAD + set_up + PASS}, 1, 0, 1),
            ("a broken file", {"test_a.py": "import nothing_like_it", "test_b.py": HEAD + PASS}, 1, 1, 1),
            ("no tests", {}, 1, 0, 1),
        )
        for name, files, status, passed, failed in table:
            with self.subTest(name):
                self.assertEqual(
                    (status, f"{passed} passed, {failed} failed", f"{passed} {failed}\n"),
                    self.run_folder(files),
                )


class UnitRunner(unittest.TestCase):
    def test_counts_come_from_tap(self):
        table = (
            ("all pass", 0, "1..2\nok 1 - a\nok 2 - b\n", (2, 0)),
            ("one fails", 1, "1..2\nok 1 - a\nnot ok 2 - b\n# why\n", (1, 1)),
            ("a skipped test", 0, "1..2\nok 1 - a\nok 2 - b # SKIP\n", (1, 1)),
            ("a crash in the middle", -11, "1..3\nok 1 - a\n", (1, 2)),
            ("a leak at the end", 99, "1..1\nok 1 - a\n==1==ERROR: LeakSanitizer\n", (1, 1)),
            ("nothing ran", 0, "", (0, 1)),
            ("never ended", None, "1..1\nok 1 - a\n", (1, 1)),
        )
        for name, status, output, expected in table:
            with self.subTest(name):
                self.assertEqual(expected, run_unit.count(status, output))


class Placeholders(unittest.TestCase):
    def test_what_differs_between_two_runs_is_replaced(self):
        table = (
            ("14:02:11.083 INFO  2 of 14 pending", "<time> INFO  2 of 14 pending"),
            ("applied in 16 ms (2 statements)", "applied in <duration> (2 statements)"),
            ("try 2 in 1.3 s (4 min 51 s left)", "try 2 in <duration> (<duration> left)"),
            ("pid 4711 (web, app_user)", "pid <pid> (web, app_user)"),
            ('{"duration_ms":107,"pid":12}', '{"duration_ms":<duration>,"pid":<pid>}'),
            ('"time":"2025-01-02T03:04:05.678Z"', '"time":"<time>"'),
            ("at 127.0.0.1:45071, port 45071", "at 127.0.0.1:<port>, port <port>"),
            ("version is 20230330050530", "version is 20230330050530"),
            ("0001_a.up.sql:4:3: 2 minutes", "0001_a.up.sql:4:3: 2 minutes"),
        )
        for text, expected in table:
            with self.subTest(text):
                self.assertEqual(expected, harness.normalise(text))
