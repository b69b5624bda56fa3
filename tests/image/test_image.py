# SPDX-License-Identifier: Apache-2.0
"""The real image: built by scripts/image, run as a locked-down job against a TLS server."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)

from support.cluster import Cluster  # noqa: E402

IMAGE = "localhost/pgstride-test"
LOCKED_DOWN = (
    "--network=host", "--read-only", "--read-only-tmpfs=false", "--user=65532", "--cap-drop=all",
    "--security-opt=no-new-privileges", "--pull=never",
)
SIZE_LIMIT = 10_000_000  # bytes: the binary, the CA bundle, the migrations
BUILD_TIMEOUT_S = 1800
RUN_TIMEOUT_S = 120
STOP_TIMEOUT_S = 10  # what Cloud Run gives before it kills

_environment = dict(os.environ)


def run(*command, timeout=RUN_TIMEOUT_S):
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", env=_environment, cwd=ROOT,
        stdin=subprocess.DEVNULL, timeout=timeout, check=False,
    )


def run_or_raise(*command, timeout=RUN_TIMEOUT_S):
    done = run(*command, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(f"{command} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def setUpModule():
    settings = run_or_raise("tests/image/base", timeout=BUILD_TIMEOUT_S).splitlines()
    _environment.update(line.split("=", 1) for line in settings)
    run_or_raise(
        "scripts/image", "--engine", "podman", IMAGE, "--", "--isolation=chroot", "--pull=never",
        timeout=BUILD_TIMEOUT_S,
    )


class Image(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster.start()
        cls.addClassCleanup(cls.cluster.stop)

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
        (image,) = json.loads(run_or_raise("podman", "image", "inspect", IMAGE))
        config = image["Config"]
        self.assertEqual(config["User"], "65532:65532")
        self.assertEqual(config["Entrypoint"], ["/pgstride"])
        self.assertEqual(config["Cmd"], ["up"])
        self.assertIn("PGSSLROOTCERT=/etc/ssl/certs/ca-certificates.crt", config["Env"])
        self.assertLess(image["Size"], SIZE_LIMIT)

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

    def test_a_broken_migration_ends_with_status_1(self):
        folder = self.migrations(broken="SELECT nope;\n")
        done = run(*self.podman_run(f"--volume={folder}:/migrations:ro"))
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("1_broken.up.sql:1:8", done.stdout)

    def test_sigterm_ends_it_in_time_and_leaves_nothing(self):
        folder = self.migrations(slow="CREATE TABLE half (id int); SELECT pg_sleep(300);\n")
        name = f"pgstride-test-{uuid.uuid4().hex}"
        job = subprocess.Popen(
            self.podman_run(f"--name={name}", f"--volume={folder}:/migrations:ro"),
            env=_environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        self.addCleanup(run, "podman", "rm", "--force", "--ignore", "--time=0", name)
        self.wait_for("SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep.300'"
                      " AND state = 'active' AND pid <> pg_backend_pid()", "1")

        run_or_raise("podman", "kill", "--signal=TERM", name)
        output, _ = job.communicate(timeout=STOP_TIMEOUT_S)
        self.assertEqual(job.returncode, 1, output)
        self.wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                      " AND pid <> pg_backend_pid()", "0")
        self.assertEqual(self.query("SELECT to_regclass('half') IS NULL"), "t")

    def wait_for(self, sql, expected, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while self.query(sql) != expected:
            self.assertLess(time.monotonic(), deadline, f"never {expected}: {sql}")
            time.sleep(0.1)


if __name__ == "__main__":
    unittest.main()
