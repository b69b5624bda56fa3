# SPDX-License-Identifier: Apache-2.0
"""The command line and the environment: what is understood, what is refused, where it is said."""

import json
import os
import re
import subprocess
import urllib.parse

from support.harness import Case, binary

URL = "postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full"
NAMES = "up down goto plan rehearse status version wait force baseline drop verify create write hash".split()
COMMANDS = f"The commands are {', '.join(NAMES[:-1])} and {NAMES[-1]}; pgstride --help says more."
OPTIONS = (
    "database auth path source role wait-timeout lock-timeout ddl-lock-timeout retry-for heartbeat"
    " statement-timeout"
    " atomic out-of-order drift if-ahead max-file-size log-format no-effects verbose slack-webhook-url notify before-url"
    " after-url hook-token hook-timeout image format"
    " offline exit-code method name schema dev-database prefetch help version"
).split()
OWN_OPTIONS = {"create": "ext dir seq digits format tz".split(),
               "write": "ext dir seq digits format tz allow-destructive check online"
                        " with-grants".split(), "down": ["all"],
               "plan": ["all", "observe", "fail-on"], "rehearse": ["all", "observe", "fail-on"],
               "wait": ["timeout"], "drop": ["f"]}
FLAGS_ALONE = {"PGSTRIDE_" + name for name in ("PREFETCH", "HELP", "VERSION", "METHOD", "NAME")}
ESCAPES = (
    "Write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25, a space as %20, [ as %5B and"
    " ] as %5D; or leave the password out of the URL and give it in PGPASSWORD."
)
DURATION = "is not a duration: write 500ms, 5s, 2min or 1h (a bare number is seconds)"
NOWHERE = "postgres://u:p@127.0.0.1:1/db"


class UsageCase(Case):
    def assert_refused(self, result, message, hint=None, stream="stderr"):
        """`stream` has this error, the other nothing, and the status is 1."""
        lines = [f"<time> ERROR {message}"]
        if hint is not None:
            lines.append(" " * 19 + f"hint: {hint}")
        if stream == "stdout": # the log of a run ends with its summary
            lines.append("<time> ERROR failed: nothing was applied; a retry will not help")
        self.assertEqual("", result.stdout if stream == "stderr" else result.stderr)
        self.assertMultiLineEqual(
            "\n".join(lines) + "\n", self.normalise(getattr(result, stream)))
        self.assertEqual(1, result.status)


