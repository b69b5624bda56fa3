# SPDX-License-Identifier: Apache-2.0
"""Runs a command, and says what it took: tests/perf/measure.c."""

import os
import statistics
import subprocess
import tempfile
import typing

from perf.programs import compiled


class Sample(typing.NamedTuple):
    """What one run took."""

    seconds: float
    cpu_seconds: float  # of the command, user and system
    peak_bytes: int

    def plus(self, other):
        """Two commands, one after the other."""
        return Sample(
            self.seconds + other.seconds, self.cpu_seconds + other.cpu_seconds,
            max(self.peak_bytes, other.peak_bytes),
        )


def run(command, env=None):
    """The Sample of a command that must succeed. What it prints goes to a file."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", **(env or {})}
    with tempfile.TemporaryFile() as output, tempfile.NamedTemporaryFile("r") as report:
        subprocess.run(
            [compiled("measure"), report.name, *command], env=environment, check=False,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )
        figures = report.read().split()  # none where it could not be started
        if not figures or figures[-1] != "0":
            output.seek(0)
            text = output.read()[-4000:].decode(errors="replace")
            raise AssertionError(f"{command[0]} failed:\n{text}")
    wall_us, user_us, system_us, peak_kib, _ = map(float, figures)
    return Sample(wall_us / 1e6, (user_us + system_us) / 1e6, int(peak_kib) * 1024)


def run_all(commands, env=None):
    """The Sample of these commands, one after the other."""
    total = Sample(0, 0, 0)
    for command in commands:
        total = total.plus(run(command, env))
    return total


def median(samples):
    """The median of each figure by itself."""
    return Sample(*(statistics.median(figures) for figures in zip(*samples)))


def median_of(command, rounds):
    return median([run(command) for _ in range(rounds)])
