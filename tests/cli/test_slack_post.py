# SPDX-License-Identifier: Apache-2.0
"""Slack: what is posted, when, and that a run's outcome never depends on it."""

import json
import re

from support.harness import Case
from support.webhook import SECRET_PATH, Webhook

OK = (200, "ok", {})
CHANGE, NOTHING, FAILURE = "a change", "nothing", "a failure"


class SlackCase(Case):
    """A folder that grows, a webhook, and `up` between the two."""

    def setUp(self):
        super().setUp()
        self.files = {}

    def add_migration(self, sql=None):
        number = len(self.files) + 1
        self.files[f"{number}_step.up.sql"] = sql or f"CREATE TABLE step_{number} ();"

    def start_webhook(self, *answers, tls=True):
        hook = Webhook.start(answers=answers or [OK], tls=tls)
        self.addCleanup(hook.stop)
        return hook

    def run_up(self, hook, *options, ca_file=None, url=None, log_format="text"):
        env = {"DATABASE_URL": self.database, "SLACK_WEBHOOK_URL": url or hook.url}
        if ca_file or hook.ca_file:
            env["SSL_CERT_FILE"] = ca_file or hook.ca_file
        options = ("--log-format", log_format, "--path", self.folder(self.files), *options)
        result = self.run_pgstride(*options, "up", env=env)
        self.check_no_secret(result)
        return result

    def check_no_secret(self, result):
        for part in SECRET_PATH.strip("/").split("/")[1:]:
            self.assertNotIn(part, result.stdout)
            self.assertNotIn(part, result.stderr)

    def check_status(self, result, status):
        self.assertEqual(status, result.status, result.stdout + result.stderr)

    def check_warning(self, result, words):
        """Exactly one warning, with these words; none at all for None."""
        warnings = [line for line in result.stdout.splitlines() if re.match(r"\S+ WARN ", line)]
        self.assertEqual(0 if words is None else 1, len(warnings), result.stdout)
        if words is not None:
            self.assertIn(words, warnings[0])


class SlackPost(SlackCase):
    def test_whatever_the_webhook_does_the_run_succeeds(self):
        cases = (
            # answers, requests, the warning's words
            ([OK], 1, None),
            ([(429, "rate_limited", {"Retry-After": "1"}), OK], 2, None),
            ([(500, "rollup_error", {}), (500, "", {}), OK], 3, None),
            (["huge"], 1, None),
            ([(500, "rollup_error", {})], 3, "Slack answered 500 rollup_error (3 tries)"),
            (
                [(429, "rate_limited", {"Retry-After": "3600"})],
                1,
                "Slack answered 429 rate_limited: too many messages; it asks to wait 3600 s",
            ),
            (
                [(404, "no_service", {})],
                1,
                "Slack answered 404 no_service: the webhook was removed; make a new one",
            ),
            ([(404, f"Cannot POST {SECRET_PATH}", {})], 1, "Slack answered 404 Cannot POST /***"),
            (["redirect", OK], 1, "Slack answered 307: redirects are not followed"),
            (["garbage"], 1, "what 127.0.0.1 answered is not HTTP"),
            (["close"], 2, "127.0.0.1 closed the connection before it had answered (2 tries)"),
            (["close", OK], 2, None),
        )
        for answers, requests, words in cases:
            with self.subTest(answers=answers):
                self.add_migration()
                hook = self.start_webhook(*answers)
                result = self.run_up(hook)
                self.check_status(result, 0)
                self.assertIn("succeeded! 1 migration applied", result.stdout)
                self.assertEqual(requests, len(hook.requests))
                self.assertEqual({SECRET_PATH}, {request.path for request in hook.requests})
                self.check_warning(result, words)

    def test_a_webhook_that_hangs_is_given_up_in_time(self):
        for answer, words in (
            ("hang", "no answer from 127.0.0.1 within"),
            ("mute", "no connection to 127.0.0.1 within"),
        ):
            with self.subTest(answer=answer):
                self.add_migration()
                result = self.run_up(self.start_webhook(answer))
                self.check_status(result, 0)
                self.check_warning(result, words)

    def test_a_server_of_an_unknown_ca_gets_nothing(self):
        self.add_migration()
        hook = self.start_webhook()
        result = self.run_up(hook, ca_file=hook.make_other_ca())
        self.check_status(result, 0)
        self.assertEqual([], hook.requests)
        self.check_warning(result, "127.0.0.1 is not trusted: ")

    def test_nobody_listens(self):
        self.add_migration()
        hook = self.start_webhook()
        url = f"https://127.0.0.1:1{SECRET_PATH}"
        result = self.run_up(hook, url=url)
        self.check_status(result, 0)
        self.check_warning(result, "cannot connect to 127.0.0.1: ")

    def test_plain_http_is_for_loopback_alone(self):
        self.add_migration()
        hook = self.start_webhook(tls=False)
        result = self.run_up(hook)
        self.check_status(result, 0)
        self.assertEqual(1, len(hook.requests))
        self.check_warning(result, None)

        self.add_migration()
        result = self.run_up(hook, url=f"http://hooks.slack.example{SECRET_PATH}")
        self.check_status(result, 1)
        output = result.stdout + result.stderr
        self.assertIn("the URL is not https; plain http is for loopback alone", output)
        self.assertEqual("f", self.psql("SELECT to_regclass('step_2') IS NOT NULL"))

    def test_a_failure_to_post_stays_out_of_the_json_log_too(self):
        self.add_migration()
        hook = self.start_webhook((404, f"Cannot POST {SECRET_PATH}", {}))
        result = self.run_up(hook, log_format="json")
        self.check_status(result, 0)
        events = [json.loads(line) for line in result.stdout.splitlines()]
        warnings = [event for event in events if event["severity"] == "WARNING"]
        self.assertEqual(1, len(warnings), result.stdout)
        self.assertIn("Slack answered 404 Cannot POST /***", warnings[0]["message"])

    def test_a_failed_migration_stays_a_failure_when_the_post_fails(self):
        self.add_migration("SELECT nope;")
        hook = self.start_webhook((404, "no_service", {}))
        result = self.run_up(hook)
        self.check_status(result, 1)
        self.assertEqual(1, len(hook.requests))
        self.check_warning(result, "Slack answered 404 no_service: the webhook was removed")


