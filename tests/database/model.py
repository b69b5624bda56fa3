# SPDX-License-Identifier: Apache-2.0
"""A random folder of migrations, and what each command is to do with it."""

import hashlib
import re
import typing

NOTHING = hashlib.sha256(b"").hexdigest()
SLEEP = "SELECT pg_sleep(0.05)"


class Part(typing.NamedTuple):
    """One statement of an up file, and what reverts it."""

    up: str
    down: str

    @property
    def undo(self):
        """What a person types, who does not know whether it is there."""
        text = re.sub(r"^DROP (TABLE|INDEX|FUNCTION) (CONCURRENTLY )?", r"DROP \1 IF EXISTS ",
                      self.down)
        return text.replace("DROP COLUMN ", "DROP COLUMN IF EXISTS ")


def sql_text(statements):
    """Statements as a file has them; COPY brings its end along."""
    return "".join(text + ("\n" if text.startswith("COPY") else ";\n") for text in statements)


class Migration:
    """A pair of files.

    mode      plain, wrapped (in BEGIN and COMMIT), alone (by directive), single (a concurrent
              index), own (two transactions of its own)
    fail_at   the statement, from 0, that stands before a mistake; None when there is none
    """

    def __init__(self, version, mode, parts, is_down_alone):
        self.version = version
        self.mode = mode
        self.parts = parts
        self.is_down_alone = is_down_alone
        self.fail_at = None
        self.down_fail_at = None
        self.note = ""  # at the head of the up file: an edit

    @property
    def name(self):
        return f"{self.version}_m"

    @property
    def is_alone(self):
        return self.mode in ("alone", "single", "own")

    def up(self):
        """The statements of the up file, the mistake included."""
        texts = [part.up for part in self.parts]
        if self.mode == "wrapped":
            texts = ["BEGIN", *texts, "COMMIT"]
        elif self.mode == "own":
            half = (len(texts) + 1) // 2
            texts = ["BEGIN", *texts[:half], "COMMIT", "BEGIN", *texts[half:], "COMMIT"]
        if self.fail_at is not None and self.mode == "single":
            return [texts[0].replace("CREATE INDEX", "CREATE UNIQUE INDEX")]
        if self.fail_at is not None:
            texts.insert(self.fail_at, f"SELECT mistake_{self.version}")
        return texts

    def down(self):
        texts = [part.down for part in reversed(self.parts)]
        if self.down_fail_at is not None:
            texts.insert(self.down_fail_at, f"SELECT mistake_{self.version}")
        return texts

    def up_text(self):
        head = "-- pgstride: no-transaction\n" if self.mode == "alone" else ""
        return head + self.note + sql_text(self.up())

    def down_text(self):
        return ("-- pgstride: no-transaction\n" if self.is_down_alone else "") + sql_text(
            self.down())

    def checksum(self):
        """As the history has it: newlines at the end do not count."""
        return hashlib.sha256(self.up_text().rstrip("\n").encode()).hexdigest()

    def files(self):
        return {f"{self.name}.up.sql": self.up_text(), f"{self.name}.down.sql": self.down_text()}


def effects(statements):
    """Without the transaction control, which a reference does not need."""
    return [text for text in statements if text not in ("BEGIN", "COMMIT")]


