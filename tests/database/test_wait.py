# SPDX-License-Identifier: Apache-2.0
"""wait: what needs the new schema holds back until a run has made it, then begins."""

import signal
import sys
import time

from database.case import DatabaseCase

FILES = {"1_a.up.sql": "CREATE TABLE a ();", "2_b.up.sql": "CREATE TABLE b ();"}
SIGNALS = "import signal; print([n.name for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)" \
          " if signal.getsignal(n) != signal.SIG_DFL])"


class Wait(DatabaseCase):
    def wait_for_version(self, files, *words, env=None, **options):
        return self.pgstride(files, "wait", *words, env=env, **options)

    def start_wait(self, files, *words):
        return self.start_pgstride(*self.options(files), "wait", *words)

    def wait_until_it_looks(self):
        self.wait_until("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgstride'"
                        " AND datname = current_database()", "1")

    def test_a_database_that_is_there(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.wait_for_version(FILES), """
            <time> INFO  <database> at 127.0.0.1 is at version 2
        """, status=0)

    def test_a_database_that_is_ahead(self):
        self.assert_good(self.up({**FILES, "3_c.up.sql": ""}))
        self.assert_log(self.wait_for_version(FILES), """
            <time> INFO  <database> at 127.0.0.1 is at version 3
        """, status=0)

    def test_until_another_run_is_done(self):
        process = self.start_wait(FILES)
        line = process.stdout.readline()
        self.assertIn(" INFO  waiting for version 2, now none; up to 9 min 59 s more\n", line)
        self.assert_good(self.up(FILES, "up", "1"))
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        self.assert_good(self.up(FILES))
        self.assert_log(self.finish(process, timeout=20), """
            <time> INFO  <database> at 127.0.0.1 is at version 2
        """, status=0)

    def test_in_vain(self):
        self.assert_log(self.wait_for_version(FILES, "--timeout", "1s"), """
            <time> INFO  waiting for version 2, now none; up to <duration> more
            <time> ERROR the database has no version after 1 s, and should be at 2
                               hint: Look at the job that runs pgstride up: did it fail, or was it never started? A longer time: --timeout.
        """, status=1)
        self.assertEqual("", self.psql("SELECT to_regclass('schema_migrations')"))

    def test_a_database_that_stays_dirty(self):
        self.assert_good(self.up(FILES))
        self.psql("UPDATE schema_migrations SET dirty = true")
        self.assert_log(self.wait_for_version(FILES, "--timeout", "500ms"), """
            <time> INFO  waiting for version 2, now 2 (dirty); up to <duration> more
            <time> ERROR the database is at version 2 (dirty) after 0 s, and not at 2
                               hint: Look at the job that runs pgstride up: did it fail, or was it never started? A longer time: --timeout.
        """, status=1)

    def test_all_is_dropped_meanwhile(self):
        self.assert_good(self.up(FILES, "up", "1"))
        process = self.start_wait(FILES)
        self.assertIn(" INFO  waiting for version 2, now 1; ", process.stdout.readline())
        self.assert_good(self.pgstride(FILES, "drop", "-f"))
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        self.assert_good(self.up(FILES))
        self.assert_log(self.finish(process, timeout=20), """
            <time> INFO  <database> at 127.0.0.1 is at version 2
        """, status=0)

    def test_a_server_that_freezes(self):
        process = self.start_wait(FILES, "--timeout", "3s")
        self.wait_until_it_looks()
        self.freeze()
        self.assert_log(self.finish(process, timeout=15), """
            <time> INFO  waiting for version 2, now none; up to <duration> more
            <time> ERROR cannot look for the tables: the server did not answer within <duration>
        """, status=1)

    def test_a_lost_connection_is_made_again(self):
        process = self.start_wait(FILES)
        self.wait_until_it_looks()
        for _ in range(3):
            self.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                      " WHERE application_name = 'pgstride' AND datname = current_database()")
            time.sleep(0.3)
        self.wait_until_it_looks()
        self.assert_good(self.up(FILES))
        self.assertEqual(0, self.finish(process, timeout=20).status)

    def test_it_ends_when_it_is_stopped(self):
        process = self.start_wait(FILES)
        self.wait_until_it_looks()
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        result = self.finish(process, timeout=20)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual(1, result.status)
        self.assertIn(" ERROR stopped by SIGTERM\n", result.stdout)

    def test_it_becomes_the_program(self):
        self.assert_good(self.up(FILES))
        result = self.wait_for_version(FILES, "--", "sh", "-c", 'echo "$GREETING, $1"; exit 7',
                                       "sh", "world", env={"GREETING": "hello"})
        self.assert_log(result, """
            <time> INFO  <database> at 127.0.0.1 is at version 2
            hello, world
        """, status=7)

    def test_the_program_finds_the_environment_as_it_was(self):
        self.assert_good(self.up(FILES))
        bundle = "/etc/ssl/certs/ca-certificates.crt"
        for env, expected in (({}, "none"), ({"PGSSLROOTCERT": bundle}, bundle),
                              ({"PGSSLROOTCERT": ""}, "")):
            with self.subTest(env):
                result = self.wait_for_version(
                    FILES, "--", "sh", "-c", 'echo "${PGSSLROOTCERT-none}"', env=env)
                self.assertEqual(expected, result.stdout.splitlines()[-1])

    def test_the_program_finds_its_signals_untouched(self):
        self.assert_good(self.up(FILES))
        result = self.wait_for_version(FILES, "--", sys.executable, "-c", SIGNALS)
        self.assertEqual("[]", result.stdout.splitlines()[-1])

    def test_a_program_that_is_not_there(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.wait_for_version(FILES, "--", "/no/such/program", "--help"), """
            <time> INFO  <database> at 127.0.0.1 is at version 2
            <time> ERROR cannot run /no/such/program: No such file or directory
                               hint: What stands behind -- is a program and its arguments, without a shell; an image from scratch has none but its own.
        """, status=1)

    def test_the_program_is_not_run_in_vain(self):
        result = self.wait_for_version(FILES, "--timeout", "300ms", "--", "echo", "began")
        self.assertEqual(1, result.status)
        self.assertNotIn("began", result.stdout)

    def test_without_a_folder(self):
        result = self.wait_for_version("/no/such/folder")
        self.assert_log(result, """
            <time> ERROR cannot open the migrations folder /no/such/folder: No such file or directory
                               hint: Name the folder with --path DIR; in an image, COPY it to /migrations.
        """, status=1)
