# SPDX-License-Identifier: Apache-2.0
"""Each allocation of a run fails in turn: the run ends by itself, and the next one finishes.

In the suite as many as SUITE_S allows, spread over the run; PGSTRIDE_ALLOCATIONS=all
fails every one.
"""

import os
import random
import subprocess
import time

from database.case import DatabaseCase
from support.harness import ROOT

SUITE_S = 25
DEBUG = os.path.join(ROOT, "build/debug/pgstride")
FILES = {
    "1_a.up.sql": "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\n",
    "2_b.up.sql": "BEGIN;\nCREATE TABLE b (id int);\nCOMMIT;\n",
    "3_i.up.sql": "CREATE INDEX CONCURRENTLY a_id ON a (id);\n",
    "4_c.up.sql": "CREATE TABLE c (id int);\nCOPY c FROM stdin;\n1\n2\n\\.\n",
}
FORGET = "DROP TABLE IF EXISTS a, b, c, schema_migrations, pgstride_history"
STATE = """
    SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b), (SELECT count(*) FROM c),
           (SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass),
           (SELECT version || ' ' || dirty FROM schema_migrations),
           (SELECT string_agg(version::text, ' ' ORDER BY version)
              FROM pgstride_history WHERE outcome = 'applied')
"""


class OutOfMemory(DatabaseCase):
    def setUp(self):
        super().setUp()
        # The sanitizers have an allocator of their own: this wants a build without.
        subprocess.run([os.path.join(ROOT, "scripts/compile"), "debug"], check=True,
                       stdout=subprocess.DEVNULL)
        self.place = self.folder()
        self.wrapper = os.path.join(self.place, "fail_allocation.so")
        source = os.path.join(ROOT, "tests/support/fail_allocation.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", self.wrapper, source], check=True)
        self.path = self.folder(FILES)

    def run_debug(self, **environment):
        return subprocess.run(
            [DEBUG, "--database", self.database, "--path", self.path, "up"], check=False,
            env={"PATH": os.environ["PATH"], **environment}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=60)

    def count(self):
        """The allocations of a run that has everything to do."""
        path = os.path.join(self.place, "count")
        done = self.run_debug(LD_PRELOAD=self.wrapper, COUNT_ALLOCATIONS=path)
        self.assertEqual(0, done.returncode, done.stdout)
        with open(path, encoding="ascii") as file:
            return int(file.read())

    def check(self, number):
        self.psql(FORGET)
        done = self.run_debug(LD_PRELOAD=self.wrapper, FAIL_ALLOCATION=str(number))
        said = f"allocation {number}: status {done.returncode}\n{done.stdout}"
        self.assertIn(done.returncode, (0, 1), said)
        if done.returncode == 1:
            self.assertNotEqual("", done.stdout, said)
        else:
            self.assertEqual("4 false", self.psql(
                "SELECT version || ' ' || dirty FROM schema_migrations"), said)
        after = self.run_debug()
        self.assertEqual(0, after.returncode, f"{said}\n--- the next run\n{after.stdout}")
        self.assertEqual("1|0|2|t|4 false|1 2 3 4", self.psql(STATE), said)

    def test_each_allocation_may_fail(self):
        total = self.count()
        self.assertGreater(total, 1000)
        numbers = list(range(1, total + 1))
        is_all = os.environ.get("PGSTRIDE_ALLOCATIONS") == "all"
        if not is_all:
            random.shuffle(numbers)
        until = time.monotonic() + SUITE_S
        done = 0
        for number in numbers:
            if not is_all and time.monotonic() > until:
                break
            self.check(number)
            done += 1
        print(f"{done} of {total} allocations failed in turn")
        self.assertGreaterEqual(done, 5)
