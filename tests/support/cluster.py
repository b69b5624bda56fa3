# SPDX-License-Identifier: Apache-2.0
"""A throwaway PostgreSQL: initdb in a temporary folder, TLS on, gone at exit.

The postmaster is a direct child of this process and asks the kernel for a
signal when its parent dies (setpriv --pdeathsig), so that nothing is left
running, however this process ends.
"""

import atexit
import glob
import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

from support import servers

PASSWORD = "Throwaway-Pa55word"
SUPERUSER = "postgres"

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
PORT_TRIES = 5

CONFIGURATION = """
listen_addresses = '127.0.0.1'
max_connections = 60
max_prepared_transactions = 2
shared_buffers = 32MB
fsync = {fsync}
log_lock_waits = on
log_line_prefix = '%m [%p] %q%a '
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
password_encryption = 'scram-sha-256'
ssl = on
ssl_cert_file = '{tls}/server.crt'
ssl_key_file = '{tls}/server.key'
"""

ACCESS = """
local all         all              trust
local replication all              trust
host  all         all 127.0.0.1/32 scram-sha-256
"""

# The way that asks least, and the one that asks most: for measuring round trips.
TRUST_WITHOUT_TLS = """
local     all all              trust
hostnossl all all 127.0.0.1/32 trust
hostssl   all all 127.0.0.1/32 scram-sha-256
"""

VOLATILE_DUMP_LINE = re.compile(r"^(\\restrict|\\unrestrict|-- Dumped (from|by)) ?.*\n", re.M)

_databases = itertools.count(1)
_running = []


class ClusterError(Exception):
    """A server program failed; the message holds what it printed."""


def installed_versions():
    """The major versions under /usr/lib/postgresql, newest first."""
    found = [path.split("/")[4] for path in glob.glob("/usr/lib/postgresql/*/bin/postgres")]
    return sorted((int(name) for name in found if name.isdigit()), reverse=True)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_program(command, **options):
    """Run to the end; raise with its output when it fails."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options
    )
    if done.returncode != 0:
        raise ClusterError(
            f"{os.path.basename(command[0])} failed with status {done.returncode}:\n"
            + done.stderr.decode(errors="replace")
        )
    return done.stdout.decode()


def as_server_user(*command):
    """PostgreSQL refuses to run as root: change to its user where we are root."""
    if os.geteuid() != 0:
        return list(command)
    user = ["--reuid=" + SUPERUSER, "--regid=" + SUPERUSER, "--init-groups"]
    return ["setpriv", *user, *command]


def give_to_server_user(path):
    if os.geteuid() == 0:
        owner = pwd.getpwnam(SUPERUSER)
        os.chown(path, owner.pw_uid, owner.pw_gid)


def clean_environment():
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}


def make_authority(folder, name):
    """A certificate authority: its certificate's file."""
    key, certificate = f"{folder}/{name}.key", f"{folder}/{name}.crt"
    run_program([
        "openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN=pgstride test {name}",
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-keyout", key, "-out", certificate,
    ])
    return certificate


def make_tls(folder):
    """Two authorities and a server certificate that the first one signed."""
    os.mkdir(folder, 0o755)
    make_authority(folder, "ca")
    make_authority(folder, "other_ca")
    with open(f"{folder}/names", "w", encoding="ascii") as names:
        names.write("subjectAltName = DNS:localhost, IP:127.0.0.1\n")
    run_program([
        "openssl", "req", "-nodes", "-subj", "/CN=localhost",
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-keyout", f"{folder}/server.key", "-out", f"{folder}/server.csr",
    ])
    run_program([
        "openssl", "x509", "-req", "-days", "2", "-in", f"{folder}/server.csr",
        "-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key", "-CAcreateserial",
        "-extfile", f"{folder}/names", "-out", f"{folder}/server.crt",
    ])
    os.chmod(f"{folder}/server.key", 0o600)
    give_to_server_user(f"{folder}/server.key")