class Help(UsageCase):
    def test_it_names_every_command_option_and_variable(self):
        result = self.run_pgstride("--help")
        self.assertEqual((0, ""), (result.status, result.stderr))
        self.assertEqual(OPTIONS, re.findall(r"^  --([a-z-]+)", result.stdout, re.M))
        self.assertEqual(
            NAMES, re.findall(r"^  ([a-z]+)(?: \[N\]| [NV]| -f| NAME)?  +[a-z]", result.stdout, re.M))
        variables = set(re.findall(r"\bPGSTRIDE_[A-Z_]+", result.stdout))
        self.assertEqual({"PGSTRIDE_" + name.upper().replace("-", "_") for name in OPTIONS}
                         - FLAGS_ALONE, variables)
        self.assertIn("PGSTRIDE_DATABASE DATABASE_URL MIGRATION_DB, each also as NAME_FILE\n",
                      result.stdout)

    def test_each_command_has_its_own(self):
        for name in NAMES:
            with self.subTest(name):
                result = self.run_pgstride(name, "--help")
                self.assertEqual((0, ""), (result.status, result.stderr))
                self.assertTrue(result.stdout.startswith(f"usage: pgstride [options] {name}"))
                self.assertEqual(OWN_OPTIONS.get(name, []),
                                 re.findall(r"^  --([a-z-]+)", result.stdout, re.M))
                self.assertEqual(result, self.run_pgstride("help", name))
                self.assertEqual(result, self.run_pgstride("-help", name))

    def test_it_is_the_same_wherever_it_stands(self):
        plain = self.run_pgstride("--help")
        for arguments in (("-help",), ("help",), ("--help", "nonsense"), ("--help=true",)):
            with self.subTest(arguments):
                self.assertEqual(plain, self.run_pgstride(*arguments))

    def test_it_helps_where_the_environment_is_wrong(self):
        """An error says: pgstride --help lists them. So it must."""
        plain = self.run_pgstride("--help")
        for name in ("PGSTRIDE_NONSENSE", "PGSTRIDE_WAIT_TIMEOUT"):
            with self.subTest(name):
                self.assertEqual(plain, self.run_pgstride("--help", env={name: "nonsense"}))

    def test_every_variable_that_it_names_is_known(self):
        help_text = self.run_pgstride("--help").stdout
        for name in set(re.findall(r"\bPGSTRIDE_[A-Z_]+", help_text)):
            with self.subTest(name):
                result = self.run_pgstride("version", env={name: "?"})
                self.assertNotIn("unknown environment variable", result.stderr)

    def test_version_is_one_line(self):
        for arguments in (("--version",), ("-version",), ("up", "--version")):
            with self.subTest(arguments):
                result = self.run_pgstride(*arguments)
                self.assertRegex(result.stdout, r"\Apgstride \d+\.\d+\.\d+\n\Z")
                self.assertEqual((0, ""), (result.status, result.stderr))

    def test_an_answer_that_nobody_can_read_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([binary(), "--help"], stdout=full, stderr=subprocess.PIPE,
                                  env={}, check=False)
        self.assertEqual(1, done.returncode)
        self.assertIn(b"cannot write the answer: No space left on device", done.stderr)


