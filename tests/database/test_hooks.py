# SPDX-License-Identifier: Apache-2.0
"""The hooks: asked before anything is touched, told after; real servers on loopback."""

import json
import os
import signal
import time

from database.case import DatabaseCase, lock_key
from support.cluster import free_port
from support.webhook import SECRET_PATH, Webhook

OK = (200, "ok", {})
TOKEN = "hook-tOkEn-4711"
FILES = {"1_a.up.sql": "CREATE TABLE a ();", "1_a.down.sql": "DROP TABLE a;",
         "2_b.up.sql": "CREATE TABLE b ();", "2_b.down.sql": "DROP TABLE b;"}
BAD = {"1_a.up.sql": "CREATE TABLE a ();", "2_b.up.sql": "SELECT nope;"}


class HookCase(DatabaseCase):
    def hook(self, *answers, tls=False):
        hook = Webhook.start(answers=answers or [OK], tls=tls)
        self.addCleanup(hook.stop)
        return hook

    def env(self, before=None, after=None, **env):
        if before:
            env["PGSTRIDE_BEFORE_URL"] = before.url
        if after:
            env["PGSTRIDE_AFTER_URL"] = after.url
        return {"PGSTRIDE_HOOK_TOKEN": TOKEN, **env}

    def run_hooked(self, files, *words, before=None, after=None, **env):
        result = self.pgstride(files, *words, env=self.env(before, after, **env))
        self.check_no_secret(result)
        return result

    def check_no_secret(self, result):
        for secret in (TOKEN, *SECRET_PATH.strip("/").split("/")[1:]):
            self.assertNotIn(secret, result.stdout + result.stderr)

    def assert_untouched(self):
        self.assertEqual("f|f", self.psql(
            "SELECT to_regclass('schema_migrations') IS NOT NULL,"
            " to_regclass('pgstride_history') IS NOT NULL"))
        self.assertEqual("", self.tables())


