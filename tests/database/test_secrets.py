# SPDX-License-Identifier: Apache-2.0
"""What must not be shown is shown nowhere: log, history, answers, posts, process, server."""

import json
import os
import re
import shutil
import subprocess

from database.case import DatabaseCase
from support.harness import binary
from support.webhook import Webhook

SECRET = "sEsAmE-0pen"
SLACK_PATH = "/services/T0/B0/sl4ckSecretWord"
TOKEN = "h00k-t0ken-secret"

# Each fails, and the server repeats what it was told: message, DETAIL, CONTEXT, the line.
FAILING = (
    f"ALTER ROLE nobody_here PASSWORD '{SECRET}' nonsense;",
    f"ALTER ROLE nobody_here PASSWORD '{SECRET}",
    f"SELECT 1; {'/* long */ ' * 20} ALTER ROLE nobody_here PASSWORD '{SECRET}' {'x ' * 90};",
    f"DO $$ BEGIN EXECUTE 'ALTER ROLE nobody_here PASSWORD ''{SECRET}'''; END $$;",
    f"DO $$ BEGIN RAISE 'the password \"%\" is bad', '{SECRET}'"
    f" USING DETAIL = 'PASSWORD ''{SECRET}''', HINT = '{SECRET}'; END $$;",
    f"DO $$ BEGIN RAISE '%', repeat('x', 2040) || '{SECRET}'"
    f" USING HINT = 'PASSWORD ''{SECRET}'''; END $$;",
    f"DO $$ BEGIN RAISE NOTICE 'PASSWORD ''{SECRET}''';"
    f" RAISE WARNING '%{SECRET}', repeat('x', 8185); END $$; SELECT nope;",
)


class Literals(DatabaseCase):
    """PASSWORD '…' in a migration."""

    def check(self, sql, *options):
        files = {"1_a.up.sql": sql}
        hook = Webhook.start(tls=False)
        self.addCleanup(hook.stop)
        result = self.up(files, *options, "--verbose", env={
            "PGSTRIDE_SLACK_WEBHOOK_URL": hook.base_url + SLACK_PATH,
            "PGSTRIDE_BEFORE_URL": hook.base_url + "/before",
            "PGSTRIDE_AFTER_URL": hook.base_url + "/after",
            "PGSTRIDE_HOOK_TOKEN": TOKEN,
        })
        self.assertEqual(1, result.status, result.stdout)
        self.assertEqual("", result.stderr)
        answers = [self.pgstride(files, *words).stdout for words in (
            ("status",), ("status", "--format", "json"), ("plan",), ("plan", "--format", "json"),
            ("verify",))]
        posts = [json.dumps(request.body) for request in hook.requests]
        self.assertNotEqual([], posts)
        rows = self.psql("SELECT to_jsonb(h) FROM pgstride_history AS h") if self.psql(
            "SELECT to_regclass('pgstride_history') IS NOT NULL") == "t" else ""
        for place in (result.stdout, rows, *answers, *posts):
            for piece in (SECRET, SECRET[:6], SECRET[-6:], TOKEN, "sl4ckSecretWord"):
                self.assertNotIn(piece, place)
        return result

    def test_no_place_shows_one(self):
        for sql in FAILING:
            for log_format in ("text", "json"):
                with self.subTest(sql=sql[:60], log_format=log_format):
                    self.check(sql, "--log-format", log_format)
                    self.psql("DROP TABLE IF EXISTS pgstride_history, schema_migrations")

    def test_the_caret_stays_below_its_word(self):
        result = self.check(f"ALTER ROLE nobody_here PASSWORD '{SECRET}' nonsense;")
        lines = result.stdout.splitlines()
        (at,) = [number for number, line in enumerate(lines) if "1 | ALTER" in line]
        self.assertIn("1 | ALTER ROLE nobody_here PASSWORD '***' nonsense;", lines[at])
        self.assertEqual(lines[at].index("nonsense"), lines[at + 1].index("^"))


class Blocker(DatabaseCase):
    def test_the_query_in_our_way_shows_no_literal(self):
        self.psql("CREATE TABLE t (a text)")
        for number, query in enumerate((
            f"/* it's */ INSERT INTO t VALUES ('{SECRET}')",
            f"-- it's\nINSERT INTO t VALUES (E'a\\'{SECRET}')",
            f"INSERT INTO t SELECT '{SECRET}' AS \"it's\"",
            f"INSERT INTO t VALUES ($a${SECRET}$a$)",
            f"INSERT INTO t VALUES ('{'x' * 985}'), ('{SECRET}')",
        ), 1):
            with self.subTest(query[:40]):
                session = self.session("BEGIN;\n" + query + ";")
                result = self.up(
                    {f"{number}_a.up.sql": f"ALTER TABLE t ADD b{number} int;"},
                    "--ddl-lock-timeout", "600ms", "--retry-for", "0", "--drift", "ignore")
                self.end_session(session)
                self.assertEqual(1, result.status)
                self.assertIn("INSERT INTO t", result.stdout)
                for piece in (SECRET[:5], SECRET[-5:]):
                    self.assertNotIn(piece, result.stdout)


UNPRIVILEGED = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


