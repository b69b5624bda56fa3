# SPDX-License-Identifier: Apache-2.0
"""Every PostgreSQL version of the suite is really there, and is migrated."""

import unittest

from support.cluster import Cluster
from support.harness import Case
from support.servers import SUITES

FILES = {
    "1_initial.up.sql": "CREATE TABLE one (id int PRIMARY KEY);\n",
    "2_more.up.sql": "CREATE INDEX CONCURRENTLY one_id ON one (id);\n",
}


class ServersTest(Case):
    def test_each_version_is_migrated(self):
        folder = self.folder(FILES)
        for version in SUITES:
            with self.subTest(version=version):
                server = Cluster.start(version)
                self.addCleanup(server.stop)
                name = server.create_database()
                self.assertEqual(
                    str(version), server.psql(name, "SHOW server_version_num")[:2]
                )
                done = self.run_pgstride("--database", server.url(name), "--path", folder, "up")
                self.assertEqual((0, ""), (done.status, done.stderr), done.stdout)
                self.assertEqual("2|f", server.psql(name, "SELECT * FROM schema_migrations"))


if __name__ == "__main__":
    unittest.main()