class Before(HookCase):
    def test_it_gets_the_plan(self):
        hook = self.hook()
        self.assert_good(self.run_hooked(FILES, "up", before=hook))
        (request,) = hook.requests
        self.assertEqual(f"Bearer {TOKEN}", request.headers["authorization"])
        self.assertEqual("application/json", request.headers["content-type"])
        self.assertEqual({
            "event": "run.planned", "run_id": self.history("run_id")[0], "database": self.dbname,
            "host": "127.0.0.1", "direction": "up", "from": None, "to": 2,
            "steps": [{"version": 1, "name": "1_a", "direction": "up"},
                      {"version": 2, "name": "2_b", "direction": "up"}],
            "runner": {"platform": "none", "host": os.uname().nodename}}, request.body)

    def test_it_gets_a_way_down_too(self):
        self.assert_good(self.up(FILES))
        hook = self.hook()
        self.assert_good(self.run_hooked(FILES, "goto", "1", before=hook))
        body = hook.requests[0].body
        self.assertEqual(("down", 2, 1, [{"version": 2, "name": "2_b", "direction": "down"}]),
                         (body["direction"], body["from"], body["to"], body["steps"]))
        self.assert_good(self.run_hooked(FILES, "down", "1", before=hook))
        self.assertEqual((1, None), (hook.requests[1].body["from"], hook.requests[1].body["to"]))

    def test_nothing_to_do_asks_nobody_and_is_told(self):
        self.assert_good(self.up(FILES))
        before, after = self.hook(), self.hook()
        self.assert_good(self.run_hooked(FILES, "up", before=before, after=after))
        self.assertEqual([], before.requests)
        self.assertEqual([(True, 0, 2)], [
            (r.body["success"], r.body["applied_count"], r.body["to"]) for r in after.requests])

    def test_only_2xx_lets_it_go_on(self):
        table = (
            # answers, requests, the error; None: it goes on
            ([OK], 1, None),
            ([(204, "", {})], 1, None),
            ([(500, "", {}), OK], 2, None),
            ([(503, "", {}), (502, "", {}), (201, "", {})], 3, None),
            ([(403, "frozen until Monday", {})], 1, "it answered 403 frozen until Monday"),
            ([(404, f"no {SECRET_PATH}", {})], 1,
             "it answered 404 no /********/*********/*********/************************"),
            ([(429, "", {})], 1, "it answered 429"),
            ([(500, "", {})], 2, "it answered 500 (2 tries)"),
            (["redirect", OK], 1, "it answered 307: redirects are not followed"),
            (["garbage"], 1, "what 127.0.0.1 answered is not HTTP"),
            (["close", OK], 1, "127.0.0.1 closed the connection before it had answered"),
            (["hang"], 1, "no answer from 127.0.0.1 within <duration>"),
        )
        for answers, requests, message in table:
            with self.subTest(answers):
                before, after = self.hook(*answers), self.hook()
                self.psql("DROP TABLE IF EXISTS a, b, schema_migrations, pgstride_history")
                options = () if message is None else ("--hook-timeout", "1200ms")
                result = self.run_hooked(FILES, *options, "up", before=before, after=after)
                self.assertEqual(0 if message is None else 1, result.status, result.stdout)
                self.assertEqual(requests, len(before.requests))
                self.assertEqual(1, len(after.requests))
                if message is None:
                    continue
                self.assert_untouched()
                is_retryable = "(2 tries)" in message or "clos" in message or "within" in message
                retry = "a retry may help" if is_retryable else "a retry will not help"
                self.assertEqual(
                    f"<time> ERROR the before hook: {message}\n"
                    f"{' ' * 19}hint: Nothing was touched.\n"
                    f"<time> ERROR failed: nothing was applied; {retry}\n",
                    self.normalise(result.stdout))

    def test_nobody_listens(self):
        result = self.pgstride(FILES, "--hook-timeout", "1s", "up", env={
            "PGSTRIDE_BEFORE_URL": f"http://127.0.0.1:1{SECRET_PATH}"})
        self.assertEqual(1, result.status)
        self.check_no_secret(result)
        self.assertRegex(result.stdout, r" ERROR the before hook: cannot connect to 127\.0\.0\.1: "
                                        r".* \([2-4] tries\)\n")
        self.assert_untouched()

    def test_tls_is_verified(self):
        hook = self.hook(tls=True)
        trusted = {"SSL_CERT_FILE": hook.ca_file}
        other = {"SSL_CERT_FILE": hook.make_other_ca()}
        result = self.run_hooked(FILES, "up", before=hook, **other)
        self.assertEqual(1, result.status)
        self.assertIn("the before hook: 127.0.0.1 is not trusted: ", result.stdout)
        self.assertEqual([], hook.requests)
        self.assert_untouched()
        self.assert_good(self.run_hooked(FILES, "up", before=hook, **trusted))

    def test_what_is_no_url_and_no_token(self):
        table = (
            ({"PGSTRIDE_BEFORE_URL": f"http://example.com{SECRET_PATH}"},
             "--before-url: the URL is not https; plain http is for loopback alone"),
            ({"PGSTRIDE_AFTER_URL": f"ftp://127.0.0.1{SECRET_PATH}"},
             "--after-url: this is not an https URL"),
            ({"PGSTRIDE_HOOK_TOKEN": f"{TOKEN}\r\nX-Evil: 1"},
             "--hook-token has white space in it, or what is not ASCII"),
        )
        for env, message in table:
            with self.subTest(message):
                result = self.pgstride(FILES, "up", env=env)
                self.assertEqual(1, result.status)
                self.assertIn(f" ERROR {message}\n", result.stdout)
                self.check_no_secret(result)
        self.assert_untouched()

    def test_the_token_may_stand_in_a_file(self):
        path = os.path.join(self.folder({"token": f"{TOKEN}\n"}), "token")
        hook = self.hook()
        self.assert_good(self.pgstride(FILES, "up", env={
            "PGSTRIDE_BEFORE_URL": hook.url, "PGSTRIDE_HOOK_TOKEN_FILE": path}))
        self.assertEqual(f"Bearer {TOKEN}", hook.requests[0].headers["authorization"])

    def test_without_a_token_there_is_no_header(self):
        hook = self.hook()
        self.assert_good(self.pgstride(FILES, "up", env={"PGSTRIDE_BEFORE_URL": hook.url}))
        self.assertNotIn("authorization", hook.requests[0].headers)

    def test_a_signal_ends_the_wait(self):
        hook, after = self.hook("hang"), self.hook()
        process = self.start_up(FILES, env=self.env(hook, after))
        while not hook.requests:
            time.sleep(0.02)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        result = self.finish(process)
        self.assertLess(time.monotonic() - begun, 4)
        self.assertEqual(1, result.status)
        self.assertIn("the before hook: stopped by SIGTERM\n", result.stdout)
        self.assertEqual(1, len(after.requests))
        self.assert_untouched()


