# SPDX-License-Identifier: Apache-2.0
"""transaction_timeout, which PostgreSQL has since 17, and which ends the connection."""

from support.cluster import Cluster
from support.harness import Case


class TransactionTimeout(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Cluster.start(17)
        cls.addClassCleanup(cls.server.stop)

    @property
    def cluster(self):
        return self.server

    def up(self, files):
        return self.run_pgstride("--database", self.database, "--path", self.folder(files), "up")

    def test_that_of_the_database_is_for_the_application(self):
        self.psql(f"ALTER DATABASE {self.dbname} SET transaction_timeout = '300ms'")
        result = self.up({"1_a.up.sql": "SELECT pg_sleep(0.5);",
                          "2_b.up.sql": "-- pgstride: no-transaction\nSELECT pg_sleep(0.5);\n"})
        self.assertEqual(0, result.status, result.stdout)
        self.assertNotIn("connecting again", result.stdout)

    def test_that_of_the_file_is_final(self):
        self.assert_log(self.up({"1_a.up.sql":
                                 "SET transaction_timeout = '300ms';\nSELECT pg_sleep(5);\n"}), """
            <time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
            <time> ERROR 1_a.up.sql:2:1: terminating connection due to transaction timeout (25P04)
                               2 | SELECT pg_sleep(5);
                               hint: The file or the URL sets transaction_timeout, which is off otherwise: give it more time there.
                               Its transaction either committed whole or left nothing; the next run finds out which.
            <time> ERROR failed: 0 of 1 applied in <duration>; none -> none (wanted 1); a retry will not help
        """, status=1)
