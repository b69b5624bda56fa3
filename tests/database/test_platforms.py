# SPDX-License-Identifier: Apache-2.0
"""Where a run runs: in the log, in the history, in Slack; and a task that is not alone."""

import json
import time

from database.case import DatabaseCase
from support import iam
from support.endpoint import Endpoint
from support.webhook import Webhook

FILES = {"1_a.up.sql": "CREATE TABLE a ();", "1_a.down.sql": "DROP TABLE a;"}
CLOUD_RUN = {"CLOUD_RUN_JOB": "migrate", "CLOUD_RUN_EXECUTION": "migrate-x1",
             "CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "1",
             "CLOUD_RUN_TASK_ATTEMPT": "0", "GCE_METADATA_HOST": "127.0.0.1:1"}
GOOGLE = {"/computeMetadata/v1/project/project-id": "acme",
          "/computeMetadata/v1/instance/region": "projects/123/regions/europe-west1"}
GOOGLE_LOG = ("https://console.cloud.google.com/run/jobs/executions/details/europe-west1/migrate-x1"
              "/logs?project=acme")
ECS = {
    "/v4/x": json.dumps({
        "DockerId": "cd189", "DockerName": "migrate", "Image": "registry/migrate:7",
        "LogDriver": "awslogs",
        "LogOptions": {"awslogs-group": "/ecs/migrate", "awslogs-region": "eu-west-1",
                       "awslogs-stream": "ecs/migrate/cd189"}}),
    "/v4/x/task": json.dumps({
        "Cluster": "arn:aws:ecs:eu-west-1:1:cluster/apps", "Family": "migrate", "Revision": "12",
        "TaskARN": "arn:aws:ecs:eu-west-1:1:task/apps/cd189"}),
}
ECS_LOG = ("https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups"
           "/log-group/$252Fecs$252Fmigrate/log-events/ecs$252Fmigrate$252Fcd189")


class PlatformCase(DatabaseCase):
    def endpoint(self, bodies):
        endpoint = Endpoint(bodies)
        self.addCleanup(endpoint.stop)
        return endpoint

    def cloud_run(self, bodies=None, **env):
        """The environment of a job on Cloud Run; its metadata server gives these bodies."""
        if bodies is not None:
            env["GCE_METADATA_HOST"] = self.endpoint(bodies).place
        return {**CLOUD_RUN, **env}

    def ecs(self, bodies):
        place = self.endpoint(bodies).place
        return {"ECS_CONTAINER_METADATA_URI_V4": f"http://{place}/v4/x"}

    def events(self, result):
        return [json.loads(line) for line in result.stdout.splitlines()]

    def runner(self):
        runner = json.loads(self.history("runner")[-1])
        self.assertTrue(runner.pop("host"))
        return runner


