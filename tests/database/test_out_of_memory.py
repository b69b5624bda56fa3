# SPDX-License-Identifier: Apache-2.0
"""An allocation of a run fails: the run ends by itself and says why, and the next one finishes.

In the suite as many as SUITE_S allows, chosen by chance; PGSTRIDE_ALLOCATIONS=3000 makes so
many, PGSTRIDE_ALLOCATIONS=all lets every one fail.
"""

import concurrent.futures
import os
import random
import re
import subprocess
import time

from database.case import DatabaseCase
from support.harness import ROOT, plain_binary
from support.webhook import Webhook

SUITE_S = 20
FORMATS = ("text", "json")
OURS = ("pgstride: out of memory; an open transaction is rolled back by the server. "
        "Give it more memory, and run again.\n")
# OpenSSL has words of its own, while it connects: for TLS, and for the password's proof.
OF_A_LIBRARY = re.compile(r'connection to server at \\?"127\.0\.0\.1\\?", port \d+ failed: '
                          r'(?:.*out of memory|could not create SSL context: |SSL error: '
                          r'|could not establish SSL connection: '
                          r'|could not calculate client proof: '
                          r'|could not verify server signature: )')
ENDED = re.compile(r"ERROR failed: nothing was applied; a retry (?:may|will not) help\n\Z"
                   r'|"event":"run.finished".*"retryable":.*\n\Z')
FILES = {
    "1_a.up.sql": "CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);\n",
    "2_b.up.sql": "BEGIN;\nCREATE TABLE b (id int);\nCOMMIT;\n",
    "3_i.up.sql": "CREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);\n",
    "4_c.up.sql": "CREATE TABLE c (id int);\nCOPY c FROM stdin;\n1\n2\n\\.\n",
}


def is_told(output):
    """Either the program ends at once, or it did not come to connect."""
    if output.endswith(OURS):
        return True
    return bool(ENDED.search(output) and
                (OF_A_LIBRARY.search(output) or "ERROR out of memory\n" in output
                 or '"message":"out of memory"' in output))


class OutOfMemory(DatabaseCase):
    def setUp(self):
        super().setUp()
        self.binary = plain_binary()
        self.place = self.folder()
        self.wrapper = os.path.join(self.place, "fail_allocation.so")
        source = os.path.join(ROOT, "tests/support/fail_allocation.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", self.wrapper, source], check=True)
        self.path = self.folder(FILES)
        self.slack = Webhook.start(tls=False)
        self.addCleanup(self.slack.stop)

    def run_debug(self, schema, log_format, **environment):
        """Over TLS, with a message to Slack: each library has its part."""
        database = self.cluster.url(self.dbname, sslmode="require", search_path=schema)
        return subprocess.run(
            [self.binary, "--database", database, "--path", self.path, "--log-format", log_format, "up"],
            env={"PATH": os.environ["PATH"], "SLACK_WEBHOOK_URL": self.slack.url, **environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="backslashreplace", timeout=60, check=False)

    def count(self, log_format):
        """The allocations of a run that has everything to do."""
        schema = f"whole_{log_format}"
        path = os.path.join(self.place, schema)
        self.psql(f"CREATE SCHEMA {schema}")
        done = self.run_debug(
            schema, log_format, LD_PRELOAD=self.wrapper, COUNT_ALLOCATIONS=path)
        self.assertEqual(0, done.returncode, done.stdout)
        with open(path, encoding="ascii") as file:
            return int(file.read())

    def check(self, log_format, number):
        """What is wrong where this allocation fails, or None."""
        schema = f"{log_format}_{number}"
        self.psql(f"CREATE SCHEMA {schema}")
        try:
            done = self.run_debug(
                schema, log_format, LD_PRELOAD=self.wrapper, FAIL_ALLOCATION=str(number))
        except subprocess.TimeoutExpired as hung:
            return f"it hangs:\n{hung.stdout}"
        said = f"status {done.returncode}:\n{done.stdout}"
        if done.returncode not in (0, 1) or (done.returncode == 1 and not is_told(done.stdout)):
            return said
        table = f"{schema}.schema_migrations"
        reached = "none"
        if self.psql(f"SELECT to_regclass('{table}')"):
            reached = self.psql(f"SELECT version, dirty FROM {table}")
        if done.returncode == 0 and reached != "4|f":
            return f"at {reached}, and {said}"
        after = self.run_debug(schema, log_format)
        if after.returncode != 0:
            return f"{said}\n--- not finished by the next run\n{after.stdout}"
        state = self.psql(f"""
            SELECT (SELECT count(*) FROM {schema}.a), (SELECT count(*) FROM {schema}.b),
                   (SELECT count(*) FROM {schema}.c), version, dirty,
                   (SELECT indisvalid FROM pg_index
                     WHERE indexrelid = '{schema}.a_id'::regclass),
                   (SELECT string_agg(version::text, ' ' ORDER BY version)
                      FROM {schema}.pgstride_history WHERE outcome = 'applied')
              FROM {table};
            SET client_min_messages = error;
            DROP SCHEMA {schema} CASCADE""")
        return None if state == "1|0|2|4|f|t|1 2 3 4" else f"{said}\n--- then {state}"

    def test_it_says_what_to_do(self):
        done = self.run_debug("none", "text", LD_PRELOAD=self.wrapper, FAIL_ALLOCATION="1")
        self.assertEqual((1, OURS), (done.returncode, done.stdout))

    def test_each_allocation_may_fail(self):
        wanted = os.environ.get("PGSTRIDE_ALLOCATIONS") or "0"
        seed = int(os.environ.get("PGSTRIDE_SEED") or time.time())
        tasks = [(log_format, number) for log_format in FORMATS
                 for number in range(1, self.count(log_format) + 1)]
        self.assertGreater(len(tasks), 10_000)
        random.Random(seed).shuffle(tasks)
        total = len(tasks)
        if wanted != "all":
            del tasks[int(wanted) or total:]
        until = time.monotonic() + SUITE_S
        wrong, tried = [], 0

        def check(task):
            if wanted == "0" and time.monotonic() > until:
                return None
            return self.check(*task) or "right"

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for task, result in zip(tasks, pool.map(check, tasks)):
                tried += result is not None
                if result not in (None, "right"):
                    wrong.append(f"allocation {task[1]} of a run with {task[0]}: {result}")
        print(f"{tried} of {total} allocations failed, seed {seed}")
        self.assertEqual([], wrong[:3], f"{len(wrong)} wrong")
        self.assertGreater(tried, 10)