class Folder:
    """The migrations by version; grows from one source of chance."""

    def __init__(self, random):
        self.random = random
        self.migrations = {}
        self.serial = 0
        self.is_unlocked = random.random() < 0.15
        version = 0
        for _ in range(random.randint(3, 8)):
            version += random.choice((1, 2, 2, 3, 10))
            self.add(version, 0.2)
        if self.is_unlocked:  # the lock is courtesy: no transactional file depends on it
            second = self.migrations[self.versions()[1]]
            second.parts.insert(0, Part("SELECT pg_advisory_unlock_all()", "SELECT 1"))
            second.parts.append(Part("SELECT pg_sleep(0.3)", "SELECT 1"))

    def versions(self):
        return sorted(self.migrations)

    def files(self):
        return {name: text for version in self.versions()
                for name, text in self.migrations[version].files().items()}

    def tables(self, letter, version):
        """The tables of earlier versions that nothing but their own migration drops."""
        return [table for earlier in self.versions() if earlier < version
                for part in self.migrations[earlier].parts
                for table in re.findall(rf"^CREATE TABLE ({letter}\d+) ", part.up)]

    def parts(self, version, count):
        """Statements that depend on earlier versions alone."""
        random, parts = self.random, []
        tables = self.tables("t", version)
        while len(parts) < count:
            self.serial += 1
            name = f"{version}_{self.serial}"
            kind = random.choice(("table", "column", "column", "index", "data", "insert", "do",
                                  "function", "sleep", "sleep"))
            if kind == "sleep":
                parts.append(Part(SLEEP, "SELECT 1"))
            elif kind == "do":
                parts.append(Part(
                    f"DO $$ BEGIN CREATE TABLE x{name} (a int); INSERT INTO x{name} VALUES (1);"
                    " END $$", f"DROP TABLE x{name}"))
            elif kind == "function":
                parts.append(Part(f"CREATE FUNCTION f{name}() RETURNS int LANGUAGE sql AS"
                                  " $$ SELECT 1; $$", f"DROP FUNCTION f{name}()"))
            elif kind == "column" and tables:
                table = random.choice(tables)
                parts.append(Part(f"ALTER TABLE {table} ADD COLUMN c{name} int DEFAULT 7",
                                  f"ALTER TABLE {table} DROP COLUMN c{name}"))
            elif kind == "index" and tables:
                parts.append(Part(f"CREATE INDEX i{name} ON {random.choice(tables)} (id)",
                                  f"DROP INDEX i{name}"))
            elif kind in ("data", "insert"):
                data = f"d{version}"
                if not any(part.up.startswith(f"CREATE TABLE {data} ") for part in parts):
                    parts.append(Part(f"CREATE TABLE {data} (n int)", f"DROP TABLE {data}"))
                elif kind == "data":
                    parts.append(Part(f"COPY {data} FROM stdin;\n{self.serial}\n{self.serial}\n\\.",
                                      f"DELETE FROM {data} WHERE n = {self.serial}"))
                else:
                    parts.append(Part(f"INSERT INTO {data} VALUES ({self.serial})",
                                      f"DELETE FROM {data} WHERE n = {self.serial}"))
            elif not any(part.up.startswith(f"CREATE TABLE t{version} ") for part in parts):
                parts.append(Part(f"CREATE TABLE t{version} (id int, note text)",
                                  f"DROP TABLE t{version}"))
        return parts

    def add(self, version, failing):
        """A migration of this version; with this chance one that fails."""
        random = self.random
        data = self.tables("d", version)
        tables = self.tables("t", version) + data
        modes = ["plain", "plain", "wrapped", "alone", "alone", "own"]
        mode = random.choice(modes + ["single"] * 2 * bool(tables))
        if self.is_unlocked:
            mode = random.choice(("plain", "wrapped"))
        if mode == "single":
            name = f"i{version}_{self.serial}"
            table = random.choice(tables)
            column = "n" if table in data else "id"
            exists = random.choice(("", "IF NOT EXISTS "))
            parts = [Part(f"CREATE INDEX CONCURRENTLY {exists}{name} ON {table} ({column})",
                          f"DROP INDEX CONCURRENTLY {name}")]
        else:
            parts = self.parts(version, random.randint(2, 4))
        if mode != "single" and not self.tables("t", version):
            parts = [Part(f"CREATE TABLE t{version} (id int, note text)", f"DROP TABLE t{version}"),
                     *(part for part in parts if f"TABLE t{version} " not in part.up)]
            if len(parts) < 2:
                parts.append(Part(SLEEP, "SELECT 1"))
        made = Migration(version, mode, parts, random.random() < 0.3 or mode == "single")
        can_fail = mode != "single" or "COPY" in "".join(
            part.up for other in self.migrations.values() for part in other.parts
            if f" {parts[0].up.split(' ON ')[1].split(' ')[0]} " in part.up)
        if can_fail and random.random() < failing:
            is_wrapped = mode in ("wrapped", "own")
            made.fail_at = random.randint(int(is_wrapped), len(made.up()) - int(is_wrapped))
        if mode != "single" and random.random() < failing / 2:
            made.down_fail_at = random.randint(0, len(parts))
        self.migrations[version] = made
        return made

    def mend(self):
        for migration in self.migrations.values():
            migration.fail_at = migration.down_fail_at = None


