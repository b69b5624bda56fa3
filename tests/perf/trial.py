# SPDX-License-Identifier: Apache-2.0
"""Runs the contenders, each in its turn, on databases of their own."""

import os
import time

from perf import contenders, measure, wire

NOTHING_RUNS = 3  # in each round: they are short
START_RUNS = 10
SETTLE_S = 0.1  # for the postmaster to take note of a session's end

ACCESS = ("trust", "tls")

# How a database is told that all is applied, without doing it: that would take for ever.
ADOPT_DBMATE = """
CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);
INSERT INTO schema_migrations SELECT generate_series({first}, {last});
"""
ADOPT_GOLANG_MIGRATE = """
CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
INSERT INTO schema_migrations VALUES ({last}, false);
"""


class Trial:
    """Gives its samples to `results`. Another than pgstride that takes longer than `patience_s` is
    run once alone."""

    def __init__(self, cluster, patience_s, results):
        self.cluster = cluster
        self.patience_s = patience_s
        self.results = results
        self.wire = wire.Wire(cluster.port)
        self._too_long = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wire.stop()

    def _target(self, dbname, access, rtt):
        password = self.cluster.password if access == "tls" else ""
        port = self.wire.port if rtt else self.cluster.port
        return contenders.Target(port, dbname, self.cluster.superuser, password)

    def _server_cpu_seconds(self):
        """Of all the server's sessions that have ended."""
        time.sleep(SETTLE_S)
        with open(f"/proc/{self.cluster.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def _run(self, key, commands):
        """Run them; enter what they took, with the server's part and the round trips."""
        before = self._server_cpu_seconds()
        sample = measure.run_all(commands)
        server = self._server_cpu_seconds() - before
        trips = self.wire.report()["round_trips"]
        self.results.add(key, sample, server, trips if key.rtt else None)
        return sample.seconds

    def apply(self, found, number, name, made, access, rtt):
        """One round of one setting: up, up again, down, on a new database for each contender."""
        self.wire.set_round_trip(rtt)
        for contender in found:
            if contender.name == contenders.PSQL_EACH and access == "tls":
                continue  # a thousand handshakes: it is slow enough without
            if (contender.name, name, access, rtt) in self._too_long:
                continue
            dbname = self.cluster.create_database()
            self.cluster.psql(dbname, "CHECKPOINT")  # none of it shall be the one after's
            url = self._target(dbname, access, rtt).url
            folder = made.folder(contender.layout)
            key = self.results.key(contender.name, name, access, rtt)
            taken = self._run(key("apply"), contender.commands("up", url, folder))
            for _ in range(NOTHING_RUNS):
                self._run(key("nothing"), contender.commands("nothing", url, folder))
            if contender.down:
                taken += self._run(key("down"), contender.commands("down", url, folder))
            self.cluster.drop_database(dbname)
            if taken > self.patience_s and contender.name != contenders.PGSTRIDE:
                self._too_long.add((contender.name, name, access, rtt))
            print(f"round {number + 1}: {name}, {access}, +{rtt:g} ms, {contender.name}: "
                  f"{taken:.2f} s", flush=True)

    def start(self, found, rounds):
        """How long --version takes."""
        for _ in range(rounds * START_RUNS):
            for contender in found:
                if contender.name != contenders.PSQL_EACH:
                    self.results.add(self.results.key(contender.name)("start"),
                                     measure.run(contender.version(contender.program)))

    def scan(self, found, size, made, rounds):
        """A folder of so many files, nothing pending; and pgstride's `verify --offline`."""
        first, last = made.migrations[0].version, made.migrations[-1].version
        ready = []
        for contender in found:
            if contender.name in (contenders.PGSTRIDE, contenders.DBMATE, contenders.GOLANG_MIGRATE):
                ready.append((contender, self._adopted(contender, made, first, last)))
        for _ in range(rounds):
            for contender, dbname in ready:
                url = self._target(dbname, "trust", 0).url
                folder = made.folder(contender.layout)
                key = self.results.key(contender.name, f"scan {size}")
                self._run(key("nothing"), contender.commands("nothing", url, folder))
                if contender.name == contenders.PGSTRIDE:
                    self._run(key("verify"), [
                        [contender.program, "--path", folder, "verify", "--offline"]
                    ])
        for _, dbname in ready:
            self.cluster.drop_database(dbname)

    def _adopted(self, contender, made, first, last):
        """A new database in which all of these count as applied: its name."""
        dbname = self.cluster.create_database()
        if contender.name == contenders.PGSTRIDE:
            url = self._target(dbname, "trust", 0).url
            measure.run([contender.program, "--database", url, "--path",
                         made.folder(contender.layout), "baseline", str(last)])
        else:
            sql = ADOPT_DBMATE if contender.name == contenders.DBMATE else ADOPT_GOLANG_MIGRATE
            self.cluster.psql(dbname, sql.format(first=first, last=last))
        return dbname