class Identity(PlatformCase):
    def test_cloud_run(self):
        result = self.up(FILES, env=self.cloud_run(GOOGLE))
        self.assert_good(result)
        expected = {"platform": "cloud-run", "place": "acme/europe-west1", "job": "migrate",
                    "execution": "migrate-x1", "task": "0", "attempt": "0"}
        self.assertEqual(expected, self.runner())
        events = self.events(result)
        labels = {key: value for key, value in expected.items() if key != "platform"}
        for event in events:
            self.assertEqual(labels, event["logging.googleapis.com/labels"])
        finished = events[-1]
        finished["runner"].pop("host")
        self.assertEqual(("run.finished", expected, GOOGLE_LOG, self.history("run_id")[0]),
                         (finished["event"], finished["runner"], finished["log_url"],
                          finished["run_id"]))

    def test_ecs(self):
        result = self.up(FILES, env=self.ecs(ECS))
        self.assert_good(result)
        expected = {"platform": "ecs", "place": "apps", "job": "migrate", "execution": "cd189",
                    "image": "registry/migrate:7", "revision": "12"}
        self.assertEqual(expected, self.runner())
        self.assertEqual(ECS_LOG, self.events(result)[-1]["log_url"])

    def test_an_image_that_nobody_else_tells(self):
        self.assert_good(self.up(FILES, "--image", "registry/migrate:8"))
        self.assertEqual({"platform": "none", "image": "registry/migrate:8"}, self.runner())
        self.assert_good(self.pgstride(FILES, "down", "1",
                                       env={**self.ecs(ECS), "PGSTRIDE_IMAGE": "mine:9"}))
        self.assertEqual("mine:9", self.runner()["image"])

    def test_an_endpoint_that_hangs_costs_a_second(self):
        for env in (self.cloud_run(dict.fromkeys(GOOGLE)), self.ecs(dict.fromkeys(ECS)),
                    self.ecs({**ECS, "/v4/x/task": None})):
            with self.subTest(env):
                begun = time.monotonic()
                self.assert_good(self.up(FILES, env=env))
                self.assertLess(time.monotonic() - begun, 5)

    def test_a_hostile_endpoint_changes_nothing(self):
        evil = {"Image": "x\r\ny", "Cluster": "a\nb", "Family": "m\u001b[2J", "TaskARN": "<!here>",
                "LogOptions": {"awslogs-group": "g", "awslogs-region": "eu\nX", "awslogs-stream": "s"}}
        for answer in ("drip", "huge", "headers", "garbage", "close", "redirect", 500, evil):
            endpoint = iam.Endpoint(answer)
            self.addCleanup(endpoint.stop)
            for env, told in (
                ({"ECS_CONTAINER_METADATA_URI_V4": f"http://{endpoint.place}/v4/x"}, {}),
                ({**CLOUD_RUN, "GCE_METADATA_HOST": endpoint.place},
                 {"job": "migrate", "execution": "migrate-x1", "task": "0", "attempt": "0"}),
            ):
                with self.subTest(answer, told=told):
                    self.psql("DROP TABLE IF EXISTS a, schema_migrations, pgstride_history")
                    begun = time.monotonic()
                    result = self.up(FILES, env=env)
                    self.assertLess(time.monotonic() - begun, 5)
                    self.assert_good(result)
                    self.assertEqual("", result.stderr)
                    runner = self.runner()
                    self.assertEqual(told, {k: v for k, v in runner.items() if k != "platform"})
                    self.assertNotIn("log_url", self.events(result)[-1])
            self.assertFalse([r for r in endpoint.requests if r.path == iam.REDIRECTED_PATH])

    def test_who_does_not_write_asks_nobody(self):
        endpoint = self.endpoint(GOOGLE)
        env = {**CLOUD_RUN, "GCE_METADATA_HOST": endpoint.place}
        self.assert_good(self.up(FILES))
        for words in (("version",), ("status",), ("plan",), ("verify",), ("wait",), ("--version",),
                      ("--help",)):
            self.assert_good(self.pgstride(FILES, *words, env=env))
        self.assertEqual([], endpoint.requests)
        self.assert_good(self.pgstride(FILES, "force", "1", env=env))
        self.assertEqual(2, len(endpoint.requests))
        self.assertEqual("acme/europe-west1", self.runner()["place"])

    def test_slack_links_to_the_log(self):
        table = (
            (self.cloud_run(GOOGLE), GOOGLE_LOG, "cloud-run in acme/europe-west1, job migrate, "),
            (self.ecs(ECS), ECS_LOG, "ecs in apps, job migrate, "),
            ({"CODEBUILD_BUILD_ID": "migrate:1", "CODEBUILD_BUILD_URL": "https://console/b/1"},
             "https://console/b/1", "codebuild, job migrate, "),
            ({"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com",
              "GITHUB_REPOSITORY": "acme/shop", "GITHUB_RUN_ID": "7"},
             "https://github.com/acme/shop/actions/runs/7", "github in acme/shop, "),
        )
        for env, link, where in table:
            with self.subTest(link):
                hook = Webhook.start(tls=False)
                self.addCleanup(hook.stop)
                self.assert_good(self.up(FILES, "--notify", "always", "--slack-webhook-url",
                                         hook.url, env=env))
                texts = [part["text"]
                         for part in hook.requests[0].body["blocks"][-1]["elements"]]
                self.assertEqual(f"<{link}|Log>", texts[-1])
                self.assertTrue(texts[0].startswith(where), texts)


