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
import re
import time
import typing

from database.case import DatabaseCase
from support.proxy import FaultProxy, TlsFaultProxy

PATIENCE_MS = 1000  # of TCP; ours is some of that

# Each step leaves a trace of how often it ran.
FILES = {
    "1_a.up.sql": "CREATE TABLE a ();\nINSERT INTO trace VALUES (1);\n",
    "2_b.up.sql": "BEGIN;\nCREATE TABLE b (n int);\nINSERT INTO trace VALUES (2);\nCOMMIT;\n",
    "3_c.up.sql": "COPY trace FROM stdin;\n3\n\\.\n",
    "4_d.up.sql": "CREATE INDEX CONCURRENTLY b_n ON b (n);\n",
    "5_e.up.sql": "INSERT INTO trace VALUES (5);\n",
    "1_a.down.sql": "BEGIN;\nDROP TABLE a;\nINSERT INTO trace VALUES (-1);\nCOMMIT;\n",
    "2_b.down.sql": "DROP TABLE b;\nINSERT INTO trace VALUES (-2);\n",
    "3_c.down.sql": "COPY trace FROM stdin;\n-3\n\\.\n",
    "4_d.down.sql": "DROP INDEX CONCURRENTLY b_n;\n",
    "5_e.down.sql": "INSERT INTO trace VALUES (-5);\n",
}
VERSIONS = (5, 4, 3, 2, 1, None)


class Mode(typing.NamedTuple):
    """A command, and the versions from where it begins to where it ends."""

    words: tuple
    versions: tuple
    files: dict = FILES

    @property
    def is_down(self):
        return self.versions[0] is not None


