# SPDX-License-Identifier: Apache-2.0
"""A way to the server that breaks: what the server did is done, and nobody hears of it."""

import contextlib
import socket
import threading


class LosingProxy:
    """Passes connections on to a port, and breaks one when the server's answer holds `word`
    for the `number`-th time; 0: never. What comes later passes."""

    def __init__(self, port, word=b"COMMIT\0", number=1, own_port=0):
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
                        break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.listener.close()
