# SPDX-License-Identifier: Apache-2.0
"""Time and memory, side by side with psql where it can do the same.

Run it alone on a machine: scripts/test perf.
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
    def test_a_thousand_migrations_take_at_most_0_8_of_what_psql_takes(self):
        made = self.make_corpus(corpus.make_files(MIGRATIONS))
        medians = corpus.compare_on_fresh_databases(self.cluster, {
            "pgstride": lambda dbname: [self.tools.pgstride(dbname, made.folder)],
            "psql": lambda dbname: [self.tools.psql(dbname, "-1", "-f", made.text)],
        }, rounds=5)
        ratio = medians["pgstride"] / medians["psql"]
        print(f"{MIGRATIONS} migrations: pgstride {medians['pgstride']:.3f} s, "
              f"psql -1 {medians['psql']:.3f} s, ratio {ratio:.2f}")
        self.assertLessEqual(ratio, 0.8)

    def test_nothing_pending_takes_less_than_15_ms(self):
        made = self.make_corpus(corpus.make_files(MIGRATIONS))
        up = self.tools.pgstride(self.dbname, made.folder)
        corpus.run_seconds(up)
        taken_ms = corpus.median_seconds(up, rounds=9) * 1000
        print(f"nothing pending, {MIGRATIONS} files: {taken_ms:.1f} ms")
        self.assertLess(taken_ms, 15)

    def test_version_is_answered_within_5_ms(self):
        taken_ms = corpus.median_seconds([binary(), "--version"], rounds=9) * 1000
        print(f"--version: {taken_ms:.1f} ms")
        self.assertLessEqual(taken_ms, 5)


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