class Sockets(PlatformCase):
    def test_cloud_sqls_that_is_not_there(self):
        database = "postgres://migrator:x@/company?host=/cloudsql/acme:europe-west1:company"
        self.assert_log(self.up(FILES, "--wait-timeout", "0", database=database), """
            <time> ERROR connection to server on socket "/cloudsql/acme:europe-west1:company/.s.PGSQL.5432" failed: No such file or directory
                               hint: Is it PROJECT:REGION:INSTANCE, is the instance attached to the job (--set-cloudsql-instances), and has the job's account roles/cloudsql.client?
            <time> ERROR failed: nothing was applied; a retry may help
        """, status=1)


class Attempts(PlatformCase):
    BAD = {"1_a.up.sql": "CREATE TABLE a ();", "2_b.up.sql": "SELECT 1;\nSELECT nope;\n"}
    AGAIN = ("<time> WARN  cloud-run has started execution migrate-x1 again, as attempt 1: the one"
             " before it failed\n")

    def fail_first(self, files):
        result = self.up(files, env=CLOUD_RUN)
        self.assertEqual(1, result.status)

    def again(self, files, **env):
        return self.up(files, "--log-format", "text",
                       env={**CLOUD_RUN, "CLOUD_RUN_TASK_ATTEMPT": "1", **env})

    def test_what_failed_for_good_is_not_run_again(self):
        self.fail_first(self.BAD)
        self.assert_log(self.again(self.BAD), self.AGAIN + """\
<time> ERROR an attempt before it failed, and the file is the same: 2_b.up.sql:2: column "nope" does not exist (42703)
                   hint: It was not run again. Mend the file and start a new execution; let the platform retry nothing (maxRetries 0, attempts 1).
<time> ERROR failed: nothing was applied; a retry will not help
""", status=1)
        self.assertEqual(["1|applied", "2|failed"], self.history("version, outcome"))

    def test_a_mended_file_is_run(self):
        self.fail_first(self.BAD)
        result = self.again({**self.BAD, "2_b.up.sql": "SELECT 1;"})
        self.assert_good(result)
        self.assertIn(' WARN  an attempt before it failed: 2_b.up.sql:2: column "nope" does not'
                      " exist (42703)\n", result.stdout)
        self.assertEqual("2|f", self.version())

    def test_another_execution_runs_it(self):
        self.fail_first(self.BAD)
        for env in ({"CLOUD_RUN_EXECUTION": "migrate-x2"}, {"CLOUD_RUN_TASK_ATTEMPT": "0"}):
            result = self.again(self.BAD, **env)
            self.assertEqual(1, result.status)
            self.assertIn("failed: 0 of 1 applied in ", result.stdout)

    def test_what_a_retry_can_mend_is_run_again(self):
        self.fail_first({"1_a.up.sql": "DO $$ BEGIN RAISE 'full' USING ERRCODE = '53100'; END $$;"})
        result = self.again(
            {"1_a.up.sql": "DO $$ BEGIN RAISE 'full' USING ERRCODE = '53100'; END $$;"})
        self.assertEqual(1, result.status)
        self.assertIn(" WARN  an attempt before it failed: 1_a.up.sql:1: full (53100)\n",
                      result.stdout)
        self.assertIn("failed: 0 of 1 applied in ", result.stdout)

    def test_the_first_failure_is_told_beside_the_last(self):
        full = {"1_a.up.sql": "DO $$ BEGIN RAISE 'full' USING ERRCODE = '53100'; END $$;"}
        worse = {"1_a.up.sql": "SELECT nope;"}
        self.fail_first(full)
        self.assertEqual(1, self.again(worse).status)
        self.assert_log(self.again(worse, CLOUD_RUN_TASK_ATTEMPT="2"), """\
<time> WARN  cloud-run has started execution migrate-x1 again, as attempt 2: the one before it failed
<time> WARN  the first failure of this execution: 1_a.up.sql:1: full (53100)
<time> ERROR an attempt before it failed, and the file is the same: 1_a.up.sql:1: column "nope" does not exist (42703)
                   hint: It was not run again. Mend the file and start a new execution; let the platform retry nothing (maxRetries 0, attempts 1).
<time> ERROR failed: nothing was applied; a retry will not help
""", status=1)
        self.assertEqual(["1|failed"] * 2, self.history("version, outcome"))

    ALONE = {"1_a.up.sql": "CREATE TABLE a AS SELECT 1 AS n FROM generate_series(1, 2);",
             "2_b.up.sql": "-- pgstride: no-transaction\nCREATE TABLE b ();\n"
                           "CREATE UNIQUE INDEX CONCURRENTLY one ON a (n);\n"}

    def test_outside_a_transaction_it_is_not_run_again_either(self):
        self.fail_first(self.ALONE)
        built = self.psql("SELECT 'one'::regclass::oid")
        result = self.again(self.ALONE)
        self.assert_log(result, self.AGAIN + """\
<time> ERROR an attempt before it failed, and the file is the same: 2_b.up.sql:3: could not create unique index "one" (23505)
                   hint: It was not run again. Mend the file and start a new execution; let the platform retry nothing (maxRetries 0, attempts 1).
<time> ERROR failed: nothing was applied; a retry will not help
""", status=1)
        self.assertEqual(built, self.psql("SELECT 'one'::regclass::oid"), "not even begun")
        self.assertEqual("2|t", self.version())

        mended = {**self.ALONE, "2_b.up.sql": self.ALONE["2_b.up.sql"].replace("UNIQUE ", "")}
        result = self.again(mended)
        self.assert_good(result)
        self.assertIn(" WARN  2_b goes on at statement 2 of 2, where an earlier run stopped\n",
                      result.stdout)
        self.assertEqual("2|f", self.version())

    def test_outside_a_transaction_a_new_execution_goes_on(self):
        self.fail_first(self.ALONE)
        self.psql("DELETE FROM a WHERE ctid = (SELECT min(ctid) FROM a)")
        self.assert_good(self.again(self.ALONE, CLOUD_RUN_EXECUTION="migrate-x2"))
        self.assertEqual("2|f", self.version())

    def test_outside_a_transaction_what_was_killed_goes_on(self):
        files = {"1_a.up.sql": "-- pgstride: no-transaction\nCREATE TABLE a ();\n"
                               "SELECT pg_sleep(0.1 + 60 * (SELECT count(*) FROM pg_stat_activity"
                               " WHERE application_name = 'psql' AND datname = current_database()));"}
        holder = self.session("SELECT 1;")
        process = self.start_up(files, env=CLOUD_RUN)
        self.wait_for_statement("pg_sleep(0.1")
        process.kill()
        self.finish(process)
        self.end_session(holder)
        result = self.again(files)
        self.assert_good(result)
        self.assertIn(" WARN  1_a goes on at statement 2 of 2", result.stdout)

    def test_an_attempt_without_a_failure_on_record(self):
        self.assert_log(self.again(FILES), self.AGAIN + """\
<time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
<time> INFO  1_a applied in <duration> (1 statement); current version is 1
<time> INFO  succeeded! 1 migration applied in <duration>; none -> 1
""", status=0)


