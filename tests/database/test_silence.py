# SPDX-License-Identifier: Apache-2.0
"""What is in between holds the connection open and passes nothing on: TCP sees no fault."""

from database.case import DatabaseCase
from support.proxy import FaultProxy, LosingProxy

FILES = {
    "1_a.up.sql": "CREATE TABLE trace (step int);\nINSERT INTO trace VALUES (1);\n",
    "2_b.up.sql": "INSERT INTO trace VALUES (2);\n",
}
LOST = ("the connection to the database was lost: server closed the connection unexpectedly; This "
        "probably means the server terminated abnormally; before or while processing the request.")


class Silence(DatabaseCase):
    def url(self, port, patience_ms):
        server = self.cluster
        return (f"postgres://postgres:{server.password}@127.0.0.1:{port}/{self.dbname}"
                f"?sslmode=disable&tcp_user_timeout={patience_ms}")

    def run_through(self, word, fault, patience_ms, *options, is_final=False):
        proxy = LosingProxy(self.cluster.port, word, fault=fault, is_final=is_final)
        self.addCleanup(proxy.stop)
        return self.up(FILES, *options, database=self.url(proxy.port, patience_ms))

    def assert_applied_once(self):
        self.assertEqual("1\n2", self.psql("SELECT step FROM trace ORDER BY step"))
        self.assertEqual("2|f", self.version())

    def assert_noticed(self, fault, words):
        self.assert_log(self.run_through(b"COMMIT\0", fault, 4000), f"""
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> WARN  connecting again: the server's process <pid>{words}
            <time> INFO  1_a applied in <duration> (2 statements); current version is 1
            <time> INFO  2_b applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
        """, status=0)
        self.assert_applied_once()

    def test_each_waits_for_the_other(self):
        self.assert_noticed("stall", " and we have waited for each other for <duration>: "
                                     "what is in between passes nothing on")

    def test_the_servers_process_is_gone(self):
        self.assert_noticed("half-open", ", whose answer we waited for, is gone, and <duration> "
                                         "long nothing said so: what is in between holds a dead "
                                         "connection open")

    def test_the_first_questions_are_not_answered(self):
        self.assert_log(self.run_through(b"pg_is_in_recovery", "stall", 1000), """
            <time> WARN  connecting again: the server did not answer within <duration>
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_a applied in <duration> (2 statements); current version is 1
            <time> INFO  2_b applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
        """, status=0)
        self.assert_applied_once()

    def test_a_second_loss_while_connecting_again_is_no_statements(self):
        """Twice the way breaks, and once a statement was under way."""
        greeting = LosingProxy(self.cluster.port, b"pg_is_in_recovery", number=2)
        self.addCleanup(greeting.stop)
        commit = LosingProxy(greeting.port)
        self.addCleanup(commit.stop)
        result = self.up(FILES, database=self.url(commit.port, 4000))
        self.assert_log(result, f"""
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> WARN  connecting again: {LOST}
            <time> WARN  connecting again: {LOST}
            <time> INFO  1_a applied in <duration> (2 statements); current version is 1
            <time> INFO  2_b applied in <duration> (1 statement); current version is 2
            <time> INFO  succeeded! 2 migrations applied in <duration>; none -> 2
        """, status=0)
        self.assert_applied_once()

    def test_what_is_left_at_the_server_is_in_nobodys_way(self):
        """Half of the questions came through: their transaction is open, with a snapshot."""
        self.run_past_what_is_left(
            self.break_in_greeting(self.cluster.port, "stall"),
            ["the server did not answer within <duration>"])

    def test_nor_where_only_our_side_heard_of_the_end(self):
        self.run_past_what_is_left(
            self.break_in_greeting(self.cluster.port, "half-reset"), [LOST])

    def test_nor_what_a_second_loss_kept_us_from_ending(self):
        """The 14th message asks the server to end what the first left, and does not get there."""
        second = self.break_behind(self.cluster.port, 14, "half-lost")
        self.run_past_what_is_left(
            self.break_in_greeting(second.port, "half-reset"), [LOST, LOST])

    def break_behind(self, port, number, fault):
        proxy = FaultProxy(port, "client", number, fault)
        self.addCleanup(proxy.stop)
        return proxy

    def break_in_greeting(self, port, fault):
        return self.break_behind(port, 10, fault)

    def run_past_what_is_left(self, proxy, losses):
        files = {**FILES, "3_c.up.sql": "CREATE INDEX CONCURRENTLY trace_step ON trace (step);\n"}
        result = self.up(files, "--lock-timeout", "2s", database=self.url(proxy.port, 1000))
        lost = [f"            <time> WARN  connecting again: {loss}" for loss in losses]
        self.assert_log(result, "\n".join(lost) + """
            <time> INFO  3 of 3 migrations pending on <database> at 127.0.0.1: none -> 3
            <time> INFO  1_a applied in <duration> (2 statements); current version is 1
            <time> INFO  2_b applied in <duration> (1 statement); current version is 2
            <time> INFO  3_c applied in <duration> (1 statement); current version is 3
            <time> INFO  succeeded! 3 migrations applied in <duration>; none -> 3
        """, status=0)

    def test_without_patience_nothing_is_taken_for_silence(self):
        for patience_ms in (0, -1):
            self.assert_good(self.up(FILES, database=self.url(self.cluster.port, patience_ms)))

    def test_there_is_no_way_to_it_any_more(self):
        result = self.run_through(b"COMMIT\0", "stall", 1000, "--wait-timeout", "0", is_final=True)
        self.assert_log(result, """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> WARN  what the statement waits for cannot be seen: connection to server at "127.0.0.1", port <port> failed: Connection refused
            <time> WARN  connecting again: the server has said nothing for <duration>, and no new connection can be made: connection to server at "127.0.0.1", port <port> failed: Connection refused
            <time> ERROR 1_a: connection to server at "127.0.0.1", port <port> failed: Connection refused
                               hint: Is the server running on that host and accepting TCP/IP connections?
                               Its transaction either committed whole or left nothing; the next run finds out which.
            <time> ERROR failed: 0 of 2 applied in <duration>; none -> none (wanted 2); a retry may help
        """, status=1)
        self.assert_good(self.up(FILES))
        self.assert_applied_once()
