# SPDX-License-Identifier: Apache-2.0
"""Each server version tells who is in the way, when the way is free, and how far a statement is."""

import time

from database.case import DatabaseCase
from support.cluster import Cluster
from support.servers import SUITES


class Blockers(DatabaseCase):
    server = None

    @property
    def cluster(self):
        return self.server

    def test_each_version_tells_what_it_waits_for(self):
        for version in SUITES:
            with self.subTest(version=version):
                self._dbname = None
                self.server = Cluster.start(version)
                try:
                    self.check_blockers()
                    self.check_progress()
                finally:
                    self.server.stop()

    def check_blockers(self):
        self.psql("CREATE TABLE t (n int); CREATE TABLE big AS SELECT generate_series(1, 2000) AS n;"
                  "BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'left over'")
        holder = self.session("BEGIN; SELECT FROM t;")
        process = self.start_up({"1_t.up.sql": "ALTER TABLE t ADD a int;"},
                                "--ddl-lock-timeout", "3s")
        self.wait_for_statement("ALTER TABLE t ADD a int")
        time.sleep(4)
        self.psql("COMMIT PREPARED 'left over'")
        time.sleep(1)
        self.end_session(holder)
        result = self.finish(process)
        self.assert_good(result)
        self.assertRegex(result.stdout, r"1_t, line 1, waits for [\d.]+ m?s for AccessExclusiveLock on t:"
                         r".*the prepared transaction \"left over\" of postgres, \d s old")
        self.assertRegex(result.stdout, r"waits for .*pid \d+ \(psql, postgres\), idle in transaction,"
                         r" its transaction \d s old: SELECT FROM t")
        self.assertEqual(1, result.stdout.count("; try 2 when the way is free"), result.stdout)
        self.assertNotIn("; try 3", result.stdout)

    def check_progress(self):
        self.psql("CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$"
                  " BEGIN PERFORM pg_sleep(0.001); RETURN $1; END $$")
        result = self.up({"1_t.up.sql": "ALTER TABLE t ADD a int;",
                          "2_i.up.sql": "CREATE INDEX i ON big (slow(n));"},
                         "--heartbeat", "500ms", "--ddl-lock-timeout", "1s")
        self.assert_good(result)
        self.assertRegex(result.stdout, r"2_i, line 1, runs for [^:]+: building index")