MODES = {
    "up": Mode(("up",), VERSIONS[::-1]),
    "down": Mode(("down", "--all"), VERSIONS),
    "goto": Mode(("goto", "2"), VERSIONS[:4]),
    "atomic": Mode(("--atomic", "up"), (None, 1, 2, 3, 5),
                   {name: text for name, text in FILES.items() if "4_d" not in name}),
}
CUTS = list(itertools.product(("cut", "reset", "half-reset"), (False, True)))
NOTICED = re.compile(
    r"the server has said nothing for \d+ s, and no new connection can be made: "
    r"|the server's process \d+ and we have waited for each other for \d+ s: "
    r"|the server's process \d+, whose answer we waited for, is gone, and \d+ s long nothing said so: "
    r"|the server did not answer within \d+ s"
    r"|could not receive data from server: Connection timed out")
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

    def prepare(self, mode, folder, schema):
        self.psql(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.trace (step int)")
        if mode.is_down:
            self.assert_good(self.up(folder, database=self.url(schema)))

    def run_mode(self, mode, folder, schema, *options, port=None):
        return self.pgstride(folder, *options, *mode.words, database=self.url(schema, port))

    def count_messages(self, name, folder):
        """How many each side says in a whole run."""
        mode, schema = MODES[name], f"whole_{name}"
        self.prepare(mode, folder, schema)
        proxy = self.proxy(self.cluster.port)
        self.assert_good(self.run_mode(mode, folder, schema, port=proxy.port))
        proxy.stop()
        return proxy.seen

    def reached(self, mode, schema):
        """(version, is it dirty)"""
        if not self.psql(f"SELECT to_regclass('{schema}.schema_migrations')"):
            return None, False
        version, _, dirty = self.psql(
            f"SELECT version, dirty FROM {schema}.schema_migrations").partition("|")
        return int(version) if version not in ("", "-1") else None, dirty == "t"

    def wrong_report(self, mode, result, before, reached):
        """Does the log say what was done, and the summary count it? What is wrong, or None."""
        done = "reverted" if mode.is_down else "applied"
        told = re.findall(rf" INFO  (\d)_\w {done} in .*; current version is (\w+)$",
                          result.stdout, re.M)
        way = [str(version or "none") for version in mode.versions]
        start = mode.versions.index(before[0]) - (1 if before[1] else 0)
        if [at for _, at in told] != way[start + 1:start + 1 + len(told)]:
            return "not each step once"
        summary = result.stdout.splitlines()[-1]
        if result.status == 0:
            count = len(way) - 1 - start
            if len(told) != count:
                return f"{len(told)} of {count} told"
            plural = "s" if count > 1 else ""
            wanted = f"succeeded! {count} migration{plural} {done} in " if count else \
                f"succeeded! nothing to do; current version is {way[-1]}"
            return None if wanted in summary else "the summary"
        found = re.search(rf" failed: (\d) of \d {done} in .*; \w+ -> (\w+) \(wanted {way[-1]}\)",
                          summary)
        if found is None:
            is_untouched = " failed: nothing was " in summary  # it knows no direction yet
            return None if is_untouched and reached == before else "the summary of nothing"
        if int(found[1]) != len(told) or found[2] != way[start + len(told)]:
            return "the summary's count"
        at = mode.versions.index(reached[0]) - (1 if reached[1] else 0)
        if at < start + len(told):
            return "it told more than it did"
        if at > start + len(told) and "the next run finds out which" not in result.stdout:
            return "it told less than it did"
        return None

    @staticmethod
    def wrong_stall(result):
        """Where it connected again, does it say how the stall was noticed? What is wrong, or None."""
        for line in result.stdout.splitlines():
            if " WARN  connecting again: " in line and not NOTICED.search(line):
                return "the stall is not explained"
        return None

    def break_at(self, name, folder, side, number, fault, is_final):
        """A run that is broken there, and one that finishes: what is wrong, or None."""
        mode, schema = MODES[name], f"s_{name}_{side}_{number}_{fault}".replace("-", "_")
        self.prepare(mode, folder, schema)
        before = self.reached(mode, schema)
        proxy = self.proxy(self.cluster.port, side, number, fault, is_final)
        try:
            broken = self.run_mode(mode, folder, schema, "--wait-timeout",
                                   "0" if is_final else "20s", port=proxy.port)
        finally:
            proxy.stop()
        reached = self.reached(mode, schema)
        if broken.status == 0 and reached != (mode.versions[-1], False):
            return f"status 0 at {reached}:\n{broken.stdout}"
        if broken.status != 0 and not is_final:
            return f"it did not connect again:\n{broken.stdout}"
        if broken.status != 0 and "; a retry may help" not in broken.stdout:
            return f"a retry does help:\n{broken.stdout}"
        wrong = self.wrong_report(mode, broken, before, reached)
        if wrong is None and (fault, False) in STALLS:
            wrong = self.wrong_stall(broken)
        if wrong is not None:
            return f"{wrong}, at {reached}:\n{broken.stdout}"
        whole = self.run_mode(mode, folder, schema)
        wrong = self.wrong_report(mode, whole, reached, None)
        if whole.status != 0 or wrong is not None:
            return f"then {wrong or 'not finished'}:\n{broken.stdout}\n{whole.stdout}"
        state = self.psql(f"""
            SELECT (SELECT string_agg(step::text, ' ' ORDER BY step) FROM {schema}.trace),
                   (SELECT string_agg(CASE direction WHEN 'down' THEN -version ELSE version END
                               ::text, ' ' ORDER BY direction = 'up', version)
                      FROM {schema}.pgstride_history WHERE outcome = 'applied'),
                   (SELECT indisvalid FROM pg_index
                     WHERE indexrelid = to_regclass('{schema}.b_n'))""")
        if state != self.wanted_state(mode):
            return f"then {state}:\n{broken.stdout}\n{whole.stdout}"
        return None

    @staticmethod
    def wanted_state(mode):
        """The traces, the history without its order, and the index."""
        if not mode.is_down:
            steps = mode.versions[1:]
            traces = [step for step in steps if step != 4]
            return (" ".join(map(str, traces)) + "|" + " ".join(map(str, steps))
                    + ("|t" if 4 in steps else "|"))
        steps = [version for version in mode.versions[:-1]]
        traces = sorted([-step for step in steps if step != 4] + [1, 2, 3, 5])
        return (" ".join(map(str, traces)) + "|"
                + " ".join(map(str, [-step for step in sorted(steps)] + [1, 2, 3, 4, 5])) + "|")

    def break_everywhere(self, faults, workers, least):
        tasks = []
        for name, mode in MODES.items():
            folder = self.folder(mode.files)
            for side, seen in self.count_messages(name, folder).items():
                self.assertGreater(seen, least, name)
                tasks += [(name, folder, side, number) for number in range(1, seen + 1)]
        seed = int(os.environ.get("PGSTRIDE_SEED") or time.time())
        random.Random(seed).shuffle(tasks)
        until = time.monotonic() + (math.inf if os.environ.get("PGSTRIDE_FAULTS") else self.suite_s)
        wrong, tried = [], 0

        def check(index):
            if time.monotonic() > until:
                return None
            return self.break_at(*tasks[index], *faults[index % len(faults)]) or "right"

        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for index, result in enumerate(pool.map(check, range(len(tasks)))):
                tried += result is not None
                if result not in (None, "right"):
                    wrong.append(f"{tasks[index]} {faults[index % len(faults)]}: {result}")
                    print(wrong[-1], flush=True)  # all of them take long
        print(f"{tried} of {len(tasks)} boundaries tried, seed {seed}")
        self.assertEqual([], wrong[:3], f"{len(wrong)} wrong")
        self.assertGreater(tried, 5)


class EveryMessage(Boundaries):
    def test_in_the_greeting_it_connects_again(self):
        folder = self.folder(FILES)
        for number in range(20, 40, 4):
            with self.subTest(number):
                self.assertIsNone(self.break_at("up", folder, "server", number, "cut", False))

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
                self.assertIsNone(self.break_at("up", folder, side, number, "cut", False))

    def test_the_connection_breaks_behind_any_record(self):
        self.break_everywhere(CUTS, 2, 40)