class Cluster:
    """One server. Made by Cluster.start() or by the standby() of another one.

    port, socket_dir       where it listens: 127.0.0.1 and a Unix socket
    ca_file, other_ca_file the authority that signed its certificate, and one that did not
    superuser, password    over the socket no password is asked
    version                its major version, a number
    root                   the folder it runs in, where this machine has another version; or None
    log_file               what the server writes
    """

    superuser = SUPERUSER
    password = PASSWORD

    def __init__(self, version, place=None, access=ACCESS, fsync="on"):
        self.version = version
        self.root = None if version in installed_versions() else servers.root(version)
        self.bin = f"/usr/lib/postgresql/{version}/bin"
        self.folder = tempfile.mkdtemp(prefix="pgstride-cluster-", dir=place)
        self.access = access
        self.fsync = fsync
        os.chmod(self.folder, 0o755)
        self.data = f"{self.folder}/data"
        self.socket_dir = f"{self.folder}/socket"
        self.log_file = f"{self.folder}/server.log"
        self.port = None
        self._process = None
        self._standbys = []
        for path in (self.data, self.socket_dir):
            os.mkdir(path, 0o700 if path == self.data else 0o755)
            give_to_server_user(path)

    @classmethod
    def start(cls, version=None, place=None, access=ACCESS, fsync="on"):
        """A new cluster of this major version (support/servers.py), by default the newest installed.

        place: the folder that its own is made in; access: its pg_hba.conf; fsync: "off" where
        nothing is measured, and nothing has to outlive the machine
        """
        installed = installed_versions()
        if not installed:
            raise ClusterError("no PostgreSQL server in /usr/lib/postgresql")
        cluster = cls(int(version or installed[0]), place, access, fsync)
        try:
            cluster._create()
            cluster._start_on_free_port()
        except BaseException:
            cluster.stop()
            raise
        return cluster

    @property
    def ca_file(self):
        return f"{self.folder}/tls/ca.crt"

    @property
    def other_ca_file(self):
        return f"{self.folder}/tls/other_ca.crt"

    @property
    def pid(self):
        """The postmaster's."""
        return self._process.pid

    @property
    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def _create(self):
        secret = f"{self.folder}/password"
        with open(secret, "w", encoding="ascii") as file:
            file.write(self.password + "\n")
        self._server_program(
            "initdb", "--pgdata=" + self.data, "--username=" + self.superuser,
            "--pwfile=" + secret, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
            "--auth=scram-sha-256",
        )
        make_tls(f"{self.folder}/tls")
        with open(f"{self.data}/postgresql.conf", "a", encoding="ascii") as file:
            file.write(CONFIGURATION.format(tls=f"{self.folder}/tls", fsync=self.fsync))
        with open(f"{self.data}/pg_hba.conf", "w", encoding="ascii") as file:
            file.write(self.access)

    def _in_root(self, command):
        return command if self.root is None else servers.inside(self.root, command)

    def _server_program(self, name, *arguments):
        return run_program(
            self._in_root(as_server_user(f"{self.bin}/{name}", *arguments)),
            cwd=self.folder, env=clean_environment(), stdin=subprocess.DEVNULL,
        )

    def _start_on_free_port(self):
        for attempt in range(PORT_TRIES):
            self.port = free_port()
            try:
                return self.start_again()
            except ClusterError:  # somebody else may have taken the port meanwhile
                if attempt == PORT_TRIES - 1:
                    raise
        return self

    def start_again(self, timeout_s=START_TIMEOUT_S):
        """Start after stop_immediate() or stop_fast(), on the same port."""
        server = [
            f"{self.bin}/postgres", "-D", self.data, "-p", str(self.port), "-k", self.socket_dir,
        ]
        if os.geteuid() == 0:
            command = as_server_user("--pdeathsig=QUIT", *server)
        else:
            command = ["setpriv", "--pdeathsig=QUIT", *server]
        with open(self.log_file, "ab") as log:
            self._process = subprocess.Popen(
                self._in_root(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=clean_environment(), start_new_session=True,
            )
        if self not in _running:
            _running.append(self)
        self._wait_until_ready(timeout_s)
        return self

    def _wait_until_ready(self, timeout_s):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ClusterError(f"the server ended at once:\n{self.log()[-4000:]}")
            if self._status() == "ready":
                return
            time.sleep(0.02)
        raise ClusterError(f"the server was not ready in {timeout_s} s:\n{self.log()[-4000:]}")

    def _status(self):
        """The last line of postmaster.pid, which this very process wrote, or ''."""
        try:
            with open(f"{self.data}/postmaster.pid", encoding="ascii") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return ""
        if len(lines) < 8 or lines[0] != str(self._process.pid):
            return ""
        return lines[7].strip()

    def log(self):
        """What the server wrote so far."""
        with open(self.log_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _signal_and_wait(self, number):
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._process = None

    def stop_fast(self):
        """End every session and shut down in order; start_again() brings it back."""
        self._signal_and_wait(signal.SIGINT)

    def stop_immediate(self):
        """As after a crash: nothing is flushed, the next start recovers."""
        self._signal_and_wait(signal.SIGQUIT)

    def stop(self):
        """Stop for good, standbys first, and remove the folder."""
        for standby in self._standbys:
            standby.stop()
        self._standbys = []
        self.stop_fast()
        if self in _running:
            _running.remove(self)
        shutil.rmtree(self.folder, ignore_errors=True)

    def standby(self):
        """A hot standby that streams from this cluster; it stops with it."""
        copy = Cluster(self.version)
        try:
            self._server_program(
                "pg_basebackup", "--pgdata=" + copy.data, "--host=" + self.socket_dir,
                f"--port={self.port}", "--username=" + self.superuser,
                "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
            )
            shutil.copytree(f"{self.folder}/tls", f"{copy.folder}/tls")
            copy._start_on_free_port()
        except BaseException:
            copy.stop()
            raise
        self._standbys.append(copy)
        return copy

    def _client(self, name, dbname, *arguments, user=None, **options):
        command = [
            f"{self.bin}/{name}", "--host=" + self.socket_dir, f"--port={self.port}",
            "--username=" + (user or self.superuser), "--dbname=" + dbname, *arguments,
        ]
        return run_program(self._in_root(command), env=clean_environment(), **options)

    def psql(self, dbname, sql, user=None):
        """Run SQL, statement by statement; its output without the last newline."""
        output = self._client(
            "psql", dbname, "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-",
            user=user, input=sql.encode(),
        )
        return output.rstrip("\n")

    def start_psql(self, dbname, user=None):
        """A psql that goes on reading from its stdin: a second session, to hold locks with."""
        return subprocess.Popen(
            self._in_root([
                f"{self.bin}/psql", "-XAtq", "--host=" + self.socket_dir, f"--port={self.port}",
                "--username=" + (user or self.superuser), "--dbname=" + dbname,
            ]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, env=clean_environment(),
        )

    def dump(self, dbname, *options, data=False):
        """The schema as pg_dump writes it, without the lines that differ between two runs."""
        what = [] if data else ["--schema-only"]
        return VOLATILE_DUMP_LINE.sub("", self._client(
            "pg_dump", dbname, *what, "--no-owner", *options
        ))

    def create_database(self, template="template0"):
        """A fresh database, empty or a copy of another one: its name."""
        name = f"test_{os.getpid()}_{next(_databases)}"
        self.psql("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop_database(self, name):
        """Drop it, ending what sessions it has."""
        self.psql("postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def url(self, dbname, host="127.0.0.1", user=None, password=None, **params):
        """A postgres:// URL. A host that is a folder means the socket there."""
        quote = lambda text: urllib.parse.quote(str(text), safe="")
        login = quote(user or self.superuser)
        if host.startswith("/"):
            params = {"host": host, "port": self.port, **params}
            place = ""
        else:
            place = f"{host}:{self.port}"
            password = self.password if password is None else password
        if password:
            login += ":" + quote(password)
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in params.items())
        return f"postgres://{login}@{place}/{quote(dbname)}" + (f"?{query}" if query else "")


_shared = None


def shared_cluster():
    """The one cluster of this test process, started when first asked for.

    Whatever stops a server has one of its own. Here each test drops its database,
    and would wait for the disk for longer than it takes.
    """
    global _shared
    if _shared is None or not _shared.is_running:
        _shared = Cluster.start(fsync="off")
    return _shared


def stop_all():
    for cluster in list(_running):
        cluster.stop()


atexit.register(stop_all)
