# SPDX-License-Identifier: Apache-2.0
"""down and drop ask a person at a terminal, and nobody else."""

import fcntl
import os
import signal
import subprocess
import termios
import time

from database.case import DatabaseCase

FILES = {"1_a.up.sql": "CREATE TABLE a ();", "1_a.down.sql": "DROP TABLE a;",
         "2_b.up.sql": "CREATE TABLE b ();", "2_b.down.sql": "DROP TABLE b;"}
DOWN = "Revert every migration? What they made is dropped, with its data. [y/N] "
DROP = "Drop every table of the schema, with its data? [y/N] "


class Prompt(DatabaseCase):
    def ask(self, command, answer, prompt):
        """Run it at a terminal, and type the answer once it has asked: its Result."""
        master, slave = os.openpty()
        self.addCleanup(os.close, master)

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            self._command([*self.options(FILES), command]), env=self._environment(None),
            stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=take_terminal,
            encoding="utf-8", errors="backslashreplace")
        self.addCleanup(self._end, process)
        os.close(slave)
        self.assertEqual(prompt, process.stderr.read(len(prompt)))
        if isinstance(answer, signal.Signals):
            process.send_signal(answer)
        else:
            os.write(master, answer)
        return self.finish(process, timeout=20)

    def set_up(self):
        self.psql("DROP TABLE IF EXISTS a, b, schema_migrations, pgstride_history")
        self.assert_good(self.up(FILES))

    def test_down_with_a_yes(self):
        for answer in (b"y\n", b"Y\n", b"yes\n", b"YES\n"):
            with self.subTest(answer):
                self.set_up()
                self.assert_log(self.ask("down", answer, DOWN), """
                    <time> INFO  reverting 2 of 2 applied migrations on <database> at 127.0.0.1: 2 -> none
                    <time> INFO  2_b reverted in <duration> (1 statement); current version is 1
                    <time> INFO  1_a reverted in <duration> (1 statement); current version is none
                    <time> INFO  succeeded! 2 migrations reverted in <duration>; 2 -> none
                """, status=0)
                self.assertEqual("", self.tables())

    def test_down_with_anything_else(self):
        self.set_up()
        for answer in (b"n\n", b"\n", b"yy\n", b" y\n", b"yesterday, all my troubles\n", b"\x04"):
            with self.subTest(answer):
                self.assert_log(self.ask("down", answer, DOWN), """
                    <time> ERROR down was not told how many migrations to revert
                                       hint: Write pgstride down N, or pgstride down --all.
                    <time> ERROR failed: nothing was reverted; a retry will not help
                """, status=1)
        self.assertEqual("a b", self.tables())

    def test_drop_with_a_yes(self):
        self.set_up()
        self.assert_log(self.ask("drop", b"y\n", DROP), """
            <time> INFO  dropped 4 tables of the schema public on <database> at 127.0.0.1
        """, status=0)
        self.assertEqual("", self.tables())

    def test_drop_with_anything_else(self):
        self.set_up()
        for answer in (b"n\n", b"\n", b"\x04"):
            with self.subTest(answer):
                self.assert_log(self.ask("drop", answer, DROP), """
                    <time> ERROR drop would delete every table of the schema, with its data
                                       hint: If that is meant: pgstride drop -f
                """, status=1)
        self.assertEqual("a b", self.tables())

    def test_ctrl_c_and_sigterm_end_it_at_once(self):
        self.set_up()
        for answer, name in ((b"\x03", "SIGINT"), (signal.SIGTERM, "SIGTERM")):
            for command, prompt in (("down", DOWN), ("drop", DROP)):
                with self.subTest((command, name)):
                    begun = time.monotonic()
                    result = self.ask(command, answer, prompt)
                    self.assertLess(time.monotonic() - begun, 5)
                    self.assertEqual(1, result.status)
                    self.assertIn(f" ERROR stopped by {name}\n", result.stdout)
        self.assertEqual("a b", self.tables())

    def test_nobody_is_asked_without_a_terminal(self):
        self.set_up()
        for command, message in (("down", "down was not told how many migrations to revert"),
                                 ("drop", "drop would delete every table of the schema")):
            with self.subTest(command):
                result = self.run_pgstride(*self.options(FILES), command, stdin="y\n")
                self.assertEqual((1, ""), (result.status, result.stderr))
                self.assertIn(f" ERROR {message}", result.stdout)
        self.assertEqual("a b", self.tables())
