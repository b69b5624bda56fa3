# SPDX-License-Identifier: Apache-2.0
"""What was measured: kept, summed up, and put into tables."""

import json
import os
import statistics
import typing

from perf import contenders, measure

WORK_TITLES = {
    "apply": "all migrations, an empty database",
    "nothing": "nothing pending",
    "down": "all of them reverted",
    "start": "start (--version)",
    "verify": "the folder alone, no database (verify --offline)",
}
COLUMNS = ("", "time", "× pgstride", "round trips", "CPU", "server's CPU", "memory", "runs")
MEGABYTE = 1_000_000


class Key(typing.NamedTuple):
    corpus: str
    access: str
    rtt: float  # added, ms
    work: str
    contender: str


class Summary(typing.NamedTuple):
    """Medians."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    server_cpu_seconds: typing.Optional[float]
    round_trips: typing.Optional[int]
    runs: int


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else "an unknown processor"


def milliseconds(seconds):
    shown = seconds * 1000
    return f"{shown:.2f} ms" if shown < 10 else f"{shown:.1f} ms" if shown < 100 else f"{shown:.0f} ms"


class Results:
    def __init__(self, options, cluster):
        self.options = options
        self.server = cluster.version
        self.samples = {}  # Key: list of (Sample, server's CPU seconds or None, round trips or None)
        self.accuracy = {}

    def key(self, contender, corpus="", access="trust", rtt=0):
        """A function that makes the Key of a kind of work."""
        return lambda work: Key(corpus, access, float(rtt), work, contender)

    def add(self, key, sample, server_cpu_seconds=None, round_trips=None):
        self.samples.setdefault(key, []).append((sample, server_cpu_seconds, round_trips))

    def add_accuracy(self, measured):
        self.accuracy = measured

    def get(self, work, contender=contenders.PGSTRIDE, corpus="tables", access="trust", rtt=0):
        """The Summary of these runs, or None."""
        runs = self.samples.get(Key(corpus, access, float(rtt), work, contender))
        if not runs:
            return None
        samples, server, trips = zip(*runs)
        middle = measure.median(samples)
        return Summary(
            *middle,
            statistics.median(server) if None not in server else None,
            round(statistics.median(trips)) if None not in trips else None,
            len(runs),
        )

    def conditions(self):
        place = self.options.data or "the temporary folder"
        return (f"PostgreSQL {self.server}, data in {place}, fsync on; {os.cpu_count()} × {processor()}; "
                f"{self.options.migrations} migrations, medians")

    def wire_words(self):
        direct = self.accuracy.get(None, 0)
        shown = ", ".join(f"+{asked:g}: {got:.2f}" for asked, got in self.accuracy.items()
                          if asked is not None)
        return (f"An echo of one byte takes {direct:.3f} ms without the proxy, "
                f"and through it (ms; asked: measured) {shown}.")

    def groups(self):
        """(corpus, access, rtt, work) of what was measured, in its order."""
        return list(dict.fromkeys(key[:4] for key in self.samples))

    def _rows(self, group):
        corpus, access, rtt, work = group
        names = [key.contender for key in self.samples if key[:4] == group]
        base = self.get(work, contenders.PGSTRIDE, corpus, access, rtt)
        for name in names:
            one = self.get(work, name, corpus, access, rtt)
            yield (
                name, milliseconds(one.seconds),
                f"{one.seconds / base.seconds:.2f}" if base else "",
                "" if one.round_trips is None else str(one.round_trips),
                milliseconds(one.cpu_seconds),
                "" if one.server_cpu_seconds is None else milliseconds(one.server_cpu_seconds),
                f"{one.peak_bytes / MEGABYTE:.1f} MB", str(one.runs),
            )

    def tables(self, markdown):
        """Everything as text, or as Markdown."""
        parts = [self.conditions(), self.wire_words()]
        for group in self.groups():
            corpus, access, rtt, work = group
            where = {"trust": "no TLS", "tls": "TLS and SCRAM"}[access]
            title = WORK_TITLES[work]
            if corpus:
                title += f" ({corpus}; {where}, +{rtt:g} ms)"
            rows = [COLUMNS, *self._rows(group)]
            parts.append((markdown_table if markdown else text_table)(title, rows))
        return "\n\n".join(parts) + "\n"

    def json(self):
        return json.dumps({
            "conditions": self.conditions(),
            "wire_ms": {str(asked): got for asked, got in self.accuracy.items()},
            "results": [
                {**key._asdict(), "median": self.get(key.work, key.contender, *key[:3])._asdict(),
                 "seconds": [sample.seconds for sample, _, _ in runs]}
                for key, runs in self.samples.items()
            ],
        }, indent=1) + "\n"


def text_table(title, rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = [title]
    for row in rows:
        cells = [cell.rjust(width) if i else cell.ljust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown_table(title, rows):
    lines = [f"### {title[0].upper()}{title[1:]}", "", "| " + " | ".join(rows[0]) + " |",
             "| --- |" + " ---: |" * (len(COLUMNS) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows[1:]]
    return "\n".join(lines)
