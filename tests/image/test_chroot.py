# SPDX-License-Identifier: Apache-2.0
"""dist/pgstride in a root that holds nothing else: no passwd, no libraries, no /tmp.

An engine puts files of its own into a container; here is what a bare uid meets.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support.cluster import Cluster  # noqa: E402

BINARY = os.path.join(ROOT, "dist/pgstride")
NAMESERVER = "127.0.0.99"  # port 53 of 127.0.0.1 may be somebody's
TIMEOUT_S = 60

TYPE_A = 1
NXDOMAIN = 3


class NameServer:
    """Answers A queries for the names given with 127.0.0.1; others do not exist."""

    def __init__(self, *names):
        self.names = set(names)
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((NAMESERVER, 53))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (NAMESERVER, 53))
        self.thread.join()
        self.socket.close()

    def _serve(self):
        while True:
            query, client = self.socket.recvfrom(512)
            if not query:
                return
            self.socket.sendto(self._answer(query), client)

    def _answer(self, query):
        """RFC 1035, section 4.1: header, the question as it came, one A record or none."""
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        end = at + 5  # the root label, type, class
        name = ".".join(labels)
        (kind,) = struct.unpack("!H", query[at + 1 : at + 3])
        self.asked.append(name)

        is_known = name in self.names
        record = b""
        if is_known and kind == TYPE_A:
            record = struct.pack("!HHHIH4B", 0xC00C, TYPE_A, 1, 60, 4, 127, 0, 0, 1)
        flags = 0x8580 | (0 if is_known else NXDOMAIN)
        header = query[:2] + struct.pack("!5H", flags, 1, 1 if record else 0, 0, 0)
        return header + query[12:end] + record


class Chroot(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not os.path.exists(BINARY):
            raise AssertionError("no dist/pgstride: run scripts/build first")
        cls.cluster = Cluster.start()
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="pgstride-chroot-")
        self.addCleanup(shutil.rmtree, self.root)
        os.chmod(self.root, 0o755)
        shutil.copy(BINARY, self.root)

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def run_inside(self, *arguments):
        return subprocess.run(
            ["/usr/sbin/chroot", "--userspec=65532:65532", self.root, "/pgstride", *arguments],
            capture_output=True, text=True, env={}, stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S, check=False,
        )

    def up(self, host):
        """Run `up` over TLS against a fresh database under this host name."""
        self.write("migrations/1_note.up.sql", "CREATE TABLE note (id int);\n")
        dbname = self.cluster.create_database()
        done = self.run_inside(
            "up", "--path", "/migrations", "--wait-timeout", "1s",
            "--database", self.cluster.url(dbname, host=host, sslmode="require"),
        )
        return dbname, done

    def assert_migrated(self, dbname, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertIn("succeeded!", done.stdout.splitlines()[-1])
        self.assertEqual(self.cluster.psql(dbname, "SELECT version FROM schema_migrations"), "1")

    def test_version_and_help_need_no_file(self):
        for option in ("--version", "--help"):
            done = self.run_inside(option)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done)
            self.assertIn("pgstride", done.stdout)

    def test_an_address_needs_no_file(self):
        self.assert_migrated(*self.up("127.0.0.1"))

    def test_a_name_is_found_in_the_hosts_file(self):
        self.write("etc/hosts", "127.0.0.1 db.test\n")
        self.assert_migrated(*self.up("db.test"))

    def test_a_name_is_asked_of_the_nameserver(self):
        server = NameServer("db.test")
        self.addCleanup(server.stop)
        self.write("etc/resolv.conf", f"nameserver {NAMESERVER}\n")
        self.assert_migrated(*self.up("db.test"))
        self.assertIn("db.test", server.asked)

    def test_a_name_that_does_not_exist_is_named_in_the_error(self):
        server = NameServer()
        self.addCleanup(server.stop)
        self.write("etc/resolv.conf", f"nameserver {NAMESERVER}\n")
        _, done = self.up("nowhere.test")
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("nowhere.test", done.stdout)
        self.assertIn("nowhere.test", server.asked)

    def test_the_default_folder_is_migrations_at_the_root(self):
        self.write("migrations/1_note.up.sql", "CREATE TABLE note (id int);\n")
        dbname = self.cluster.create_database()
        done = self.run_inside("up", "--database", self.cluster.url(dbname, sslmode="require"))
        self.assert_migrated(dbname, done)

    def test_verify_full_without_a_ca_file_is_refused(self):
        dbname = self.cluster.create_database()
        self.write("migrations/1_note.up.sql", "CREATE TABLE note (id int);\n")
        done = self.run_inside(
            "up", "--wait-timeout", "1s",
            "--database", self.cluster.url(dbname, sslmode="verify-full"),
        )
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("certificate", done.stdout)


if __name__ == "__main__":
    unittest.main()
