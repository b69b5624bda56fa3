# SPDX-License-Identifier: Apache-2.0
"""Speed, side by side: applying, nothing to do, reverting, starting, reading the folder."""

import argparse
import os
import signal
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from perf import bars, contenders, corpus, plot, trial, wire  # noqa: E402
from perf.results import Results  # noqa: E402
from support.cluster import TRUST_WITHOUT_TLS, Cluster, installed_versions  # noqa: E402
from support.harness import ROOT, binary  # noqa: E402

PARTS = ("apply", "start", "scan")
SCAN_SIZES = (10, 1000, 10_000, 50_000)


def parse_positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return int(text)


def parse_list(known, of=str):
    def parse(text):
        values = [of(word) for word in text.split(",")]
        for value in values:
            if known and value not in known:
                raise argparse.ArgumentTypeError(f"{value} is none of {', '.join(known)}")
        return values
    return parse


def parse_options():
    parser = argparse.ArgumentParser(prog="scripts/bench speed", description=__doc__)
    add = parser.add_argument
    add("--only", type=parse_list(PARTS), default=list(PARTS), metavar="PART,…",
        help=f"some of {', '.join(PARTS)}. apply: up, up again, down; start: --version; "
             "scan: folders of many files")
    add("--contenders", type=parse_list(contenders.NAMES), metavar="NAME,…",
        help="some of those found: " + ", ".join(contenders.NAMES))
    add("--migrations", type=parse_positive, default=1000, metavar="N")
    add("--rounds", type=parse_positive, default=5, metavar="N", help="medians of so many (5)")
    add("--rtt", type=parse_list(None, float), default=[0, 1, 5, 20], metavar="MS,…",
        help="round-trip times to the server (0,1,5,20); 0 is without the proxy")
    add("--access", type=parse_list(trial.ACCESS), default=list(trial.ACCESS), metavar="WAY,…",
        help="trust: without TLS; tls: TLS and SCRAM")
    add("--corpus", type=parse_list(corpus.CORPORA), default=list(corpus.CORPORA), metavar="NAME,…",
        help="tables: half tables with an index, half ALTER TABLE; mix: what projects have "
             "(by trust, at the first --rtt)")
    add("--patience", type=float, default=15, metavar="S",
        help="another than pgstride that takes longer than this is run once (15)")
    add("--data", metavar="FOLDER", help="where the server keeps its data, such as /dev/shm")
    add("--server", metavar="VERSION", help="PostgreSQL's major version: 13, 15, 17, 18 (the newest installed)")
    add("--out", default=os.path.join(ROOT, "build", "bench"), metavar="FOLDER",
        help="for speed.json, speed.md and speed.svg (build/bench)")
    return parser.parse_args()


def settings(options):
    """(corpus, access, round-trip time in ms) of each thing to do, in order."""
    for name in options.corpus:
        for access in options.access:
            for rtt in options.rtt:
                if name == "tables" or (access == "trust" and rtt == options.rtt[0]):
                    yield name, access, rtt


def measure_all(options, cluster, found, place):
    results = Results(options, cluster)
    print(f"# {results.conditions()}", flush=True)
    results.add_accuracy(wire.accuracy(sorted({0.0, *options.rtt})))
    with trial.Trial(cluster, options.patience, results) as bench:
        if "start" in options.only:
            bench.start(found, options.rounds)
        if "apply" in options.only:
            made = {
                name: corpus.Corpus(os.path.join(place, name),
                                    corpus.CORPORA[name](options.migrations))
                for name in options.corpus
            }
            for number in range(options.rounds):
                for name, access, rtt in settings(options):
                    bench.apply(found, number, name, made[name], access, rtt)
        if "scan" in options.only:
            for size in SCAN_SIZES:
                folder = corpus.Corpus(os.path.join(place, f"scan-{size}"), corpus.make_small(size))
                bench.scan(found, size, folder, options.rounds)
    return results


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    options = parse_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    cluster = Cluster.start(options.server, options.data, TRUST_WITHOUT_TLS)
    found = contenders.find(binary(), f"/usr/lib/postgresql/{installed_versions()[0]}/bin/psql")
    if options.contenders:
        found = [one for one in found if one.name in options.contenders]
    print("measured: " + ", ".join(one.name for one in found))
    with tempfile.TemporaryDirectory(prefix="pgstride-bench-") as place:
        results = measure_all(options, cluster, found, place)

    verdict = bars.verdict(results)
    print(results.tables(markdown=False))
    print(verdict)
    os.makedirs(options.out, exist_ok=True)
    write(f"{options.out}/speed.json", results.json())
    write(f"{options.out}/speed.md", f"{results.tables(markdown=True)}\n```\n{verdict}\n```\n")
    drawing = plot.draw(results)
    if drawing:
        write(f"{options.out}/speed.svg", drawing)
    print(f"written: {options.out}/speed.json, speed.md" + (", speed.svg" if drawing else ""))


if __name__ == "__main__":
    main()
