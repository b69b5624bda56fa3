# SPDX-License-Identifier: Apache-2.0
"""A wire to the server that is as long as wished: tests/perf/delay_proxy.c."""

import json
import socket
import statistics
import subprocess
import threading
import time

from perf.programs import compiled


class Wire:
    """Passes connections on to a port of this machine; each byte arrives half a round trip later.

    port   where to connect to
    """

    def __init__(self, target, round_trip_ms=0):
        self._process = subprocess.Popen(
            [compiled("delay_proxy"), str(target)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )
        self.port = int(self._process.stdout.readline())
        self.set_round_trip(round_trip_ms)

    def _say(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def set_round_trip(self, milliseconds):
        """From now on. To be called while nothing is connected."""
        self._say(f"delay {round(milliseconds * 1000)}")

    def report(self):
        """What passed since the last report, as a dict, once all connections have ended."""
        self._say("report")
        return json.loads(self._process.stdout.readline())

    def stop(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Echo:
    """A server that gives back what it gets."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._give_back, args=(connection,), daemon=True).start()

    @staticmethod
    def _give_back(connection):
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    def stop(self):
        self._listener.close()


def round_trips_ms(port, count):
    """How long each of so many echoes takes, after one that also pays for the connection."""
    taken = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count + 1):
            started = time.perf_counter()
            connection.sendall(b"x")
            connection.recv(1)
            taken.append((time.perf_counter() - started) * 1000)
    return taken[1:]


def accuracy(round_trips, count=40):
    """{round trip asked for: median measured by an echo, ms}; None is without the wire."""
    echo = Echo()
    measured = {None: statistics.median(round_trips_ms(echo.port, count))}
    with Wire(echo.port) as wire:
        for milliseconds in round_trips:
            wire.set_round_trip(milliseconds)
            measured[milliseconds] = statistics.median(round_trips_ms(wire.port, count))
    echo.stop()
    return measured