class Refused(UsageCase):
    def test_words_that_mean_nothing(self):
        table = (
            ((), "no command was given", COMMANDS),
            (("nonsense",), 'unknown command "nonsense"', COMMANDS),
            (("UP",), 'unknown command "UP"', COMMANDS),
            (("--nonsense",), "unknown option --nonsense", "pgstride --help lists them."),
            (("-x",), "unknown option --x", "pgstride --help lists them."),
            (("--nonsense=1",), "unknown option --nonsense", "pgstride --help lists them."),
            (("--lock-time", "1s"), "unknown option --lock-time", "pgstride --help lists them."),
            (("--", "--help"), 'unknown command "--help"', COMMANDS),
            (("--database",), "--database needs a value", None),
            (("--seq", "status"), "--seq is an option of another command",
             "pgstride COMMAND --help lists what each takes."),
            (("--digits", "3", "version"), "--digits is an option of another command",
             "pgstride COMMAND --help lists what each takes."),
            (("status", "one", "--database", NOWHERE), 'unexpected argument "one"',
             "Usage: pgstride status"),
            (("version", "one", "--database", NOWHERE), 'unexpected argument "one"',
             "Usage: pgstride version"),
        )
        for arguments, message, hint in table:
            with self.subTest(arguments):
                self.assert_refused(self.run_pgstride(*arguments), message, hint)

    def test_bad_arguments_of_up(self):
        table = (
            (("up", "--nonsense"), "unknown option --nonsense", "pgstride --help lists them."),
            (("--digits", "3", "up"), "--digits is an option of another command",
             "pgstride COMMAND --help lists what each takes."),
            (("up", "1", "2"), 'unexpected argument "2"', "Usage: pgstride up [N]"),
            (("up", "0"), 'up: "0" is not a whole number from 1 to 2147483647', None),
            (("up", "two"), 'up: "two" is not a whole number from 1 to 2147483647', None),
            (("up", "1.5"), 'up: "1.5" is not a whole number from 1 to 2147483647', None),
            (("up", ""), 'up: "" is not a whole number from 1 to 2147483647', None),
            (("up", "99999999999999999999"),
             'up: "99999999999999999999" is not a whole number from 1 to 2147483647', None),
            (("up", "--", "-1"), 'up: "-1" is not a whole number from 1 to 2147483647', None),
        )
        for arguments, message, hint in table:
            with self.subTest(arguments):
                result = self.run_pgstride(*arguments, env={"DATABASE_URL": NOWHERE})
                self.assert_refused(result, message, hint, "stdout")

    def test_a_bad_value_of_each_type(self):
        table = (
            ("wait-timeout", "soon", f'"soon" {DURATION}'),
            ("wait-timeout", "-1s", f'"-1s" {DURATION}'),
            ("wait-timeout", "5 x", f'"5 x" {DURATION}'),
            ("lock-timeout", "1d", f'"1d" {DURATION}'),
            ("ddl-lock-timeout", "1000h", f'"1000h" {DURATION}'),
            ("retry-for", "1s1s", f'"1s1s" {DURATION}'),
            ("statement-timeout", "99999999999999999999", f'"99999999999999999999" {DURATION}'),
            ("max-file-size", "0", '"0" is not a whole number from 1 to 1024'),
            ("max-file-size", "1025", '"1025" is not a whole number from 1 to 1024'),
            ("max-file-size", "many", '"many" is not a whole number from 1 to 1024'),
            ("out-of-order", "Apply", '"Apply" is none of fail|apply|skip'),
            ("drift", "war", '"war" is none of fail|warn|ignore'),
            ("if-ahead", "fail|ok", '"fail|ok" is none of ok|fail'),
            ("log-format", "xml", '"xml" is none of auto|text|json'),
            ("notify", "often", '"often" is none of changes|always|failure|never'),
            ("format", "yaml", '"yaml" is none of text|json'),
            ("verbose", "maybe", '"maybe" is neither true nor false'),
            ("exit-code", "2", '"2" is neither true nor false'),
        )
        for name, value, message in table:
            variable = "PGSTRIDE_" + name.upper().replace("-", "_")
            with self.subTest(name=name, value=value):
                self.assert_refused(
                    self.run_pgstride(f"--{name}={value}", "status"), f"--{name}: {message}")
                self.assert_refused(
                    self.run_pgstride("status", env={variable: value}), f"{variable}: {message}")

    def test_an_empty_flag(self):
        for name in ("database", "path", "slack-webhook-url"):
            with self.subTest(name):
                self.assert_refused(
                    self.run_pgstride(f"--{name}=", "status"), f"--{name}: the value is empty")

    def test_variables_that_no_option_has(self):
        for name in ("PGSTRIDE_NONSENSE", "PGSTRIDE_PATHS", "PGSTRIDE_", "PGSTRIDE_PATH_FILE",
                     "PGSTRIDE_DATABASE_FILES", "PGSTRIDE_database", "PGSTRIDE_HELP"):
            with self.subTest(name):
                self.assert_refused(
                    self.run_pgstride("version", env={name: "1", "DATABASE_URL": NOWHERE}),
                    f"unknown environment variable {name}",
                    "pgstride --help lists them; remove it, or mend its name.",
                )

    def test_variables_of_kubernetes_and_of_others_pass(self):
        env = {
            "PGSTRIDE_SERVICE_HOST": "10.0.0.1", "PGSTRIDE_SERVICE_PORT": "80",
            "PGSTRIDE_SERVICE_PORT_HTTP": "80", "PGSTRIDE_PORT": "tcp://10.0.0.1:80",
            "PGSTRIDE_PORT_80_TCP": "tcp://10.0.0.1:80", "PGSTRIDE_PORT_80_TCP_ADDR": "10.0.0.1",
            "PGSTRIDES": "1", "MY_PGSTRIDE_X": "1", "PGSTRIDE": "1",
        }
        result = self.run_pgstride("version", env=env)
        self.assert_refused(result, "no database was named",
                            f"Set DATABASE_URL (or --database, MIGRATION_DB, PGHOST and its kin)"
                            f" to {URL}.")