class After(HookCase):
    def test_it_gets_the_summary(self):
        before, after = self.hook(), self.hook()
        result = self.run_hooked(FILES, "--log-format", "json", "up", before=before, after=after)
        self.assert_good(result)
        (request,) = after.requests
        self.assertEqual(f"Bearer {TOKEN}", request.headers["authorization"])
        finished = json.loads(result.stdout.splitlines()[-1])
        self.assertEqual("run.finished", finished["event"])
        for name in ("time", "severity"):
            finished.pop(name)
        self.assertEqual(finished, request.body)
        self.assertEqual(before.requests[0].body["run_id"], request.body["run_id"])

    def test_it_is_told_of_a_failure(self):
        after = self.hook()
        result = self.run_hooked(BAD, "up", after=after)
        self.assertEqual(1, result.status)
        body = after.requests[0].body
        self.assertEqual((False, False, 1, "42703", 1, 2),
                         (body["success"], body["retryable"], body["to"], body["error"]["sqlstate"],
                          body["applied_count"], body["wanted"]))

    def test_it_is_told_of_a_run_that_never_began(self):
        late = {"1_a.up.sql": "CREATE TABLE a ();", "3_c.up.sql": "CREATE TABLE c ();"}
        self.assert_good(self.up(late))
        silent = f"postgres://u:p@127.0.0.1:{free_port()}/d"
        table = (
            # files, words, environment, the error's message, may a retry help?
            ({**late, "2_b.up.sql": ""}, ("up",), {}, "older than the database's version 3: 2_b.up.sql", False),
            (FILES, ("--wait-timeout", "0", "up"), {"DATABASE_URL": silent}, "onnection refused",
             True),
            (FILES, ("up",), {"DATABASE_URL": "mysql://h/d"}, "", False),
            ("/no/such/folder", ("up",), {}, "cannot open the migrations folder", False),
            (FILES, ("down",), {}, "down was not told how many migrations to revert", False),
            (FILES, ("goto", "9"), {}, "9", False),
            (FILES, ("up", "two"), {}, "two", False),
        )
        for files, words, env, message, may_help in table:
            with self.subTest(words, message=message):
                before, after = self.hook(), self.hook()
                env = {"DATABASE_URL": self.database, **env}
                path = files if isinstance(files, str) else self.folder(files)
                result = self.run_pgstride("--path", path, "--log-format", "json", *words,
                                           env=self.env(before, after, **env))
                self.check_no_secret(result)
                self.assertEqual((1, []), (result.status, before.requests))
                (request,) = after.requests
                finished = json.loads(result.stdout.splitlines()[-1])
                for name in ("time", "severity"):
                    finished.pop(name)
                self.assertEqual(finished, request.body)
                self.assertIn(message, request.body["error"]["message"])
                self.assertEqual((False, may_help),
                                 (request.body["success"], request.body["retryable"]))
                word = "reverted" if words == ("down",) else "applied"
                self.assertTrue(request.body["message"].startswith(f"failed: nothing was {word}"))

    def test_it_is_told_of_a_stop_before_the_lock(self):
        self.session(f"SELECT pg_advisory_lock({lock_key('/' + self.dbname)});")
        after = self.hook()
        process = self.start_up(FILES, env=self.env(None, after))
        self.assertIn(" WARN  waiting for the migration lock", process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(1, self.finish(process).status)
        self.assertEqual(["stopped by SIGTERM"],
                         [r.body["error"]["message"] for r in after.requests])

    def test_all_that_hangs_together_leaves_a_stop_in_time(self):
        """The server, the hook and Slack: within the 10 s that Cloud Run gives."""
        hook, slack = self.hook("hang"), self.hook("hang")
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(60);"}, "--slack-webhook-url",
                                slack.url, env=self.env(None, hook))
        self.wait_for_statement("pg_sleep(60)")
        backend = int(self.psql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"
                                " AND pid <> pg_backend_pid()"))
        os.kill(backend, signal.SIGSTOP)
        self.addCleanup(os.kill, backend, signal.SIGCONT)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        result = self.finish(process)
        self.assertLess(time.monotonic() - begun, 8)
        self.assertEqual((1, 1), (result.status, len(hook.requests)))
        self.assertIn("; a retry may help\n", result.stdout)

    def test_slack_is_told_of_a_stop(self):
        slack = self.hook()
        process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(60);"}, "--slack-webhook-url",
                                slack.url)
        self.wait_for_statement("pg_sleep(60)")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(1, self.finish(process).status)
        (request,) = slack.requests
        self.assertEqual(
            "Migration failed: <database> at 127.0.0.1, version none, wanted 1; 0 of 1 migrations "
            "done in <duration>: 1_a.up.sql:1:1: stopped by SIGTERM",
            self.normalise(request.body["text"]))

    def test_a_stop_while_slack_hangs_keeps_a_success(self):
        slack = self.hook("hang")
        process = self.start_up(FILES, "--slack-webhook-url", slack.url)
        while not slack.requests:
            time.sleep(0.02)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        result = self.finish(process)
        self.assertLess(time.monotonic() - begun, 8)
        self.assert_good(result)

    def test_whatever_it_does_the_run_keeps_its_status(self):
        for answers, words in (
            ([(403, "no", {})], "the after hook: it answered 403 no"),
            (["hang"], "the after hook: no answer from 127.0.0.1 within"),
            (["garbage"], "the after hook: what 127.0.0.1 answered is not HTTP"),
        ):
            with self.subTest(words):
                self.psql("DROP TABLE IF EXISTS a, b, schema_migrations, pgstride_history")
                result = self.run_hooked(FILES, "--hook-timeout", "1s", "up",
                                         after=self.hook(*answers))
                self.assert_good(result)
                self.assertIn(f" WARN  {words}", result.stdout)

    def test_it_is_told_of_a_stop_in_time(self):
        for answers in ([OK], ["hang"]):
            with self.subTest(answers):
                before, after = self.hook(), self.hook(*answers)
                process = self.start_up({"1_a.up.sql": "SELECT pg_sleep(60);"},
                                        env=self.env(before, after))
                self.wait_for_statement("pg_sleep(60)")
                begun = time.monotonic()
                process.send_signal(signal.SIGTERM)
                result = self.finish(process)
                self.assertLess(time.monotonic() - begun, 8)
                self.assertEqual(1, result.status)
                self.assertEqual([False], [r.body["success"] for r in after.requests])
                self.assertIn("stopped by SIGTERM", after.requests[0].body["error"]["message"])

    def test_a_lost_connection_asks_once(self):
        before, after = self.hook(), self.hook()
        process = self.start_up({"1_a.up.sql": "", "2_b.up.sql": "SELECT pg_sleep(2);"},
                                env=self.env(before, after))
        self.wait_for_statement("pg_sleep(2)")
        self.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                  " WHERE datname = current_database() AND pid <> pg_backend_pid()")
        result = self.finish(process)
        self.assert_good(result)
        self.assertEqual((1, 1), (len(before.requests), len(after.requests)))
        self.assertEqual([2, True], [after.requests[0].body[key] for key in ("to", "success")])
