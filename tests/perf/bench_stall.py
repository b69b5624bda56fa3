# SPDX-License-Identifier: Apache-2.0
"""What an application feels while a migration waits behind an open transaction."""

import argparse
import os
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from perf import contenders, corpus, stall  # noqa: E402
from support.cluster import TRUST_WITHOUT_TLS, Cluster  # noqa: E402
from support.harness import binary  # noqa: E402

LOCK_TIMEOUT_S = 5  # pgstride's default
SLACK = 1.2
AFTER_S = 2


def parse_options():
    parser = argparse.ArgumentParser(prog="scripts/bench stall", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, metavar="N", help="medians of so many (5)")
    add("--blocked", type=float, default=30, metavar="S", help="how long the transaction stays open (30)")
    add("--rows", type=int, default=1_000_000, metavar="N", help="of the application's table (1000000)")
    add("--contenders", metavar="NAME,…", help="some of those found: " + ", ".join(contenders.NAMES))
    return parser.parse_args()


def choose(found, names):
    """One of psql's two ways is enough: there is one file."""
    named = names.split(",") if names else None
    return [one for one in found
            if (one.name in named if named else one.name != contenders.PSQL_EACH)]


def measure_all(options, cluster, chosen, place):
    made = corpus.Corpus(place, stall.MIGRATIONS)
    template = stall.fill(cluster, options.rows)
    stalls = {contender.name: [] for contender in chosen}
    for number in range(options.rounds):
        for contender in chosen:
            def command(dbname, contender=contender):
                url = contenders.Target(cluster.port, dbname, cluster.superuser).url
                return contender.commands("up", url, made.folder(contender.layout))[0]

            seen = stall.measure(cluster, template, options.rows, command, options.blocked)
            stalls[contender.name].append(seen)
            print(f"# round {number + 1}, {contender.name}: worst {seen.worst_s:.2f} s, dead "
                  f"{seen.dead_s:.1f} s, applied after {seen.after_s:.2f} s", flush=True)
    return {name: stall.medians(seen) for name, seen in stalls.items()}


def print_table(medians):
    print("\n| | the application's worst latency | nobody was served for | applied after the blocker |")
    print("| --- | --- | --- | --- |")
    for name, seen in medians.items():
        print(f"| {name} | {seen.worst_s:.2f} s | {seen.dead_s:.1f} s | {seen.after_s:.2f} s |")


def main():
    options = parse_options()
    cluster = Cluster.start(access=TRUST_WITHOUT_TLS)
    found = contenders.find(binary(), f"{cluster.bin}/psql")
    print(f"# PostgreSQL {cluster.version}; {options.rows} rows, {stall.CLIENTS} clients, "
          f"{stall.RATE} transactions a second; blocked for {options.blocked:g} s; "
          f"medians of {options.rounds}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory(prefix="pgstride-bench-") as place:
        medians = measure_all(options, cluster, choose(found, options.contenders), place)
    print_table(medians)
    own = medians.get(contenders.PGSTRIDE)
    if own and (own.worst_s > LOCK_TIMEOUT_S * SLACK or own.after_s > AFTER_S):
        sys.exit(f"pgstride: the bars are {LOCK_TIMEOUT_S * SLACK:g} s and {AFTER_S} s")


if __name__ == "__main__":
    main()
