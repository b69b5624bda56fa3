#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the test_*.py files of a folder: run_suite.py FOLDER [--jobs N] [--counts FILE] [NAME…].

Prints each test as it ends, each failure, the slowest tests and one last line of
counts. A skipped test and a folder without tests are failures. NAME keeps the
tests whose id contains it. With --jobs N so many processes, each with a server
of its own, take one file after the other.
"""

import argparse
import glob
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

SLOWEST = 10
SLOW_S = 5


class Report(unittest.TestResult):
    """One line a test as it ends, and the reason where it failed."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.failed = 0
        self.seconds = {}
        self._started = 0.0
        self._failures = {}

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()
        self._failures = {}

    def _note(self, test, reason):
        self._failures.setdefault(test.id(), []).append(reason)
        if not isinstance(test, unittest.TestCase):  # setUpClass, setUpModule
            self.stopTest(test)

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            reasons = self.errors if self.errors and self.errors[-1][0] is subtest else self.failures
            self._note(test, f"{subtest}\n{reasons[-1][1]}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(test, f"skipped: {reason}\n")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._note(test, "an expected failure is a failure\n")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._note(test, "marked as an expected failure, and yet it passes\n")

    def stopTest(self, test):
        super().stopTest(test)
        seconds = time.monotonic() - self._started
        word = "FAILED" if self._failures else "ok"
        self.failed += bool(self._failures)
        self.passed += not self._failures
        self.seconds[test.id()] = seconds
        lines = [f"{word:6} {test.id()} ({seconds:.1f} s)\n"]
        for reasons in self._failures.values():
            for reason in reasons:
                lines.append("    " + reason.rstrip("\n").replace("\n", "\n    ") + "\n")
        sys.stdout.write("".join(lines))  # in one piece: others write there too
        sys.stdout.flush()
        self._failures = {}


def flatten(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flatten(test)
        else:
            yield test


def load(path):
    """The tests of one file; its folder need not be a package."""
    name = os.path.relpath(path, TESTS)[: -len(".py")].replace(os.sep, ".")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return unittest.defaultTestLoader.loadTestsFromModule(module)


def broken_file(path, reason):
    """A test that stands for a file that cannot be loaded."""

    class BrokenFile(unittest.TestCase):
        def id(self):
            return os.path.relpath(path, TESTS)

        def runTest(self):
            self.fail(reason)

    return BrokenFile()


def find_tests(path, names):
    """The tests of the file, as one suite; those that NAMEs pick, where there are any."""
    try:
        tests = load(path)
    except Exception:  # whatever the file does wrong, the others still run
        tests = broken_file(path, traceback.format_exc())
    if not names:
        return unittest.TestSuite([tests])
    return unittest.TestSuite(
        test for test in flatten([tests]) if any(name in test.id() for name in names)
    )


def run_files(paths, names):
    """Run these files one after the other: (passed, failed, seconds of each test)."""
    report = Report()
    for path in paths:
        find_tests(path, names).run(report)
    return report.passed, report.failed, report.seconds


def tickets(descriptor):
    """The numbers that this process draws from the pipe: whoever is free takes the next."""
    while ticket := os.read(descriptor, 1):
        yield ticket[0]


def work(paths, names, descriptor, place):
    """One of several processes; what run_files gives is for the first one, at `place`."""
    done = run_files((paths[number] for number in tickets(descriptor)), names)
    with open(place, "w", encoding="utf-8") as file:
        json.dump(done, file)


def run_at_once(paths, options):
    """What run_files gives, of --jobs processes. One that ends without a word has failed."""
    reader, writer = os.pipe()
    os.write(writer, bytes(range(len(paths))))
    os.close(writer)
    passed, failed, seconds = 0, 0, {}
    with tempfile.TemporaryDirectory() as folder:
        places = [f"{folder}/{number}" for number in range(options.jobs)]
        workers = [
            subprocess.Popen(
                [sys.executable, __file__, options.folder, *options.names,
                 "--draw", str(reader), "--done", place], pass_fds=[reader])
            for place in places
        ]
        try:
            for worker, place in zip(workers, places):
                worker.wait()
                if not os.path.exists(place):
                    print(f"FAILED a process of the suite ended with status {worker.returncode}")
                    failed += 1
                    continue
                with open(place, encoding="utf-8") as file:
                    done = json.load(file)
                passed, failed = passed + done[0], failed + done[1]
                seconds.update(done[2])
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait()
    return passed, failed, seconds


def print_slowest(seconds):
    slow = [name for name in sorted(seconds, key=seconds.get, reverse=True)
            if seconds[name] >= SLOW_S]
    if slow:
        print(f"{sum(seconds.values()):.0f} s in all tests; the slowest:")
    for name in slow[:SLOWEST]:
        print(f"{seconds[name]:6.1f} s {name}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--counts", help="write 'PASSED FAILED' to this file")
    parser.add_argument("--jobs", type=int, default=1, help="files that run at a time")
    parser.add_argument("--draw", type=int, help=argparse.SUPPRESS)  # a worker's pipe
    parser.add_argument("--done", help=argparse.SUPPRESS)  # and where it says what it did
    return parser.parse_intermixed_args()


def main():
    options = parse()
    # A shell's `&` ignores SIGINT, for all below. unittest lets this exception through, and no other;
    # then atexit ends the servers.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)

    paths = sorted(glob.glob(os.path.join(os.path.abspath(options.folder), "test_*.py")))
    if options.draw is not None:
        work(paths, options.names, options.draw, options.done)
        return 0
    if options.jobs > 1:
        passed, failed, seconds = run_at_once(paths, options)
    else:
        passed, failed, seconds = run_files(paths, options.names)
    if passed + failed == 0:
        print(f"FAILED no tests in {options.folder}")
        failed = 1
    print_slowest(seconds)
    print(f"{passed} passed, {failed} failed")
    if options.counts:
        with open(options.counts, "w", encoding="ascii") as file:
            file.write(f"{passed} {failed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
