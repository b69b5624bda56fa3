# SPDX-License-Identifier: Apache-2.0
"""The wire that round trips are measured with tells the truth."""

import socket
import time
import unittest

from perf import wire

RTT_MS = 40
SLACK_MS = 15  # a busy machine
LOAD_BYTES = 64 * 1024 * 1024
BLOCK = b"x" * 65536


class WireTest(unittest.TestCase):
    def setUp(self):
        self.echo = wire.Echo()
        self.addCleanup(self.echo.stop)
        self.wire = wire.Wire(self.echo.port, RTT_MS)
        self.addCleanup(self.wire.stop)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.wire.port), timeout=30)
        self.addCleanup(connection.close)
        return connection

    def elapsed_ms(self, connection, sent, received_bytes):
        started = time.perf_counter()
        connection.sendall(sent)
        self.receive(connection, received_bytes)
        return (time.perf_counter() - started) * 1000

    def receive(self, connection, count):
        """So many bytes."""
        got = b""
        while len(got) < count:
            data = connection.recv(count - len(got))
            self.assertTrue(data, f"the connection ended after {got}")
            got += data
        return got

    def test_an_echo_takes_the_round_trip(self):
        fastest = min(wire.round_trips_ms(self.wire.port, 5))
        self.assertGreaterEqual(fastest, RTT_MS)
        self.assertLess(fastest, RTT_MS + SLACK_MS)

    def test_to_connect_takes_a_round_trip_too(self):
        fastest = min(self.elapsed_ms(self.connect(), b"x", 1) for _ in range(3))
        self.assertGreaterEqual(fastest, 2 * RTT_MS)
        self.assertLess(fastest, 2 * RTT_MS + SLACK_MS)

    def test_what_is_pipelined_shares_one_round_trip(self):
        connection = self.connect()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.elapsed_ms(connection, b"x", 1)
        started = time.perf_counter()
        for _ in range(10):
            connection.sendall(b"x")
            time.sleep(0.001)
        self.receive(connection, 10)
        taken = (time.perf_counter() - started) * 1000
        self.assertLess(taken, 2 * RTT_MS)

    def test_a_long_wire_is_not_a_narrow_one(self):
        """64 MiB at 40 ms: with 64 KiB on its way at a time it would take 40 seconds."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            with wire.Wire(server.getsockname()[1], RTT_MS) as far:
                with socket.create_connection(("127.0.0.1", far.port)) as sender:
                    started = time.perf_counter()
                    receiver, _ = server.accept()
                    got = 0
                    with receiver:
                        receiver.setblocking(False)
                        sender.setblocking(False)
                        sent = 0
                        while got < LOAD_BYTES:
                            if sent < LOAD_BYTES:
                                sent += self._try(lambda: sender.send(BLOCK))
                            got += self._try(lambda: len(receiver.recv(1 << 20)))
        self.assertLess(time.perf_counter() - started, 10)

    @staticmethod
    def _try(action):
        try:
            return action()
        except BlockingIOError:
            return 0

    def test_round_trips_are_counted_where_somebody_waits(self):
        self.wire.set_round_trip(200)
        connection = self.connect()
        for _ in range(2):
            self.elapsed_ms(connection, b"x", 1)
        connection.sendall(b"a")
        time.sleep(0.150)
        connection.sendall(b"b")  # while the echo of the first is on its way: nobody waited
        self.receive(connection, 2)
        connection.close()
        report = self.wire.report()
        self.assertEqual((1, 3, 4, 4), tuple(report[name] for name in (
            "connections", "round_trips", "bytes_up", "bytes_down")))
        self.assertEqual(0, self.wire.report()["round_trips"])

    def test_the_end_arrives_too_and_after_what_came_before(self):
        connection = self.connect()
        connection.sendall(b"last words")
        connection.shutdown(socket.SHUT_WR)
        got = b""
        while data := connection.recv(100):
            got += data
        self.assertEqual(b"last words", got)

    def test_a_server_that_is_not_there_ends_the_connection(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        with wire.Wire(port, 1) as broken:
            with socket.create_connection(("127.0.0.1", broken.port)) as connection:
                self.assertEqual(b"", connection.recv(1))
