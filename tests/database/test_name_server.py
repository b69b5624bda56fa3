# SPDX-License-Identifier: Apache-2.0
"""A name server that takes questions and answers none: each limit of time holds all the same."""

import json
import os
import signal
import socket
import subprocess
import time

from database.case import DatabaseCase

FILES = {"1_a.up.sql": "CREATE TABLE IF NOT EXISTS a ();"}
ADDRESS = "127.53.53.53"  # of loopback too, and nobody else's
LATE = ("ended 7 s after the signal to stop, since something hangs, perhaps the look-up of a host "
        "name; the next run finds out what was kept; a retry may help")


class Silent(DatabaseCase):
    def setUp(self):
        super().setUp()
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.server.close)
        self.server.bind((ADDRESS, 53))
        self.server.settimeout(20)
        self.settings = os.path.join(self.folder({
            "resolv.conf": f"nameserver {ADDRESS}\noptions timeout:30 attempts:3\n",
        }), "resolv.conf")

    def start(self, *words):
        """A run that asks this name server."""
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"',
             self.settings, *self._command(words)],
            env=self._environment({}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8")
        self.addCleanup(self._end, process)
        return process

    def wait_for_question(self, name):
        wanted = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        while wanted not in self.server.recv(512):
            pass

    def test_a_stop_while_the_databases_host_is_looked_up(self):
        path = self.folder(FILES)
        started = []
        for log_format in ("text", "json"):
            host = f"{log_format}.example"
            started.append(self.start("--database", f"postgres://u:p@{host}/db", "--path", path,
                                      "--log-format", log_format, "up"))
            self.wait_for_question(host)
        for process in started:
            process.send_signal(signal.SIGTERM)
        begun, now = time.monotonic(), time.time()
        text, lines = [self.finish(process) for process in started]
        self.assertLess(time.monotonic() - begun, 8)
        self.assert_log(text, f"<time> ERROR {LATE}", status=1)
        line = json.loads(lines.stdout)
        for key in ("logging.googleapis.com/labels", "logging.googleapis.com/operation"):
            line.pop(key, None)
        ended = line.pop("time")
        self.assertRegex(ended, r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
        self.assertLess(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + 6)), ended)
        self.assertEqual({"severity": "ERROR", "event": "error", "message": LATE}, line)
        self.assertEqual(1, lines.status)

    def test_a_hook_has_its_time(self):
        process = self.start("--database", self.database, "--path", self.folder(FILES),
                             "--hook-timeout", "1s", "--after-url", "https://hook.example/h", "up")
        self.wait_for_question("hook.example")
        begun = time.monotonic()
        result = self.finish(process)
        self.assertLess(time.monotonic() - begun, 3)
        self.assert_good(result)
        self.assertIn(" WARN  the after hook: no connection to hook.example within ",
                      result.stdout)

    def test_a_stop_while_slacks_host_is_looked_up_keeps_a_success(self):
        process = self.start("--database", self.database, "--path", self.folder(FILES),
                             "--slack-webhook-url", "https://slack.example/s", "up")
        self.wait_for_question("slack.example")
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        result = self.finish(process)
        self.assertLess(time.monotonic() - begun, 8)
        self.assert_good(result)
        self.assertIn(" WARN  no connection to slack.example within ", result.stdout)