class Database(UsageCase):
    """Where the URL comes from; each way leads to this test's own database."""

    def setUp(self):
        super().setUp()
        self.psql("CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty bool);"
                  "INSERT INTO schema_migrations VALUES (7, false)")

    def assert_found(self, *arguments, env=None):
        result = self.run_pgstride(*arguments, "version", env=env)
        self.assertEqual((0, "7\n", ""), (result.status, result.stdout, result.stderr))

    def test_flags_with_one_dash_or_two_before_or_after_the_command(self):
        for arguments in (("--database", self.database), ("-database", self.database),
                          (f"--database={self.database}",), (f"-database={self.database}",)):
            with self.subTest(arguments):
                self.assert_found(*arguments)
                result = self.run_pgstride("version", *arguments)
                self.assertEqual((0, "7\n"), (result.status, result.stdout))

    def test_each_variable(self):
        for name in ("PGSTRIDE_DATABASE", "DATABASE_URL", "MIGRATION_DB"):
            with self.subTest(name):
                self.assert_found(env={name: self.database})

    def test_what_beats_what(self):
        """A flag, then our own variable, then the others in their order; an empty one is none."""
        self.assert_found("--database", self.database, env={
            "PGSTRIDE_DATABASE": NOWHERE, "DATABASE_URL": NOWHERE})
        self.assert_found(env={"PGSTRIDE_DATABASE": self.database, "DATABASE_URL": NOWHERE})
        self.assert_found(env={"DATABASE_URL": self.database, "MIGRATION_DB": NOWHERE})
        self.assert_found(env={"PGSTRIDE_DATABASE": "", "DATABASE_URL": "",
                               "MIGRATION_DB": self.database})
        self.assert_found("--database", NOWHERE, "--database", self.database)

    def test_a_flag_beats_a_variable_that_is_wrong(self):
        result = self.run_pgstride("--format", "text", "version",
                                   env={"PGSTRIDE_FORMAT": "json", "DATABASE_URL": self.database})
        self.assertEqual("7\n", result.stdout)

    def test_libpqs_own_variables(self):
        server = self.cluster
        env = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": server.superuser,
               "PGPASSWORD": server.password, "PGDATABASE": self.dbname}
        self.assert_found(env=env)
        self.assert_found("--database", "postgres://127.0.0.1", env=env)
        self.assert_found("--database", f"dbname={self.dbname}", env=env)
        self.assert_found(env={**env, "PGHOST": server.socket_dir, "PGPASSWORD": ""})

    def test_libpqs_words_instead_of_a_url(self):
        server = self.cluster
        self.assert_found("--database", f"host=127.0.0.1 port={server.port} dbname={self.dbname}"
                                        f" user={server.superuser} password={server.password}")

    def test_every_scheme_that_go_programs_write(self):
        rest = self.database.split("://")[1]
        for scheme in ("postgres", "postgresql", "pgx", "pgx4", "pgx5"):
            with self.subTest(scheme):
                self.assert_found("--database", f"{scheme}://{rest}")

    def test_a_socket_in_the_url(self):
        self.assert_found("--database", self.cluster.url(
            self.dbname, host=self.cluster.socket_dir))

    def test_a_secret_from_a_file(self):
        for name in ("PGSTRIDE_DATABASE", "DATABASE_URL", "MIGRATION_DB"):
            for end in ("", "\n", "\r\n", " \n\n"):
                with self.subTest(name=name, end=end):
                    folder = self.folder({"url": self.database + end})
                    self.assert_found(env={f"{name}_FILE": f"{folder}/url"})

    def test_a_secrets_value_beats_its_file(self):
        self.assert_found(env={"DATABASE_URL": self.database, "DATABASE_URL_FILE": "/nowhere"})

    def test_a_secrets_file_that_cannot_be_read(self):
        folder = self.folder({"long": "x" * 70_000})
        table = (
            ("/nowhere/url", "cannot read /nowhere/url: No such file or directory", None),
            (folder, f"{folder} is a folder, not a file", None),
        )
        for path, message, hint in table:
            with self.subTest(path):
                result = self.run_pgstride("version", env={"DATABASE_URL_FILE": path})
                self.assert_refused(
                    result, self.normalise(f"DATABASE_URL_FILE: {message}"), hint)
        result = self.run_pgstride("version", env={"DATABASE_URL_FILE": f"{folder}/long"})
        self.assertEqual(1, result.status)
        self.assertNotIn("xxx", result.stderr)

    def test_a_secrets_file_that_is_empty(self):
        folder = self.folder({"url": "\n"})
        result = self.run_pgstride("version", env={"DATABASE_URL_FILE": f"{folder}/url"})
        self.assert_refused(result, "no database was named", f"Set DATABASE_URL (or --database,"
                            f" MIGRATION_DB, PGHOST and its kin) to {URL}.")


