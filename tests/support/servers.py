#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL of other versions than this machine has: servers.py [VERSION…].

Each is a folder below build/servers to change root into: the server's packages
of the Debian that has it, and the libraries they need, unpacked and not
installed. apt resolves and fetches them from the machine's own mirror, with
lists and a cache of its own, so the machine's packages stay as they are. Made
once, in about 10 seconds; Cluster.start(version=17) asks for it.
"""

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build/servers")

SUITES = {13: "bullseye", 15: "bookworm", 17: "trixie", 18: "forky"}

# initdb runs a shell, setpriv drops root's rights, and the time zones are the system's.
TOOLS = ("dash", "libc-bin", "util-linux", "tzdata")

# Of what apt would install: the server and the libraries that it loads.
WANTED = re.compile(r"postgresql(-client)?-\d+$|lib|zlib1g$|" + "|".join(f"{name}$" for name in TOOLS))
UNWANTED = re.compile(r"lib(llvm|z3|perl|db5|.*-perl$|.*-l10n$)")

CONFIGURATION = """
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
Dir::Cache "{folder}";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
"""
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"

# With the machine's temporary folder, devices and processes at their places.
ENTER = """
    mount --bind "$1" "$0$1" && mount --rbind /dev "$0/dev" && mount --rbind /proc "$0/proc" &&
        shift && exec chroot "$0" "$@"
"""


class ServerError(Exception):
    """A server could not be had; the message holds what the failing program printed."""


def inside(root, command):
    """The command line that runs `command` in this root; its process is the command itself."""
    place = os.path.realpath(tempfile.gettempdir())
    return ["unshare", "--mount", "sh", "-c", ENTER, root, place, *command]


def root(version):
    """The folder to change root into for this major version, made when it is not there."""
    if version not in SUITES:
        raise ServerError(f"no Debian is known to have PostgreSQL {version}; {sorted(SUITES)} are")
    if os.geteuid() != 0:
        raise ServerError(f"PostgreSQL {version} is not installed, and only root can bring it")
    os.makedirs(FOLDER, exist_ok=True)
    with open(f"{FOLDER}/{version}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = f"{FOLDER}/{version}"
        if not os.path.isdir(place):
            make(version, place)
        os.makedirs(place + os.path.realpath(tempfile.gettempdir()), exist_ok=True)
    return place


def make(version, place):
    """Fetch and unpack, beside the place, and move it there when it is whole."""
    for leftover in (f"{place}.apt", f"{place}.new"):
        shutil.rmtree(leftover, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, f"{place}.apt", ignore_errors=True)
        lay_out(f"{place}.new")
        for package in fetch(version, f"{place}.apt"):
            unpack(package, f"{place}.new")
        finish(f"{place}.new")
        os.rename(f"{place}.new", place)


def run(command, **options):
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, check=False, **options,
    )
    if done.returncode != 0:
        raise ServerError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def fetch(version, folder):
    """The package files of this version, in the folder."""
    for part in ("lists/partial", "archives/partial"):
        os.makedirs(f"{folder}/{part}")
    mirror = run([f"{HERE}/mirror"]).strip()
    files = {
        "sources.list": f"deb [signed-by={KEYS}] {mirror} {SUITES[version]} main\n",
        "status": "",
        "apt.conf": CONFIGURATION.format(folder=folder),
    }
    for name, content in files.items():
        with open(f"{folder}/{name}", "w", encoding="ascii") as file:
            file.write(content)
    apt = {"cwd": f"{folder}/archives", "env": {**os.environ, "APT_CONFIG": f"{folder}/apt.conf"}}
    run(["apt-get", "-qq", "update"], **apt)
    needed = run(["apt-get", "-qq", "--print-uris", "install", f"postgresql-{version}", *TOOLS], **apt)
    names = [line.split()[1].split("_")[0] for line in needed.splitlines()]
    names = [name for name in names if WANTED.match(name) and not UNWANTED.match(name)]
    run(["apt-get", "-qq", "download", *names], **apt)
    return sorted(
        f"{folder}/archives/{name}" for name in os.listdir(f"{folder}/archives")
        if name.endswith(".deb")
    )


def lay_out(root):
    """An empty root with /usr merged, as every Debian now has it."""
    for name in ("bin", "lib", "lib64", "sbin"):
        os.makedirs(f"{root}/usr/{name}")
        os.symlink(f"usr/{name}", f"{root}/{name}")
    for name in ("dev", "etc", "proc", "tmp"):
        os.mkdir(f"{root}/{name}")


def unpack(package, root):
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
        done = subprocess.run(
            ["tar", "-C", root, "--keep-directory-symlink", "-xf", "-"],
            stdin=archive.stdout, stderr=subprocess.PIPE, text=True, check=False,
        )
    if done.returncode != 0 or archive.returncode != 0:
        raise ServerError(f"cannot unpack {os.path.basename(package)}: {done.stderr}")


def finish(root):
    """What the packages' scripts would have done: a shell, the server's user, its own host."""
    if not os.path.lexists(f"{root}/usr/bin/sh"):
        os.symlink("dash", f"{root}/usr/bin/sh")
    user = pwd.getpwnam("postgres")
    with open(f"{root}/etc/passwd", "w", encoding="ascii") as file:
        file.write(
            "root:x:0:0::/:/bin/sh\n"
            f"postgres:x:{user.pw_uid}:{user.pw_gid}::/tmp:/bin/sh\n"
        )
    with open(f"{root}/etc/hosts", "w", encoding="ascii") as file:
        file.write("127.0.0.1 localhost\n")  # 13's statistics go through a socket there
    with open(f"{root}/etc/group", "w", encoding="ascii") as file:
        file.write(f"root:x:0:\npostgres:x:{user.pw_gid}:\n")
    run(inside(root, ["ldconfig"]))


if __name__ == "__main__":
    try:
        for wanted in sys.argv[1:] or SUITES:
            print(root(int(wanted)))
    except ServerError as error:
        sys.exit(f"servers: {error}")
