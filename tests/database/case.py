# SPDX-License-Identifier: Apache-2.0
"""What the tests of `up` share."""

import os
import signal
import time
import zlib

from support.harness import Case, patience


def lock_key(database, schema="public", table="schema_migrations"):
    """golang-migrate's: CRC-32 of the three names, times its salt, in 32 bits."""
    joined = "\0".join((schema, table, database)).encode()
    return zlib.crc32(joined) * 1486364155 % (1 << 32)


class DatabaseCase(Case):
    """A folder of migrations and this test's database, brought together by `up`."""

    def options(self, files, database=None):
        """The options of a run over `files`: a folder, or what is to be in a new one."""
        path = files if isinstance(files, str) else self.folder(files)
        return ["--database", database or self.database, "--path", path]

    def up(self, files, *options, env=None, database=None, timeout=60):
        arguments = [*self.options(files, database), *options]
        if "up" not in options:
            arguments.append("up")
        return self.run_pgstride(*arguments, env=env, timeout=timeout)

    def pgstride(self, files, *words, env=None, database=None, timeout=60):
        """Another command over `files`: its Result."""
        return self.run_pgstride(
            *self.options(files, database), *words, env=env, timeout=timeout)

    def start_up(self, files, *options, env=None, database=None):
        return self.start_pgstride(*self.options(files, database), *options, "up", env=env)

    def assert_good(self, result):
        self.assertEqual(0, result.status, result.stdout + result.stderr)

    def new_database(self):
        """Another database beside this test's own: its name."""
        server = self.cluster
        name = server.create_database()
        self.addCleanup(server.drop_database, name)
        return name

    def tables(self, dbname=None):
        """The tables in `public` that are not ours."""
        return self.cluster.psql(
            dbname or self.dbname,
            "SELECT coalesce(string_agg(tablename, ' ' ORDER BY tablename), '') FROM pg_tables"
            " WHERE schemaname = 'public'"
            "   AND tablename NOT IN ('schema_migrations', 'pgstride_history')",
        )

    def version(self):
        """golang-migrate's row: "3|f", or "" where there is none."""
        return self.psql("SELECT version, dirty FROM schema_migrations")

    def history(self, columns="version, name, direction, outcome"):
        return self.psql(f"SELECT {columns} FROM pgstride_history ORDER BY id").splitlines()

    def forget_ours(self, dbname):
        """Drop our own tables, so that the rest can be compared with what psql gives."""
        self.cluster.psql(dbname, "DROP TABLE schema_migrations, pgstride_history")

    def assert_like_psql(self, files):
        """Apply the files by `up`, and by psql elsewhere: the schemas are the same."""
        self.assert_good(self.up(files))
        reference = self.new_database()
        for name in sorted(files, key=lambda name: int(name.split("_")[0])):
            text = files[name] if isinstance(files[name], str) else files[name].decode("utf-8-sig")
            self.cluster.psql(reference, text)
        mine = self.new_database()
        self.assert_good(self.up(files, database=self.cluster.url(mine)))
        self.forget_ours(mine)
        self.assertMultiLineEqual(self.cluster.dump(reference), self.cluster.dump(mine))

    def session(self, sql, dbname=None):
        """A second session that has run `sql` and stays open until the test's end."""
        process = self.cluster.start_psql(dbname or self.dbname)
        self.addCleanup(self.end_session, process)
        process.stdin.write(f"{sql}\n\\echo ready\n")
        process.stdin.flush()
        for line in process.stdout:
            if line == "ready\n":
                return process
        self.fail(f"psql ended before it had run: {sql}")

    @staticmethod
    def end_session(process):
        if process.poll() is None:
            process.stdin.close()
            process.wait()
        process.stdout.close()

    def wait_until(self, sql, expected="t", timeout_s=20, dbname=None):
        """Ask the server again and again until it answers as expected."""
        deadline = time.monotonic() + patience(timeout_s)
        while time.monotonic() < deadline:
            if self.cluster.psql(dbname or self.dbname, sql) == expected:
                return
            time.sleep(0.02)
        self.fail(f"not within {timeout_s} s: {sql} = {expected}")

    def freeze(self):
        """Stop the server's process of the run, until the test's end."""
        pid = int(self.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'pgstride'"
                            " AND datname = current_database()"))
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)

    def wait_for_statement(self, part, dbname=None):
        """Wait until another session of this database runs a statement that holds `part`."""
        self.wait_until(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE state = 'active'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
            f" AND query LIKE '%{part}%'", dbname=dbname)
