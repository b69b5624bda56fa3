# SPDX-License-Identifier: Apache-2.0
"""The log as JSON lines, for the platforms that read them."""

import json
import os
import re
import time

from database.case import DatabaseCase, lock_key

TIME = re.compile(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ\Z")
RUN_ID = re.compile(r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
LINE_BYTES = 64 * 1024


class JsonCase(DatabaseCase):
    def events(self, result):
        """Each line as an object, but for schema.changed, which has tests of its own; its time is
        checked and taken out."""
        self.assertEqual("", result.stderr)
        events = []
        for line in result.stdout.encode().splitlines(keepends=True):
            self.assertTrue(line.endswith(b"}\n"), line[-100:])
            self.assertLess(len(line), LINE_BYTES)
            events.append(json.loads(line))
            self.assertRegex(events[-1].pop("time"), TIME)
        return [event for event in events if event["event"] != "schema.changed"]

    def run_json(self, files, *options, env=None):
        return self.up(files, "--log-format", "json", *options, env=env)

    def take_durations(self, event):
        """Check every duration in it, and put 0 for it."""
        for key, value in event.items():
            if key.endswith("_ms"):
                self.assertIsInstance(value, int)
                self.assertTrue(0 <= value < 600_000, event)
                event[key] = 0
            elif isinstance(value, list):
                for item in value:
                    self.take_durations(item)

    def take_identity(self, event):
        """Check who ran, which run.finished says, and take it out."""
        if event["event"] != "run.finished" or "runner" not in event:
            return
        self.assertRegex(event.pop("run_id"), RUN_ID)
        self.assertEqual({"platform": "none", "host": os.uname().nodename}, event.pop("runner"))

    def assert_events(self, result, expected):
        """Compare all events; of the message, normalised, the text after times and names."""
        events = self.events(result)
        for event in events:
            self.take_durations(event)
            event["message"] = self.normalise(event["message"])
            self.take_identity(event)
        self.assertEqual(expected, events)


class Events(JsonCase):
    def test_of_a_run_that_succeeds(self):
        files = {"1_a.up.sql": "CREATE TABLE a ();", "2_b.up.sql": "SELECT 1; SELECT 2;"}
        result = self.run_json(files)
        self.assertEqual(0, result.status)
        self.assert_events(result, [
            {"severity": "INFO", "event": "run.started", "database": self.dbname,
             "host": "127.0.0.1", "pending": 2, "from": None, "wanted": 2,
             "message": "2 of 2 migrations pending on <database> at 127.0.0.1: none -> 2"},
            {"severity": "DEBUG", "event": "migration.started", "migration": "1_a", "version": 1,
             "statements": 1, "message": "1_a started (1 statement)"},
            {"severity": "INFO", "event": "migration.applied", "migration": "1_a", "version": 1,
             "statements": 1, "duration_ms": 0, "current_version": 1,
             "message": "1_a applied in <duration> (1 statement); current version is 1"},
            {"severity": "DEBUG", "event": "migration.started", "migration": "2_b", "version": 2,
             "statements": 2, "message": "2_b started (2 statements)"},
            {"severity": "INFO", "event": "migration.applied", "migration": "2_b", "version": 2,
             "statements": 2, "duration_ms": 0, "current_version": 2,
             "message": "2_b applied in <duration> (2 statements); current version is 2"},
            {"severity": "INFO", "event": "run.finished", "success": True,
             "database": self.dbname, "host": "127.0.0.1", "from": None, "to": 2, "wanted": 2,
             "applied_count": 2, "duration_ms": 0, "retryable": False,
             "applied": [{"version": 1, "name": "1_a", "duration_ms": 0},
                         {"version": 2, "name": "2_b", "duration_ms": 0}],
             "message": "succeeded! 2 migrations applied in <duration>; none -> 2"},
        ])

    def test_of_a_run_with_nothing_to_do(self):
        files = {"1_a.up.sql": "CREATE TABLE a ();"}
        self.assert_good(self.up(files))
        self.assert_events(self.run_json(files), [
            {"severity": "INFO", "event": "run.started", "database": self.dbname,
             "host": "127.0.0.1", "pending": 0, "from": 1, "wanted": 1,
             "message": "none of 1 migration pending on <database> at 127.0.0.1; current version"
                        " is 1"},
            {"severity": "INFO", "event": "run.finished", "success": True,
             "database": self.dbname, "host": "127.0.0.1", "from": 1, "to": 1, "wanted": 1,
             "applied_count": 0, "applied": [], "duration_ms": 0, "retryable": False,
             "message": "succeeded! nothing to do; current version is 1"},
        ])

    def test_of_a_run_that_fails(self):
        files = {"1_a.up.sql": "CREATE TABLE half (note text);",
                 "2_b.up.sql": "SELECT 1;\nSELECT noet FROM half;\n"}
        error = {
            "message": 'column "noet" does not exist', "sqlstate": "42703",
            "hint": 'Perhaps you meant to reference the column "half.note".',
            "file": "2_b.up.sql", "line": 2, "column": 8, "source": "SELECT noet FROM half;",
            "statement": 2,
        }
        result = self.run_json(files)
        self.assertEqual(1, result.status)
        events = self.events(result)
        self.assertEqual(
            ["run.started", "migration.started", "migration.applied", "migration.started",
             "migration.failed", "run.finished"],
            [event["event"] for event in events])
        failed, finished = events[-2:]
        for event in (failed, finished):
            event["error"] = {key: value for key, value in event["error"].items() if value != ""}
        self.assertEqual({
            "severity": "ERROR", "event": "migration.failed", "migration": "2_b", "version": 2,
            "error": error,
            "message": '2_b.up.sql:2:8: column "noet" does not exist (42703)\n'
                       "2 | SELECT noet FROM half;\n"
                       "  |        ^\n"
                       'hint: Perhaps you meant to reference the column "half.note".\n'
                       "Nothing of this migration was kept: the database is at 1, clean."
                       " Mend the file and run again.",
        }, failed)
        self.take_durations(finished)
        self.take_identity(finished)
        self.assertEqual({
            "severity": "ERROR", "event": "run.finished", "success": False,
            "database": self.dbname, "host": "127.0.0.1", "from": None, "to": 1, "wanted": 2,
            "applied_count": 1, "applied": [{"version": 1, "name": "1_a", "duration_ms": 0}],
            "duration_ms": 0, "retryable": False, "error": error,
            "message": self.normalise(finished["message"]),
        }, {**finished, "message": self.normalise(finished["message"])})

    def test_run_finished_says_whether_to_try_again(self):
        table = (
            ("SELECT nope;", False), ("SELECT 1 / 0;", False),
            ("DO $$ BEGIN RAISE 'x' USING ERRCODE = '53100'; END $$;", True),
            ("DO $$ BEGIN RAISE 'x' USING ERRCODE = '57P01'; END $$;", True),
            ("DO $$ BEGIN RAISE 'x' USING ERRCODE = '55P03'; END $$;", True),
            ("DO $$ BEGIN RAISE 'x' USING ERRCODE = '42501'; END $$;", False),
        )
        for sql, is_retryable in table:
            with self.subTest(sql):
                events = self.events(self.run_json({"1_a.up.sql": sql}, "--retry-for", "0"))
                self.assertEqual(("run.finished", is_retryable),
                                 (events[-1]["event"], events[-1]["retryable"]))

    def test_of_a_run_that_never_began(self):
        result = self.run_json("/nowhere")
        self.assert_events(result, [
            {"severity": "ERROR", "event": "error",
             "error": {"message": "cannot open the migrations folder /nowhere: No such file or"
                                  " directory",
                       "hint": "Name the folder with --path DIR; in an image, COPY it to"
                               " /migrations."},
             "message": "cannot open the migrations folder /nowhere: No such file or directory\n"
                        "hint: Name the folder with --path DIR; in an image, COPY it to"
                        " /migrations."},
            {"severity": "ERROR", "event": "run.finished", "success": False, "from": None,
             "to": None, "wanted": None, "applied_count": 0, "applied": [], "duration_ms": 0,
             "retryable": False,
             "error": {"message": "cannot open the migrations folder /nowhere: No such file or"
                                  " directory",
                       "hint": "Name the folder with --path DIR; in an image, COPY it to"
                               " /migrations."},
             "message": "failed: nothing was applied; a retry will not help"},
        ])

    def test_of_waiting_for_the_lock(self):
        self.session(f"SELECT pg_advisory_lock({lock_key('/' + self.dbname)});")
        events = self.events(self.run_json({"1_a.up.sql": ""}, "--lock-timeout", "500ms"))
        self.assertEqual(["lock.waiting", "error", "run.finished"],
                         [event["event"] for event in events])
        waiting = events[0]
        self.assertEqual("WARNING", waiting["severity"])
        self.assertRegex(waiting["holder"],
                         r"\Apid \d+ \(psql, postgres\), idle, connected for \d+ s\Z")
        self.assertTrue(0 < waiting["left_ms"] <= 500)
        self.assertTrue(events[-1]["retryable"])

    def test_of_waiting_for_the_database(self):
        result = self.up({"1_a.up.sql": ""}, "--log-format", "json", "--wait-timeout", "500ms",
                         database="postgres://u:p@127.0.0.1:1/db")
        events = self.events(result)
        self.assertEqual(["database.waiting", "error", "run.finished"],
                         [event["event"] for event in events])
        self.assertEqual("WARNING", events[0]["severity"])
        self.assertTrue(0 < events[0]["left_ms"] <= 500)
        self.assertTrue(events[-1]["retryable"])

    def test_of_another_try(self):
        self.psql("CREATE TABLE t ()")
        holder = self.session("BEGIN; LOCK TABLE t;")
        process = self.start_up({"1_a.up.sql": "ALTER TABLE t ADD COLUMN a int;"},
                                "--log-format", "json", "--ddl-lock-timeout", "200ms")
        time.sleep(1)
        self.end_session(holder)
        events = self.events(self.finish(process))
        retried = [event for event in events if event["event"] == "migration.retried"]
        self.assertEqual(list(range(2, len(retried) + 2)), [event["try"] for event in retried])
        self.assertGreaterEqual(len(retried), 1)
        for event in retried:
            self.assertEqual(("WARNING", "1_a", 1, "55P03", 1),
                             (event["severity"], event["migration"], event["version"],
                              event["error"]["sqlstate"], event["error"]["line"]))
            self.assertTrue(0 < event.get("wait_ms", 1) <= event["left_ms"])  # none: it stood aside

    def test_of_a_notice(self):
        sql = "DO $$ BEGIN RAISE WARNING 'careful' USING HINT = 'so'; RAISE NOTICE 'hm'; END $$;"
        events = self.events(self.run_json({"1_a.up.sql": sql}))
        notices = [event for event in events if event["event"] == "notice"]
        self.assertEqual([
            {"severity": "WARNING", "event": "notice", "migration": "1_a", "sqlstate": "01000",
             "server_severity": "WARNING",
             "message": "1_a: WARNING: careful\nhint: so\n"
                        "context: PL/pgSQL function inline_code_block line 1 at RAISE"},
            {"severity": "INFO", "event": "notice", "migration": "1_a", "sqlstate": "00000",
             "server_severity": "NOTICE",
             "message": "1_a: NOTICE: hm\n"
                        "context: PL/pgSQL function inline_code_block line 1 at RAISE"},
        ], notices)

    def test_of_a_warning(self):
        events = self.events(self.run_json({"1_a.up.sql": "", "near.sql": ""}))
        self.assertEqual([("WARNING", "near.sql is left out: a migration's name is"
                           " VERSION_TITLE.up.sql or VERSION_TITLE.down.sql, with a version of"
                           " digits alone")],
                         [(event["severity"], event["message"]) for event in events
                          if event["event"] == "warning"])


class CloudRun(JsonCase):
    ENV = {"CLOUD_RUN_JOB": "migrate", "CLOUD_RUN_EXECUTION": "migrate-x1",
           "CLOUD_RUN_TASK_INDEX": "0", "CLOUD_RUN_TASK_COUNT": "1", "CLOUD_RUN_TASK_ATTEMPT": "2",
           "GCE_METADATA_HOST": "127.0.0.1:1"}
    LABELS = {"job": "migrate", "execution": "migrate-x1", "task": "0", "attempt": "2"}

    def test_every_line_has_cloud_loggings_fields(self):
        result = self.up({"1_a.up.sql": "", "2_b.up.sql": "SELECT nope;"}, env=self.ENV)
        events = self.events(result)
        self.assertGreater(len(events), 3)
        for event in events:
            self.assertEqual(self.LABELS, event["logging.googleapis.com/labels"])
            operation = event["logging.googleapis.com/operation"]
            self.assertEqual(events[-1]["run_id"], operation["id"])
            self.assertEqual("pgstride", operation["producer"])
            self.assertEqual(event["event"] == "run.started", operation.get("first", False))
            self.assertEqual(event["event"] == "run.finished", operation.get("last", False))
            self.assertIn(event["severity"], ("DEBUG", "INFO", "WARNING", "ERROR"))
            self.assertTrue(event["message"])

    def test_other_platforms_have_no_labels(self):
        result = self.up({"1_a.up.sql": ""}, env={"CODEBUILD_BUILD_ID": "b:1"})
        for event in self.events(result):
            self.assertNotIn("logging.googleapis.com/labels", event)


class Sizes(JsonCase):
    def test_a_huge_notice_and_a_huge_error_are_cut(self):
        for name, letter in (("letters", "x"), ("quotes", '"'), ("control characters", "\\x01"),
                             ("many bytes", "😀"), ("newlines", "\\n")):
            with self.subTest(name):
                sql = (f"DO $$ BEGIN RAISE NOTICE USING MESSAGE = repeat(E'{letter}', 200000),"
                       f" DETAIL = repeat(E'{letter}', 200000), HINT = repeat(E'{letter}', 200000);"
                       f" RAISE USING MESSAGE = repeat(E'{letter}', 200000), DETAIL ="
                       f" repeat(E'{letter}', 200000), HINT = repeat(E'{letter}', 200000); END $$;")
                result = self.run_json({"1_a.up.sql": sql})
                self.assertEqual(1, result.status)
                self.assertEqual(["run.started", "migration.started", "notice", "migration.failed",
                                  "run.finished"], [e["event"] for e in self.events(result)])

    def test_in_text_a_line_is_cut_too(self):
        sql = ("DO $$ BEGIN RAISE NOTICE USING MESSAGE = repeat('x', 200000);"
               " RAISE USING MESSAGE = repeat('y', 200000); END $$;")
        result = self.up({"1_a.up.sql": sql})
        self.assertEqual(1, result.status)
        for line in result.stdout.splitlines():
            self.assertLess(len(line), LINE_BYTES)
        self.assertIn("x" * 1000, result.stdout)

    def test_a_run_of_very_many_migrations_is_summed_up_in_one_line(self):
        files = {f"{n}_{'long_title_' * 12}{n}.up.sql": "" for n in range(1, 401)}
        events = self.events(self.run_json(files))
        self.assertEqual(400, events[-1]["applied_count"])
        self.assertEqual(400, events[-1]["to"])
        applied = [event for event in events if event["event"] == "migration.applied"]
        self.assertEqual(list(range(1, 401)), [event["version"] for event in applied])

    def test_what_a_notice_holds_can_forge_no_line(self):
        forged = '{"severity":"INFO","event":"run.finished"}'
        sql = f"DO $$ BEGIN RAISE NOTICE E'a\\n{forged}\\r\\n\\x1b[31m\\u0085\\u2028'; END $$;"
        result = self.run_json({"1_a.up.sql": sql})
        events = self.events(result)
        self.assertEqual(1, sum(event["event"] == "run.finished" for event in events))
        self.assertNotIn("\x1b", result.stdout)
        (notice,) = [event for event in events if event["event"] == "notice"]
        self.assertIn(f"NOTICE: a\n{forged}", notice["message"])

    def test_in_text_it_can_forge_none_either(self):
        sql = "DO $$ BEGIN RAISE NOTICE E'a\\n12:00:00.000 ERROR forged\\r\\x1b[31m'; END $$;"
        result = self.up({"1_a.up.sql": sql})
        for line in result.stdout.splitlines():
            self.assertRegex(line, r"\A(\d\d:\d\d:\d\d\.\d{3} (INFO |WARN |ERROR)| {19})")
            self.assertFalse(re.match(r"12:00:00\.000", line))
        self.assertNotIn("\x1b", result.stdout)
