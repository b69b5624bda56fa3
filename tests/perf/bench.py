# SPDX-License-Identifier: Apache-2.0
"""Speed side by side with psql: bench.py [--migrations N] [--rounds N]. See scripts/bench."""

import argparse
import os
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from perf import corpus  # noqa: E402
from support.cluster import Cluster  # noqa: E402
from support.harness import binary  # noqa: E402


def apply_all(tools, made, rounds):
    """{contender: median seconds} for the whole corpus on an empty database."""
    return corpus.compare_on_fresh_databases(tools.cluster, {
        "pgstride up": lambda dbname: [tools.pgstride(dbname, made.folder)],
        "psql -1, one file": lambda dbname: [tools.psql(dbname, "-1", "-f", made.text)],
        "psql -1, file by file": lambda dbname: [
            tools.psql(dbname, "-1", "-f", path) for path in made.files
        ],
    }, rounds)


def nothing_pending(tools, made, rounds):
    """The same where all is applied. psql keeps no record: it only reads the version."""
    dbname = tools.cluster.create_database()
    up = tools.pgstride(dbname, made.folder)
    corpus.run_seconds(up)
    return {
        "pgstride up": corpus.median_seconds(up, rounds),
        "psql, one SELECT": corpus.median_seconds(
            tools.psql(dbname, "-c", "SELECT version FROM schema_migrations"), rounds
        ),
    }


def print_table(title, medians):
    """pgstride comes first: the others are shown as multiples of it."""
    print(f"\n{title}")
    base = next(iter(medians.values()))
    for name, seconds in medians.items():
        print(f"  {name:24} {seconds * 1000:10.1f} ms {seconds / base:7.2f} x")


def parse_positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--migrations", type=parse_positive, default=1000)
    parser.add_argument("--rounds", type=parse_positive, default=5)
    options = parser.parse_args()

    cluster = Cluster.start()
    tools = corpus.Tools(cluster, binary())
    print(f"PostgreSQL {cluster.version} on a local socket, fsync on; medians of {options.rounds}")
    with tempfile.TemporaryDirectory(prefix="pgstride-bench-") as place:
        made = corpus.write_corpus(place, corpus.make_files(options.migrations))
        print_table(f"{options.migrations} migrations, an empty database",
                    apply_all(tools, made, options.rounds))
        print_table(f"{options.migrations} files, nothing pending",
                    nothing_pending(tools, made, options.rounds))


if __name__ == "__main__":
    main()
