# SPDX-License-Identifier: Apache-2.0
"""A way to the server that breaks: what the server did is done, and nobody hears of it."""

import contextlib
import select
import socket
import struct
import threading


def close_listener(listener):
    """Close it, and end the accept() of another thread, which would keep it."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def reset(end):
    """Close it by RST, without a word."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


class LosingProxy:
    """Passes connections on to a port, and breaks one when the server's answer holds `word`
    for the `number`-th time; 0: never. What comes later passes.

    fault     "cut"; "stall": both ends stay open, and nothing passes; "half-open": the client's does
    is_final  nobody gets through afterwards
    """

    def __init__(self, port, word=b"COMMIT\0", number=1, own_port=0, fault="cut", is_final=False):
        self.fault = fault
        self.is_final = is_final
        self.is_stopped = threading.Event()
        self.target = port
        self.word = word
        self.left = number
        self.listener = socket.create_server(("127.0.0.1", own_port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                for side in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=side, daemon=True).start()

    def _pass_on(self, source, sink, is_answer):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if is_answer and self.left > 0:
                    self.left -= data.count(self.word)
                    if self.left <= 0:
                        self._be_silent(source)
                        break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _be_silent(self, server):
        if self.is_final:
            close_listener(self.listener)
        if self.fault == "half-open":
            server.close()
        if self.fault != "cut":
            self.is_stopped.wait()

    def stop(self):
        self.is_stopped.set()
        close_listener(self.listener)


class FaultProxy:
    """Passes PostgreSQL's messages on, one by one, and breaks the connection right behind the
    `number`-th one of a `side`, "client" or "server". TLS is off.

    fault      "cut": both ends hear of it; "reset": by RST; "stall": nobody hears anything more;
               "half-open": the server hears of it, the client does not; "half-reset": the
               client by RST, the server does not; "half-lost": the same, and the message that
               was to be passed on is lost too
    is_final   nobody gets through afterwards; else whoever connects anew does
    seen       the messages that passed, a side
    requests   what each connection began with
    """

    def __init__(self, port, side=None, number=0, fault="cut", is_final=False):
        self.target = port
        self.side = side
        self.number = number
        self.fault = fault
        self.is_final = is_final
        self.is_broken = threading.Event()
        self.seen = {"client": 0, "server": 0}
        self.requests = []
        self.lock = threading.Lock()
        self.is_stopped = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.is_final and self.is_broken.is_set():
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.target))
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()

    @staticmethod
    def _size(side, data, is_first):
        """Of the message at the head, None where that is not known yet: it is a type and a
        length, or a length alone at first."""
        head = 0 if is_first and side == "client" else 1
        return head + struct.unpack_from("!i", data, head)[0] if len(data) >= head + 4 else None

    def _messages(self, side, data, is_first):
        """The whole messages at the head, and the rest."""
        messages = []
        while (size := self._size(side, data, is_first)) is not None and size <= len(data):
            messages.append(data[:size])
            data = data[size:]
            is_first = False
        return messages, data

    def _is_due(self, side):
        """Count a message of this side; is it the one?"""
        with self.lock:
            self.seen[side] += 1
            if self.is_broken.is_set() or (side, self.seen[side]) != (self.side, self.number):
                return False
            self.is_broken.set()
            return True

    def _pass_on(self, client, server):
        """One thread a connection, that waits for both ends: so that close() closes."""
        data = {"client": b"", "server": b""}
        is_first = {"client": True, "server": True}
        with client, server, contextlib.suppress(OSError):
            while not self.is_stopped.is_set():
                ready, _, _ = select.select((client, server), (), (), 0.2)
                for source in ready:
                    side = "client" if source is client else "server"
                    sink = server if source is client else client
                    got = source.recv(1 << 16)
                    if not got:
                        return
                    messages, data[side] = self._messages(side, data[side] + got, is_first[side])
                    if is_first[side] and side == "client":
                        self.requests += messages[:1]
                    is_first[side] = is_first[side] and not messages
                    for message in messages:
                        is_due = self._is_due(side)
                        if not is_due or self.fault != "half-lost":
                            sink.sendall(message)
                        if is_due:
                            self._break(client, server)
                            return

    def _break(self, client, server):
        if self.fault == "half-open":
            server.close()
        if self.fault in ("half-reset", "half-lost"):
            reset(client)
        if self.fault in ("half-open", "half-reset", "half-lost", "stall"):
            self.is_stopped.wait()
        if self.fault == "reset":
            reset(client)
            reset(server)

    def stop(self):
        self.is_stopped.set()
        close_listener(self.listener)


class TlsFaultProxy(FaultProxy):
    """The same where TLS is on. What it counts are TLS's records, behind the request for TLS and
    the one byte that answers that."""

    @staticmethod
    def _size(side, data, is_first):
        if is_first:
            return {"client": 8, "server": 1}[side] if data else None
        return 5 + struct.unpack_from("!H", data, 3)[0] if len(data) >= 5 else None
