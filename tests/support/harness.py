# SPDX-License-Identifier: Apache-2.0
"""What a database or CLI test stands on: a database, a folder, the binary, its log."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import textwrap
import typing
import unittest

from support import cluster as clusters

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DEFAULT_BINARY = os.path.join(ROOT, "build/debug/pgstride")

# Sanitizers and valgrind are told how to report by these; nothing else is inherited.
PASSED_ON = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")
TOOL_REPORT = re.compile(r"Sanitizer|runtime error: |^==\d+==", re.M)

# What a run changed has tests of its own; here it would be one line more in every log.
SCHEMA_LINE = re.compile(r"^\S+ (?:INFO |DEBUG) schema (?:changed; |not changed$).*\n", re.M)

_DURATION = r"\d+(?:\.\d+)? (?:ms|s|min|h|days?)\b"
REPLACED = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:\.\d+)?\b"), "<time>"),
    (re.compile(rf"\b{_DURATION}(?: {_DURATION})*"), "<duration>"),
    (re.compile(r'("[a-z_]*_ms": ?)\d+(?:\.\d+)?'), r"\1<duration>"),
    (re.compile(r'\b(pid |pid=)\d+'), r"\1<pid>"),
    (re.compile(r'("(?:[a-z_]*_)?pid": ?)\d+'), r"\1<pid>"),
    (re.compile(r"\b[Pp]rocess \d+"), "process <pid>"),
    (re.compile(r'\b(127\.0\.0\.1:|localhost:|port |"port": ?)\d+'), r"\1<port>"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
)


def binary():
    """The pgstride under test, as an absolute path."""
    return os.path.abspath(os.environ.get("PGSTRIDE_BINARY") or DEFAULT_BINARY)


def plain_binary():
    """A pgstride without sanitizers, which have an allocator of their own, and much memory."""
    if "sanitize" not in binary():
        return binary()
    subprocess.run([os.path.join(ROOT, "scripts/compile"), "debug"], check=True,
                   stdout=subprocess.DEVNULL)
    return DEFAULT_BINARY


def patience(seconds):
    """How long something may take: under valgrind ten times as long."""
    return seconds * 10 if "valgrind" in os.environ.get("PGSTRIDE_WRAPPER", "") else seconds


def normalise(text):
    """Put placeholders for what differs between two runs: times, durations, pids, ports."""
    for pattern, placeholder in REPLACED:
        text = pattern.sub(placeholder, text)
    return text


class Result(typing.NamedTuple):
    """How a run ended; `status` is negative where a signal ended it."""

    status: int
    stdout: str
    stderr: str


class Case(unittest.TestCase):
    """A test with a database, folders and the binary, all made when first used."""

    maxDiff = None

    def setUp(self):
        super().setUp()
        self._dbname = None
        self._places = {}

    @property
    def cluster(self):
        return clusters.shared_cluster()

    @property
    def dbname(self):
        """The name of this test's own database."""
        if self._dbname is None:
            server = self.cluster
            self._dbname = server.create_database()
            self.addCleanup(self._drop_database, server, self._dbname)
        return self._dbname

    @property
    def database(self):
        """The URL of this test's own database."""
        return self.cluster.url(self.dbname)

    @staticmethod
    def _drop_database(server, name):
        if server.is_running:
            server.drop_database(name)

    def psql(self, sql, user=None):
        return self.cluster.psql(self.dbname, sql, user)

    def folder(self, files=None):
        """A temporary folder that holds these files: {name: str or bytes}."""
        path = tempfile.mkdtemp(prefix="pgstride-test-")
        os.chmod(path, 0o755)
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        self._places[path] = "<folder>" if not self._places else f"<folder{len(self._places) + 1}>"
        for name, content in (files or {}).items():
            place = os.path.join(path, name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
        return path

    @staticmethod
    def _environment(env):
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        passed.update(env or {})
        return passed

    @staticmethod
    def _command(args):
        wrapper = shlex.split(os.environ.get("PGSTRIDE_WRAPPER", ""))
        return [*wrapper, binary(), *map(str, args)]

    def start_pgstride(self, *args, env=None, cwd=None, stdin=None):
        """Start it and go on: a Popen with text pipes, ended with the test."""
        process = subprocess.Popen(
            self._command(args), env=self._environment(env), cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            encoding="utf-8", errors="backslashreplace",
        )
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def finish(self, process, timeout=60, stdin=None):
        """Wait for a started pgstride: its Result."""
        timeout = patience(timeout)
        try:
            stdout, stderr = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            self.fail(
                f"pgstride did not end within {timeout} s\n"
                f"--- stdout\n{stdout}\n--- stderr\n{stderr}"
            )
        if TOOL_REPORT.search(stderr):
            self.fail(f"the sanitizer or valgrind reports:\n{stderr}")
        return Result(process.returncode, stdout, stderr)

    def run_pgstride(self, *args, env=None, cwd=None, timeout=60, stdin=None):
        """Run it to its end, with PATH and `env` as its whole environment: its Result."""
        pipe = None if stdin is None else subprocess.PIPE
        process = self.start_pgstride(*args, env=env, cwd=cwd, stdin=pipe)
        return self.finish(process, timeout, stdin)

    def normalise(self, text):
        """normalise(), and this test's database, folders and server by placeholders too."""
        for path, placeholder in self._places.items():
            text = text.replace(path, placeholder)
        if self._dbname is not None:
            server = self.cluster
            text = text.replace(self._dbname, "<database>")
            text = text.replace(server.folder, "<cluster>")
            text = re.sub(rf"\b{server.port}\b", "<port>", text)
        return normalise(text)

    def assert_log(self, result, expected, stream="stdout", status=None):
        """Compare a whole stream, both sides normalised; `expected` may be indented.

        The line that tells what changed in the schema is left out, unless it is expected."""
        wanted = self.normalise(textwrap.dedent(expected).strip("\n"))
        text = getattr(result, stream)
        if not SCHEMA_LINE.search(wanted + "\n"):
            text = SCHEMA_LINE.sub("", text)
        got = self.normalise(text.rstrip("\n"))
        if got != wanted:
            other = "stderr" if stream == "stdout" else "stdout"
            self.assertMultiLineEqual(
                wanted, got, f"(status {result.status}) {other}:\n{getattr(result, other)}"
            )
        if status is not None:
            self.assertEqual(status, result.status)