class DatabaseUrl(UsageCase):
    def test_none(self):
        for env in ({}, {"DATABASE_URL": ""}, {"PGHOST": ""}, {"PGPASSWORD": "secret-word"}):
            with self.subTest(env):
                self.assert_refused(
                    self.run_pgstride("version", env=env), "no database was named",
                    f"Set DATABASE_URL (or --database, MIGRATION_DB, PGHOST and its kin) to {URL}.")

    def test_one_that_cannot_be_read(self):
        begins = ("the database URL does not begin with postgres://",
                  f"Write {URL}.")
        words = ("the database URL cannot be read",
                 f"Write {URL}, or libpq's host=… dbname=… words.")
        table = (
            ("mysql://u:p@h/db", *begins),
            ("http://h/db", *begins),
            ("postgres//u:p@h/db", *words),
            ("nonsense", *words),
            ("postgres://[::1/db", *words),
            ("host=h port", *words),
            ("postgres://h/db?x-nonsense=1", "the database URL has an unknown parameter x-nonsense",
             "Known are x-migrations-table, x-migrations-table-quoted, x-statement-timeout and"
             " x-multi-statement."),
            ("postgres://h/db?x-migrations-table=", "x-migrations-table is empty", None),
            ("postgres://h/db?x-statement-timeout=1s", "x-statement-timeout (milliseconds): \"1s\""
             " is not a whole number from 0 to 2147483647", None),
            ("postgres://h/db?search_path=%zz", "the database URL cannot be read: a % in its"
             " parameters is not followed by two hexadecimal digits", None),
            ("postgres://h/db?bad%20name=1",
             "the database URL has a parameter without a proper name", None),
        )
        for url, message, hint in table:
            with self.subTest(url):
                self.assert_refused(self.run_pgstride("--database", url, "version"), message, hint)

    def test_a_password_with_raw_special_characters(self):
        """What stands between Qzx, Wvk and Jpf moves the URL's borders; no part may be told."""
        passwords = (
            "Qzx@Wvk", "Qzx/Wvk", "Qzx#Wvk", "Qzx?Wvk", "Qzx%Wvk", "Qzx%zzWvk", "@QzxWvk", "QzxWvk@",
            "QzxWvk#", "QzxWvk%", "QzxWvk/", "QzxWvk?", "Qzx@Wvk:Jpf", "Qzx:Wvk@Jpf", "Qzx@Wvk/Jpf",
            "Qzx/Wvk@Jpf", "Qzx?Wvk@Jpf", "Qzx@Wvk?Jpf", "Qzx@Wvk?Jpf=1", "Qzx@Wvk#Jpf",
            "Qzx@Wvk@Jpf", "5432/QzxWvk", "5432?QzxWvk", "Qzx\\Wvk@Jpf", "Qzx&Wvk=1@Jpf", "[Qzx@Wvk]",
        )
        for password in passwords:
            for command, stream in (("version", "stderr"), ("up", "stdout")):
                with self.subTest(password=password, command=command):
                    url = f"postgres://app:{password}@db.invalid:5432/company?sslmode=require"
                    result = self.run_pgstride(
                        "--database", url, "--path", self.folder({"1_a.up.sql": ""}),
                        "--wait-timeout", "0", command)
                    for part in ("Qzx", "Wvk", "Jpf"):
                        self.assertNotIn(part, result.stdout + result.stderr)
                    self.assertIn(
                        "ERROR the database URL cannot be read: its user or password has characters"
                        f" that must be percent-encoded\n{' ' * 19}hint: {ESCAPES}\n",
                        getattr(result, stream))
                    self.assertEqual(1, result.status)

    def test_the_same_passwords_percent_encoded_work(self):
        """The server says which of them it got: none but the right one."""
        role = f"{self.dbname}_role"
        self.psql(f"CREATE ROLE {role} LOGIN")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {role}")
        for password in ("Sec@re:tWo/rd", "a?b#c%d e[f]g", "é€😀", "'\"\\&=;+", "%41"):
            with self.subTest(password):
                quoted = password.replace("'", "''")
                self.psql(f"ALTER ROLE {role} PASSWORD '{quoted}'")
                result = self.run_pgstride("--database", self.cluster.url(
                    self.dbname, user=role, password=password), "version")
                self.assertIn(" ERROR no migration\n", result.stderr)

    def test_characters_that_move_no_border_may_stand_as_they_are(self):
        role = f"{self.dbname}_role"
        self.psql(f"CREATE ROLE {role} LOGIN")
        self.addCleanup(self.cluster.psql, "postgres", f"DROP ROLE {role}")
        for password in ("Qzx Wvk", "Qzx[Wvk]", "Qzx:Wvk", "Qzx&Wvk=1+2", "é€😀", "!$*(),;~^`{|}<>"):
            with self.subTest(password):
                self.psql(f"ALTER ROLE {role} PASSWORD '{password}'")
                result = self.run_pgstride("--database", f"postgres://{role}:{password}@127.0.0.1:"
                                           f"{self.cluster.port}/{self.dbname}", "version")
                self.assertIn(" ERROR no migration\n", result.stderr)

    def test_a_password_that_the_server_refuses_is_never_shown(self):
        for password in ("SecretWord", "Sec@ret:Wo/rd"):
            with self.subTest(password):
                url = self.cluster.url(self.dbname, password=password)
                result = self.run_pgstride("--database", url, "--verbose", "--path",
                                           self.folder({"1_a.up.sql": ""}), "up")
                self.assertEqual(1, result.status)
                self.assertNotIn(password, result.stdout + result.stderr)
                self.assertNotIn(urllib.parse.quote(password, safe=""),
                                 result.stdout + result.stderr)

    def test_a_password_in_sql_is_hidden_in_the_log(self):
        result = self.run_pgstride(
            "--database", self.database, "--path",
            self.folder({"1_a.up.sql": f"SELECT '{self.cluster.password}', nope;"}), "up")
        self.assertNotIn(self.cluster.password, result.stdout)
        self.assertIn("SELECT '***', nope;", result.stdout)


