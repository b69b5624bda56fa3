# SPDX-License-Identifier: Apache-2.0
"""Nothing is left of something: a reader of the log, a disk, a connection, time."""

import fcntl
import os
import re
import subprocess
import time

from database.case import DatabaseCase
from support.cluster import Cluster, give_to_server_user
from support.harness import binary, plain_binary

F_SETPIPE_SZ = 1031


class Stdout(DatabaseCase):
    """Where the log goes: whatever becomes of it, the migration is done and the status true."""

    def start(self, files, stdout, *words):
        process = subprocess.Popen(
            [binary(), *self.options(files), *(words or ("up",))], stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=subprocess.PIPE, env=self._environment(None), encoding="utf-8")
        self.addCleanup(self._end, process)
        return process

    def test_a_full_pipe_that_nobody_reads(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
        noise = "DO $$ BEGIN FOR i IN 1..200 LOOP RAISE NOTICE '%', repeat('x', 300); END LOOP; END $$;"
        files = {f"{number}_a.up.sql": noise for number in range(1, 6)}
        begun = time.monotonic()
        process = self.start(files, writer)
        os.close(writer)
        process.wait(timeout=60)
        self.assertLess(time.monotonic() - begun, 30)
        self.assertEqual((0, ""), (process.returncode, process.stderr.read()))
        self.assertEqual("5|f", self.version())

    def test_a_reader_that_comes_back_is_told_what_it_missed(self):
        reader, writer = os.pipe()
        fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
        noise = ("DO $$ BEGIN FOR i IN 1..100 LOOP RAISE NOTICE '%', repeat('x', 300);"
                 " END LOOP; END $$; SELECT pg_sleep(7), 'asleep';")
        process = self.start({"1_a.up.sql": noise, "2_b.up.sql": ""}, writer,
                             "--heartbeat", "0", "up")
        os.close(writer)
        self.wait_for_statement("asleep")
        time.sleep(5.5)
        with os.fdopen(reader, encoding="utf-8") as log:
            text = log.read()
        self.assertEqual(0, process.wait(timeout=60))
        self.assertRegex(text, r" WARN  \d+ lines of the log could not be written: nobody read it\n")
        self.assertIn("succeeded!", text.splitlines()[-1])
        for line in text.splitlines()[1:]:
            self.assertRegex(line, r"\A\d\d:\d\d:\d\d\.\d{3} ")

    def test_a_full_disk(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            process = self.start({"1_a.up.sql": "CREATE TABLE a ();"}, full)
            self.assertEqual(0, process.wait(timeout=60))
        self.assertEqual(
            "pgstride: the log cannot be written: No space left on device; the run goes on\n",
            process.stderr.read())
        self.assertEqual("a", self.tables())
        with open("/dev/full", "w", encoding="ascii") as full:
            process = self.start({"1_a.up.sql": "CREATE TABLE a ();", "2_b.up.sql": "nope;"}, full)
            self.assertEqual(1, process.wait(timeout=60))

    def test_a_file_that_may_not_grow(self):
        place = os.path.join(self.folder(), "log")
        with open(place, "wb") as log:
            done = subprocess.run(
                ["prlimit", "--fsize=100", binary(), *self.options(
                    {"1_a.up.sql": "CREATE TABLE a ();"}), "up"],
                env=self._environment(None), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.PIPE, encoding="utf-8", timeout=60, check=False)
        self.assertEqual(
            (0, "pgstride: the log cannot be written: File too large; the run goes on\n"),
            (done.returncode, done.stderr))
        self.assertEqual("a", self.tables())

    def test_no_stdout_at_all(self):
        """The log must not go into the first socket that is opened in its place."""
        for closed, words, status in ((">&-", "up", 0), ("<&- >&- 2>&-", "up", 0),
                                      (">&-", "version", 1)):
            with self.subTest(closed=closed, words=words):
                done = subprocess.run(
                    ["sh", "-c", f'exec "$@" {closed}', "sh", binary(),
                     *self.options({"1_a.up.sql": "CREATE TABLE IF NOT EXISTS a ();"}), words],
                    env=self._environment(None), stderr=subprocess.PIPE, timeout=60, check=False)
                self.assertEqual(status, done.returncode, done.stderr)
                self.assertEqual("1|f", self.version())


class Memory(DatabaseCase):
    """What the server sends is not kept."""

    MOST_KIB = 32 * 1024

    def up_in_little_memory(self, files):
        process = subprocess.Popen(
            [plain_binary(), *self.options(files), "up"],
            env=self._environment(None), stdout=subprocess.PIPE, encoding="utf-8")
        self.addCleanup(process.stdout.close)
        shown = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        self.assertEqual(0, status, shown[-2000:])
        self.assertLess(usage.ru_maxrss, self.MOST_KIB)
        return shown

    def test_a_flood_of_notices_is_shown_in_part_and_counted(self):
        """60 MB of them; PGSTRIDE_NOTICES=1000000 makes a gigabyte."""
        count = int(os.environ.get("PGSTRIDE_NOTICES") or 60_000)
        noise = (f"DO $$ BEGIN FOR i IN 1..{count} LOOP RAISE NOTICE '% %', i, repeat('x', 1000);"
                 " END LOOP; END $$;")
        shown = self.up_in_little_memory({
            "1_a.up.sql": noise, "2_b.up.sql": "DO $$ BEGIN RAISE NOTICE 'b'; END $$;"})
        told = len(re.findall(r"^\d.* 1_a: NOTICE: ", shown, re.M))
        left_out = int(re.search(
            r" WARN  1_a: (\d+) more notices were left out: behind the first 1000 one a second is"
            r" shown\n", shown).group(1))
        self.assertEqual(count, told + left_out)
        self.assertLess(told, 1200)
        self.assertIn(" 2_b: NOTICE: b", shown)

    def test_a_flood_of_rows(self):
        """60 MB of them, each way that a statement goes."""
        rows = "SELECT repeat('x', 200) FROM generate_series(1, 300000);\n"
        for where, head in (("in a pipeline", ""), ("outside", "-- pgstride: no-transaction\n"),
                            ("beside a COPY", "COPY t FROM stdin;\n1\n\\.\n")):
            with self.subTest(where):
                self.psql("DROP TABLE IF EXISTS t, schema_migrations, pgstride_history")
                self.up_in_little_memory({
                    "1_a.up.sql": "CREATE TABLE t (n int);",
                    "2_b.up.sql": head + rows + "INSERT INTO t VALUES (2);"})
                self.assertEqual("2", self.psql("SELECT max(n) FROM t"))


class Server(DatabaseCase):
    def test_a_full_disk_at_the_server(self):
        """A tablespace on a small file system of its own."""
        place = self.folder()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", place],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=True)
        give_to_server_user(place)
        space = f"{self.dbname}_space"
        self.psql(f"CREATE TABLESPACE {space} LOCATION '{place}'")
        self.addCleanup(self.psql, f"DROP TABLESPACE {space}")
        self.addCleanup(self.psql, "DROP TABLE IF EXISTS big, small")
        files = {
            "1_small.up.sql": f"CREATE TABLE small (a text) TABLESPACE {space};",
            "2_big.up.sql": f"CREATE TABLE big (a text) TABLESPACE {space};\n"
                            "INSERT INTO big SELECT repeat(i::text, 200)"
                            " FROM generate_series(1, 20000) AS i;",
        }
        self.assert_log(self.up(files), """
            <time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
            <time> INFO  1_small applied in <duration> (1 statement); current version is 1
            <time> ERROR 2_big.up.sql:2:1: could not extend file "<file>": No space left on device (53100)
                               2 | INSERT INTO big SELECT repeat(i::text, 200) FROM generate_series(1, 20000) AS i;
                               hint: Check free disk space.
                               Nothing of this migration was kept: the database is at 1, clean.
            <time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry may help
        """, status=1)
        self.assertEqual(("1|f", "small"), (self.version(), self.tables()))
        subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
        self.assert_good(self.up(files))
        self.assertEqual("20000", self.psql("SELECT count(*) FROM big"))

    def normalise(self, text):
        return re.sub(r'file "pg_tblspc/[^"]*"', 'file "<file>"', super().normalise(text))

    def test_no_free_connection_is_waited_for(self):
        role = f"{self.dbname}_role"
        self.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret-word' CONNECTION LIMIT 1;"
                  f"GRANT ALL ON SCHEMA public TO {role}")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}")
        database = self.cluster.url(self.dbname, user=role, password="secret-word")
        holder = self.cluster.start_psql(self.dbname, role)
        self.addCleanup(self.end_session, holder)
        self.wait_until(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'", "1")
        process = self.start_up({"1_a.up.sql": "CREATE TABLE a ();"}, database=database)
        first = process.stdout.readline()
        self.assertRegex(first, r" WARN  waiting for the database, up to .* more: .*"
                                r"too many connections for role")
        self.end_session(holder)
        self.assert_good(self.finish(process))
        self.wait_until(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'", "0")
        holder = self.cluster.start_psql(self.dbname, role)
        self.addCleanup(self.end_session, holder)
        self.wait_until(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'", "1")
        result = self.up({"1_a.up.sql": ""}, "--wait-timeout", "1s", database=database)
        self.assertEqual(1, result.status)
        self.assertRegex(result.stdout, r"ERROR no database within 1 s \(--wait-timeout\): .*"
                                        r"too many connections for role .* \(53300\)")

    def test_no_free_connection_at_all_is_waited_for(self):
        """max_connections are in use: all but those that superusers have, and all of them."""
        server = Cluster.start(fsync="off")
        self.addCleanup(server.stop)
        server.psql("postgres", "ALTER SYSTEM SET max_connections = 8")
        server.psql("postgres", "CREATE ROLE app LOGIN PASSWORD 'secret-word';"
                                "CREATE DATABASE app OWNER app")
        server.stop_fast()
        server.start_again()
        for user, count, reason in (("app", 5, "remaining connection slots are reserved for .*"),
                                    (server.superuser, 8, "sorry, too many clients already")):
            with self.subTest(user):
                files = {"1_a.up.sql": "CREATE TABLE IF NOT EXISTS a ();"}
                password = "secret-word" if user == "app" else server.password
                url = server.url("app", user=user, password=password)
                holders = [self.open_session(server, user) for _ in range(count)]
                process = self.start_up(files, database=url)
                self.assertRegex(
                    process.stdout.readline(),
                    rf" WARN  waiting for the database, up to .* more: .* FATAL: {reason}\n$")
                for holder in holders:
                    self.end_session(holder)
                self.assert_good(self.finish(process))

    def open_session(self, server, user):
        """A session that is there: it has answered."""
        process = server.start_psql("app", user)
        self.addCleanup(self.end_session, process)
        process.stdin.write("SELECT 'here';\n")
        process.stdin.flush()
        self.assertEqual("here\n", process.stdout.readline())
        return process

    def test_a_file_as_large_as_may_be(self):
        line = "INSERT INTO big VALUES ('" + "x" * 1_048_000 + "');\n"
        text = "CREATE TABLE big (a text);\n" + line * 63
        ceiling = 64 * 1024 * 1024
        text += "-- " + "y" * (ceiling - len(text) - 3)
        self.assertEqual(ceiling, len(text))
        folder = self.folder({"1_big.up.sql": text})
        self.assert_good(self.run_pgstride(
            "--database", self.database, "--path", folder, "up", timeout=240))
        self.assertEqual("63", self.psql("SELECT count(*) FROM big"))
        with open(os.path.join(folder, "1_big.up.sql"), "a", encoding="ascii") as file:
            file.write("z")
        result = self.run_pgstride("--database", self.database, "--path", folder, "up")
        self.assertEqual(1, result.status)
        self.assertIn("1_big.up.sql", result.stdout)
