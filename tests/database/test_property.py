#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random folders, commands, kills and edits: what holds after every step.

In the suite, SEEDS seeds, as far as SUITE_S goes; PGSTRIDE_SEED=N runs that one alone. For longer:
test_property.py [--from N] [--seeds N] [--stop].
"""

import argparse
import json
import os
import random
import re
import signal
import sys
import time
import traceback
import unittest

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from database.case import DatabaseCase
from database.model import (
    NOTHING, Attempt, Folder, Goal, Part, State, effects, plan, sql_text)
from support.cluster import Cluster

SEEDS = 25
SUITE_S = 50  # a busy machine tries fewer
STEPS = 7
OURS = ("--exclude-table=schema_migrations", "--exclude-table=pgstride_history")
CONCLUDED = ("applied", "adopted", "forced")

STATE = """
SELECT json_build_object(
    'rows', (SELECT coalesce(json_agg(json_build_array(version, dirty)), '[]')
               FROM schema_migrations),
    'history', (SELECT coalesce(json_agg(h ORDER BY id), '[]')
                  FROM (SELECT id, version, direction, checksum, statements_done AS done,
                               outcome, finished_at::text AS at
                          FROM pgstride_history) AS h))
"""
OTHERS = """
  FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
COLUMNS = re.compile(r"^(CREATE TABLE \S+ \(\n)(.*?)(^\);)", re.M | re.S)
COPIED = re.compile(r"^COPY (\S+) \(([^)]*)\) FROM stdin;\n(.*?)^\\\.$", re.M | re.S)


def in_any_order(dump):
    """A dump whose columns and rows are sorted: their order tells nothing."""
    def columns(found):
        return found[1] + "\n".join(sorted(
            line.rstrip(",") for line in found[2].splitlines())) + "\n" + found[3]

    def rows(found):
        names = ", ".join(sorted(found[2].split(", ")))
        return f"COPY {found[1]} ({names})\n" + "\n".join(sorted(found[3].splitlines())) + "\n\\."

    return COPIED.sub(rows, COLUMNS.sub(columns, dump))


class Reference:
    """A database that psql builds, and what pg_dump says of it."""

    def __init__(self, case):
        self.case = case
        self.dbname = None
        self.done = []
        self.known = {}

    def dump(self, statements):
        key = tuple(statements)
        if key not in self.known:
            self.build(statements)
            self.known[key] = in_any_order(self.case.cluster.dump(self.dbname, *OURS, data=True))
        return self.known[key]

    def build(self, statements):
        if self.dbname is None or statements[:len(self.done)] != self.done:
            self.dbname = self.case.new_database()
            self.done = []
        self.case.cluster.psql(self.dbname, sql_text(statements[len(self.done):]))
        self.done = list(statements)


