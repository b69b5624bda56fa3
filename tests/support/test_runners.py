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
    def run_folder(self, files, *options):
        """(status, last line, counts file) of a run over these files."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(content)
            counts = os.path.join(folder, "counts")
            done = subprocess.run(
                [sys.executable, f"{HERE}/run_suite.py", folder, "--counts", counts, *options],
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

    def test_several_processes_count_together(self):
        bad = "    def test_bad(self):\n        self.fail()\n"
        files = {"test_a.py": HEAD + PASS, "test_b.py": HEAD + PASS + bad, "test_c.py": HEAD + PASS}
        self.assertEqual((1, "3 passed, 1 failed", "3 1\n"), self.run_folder(files, "--jobs", "2"))

    def test_a_process_that_ends_without_a_word_has_failed(self):
        end = "    def test_end(self):\n        import os; os._exit(0)\n"
        self.assertEqual((1, "0 passed, 2 failed", "0 2\n"), self.run_folder(
            {"test_a.py": HEAD + end, "test_b.py": HEAD + end}, "--jobs", "2"))

    def test_sigterm_ends_it_in_a_test(self):
        wait = "    def test_wait(self):\n        print(1, flush=True); import time; time.sleep(60)\n"
        for options in ((), ("--jobs", "2")):
            with self.subTest(options), tempfile.TemporaryDirectory() as folder:
                for name in ("test_a.py", "test_b.py", "test_c.py"):
                    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                        file.write(HEAD + wait)
                process = subprocess.Popen(
                    [sys.executable, f"{HERE}/run_suite.py", folder, *options],
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                self.assertEqual("1", process.stdout.read(1))
                process.terminate()
                process.communicate(timeout=30)
                self.assertNotEqual(0, process.returncode)


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