class SlackMessage(SlackCase):
    @staticmethod
    def texts(request):
        """The texts of a message's blocks, in order, fields and context included."""
        found = []
        for block in request.body["blocks"]:
            parts = [block["text"]] if "text" in block else []
            parts += block.get("fields", []) + block.get("elements", [])
            found += [part["text"] for part in parts]
        return found

    def test_a_success_says_the_versions_and_each_step(self):
        self.add_migration()
        self.add_migration()
        hook = self.start_webhook()
        result = self.run_up(hook)
        self.check_status(result, 0)
        (request,) = hook.requests
        self.assertEqual("application/json", request.headers["content-type"])
        self.assertRegex(request.headers["user-agent"], r"\Apgstride/\d")
        self.assertRegex(
            request.body["text"],
            rf"\AMigrated {self.dbname}( at \S+)?, version none → 2; 2 migrations done in \d",
        )
        header, database, version, count, took, steps, *context = self.texts(request)
        self.assertEqual(f"✅ Migrated {self.dbname}", header)
        self.assertRegex(database, rf"\A\*Database\*\n`{self.dbname}`( at `.*`)?\Z")
        self.assertEqual("*Version*\nnone → `2`", version)
        self.assertEqual("*Migrations*\n2 migrations done", count)
        self.assertRegex(took, r"\A\*Took\*\n\d+(\.\d)? m?s\Z")
        self.assertRegex(steps, r"\A• `1_step` \d+ m?s\n• `2_step` \d+ m?s\Z")
        date = r"\A<!date\^\d{10}\^\{date_short_pretty\} \{time\}\|\d{4}-\d\d-\d\dT[\d:.]{12}Z>\Z"
        self.assertTrue(any(re.match(date, element) for element in context), context)

    def test_a_failure_shows_the_line(self):
        self.add_migration()
        self.add_migration("SELECT 1;\nSELECT nope;\n")
        self.add_migration()
        hook = self.start_webhook()
        result = self.run_up(hook)
        self.check_status(result, 1)
        (request,) = hook.requests
        header, _, version, count, _, steps, error, *_ = self.texts(request)
        self.assertEqual(f"❌ Migration failed: {self.dbname}", header)
        self.assertEqual("*Version*\nnone → `1`, wanted `3`", version)
        self.assertEqual("*Migrations*\n1 of 3 migrations done", count)
        self.assertRegex(steps, r"\A• `1_step` \d+ m?s\Z")
        self.assertEqual(
            '```\n2_step.up.sql:2:8: column "nope" does not exist (42703)\n\n'
            "2 | SELECT nope;\n  |        ^\n```",
            error,
        )


class SlackNotify(SlackCase):
    def test_notify_decides_what_is_posted(self):
        cases = (
            # option, what happens, posts
            ((), CHANGE, 1),
            ((), NOTHING, 0),
            (("--notify", "changes"), CHANGE, 1),
            (("--notify", "changes"), NOTHING, 0),
            (("--notify", "always"), CHANGE, 1),
            (("--notify", "always"), NOTHING, 1),
            (("--notify", "failure"), CHANGE, 0),
            (("--notify", "failure"), NOTHING, 0),
            (("--notify", "never"), CHANGE, 0),
            (("--notify", "never"), NOTHING, 0),
            # The failing migration stays pending: these come last.
            ((), FAILURE, 1),
            (("--notify", "changes"), FAILURE, 1),
            (("--notify", "always"), FAILURE, 1),
            (("--notify", "failure"), FAILURE, 1),
            (("--notify", "never"), FAILURE, 0),
        )
        is_failing = False
        for options, happens, posts in cases:
            with self.subTest(options=options, happens=happens):
                if happens == CHANGE:
                    self.add_migration()
                elif happens == FAILURE and not is_failing:
                    self.add_migration("SELECT nope;")
                    is_failing = True
                hook = self.start_webhook()
                result = self.run_up(hook, *options)
                self.check_status(result, 1 if happens == FAILURE else 0)
                self.assertEqual(posts, len(hook.requests))
                self.check_warning(result, None)
