#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the cmocka tests that a build folder registers: run_unit.py BUILD [--counts FILE].

Every test function counts as one. A crash, a skipped test and a program that
says less than it planned are failures. PGSTRIDE_WRAPPER (valgrind …) is put
before each program.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys

PROGRAM_TIMEOUT_S = 300

PLAN = re.compile(r"^1\.\.(\d+)$")
LINE = re.compile(r"^(ok|not ok) \d+ - (.*)$")


def registered(build):
    """The programs of the suite `unit`, as Meson knows them: [(name, command)]."""
    listing = subprocess.run(
        ["meson", "introspect", "--tests", build], stdout=subprocess.PIPE, check=True
    )
    tests = [
        (test["name"], test["cmd"])
        for test in json.loads(listing.stdout)
        if any(suite.split(":")[-1] == "unit" for suite in test["suite"])
    ]
    return sorted(tests)


def run_program(command):
    """Its exit status and everything it wrote; status None when it never ended."""
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    wrapper = shlex.split(os.environ.get("PGSTRIDE_WRAPPER", ""))
    try:
        done = subprocess.run(
            wrapper + command, env=environment, stdin=subprocess.DEVNULL, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PROGRAM_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout.decode(errors="replace")


def count(status, output):
    """(passed, failed) of one program's TAP output."""
    planned = passed = failed = 0
    for line in output.splitlines():
        plan, result = PLAN.match(line), LINE.match(line)
        if plan:
            planned += int(plan.group(1))
        elif result and result.group(1) == "ok" and "# SKIP" not in line.upper():
            passed += 1
        elif result:
            failed += 1
    missing = max(planned - passed - failed, 0)
    failed += missing
    if failed == 0 and (status != 0 or passed == 0):
        failed = 1
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--counts", help="write 'PASSED FAILED' to this file")
    options = parser.parse_args()

    passed = failed = 0
    for name, command in registered(options.build):
        status, output = run_program(command)
        good, bad = count(status, output)
        passed, failed = passed + good, failed + bad
        print(f"{'FAILED' if bad else 'ok':6} {name}: {good} passed, {bad} failed", flush=True)
        if bad:
            ending = "did not end" if status is None else f"ended with status {status}"
            print("    " + output.rstrip("\n").replace("\n", "\n    "))
            print(f"    {name} {ending}", flush=True)
    if passed + failed == 0:
        print("FAILED no unit tests are registered")
        failed = 1
    print(f"{passed} passed, {failed} failed")
    if options.counts:
        with open(options.counts, "w", encoding="ascii") as file:
            file.write(f"{passed} {failed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