class Streams(UsageCase):
    def test_up_logs_on_stdout_and_stderr_stays_empty(self):
        for sql, status in (("CREATE TABLE a ();", 0), ("SELECT nope;", 1)):
            with self.subTest(sql):
                result = self.run_pgstride("--database", self.database, "--path", self.folder(
                    {"1_a.up.sql": "", "2_a.up.sql": sql}), "--verbose", "up")
                self.assertEqual((status, ""), (result.status, result.stderr))
                self.assertRegex(result.stdout, r"\A\d\d:\d\d:\d\d\.\d\d\d [A-Z]+ ")

    def test_version_and_status_answer_on_stdout_and_log_on_stderr(self):
        folder = self.folder({"1_a.up.sql": "", "near.sql": ""})
        common = ("--database", self.database, "--path", folder)
        self.assertEqual(0, self.run_pgstride(*common, "up").status)
        result = self.run_pgstride(*common, "version")
        self.assertEqual((0, "1\n", ""), (result.status, result.stdout, result.stderr))
        result = self.run_pgstride(*common, "status")
        self.assertEqual(0, result.status)
        self.assertNotIn("near.sql", result.stdout)
        self.assertIn(" WARN  near.sql is left out: ", result.stderr)
        self.assertNotIn("1_a", result.stderr)

    def test_a_failed_answer_leaves_stdout_empty(self):
        for command in ("version", "status"):
            with self.subTest(command):
                result = self.run_pgstride(
                    "--database", NOWHERE, "--wait-timeout", "0", "--path",
                    self.folder({"1_a.up.sql": ""}), command)
                self.assertEqual((1, ""), (result.status, result.stdout))
                self.assertIn(" ERROR connection to server at ", result.stderr)

    def test_the_last_line_of_up_says_whether_to_try_again(self):
        """Also where the run never began."""
        for arguments, env in ((("up",), {}), (("up", "zero"), {"DATABASE_URL": NOWHERE}),
                               (("up", "--nonsense"), {}), (("up",), {"PGSTRIDE_NONSENSE": "1"})):
            with self.subTest(arguments=arguments, env=env):
                result = self.run_pgstride("--log-format", "json", *arguments, env=env)
                output = (result.stdout or result.stderr).splitlines()
                last = json.loads(output[-1])
                self.assertEqual(("run.finished", False), (last["event"], last["retryable"]))

    def test_json_where_a_platform_reads_it_and_text_elsewhere(self):
        table = (
            ({}, False), ({"GITHUB_ACTIONS": "true"}, False), ({"CLOUD_RUN_JOB": "j"}, True),
            ({"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/x"}, True),
            ({"CODEBUILD_BUILD_ID": "b"}, True), ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True),
            ({"CLOUD_RUN_JOB": "j", "PGSTRIDE_LOG_FORMAT": "text"}, False),
            ({"PGSTRIDE_LOG_FORMAT": "json"}, True),
        )
        folder = self.folder({"1_a.up.sql": ""})
        for env, is_json in table:
            with self.subTest(env):
                result = self.run_pgstride("--database", self.database, "--path", folder, "up",
                                           env=env)
                self.assertEqual(0, result.status, result.stdout)
                for line in result.stdout.splitlines():
                    self.assertEqual(is_json, line.startswith("{"), line)


