# SPDX-License-Identifier: Apache-2.0
"""A real PgBouncer before a throwaway cluster, with TLS, gone at exit."""

import atexit
import os
import shutil
import subprocess
import tempfile
import time

from support.cluster import (
    ClusterError, as_server_user, clean_environment, free_port, give_to_server_user)

START_TIMEOUT_S = 20

CONFIGURATION = """
[databases]
* = host={socket} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
admin_users = postgres
pool_mode = {mode}
default_pool_size = {pool_size}
max_client_conn = 200
client_tls_sslmode = require
client_tls_key_file = {tls}/server.key
client_tls_cert_file = {tls}/server.crt
logfile = {folder}/log
pidfile = {folder}/pid
{more}
"""


class Pooler:
    """PgBouncer in `mode`: url(dbname) is a way through it."""

    def __init__(self, cluster, mode, pool_size=20, more="", users=("postgres",)):
        self.cluster = cluster
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="pgstride-pooler-")
        os.chmod(self.folder, 0o755)
        give_to_server_user(self.folder)
        with open(f"{self.folder}/users", "w", encoding="ascii") as file:
            file.writelines(f'"{user}" ""\n' for user in users)
        with open(f"{self.folder}/ini", "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(
                socket=cluster.socket_dir, port=cluster.port, own_port=self.port, mode=mode,
                folder=self.folder, pool_size=pool_size, tls=f"{cluster.folder}/tls", more=more))
        self._start()
        atexit.register(self.stop)

    def _start(self):
        command = as_server_user("--pdeathsig=TERM", shutil.which("pgbouncer"), "-q",
                                 f"{self.folder}/ini")
        if os.geteuid() != 0:
            command = ["setpriv", "--pdeathsig=TERM", *command[1:]]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=self.folder, env=clean_environment())
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                self.admin("SHOW VERSION")
                return
            except ClusterError:
                time.sleep(0.05)
        raise ClusterError(f"pgbouncer did not start:\n{self.log()}")

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def url(self, dbname, user="postgres", **params):
        query = "&".join(f"{name}={value}" for name, value in params.items())
        return f"postgres://{user}@127.0.0.1:{self.port}/{dbname}" + (f"?{query}" if query else "")

    def psql(self, dbname, sql, user="postgres"):
        """Run SQL through it, in the simple protocol."""
        done = subprocess.run(
            [f"{self.cluster.bin}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql,
             self.url(dbname, user, sslmode="require")],
            env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise ClusterError(done.stderr)
        return done.stdout.rstrip("\n")

    def admin(self, command):
        return self.psql("pgbouncer", command)

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
            atexit.unregister(self.stop)
        shutil.rmtree(self.folder, ignore_errors=True)