class Run:
    """One seed: a folder, a database, and a step after the other."""

    def __init__(self, case, seed):
        self.case = case
        self.random = random.Random(seed)
        self.folder = Folder(self.random)
        self.path = case.folder()
        self.server = case.session("SET client_min_messages = error;")
        self.reference = Reference(case)
        self.state = State(None, {}, {})
        self.rows = []  # of the history
        self.ran = {}  # version -> the statements that it was applied with
        self.void = set()  # the attempts that a person cleared away, by id
        self.story = []
        self.output = ""
        self.moment_s = 0.1  # how long a run takes that does nothing

    # what is asked

    def ask(self, sql):
        self.server.stdin.write(f"{sql};\n\\echo ready\n")
        self.server.stdin.flush()
        lines = []
        for line in self.server.stdout:
            if line == "ready\n":
                break
            lines.append(line)
        answer = "".join(lines).rstrip("\n")
        self.check("ERROR:" not in answer, f"the model's own SQL failed: {sql}\n{answer}")
        return answer

    def check(self, is_good, message):
        if not is_good:
            raise AssertionError(message)

    def tell(self, what):
        self.story.append(what)

    def write(self):
        files = self.folder.files()
        for name, text in files.items():  # whole at once: another run may be reading
            draft = os.path.join(self.path, ".draft")
            with open(draft, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(draft, os.path.join(self.path, name))

    # pgstride

    def start(self, *words):
        self.write()
        url = self.case.cluster.url(self.case.dbname, host=self.case.cluster.socket_dir)
        return self.case.start_pgstride("--database", url, "--path", self.path, *words)

    def finish(self, process):
        result = self.case.finish(process)
        self.output = f"status {result.status}\n{result.stdout}{result.stderr}"
        for _ in range(2000):
            if self.ask(f"SELECT count(*) {OTHERS}") == "0":
                return result.status
            time.sleep(0.005)
        raise AssertionError("its backend stays")

    def execute(self, words, interruption=None):
        """Run a command, and interrupt it at a random moment: its status."""
        process = self.start(*words)
        if interruption:
            time.sleep(self.random.uniform(0, self.moment_s + self.random.choice((0, 0.1, 0.3))))
        if interruption == "SIGKILL":
            process.kill()
        elif interruption == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        elif interruption == "terminated":
            self.ask(f"SELECT count(pg_terminate_backend(pid)) {OTHERS}")
        elif interruption == "held":
            self.hold(process)
        elif interruption == "rival":
            rival = self.start(*words)
            status = self.finish(process)
            output = self.output
            self.check(status == self.finish(rival), f"{output}its rival:\n{self.output}")
            self.output = output + "its rival:\n" + self.output
            self.tell(f"pgstride {' '.join(words)}, twice at once: {status}")
            return status
        status = self.finish(process)
        self.tell(f"pgstride {' '.join(words)}" + (f" ({interruption})" if interruption else "")
                  + f": {status}")
        return status

    def hold(self, process):
        """Kill it, and its session, where it is about to record: the narrowest place."""
        if self.rows:
            self.ask("BEGIN; LOCK TABLE pgstride_history IN SHARE MODE")
        time.sleep(0.1)
        process.kill()
        self.ask(f"SELECT count(pg_terminate_backend(pid)) {OTHERS}")
        for _ in range(1000):
            if self.ask(f"SELECT pg_stat_clear_snapshot(); SELECT count(*) {OTHERS}").strip() == "0":
                break
            time.sleep(0.005)
        if self.rows:
            self.ask("COMMIT")

    # what is seen

    def look(self):
        """Read the database; check that it does not contradict itself."""
        before = {row["id"]: row for row in self.rows}
        old = self.state
        if self.ask("SELECT to_regclass('pgstride_history')") == "":
            if self.ask("SELECT to_regclass('schema_migrations')"):
                self.check(self.ask("SELECT count(*) FROM schema_migrations") == "0", "a row")
            seen = {"rows": [], "history": []}
        else:
            seen = json.loads(self.ask(STATE))
        self.rows = seen["history"]
        self.check(len(seen["rows"]) <= 1, f"schema_migrations has {seen['rows']}")
        row = tuple(seen["rows"][0]) if seen["rows"] else None

        concluded, attempts = {}, {}
        for entry in self.rows:
            version = entry["version"]
            if entry["outcome"] in CONCLUDED:
                concluded[version] = entry
                attempts.pop(version, None)
            elif entry["id"] not in self.void and (
                    entry["done"] > 0 or entry["checksum"] == NOTHING):
                if entry == before.get(entry["id"]) and version in old.attempts:
                    attempts[version] = old.attempts[version]
                else:
                    attempts[version] = self.attempt(entry)
        applied = sorted((entry for entry in concluded.values() if entry["direction"] == "up"),
                         key=lambda entry: (entry["at"], entry["id"]))
        for entry in applied:
            if entry != before.get(entry["id"]) and entry["outcome"] == "applied":
                migration = self.folder.migrations[entry["version"]]
                self.check(entry["checksum"] == migration.checksum(), f"not the file's: {entry}")
                self.ran[entry["version"]] = effects(migration.up())
        self.state = State(row, {entry["version"]: entry["checksum"] for entry in applied}, attempts)
        self.check_row()

    def attempt(self, entry):
        migration = self.folder.migrations[entry["version"]]
        is_up = entry["direction"] == "up"
        self.check(migration.is_alone if is_up else migration.is_down_alone,
                   f"an attempt at a transactional file: {entry}")
        return Attempt(entry["version"], is_up, entry["id"], entry["done"],
                       migration.up() if is_up else migration.down(), migration.note)

    def check_row(self):
        """The version's row against the history."""
        row, dirty, state = self.state.row, self.state.dirty, self.state
        open_ones = [attempt for attempt in state.attempts.values()
                     if attempt.is_up == (attempt.version not in state.applied)]
        self.check(len(open_ones) == len(state.attempts), f"attempts: {state.attempts}")
        if row and row[1]:
            self.check(dirty, f"dirty, and no attempt says why: {row}")
            expected = dirty.version if dirty.is_up else max(
                (version for version in state.applied if version != dirty.version), default=-1)
            others = max((version for version in state.applied if version != dirty.version),
                         default=-1)
            self.check(others < dirty.version, "dirty by a late one")
        else:
            expected = max(state.applied, default=None)
            late = [attempt for attempt in state.attempts.values()
                    if not attempt.is_up or not row or attempt.version > row[0]]
            self.check(not late, f"not dirty, and yet half done: {late}")
        self.check((row[0] if row else None) == expected, f"the row {row}, the history {expected}")

    def check_status(self):
        """`pgstride status` against the history."""
        begun = time.monotonic()
        process = self.start("--format", "json", "status")
        status = self.finish(process)
        self.moment_s = time.monotonic() - begun
        self.check(status == 0, "status failed")
        answer = json.loads(self.output.split("\n")[1])
        state, dirty = self.state, self.state.dirty
        self.check((answer["version"], answer["dirty"]) == (
            state.row[0] if state.row else None, bool(dirty)), "status: version")
        expected = {}
        for version in self.folder.versions():
            checksum = state.applied.get(version)
            word = "pending" if version not in state.applied else "applied"
            if checksum and checksum != self.folder.migrations[version].checksum():
                word = "changed"
            if dirty and dirty.version == version:
                word = "failed"
            expected[version] = word
        told = {row["version"]: row["state"] for row in answer["migrations"]}
        self.check(told == expected, f"status says {told}, the history {expected}")
        self.check(answer["pending"] == sum(
            word in ("pending", "failed") for word in expected.values()), "status: pending")

    def check_schema(self, is_interrupted):
        """The real schema against psql's; an attempt may be one statement further."""
        real = in_any_order(self.case.cluster.dump(self.case.dbname, *OURS, data=True))
        base = [text for version in self.state.applied for text in self.ran[version]]
        attempts = list(self.state.attempts.values())
        for attempt in attempts:
            base += effects(attempt.statements[:attempt.done])
        wanted = self.reference.dump(base)
        if real == wanted:
            return
        for attempt in attempts if is_interrupted else ():
            more = effects(attempt.statements[attempt.done:attempt.done + 1])
            if more and real == self.reference.dump(base + more):
                self.tell(f"one statement more than recorded: {more[0]}; taken back by psql")
                self.take_back(attempt, attempt.done)
                self.check_schema(False)
                return
        self.case.assertMultiLineEqual(wanted, real, "the schema is not psql's")

    def take_back(self, attempt, index):
        """Undo this statement of the attempt by psql."""
        parts = self.folder.migrations[attempt.version].parts
        for part in parts:
            if attempt.is_up and part.up == attempt.statements[index]:
                self.psql([part.undo])
            if not attempt.is_up and part.down == attempt.statements[index]:
                self.psql([part.undo, part.up])

    def psql(self, statements):
        self.case.cluster.psql(self.case.dbname, sql_text(statements))

    def observe(self, is_interrupted=False):
        output = self.output
        self.look()
        self.check_schema(is_interrupted)
        self.check_status()
        self.output = output

    # steps

    def mistakes(self, version, is_up):
        """Where this file fails, or None."""
        migration = self.folder.migrations[version]
        return migration.fail_at if is_up else migration.down_fail_at

    def command(self, goal, interruption=None):
        before, rows = self.state, self.rows
        expected = plan(self.folder, before, goal)
        path = [set(before.applied)]
        is_failing = False
        for version, is_up in expected.steps:
            if self.mistakes(version, is_up) is not None:
                is_failing = True
                break
            path.append(path[-1] ^ {version})
        if interruption == "rival" and not self.can_have_rival(goal):
            interruption = None
        status = self.execute(goal.words(), interruption)
        interruption = None if interruption == "rival" else interruption
        self.observe(bool(interruption))
        reached = set(self.state.applied)
        whole = set(before.applied) ^ {version for version, _ in expected.steps}
        is_there = reached == whole and not self.is_half_done(expected)
        if expected.is_refused:
            self.check(status != 0, "it should have refused")
            self.check((before, rows) == (self.state, self.rows), "refused, and yet it wrote")
            return
        self.check(reached in path, f"{reached} is not on its way: {path}")
        self.check(status != 0 or is_there, f"exit 0 at {reached}, not at {whole}")
        if not interruption:
            self.check((status == 0) == is_there, f"exit {status}, wanted {whole}")
            self.check(reached == path[-1], f"stopped at {reached}, not at {path[-1]}")
            self.check(status == (1 if is_failing else 0), f"exit {status}")
        elif is_there and reached != set(before.applied) and interruption in ("SIGTERM", "terminated"):
            self.check(status in (0, -signal.SIGTERM), f"exit {status}, and yet all was done")
        if is_failing and status == 1 and not interruption:
            self.check_failed(*expected.steps[len(path) - 1])

    @staticmethod
    def can_have_rival(goal):
        """Two runs at once mean one, whatever became of the lock."""
        return goal.way == "up" and not goal.limit

    def is_half_done(self, expected):
        return any(version in self.state.attempts for version, _ in expected.steps)

    def check_failed(self, version, is_up):
        """How far a file came that fails: nowhere, or to its mistake."""
        migration = self.folder.migrations[version]
        attempt = self.state.attempts.get(version)
        is_alone = migration.is_alone if is_up else migration.is_down_alone
        self.check(bool(attempt) == is_alone, f"{version} left an attempt: {attempt}")
        if attempt and (migration.mode != "own" or not is_up):
            self.check(attempt.done == self.mistakes(version, is_up) or migration.mode == "single",
                       f"{attempt.done} done, the mistake is at {self.mistakes(version, is_up)}")

    def random_goal(self):
        random = self.random
        late = random.choice(("fail", "fail", "apply", "apply", "skip"))
        drift = random.choice(("fail", "fail", "warn"))
        way = random.choice(("up", "up", "up", "up", "down", "down", "goto", "goto"))
        limit = random.randint(1, 3) if random.random() < 0.5 else 0
        if way == "goto":
            return Goal("goto", 0, random.choice(self.folder.versions()), late, drift)
        return Goal(way, limit, 0, late, drift)

    def step_command(self):
        interruption = self.random.choice(
            (None,) * 4 + ("SIGKILL", "SIGTERM", "terminated", "held", "rival"))
        self.command(self.random_goal(), interruption)

    def step_mend(self):
        self.folder.mend()
        self.tell("all files are mended")

    def editable(self):
        return [migration for migration in self.folder.migrations.values()
                if migration.mode != "single"]

    def step_edit(self):
        """A pending file grows, or one of any kind gets a comment."""
        pending = [migration for migration in self.editable()
                   if migration.version not in self.state.applied]
        if pending and self.random.random() < 0.5:
            migration = self.random.choice(pending)
            self.folder.serial += 1
            name = f"e{migration.version}_{self.folder.serial}"
            migration.parts.append(Part(f"CREATE TABLE {name} (a int)", f"DROP TABLE {name}"))
            self.tell(f"{migration.name} grows by {name}")
            return
        migration = self.random.choice(list(self.folder.migrations.values()))
        migration.note = "" if migration.note else "-- edited\n"
        self.tell(f"{migration.name} {'is edited' if migration.note else 'is put back'}")

    def step_late(self):
        free = set(range(1, max(self.folder.versions()) + 3)) - set(self.folder.versions())
        if free:
            made = self.folder.add(self.random.choice(sorted(free)), 0.3)
            self.tell(f"{made.name} is added")

    def step_force(self):
        """Only to where a person has brought the schema."""
        dirty = self.state.dirty
        if dirty:
            self.force_dirty(dirty)
            return
        if self.state.attempts:
            return
        applied = self.state.applied
        top = max(applied, default=-1)
        target = self.random.choice([*applied, top, -1] + [
            version for version in self.folder.versions() if version > top])
        wanted = {version for version in applied if version <= target}
        for version in sorted(set(applied) - wanted, reverse=True):
            self.psql([part.down for part in reversed(self.folder.migrations[version].parts)])
        for version in self.folder.versions():
            if top < version <= target:
                self.by_hand(version)
                wanted.add(version)
        self.force(target, wanted)

    def by_hand(self, version):
        migration = self.folder.migrations[version]
        self.ran[version] = [part.up for part in migration.parts]
        self.psql(self.ran[version])

    def force_dirty(self, dirty):
        """Finish by hand what is half done, or take it back."""
        parts = self.folder.migrations[dirty.version].parts
        texts = [part.up if dirty.is_up else part.down for part in parts]
        others = {version for version in self.state.applied if version != dirty.version}
        done = effects(dirty.statements[:dirty.done])
        is_up = dirty.is_up
        if self.random.random() < 0.5:  # finish
            ran = [text for text in texts if text not in done]
            self.psql([part.undo for part in parts if is_up and part.up in ran])
            self.psql(ran if is_up else ran[::-1])
            wanted = others | {dirty.version} if is_up else others
            self.ran[dirty.version] = done + ran
            if is_up:
                wanted |= self.pass_late(max(others, default=-1), dirty.version)
        else:
            for part in (reversed(parts) if is_up else parts):
                self.psql([part.undo])
            if not is_up:
                self.psql([part.up for part in parts])
                self.ran[dirty.version] = [part.up for part in parts]
            wanted = others if is_up else others | {dirty.version}
            self.void.add(dirty.row_id)
        self.force(max(wanted, default=-1), wanted)

    def pass_late(self, above, below):
        """What was added in between counts as applied by a force: it is, then."""
        late = {version for version in self.folder.versions() if above < version < below}
        for version in late:
            self.by_hand(version)
        return late

    def force(self, target, wanted):
        status = self.execute(["force", "--", str(target)])
        self.observe()
        self.check(status == 0, "force failed")
        self.check(set(self.state.applied) == wanted, f"forced to {wanted}")

    def to_the_end(self):
        """With all files mended, `up` brings it to the newest version."""
        self.folder.mend()
        for attempt in self.state.attempts.values():
            self.folder.migrations[attempt.version].note = attempt.note
        self.tell("all files are mended, half done ones put back")
        if self.state.dirty and not self.state.dirty.is_up:
            self.command(Goal("down", 1))
        self.command(Goal("up", late="apply", drift="warn"))
        self.check(set(self.state.applied) == set(self.folder.versions()), "not all is applied")
        self.command(Goal("down"))
        self.check(not self.state.applied and self.state.row is None, "not all is reverted")
        self.command(Goal("up"))

    def run(self):
        self.observe()
        if self.folder.is_unlocked:
            self.command(Goal("up"), "rival")
        for _ in range(STEPS):
            steps = [self.step_command] * 7 + [
                self.step_mend, self.step_edit, self.step_edit, self.step_late, self.step_force]
            self.random.choice(steps)()
        self.to_the_end()

    def account(self):
        files = "\n".join(f"--- {name}\n{text}" for name, text in self.folder.files().items())
        rows = "\n".join(map(str, self.rows))
        return "\n".join(["steps:", *self.story, "the last command:", self.output, "history:", rows,
                          str(self.state.row), "the folder:", files])


class Property(DatabaseCase):
    """On a server of its own, which need not outlive a crash and so is quick."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Cluster.start()
        cls.addClassCleanup(cls.server.stop)
        cls.server.stop_fast()
        with open(f"{cls.server.data}/postgresql.conf", "a", encoding="ascii") as file:
            file.write("fsync = off\nfull_page_writes = off\nautovacuum = off\n")
        cls.server.start_again()

    @property
    def cluster(self):
        return self.server

    def try_seed(self, seed):
        """One seed, in a database of its own."""
        self.setUp()
        run = Run(self, seed)
        try:
            run.run()
        except Exception as failure:
            where = traceback.extract_tb(failure.__traceback__)
            calls = " > ".join(f"{frame.name}:{frame.lineno}" for frame in where[1:])
            raise AssertionError(
                f"PGSTRIDE_SEED={seed}: {failure}\n({calls})\n{run.account()}") from None
        finally:
            self.doCleanups()

    def test_it_is_always_where_it_says(self):
        chosen = os.environ.get("PGSTRIDE_SEED")
        until = time.monotonic() + SUITE_S
        for seed in [int(chosen)] if chosen else range(1, SEEDS + 1):
            if time.monotonic() > until:
                break
            with self.subTest(seed=seed):
                self.try_seed(seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", type=int, default=1, dest="first", metavar="N",
                        help="the first seed")
    parser.add_argument("--stop", action="store_true", help="at the first that fails")
    parser.add_argument("--seeds", type=int, default=500, metavar="N", help="how many")
    options = parser.parse_args()
    Property.setUpClass()
    case = Property("test_it_is_always_where_it_says")
    failed = []
    for seed in range(options.first, options.first + options.seeds):
        try:
            case.try_seed(seed)
        except AssertionError as failure:
            failed.append(seed)
            print(failure, flush=True)
            if options.stop:
                break
    print(f"{options.seeds - len(failed)} of {options.seeds} seeds hold; failed: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
