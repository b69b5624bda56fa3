# SPDX-License-Identifier: Apache-2.0
"""The way to the database: what is waited for, what fails at once, and what is said of it."""

import contextlib
import re
import socket
import struct
import threading
import time

from database.case import DatabaseCase
from support.cluster import Cluster, free_port
from support.proxy import TlsFaultProxy

FILES = {"1_a.up.sql": "CREATE TABLE a ();"}
NOTHING = "<time> ERROR failed: nothing was applied; a retry {0} help"


class FakeServer:
    """A TCP server that answers every connection with `handle`."""

    def __init__(self, handle):
        self.handle = handle
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection, contextlib.suppress(OSError):
                    self.handle(connection)

    def stop(self):
        self.listener.close()


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        got = connection.recv(size - len(data))
        if not got:
            raise OSError("closed")
        data += got
    return data


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def greet_as(version):
    """Just enough of the protocol to be a PostgreSQL of this version."""

    def handle(connection):
        while True:
            (size,) = struct.unpack("!i", read_exactly(connection, 4))
            code = struct.unpack("!i", read_exactly(connection, size - 4)[:4])[0]
            if code == 196608:
                break
            connection.sendall(b"N")  # no TLS, no GSSAPI
        settings = {"server_version": version, "client_encoding": "UTF8",
                    "standard_conforming_strings": "on"}
        connection.sendall(message(b"R", struct.pack("!i", 0)) + b"".join(
            message(b"S", f"{name}\0{value}\0".encode()) for name, value in settings.items()
        ) + message(b"K", struct.pack("!ii", 1, 2)) + message(b"Z", b"I"))
        connection.recv(1)

    return handle


