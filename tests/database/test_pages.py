# SPDX-License-Identifier: Apache-2.0
"""What the pages of deploy/ show of a log is what the program writes there."""

import json
import os
import re

from database.case import DatabaseCase
from support.cluster import free_port
from support.harness import ROOT
from support.proxy import LosingProxy

FILES = {
    "20230330013250_create_companies.up.sql": "CREATE TABLE companies (id int);\n",
    "20230330050530_add_address.up.sql": "SELECT nope;\n",
}
INSTANCE = "my-project:europe-west1:company"
CLOUD_RUN = {"CLOUD_RUN_JOB": "migrate", "CLOUD_RUN_EXECUTION": "migrate-x1",
             "GCE_METADATA_HOST": "127.0.0.1:1"}
JSON_LINE = re.compile(r'\{"time".*$')
TEXT_LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} (?:INFO |WARN |ERROR) .*$")
LOGGED_LINE = re.compile(r"^\S+Z  (INFO|WARNING|ERROR) +(.*)$")


class Pages(DatabaseCase):
    def log(self, files=None, host="10.0.0.5", env=None):
        """The lines of a run on a database `company` at this host, as they were written."""
        url = self.cluster.url(self.dbname, host=host, hostaddr="127.0.0.1")
        result = self.up(files or FILES, database=url, env=env)
        return result.stdout.replace(self.dbname, "company").splitlines()

    def log_by_socket(self, env):
        folder = self.folder()
        os.symlink(self.cluster.socket_dir, f"{folder}/{INSTANCE}")
        url = (f"postgres://postgres@/{self.dbname}?host={folder}/{INSTANCE}"
               f"&port={self.cluster.port}")
        stdout = self.up(FILES, database=url, env=env).stdout
        return stdout.replace(folder, "/cloudsql").replace(self.dbname, "company").splitlines()

    def shown(self, page, kind):
        """The lines of this kind in a page's blocks."""
        with open(f"{ROOT}/deploy/{page}/README.md", encoding="utf-8") as file:
            blocks = re.findall(r"^```(\w*)\n(.*?)^```", file.read(), re.M | re.S)
        found = [match for language, block in blocks if language == ""
                 for match in map(kind.search, block.splitlines()) if match]
        self.assertNotEqual([], found, f"{page} shows no log")
        return found

    def assert_json_lines(self, page, env):
        self.psql("DROP TABLE IF EXISTS companies, schema_migrations, pgstride_history")
        written = [self.normalise(line) for line in self.log(env=env)]
        for match in self.shown(page, JSON_LINE):
            line = self.normalise(match[0])
            self.assertTrue(line.endswith(", …}"), line)
            begins = [other[:len(line) - len(" …}")] for other in written]
            self.assertIn(line[:-len(" …}")], begins)

    def test_json_lines(self):
        metadata = "http://127.0.0.1:1/v4/x"
        for page, env in (
            ("ecs", {"ECS_CONTAINER_METADATA_URI_V4": metadata}),
            ("batch", {"AWS_BATCH_JOB_ID": "4b1c", "ECS_CONTAINER_METADATA_URI_V4": metadata}),
            ("codebuild", {"CODEBUILD_BUILD_ID": "app:1"}),
            ("kubernetes", {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}),
        ):
            with self.subTest(page):
                self.assert_json_lines(page, env)

    def test_cloud_loggings_columns(self):
        events = [json.loads(line) for line in self.log_by_socket(CLOUD_RUN)]
        written = [(event["severity"], self.normalise(event["message"].split("\n")[0]))
                   for event in events if event["severity"] != "DEBUG"]
        for page in ("cloud-run", "cloud-build"):
            with self.subTest(page):
                shown = [(severity, self.normalise(message))
                         for severity, message in (match.groups()
                                                   for match in self.shown(page, LOGGED_LINE))]
                self.assertEqual(written[-len(shown):], shown)

    def test_a_runners_text(self):
        written = [self.normalise(line) for line in self.log(env={"GITHUB_ACTIONS": "true"})]
        for match in self.shown("github-actions", TEXT_LINE):
            self.assertIn(self.normalise(match[0]), written)

    def test_composes_text(self):
        port = free_port()
        url = self.cluster.url(self.dbname, host="database", hostaddr="127.0.0.1",
                               sslmode="disable").replace(str(self.cluster.port), str(port))
        files = {**FILES, "20230330050530_add_address.up.sql": "ALTER TABLE companies ADD a text;"}
        process = self.start_pgstride(*self.options(files, url), "up")
        first = process.stdout.readline()
        proxy = LosingProxy(self.cluster.port, number=0, own_port=port)
        self.addCleanup(proxy.stop)
        result = self.finish(process)
        written = first.replace('"127.0.0.1"', '"database" (172.18.0.2)') + result.stdout
        written = written.replace(self.dbname, "company")
        shown = "".join(f"{match[0]}\n" for match in self.shown("compose", TEXT_LINE))
        self.assertEqual(self.normalise(shown), self.normalise(written))
