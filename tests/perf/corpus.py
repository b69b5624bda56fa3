# SPDX-License-Identifier: Apache-2.0
"""The migrations that speed is measured with, and how a program's run is measured."""

import os
import statistics
import subprocess
import tempfile
import time
import typing

FIRST_VERSION = 20240101000000
INSERT_BYTES = 512


def make_files(count):
    """Half tables with an index, half ALTER TABLE: {name: sql}, oldest first."""
    files = {}
    for number in range(count):
        table = f"item_{number // 2}"
        if number % 2 == 0:
            title = f"create_{table}"
            sql = (
                f"CREATE TABLE {table} (\n"
                "    id bigint PRIMARY KEY,\n"
                "    name text NOT NULL\n"
                ");\n"
                f"CREATE INDEX {table}_name ON {table} (name);\n"
            )
        else:
            title = f"alter_{table}"
            sql = f"ALTER TABLE {table} ADD COLUMN price numeric NOT NULL DEFAULT 0;\n"
        files[f"{FIRST_VERSION + number}_{title}.up.sql"] = sql
    return files


def make_large_file(size_bytes):
    """One file of INSERTs, of about this size: {name: sql}."""
    insert = "INSERT INTO large (text) VALUES ('{}');\n"
    line = insert.format("x" * (INSERT_BYTES - len(insert) + len("{}")))
    sql = "CREATE TABLE large (text text);\n" + line * (size_bytes // len(line))
    return {"1_large.up.sql": sql}


class Corpus(typing.NamedTuple):
    """The same SQL as pgstride's folder, and as one text in order."""

    folder: str
    text: str  # a file's path

    @property
    def files(self):
        """The migration files' paths, in order."""
        return [os.path.join(self.folder, name) for name in sorted(os.listdir(self.folder))]


def write_corpus(place, files):
    """Write these files below the folder `place`: a Corpus."""
    corpus = Corpus(os.path.join(place, "migrations"), os.path.join(place, "all.sql"))
    os.mkdir(corpus.folder)
    for name, sql in files.items():
        with open(os.path.join(corpus.folder, name), "w", encoding="utf-8") as file:
            file.write(sql)
    with open(corpus.text, "w", encoding="utf-8") as file:
        file.writelines(files.values())
    return corpus


def run_seconds(command):
    """The wall time of a command that must succeed. What it prints goes to a file."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        status = subprocess.call(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        seconds = time.perf_counter() - started
        if status != 0:
            output.seek(0)
            text = output.read()[-4000:].decode(errors="replace")
            raise AssertionError(f"{command[0]} ended with status {status}:\n{text}")
    return seconds


def peak_bytes(command):
    """The peak of resident memory of a command that must succeed.

    By time(1), since a child's figure starts from what its parent has: Python has more.
    """
    with tempfile.NamedTemporaryFile("r", encoding="ascii") as report:
        run_seconds(["/usr/bin/time", "--format=%M", f"--output={report.name}", *command])
        return int(report.read()) * 1024


class Tools(typing.NamedTuple):
    """The commands that are compared, against one cluster."""

    cluster: typing.Any
    binary: str

    def pgstride(self, dbname, folder, command="up"):
        url = self.cluster.url(dbname, host=self.cluster.socket_dir)
        return [self.binary, "--database", url, "--path", folder, command]

    def psql(self, dbname, *arguments):
        """psql itself: Debian's /usr/bin/psql is a script that looks for it."""
        return [
            f"{self.cluster.bin}/psql", "-Xq", "-v", "ON_ERROR_STOP=1",
            f"--host={self.cluster.socket_dir}", f"--port={self.cluster.port}",
            f"--username={self.cluster.superuser}", f"--dbname={dbname}", *arguments,
        ]


def compare_on_fresh_databases(cluster, contenders, rounds):
    """Run each contender on a database of its own, in turns: {name: median seconds}.

    contenders: {name: function of a database's name that gives the commands to run}
    """
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, commands in contenders.items():
            dbname = cluster.create_database()
            cluster.psql(dbname, "CHECKPOINT")  # none of it shall be the one after's
            seconds[name].append(sum(run_seconds(command) for command in commands(dbname)))
            cluster.drop_database(dbname)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def median_seconds(command, rounds):
    return statistics.median(run_seconds(command) for _ in range(rounds))
