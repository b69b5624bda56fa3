# SPDX-License-Identifier: Apache-2.0
"""What a login by IAM talks to, as real servers on loopback.

    Endpoint   the metadata server, or the container credentials endpoint: HTTP
    Front      the database's TLS end as clouds have it: it asks for the password
               in the clear, checks it, and logs in at the real server by itself

An answer of an Endpoint is a document (a dict, given as JSON with 200), a
status, a function that makes one of these, or one of

    "slow"      a document, after the client's patience
    "hang"      reads the request and never answers
    "close"     reads the request and closes the connection
    "garbage"   bytes that are not HTTP
    "text"      200, and no JSON
    "huge"      200 with a body that never ends
    "drip"      200 with a body that comes byte by byte, and never ends
    "headers"   200 with a head that never ends
    "redirect"  302 to another path of this server
"""

import contextlib
import datetime
import hashlib
import hmac
import json
import select
import socket
import socketserver
import ssl
import struct
import threading
import time
import urllib.parse
from dataclasses import dataclass

REDIRECTED_PATH = "/redirected"
SLOW_S = 2.6

SSL_REQUEST = 80877103
CANCEL_REQUEST = 80877102


@dataclass
class Request:
    path: str
    headers: dict  # names in lower case


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A client that gives up is what many tests are about."""


class _Listening:
    """A server in a thread of its own, on a port of loopback; `stop` ends it."""

    def __init__(self, port=0):
        owner = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                owner.handle(self.request)

        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.server = _Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)


class Endpoint(_Listening):
    """Each request takes the next answer; the last one is given again and again."""

    def __init__(self, *answers, port=0):
        self.answers = list(answers)
        self.requests = []
        super().__init__(port)
        self.place = f"127.0.0.1:{self.port}"

    def handle(self, connection):
        connection.settimeout(30)
        lines = connection.makefile("rb")
        path = lines.readline().decode("latin-1").split(" ")[1]
        headers = {}
        for line in iter(lines.readline, b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        with self.lock:
            self.requests.append(Request(path, headers))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        with contextlib.suppress(OSError):
            self.give(connection, answer)

    def give(self, connection, answer):
        if callable(answer):
            answer = answer()
        if answer == "hang":
            self.stopped.wait()
        elif answer == "slow":
            self.stopped.wait(SLOW_S)
        elif answer == "garbage":
            connection.sendall(b"\x00\xff\x01 this is not HTTP\r\n\r\n" * 8)
        elif answer == "huge":
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{")
            while not self.stopped.is_set():
                connection.sendall(b" " * 4096)
        elif answer == "drip":
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n{")
            while not self.stopped.wait(0.1):
                connection.sendall(b" ")
        elif answer == "headers":
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not self.stopped.is_set():
                connection.sendall(b"X-Much: " + b"m" * 1024 + b"\r\n")
        elif answer == "redirect":
            place = f"http://{self.place}{REDIRECTED_PATH}"
            connection.sendall(self.head(302, 0, f"Location: {place}\r\n"))
        elif answer == "text":
            connection.sendall(self.head(200, 2) + b"ok")
        elif isinstance(answer, int):
            connection.sendall(self.head(answer, 0))
        elif isinstance(answer, dict):
            content = json.dumps(answer).encode()
            connection.sendall(self.head(200, len(content)) + content)

    @staticmethod
    def head(status, size, more=""):
        return f"HTTP/1.1 {status} Status\r\nContent-Length: {size}\r\n{more}\r\n".encode()


def read_exactly(stream, size):
    data = b""
    while len(data) < size:
        got = stream.recv(size - len(data))
        if not got:
            raise OSError("closed")
        data += got
    return data


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


class Front(_Listening):
    """Logs in whoever has a password that `check(user, password)` lets pass.

    What `check` returns is None, or (SQLSTATE, message) of the refusal.
    passwords  what came, in order
    in_clear   somebody sent a startup message without TLS
    """

    def __init__(self, cluster, check, port=0):
        self.cluster = cluster
        self.check = check
        self.passwords = []
        self.in_clear = False
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(
            f"{cluster.folder}/tls/server.crt", f"{cluster.folder}/tls/server.key")
        super().__init__(port)

    @staticmethod
    def read_packet(stream):
        head = read_exactly(stream, 4)
        return head + read_exactly(stream, struct.unpack("!i", head)[0] - 4)

    def upstream(self):
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{self.cluster.socket_dir}/.s.PGSQL.{self.cluster.port}")
        return server

    def handle(self, connection):
        connection.settimeout(60)
        packet = self.read_packet(connection)
        code = struct.unpack("!i", packet[4:8])[0]
        if code == CANCEL_REQUEST:
            with self.upstream() as server:
                server.sendall(packet)
            return
        if code != SSL_REQUEST:
            self.in_clear = True
            return
        connection.sendall(b"S")
        with self.context.wrap_socket(connection, server_side=True) as client:
            self.log_in(client)

    def log_in(self, client):
        startup = self.read_packet(client)
        if struct.unpack("!i", startup[4:8])[0] == CANCEL_REQUEST:
            with self.upstream() as server:
                server.sendall(startup)
            return
        words = startup[8:].split(b"\0")
        user = dict(zip(words[::2], words[1::2]))[b"user"].decode()
        client.sendall(message(b"R", struct.pack("!i", 3)))  # the password in the clear
        if read_exactly(client, 1) != b"p":
            return
        password = self.read_packet(client)[4:-1].decode()
        with self.lock:
            self.passwords.append(password)
            refusal = self.check(user, password)
        if refusal is not None:
            fields = {"S": "FATAL", "V": "FATAL", "C": refusal[0], "M": refusal[1]}
            body = "".join(f"{kind}{text}\0" for kind, text in fields.items())
            client.sendall(message(b"E", body.encode() + b"\0"))
            return
        with self.upstream() as server:
            server.sendall(startup)
            self.relay(client, server)

    def relay(self, client, server):
        while not self.stopped.is_set():
            ready = [client] if client.pending() else select.select(
                [client, server], [], [], 0.5)[0]
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (server if source is client else client).sendall(data)


def rds_refusal(token, *, host, port, user, region, keys):
    """Signature Version 4, worked out anew: why RDS would refuse this token, or None."""
    key_id, secret, session = keys
    place, _, query = token.partition("/?")
    given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True, strict_parsing=True))
    signature = given.pop("X-Amz-Signature", "")
    moment = given.get("X-Amz-Date", "")
    try:
        signed = datetime.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(
            tzinfo=datetime.timezone.utc)
    except ValueError:
        return "no date"
    if abs(time.time() - signed.timestamp()) > 60:
        return f"signed at {moment}"
    scope = f"{moment[:8]}/{region}/rds-db/aws4_request"
    expected = {
        "Action": "connect", "DBUser": user, "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{key_id}/{scope}", "X-Amz-Date": moment, "X-Amz-Expires": "900",
        "X-Amz-SignedHeaders": "host",
    }
    if session:
        expected["X-Amz-Security-Token"] = session
    if given != expected or place != f"{host}:{port}":
        return "another place, user, region or key"
    quote = lambda text: urllib.parse.quote(text, safe="-_.~")
    canonical = "&".join(f"{quote(name)}={quote(expected[name])}" for name in sorted(expected))
    request = "\n".join([
        "GET", "/", canonical, f"host:{place}", "", "host", hashlib.sha256(b"").hexdigest()])
    text = "\n".join([
        "AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (moment[:8], region, "rds-db", "aws4_request", text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return None if hmac.compare_digest(key.hex(), signature) else "the signature"
