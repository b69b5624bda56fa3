# SPDX-License-Identifier: Apache-2.0
"""A migration behind an open transaction: what the application feels, next to psql.

Short, with wide bars, for a busy machine; the real figures come from scripts/bench stall.
"""

from perf import contenders, corpus, stall
from support.cluster import TRUST_WITHOUT_TLS, Cluster
from support.harness import Case, binary

ROWS = 10_000
BLOCKED_S = 6
TAIL_S = 3
LOCK_TIMEOUT_S = 1


class Stalled(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Cluster.start(access=TRUST_WITHOUT_TLS)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        super().tearDownClass()

    def measure(self, contender, *words):
        made = corpus.Corpus(self.folder(), stall.MIGRATIONS)

        def command(dbname):
            url = contenders.Target(self.server.port, dbname, self.server.superuser).url
            return [*contender.commands("up", url, made.folder(contender.layout))[0], *words]

        seen = stall.measure(self.server, stall.fill(self.server, ROWS), ROWS, command, BLOCKED_S,
                             TAIL_S)
        print(f"{contender.name}: worst {seen.worst_s:.2f} s, nobody served for {seen.dead_s:.1f} s, "
              f"applied {seen.after_s:.2f} s after the blocker")
        return seen

    def test_the_application_waits_no_longer_than_the_lock_timeout(self):
        psql = self.measure(contenders.psql(f"{self.server.bin}/psql")[0])
        self.assertGreater(psql.worst_s, BLOCKED_S - 2)
        own = self.measure(contenders.own(binary()), "--ddl-lock-timeout", f"{LOCK_TIMEOUT_S}s")
        self.assertGreater(own.worst_s, LOCK_TIMEOUT_S / 2, "nothing was in its way")
        self.assertLess(own.worst_s, LOCK_TIMEOUT_S + 2)
        self.assertLess(own.dead_s, LOCK_TIMEOUT_S + 3, "it stalls the application again and again")
        self.assertLess(own.after_s, 4)
