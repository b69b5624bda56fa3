# SPDX-License-Identifier: Apache-2.0
"""Exit 0 means durable: a server that crashes right after has everything."""

from database.case import DatabaseCase
from support.cluster import Cluster


class Durable(DatabaseCase):
    """A server of its own, that flushes nothing for ten seconds unless a commit asks for it."""

    LAZY = "synchronous_commit = off\nwal_writer_delay = 10s\nwal_writer_flush_after = 1GB\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Cluster.start()
        cls.addClassCleanup(cls.server.stop)
        cls.server.stop_fast()
        with open(f"{cls.server.data}/postgresql.conf", "a", encoding="ascii") as file:
            file.write(cls.LAZY)
        cls.server.start_again()

    @property
    def cluster(self):
        return self.server

    def crash(self):
        self.server.stop_immediate()
        self.server.start_again()

    def test_what_nobody_waits_for_is_lost(self):
        """Otherwise the others would prove nothing."""
        self.psql("CHECKPOINT")
        self.psql("CREATE TABLE lost ()")
        self.crash()
        self.assertEqual("", self.tables())

    def test_a_run_survives_a_crash_of_the_server(self):
        table = (
            ("one migration", {"1_a.up.sql": "CREATE TABLE a ();"}, "a"),
            ("several", {f"{n}_t.up.sql": f"CREATE TABLE t{n} ();" for n in range(1, 6)},
             "t1 t2 t3 t4 t5"),
            ("wrapped ones", {f"{n}_t.up.sql": f"BEGIN; CREATE TABLE t{n} (); COMMIT;"
                              for n in (1, 2)}, "t1 t2"),
            ("copied data", {"1_a.up.sql": "CREATE TABLE a (n int); COPY a FROM stdin;\n1\n\\.\n"},
             "a"),
            ("outside a transaction",
             {"1_a.up.sql": "-- pgstride: no-transaction\nCREATE TABLE a ();"}, "a"),
            ("outside a transaction, not last",
             {"1_a.up.sql": "-- pgstride: no-transaction\nCREATE TABLE a ();",
              "2_b.up.sql": "CREATE TABLE b ();"}, "a b"),
            ("one that chooses otherwise",
             {"1_a.up.sql": "SET synchronous_commit = off; CREATE TABLE a ();"}, "a"),
        )
        for name, files, tables in table:
            with self.subTest(name):
                dbname = self.new_database()
                self.cluster.psql(dbname, "CHECKPOINT")
                self.assert_good(self.up(files, database=self.cluster.url(dbname)))
                self.crash()
                self.assertEqual(tables, self.tables(dbname))
                self.assertEqual(f"{len(files)}|f", self.cluster.psql(
                    dbname, "SELECT version, dirty FROM schema_migrations"))

    def test_a_failed_run_keeps_what_it_said_was_applied(self):
        dbname = self.new_database()
        files = {"1_a.up.sql": "CREATE TABLE a ();", "2_b.up.sql": "CREATE TABLE b ();",
                 "3_c.up.sql": "SELECT nope;"}
        self.cluster.psql(dbname, "CHECKPOINT")
        self.assertEqual(1, self.up(files, database=self.cluster.url(dbname)).status)
        self.crash()
        self.assertEqual("a b", self.tables(dbname))
