# SPDX-License-Identifier: Apache-2.0
"""A webhook's other end: a real HTTPS or HTTP server on loopback.

    hook = Webhook.start(answers=[(429, "", {"Retry-After": "1"}), (200, "ok", {})])
    ... post to hook.url, trusting hook.ca_file ...
    hook.requests   # [Request(path, headers, body), ...]
    hook.stop()

Each connection takes the next answer; the last one is given again and again.
An answer is (status, body, headers), or one of:

    "hang"      reads the request and never answers
    "mute"      accepts the connection and says nothing, not even TLS
    "garbage"   answers with bytes that are not HTTP
    "close"     reads the request and closes the connection
    "huge"      200 with a body that never ends
    "redirect"  307 to another path of this server, which answers like any other
"""

import contextlib
import json
import pathlib
import shutil
import socketserver
import ssl
import subprocess
import tempfile
import threading
from dataclasses import dataclass

SECRET_PATH = "/services/T00000000/B00000000/sEcReTsEcReTsEcReTsEcReT"
REDIRECTED_PATH = "/redirected"

CONFIGURATION = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1, IP:::1, DNS:localhost
extendedKeyUsage = serverAuth
"""


def run_openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def make_ca(folder, name):
    """A throwaway CA in `folder`: the paths of its certificate and its key."""
    configuration, key, certificate = (folder / f"{name}.{end}" for end in ("cnf", "key", "pem"))
    configuration.write_text(CONFIGURATION.format(name=f"throwaway {name}"))
    run_openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-config", configuration, "-extensions", "ca", "-days", "2"),
        *("-keyout", key, "-out", certificate),
    )
    return certificate, key


def make_server_certificate(folder, ca_certificate, ca_key):
    """One file with the key and the certificate of 127.0.0.1, ::1 and localhost."""
    configuration, key, request, certificate, both = (
        folder / f"server.{end}" for end in ("cnf", "key", "csr", "crt", "pem")
    )
    configuration.write_text(CONFIGURATION.format(name="localhost"))
    run_openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-config", configuration, "-keyout", key, "-out", request),
    )
    run_openssl(
        *("x509", "-req", "-in", request, "-CA", ca_certificate, "-CAkey", ca_key),
        *("-CAcreateserial", "-days", "2", "-extfile", configuration, "-extensions", "server"),
        *("-out", certificate),
    )
    both.write_text(key.read_text() + certificate.read_text())
    return both


@dataclass
class Request:
    path: str
    headers: dict  # names in lower case
    body: object  # parsed JSON


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """A client that gives up is what many tests are about."""


class Connection(socketserver.BaseRequestHandler):
    def handle(self):
        hook = self.server.hook
        answer = hook.next_answer()
        if answer == "mute":
            hook.stopped.wait()
            return
        self.request.settimeout(30)
        stream = self.request
        if hook.tls_context is not None:
            stream = hook.tls_context.wrap_socket(stream, server_side=True)
        try:
            hook.note(self.read_request(stream.makefile("rb")))
            self.give(stream, answer, hook)
        finally:
            with contextlib.suppress(OSError):
                if isinstance(stream, ssl.SSLSocket) and answer not in ("close", "huge"):
                    stream.unwrap()
            stream.close()

    @staticmethod
    def read_request(lines):
        _, path, _ = lines.readline().decode("latin-1").split(" ", 2)
        headers = {}
        for line in iter(lines.readline, b"\r\n"):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        return Request(path, headers, json.loads(lines.read(int(headers["content-length"]))))

    @staticmethod
    def give(stream, answer, hook):
        if answer == "hang":
            hook.stopped.wait()
        elif answer == "close":
            pass
        elif answer == "garbage":
            stream.sendall(b"\x00\xff\x01 this is not HTTP\r\n\r\n" * 8)
        elif answer == "huge":
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            while not hook.stopped.is_set():
                stream.sendall(b"ok " * 1000)
        elif answer == "redirect":
            Connection.give(stream, (307, "", {"Location": hook.base_url + REDIRECTED_PATH}), hook)
        else:
            status, body, headers = answer
            content = body if isinstance(body, bytes) else body.encode()
            lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(content)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            stream.sendall("\r\n".join([*lines, "", ""]).encode() + content)


class Webhook:
    """The server; `start` makes one, `stop` ends it and removes its files."""

    def __init__(self, answers, tls):
        self.answers = list(answers)
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.requests = []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pgstride-webhook-"))
        self.tls_context = None
        self.ca_file = None
        if tls:
            self.make_tls()
        self.server = Server(("127.0.0.1", 0), Connection)
        self.server.hook = self
        self.port = self.server.server_address[1]
        self.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.url = self.base_url + SECRET_PATH
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @classmethod
    def start(cls, answers=((200, "ok", {}),), tls=True):
        hook = cls(answers, tls)
        hook.thread.start()
        return hook

    def make_tls(self):
        certificate, key = make_ca(self.folder, "ca")
        self.ca_file = str(certificate)
        self.tls_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls_context.load_cert_chain(make_server_certificate(self.folder, certificate, key))

    def make_other_ca(self):
        """A CA that did not sign this server's certificate: the path of its certificate."""
        return str(make_ca(self.folder, "other")[0])

    def next_answer(self):
        with self.lock:
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def note(self, request):
        with self.lock:
            self.requests.append(request)

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
