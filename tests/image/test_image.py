# SPDX-License-Identifier: Apache-2.0
"""The real image: built by scripts/image, run as a locked-down job against a TLS server."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from image import engine  # noqa: E402
from image.engine import run, run_or_raise  # noqa: E402
from support.cluster import Cluster  # noqa: E402
from support.endpoint import Endpoint  # noqa: E402

IMAGE = engine.IMAGE
LOCKED_DOWN = (
    "--network=host", "--read-only", "--read-only-tmpfs=false", "--user=65532", "--cap-drop=all",
    "--security-opt=no-new-privileges", "--pull=never",
)
SIZE_LIMIT = 8_000_000  # bytes: the binary, the CA bundle, the licences, the migrations
STOP_TIMEOUT_S = 8  # Cloud Run gives 10 before it kills

# What the metadata servers answer.
METADATA = {
    "/computeMetadata/v1/project/project-id": "acme",
    "/computeMetadata/v1/instance/region": "projects/123/regions/europe-west1",
    "/v4/0a1b-123": json.dumps({"Image": "registry/migrate:7"}),
    "/v4/0a1b-123/task": json.dumps({
        "Cluster": "arn:aws:ecs:eu-west-1:1:cluster/apps", "Family": "migrate", "Revision": "12",
        "TaskARN": "arn:aws:ecs:eu-west-1:1:task/apps/0a1b"}),
}
TASK = {"place": "apps", "image": "registry/migrate:7", "revision": "12"}

# What each platform puts into the environment, and what the run must make of it. PLACE: METADATA's.
PLATFORMS = {
    "cloud-run": (True, {"job": "migrate", "execution": "migrate-x1", "task": "0", "attempt": "0",
                         "place": "acme/europe-west1"}, {
        "GCE_METADATA_HOST": "PLACE",
        "CLOUD_RUN_JOB": "migrate", "CLOUD_RUN_EXECUTION": "migrate-x1",
        "CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "1", "CLOUD_RUN_TASK_ATTEMPT": "0",
    }),
    "ecs": (True, {**TASK, "job": "migrate", "execution": "0a1b"}, {
        "ECS_CONTAINER_METADATA_URI_V4": "http://PLACE/v4/0a1b-123",
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE", "AWS_REGION": "eu-west-1",
    }),
    "codebuild": (True, {"job": "migrate", "execution": "migrate:0a1b"}, {
        "CODEBUILD_BUILD_ID": "migrate:0a1b", "CODEBUILD_INITIATOR": "pipeline/deploy",
        "CODEBUILD_BUILD_SUCCEEDING": "1",
    }),
    "kubernetes": (True, {"execution": "migrate-7xk2p", "place": "shop", "job": "migrate"}, {
        "POD_NAMESPACE": "shop", "JOB_NAME": "migrate",
        "KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443",
        "HOSTNAME": "migrate-7xk2p",
    }),
    "batch": (True, {**TASK, "job": "queue", "execution": "0a1b-c", "attempt": "1"}, {
        "AWS_BATCH_JOB_ID": "0a1b-c", "AWS_BATCH_JQ_NAME": "queue", "AWS_BATCH_JOB_ATTEMPT": "1",
        "ECS_CONTAINER_METADATA_URI_V4": "http://PLACE/v4/0a1b-123",  # it is there too
    }),
    "github": (False, {"job": "deploy", "execution": "42", "attempt": "1"}, {
        "GITHUB_ACTIONS": "true", "GITHUB_WORKFLOW": "deploy", "GITHUB_RUN_ID": "42",
        "GITHUB_RUN_ATTEMPT": "1", "CI": "true",
    }),
    "none": (False, {}, {}),
}


def setUpModule():
    engine.build_image()


class Image(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster.start()
        cls.addClassCleanup(cls.cluster.stop)
        cls.metadata = Endpoint(METADATA)
        cls.addClassCleanup(cls.metadata.stop)

    def setUp(self):
        self.dbname = self.cluster.create_database()

    def query(self, sql):
        return self.cluster.psql(self.dbname, sql)

    def migrations(self, **files):
        """A folder to mount over the image's own migrations."""
        folder = tempfile.mkdtemp(prefix="pgstride-migrations-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        for name, sql in files.items():
            with open(f"{folder}/1_{name}.up.sql", "w", encoding="utf-8") as file:
                file.write(sql)
        return folder

    def podman_run(self, *options, ca_file=None, arguments=(), host="localhost"):
        url = self.cluster.url(self.dbname, host=host, sslmode="verify-full")
        return [
            "podman", "run", "--rm", *LOCKED_DOWN,
            f"--volume={ca_file or self.cluster.ca_file}:/ca.crt:ro",
            "--env=PGSSLROOTCERT=/ca.crt", f"--env=DATABASE_URL={url}",
            *options, IMAGE, *arguments,
        ]

    def test_it_holds_what_it_promises(self):
        image = engine.inspect()
        config = image["Config"]
        self.assertEqual(config["User"], "65532:65532")
        self.assertEqual(config["Entrypoint"], ["/pgstride"])
        self.assertEqual(config["Cmd"], ["up"])
        self.assertIn("PGSSLROOTCERT=/etc/ssl/certs/ca-certificates.crt", config["Env"])
        self.assertLess(image["Size"], SIZE_LIMIT)

    def test_its_labels_are_true(self):
        labels = dict(engine.inspect()["Config"]["Labels"])
        prefix = "org.opencontainers.image."
        revision = labels.pop(prefix + "revision", None)
        if revision is not None:  # of a clean checkout alone
            self.assertEqual(revision, run_or_raise("git", "rev-parse", "HEAD").strip())
        printed = run_or_raise("podman", "run", "--rm", *LOCKED_DOWN, IMAGE, "--version")
        self.assertEqual(labels, {
            prefix + "title": "pgstride",
            prefix + "description": "PostgreSQL schema migrations as a container job",
            prefix + "licenses": "Apache-2.0",
            prefix + "version": re.search(r"\d+\.\d+\.\d+", printed)[0],
            prefix + "created": engine.CREATED,
        })
        with open(f"{engine.ROOT}/Dockerfile.migrate", encoding="utf-8") as file:
            default = re.search(r"^ARG VERSION=(.*)$", file.read(), re.M)[1]
        self.assertEqual(labels[prefix + "version"], default)

    def test_it_holds_these_files_and_no_others(self):
        files = engine.files_of()
        plain = {path for path, (member, _) in files.items() if not member.isdir()}
        self.assertEqual({path for path in plain if not path.startswith("/licenses/")}, {
            "/pgstride", "/etc/ssl/certs/ca-certificates.crt",
            *(f"/migrations/{name}" for name in os.listdir(f"{engine.ROOT}/migrations")),
        })
        for path, (member, _) in files.items():
            mode = 0o755 if member.isdir() or path == "/pgstride" else 0o644
            self.assertEqual((oct(member.mode & 0o7777), member.uid, member.gid, member.mtime),
                             (oct(mode), 0, 0, engine.EPOCH), path)

    def test_it_builds_for_any_machine(self):
        for name in ("Dockerfile.migrate", "scripts/deps", "scripts/build", "scripts/sbom",
                     "scripts/image", "meson.build", "src/meson.build"):
            with open(f"{engine.ROOT}/{name}", encoding="utf-8") as file:
                text = file.read().replace("--platform=linux/amd64", "")  # the example of --help
            self.assertNotRegex(text, r"amd64|x86|i[36]86|-march|-msse|-mavx", name)

    def test_up_applies_its_migrations_and_a_second_run_has_nothing_to_do(self):
        first = run(*self.podman_run())
        self.assertEqual((first.returncode, first.stderr), (0, ""), first)
        self.assertIn("succeeded!", first.stdout.splitlines()[-1])

        state = "SELECT version, dirty, (SELECT count(*) FROM pgstride_history)"
        after_first = self.query(state + " FROM schema_migrations")
        self.assertNotEqual(after_first, "")
        second = run(*self.podman_run())
        self.assertEqual((second.returncode, second.stderr), (0, ""), second)
        self.assertEqual(self.query(state + " FROM schema_migrations"), after_first)

        version = run(*self.podman_run(arguments=["version"]))
        self.assertEqual(version.returncode, 0, version)
        self.assertEqual(version.stdout.strip(), after_first.split("|", maxsplit=1)[0])

    def test_an_address_that_the_certificate_names_is_verified_too(self):
        folder = self.migrations(note="CREATE TABLE note (id int);\n")
        done = run(*self.podman_run(f"--volume={folder}:/migrations:ro", host="127.0.0.1"))
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(self.query("SELECT version FROM schema_migrations"), "1")

    def test_a_server_that_another_authority_signed_is_refused(self):
        done = run(*self.podman_run(ca_file=self.cluster.other_ca_file))
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("certificate verify failed", done.stdout)
        self.assertEqual(self.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0")

    def test_the_public_bundle_does_not_undo_tls_to_a_server_with_its_own_authority(self):
        folder = self.migrations(tls="""
            SELECT 1 / (SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl);
        """)
        for sslmode in ("require", "prefer"):
            with self.subTest(sslmode=sslmode):
                self.dbname = self.cluster.create_database()
                url = self.cluster.url(self.dbname, sslmode=sslmode)
                done = run("podman", "run", "--rm", *LOCKED_DOWN, f"--env=DATABASE_URL={url}",
                           f"--volume={folder}:/migrations:ro", IMAGE)
                self.assertEqual(done.returncode, 0, done)

    def test_the_readmes_own_image(self):
        """The Dockerfile that README.md gives to a project, built over this image."""
        context = self.migrations(note="CREATE TABLE note (id int);\n")
        folder = os.path.join(context, "migrations")
        os.mkdir(folder)
        os.rename(f"{context}/1_note.up.sql", f"{folder}/1_note.up.sql")
        with open(f"{engine.ROOT}/README.md", encoding="utf-8") as file:
            text = re.search(r"^```dockerfile\n(.*?)^```", file.read(), re.M | re.S)[1]
        with open(f"{context}/Dockerfile", "w", encoding="utf-8") as file:
            file.write(text.replace("FROM pgstride ", f"FROM {IMAGE} "))
        tag = f"{IMAGE}-readme"
        run_or_raise("podman", "build", *engine.LOCAL_BUILD[:2], "-t", tag, context)
        self.addCleanup(run, "podman", "rmi", "--force", tag)
        done = run(*[tag if word == IMAGE else word for word in self.podman_run()])
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(self.query("SELECT version FROM schema_migrations"), "1")

    def test_a_broken_migration_ends_with_status_1(self):
        folder = self.migrations(broken="SELECT nope;\n")
        done = run(*self.podman_run(f"--volume={folder}:/migrations:ro"))
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("1_broken.up.sql:1:8", done.stdout)

    def run_on(self, platform, sql):
        """Run one migration as this platform would; its status and lines."""
        _, _, variables = PLATFORMS[platform]
        self.dbname = self.cluster.create_database()
        folder = self.migrations(note=sql)
        done = run(*self.podman_run(
            f"--volume={folder}:/migrations:ro",
            *(f"--env={name}={value.replace('PLACE', self.metadata.place)}"
              for name, value in variables.items()),
        ))
        self.assertEqual(done.stderr, "", done)
        return done.returncode, done.stdout.splitlines()

    def assert_log(self, platform, lines, severity, word):
        is_json, _, _ = PLATFORMS[platform]
        if not is_json:
            self.assertRegex(lines[-1], rf"\A\d\d:\d\d:\d\d\.\d{{3}} {severity} +.*{word}")
            return
        last = [json.loads(line) for line in lines][-1]
        self.assertEqual((last["event"], last["severity"]), ("run.finished", severity))
        self.assertIn(word, last["message"])

    def test_it_runs_as_each_platform_runs_it(self):
        for platform, (_, expected, _) in PLATFORMS.items():
            with self.subTest(platform=platform):
                status, lines = self.run_on(platform, "CREATE TABLE note (id int);\n")
                self.assertEqual(status, 0, lines)
                self.assert_log(platform, lines, "INFO", "succeeded!")
                runner = json.loads(self.query("SELECT runner FROM pgstride_history"))
                runner.pop("host", None)
                self.assertEqual(runner, {"platform": platform, **expected})

    def test_it_fails_as_each_platform_reads_it(self):
        for platform in PLATFORMS:
            with self.subTest(platform=platform):
                status, lines = self.run_on(platform, "SELECT nope;\n")
                self.assertEqual(status, 1, lines)
                self.assert_log(platform, lines, "ERROR", "failed")
                self.assertEqual(self.query("SELECT outcome, runner ->> 'platform'"
                                            " FROM pgstride_history"), f"failed|{platform}")

    def test_no_home_no_passwd_entry_no_names(self):
        folder = self.migrations(note="CREATE TABLE note (id int);\n")
        done = run(*self.podman_run(
            f"--volume={folder}:/migrations:ro", "--passwd=false", "--no-hosts", "--dns=none",
            "--unsetenv-all", "--user=4294967:4294967", host="127.0.0.1",
        ))
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertEqual(self.query("SELECT version FROM schema_migrations"), "1")

    def start(self, sleep_s):
        """A run that has made a table and now sleeps: (the container's name, its process)."""
        folder = self.migrations(slow=f"CREATE TABLE half (id int); SELECT pg_sleep({sleep_s});\n")
        name = f"pgstride-test-{uuid.uuid4().hex}"
        job = subprocess.Popen(
            self.podman_run(f"--name={name}", f"--volume={folder}:/migrations:ro"),
            env=engine.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        self.addCleanup(run, "podman", "rm", "--force", "--ignore", "--time=0", name)
        self.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep.{sleep_s}'"
                      " AND state = 'active' AND pid <> pg_backend_pid()", "1")
        return name, job

    def test_the_signals_of_a_machine_that_is_moved_do_not_stop_it(self):
        name, job = self.start(sleep_s=3)
        for number in ("TSTP", "CONT"):  # Cloud Run, before and after
            run_or_raise("podman", "kill", f"--signal={number}", name)
        output, _ = job.communicate(timeout=60)
        self.assertEqual(job.returncode, 0, output)
        self.assertEqual(self.query("SELECT version, dirty FROM schema_migrations"), "1|f")

    def test_sigterm_ends_it_in_time_and_leaves_nothing(self):
        name, job = self.start(sleep_s=300)
        run_or_raise("podman", "kill", "--signal=TERM", name)
        output, _ = job.communicate(timeout=STOP_TIMEOUT_S)  # it is PID 1: there is no init
        self.assertEqual(job.returncode, 1, output)
        self.wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                      " AND pid <> pg_backend_pid()", "0")
        self.assertEqual(self.query("SELECT to_regclass('half') IS NULL"), "t")
        self.assertEqual(self.query("SELECT version, outcome, statements_done FROM pgstride_history"),
                         "1|failed|0")
        self.assertEqual(self.query("SELECT count(*) FROM schema_migrations"), "0")

    def test_a_second_signal_ends_it_at_once(self):
        name, job = self.start(sleep_s=301)
        backend = int(self.query("SELECT pid FROM pg_stat_activity WHERE query ~ 'pg_sleep.301'"
                                 " AND pid <> pg_backend_pid()"))
        os.kill(backend, signal.SIGSTOP)  # else the first one would end it soon
        self.addCleanup(os.kill, backend, signal.SIGCONT)
        for _ in range(2):
            self.assertIsNone(job.poll())
            run_or_raise("podman", "kill", "--signal=TERM", name)
        output, _ = job.communicate(timeout=STOP_TIMEOUT_S)
        self.assertEqual(job.returncode, 1, output)
        self.assertNotIn("failed: ", output)  # it took no time to report

    def wait_for(self, sql, expected, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while self.query(sql) != expected:
            self.assertLess(time.monotonic(), deadline, f"never {expected}: {sql}")
            time.sleep(0.1)


if __name__ == "__main__":
    unittest.main()
