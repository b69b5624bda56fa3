# SPDX-License-Identifier: Apache-2.0
"""A platform's metadata endpoint: a real HTTP server on loopback.

    endpoint = Endpoint({"/v4/x": "{…}", "/v4/x/task": "{…}"})
    endpoint.place      # "127.0.0.1:4711"
    endpoint.requests   # [(path, headers), …]
    endpoint.stop()

A path that it does not know is a 404; one whose body is None is never answered.
"""

import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        endpoint = self.server.endpoint
        endpoint.requests.append((self.path, dict(self.headers)))
        body = endpoint.bodies.get(self.path, "")
        if body is None:
            endpoint.stopped.wait()
            return
        content = body.encode()
        self.send_response(200 if self.path in endpoint.bodies else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing on stderr."""


class Endpoint:
    def __init__(self, bodies):
        self.bodies = bodies
        self.requests = []
        self.stopped = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.endpoint = self
        self.place = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