class Tasks(PlatformCase):
    def follower(self, files, *options, command=("up",), **env):
        return self.start_pgstride(
            *self.options(files), "--log-format", "text", *options, *command,
            env={**CLOUD_RUN, "CLOUD_RUN_TASK_INDEX": "1", "CLOUD_RUN_TASK_COUNT": "2", **env})

    def test_the_others_wait_for_the_first(self):
        process = self.follower(FILES)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        self.assert_good(self.up(FILES, env={**CLOUD_RUN, "CLOUD_RUN_TASK_COUNT": "2"}))
        result = self.finish(process)
        self.assertEqual(0, result.status, result.stdout)
        lines = self.normalise(result.stdout).splitlines()
        self.assertEqual("<time> INFO  task 1 waits until task 0 has migrated", lines[0])
        self.assertEqual([
            "<time> INFO  <database> at 127.0.0.1 is at version 1",
            "<time> INFO  succeeded! nothing to do; current version is 1"], lines[-2:])
        self.assertEqual(["1|applied"], self.history("version, outcome"))

    def test_they_end_at_once_when_the_first_failed_for_good(self):
        bad = {"1_a.up.sql": "SELECT nope;"}
        batch = {"AWS_BATCH_JOB_ATTEMPT": "1", "AWS_BATCH_JQ_NAME": "queue"}
        platforms = (
            ({**CLOUD_RUN, "CLOUD_RUN_TASK_COUNT": "2"},
             {**CLOUD_RUN, "CLOUD_RUN_TASK_COUNT": "2", "CLOUD_RUN_TASK_INDEX": "1"}),
            ({**batch, "AWS_BATCH_JOB_ID": "4b1c:0", "AWS_BATCH_JOB_ARRAY_INDEX": "0"},
             {**batch, "AWS_BATCH_JOB_ID": "4b1c:1", "AWS_BATCH_JOB_ARRAY_INDEX": "1"}),
        )
        for first, other in platforms:
            with self.subTest(first):
                process = self.start_pgstride(
                    *self.options(bad), "--log-format", "text", "up", env=other)
                line = process.stdout.readline()
                self.assertEqual(1, self.up(bad, env=first).status)
                result = self.finish(process)  # within its 60 s, not after 5 min
                late = self.up(bad, "--log-format", "text", env=other)
                for stdout in (line + result.stdout, late.stdout):
                    lines = [line for line in self.normalise(stdout).splitlines()
                             if " WARN  " not in line and "waiting for version" not in line]
                    self.assertEqual([
                        "<time> INFO  task 1 waits until task 0 has migrated",
                        '<time> ERROR task 0 failed: 1_a.up.sql:1: column "nope" does not exist'
                        " (42703)",
                        f"{' ' * 19}hint: Mend the file and start a new execution.",
                        "<time> ERROR failed: nothing was applied; a retry will not help"], lines)
                self.assertEqual((1, 1), (result.status, late.status))

    def test_they_wait_for_what_may_still_succeed(self):
        full = {"1_a.up.sql": "DO $$ BEGIN RAISE 'full' USING ERRCODE = '53100'; END $$;"}
        self.assertEqual(1, self.up(full, env=CLOUD_RUN).status)
        result = self.finish(self.follower(full, "--lock-timeout", "1s"))
        self.assertIn("the database has no version after 1 s, and should be at 1\n", result.stdout)
        self.assertEqual(1, self.up({"1_a.up.sql": "SELECT nope;"}, env=CLOUD_RUN).status)
        process = self.follower(FILES)  # another file than the one that failed
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        self.assert_good(self.up(FILES, env=CLOUD_RUN))
        self.assertEqual(0, self.finish(process).status)

    def test_they_fail_when_the_first_does_not_come(self):
        env = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "2"}
        result = self.up(FILES, "--log-format", "text", "--lock-timeout", "1s", env=env)
        self.assertEqual(1, result.status)
        self.assertIn("the database has no version after 1 s, and should be at 1\n", result.stdout)
        self.assertIn("hint: Look at task 0: did it fail? A longer time: --lock-timeout.\n",
                      result.stdout)
        self.assertEqual("", self.tables())

    def test_what_each_would_do_once_more_is_refused(self):
        self.assert_good(self.up(FILES))
        for command in (("down", "1"), ("down", "--all"), ("up", "1")):
            with self.subTest(command):
                result = self.finish(self.follower(FILES, command=command))
                self.assertEqual(1, result.status)
                self.assertIn("this is task 1, and only task 0 may do that", result.stdout)
        self.assertEqual("a", self.tables())
        self.assert_good(self.finish(self.follower(FILES, command=("goto", "1"))))
