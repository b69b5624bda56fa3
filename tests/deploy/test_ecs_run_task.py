# SPDX-License-Identifier: Apache-2.0
"""scripts/ecs-run-task: the real aws against a small ECS on loopback."""

import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import tempfile
import textwrap
import unittest

from support import ecs as fake
from support.ecs import LOST, MISSING, THROTTLED, Error, FakeEcs, container, stopped, task

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = f"{ROOT}/scripts/ecs-run-task"
NAMED = ("--cluster", "default", "--task-definition", "migrate", "--container", "migrate")

# A clock that moves when one sleeps, and by nothing else.
SLEEP = '#!/bin/sh\nread -r now <"$CLOCK"\necho "$now $1" | awk \'{ print $1 + $2 }\' >"$CLOCK"\n'
DATE = '#!/bin/sh\ncut -d . -f 1 "$CLOCK"\n'

SUCCESS = stopped(container("migrate", 0))
STARTED = """
    task 0f9de17a6465404e8b1b2356dc13c2f8 of migrate:7 started in default
    log: group /ecs/migrate, stream migrate/migrate/0f9de17a6465404e8b1b2356dc13c2f8, eu-central-1
"""
SUCCEEDED = """
    STOPPED: EssentialContainerExited: Essential container in task exited
    migrate: exit status 0
"""
# What aws adds to a message, or not, by its version.
TRIES = re.compile(r" \(reached max retries: \d+\)")


def lines(*parts):
    """Indented texts, one after the other."""
    return "".join(textwrap.dedent(part).strip("\n") + "\n" for part in parts)


class RunTaskCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pgstride-ecs-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.clock = f"{self.folder}/clock"
        self.write("clock", "1000\n")
        self.write("bin/sleep", SLEEP)
        self.write("bin/date", DATE)

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(path, 0o755)

    def start_ecs(self, **answers):
        ecs = FakeEcs.start(**answers)
        self.addCleanup(ecs.stop)
        return ecs

    def environment(self, ecs, real_clock=False, **more):
        path = "/usr/bin:/bin:" + os.environ.get("PATH", "")  # Debian's aws before others
        if not real_clock:
            path = f"{self.folder}/bin:{path}"
        return {
            "PATH": path, "CLOCK": self.clock, "HOME": self.folder, "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret-of-the-key",
            "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
            **({"AWS_ENDPOINT_URL": ecs.url} if ecs else {}), **more,
        }

    def run_script(self, ecs, *arguments, **more):
        done = subprocess.run(
            [SCRIPT, *arguments], env=self.environment(ecs, **more), cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )
        self.assertNotIn("secret-of-the-key", done.stdout + done.stderr)
        done.stdout, done.stderr = TRIES.sub("", done.stdout), TRIES.sub("", done.stderr)
        return done

    def check(self, done, status, stdout, stderr=""):
        self.assertEqual((stdout, stderr, status), (done.stdout, done.stderr, done.returncode))

    def run_looks(self, *looks, arguments=NAMED, **answers):
        """One run over these looks: (the fake, how it ended)."""
        ecs = self.start_ecs(looks=looks, **answers)
        return ecs, self.run_script(ecs, *arguments)

    def side_by_side(self, rows):
        """Runs that never sleep (they share the clock), two at once: (the fake, how it ended)."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(
                lambda row: self.run_looks(*row.pop("looks"), **row), rows))


class TheEnd(RunTaskCase):
    def test_success_and_what_is_passed_on(self):
        network = "awsvpcConfiguration={subnets=[subnet-0abc],securityGroups=[sg-0abc]}"
        ecs, done = self.run_looks(
            MISSING, task("PROVISIONING"), task("RUNNING", container("migrate")), SUCCESS,
            arguments=(*NAMED, "--", "--launch-type", "FARGATE", "--network-configuration", network),
        )
        self.check(done, 0, lines(STARTED, "PROVISIONING\nRUNNING", SUCCEEDED))
        self.assertEqual(
            ["DescribeTaskDefinition", "RunTask", *["DescribeTasks"] * 4], ecs.names)
        (request,) = ecs.requests("RunTask")
        request.pop("clientToken", None)
        self.assertEqual({
            "cluster": "default", "taskDefinition": "migrate", "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": ["subnet-0abc"], "securityGroups": ["sg-0abc"]}},
        }, request)
        self.assertEqual(
            {"cluster": "default", "tasks": [fake.TASK]}, ecs.requests("DescribeTasks")[0])

    def test_the_containers_status_and_where_its_log_is(self):
        memory = "OutOfMemoryError: Container killed due to memory usage"
        here = STARTED.split("log: ")[1].strip()
        others = fake.logged("proxy"), fake.MIGRATE, fake.logged("log")
        bare = fake.logged("migrate", group="/ecs/m", region="eu-west-1")
        table = (
            # the task definition, the log, the containers, the status, the lines of the end
            (fake.defined(*others), here,
             [container("proxy", 0), container("migrate", 255), container("log", 143)], 255,
             "proxy: exit status 0\nmigrate: exit status 255\nlog: exit status 143"),
            (fake.defined(bare), "group /ecs/m, a stream named by the container's id, eu-west-1",
             [container("migrate", 1)], 1, "migrate: exit status 1"),
            (fake.defined({"name": "migrate", "logConfiguration": {"logDriver": "awsfirelens"}}),
             "by the driver awsfirelens",
             [container("migrate", 137, memory)], 137, f"migrate: exit status 137: {memory}"),
            (fake.defined({"name": "migrate"}), "none: the container has no logConfiguration",
             [container("migrate", 3221225477)], 1, "migrate: exit status 3221225477"),
            (Error("AccessDeniedException", "no"), "unknown: cannot read the task definition",
             [container("migrate", 0)], 0, "migrate: exit status 0"),
        )
        runs = self.side_by_side(
            {"looks": [stopped(*row[2])], "definition": row[0]} for row in table)
        for (_, log, _, status, ending), (_, done) in zip(table, runs):
            with self.subTest(ending):
                self.check(done, status, lines(
                    STARTED.split("\n")[1], f"log: {log}",
                    "STOPPED: EssentialContainerExited: Essential container in task exited", ending))

    def test_a_container_that_never_ran(self):
        reason = ("CannotPullContainerError: pull image manifest has been retried 1 time(s):\n"
                  "failed to resolve ref 123456789012.dkr.ecr.eu-central-1.amazonaws.com/migrate:9")
        _, done = self.run_looks(stopped(
            container("migrate", reason=reason), code="TaskFailedToStart", reason=reason))
        shown = reason.replace("\n", " ")
        self.check(
            done, 1,
            lines(STARTED, f"STOPPED: TaskFailedToStart: {shown}\nmigrate: no exit status: {shown}"),
            "ecs-run-task: migrate has no exit status: it failed before it ran\n")

    def test_a_task_that_runs_for_over_ten_minutes(self):
        ecs = self.start_ecs(looks=[*[task("RUNNING")] * 4, SUCCESS])
        done = self.run_script(
            ecs, *NAMED, "--deadline", "1h", ECS_RUN_TASK_POLL_SECONDS="191.5")
        self.check(done, 0, lines(STARTED, "RUNNING", SUCCEEDED))
        with open(self.clock, encoding="ascii") as clock:
            self.assertEqual("1766\n", clock.read())  # 766 s after its start

    def test_a_task_that_disappears(self):
        ecs, done = self.run_looks(task("RUNNING"), MISSING)
        self.check(done, 1, lines(STARTED, "RUNNING"),
                   "ecs-run-task: ECS does not know the task any more: MISSING\n")
        self.assertEqual(6, ecs.names.count("DescribeTasks"))


class NothingStarted(RunTaskCase):
    def test_failures_with_status_0(self):
        failures = {"tasks": [], "failures": [
            {"arn": "arn:aws:ecs:eu-central-1:123456789012:container-instance/a1",
             "reason": "RESOURCE:MEMORY"},
            {"reason": "Capacity is unavailable at this time", "detail": "in eu-central-1a"},
        ]}
        ecs, done = self.run_looks(run=failures)
        self.check(
            done, 1, "",
            "ecs-run-task: RESOURCE:MEMORY: "
            "arn:aws:ecs:eu-central-1:123456789012:container-instance/a1\n"
            "ecs-run-task: Capacity is unavailable at this time (in eu-central-1a)\n"
            "ecs-run-task: run-task answered with failures: nothing was started\n")
        self.assertEqual(["DescribeTaskDefinition", "RunTask"], ecs.names)

    def test_run_task_is_refused(self):
        _, done = self.run_looks(run=Error("AccessDeniedException", "no ecs:RunTask for deploy"))
        self.check(
            done, 1, "",
            "An error occurred (AccessDeniedException) when calling the RunTask operation: "
            "no ecs:RunTask for deploy\n"
            "ecs-run-task: run-task failed: nothing was started\n")

    def test_run_task_that_may_have_started_one(self):
        for run in (Error("ServerException", "try later", 500), LOST):
            with self.subTest(run):
                _, done = self.run_looks(run=run)
                self.assertEqual((1, ""), (done.returncode, done.stdout))
                self.assertTrue(done.stderr.endswith(
                    "ecs-run-task: run-task failed, and may have started the task all the same. "
                    "Look before you run it again: aws ecs list-tasks --cluster default "
                    "--family migrate\n"), done.stderr)

    def test_an_option_that_run_task_does_not_have(self):
        ecs, done = self.run_looks(arguments=(*NAMED, "--", "--lunch-type", "FARGATE"))
        self.assertEqual((1, ""), (done.returncode, done.stdout))
        self.assertIn("Unknown options: --lunch-type", done.stderr)
        self.assertTrue(done.stderr.endswith(
            "ecs-run-task: run-task failed: nothing was started\n"), done.stderr)
        self.assertEqual(["DescribeTaskDefinition"], ecs.names)

    def test_a_container_that_the_task_definition_has_not(self):
        ecs, done = self.run_looks(
            definition=fake.defined(fake.logged("app"), fake.logged("proxy")))
        self.check(done, 1, "", "ecs-run-task: migrate has no container migrate; "
                                "it has app proxy. Nothing was started\n")
        self.assertEqual(["DescribeTaskDefinition"], ecs.names)

    def test_arguments(self):
        table = (
            ((), "--cluster is missing (see --help)"),
            (NAMED[:2], "--task-definition is missing (see --help)"),
            (NAMED[:4], "--container is missing (see --help)"),
            (("--cluster",), "--cluster needs a value"),
            ((*NAMED, "--launch-type", "EC2"), "unknown argument: --launch-type (see --help)"),
            ((*NAMED, "--deadline", "1d"), "--deadline 1d is none of 90s, 60min, 2h, 90"),
            ((*NAMED, "--deadline="), "--deadline  is none of 90s, 60min, 2h, 90"),
            ((*NAMED, "--deadline", "min"), "--deadline min is none of 90s, 60min, 2h, 90"),
            ((*NAMED, "--", "--count", "2"), "--count: this runs one task"),
            ((*NAMED, "--", "--region=eu-west-1"), "--region goes before --: it is for every call"),
            ((*NAMED, "--", "--query", "x"), "--query: the answer is read here"),
        )
        for arguments, message in table:
            with self.subTest(arguments):
                self.check(self.run_script(None, *arguments), 1, "", f"ecs-run-task: {message}\n")

    def test_no_aws(self):
        self.write("only/bash", '#!/bin/sh\nexec /bin/bash "$@"\n')
        done = self.run_script(None, *NAMED, PATH=f"{self.folder}/only")
        self.check(done, 1, "", "ecs-run-task: aws is not installed\n")


class CallsThatFail(RunTaskCase):
    def test_throttled_in_the_middle(self):
        _, done = self.run_looks(
            task("RUNNING"), THROTTLED, Error("ServerException", "try later", 500), task("RUNNING"),
            SUCCESS, arguments=(*NAMED, "--deadline", "100"))
        said = "An error occurred ({}) when calling the DescribeTasks operation: {}"
        self.check(done, 0, lines(
            STARTED, "RUNNING", said.format("ThrottlingException", "Rate exceeded"),
            "trying again in 12 s", said.format("ServerException", "try later"),
            "trying again in 24 s", SUCCEEDED))
        with open(self.clock, encoding="ascii") as clock:
            self.assertEqual("1048\n", clock.read())  # 6 + 12 + 24 + 6 s

    def test_what_no_later_try_mends(self):
        codes = ("ExpiredTokenException", "AccessDeniedException")
        runs = self.side_by_side({"looks": [Error(code, "not any more")]} for code in codes)
        for code, (ecs, done) in zip(codes, runs):
            with self.subTest(code):
                self.check(
                    done, 1, lines(STARTED),
                    f"An error occurred ({code}) when calling the DescribeTasks operation: "
                    "not any more\necs-run-task: cannot look at the task; it goes on\n")
                self.assertEqual(1, ecs.names.count("DescribeTasks"))


class Stopping(RunTaskCase):
    def test_the_deadline(self):
        ecs = self.start_ecs(looks=[task("RUNNING")])
        done = self.run_script(ecs, *NAMED, ECS_RUN_TASK_POLL_SECONDS="1800")
        reason = "the deadline of 60min has passed"
        self.check(done, 1, lines(STARTED, "RUNNING"),
                   f"ecs-run-task: {reason}: stopped the task\n")
        self.assertEqual(3, ecs.names.count("DescribeTasks"))
        self.assertEqual(
            [{"cluster": "default", "task": fake.TASK, "reason": f"ecs-run-task: {reason}"}],
            ecs.requests("StopTask"))

    def test_a_task_that_cannot_be_stopped(self):
        ecs = self.start_ecs(
            looks=[task("RUNNING")],
            stop_answer=Error("AccessDeniedException", "no ecs:StopTask for deploy"))
        done = self.run_script(ecs, *NAMED, "--deadline=90s", ECS_RUN_TASK_POLL_SECONDS="90")
        self.check(
            done, 1, lines(STARTED, "RUNNING"),
            "ecs-run-task: the deadline of 90s has passed: cannot stop the task, it goes on: "
            "An error occurred (AccessDeniedException) when calling the StopTask operation: "
            "no ecs:StopTask for deploy\n")
        self.assertEqual(2, ecs.names.count("DescribeTasks"))

    def start(self, ecs):
        """The script in a process group of its own, as in a terminal."""
        process = subprocess.Popen(
            [SCRIPT, *NAMED], env=self.environment(ecs, real_clock=True), cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )

        def end():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

        self.addCleanup(end)
        return process

    def for_each_signal(self, act):
        """act(number) for both, at once: (signal, exit status, what act returned)."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return zip(numbers, (130, 143), pool.map(act, numbers))

    def test_a_signal_while_waiting(self):
        def act(number):
            ecs = self.start_ecs(looks=[task("RUNNING")])
            process = self.start(ecs)
            before = "".join(process.stdout.readline() for _ in range(3))
            os.kill(process.pid, number)
            after = process.communicate(timeout=20)
            return before, after, process.returncode, ecs.requests("StopTask")

        for number, status, got in self.for_each_signal(act):
            with self.subTest(number):
                said = f"ecs-run-task: {number.name}"
                self.assertEqual(
                    (lines(STARTED, "RUNNING"), ("", f"{said}: stopped the task\n"), status,
                     [{"cluster": "default", "task": fake.TASK, "reason": said}]), got)

    def test_a_signal_to_the_whole_group_while_the_task_is_being_started(self):
        def act(number):
            ecs = self.start_ecs(
                looks=[task("RUNNING")], when_run=lambda: os.killpg(process.pid, number))
            process = self.start(ecs)
            return process.communicate(timeout=20), process.returncode, ecs.names

        for number, status, got in self.for_each_signal(act):
            with self.subTest(number):
                stderr = f"ecs-run-task: {number.name}: stopped the task\n"
                self.assertEqual(
                    ((lines(STARTED), stderr), status,
                     ["DescribeTaskDefinition", "RunTask", "StopTask"]), got)

    def test_a_signal_before_anything_was_started(self):
        ecs = self.start_ecs(looks=[task("RUNNING")])
        process = self.start(ecs)
        self.assertTrue(ecs.wait_for("DescribeTaskDefinition"))
        os.kill(process.pid, signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=20)
        self.assertEqual(("", "", 143), (stdout, stderr, process.returncode))
        self.assertEqual(["DescribeTaskDefinition"], ecs.names)