class Attempt(typing.NamedTuple):
    """What began outside a transaction and is not concluded."""

    version: int
    is_up: bool
    row_id: int
    done: int
    statements: list
    note: str


class Plan(typing.NamedTuple):
    """The steps of a command, (version, is_up) each, or a refusal."""

    is_refused: bool
    steps: list


REFUSED = Plan(True, [])


class Goal(typing.NamedTuple):
    """A command: up, down or goto; how many (0: all), or to where."""

    way: str
    limit: int = 0
    version: int = 0
    late: str = "fail"
    drift: str = "fail"

    def words(self):
        options = ["--out-of-order", self.late] if self.late != "fail" else []
        options += ["--drift", self.drift] if self.drift != "fail" else []
        if self.way == "goto":
            return [*options, "goto", str(self.version)]
        if self.way == "down" and not self.limit:
            return [*options, "down", "--all"]
        return [*options, self.way, *([str(self.limit)] if self.limit else [])]


class State(typing.NamedTuple):
    """What the database said after a step.

    row       (version, dirty), or None
    applied   {version: checksum}, in the order of application
    attempts  {version: Attempt}
    """

    row: tuple
    applied: dict
    attempts: dict

    @property
    def dirty(self):
        """The attempt that left it dirty, or None."""
        if not self.row or not self.row[1]:
            return None
        fit = [attempt for attempt in self.attempts.values()
               if (attempt.version == self.row[0] if attempt.is_up
                   else attempt.version > self.row[0])]
        return max(fit, key=lambda attempt: attempt.row_id, default=None)


def is_changed(migration, attempt):
    """Is the part that ran no longer what the file begins with?"""
    if attempt.done == 0:
        return False
    now = migration.up() if attempt.is_up else migration.down()
    note = migration.note if attempt.is_up else ""
    return note != attempt.note or now[:attempt.done] != attempt.statements[:attempt.done]


def plan_up(folder, state, goal, last):
    dirty = state.dirty
    if dirty and not dirty.is_up:
        return REFUSED
    drifted = [version for version, checksum in state.applied.items()
               if checksum and folder.migrations[version].checksum() != checksum]
    if drifted and goal.drift == "fail":
        return REFUSED
    pending = [version for version in folder.versions() if version not in state.applied]
    late = [version for version in pending if state.row and version < state.row[0]]
    if late and goal.late == "fail":
        return REFUSED
    if goal.late == "skip":
        pending = [version for version in pending if version not in late]
    if dirty:
        pending = [dirty.version, *(version for version in pending if version != dirty.version)]
    if last is not None:
        pending = [version for version in pending
                   if version <= last or (dirty and version == dirty.version)]
    steps = pending[:goal.limit] if goal.limit else pending
    for version in steps:
        attempt = state.attempts.get(version)
        if attempt and is_changed(folder.migrations[version], attempt):
            return REFUSED
    return Plan(False, [(version, True) for version in steps])


def plan_down(folder, state, goal, last):
    dirty = state.dirty
    if dirty and dirty.is_up:
        return REFUSED
    steps = sorted(state.applied, reverse=True)
    if last is not None:
        steps = [version for version in steps
                 if version > last or (dirty and version == dirty.version)]
        if last not in state.applied:
            return REFUSED
    if goal.limit:
        steps = steps[:goal.limit]
    if dirty and is_changed(folder.migrations[dirty.version], dirty):
        return REFUSED
    end = max((version for version in state.applied if version not in steps), default=-1)
    if steps and any(end < version < state.row[0] for version, attempt in state.attempts.items()
                     if attempt.is_up):
        return REFUSED
    return Plan(False, [(version, False) for version in steps])


def plan(folder, state, goal):
    """What pgstride is to do."""
    if goal.way == "up":
        return plan_up(folder, state, goal, None)
    if goal.way == "down":
        return plan_down(folder, state, goal, None)
    dirty = state.dirty
    is_below = state.row and goal.version < state.row[0]
    is_half_reverted = dirty and not dirty.is_up and goal.version <= state.row[0]
    if is_below or is_half_reverted:
        return plan_down(folder, state, goal, goal.version)
    return plan_up(folder, state, goal, goal.version)