class Process(DatabaseCase):
    def binary_for_all(self):
        """The binary where another user may run it."""
        return shutil.copy(binary(), self.folder())

    @staticmethod
    def read(pid, name):
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read().decode(errors="replace")

    def test_arguments_and_session_hide_the_password(self):
        folder = self.folder({"1_a.up.sql": "SELECT pg_sleep(30);"})
        for words in (
            ("--database", self.database, "--path", folder, "--hook-token=" + TOKEN),
            (f"-database={self.database}", "--path", folder, "--hook-token", TOKEN),
        ):
            with self.subTest(words[0][:12]):
                process = self.start_pgstride(*words, "up")
                self.wait_for_statement("pg_sleep")
                shown = self.read(process.pid, "cmdline")
                self.assertNotIn(self.cluster.password, shown)
                self.assertNotIn(TOKEN, shown)
                self.assertIn("--path", shown)
                self.assertEqual("up", shown.split("\0")[-2])
                sessions = self.psql("SELECT application_name FROM pg_stat_activity"
                                     f" WHERE datname = '{self.dbname}'")
                self.assertIn("pgstride", sessions)
                self.assertNotIn(self.cluster.password, sessions)
                process.terminate()
                self.assertEqual(1, self.finish(process).status)

    def test_no_core_dump_and_no_look_into_it(self):
        """The kernel gives the files of a process that leaves no core dump to root alone."""
        process = subprocess.Popen(
            [*UNPRIVILEGED, self.binary_for_all(), "--database", "postgres://a@127.0.0.1:1/b?sslmode=disable",
             "--path", self.folder({"1_a.up.sql": ""}), "up"],
            env={"SECRET": SECRET}, stdout=subprocess.PIPE)
        self.addCleanup(self._end_process, process)
        self.assertIn(b" waiting for the database", process.stdout.readline())
        self.assertEqual(0, os.stat(f"/proc/{process.pid}/environ").st_uid)
        seen = subprocess.run([*UNPRIVILEGED, "cat", f"/proc/{process.pid}/environ"],
                              capture_output=True, check=False)
        self.assertEqual((1, b""), (seen.returncode, seen.stdout))

    @staticmethod
    def _end_process(process):
        process.kill()
        process.wait()
        process.stdout.close()

    def test_the_program_that_wait_becomes_is_as_any(self):
        files = {"1_a.up.sql": ""}
        self.assert_good(self.up(files))
        done = subprocess.run(
            [*UNPRIVILEGED, self.binary_for_all(), "--database", self.database, "--path", self.folder(files),
             "wait", "--", "sh", "-c",
             "tr '\\0' ' ' </proc/$$/cmdline; stat -c ' owner %u' /proc/$$/environ"],
            env={"PATH": os.environ["PATH"]}, capture_output=True, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertNotIn(self.cluster.password.encode(), done.stdout)
        self.assertTrue(done.stdout.decode().endswith("/environ  owner 65534\n"), done.stdout)


class Forged(DatabaseCase):
    """Names, notices and errors that would begin a line, move the cursor, or turn the text."""

    ACTING = "\x1b[2J\u009b2K\u0085\u2028\u2029\u202e\u2066\u061c\x7f"

    def assert_tame(self, text):
        for character in "\x1b\x7f\u009b\u0085\u2028\u2029\u202e\u2066\u061c":
            self.assertNotIn(character, text)

    def test_a_files_name(self):
        name = f"1_a{self.ACTING}\n12:00:00.000 INFO  succeeded!\r.up.sql"
        for content, status in (("SELECT 1;", 0), ("SELECT nope;", 1), ("SELECT 'open", 1)):
            for log_format in ("text", "json"):
                with self.subTest(content=content, log_format=log_format):
                    self.psql("DROP TABLE IF EXISTS pgstride_history, schema_migrations")
                    result = self.up({name: content}, "--log-format", log_format)
                    self.assertEqual(status, result.status, result.stdout)
                    self.assert_tame(result.stdout)
                    for line in result.stdout.rstrip("\n").split("\n"):
                        self.assertRegex(line, r'\A(\{"time"|\d\d:\d\d:\d\d\.\d{3} [A-Z]| {19})')
                        self.assertNotRegex(line, r"\A12:00:00\.000")
            for words in (("status",), ("plan",), ("verify",), ("status", "--format", "json"),
                          ("plan", "--format", "json"), ("verify", "--format", "json")):
                with self.subTest(content=content, words=words):
                    answer = self.pgstride({name: content}, *words)
                    self.assert_tame(answer.stdout + answer.stderr)
                    for line in (answer.stdout + answer.stderr).split("\n"):
                        self.assertNotRegex(line, r"\A12:00:00\.000")

    def test_what_the_server_says(self):
        acting = "".join(f"\\u{ord(character):04x}" for character in self.ACTING)
        sql = (f"DO $$ BEGIN RAISE NOTICE E'{acting}';"
               f" RAISE E'a{acting}' USING HINT = E'{acting}'; END $$;")
        for log_format in ("text", "json"):
            result = self.up({"1_a.up.sql": sql}, "--log-format", log_format)
            self.assertEqual(1, result.status)
            self.assert_tame(result.stdout)

    def test_slack_reads_no_mention(self):
        hook = Webhook.start(tls=False)
        self.addCleanup(hook.stop)
        evil = "<!channel> <@U012AB3CD> &lt;!here&gt; ```end` <http:evil|ok>" + self.ACTING
        self.up({f"1_{evil}.up.sql": "SELECT 1;",
                 "2_b.up.sql": f"DO $$ BEGIN RAISE '{evil}' USING HINT = '{evil}'; END $$;"},
                env={"PGSTRIDE_SLACK_WEBHOOK_URL": hook.base_url + SLACK_PATH})
        (request,) = hook.requests
        body = json.dumps(request.body, ensure_ascii=False)
        self.assertEqual({"<!date"}, set(re.findall(r"<!?[@#a-z]\w*", body)))
        self.assertIn("&lt;!channel&gt; &lt;@U012AB3CD&gt; &amp;lt;!here&amp;gt; ˋˋˋendˋ", body)
        self.assert_tame(body)
