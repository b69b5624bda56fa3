# SPDX-License-Identifier: Apache-2.0
"""Time and memory, side by side with psql where it can do the same.

These bars hold on a busy machine too, so that a red one means a slip and not a
neighbour: they are wider than the goals. What is reached is printed; claims of
speed come from scripts/bench, on a quiet machine.
"""

from perf import corpus
from support.harness import Case, binary

MIGRATIONS = 1000
LARGE_BYTES = 50_000_000
MEGABYTE = 1_000_000


class PerfCase(Case):
    def make_corpus(self, files):
        return corpus.write_corpus(self.folder(), files)

    @property
    def tools(self):
        return corpus.Tools(self.cluster, binary())


class Speed(PerfCase):
    def test_a_thousand_migrations_stay_near_one_transaction_of_psql(self):
        """The goal is 0.8 of it: each migration is a commit of its own, and recorded."""
        made = self.make_corpus(corpus.make_files(MIGRATIONS))
        medians = corpus.compare_on_fresh_databases(self.cluster, {
            "pgstride": lambda dbname: [self.tools.pgstride(dbname, made.folder)],
            "psql": lambda dbname: [self.tools.psql(dbname, "-1", "-f", made.text)],
        }, rounds=5)
        ratio = medians["pgstride"] / medians["psql"]
        print(f"{MIGRATIONS} migrations: pgstride {medians['pgstride']:.3f} s, "
              f"psql -1 {medians['psql']:.3f} s, ratio {ratio:.2f}")
        self.assertLessEqual(ratio, 1.4)

    def test_nothing_pending_takes_little_more_than_to_connect(self):
        """The goal is 15 ms."""
        made = self.make_corpus(corpus.make_files(MIGRATIONS))
        up = self.tools.pgstride(self.dbname, made.folder)
        corpus.run_seconds(up)
        taken_ms = corpus.median_seconds(up, rounds=9) * 1000
        connect = self.tools.psql(self.dbname, "-c", "SELECT 1")
        connect_ms = corpus.median_seconds(connect, rounds=9) * 1000
        print(f"nothing pending, {MIGRATIONS} files: {taken_ms:.1f} ms; "
              f"psql -c 'SELECT 1': {connect_ms:.1f} ms")
        self.assertLess(taken_ms, connect_ms + 30)

    def test_version_is_answered_within_milliseconds(self):
        taken_ms = corpus.median_seconds([binary(), "--version"], rounds=9) * 1000
        print(f"--version: {taken_ms:.1f} ms")
        self.assertLessEqual(taken_ms, 15)


class Memory(PerfCase):
    def test_a_thousand_migrations_need_less_than_16_mb(self):
        made = self.make_corpus(corpus.make_files(MIGRATIONS))
        peak = corpus.peak_bytes(self.tools.pgstride(self.dbname, made.folder))
        print(f"{MIGRATIONS} migrations: peak {peak / MEGABYTE:.1f} MB")
        self.assertLess(peak, 16 * MEGABYTE)

    def test_a_file_of_50_mb_needs_at_most_four_times_its_size(self):
        made = self.make_corpus(corpus.make_large_file(LARGE_BYTES))
        peak = corpus.peak_bytes(self.tools.pgstride(self.dbname, made.folder))
        print(f"one file of {LARGE_BYTES / MEGABYTE:.0f} MB: peak {peak / MEGABYTE:.1f} MB")
        self.assertLessEqual(peak, 4 * LARGE_BYTES)
