# SPDX-License-Identifier: Apache-2.0
"""write and the look for what changed, on every version of PostgreSQL."""

from database import test_effects as effects
from database import test_write as write
from support.cluster import Cluster
from support.servers import SUITES


class OnEachVersion(effects.EffectsCase):
    """One server a version; the tests of the others run on it."""

    server = None

    @property
    def cluster(self):
        return self.server

    def start(self, version):
        self.server = Cluster.start(version)
        self.addCleanup(self.server.stop)
        self._dbname = None

    def test_what_changed(self):
        for version in SUITES:
            with self.subTest(version=version):
                self.start(version)
                files = {"1_before.up.sql": effects.BEFORE}
                self.assert_good(self.up(files))
                result = self.up({**files, "2_after.up.sql": effects.AFTER}, "--log-format", "json")
                self.assert_good(result)
                self.assertEqual(len(effects.COMPANIES + effects.OTHERS), self.event(result)["count"])


class WriteOnEachVersion(write.Property):
    SEEDS = (100, 103, 104)  # a round, a pair, and one with privileges
    server = None

    @property
    def cluster(self):
        return self.server or super().cluster

    def test_random_schemas_there_and_back(self):
        for version in SUITES:
            with self.subTest(version=version):
                self.server = Cluster.start(version)
                self.addCleanup(self.server.stop)
                self._dbname = None
                self.prepare()
                for seed in self.SEEDS:
                    self.assertTrue(self.check(seed))
