# SPDX-License-Identifier: Apache-2.0
"""Logins without a password, and the secrets that RDS keeps: what is asked, what is sent where."""

import itertools
import json
import os
import signal
import time
import urllib.parse

from database.case import DatabaseCase
from support.cluster import free_port
from support.iam import REDIRECTED_PATH, Endpoint, Front, rds_refusal

FILES = {"1_a.up.sql": "CREATE TABLE a AS SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();"}
BROKEN = {"1_a.up.sql": "CREATE TABLE a ();", "2_b.up.sql": "SELECT pg_sleep(60);"}
NOTHING = "<time> ERROR failed: nothing was applied; a retry {0} help"
HOST = "mydb.abc.eu-west-1.rds.amazonaws.com"
TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"


class IamCase(DatabaseCase):
    def setUp(self):
        super().setUp()
        self.secrets = []
        self.role = f"{self.dbname}.iam@x"
        self.psql(f'CREATE ROLE "{self.role}" LOGIN; GRANT CREATE ON SCHEMA public TO "{self.role}"')
        self.addCleanup(self.cluster.psql, "postgres", f'DROP ROLE "{self.role}"')
        self.addCleanup(self.psql, f'DROP OWNED BY "{self.role}"')

    def serve(self, *answers, port=0):
        endpoint = Endpoint(*answers, port=port)
        self.addCleanup(endpoint.stop)
        return endpoint

    def front(self, check):
        front = Front(self.cluster, check)
        self.addCleanup(front.stop)
        return front

    def url(self, port, user=None, host="127.0.0.1", **params):
        query = urllib.parse.urlencode(params)
        user = urllib.parse.quote(user or self.role, safe="")
        return f"postgres://{user}@{host}:{port}/{self.dbname}?{query}"

    def assert_no_secret(self, result):
        """Nothing that was secret stands in either stream, not even in part."""
        for secret in self.secrets:
            for form in (secret, urllib.parse.quote(secret, safe=""), json.dumps(secret)[1:-1]):
                self.assertNotIn(form, result.stdout + result.stderr)
                self.assertNotIn(form[:len(form) // 2], result.stdout + result.stderr)

    def log_in(self, database, auth, *options, env=None, files=None):
        """A run in each log format says nothing of the secrets; the Result of the first."""
        arguments = ("--auth", auth, "--verbose", *options)
        result = self.up(files or FILES, *arguments, database=database, env=env)
        self.assert_no_secret(result)
        if files is None and not options:
            other = self.up(FILES, *arguments, "--log-format", "json", database=database, env=env)
            self.assert_no_secret(other)
            self.assertEqual(result.status, other.status)
        return result

    def kill_first_sleeper(self, process):
        """End the server's side of the first session that sleeps, and let the next one through."""
        self.wait_for_statement("pg_sleep(60)")
        kill = ("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE state = 'active' AND query LIKE '%pg_sleep(60)%'"
                "   AND pid <> pg_backend_pid() AND datname = current_database()")
        self.psql(kill)
        self.wait_for_statement("pg_sleep(60)")
        process.send_signal(signal.SIGTERM)


class GcpCase(IamCase):
    def setUp(self):
        super().setUp()
        self.numbers = itertools.count(1)
        self.given = []

    def new_token(self):
        token = f"ya29.c.{next(self.numbers)}-" + os.urandom(500).hex()
        self.secrets.append(token)
        self.given.append(token)
        return {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    @staticmethod
    def environment(endpoint, **more):
        return {"GCE_METADATA_HOST": endpoint.place, **more}

    def check_newest(self, user, password):
        """Each token is good once, and only while no newer one was given."""
        if user != self.role or not self.given or password != self.given[-1]:
            return "28P01", f'password authentication failed for user "{user}"'
        self.given.append(None)
        return None


class Gcp(GcpCase):
    def test_the_token_is_the_password_of_a_server(self):
        document = self.new_token()
        token = document["access_token"]
        self.psql(f"ALTER ROLE \"{self.role}\" PASSWORD '{token}'")
        endpoint = self.serve(document)
        result = self.log_in(self.url(self.cluster.port), "gcp-iam", env=self.environment(endpoint))
        self.assert_good(result)
        self.assertEqual("t", self.psql("SELECT ssl FROM a"))
        path, _, query = endpoint.requests[0].path.partition("?")
        self.assertEqual(TOKEN_PATH, path)
        self.assertEqual({"scopes": ["https://www.googleapis.com/auth/sqlservice.login,"
                                     "https://www.googleapis.com/auth/alloydb.login"]},
                         urllib.parse.parse_qs(query))
        self.assertEqual("Google", endpoint.requests[0].headers["metadata-flavor"])

    def test_libpqs_environment_alone_means_tls_too(self):
        endpoint = self.serve(self.new_token)
        front = self.front(self.check_newest)
        env = self.environment(endpoint, PGSTRIDE_AUTH="gcp-iam", PGHOST="127.0.0.1",
                               PGPORT=str(front.port), PGUSER=self.role, PGDATABASE=self.dbname)
        self.assert_good(self.run_pgstride("--path", self.folder(FILES), "up", env=env))
        self.assertFalse(front.in_clear)

    def test_a_proxy_is_not_asked(self):
        endpoint, proxy = self.serve(self.new_token), self.serve(403)
        front = self.front(self.check_newest)
        env = self.environment(endpoint, http_proxy=f"http://{proxy.place}",
                               HTTP_PROXY=f"http://{proxy.place}", ALL_PROXY=f"http://{proxy.place}")
        self.assert_good(self.log_in(self.url(front.port), "gcp-iam", env=env))
        self.assertEqual([], proxy.requests)

    def test_a_socket_needs_no_tls(self):
        endpoint = self.serve(self.new_token)
        database = (f"postgres://{urllib.parse.quote(self.role)}@/{self.dbname}?sslmode=disable"
                    f"&host={self.cluster.socket_dir}&port={self.cluster.port}")
        self.assert_good(self.log_in(database, "gcp-iam", env=self.environment(endpoint)))

    def test_a_second_connection_has_a_token_of_its_own(self):
        endpoint = self.serve(self.new_token)
        front = self.front(self.check_newest)
        process = self.start_up(BROKEN, "--auth", "gcp-iam", "--verbose",
                                database=self.url(front.port), env=self.environment(endpoint))
        self.kill_first_sleeper(process)
        result = self.finish(process)
        self.assertIn(" WARN  connecting again: ", result.stdout)
        self.assert_no_secret(result)
        self.assertEqual(2, len(set(front.passwords)))
        self.assertEqual(2, len(endpoint.requests))

    def test_the_watcher_has_a_token_of_its_own(self):
        endpoint = self.serve(self.new_token)
        front = self.front(self.check_newest)
        self.assert_good(self.up(
            FILES, "--auth", "gcp-iam", database=self.url(front.port),
            env=self.environment(endpoint)))
        holder = self.session("BEGIN; LOCK TABLE a;")
        process = self.start_up({**FILES, "2_b.up.sql": "ALTER TABLE a ADD b int;"}, "--auth",
                                "gcp-iam", "--ddl-lock-timeout", "30s", "--verbose",
                                database=self.url(front.port), env=self.environment(endpoint))
        self.wait_until("SELECT count(*) > 0 FROM pg_stat_activity"
                        " WHERE application_name = 'pgstride watcher'")
        self.end_session(holder)
        result = self.finish(process)
        self.assert_good(result)
        self.assert_no_secret(result)
        self.assertEqual(3, len(set(front.passwords)))

    def test_each_try_has_a_token_of_its_own(self):
        refusals = [("57P03", "the database system is starting up")] * 2

        def check(user, password):
            answer = self.check_newest(user, password)
            return refusals.pop() if answer is None and refusals else answer

        endpoint = self.serve(self.new_token)
        front = self.front(check)
        result = self.log_in(self.url(front.port), "gcp-iam", "--wait-timeout", "20s",
                             env=self.environment(endpoint))
        self.assert_good(result)
        self.assertIn(" WARN  waiting for the database, ", result.stdout)
        self.assertEqual(3, len(set(front.passwords)))

    def test_the_accounts_whole_name_is_told_apart(self):
        endpoint = self.serve(self.new_token)
        front = self.front(self.check_newest)
        user = f"{self.role}.gserviceaccount.com"
        result = self.log_in(self.url(front.port, user), "gcp-iam", env=self.environment(endpoint))
        self.assert_log(result, f"""
            <time> ERROR connection to server at "127.0.0.1", port {front.port} failed: FATAL: password authentication failed for user "{user}" (28P01)
                               hint: The user is the account without .gserviceaccount.com: {self.role}.
            {NOTHING.format("will not")}
        """, status=1)

    def test_a_server_that_quotes_the_token(self):
        for padding in (0, 1200):  # whole, and where a message is cut
            with self.subTest(padding):
                endpoint = self.serve(self.new_token)
                front = self.front(lambda _, word: ("28P01", f"{'x' * padding} {word} and {word}"))
                result = self.log_in(
                    self.url(front.port), "gcp-iam", env=self.environment(endpoint))
                self.assertIn(" *** and *** (28P01)\n", result.stdout)
                self.assertEqual(1, result.status)

    def test_a_certificate_that_does_not_verify_gets_no_token(self):
        endpoint = self.serve(self.new_token)
        front = self.front(self.check_newest)
        for params in ({"host": "db.example", "hostaddr": "127.0.0.1", "sslmode": "verify-full",
                        "sslrootcert": self.cluster.ca_file},
                       {"sslmode": "verify-ca", "sslrootcert": self.cluster.other_ca_file}):
            with self.subTest(params):
                result = self.log_in(
                    self.url(front.port, **params), "gcp-iam", env=self.environment(endpoint))
                self.assertEqual(1, result.status)
                self.assertEqual([], front.passwords)


class GcpAnswers(GcpCase):
    """What the metadata server may say instead."""

    def run_with(self, *answers, options=()):
        endpoint = self.serve(*answers)
        front = self.front(self.check_newest)
        begun = time.monotonic()
        result = self.log_in(self.url(front.port), "gcp-iam", *options,
                             env=self.environment(endpoint))
        return result, endpoint, time.monotonic() - begun

    def test_what_helps_in_the_end(self):
        for wrong, seconds in (
                (500, 2), (503, 2), (429, 2), ("close", 2), ("slow", 6), ("drip", 6)):
            with self.subTest(wrong):
                result, endpoint, took = self.run_with(wrong, self.new_token, options=("--verbose",))
                self.assert_good(result)
                self.assertNotIn("waiting", result.stdout)
                self.assertLess(took, seconds)
                self.assertEqual(2, len(endpoint.requests))

    def test_what_never_helps(self):
        said = "the metadata server answered {}"
        table = (
            (403, said.format(403), "May this job use its service account?"),
            (404, said.format(404), "Is a service account attached to this job?"),
            ("redirect", said.format(302), None),
            ("text", "what the metadata server answered is no JSON object", None),
            ("garbage", "the metadata server: what 127.0.0.1 answered is not HTTP", None),
            ("huge", "the metadata server: the answer of 127.0.0.1 is larger than 64 KiB", None),
            ("headers", "the metadata server: what 127.0.0.1 answered is not HTTP", None),
            ({}, "the answer of the metadata server has no access_token", None),
            ({"access_token": 5}, "the answer of the metadata server has no access_token", None),
            ({"access_token": ""}, "the answer of the metadata server has no access_token", None),
            ({"access_token": "ya29.\nword"},
             "the answer of the metadata server has no access_token", None),
        )
        for answer, message, hint in table:
            with self.subTest(answer):
                result, endpoint, took = self.run_with(answer, options=("--verbose",))
                hint = f"\n{' ' * 31}hint: {hint}" if hint else ""
                self.assert_log(result, f"""
            <time> ERROR --auth gcp-iam: {message}{hint}
            {NOTHING.format("will not")}
        """, status=1)
                self.assertLess(took, 3)
                self.assertEqual(1, len(endpoint.requests))
                self.assertNotIn(REDIRECTED_PATH, endpoint.requests[0].path)

    def test_no_answer(self):
        result, endpoint, took = self.run_with("hang", options=("--wait-timeout", "0"))
        self.assertEqual(3, len(endpoint.requests))
        self.assertTrue(6 < took < 9, took)
        self.assert_log(result, f"""
            <time> ERROR --auth gcp-iam: the metadata server: no answer from 127.0.0.1 within <duration>
                               hint: gcp-iam works on Google Cloud; elsewhere GCE_METADATA_HOST names a host that plays the metadata server.
            {NOTHING.format("may")}
        """, status=1)

    def test_it_is_waited_for(self):
        port = free_port()
        front = self.front(self.check_newest)
        process = self.start_up(FILES, "--auth", "gcp-iam", database=self.url(front.port),
                                env={"GCE_METADATA_HOST": f"127.0.0.1:{port}"})
        time.sleep(2)
        self.assertIsNone(process.poll())
        self.serve(self.new_token, port=port)
        result = self.finish(process)
        self.assert_good(result)
        self.assertIn(" WARN  waiting for the database, up to ", result.stdout)
        self.assertIn("--auth gcp-iam: the metadata server: cannot connect to 127.0.0.1: ",
                      result.stdout)

    def test_a_stop_meanwhile(self):
        endpoint = self.serve("hang")
        process = self.start_up(FILES, "--auth", "gcp-iam", database=self.url(free_port()),
                                env=self.environment(endpoint))
        while not endpoint.requests:
            time.sleep(0.02)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        result = self.finish(process)
        self.assertLess(time.monotonic() - begun, 4)
        self.assertEqual(1, result.status)
        self.assertIn("stopped by SIGTERM", result.stdout)

    def test_a_host_that_is_none(self):
        front = self.front(self.check_newest)
        result = self.log_in(self.url(front.port), "gcp-iam",
                             env={"GCE_METADATA_HOST": "evil.example/x?"})
        self.assertIn(" ERROR --auth gcp-iam: GCE_METADATA_HOST is no host\n", result.stdout)


class AwsCase(IamCase):
    REGION = "eu-west-1"

    def setUp(self):
        super().setUp()
        self.keys = self.new_keys()

    def new_keys(self):
        """An access key, its secret, a session token: as long as real ones."""
        random = os.urandom(300).hex()
        self.keys = (f"ASIA{random[:16].upper()}", f"{random[16:50]}/+{random[50:54]}",
                     f"FwoG//{random[54:]}+/==")
        self.secrets += self.keys
        return self.keys

    def document(self):
        key_id, secret, session = self.new_keys()
        return {"AccessKeyId": key_id, "SecretAccessKey": secret, "Token": session,
                "RoleArn": "arn:aws:iam::123456789012:role/migrate",
                "Expiration": "2099-01-01T00:00:00Z"}

    def check(self, user, password):
        refusal = rds_refusal(password, host=HOST, port=self.server.port, user=user,
                              region=self.REGION, keys=self.keys)
        return refusal and ("28000", f'PAM authentication failed for user "{user}"')

    def start_front(self):
        self.server = self.front(self.check)
        return self.url(self.server.port, host=HOST, hostaddr="127.0.0.1", sslmode="verify-ca",
                        sslrootcert=self.cluster.ca_file)

    def environment(self, **more):
        return dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
                        self.keys), **more)

    def from_endpoint(self, endpoint, path="/v1/keys", **more):
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{endpoint.place}{path}", **more}


class Aws(AwsCase):
    def test_the_environments_keys_sign(self):
        database = self.start_front()
        self.assert_good(self.log_in(database, "aws-iam", env=self.environment()))
        self.assertFalse(self.server.in_clear)
        self.assertEqual("f", self.psql("SELECT ssl FROM a"), "the front's own way in is a socket")

    def test_keys_without_a_session(self):
        self.keys = (*self.keys[:2], "")
        database = self.start_front()
        self.assert_good(self.log_in(database, "aws-iam", env=self.environment()))

    def test_a_user_with_any_character(self):
        self.role = f"{self.dbname} +é/~&=%@x"
        self.psql(f'CREATE ROLE "{self.role}" LOGIN; GRANT CREATE ON SCHEMA public TO "{self.role}"')
        self.addCleanup(self.cluster.psql, "postgres", f'DROP ROLE "{self.role}"')
        self.addCleanup(self.psql, f'DROP OWNED BY "{self.role}"')
        database = self.start_front()
        self.assert_good(self.log_in(database, "aws-iam", env=self.environment()))

    def test_a_region_of_the_environment_wins(self):
        database = self.start_front()
        for region, status in (("eu-west-1", 0), ("us-east-1", 1)):
            for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
                with self.subTest(f"{name}={region}"):
                    result = self.log_in(
                        database, "aws-iam", env=self.environment(**{name: region}))
                    self.assertEqual(status, result.status)
        self.assert_log(result, f"""
            <time> ERROR connection to server at "127.0.0.1", port {self.server.port} failed: FATAL: PAM authentication failed for user "{self.role}" (28000)
                               hint: GRANT rds_iam TO the user, allow rds-db:connect to the task role, and name the host as RDS does: the token is not good for an alias.
            {NOTHING.format("will not")}
        """)

    def test_the_endpoints_keys_sign(self):
        endpoint = self.serve(self.document)
        database = self.start_front()
        env = self.from_endpoint(endpoint)
        self.assert_good(self.log_in(database, "aws-iam", env=env))
        self.assertEqual("/v1/keys", endpoint.requests[0].path)
        self.assertNotIn("authorization", endpoint.requests[0].headers)

    def test_the_endpoint_is_told_who_asks(self):
        word, other = "Bearer sEcReTwOrD-0123456789", "of-the-file-0123456789"
        self.secrets += [word, other]
        endpoint = self.serve(self.document)
        database = self.start_front()
        folder = self.folder({"token": other})
        for env, expected in (
            ({"AWS_CONTAINER_AUTHORIZATION_TOKEN": word}, word),
            ({"AWS_CONTAINER_AUTHORIZATION_TOKEN": word,
              "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": f"{folder}/token"}, other),
        ):
            with self.subTest(env):
                self.assert_good(
                    self.log_in(database, "aws-iam", env=self.from_endpoint(endpoint, **env)))
                self.assertEqual(expected, endpoint.requests[-1].headers["authorization"])

    def test_a_second_connection_has_a_token_of_its_own(self):
        endpoint = self.serve(self.document)
        database = self.start_front()
        process = self.start_up(BROKEN, "--auth", "aws-iam", "--verbose", database=database,
                                env=self.from_endpoint(endpoint))
        self.kill_first_sleeper(process)
        result = self.finish(process)
        self.assertIn(" WARN  connecting again: ", result.stdout)
        self.assert_no_secret(result)
        self.assertEqual(2, len(set(self.server.passwords)))
        self.assertEqual(2, len(endpoint.requests))


class AwsAnswers(AwsCase):
    def refused(self, message, *answers, hint=None, retry="will not", env=None, requests=1):
        endpoint = self.serve(*(answers or (self.document,)))
        database = self.start_front()
        result = self.log_in(database, "aws-iam", "--wait-timeout", "0",
                             env=self.from_endpoint(endpoint, **(env or {})))
        hint = f"\n{' ' * 31}hint: {hint}" if hint else ""
        self.assert_log(result, f"""
            <time> ERROR --auth aws-iam: {message}{hint}
            {NOTHING.format(retry)}
        """, status=1)
        self.assertEqual(requests, len(endpoint.requests))
        self.assertEqual([], self.server.passwords)

    def test_what_the_endpoint_may_say_instead(self):
        name = "the container credentials endpoint"
        role = "Does the task have a task role, and may it be assumed?"
        whole = self.document()
        table = (
            (403, f"{name} answered 403", role),
            (404, f"{name} answered 404", role),
            ("redirect", f"{name} answered 302", None),
            ("text", f"what {name} answered is no JSON object", None),
            ("garbage", f"{name}: what 127.0.0.1 answered is not HTTP", None),
            ("huge", f"{name}: the answer of 127.0.0.1 is larger than 64 KiB", None),
            ("headers", f"{name}: what 127.0.0.1 answered is not HTTP", None),
            *(({**whole, key: None}, f"the answer of {name} has no {key}", None)
              for key in ("AccessKeyId", "SecretAccessKey", "Token")),
        )
        for answer, message, hint in table:
            with self.subTest(answer):
                self.refused(message, answer, hint=hint)

    def test_what_helps_in_the_end(self):
        for wrong in (500, "slow", "drip"):
            with self.subTest(wrong):
                endpoint = self.serve(wrong, self.document)
                database = self.start_front()
                self.assert_good(self.log_in(
                    database, "aws-iam", "--verbose", env=self.from_endpoint(endpoint)))
                self.assertEqual(2, len(endpoint.requests))

    def test_a_line_break_in_the_authorization(self):
        hint = "Write the token alone, without a newline at its end."
        for text in ("word-0123\r\nX-Other: word", "word-0123\n", "word-0123\r"):
            folder = self.folder({"token": text})
            for name, value in (("AWS_CONTAINER_AUTHORIZATION_TOKEN", text),
                                ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", f"{folder}/token")):
                with self.subTest(f"{name} {text!r}"):
                    self.refused(f"{name} holds a line break", hint=hint, env={name: value},
                                 requests=0)
        self.refused("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: cannot read /nowhere: "
                     "No such file or directory",
                     env={"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nowhere"}, requests=0)

    def test_the_relative_uri_is_asked_instead(self):
        endpoint = self.serve(self.document)
        env = self.from_endpoint(endpoint, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2/keys")
        result = self.log_in(self.start_front(), "aws-iam", "--wait-timeout", "0", env=env)
        self.assertEqual(1, result.status)
        self.assertIn("the container credentials endpoint", result.stdout)
        self.assertEqual([], endpoint.requests)


class Usage(IamCase):
    """What is refused before anything is asked."""

    def refused(self, database, auth, message, hint, env=None):
        result = self.up(FILES, "--auth", auth, database=database, env=env)
        self.assert_log(result, f"""
            <time> ERROR {message}
                               hint: {hint}
            {NOTHING.format("will not")}
        """, status=1)

    def test_a_password_beside_it(self):
        self.refused("postgres://u:sEcReT@db/c", "gcp-iam",
                     "--auth gcp-iam takes the place of a password, and the database's URL or "
                     "secret has one", "Take the password away, or --auth.")
        self.refused("postgres://u@db/c", "aws-iam",
                     "--auth aws-iam takes the place of a password, and PGPASSWORD has one",
                     "Take the password away, or --auth.", env={"PGPASSWORD": "sEcReT"})

    def test_no_tls(self):
        for mode in ("disable", "allow", "prefer"):
            self.refused(f"postgres://u@db/c?sslmode={mode}", "gcp-iam",
                         f"--auth gcp-iam needs TLS: sslmode={mode} may send the token in the clear",
                         "Say sslmode=verify-full with sslrootcert=, or at least sslmode=require, "
                         "which is the default here.")

    def test_no_credentials(self):
        self.refused(f"postgres://u@{HOST}/c", "aws-iam", "--auth aws-iam finds no AWS credentials",
                     "Give the task a task role (ECS, AWS Batch), the pod an identity (EKS Pod "
                     "Identity), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. A role of the "
                     "machine is not used.")


class JsonSecrets(DatabaseCase):
    PASSWORD = "it's \\ a \"p@ss\": {w%20rd}/?#&= é"

    def setUp(self):
        super().setUp()
        self.role = f"{self.dbname}_role"
        quoted = self.PASSWORD.replace("'", "''")
        self.psql(f"CREATE ROLE {self.role} LOGIN PASSWORD '{quoted}';"
                  f"GRANT CREATE ON SCHEMA public TO {self.role}")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {self.role}")
        self.addCleanup(self.psql, f"DROP OWNED BY {self.role}")
        self.files = self.folder(FILES)

    def run_with(self, secret, end="", as_file=False, **env):
        text = json.dumps(secret) + end
        if as_file:
            env["PGSTRIDE_DATABASE_FILE"] = self.folder({"secret": text}) + "/secret"
        else:
            env["DATABASE_URL"] = text
        result = self.run_pgstride("--path", self.files, "--verbose", "up", env=env)
        for form in (self.PASSWORD, json.dumps(self.PASSWORD), self.PASSWORD[:9]):
            self.assertNotIn(form, result.stdout + result.stderr)
        return result

    def whole(self, **more):
        return {"engine": "postgres", "host": "127.0.0.1", "port": self.cluster.port,
                "username": self.role, "password": self.PASSWORD, "dbname": self.dbname, **more}

    def test_a_whole_secret(self):
        self.assert_good(self.run_with(self.whole()))
        self.assertEqual("t", self.psql("SELECT ssl FROM a"))
        self.assert_good(self.run_with(self.whole(port=str(self.cluster.port), masterarn="x")))
        self.assert_good(self.run_with(self.whole(), end="\n\r\n", as_file=True))

    def test_a_secret_that_rds_manages(self):
        secret = {"username": self.role, "password": self.PASSWORD}
        beside = {"PGHOST": "127.0.0.1", "PGPORT": str(self.cluster.port),
                  "PGDATABASE": self.dbname}
        self.assert_good(self.run_with(secret, **beside))
        del beside["PGHOST"]
        self.assert_log(self.run_with(secret, **beside), f"""
            <time> ERROR the database's JSON secret: it has no host, and PGHOST is not set
                               hint: A secret that RDS manages holds the username and the password alone: set PGHOST, PGPORT and PGDATABASE beside it.
            {NOTHING.format("will not")}
        """, status=1)

    def test_verification_is_libpqs_own(self):
        good = {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": self.cluster.ca_file}
        self.assert_good(self.run_with(self.whole(), **good))
        bad = {**good, "PGSSLROOTCERT": self.cluster.other_ca_file}
        self.assertIn("certificate verify failed", self.run_with(self.whole(), **bad).stdout)

    def test_another_password_is_refused(self):
        result = self.run_with(self.whole(password=self.PASSWORD + "x"))
        self.assertIn("password authentication failed", result.stdout)
        self.assertEqual(1, result.status)
