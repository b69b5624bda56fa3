# SPDX-License-Identifier: Apache-2.0
"""What an application feels while a migration waits behind an open transaction.

The application is pgbench: clients that read and write single rows at a steady rate. A
latency counts from the moment that a transaction was due, so what piles up counts too.
"""

import glob
import os
import statistics
import subprocess
import tempfile
import time
import typing

from perf import corpus
from support.cluster import clean_environment

CLIENTS = 8
RATE = 200  # transactions a second
HEAD_S, TAIL_S = 2, 10  # of the application, before the migration and after the blocker
GIVEN_UP_S = 120

WORK = """\
\\set id random(1, :rows)
SELECT balance FROM account WHERE id = :id;
UPDATE account SET balance = balance + 1 WHERE id = :id;
"""

MIGRATIONS = [corpus.Migration(
    corpus.FIRST_VERSION, "add_note_to_account",
    "ALTER TABLE account ADD COLUMN note text;\n",
    "ALTER TABLE account DROP COLUMN note;\n",
)]


class Stall(typing.NamedTuple):
    worst_s: float  # the longest that a transaction took
    dead_s: float   # the seconds in which none was answered
    after_s: float  # from the blocker's end to the migration's


def fill(cluster, rows):
    """A database to be copied for each try: its name."""
    name = cluster.create_database()
    cluster.psql(name, "CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, filler text);"
                       f"INSERT INTO account SELECT n, 0, repeat('x', 60) FROM generate_series(1, {rows}) n;"
                       "VACUUM ANALYZE account")
    return name


def start_application(cluster, dbname, rows, seconds, place):
    script = os.path.join(place, "work.sql")
    with open(script, "w", encoding="ascii") as file:
        file.write(WORK)
    return subprocess.Popen(
        [f"{cluster.bin}/pgbench", "--no-vacuum", f"--host={cluster.socket_dir}",
         f"--port={cluster.port}", f"--username={cluster.superuser}", f"--file={script}",
         f"--define=rows={rows}", f"--client={CLIENTS}", f"--rate={RATE}", f"--time={seconds}",
         "--log", f"--log-prefix={place}/latency", dbname],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=clean_environment(),
    )


def read_latencies(place):
    """(when it ended, how long it took) of each transaction, in seconds."""
    for name in glob.glob(f"{place}/latency.*"):
        with open(name, encoding="ascii") as file:
            for line in file:
                _, _, taken_us, _, epoch_s, epoch_us, *_ = line.split()
                yield int(epoch_s) + int(epoch_us) / 1e6, int(taken_us) / 1e6


def open_transaction(cluster, dbname):
    """A session that has read the table and stays in its transaction, as a dump does."""
    session = cluster.start_psql(dbname)
    session.stdin.write("BEGIN;\nSELECT balance FROM account WHERE id = 1;\n\\echo ready\n")
    session.stdin.flush()
    while session.stdout.readline() != "ready\n":
        if session.poll() is not None:
            raise AssertionError("the blocker has ended")
    return session


def run(command, log):
    return subprocess.Popen(command, env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def end(processes):
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def measure(cluster, template, rows, commands, blocked_s, tail_s=TAIL_S):
    """One try. commands: a function of a database's name: the contender's one command."""
    dbname = cluster.create_database(template)
    with tempfile.TemporaryDirectory(prefix="pgstride-stall-") as place, \
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        blocker = open_transaction(cluster, dbname)
        application = start_application(
            cluster, dbname, rows, HEAD_S + round(blocked_s) + tail_s, place)
        time.sleep(HEAD_S)
        migration = run(commands(dbname), log)
        try:
            time.sleep(blocked_s)
            blocker.stdin.write("COMMIT;\n")
            blocker.stdin.close()
            released = time.monotonic()
            status = migration.wait(GIVEN_UP_S)
            after_s = time.monotonic() - released
            said = application.communicate(timeout=GIVEN_UP_S)[0]
        finally:
            end((migration, application, blocker))
            blocker.stdout.close()
        latencies = list(read_latencies(place))
        log.seek(0)
        if status != 0 or application.returncode != 0 or not latencies:
            raise AssertionError(f"status {status} of the migration:\n{log.read()}\n"
                                 f"{application.returncode} of the application:\n{said}")
    cluster.drop_database(dbname)
    ends = sorted(when for when, _ in latencies)
    gaps = (later - sooner for sooner, later in zip(ends, ends[1:]))
    return Stall(max(taken for _, taken in latencies),
                 sum(gap for gap in gaps if gap >= 1), after_s)


def medians(stalls):
    return Stall(*(statistics.median(values) for values in zip(*stalls)))