class Unreachable(DatabaseCase):
    def run_against(self, database, *options, timeout=30):
        begun = time.monotonic()
        result = self.up(FILES, *options, database=database, timeout=timeout)
        return result, time.monotonic() - begun

    def test_a_host_that_does_not_resolve(self):
        result, seconds = self.run_against("postgres://u:p@nowhere.invalid/db", "--wait-timeout", "1s")
        self.assertLess(seconds, 15)
        said = 'could not translate host name "nowhere.invalid" to address: '
        lines = self.normalise(result.stdout).splitlines()
        self.assertRegex(lines[0], r"\A<time> WARN  waiting for the database, up to <duration> more: "
                         + said)
        self.assertRegex(lines[1], r"\A<time> ERROR no database within <duration> "
                         r"\(--wait-timeout\): " + said)
        self.assertEqual([" " * 19 + "hint: Check the host in the database URL.",
                          NOTHING.format("may")], lines[2:])
        self.assertEqual(1, result.status)

    def test_a_port_where_nobody_listens(self):
        port = free_port()
        database = f"postgres://u:p@127.0.0.1:{port}/db"
        said = (f'connection to server at "127.0.0.1", port {port} failed: Connection refused')
        result, seconds = self.run_against(database, "--wait-timeout", "1500ms")
        self.assertTrue(1.4 < seconds < 10, seconds)
        self.assert_log(result, f"""
            <time> WARN  waiting for the database, up to <duration> more: {said}
            <time> ERROR no database within 1 s (--wait-timeout): {said}
                               hint: Is the server running on that host and accepting TCP/IP connections?
            {NOTHING.format("may")}
        """, status=1)

    def test_without_patience_it_fails_at_once(self):
        port = free_port()
        result, seconds = self.run_against(f"postgres://u@127.0.0.1:{port}/db", "--wait-timeout", "0")
        self.assertLess(seconds, 5)
        self.assert_log(result, f"""
            <time> ERROR connection to server at "127.0.0.1", port {port} failed: Connection refused
                               hint: Is the server running on that host and accepting TCP/IP connections?
            {NOTHING.format("may")}
        """, status=1)

    def test_a_socket_that_is_not_there(self):
        result, _ = self.run_against("postgres://u@/db?host=/nowhere", "--wait-timeout", "0")
        self.assert_log(result, f"""
            <time> ERROR connection to server on socket "/nowhere/.s.PGSQL.5432" failed: No such file or directory
                               hint: Is the server running locally and accepting connections on that socket?
            {NOTHING.format("may")}
        """, status=1)

    def test_a_server_that_accepts_and_says_nothing(self):
        server = FakeServer(lambda connection: connection.recv(1 << 16) and time.sleep(60))
        self.addCleanup(server.stop)
        database = f"postgres://u:p@127.0.0.1:{server.port}/db?sslmode=disable"
        result, seconds = self.run_against(database, "--wait-timeout", "2s")
        self.assertTrue(1.9 < seconds < 10, seconds)
        self.assertEqual(1, result.status)
        self.assertIn(f'no answer from "127.0.0.1", port {server.port} within ', result.stdout)

    def test_a_server_that_goes_away_right_behind_its_certificate(self):
        for number in (5, 6, 7):  # of its records; the certificate is in the fifth
            proxy = TlsFaultProxy(self.cluster.port, "server", number, is_final=True)
            self.addCleanup(proxy.stop)
            database = self.cluster.url(self.dbname, sslmode="require").replace(
                f":{self.cluster.port}/", f":{proxy.port}/")
            with self.subTest(number):
                self.assert_log(self.up(FILES, "--wait-timeout", "0", database=database), f"""
                    <time> ERROR connection to server at "127.0.0.1", port {proxy.port} failed: SSL SYSCALL error: EOF detected
                    {NOTHING.format("may")}
                """, status=1)

    def test_a_server_that_is_no_postgresql(self):
        server = FakeServer(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"))
        self.addCleanup(server.stop)
        result, seconds = self.run_against(
            f"postgres://u:p@127.0.0.1:{server.port}/db?sslmode=disable", "--wait-timeout", "1s")
        self.assertLess(seconds, 10)
        self.assertEqual(1, result.status)
        self.assertIn(" ERROR ", result.stdout)

    def test_a_code_within_the_servers_words_is_none(self):
        """Nor is one in the words of an old server, or of no server, which have none."""
        hint = "\n" + " " * 39 + "hint: The server's pg_hba.conf does not let this user in from here."
        for answer, said in (
            (message(b"E", b"SFATAL\0VFATAL\0C28000\0Mno entry\nfor you:  57P03: starting\0\0"),
             "FATAL: no entry; for you:  57P03: starting (28000)" + hint),
            (b"Eno entry for you:  57P03: starting\n\0", "no entry for you:  57P03: starting"),
        ):
            server = FakeServer(lambda connection, answer=answer: (
                connection.recv(1 << 16), connection.sendall(answer)))
            self.addCleanup(server.stop)
            with self.subTest(said):
                result, _ = self.run_against(
                    f"postgres://u:p@127.0.0.1:{server.port}/db?sslmode=disable")
                self.assert_log(result, f"""
                    <time> ERROR connection to server at "127.0.0.1", port {server.port} failed: {said}
                    {NOTHING.format("will not")}
                """, status=1)

    def test_a_server_that_is_too_old(self):
        for version, shown in (("12.5", "12.5"), ("9.6.24", "9.6"), ("10.23", "10.23")):
            with self.subTest(version):
                server = FakeServer(greet_as(version))
                self.addCleanup(server.stop)
                result, seconds = self.run_against(
                    f"postgres://u:p@127.0.0.1:{server.port}/db?sslmode=disable")
                self.assertLess(seconds, 10)
                self.assert_log(result, f"""
                    <time> ERROR the server is PostgreSQL {shown}, which is too old
                                       hint: pgstride needs PostgreSQL 13 or newer.
                    {NOTHING.format("will not")}
                """, status=1)

    def test_a_server_that_is_started_two_seconds_later(self):
        server = Cluster.start()
        self.addCleanup(server.stop)
        socket_file = f"{server.socket_dir}/.s.PGSQL.{server.port}"
        table = (
            ("127.0.0.1", f'at "127.0.0.1", port {server.port} failed: Connection refused', 1),
            (server.socket_dir, f'on socket "{socket_file}" failed: No such file or directory', 2),
        )
        for host, said, number in table:
            with self.subTest(host):
                server.stop_fast()
                files = {f"{n}_a.up.sql": f"CREATE TABLE a{n} ();" for n in range(1, number + 1)}
                process = self.start_up(files, database=server.url("postgres", host=host))
                time.sleep(2)
                self.assertIsNone(process.poll())
                server.start_again()
                result = self.finish(process)
                before = number - 1 or "none"
                self.assert_log(result, f"""
                    <time> WARN  waiting for the database, up to <duration> more: connection to server {said}
                    <time> INFO  1 of {number} migration{"s" * (number > 1)} pending on postgres at {host}: {before} -> {number}
                    <time> INFO  {number}_a applied in <duration> (1 statement); current version is {number}
                    <time> INFO  succeeded! 1 migration applied in <duration>; {before} -> {number}
                """, status=0)

    def test_a_server_that_goes_away_between_two_migrations(self):
        server = Cluster.start()
        self.addCleanup(server.stop)
        files = {"1_a.up.sql": "CREATE TABLE a ();", "2_b.up.sql": "SELECT pg_sleep(3);",
                 "3_c.up.sql": "CREATE TABLE c ();"}
        process = self.start_up(files, database=server.url("postgres"))
        deadline = time.monotonic() + 20
        while "pg_sleep(3)" not in server.psql(
                "postgres", "SELECT string_agg(query, ' ') FROM pg_stat_activity"
                            " WHERE application_name = 'pgstride' AND state = 'active'"):
            self.assertLess(time.monotonic(), deadline)
        server.stop_fast()
        server.start_again()
        result = self.finish(process)
        self.assert_good(result)
        self.assertEqual("1|applied 2|applied 3|applied", server.psql(
            "postgres", "SELECT string_agg(version || '|' || outcome, ' ' ORDER BY id)"
                        " FROM pgstride_history"))
        self.assertEqual(1, result.stdout.count("1_a applied in "), result.stdout)
        self.assertIn(" WARN  connecting again: ", result.stdout)
        self.assertIn("succeeded! 3 migrations applied in ", result.stdout.splitlines()[-1])
        self.assertIn("; none -> 3", result.stdout.splitlines()[-1])


class TakenBack(DatabaseCase):
    def test_a_server_that_loses_all_again(self):
        """As a migration does that crashes it, behind commits that did not wait for the disk."""
        result = self.up({"1_a.up.sql": "SELECT 1;", "2_b.up.sql": """
            -- pgstride: no-transaction
            DO $$ BEGIN
                DELETE FROM pgstride_history;
                DELETE FROM schema_migrations;
                COMMIT;
                PERFORM pg_terminate_backend(pg_backend_pid());
            END $$;"""})
        text = re.sub(r"(connection to the database was lost: ).*", r"\1<why>", result.stdout)
        self.assert_log(result._replace(stdout=text), """\
<time> INFO  2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2
<time> INFO  1_a applied in <duration> (1 statement); current version is 1
<time> WARN  connecting again: the connection to the database was lost: <why>
<time> WARN  1_a was committed, and is not there any more (the server crashed, or another one took over): it runs again, and so does what came behind it
<time> INFO  1_a applied in <duration> (1 statement); current version is 1
<time> ERROR 2_b.up.sql:3:13: here for the second time: the connection to the database was lost: <why>
                   3 |             DO $$ BEGIN
                   hint: Does this end the server's process each time, by a crash, a limit or for want of memory? The server's log says so; where it says nothing, the way to the server broke.
                   It ran outside a transaction: what stands before this statement was kept, and perhaps what it did, and the version is 2, dirty, until the rest is done. Run again: it goes on here.
<time> ERROR failed: 1 of 2 applied in <duration>; none -> 1 (wanted 2); a retry may help
""", status=1)


class Refused(DatabaseCase):
    def assert_at_once(self, database, expected, retry="will not", env=None):
        begun = time.monotonic()
        result = self.up(FILES, database=database, env=env)
        self.assertLess(time.monotonic() - begun, 10)
        self.assert_log(result, f"{expected.rstrip()}\n{' ' * 12}{NOTHING.format(retry)}", status=1)

    def test_a_wrong_password(self):
        self.assert_at_once(self.cluster.url(self.dbname, password="not-this-one"), """
            <time> ERROR connection to server at "127.0.0.1", port <port> failed: FATAL: password authentication failed for user "postgres" (28P01)
                               hint: Check the user and the password; in a URL, special characters in the password are percent-encoded (@ is %40).
        """)

    def test_a_parameter_that_is_no_number(self):
        self.assert_at_once(self.cluster.url(self.dbname, tcp_user_timeout="soon"), """
            <time> ERROR connection to server at "127.0.0.1", port <port> failed: invalid integer value "soon" for connection option "tcp_user_timeout"
        """)

    def test_no_password(self):
        database = f"postgres://postgres@127.0.0.1:{self.cluster.port}/{self.dbname}"
        self.assert_at_once(database, """
            <time> ERROR connection to server at "127.0.0.1", port <port> failed: fe_sendauth: no password supplied
                               hint: Give it in the URL, in PGPASSWORD, or by PGSTRIDE_DATABASE_FILE.
        """)

    def test_a_database_that_is_not_there(self):
        self.assert_at_once(self.cluster.url("no_such_database"), """
            <time> ERROR connection to server at "127.0.0.1", port <port> failed: FATAL: database "no_such_database" does not exist (3D000)
                               hint: Create it first (CREATE DATABASE); pgstride migrates a database that is there.
        """)

    def test_a_role_that_is_not_there(self):
        self.assert_at_once(self.cluster.url(self.dbname, user="nobody"), """
            <time> ERROR connection to server at "127.0.0.1", port <port> failed: FATAL: password authentication failed for user "nobody" (28P01)
                               hint: Check the user and the password; in a URL, special characters in the password are percent-encoded (@ is %40).
        """)

    def test_a_certificate_of_another_authority(self):
        self.assert_at_once(
            self.cluster.url(self.dbname, host="localhost", sslmode="verify-full",
                             sslrootcert=self.cluster.other_ca_file), """
            <time> ERROR connection to server at "localhost" (127.0.0.1), port <port> failed: SSL error: certificate verify failed
                               hint: The server's certificate is not signed by the CA in sslrootcert / PGSSLROOTCERT.
        """)

    def test_a_certificate_of_another_name(self):
        self.assert_at_once(
            self.cluster.url(self.dbname, host="db.example", hostaddr="127.0.0.1",
                             sslmode="verify-full", sslrootcert=self.cluster.ca_file), """
            <time> ERROR connection to server at "127.0.0.1", port <port> failed: server certificate for "localhost" (and 1 other name) does not match host name "db.example"
                               hint: Connect by the name in the certificate, or use sslmode=verify-ca.
        """)

    def test_an_authority_that_is_not_there(self):
        self.assert_at_once(
            self.cluster.url(self.dbname, sslmode="verify-full", sslrootcert="/nowhere/ca.crt"), """
            <time> ERROR connection to server at "127.0.0.1", port <port> failed: root certificate file "/nowhere/ca.crt" does not exist; Either provide the file, use the system's trusted roots with sslrootcert=system, or change sslmode to disable server certificate verification.
                               hint: Mount the CA's certificate and name it with sslrootcert= in the URL or PGSSLROOTCERT.
        """)

    def test_a_certificate_that_verifies(self):
        for database, env in (
            (self.cluster.url(self.dbname, sslmode="verify-full", sslrootcert=self.cluster.ca_file),
             None),
            (self.cluster.url(self.dbname, host="localhost", sslmode="verify-full"),
             {"PGSSLROOTCERT": self.cluster.ca_file}),
        ):
            with self.subTest(database):
                self.assert_good(self.up(FILES, database=database, env=env))


class WithoutTls(DatabaseCase):
    """A server that has ssl off: a URL requires it, as golang-migrate's does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Cluster.start()
        cls.addClassCleanup(cls.server.stop)
        cls.server.psql("postgres", "ALTER SYSTEM SET ssl = off; SELECT pg_reload_conf()")

    @property
    def cluster(self):
        return self.server

    def assert_refused(self, result):
        self.assert_log(result, f"""
            <time> ERROR connection to server at "127.0.0.1", port <port> failed: server does not support SSL, but SSL was required
                               hint: Turn ssl on at the server, or say sslmode=disable where that is safe. The default for a URL is require.
            {NOTHING.format("will not")}
        """, status=1)

    def test_a_url_requires_it(self):
        self.wait_until("SHOW ssl", "off")
        self.assert_refused(self.up(FILES))
        self.assert_refused(self.up(FILES, database=self.cluster.url(self.dbname, sslmode="require"),
                                    env={"PGSSLMODE": "disable"}))

    def test_what_says_otherwise(self):
        self.wait_until("SHOW ssl", "off")
        words = (f"host=127.0.0.1 port={self.cluster.port} user=postgres dbname={self.dbname}"
                 f" password={self.cluster.password}")
        for name, database, env in (
            ("the URL", self.cluster.url(self.dbname, sslmode="disable"), None),
            ("the URL, if it can be", self.cluster.url(self.dbname, sslmode="prefer"), None),
            ("the environment", self.database, {"PGSSLMODE": "disable"}),
            ("a socket", self.cluster.url(self.dbname, host=self.cluster.socket_dir), None),
            ("libpq's words", words, None),
        ):
            with self.subTest(name):
                self.assert_good(self.up(FILES, database=database, env=env))


class Rights(DatabaseCase):
    def make_role(self):
        role = f"{self.dbname}_role"
        self.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'secret-word'")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {role}")
        return role

    def test_a_role_without_create(self):
        role = self.make_role()
        self.psql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        database = self.cluster.url(self.dbname, user=role, password="secret-word")
        result = self.up(FILES, database=database)
        self.assert_log(result, f"""
            <time> ERROR cannot create the table "public"."schema_migrations": permission denied for schema public (42501)
                               hint: Let the schema's owner say: GRANT USAGE, CREATE ON SCHEMA public TO {role};
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
        grant = result.stdout.split("owner say: ")[1].split("\n")[0]
        self.psql(grant)
        self.assert_good(self.up(FILES, database=database))
        self.assertEqual(role, self.history("db_user")[0])

    def test_a_role_and_a_schema_that_must_be_quoted(self):
        role = self.make_role()
        self.psql(f'CREATE SCHEMA "My App"; ALTER ROLE {role} RENAME TO "{role}-X";')
        self.addCleanup(self.psql, f'ALTER ROLE "{role}-X" RENAME TO {role}')
        self.psql(f"ALTER ROLE \"{role}-X\" PASSWORD 'secret-word';"
                  f'GRANT USAGE ON SCHEMA "My App" TO "{role}-X"')
        database = self.cluster.url(self.dbname, user=f"{role}-X", password="secret-word",
                                    search_path='"My App"')
        result = self.up(FILES, database=database)
        self.assertEqual(1, result.status)
        self.psql(result.stdout.split("owner say: ")[1].split("\n")[0])
        self.assert_good(self.up(FILES, database=database))

    def test_a_table_of_somebody_else(self):
        role = self.make_role()
        self.psql(f"GRANT CREATE ON SCHEMA public TO {role}")
        self.assert_good(self.up(FILES))
        result = self.up({**FILES, "2_b.up.sql": "CREATE TABLE b ();"}, database=self.cluster.url(
            self.dbname, user=role, password="secret-word"))
        self.assert_log(result, f"""
            <time> ERROR cannot read "public"."schema_migrations": permission denied for table schema_migrations (42501)
                               hint: Let the table's owner say: GRANT SELECT, INSERT, UPDATE, DELETE ON public.schema_migrations TO {role};
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)


class Standby(DatabaseCase):
    def test_a_read_only_standby(self):
        server = Cluster.start()
        self.addCleanup(server.stop)
        standby = server.standby()
        expected = f"""
            <time> ERROR 127.0.0.1 is a read-only standby
                               hint: Name the primary, or both hosts: host=a,b target_session_attrs=read-write.
            {NOTHING.format("will not")}
        """
        self.assert_log(self.up(FILES, database=standby.url("postgres")), expected, status=1)
        both = (f"postgres://postgres:{server.password}@127.0.0.1:{standby.port},"
                f"127.0.0.1:{server.port}/postgres?target_session_attrs=read-write")
        self.assert_good(self.up(FILES, database=both))
        self.assert_log(self.up(FILES, database=standby.url("postgres")), expected, status=1)

    def test_a_database_that_is_read_only_by_default(self):
        self.psql(f"ALTER DATABASE {self.dbname} SET default_transaction_read_only = on")
        self.assert_log(self.up(FILES), f"""
            <time> ERROR cannot create the table "public"."schema_migrations": cannot execute CREATE TABLE in a read-only transaction (25006)
                               hint: default_transaction_read_only is on here. Turn it off for the database or the role; or for us alone, by default_transaction_read_only=off in the URL.
            {NOTHING.format("will not")}
        """, status=1)
        url = self.cluster.url(self.dbname, default_transaction_read_only="off")
        self.assert_good(self.up(FILES, database=url))
        files = {**FILES, "2_b.up.sql": "CREATE TABLE b ();"}
        result = self.up(files)
        self.assertIn("hint: default_transaction_read_only is on here. ", result.stdout)
        self.assert_good(self.up(files, database=url))

    def test_a_file_that_is_read_only(self):
        """Nothing is wrong with the database."""
        self.assert_good(self.up({"1_a.up.sql": "SELECT 1;"}))
        alone = "-- pgstride: no-transaction\n"
        table = (
            ("BEGIN READ ONLY; SELECT 1; COMMIT;", "2_b: cannot move the version", "SELECT"),
            ("SET transaction_read_only = on;", "2_b.up.sql: cannot write the history", "INSERT"),
            (alone + "BEGIN READ ONLY; SELECT 1; COMMIT;", "2_b: cannot write the history", "SELECT"),
            (alone + "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;",
             "2_b: cannot write the history", "SELECT"),
        )
        for text, what, verb in table:
            with self.subTest(text):
                result = self.up({"1_a.up.sql": "SELECT 1;", "2_b.up.sql": text})
                self.assertIn(
                    f" ERROR {what}: cannot execute {verb} in a read-only transaction (25006)\n"
                    "                   hint: The file makes its transaction READ ONLY, or the "
                    "session, and what it did is recorded there: take that out of the file.\n",
                    result.stdout)
                self.assert_good(self.pgstride({"1_a.up.sql": "SELECT 1;"}, "force", "1"))
