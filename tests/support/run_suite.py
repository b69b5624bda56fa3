#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the test_*.py files of a folder: run_suite.py FOLDER [--counts FILE] [NAME…].

Prints each failure and one last line of counts. A skipped test and a folder
without tests are failures. NAME keeps the tests whose id contains it.
"""

import argparse
import glob
import importlib.util
import os
import signal
import sys
import time
import traceback
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)


class Report(unittest.TestResult):
    """One line a test as it ends, and the reason where it failed."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.failed = 0
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
        print(f"{word:6} {test.id()} ({seconds:.1f} s)")
        for reasons in self._failures.values():
            for reason in reasons:
                print("    " + reason.rstrip("\n").replace("\n", "\n    "))
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


def find_tests(folder, names):
    """The tests of the folder, as one suite; those that NAMEs pick, where there are any."""
    suite = unittest.TestSuite()
    for path in sorted(glob.glob(os.path.join(folder, "test_*.py"))):
        try:
            suite.addTest(load(path))
        except Exception:  # whatever the file does wrong, the others still run
            suite.addTest(broken_file(path, traceback.format_exc()))
    if not names:
        return suite
    return unittest.TestSuite(
        test for test in flatten(suite) if any(name in test.id() for name in names)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--counts", help="write 'PASSED FAILED' to this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that atexit runs
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` ignores it, for all below

    suite = find_tests(os.path.abspath(options.folder), options.names)
    report = Report()
    suite.run(report)
    if report.passed + report.failed == 0:
        print(f"FAILED no tests in {options.folder}")
        report.failed = 1
    print(f"{report.passed} passed, {report.failed} failed")
    if options.counts:
        with open(options.counts, "w", encoding="ascii") as file:
            file.write(f"{report.passed} {report.failed}\n")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
