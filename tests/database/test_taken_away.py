# SPDX-License-Identifier: Apache-2.0
"""In mid-run the database is dropped, or the role may no longer log in: the run says so, and ends."""

import re
import time

from database.case import DatabaseCase

FILES = {
    "1_a.up.sql": "CREATE TABLE a ();",
    "2_b.up.sql": "CREATE TABLE b ();\nSELECT pg_sleep(60);\n",
}


class TakenAway(DatabaseCase):
    def end(self, process):
        """Its Result; it had to come long before any limit of a wait."""
        begun = time.monotonic()
        result = self.finish(process, timeout=60)
        self.assertLess(time.monotonic() - begun, 30)
        return result

    def test_the_database_is_dropped(self):
        process = self.start_up(FILES)
        self.wait_for_statement("pg_sleep(60)")
        self.cluster.drop_database(self.dbname)
        result = self.end(process)
        # Whether it is gone or going is a matter of the moment.
        text = re.sub(r"\n +detail: It seems to have just been dropped or renamed\.", "",
                      result.stdout)
        self.assert_log(result._replace(stdout=text), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_a applied in <duration> (1 statement); current version is 1
            <time> WARN  connecting again: terminating connection due to administrator command
            <time> ERROR 2_b: connection to server at "127.0.0.1", port <port> failed: FATAL: database "<database>" does not exist (3D000)
                               hint: Create it first (CREATE DATABASE); pgstride migrates a database that is there.
                               Its transaction either committed whole or left nothing; the next run finds out which.
            <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry will not help
        """, status=1)

    def test_the_role_may_no_longer_log_in(self):
        role = f"{self.dbname}_role"
        self.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'pw'; GRANT ALL ON SCHEMA public TO {role}")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}")
        url = self.cluster.url(self.dbname, user=role, password="pw")
        process = self.start_up(FILES, database=url)
        self.wait_for_statement("pg_sleep(60)")
        self.psql(f"ALTER ROLE {role} NOLOGIN;"
                  f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'")
        self.assert_log(self.end(process), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_a applied in <duration> (1 statement); current version is 1
            <time> WARN  connecting again: terminating connection due to administrator command
            <time> ERROR 2_b: connection to server at "127.0.0.1", port <port> failed: FATAL: role "<database>_role" is not permitted to log in (28000)
                               hint: Let it log in: ALTER ROLE … LOGIN.
                               Its transaction either committed whole or left nothing; the next run finds out which.
            <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry will not help
        """, status=1)
        self.psql(f"ALTER ROLE {role} LOGIN")
        self.assertEqual("1|f", self.version())
        self.assert_good(self.up({**FILES, "2_b.up.sql": "CREATE TABLE b ();"}, database=url))
        self.assertEqual("2|f", self.version())


class EndsItself(DatabaseCase):
    """A statement that ends the server's process each time is sent twice, not for ever."""

    # Whether the end of the connection comes with the server's word is a matter of the moment.
    ENDED = re.compile(r"(the connection to the database was lost: FATAL:  )?terminating connection"
                       r" due to administrator command(; [^\n]*| \(57P01\))?")
    AGAIN = """
        <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
        <time> INFO  1_a applied in <duration> (1 statement); current version is 1
        <time> WARN  connecting again: <ended>{0}
        <time> ERROR 2_b.up.sql:{1}:1: here for the second time: <ended>
                           {1} | SELECT pg_terminate_backend(pg_backend_pid());
                           hint: Does this end the server's process each time, by a crash, a limit or for want of memory? The server's log says so; where it says nothing, the way to the server broke.
                           {2}
        <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry may help
    """

    def assert_sent_twice(self, head, line, resumed, kept):
        files = {"1_a.up.sql": "CREATE SEQUENCE runs;",
                 "2_b.up.sql": f"{head}SELECT nextval('runs');\n"
                               "SELECT pg_terminate_backend(pg_backend_pid());\n"}
        result = self.up(files)
        text = self.ENDED.sub("<ended>", result.stdout)
        self.assert_log(result._replace(stdout=text), self.AGAIN.format(resumed, line, kept), status=1)

    def test_in_a_transaction(self):
        self.assert_sent_twice(
            "", 2, "", "Its transaction either committed whole or left nothing; the next run finds "
                       "out which.")
        self.assertEqual("2", self.psql("SELECT last_value FROM runs"))

    def test_outside(self):
        self.assert_sent_twice(
            "-- pgstride: no-transaction\n", 3,
            "\n        <time> WARN  2_b goes on at statement 2 of 2, where an earlier run stopped",
            "It ran outside a transaction: what stands before this statement was kept, and "
            "perhaps what it did, and the version is 2, dirty, until the rest is done. Run again: "
            "it goes on here.")
        self.assertEqual("1", self.psql("SELECT last_value FROM runs"))

    def test_another_place_is_tried_again(self):
        """Two losses in a row, and neither statement is to blame."""
        once = ("SELECT pg_terminate_backend(pg_backend_pid())"
                " FROM (SELECT nextval('{0}')) AS n (r) WHERE r = 1;\n")
        files = {"1_a.up.sql": "CREATE SEQUENCE r1; CREATE SEQUENCE r2;",
                 "2_b.up.sql": once.format("r1") + once.format("r2")}
        result = self.up(files)
        self.assert_good(result)
        self.assertEqual(2, result.stdout.count("connecting again: "), result.stdout)