class Folder(UsageCase):
    def test_the_folder_by_its_options(self):
        folder = self.folder({"1_a.up.sql": "CREATE TABLE a ();"})
        os.mkdir(f"{folder}/migrations")
        with open(f"{folder}/migrations/1_b.up.sql", "w", encoding="ascii") as file:
            file.write("CREATE TABLE b ();")
        table = (
            (("--path", folder), {}, "a"),
            (("--source", f"file://{folder}"), {}, "a"),
            (("--source", "file://."), {}, "a"),
            ((), {"PGSTRIDE_PATH": folder}, "a"),
            ((), {"PGSTRIDE_SOURCE": f"file://{folder}"}, "a"),
            (("--path", "migrations"), {"PGSTRIDE_PATH": folder}, "b"),
            (("--path", "migrations"), {"PGSTRIDE_SOURCE": f"file://{folder}"}, "b"),
            (("--source", "file://migrations"), {"PGSTRIDE_PATH": folder}, "b"),
        )
        for arguments, env, expected in table:
            with self.subTest(arguments=arguments, env=env):
                self.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                result = self.run_pgstride(*arguments, "--database", self.database, "up",
                                           env=env, cwd=folder)
                self.assertEqual(0, result.status, result.stdout)
                self.assertEqual(expected, self.psql(
                    f"SELECT to_regclass('{expected}')"))

    def test_a_source_of_another_kind(self):
        result = self.run_pgstride("--source", "github://a/b", "--database", NOWHERE, "version")
        self.assert_refused(result, "--source takes file://DIR alone")

    def test_golang_migrates_command_line(self):
        folder = self.folder({"1_a.up.sql": "CREATE TABLE a ();"})
        result = self.run_pgstride(
            "-path", folder, "-database", self.database, "-verbose", "-prefetch", "20",
            "-lock-timeout", "15", "up", "1")
        self.assertEqual(0, result.status, result.stdout)
        self.assertEqual("a", self.psql("SELECT to_regclass('a')"))
