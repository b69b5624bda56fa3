# SPDX-License-Identifier: Apache-2.0
"""A run of forty migrations is killed at a moment of chance, or its session, or the server: where
it lives, it goes on; the next one finishes the job.

In the suite as many kills as SUITE_S allows; PGSTRIDE_KILLS=500 makes so many.
"""

import contextlib
import os
import random
import signal
import time

from database.case import DatabaseCase
from support.cluster import Cluster

SUITE_S = 25
STEPS = 40
SLOWER_S = 10  # than a whole run, at most: the lock of a killed one is free within seconds


def step(number):
    """Each transaction leaves a trace of how often it ran."""
    if number % 10 == 5:
        return f"CREATE INDEX CONCURRENTLY i{number} ON t{number - 1} (a);\n"
    return f"CREATE TABLE t{number} (a int);\nINSERT INTO trace VALUES ({number});\n"


class Kills(DatabaseCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Cluster.start(fsync="off")  # the machine lives on
        cls.addClassCleanup(cls.server.stop)

    @property
    def cluster(self):
        return self.server

    def kill(self, kind, process):
        if kind == "client":
            process.kill()
        elif kind == "crash":
            pids = self.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgstride'")
            for pid in pids.split():
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.kill(int(pid), signal.SIGKILL)
        elif kind == "backend":
            self.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                      " WHERE application_name = 'pgstride'")
        else:
            if kind == "both":
                process.kill()
            self.server.stop_immediate()
            self.server.start_again()

    def check(self, kind, moment_s, folder, name):
        self.psql(f"CREATE SCHEMA {name}; CREATE TABLE {name}.trace (n int)")
        url = self.cluster.url(self.dbname, search_path=name)
        process = self.start_up(folder, database=url)
        time.sleep(moment_s)
        self.kill(kind, process)
        killed = self.finish(process)
        if kind in ("backend", "crash", "server"):
            self.assert_good(killed)  # it connects again
            self.assertIn(f"succeeded! {STEPS} migrations applied in ", killed.stdout)
        begun = time.monotonic()
        result = self.up(folder, "--lock-timeout", "20s", database=url)
        took_s = time.monotonic() - begun
        self.assertEqual(0, result.status, f"{killed.stdout}\nthen:\n{result.stdout}")
        numbers = range(1, STEPS + 1)
        self.assertEqual(
            " ".join(str(n) for n in numbers if n % 10 != 5),
            self.psql(f"SELECT string_agg(n::text, ' ' ORDER BY n) FROM {name}.trace"))
        self.assertEqual(
            " ".join(map(str, numbers)),
            self.psql("SELECT string_agg(version::text, ' ' ORDER BY version)"
                      f" FROM {name}.pgstride_history WHERE outcome = 'applied'"))
        self.assertEqual(f"{STEPS}|f|4", self.psql(
            f"SELECT version, dirty, (SELECT count(*) FROM pg_index JOIN pg_class AS c"
            f" ON c.oid = indexrelid WHERE indisvalid AND relname LIKE 'i%5'"
            f" AND relnamespace = '{name}'::regnamespace) FROM {name}.schema_migrations"))
        self.psql(f"SET client_min_messages = error; DROP SCHEMA {name} CASCADE")
        return took_s

    def test_a_run_that_is_killed_at_any_moment_is_finished_by_the_next(self):
        folder = self.folder({f"{n}_t.up.sql": step(n) for n in range(1, STEPS + 1)})
        self.psql("CREATE SCHEMA whole; CREATE TABLE whole.trace (n int)")
        begun = time.monotonic()
        self.assert_good(self.up(folder, database=self.cluster.url(
            self.dbname, search_path="whole")))
        whole_s = time.monotonic() - begun
        seed = int(os.environ.get("PGSTRIDE_SEED") or time.time())
        chance = random.Random(seed)
        wanted = int(os.environ.get("PGSTRIDE_KILLS") or 0)
        until = time.monotonic() + SUITE_S
        done, slowest_s = 0, 0
        while done < wanted or (wanted == 0 and time.monotonic() < until):
            kind = chance.choice(("client", "backend", "crash") * 2 + ("server", "both"))
            moment_s = chance.uniform(0, whole_s)
            with self.subTest(seed=seed, number=done, kind=kind, moment_s=moment_s):
                took_s = self.check(kind, moment_s, folder, f"s{done}")
                self.assertLess(took_s, whole_s + SLOWER_S)
                slowest_s = max(slowest_s, took_s)
            done += 1
        print(f"{done} kills, seed {seed}, slowest next run {slowest_s:.1f} s of {whole_s:.1f} s")
        self.assertGreater(done, 2)
