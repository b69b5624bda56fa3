# SPDX-License-Identifier: Apache-2.0
"""The way to the server breaks, or falls silent, between any two messages: the next run finishes
the job. With TLS on, so between any two of its records.

In the suite as many boundaries as `suite_s` allows, in an order of chance; PGSTRIDE_FAULTS=all
tries every one.
"""

import concurrent.futures
import itertools
import math
import os
import random
import time

from database.case import DatabaseCase
from support.proxy import FaultProxy, TlsFaultProxy

PATIENCE_MS = 1000  # of TCP; ours is some of that

# Each step leaves a trace of how often it ran.
FILES = {
    "1_a.up.sql": "CREATE TABLE trace (step int);\nINSERT INTO trace VALUES (1);\n",
    "2_b.up.sql": "BEGIN;\nCREATE TABLE b (n int);\nINSERT INTO trace VALUES (2);\nCOMMIT;\n",
    "3_c.up.sql": "COPY trace FROM stdin;\n3\n\\.\n",
    "4_d.up.sql": "CREATE INDEX CONCURRENTLY b_n ON b (n);\n",
    "5_e.up.sql": "INSERT INTO trace VALUES (5);\n",
}
CUTS = list(itertools.product(("cut", "reset", "half-reset"), (False, True)))
STALLS = list(itertools.product(("stall", "half-open"), (False, True)))


class Boundaries(DatabaseCase):
    sslmode = "disable"
    proxy = FaultProxy
    suite_s = 25

    def url(self, schema, port=None):
        server = self.cluster
        place = f"127.0.0.1:{port or server.port}"
        return (f"postgres://postgres:{server.password}@{place}/{self.dbname}?sslmode="
                f"{self.sslmode}&search_path={schema}&tcp_user_timeout={PATIENCE_MS}")

    def count_messages(self, folder):
        """How many each side says in a whole run."""
        self.psql("CREATE SCHEMA whole")
        proxy = self.proxy(self.cluster.port)
        self.assert_good(self.up(folder, database=self.url("whole", proxy.port)))
        proxy.stop()
        return proxy.seen

    def break_at(self, folder, side, number, fault, is_final):
        """A run that is broken there, and one that finishes: what is wrong, or None."""
        schema = f"s_{side}_{number}_{fault}".replace("-", "_")
        self.psql(f"CREATE SCHEMA {schema}")
        proxy = self.proxy(self.cluster.port, side, number, fault, is_final)
        try:
            broken = self.up(folder, "--wait-timeout", "0" if is_final else "20s",
                             database=self.url(schema, proxy.port))
        finally:
            proxy.stop()
        table = f"{schema}.schema_migrations"
        reached = "none"
        if self.psql(f"SELECT to_regclass('{table}')"):
            reached = self.psql(f"SELECT version, dirty FROM {table}")
        if broken.status == 0 and reached != "5|f":
            return f"status 0 at {reached}:\n{broken.stdout}"
        if broken.status != 0 and not is_final:
            return f"it did not connect again:\n{broken.stdout}"
        if broken.status != 0 and "; a retry may help" not in broken.stdout:
            return f"a retry does help:\n{broken.stdout}"
        whole = self.up(folder, database=self.url(schema))
        if whole.status != 0:
            return f"then not finished:\n{broken.stdout}\n{whole.stdout}"
        state = self.psql(f"""
            SELECT (SELECT string_agg(step::text, ' ' ORDER BY step) FROM {schema}.trace),
                   (SELECT string_agg(version::text, ' ' ORDER BY version)
                      FROM {schema}.pgstride_history WHERE outcome = 'applied'),
                   (SELECT indisvalid FROM pg_index WHERE indexrelid = '{schema}.b_n'::regclass),
                   version, dirty FROM {table}""")
        if state != "1 2 3 5|1 2 3 4 5|t|5|f":
            return f"then {state}:\n{broken.stdout}\n{whole.stdout}"
        return None

    def break_everywhere(self, faults, workers, least):
        folder = self.folder(FILES)
        seen = self.count_messages(folder)
        self.assertGreater(seen["client"], least)
        self.assertGreater(seen["server"], least)
        tasks = [(side, number) for side in seen for number in range(1, seen[side] + 1)]
        seed = int(os.environ.get("PGSTRIDE_SEED") or time.time())
        random.Random(seed).shuffle(tasks)
        until = time.monotonic() + (math.inf if os.environ.get("PGSTRIDE_FAULTS") else self.suite_s)
        wrong, tried = [], 0

        def check(index):
            if time.monotonic() > until:
                return None
            return self.break_at(folder, *tasks[index], *faults[index % len(faults)]) or "right"

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for index, result in enumerate(pool.map(check, range(len(tasks)))):
                tried += result is not None
                if result not in (None, "right"):
                    wrong.append(f"{tasks[index]} {faults[index % len(faults)]}: {result}")
        print(f"{tried} of {len(tasks)} boundaries tried, seed {seed}")
        self.assertEqual([], wrong[:3], f"{len(wrong)} wrong")
        self.assertGreater(tried, 5)


class EveryMessage(Boundaries):
    def test_in_the_greeting_it_connects_again(self):
        folder = self.folder(FILES)
        for number in range(20, 40, 4):
            with self.subTest(number):
                self.assertIsNone(self.break_at(folder, "server", number, "cut", False))

    def test_the_connection_breaks_behind_any_message(self):
        self.break_everywhere(CUTS, 2, 100)

    def test_the_connection_stalls_behind_any_message(self):
        self.break_everywhere(STALLS, 8, 100)


class EveryRecord(Boundaries):
    sslmode = "require"
    proxy = TlsFaultProxy
    suite_s = 10

    def test_in_the_handshake_it_connects_again(self):
        """The certificate is within the server's second to sixth record, as its library pleases."""
        folder = self.folder(FILES)
        for side, number in [("server", number) for number in range(1, 9)] + [("client", 2)]:
            with self.subTest(side=side, number=number):
                self.assertIsNone(self.break_at(folder, side, number, "cut", False))

    def test_the_connection_breaks_behind_any_record(self):
        self.break_everywhere(CUTS, 2, 40)
