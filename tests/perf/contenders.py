# SPDX-License-Identifier: Apache-2.0
"""What is compared: pgstride, psql, and the migration programs found on this machine."""

import glob
import os
import shutil
import subprocess
import typing
import urllib.parse

from perf.programs import BUILT

NPM_PLACE = os.path.join(BUILT, "npm")


class Target(typing.NamedTuple):
    """A way to a database: over TCP, by trust, or by TLS with a password."""

    port: int
    dbname: str
    user: str
    password: str = ""  # with one: TLS, and SCRAM

    @property
    def url(self):
        login = self.user + (f":{urllib.parse.quote(self.password)}" if self.password else "")
        mode = "require" if self.password else "disable"
        return f"postgres://{login}@127.0.0.1:{self.port}/{self.dbname}?sslmode={mode}"


class Contender(typing.NamedTuple):
    """A program, and the commands that make it do things.

    Each is a function of (program, url, folder) that gives the commands to run, one after the
    other, or None where the program has no such thing.
    """

    name: str
    layout: str  # of perf.corpus
    program: str
    up: typing.Callable
    nothing: typing.Callable  # where all is applied
    down: typing.Optional[typing.Callable]
    version: typing.Callable = lambda program: [program, "--version"]

    def commands(self, what, url, folder):
        return getattr(self, what)(self.program, url, folder)


def one(*words):
    """A single command: words with {program}, {url}, {folder} in them."""
    return lambda program, url, folder: [
        [word.format(program=program, url=url, folder=folder) for word in words]
    ]


def psql_file_by_file(program, url, folder):
    files = sorted(os.listdir(f"{folder}/up"))
    return [[program, *PSQL, "-1", "-f", f"{folder}/up/{name}", url] for name in files]


PSQL = ("-Xq", "-v", "ON_ERROR_STOP=1")
PSQL_VERSION = one("{program}", *PSQL, "-c", "SELECT 1", "{url}")  # it keeps no record

PGSTRIDE, PSQL_ONE, PSQL_EACH = "pgstride", "psql -1", "psql per file"
GOLANG_MIGRATE, DBMATE, GOOSE, TERN = "golang-migrate", "dbmate", "goose", "tern"
NAMES = (PGSTRIDE, PSQL_ONE, PSQL_EACH, GOLANG_MIGRATE, DBMATE, GOOSE, TERN)


def own(binary):
    def command(*words):
        return one("{program}", "--database", "{url}", "--path", "{folder}", *words)
    return Contender(PGSTRIDE, "pairs", binary, command("up"), command("up"), command("down", "--all"))


def psql(program):
    def file(name):
        return one("{program}", *PSQL, "-1", "-f", "{folder}/" + name, "{url}")
    return [
        Contender(PSQL_ONE, "psql", program, file("up.sql"), PSQL_VERSION, file("down.sql")),
        Contender(PSQL_EACH, "psql", program, psql_file_by_file, PSQL_VERSION, None),
    ]


def peers(paths):
    """The other migration programs: {name of the program: its path, or None}."""
    golang = ("{program}", "-path", "{folder}", "-database", "{url}")
    dbmate = ("{program}", "--url", "{url}", "--migrations-dir", "{folder}", "--no-dump-schema")
    goose = ("{program}", "-dir", "{folder}", "postgres", "{url}")
    tern = ("{program}", "migrate", "-m", "{folder}", "--conn-string", "{url}")
    known = {
        "migrate": Contender(GOLANG_MIGRATE, "pairs", paths["migrate"],
                             one(*golang, "up"), one(*golang, "up"), one(*golang, "down", "-all")),
        # It reverts one migration a run. `up` would ask more: whether the database is there.
        "dbmate": Contender(DBMATE, "dbmate", paths["dbmate"],
                            one(*dbmate, "migrate"), one(*dbmate, "migrate"), None),
        "goose": Contender(GOOSE, "goose", paths["goose"],
                           one(*goose, "up"), one(*goose, "up"), one(*goose, "reset")),
        "tern": Contender(TERN, "tern", paths["tern"], one(*tern), one(*tern),
                          one(*tern, "--destination", "0"),
                          lambda program: [program, "version"]),
    }
    return [contender for name, contender in known.items() if paths[name]]


def npm_dbmate():
    """dbmate's own binary, out of its npm package, which is kept below build/; or None."""
    programs = f"{NPM_PLACE}/node_modules/@dbmate/*/bin/dbmate"
    if not glob.glob(programs) and shutil.which("npm"):
        os.makedirs(NPM_PLACE, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", NPM_PLACE, "dbmate"],
            check=False, stdout=subprocess.DEVNULL,
        )
    return next(iter(glob.glob(programs)), None)


def find(binary, psql_program):
    """All contenders that this machine has; pgstride first."""
    paths = {name: shutil.which(name) for name in ("migrate", "dbmate", "goose", "tern")}
    paths["dbmate"] = paths["dbmate"] or npm_dbmate()
    return [own(binary), *psql(psql_program), *peers(paths)]
