# SPDX-License-Identifier: Apache-2.0
"""As much of ECS as scripts/ecs-run-task asks for, and of Batch as deploy/batch/run-job:
real HTTP servers on loopback.

    ecs = FakeEcs.start(looks=[running(), stopped(container("migrate", 0))])
    ... aws ecs run-task --endpoint-url ecs.url ...
    ecs.calls      # [("RunTask", {"cluster": "default", ...}), ...]
    ecs.stop()

Each DescribeTasks takes the next of `looks`; the last one is given again and again.
A look is a task's fields, MISSING, or an Error. The other answers are fixed at the
start: `run` and `definition` are what RunTask and DescribeTaskDefinition answer.
"""

import http.server
import json
import re
import threading
from dataclasses import dataclass

ACCOUNT = "arn:aws:ecs:eu-central-1:123456789012"
TASK_ID = "0f9de17a6465404e8b1b2356dc13c2f8"
TASK = f"{ACCOUNT}:task/default/{TASK_ID}"
JOB = "4b1c1a1e-63b5-4d4c-9f1e-0f9de17a6465"
DEFINITION = f"{ACCOUNT}:task-definition/migrate:7"

STARTED = {
    "tasks": [{"taskArn": TASK, "taskDefinitionArn": DEFINITION, "lastStatus": "PROVISIONING"}],
    "failures": [],
}
MISSING = object()
LOST = object()  # the connection is closed in the place of an answer


@dataclass
class Error:
    code: str
    message: str = ""
    status: int = 400


THROTTLED = Error("ThrottlingException", "Rate exceeded")


def logged(name, **options):
    """A container of a task definition, with awslogs and these options of it."""
    options = {"awslogs-" + key.replace("_", "-"): value for key, value in options.items()}
    return {"name": name, "logConfiguration": {"logDriver": "awslogs", "options": options}}


MIGRATE = logged("migrate", group="/ecs/migrate", region="eu-central-1", stream_prefix="migrate")


def defined(*containers):
    return {"taskDefinition": {"taskDefinitionArn": DEFINITION, "containerDefinitions": containers}}


def task(status, *containers, **fields):
    return {"taskArn": TASK, "lastStatus": status, "containers": list(containers), **fields}


def container(name, exit_code=None, reason=None):
    """A container as DescribeTasks shows it: what is not known is left out."""
    fields = {"name": name, "exitCode": exit_code, "reason": reason}
    return {key: value for key, value in fields.items() if value is not None}


def stopped(*containers, code="EssentialContainerExited",
            reason="Essential container in task exited"):
    return task("STOPPED", *containers, stopCode=code, stoppedReason=reason)


class Call(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        name = re.split(r"[./]", self.headers["X-Amz-Target"] or self.path)[-1]
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = self.server.ecs.answer(name, request)
        status = 200
        if answer is LOST:
            self.close_connection = True
            return
        if isinstance(answer, Error):
            status = answer.status
            answer = {"__type": answer.code, "message": answer.message}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """The calls are in FakeEcs.calls."""


class FakeEcs:
    """The server; `start` makes one, `stop` ends it."""

    def __init__(self, looks=(), run=None, definition=None, stop_answer=None, when_run=None):
        self.looks = list(looks)
        self.run = run or STARTED
        self.definition = definition or defined(MIGRATE)
        self.stop_answer = stop_answer or {"task": task("RUNNING")}
        self.when_run = when_run  # called before RunTask is answered
        self.calls = []
        self.changed = threading.Condition()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Call)
        self.server.daemon_threads = True
        self.server.ecs = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @classmethod
    def start(cls, **answers):
        ecs = cls(**answers)
        ecs.thread.start()
        return ecs

    def note(self, name, request):
        with self.changed:
            self.calls.append((name, request))
            self.changed.notify_all()

    def next_look(self):
        with self.changed:
            return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def answer(self, name, request):
        self.note(name, request)
        if name == "DescribeTasks":
            look = self.next_look()
            if look is MISSING:
                return {"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]}
            return look if isinstance(look, Error) else {"tasks": [look], "failures": []}
        if name == "RunTask":
            if self.when_run:
                self.when_run()
            return self.run
        if name == "DescribeTaskDefinition":
            return self.definition
        if name == "StopTask":
            return self.stop_answer
        return Error("UnknownOperationException", name)

    @property
    def names(self):
        with self.changed:
            return [name for name, _ in self.calls]

    def requests(self, wanted):
        with self.changed:
            return [request for name, request in self.calls if name == wanted]

    def wait_for(self, name, count=1, timeout_s=30):
        """Until `name` was called so often: True, or False when the time is over."""
        with self.changed:
            return self.changed.wait_for(
                lambda: sum(called == name for called, _ in self.calls) >= count, timeout_s
            )

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(timeout=5)


class FakeBatch(FakeEcs):
    """The same for Batch: each describejobs takes the next of `looks`, a job's fields or an Error."""

    def answer(self, name, request):
        self.note(name, request)
        if name == "describejobs":
            look = self.next_look()
            return look if isinstance(look, Error) else {"jobs": [{"jobId": JOB, **look}]}
        if name == "submitjob":
            return self.run if isinstance(self.run, Error) else {
                "jobId": JOB, "jobName": request["jobName"]}
        return {} if name == "terminatejob" else Error("UnknownOperationException", name)
