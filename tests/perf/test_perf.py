# SPDX-License-Identifier: Apache-2.0
"""Time, memory and round trips, side by side with psql where it can do the same.

These bars hold on a busy machine too, so that a red one means a slip and not a
neighbour: they are wider than the goals. What is reached is printed; claims of
speed come from scripts/bench, on a quiet machine.
"""

import statistics

from perf import contenders, corpus, measure, wire
from support.cluster import TRUST_WITHOUT_TLS, Cluster
from support.harness import Case, binary

MIGRATIONS = 1000
LARGE_BYTES = 50_000_000
MEGABYTE = 1_000_000


class PerfCase(Case):
    """pgstride and psql, over TCP without TLS or password."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Cluster.start(access=TRUST_WITHOUT_TLS)
        cls.pgstride = contenders.own(binary())
        cls.psql_one = contenders.psql(f"{cls.server.bin}/psql")[0]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        super().tearDownClass()

    @property
    def cluster(self):
        return self.server

    def make(self, migrations):
        return corpus.Corpus(self.folder(), migrations)

    def commands(self, what, contender, made, dbname=None, port=None):
        target = contenders.Target(
            port or self.cluster.port, dbname or self.dbname, self.cluster.superuser
        )
        return contender.commands(what, target.url, made.folder(contender.layout))

    def adopted(self):
        """A corpus of which the test's database has all, without having run it."""
        made = self.make(corpus.make_small(MIGRATIONS))
        up, = self.commands("up", self.pgstride, made)
        measure.run([*up[:-1], "baseline", str(made.migrations[-1].version)])
        return made, up

    def median_apply(self, made, rounds, **ports):
        """{name: median seconds} of applying all to new databases, in turns, for each port."""
        seconds = {name: [] for name in ports}
        for _ in range(rounds):
            for name, (contender, port) in ports.items():
                dbname = self.cluster.create_database()
                self.cluster.psql(dbname, "CHECKPOINT")  # none of it shall be the one after's
                taken = measure.run_all(self.commands("up", contender, made, dbname, port))
                seconds[name].append(taken.seconds)
                self.cluster.drop_database(dbname)
        return {name: statistics.median(taken) for name, taken in seconds.items()}


class Speed(PerfCase):
    def test_a_thousand_migrations_stay_near_one_transaction_of_psql(self):
        """Each migration is a commit of its own, and recorded."""
        medians = self.median_apply(
            self.make(corpus.make_tables(MIGRATIONS)), 5,
            pgstride=(self.pgstride, None), psql=(self.psql_one, None),
        )
        ratio = medians["pgstride"] / medians["psql"]
        print(f"{MIGRATIONS} migrations: pgstride {medians['pgstride']:.3f} s, "
              f"psql -1 {medians['psql']:.3f} s, ratio {ratio:.2f}")
        self.assertLessEqual(ratio, 1.4)

    def test_a_long_way_to_the_server_costs_little(self):
        """1,000 migrations at 5 ms: waiting for each would take 5 seconds more, at the least.

        Not as a ratio: a disk takes more or less of the rest from one run to the next."""
        with wire.Wire(self.cluster.port, 5) as far:
            medians = self.median_apply(
                self.make(corpus.make_tables(MIGRATIONS)), 3,
                near=(self.pgstride, None), far=(self.pgstride, far.port),
            )
        more = medians["far"] - medians["near"]
        print(f"{MIGRATIONS} migrations: {medians['near']:.3f} s, "
              f"at +5 ms {medians['far']:.3f} s, {more:.3f} s more")
        self.assertLess(more, 2)

    def test_nothing_pending_takes_little_more_than_to_connect(self):
        made, up = self.adopted()
        taken_ms = measure.median_of(up, 9).seconds * 1000
        connect, = self.commands("nothing", self.psql_one, made)
        connect_ms = measure.median_of(connect, 9).seconds * 1000
        print(f"nothing pending, {MIGRATIONS} files: {taken_ms:.1f} ms; "
              f"psql -c 'SELECT 1': {connect_ms:.1f} ms")
        self.assertLess(taken_ms, connect_ms + 30)

    def test_version_is_answered_within_milliseconds(self):
        taken_ms = measure.median_of([binary(), "--version"], 9).seconds * 1000
        print(f"--version: {taken_ms:.1f} ms")
        self.assertLessEqual(taken_ms, 15)


class RoundTrips(PerfCase):
    """Counted on the wire, so that a busy machine changes nothing."""

    def count(self, what, made, wire_to_server):
        wire_to_server.report()
        measure.run_all(self.commands(what, self.pgstride, made, port=wire_to_server.port))
        return wire_to_server.report()["round_trips"]

    def test_nothing_pending_is_the_login_and_one_question(self):
        made, _ = self.adopted()
        with wire.Wire(self.cluster.port, 20) as far:
            self.assertEqual(2, self.count("up", made, far))

    def test_many_migrations_wait_no_oftener_than_few(self):
        """They start one by one, and then all is sent ahead."""
        few = self.make(corpus.make_tables(10))
        many = self.make(corpus.make_tables(100))
        with wire.Wire(self.cluster.port, 100) as far:
            trips = [self.count("up", few, far)]
            self._dbname = None
            trips.append(self.count("up", many, far))
        print(f"round trips: {trips[0]} for 10 migrations, {trips[1]} for 100")
        self.assertLessEqual(max(trips), 8)


class Memory(PerfCase):
    def test_a_thousand_migrations_need_less_than_16_mb(self):
        made = self.make(corpus.make_tables(MIGRATIONS))
        peak = measure.run_all(self.commands("up", self.pgstride, made)).peak_bytes
        print(f"{MIGRATIONS} migrations: peak {peak / MEGABYTE:.1f} MB")
        self.assertLess(peak, 16 * MEGABYTE)

    def test_a_file_of_50_mb_needs_at_most_four_times_its_size(self):
        made = self.make(corpus.make_large(LARGE_BYTES))
        peak = measure.run_all(self.commands("up", self.pgstride, made)).peak_bytes
        print(f"one file of {LARGE_BYTES / MEGABYTE:.0f} MB: peak {peak / MEGABYTE:.1f} MB")
        self.assertLessEqual(peak, 4 * LARGE_BYTES)
