# SPDX-License-Identifier: Apache-2.0
"""The line that updates in place: on a terminal alone, and never a part of the log."""

import fcntl
import os
import re
import struct
import subprocess
import termios

from database.case import DatabaseCase

ERASE = "\r\x1b[K"
SLOW = {"1_slow.up.sql": "CREATE TABLE slow ();\nSELECT 'a long statement that takes its time',"
                         " pg_sleep(2);\n"}
EARLY = ("--ddl-lock-timeout", "600ms")  # what takes half of it is looked at


class LiveLine(DatabaseCase):
    def at_terminal(self, files, *options, columns=80, env=None):
        """Run `up` with its output at a real terminal: what arrived there, and the status."""
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            self._command([*self.options(files), *options, "up"]),
            env=self._environment({"TERM": "xterm"} if env is None else env),
            stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE)
        self.addCleanup(self._end, process)
        os.close(slave)
        received = b""
        while True:
            try:
                received += os.read(master, 65536)
            except OSError:  # the other side has closed it
                break
        self.assertEqual(b"", process.stderr.read())
        return received.decode().replace("\r\n", "\n"), process.wait(60)

    @staticmethod
    def render(received):
        """What is left on the screen, as lines; and each text that was shown for a while."""
        lines, shown = [], []
        for line in received.split("\n"):
            *passing, last = line.split(ERASE)
            shown += [text for text in passing if text]
            lines.append(last)
        return lines, shown

    def test_it_shows_what_runs_and_leaves_no_trace(self):
        received, status = self.at_terminal(SLOW, *EARLY, "--heartbeat", "0")
        lines, shown = self.render(received)
        self.assertEqual(0, status)
        self.assertGreater(len(shown), 1)
        for text in shown:
            self.assertRegex(text, r"\A1_slow, line 2, runs for \d+(\.\d)? m?s\Z")
        self.assertEqual(self.normalise("""\
<time> INFO  1 of 1 migration pending on <database> at 127.0.0.1: none -> 1
<time> INFO  1_slow applied in <duration> (2 statements); current version is 1
<time> INFO  schema changed; tables: +slow
<time> INFO  succeeded! 1 migration applied in <duration>; none -> 1
"""), self.normalise("\n".join(lines)))
        self.assertNotIn("\x1b", "".join(lines))

    def test_the_log_goes_on_above_it(self):
        received, status = self.at_terminal(SLOW, *EARLY, "--heartbeat", "1s")
        lines, shown = self.render(received)
        self.assertEqual(0, status)
        self.assertTrue(shown)
        self.assertRegex("\n".join(lines), r"(?m)^[\d:.]+ INFO  1_slow, line 2, runs for \d\.\d s$")

    def test_it_is_never_longer_than_the_terminal_is_wide(self):
        title = "äöü€漢字"
        for columns in (20, 30):
            with self.subTest(columns):
                self.psql("DROP TABLE IF EXISTS slow, schema_migrations, pgstride_history")
                received, status = self.at_terminal(
                    {f"1_{title * 4}.up.sql": SLOW["1_slow.up.sql"]}, *EARLY, columns=columns)
                _, shown = self.render(received)
                self.assertEqual(0, status)
                self.assertTrue(shown)
                for text in shown:
                    wide = sum(2 if ord(c) > 0x2E80 else 1 for c in text)
                    self.assertLess(wide, columns)
                    self.assertTrue(text.startswith("1_äöü"))

    def test_it_says_who_is_in_the_way_also_while_it_stands_aside(self):
        self.psql("CREATE TABLE t ()")
        self.session("BEGIN; SELECT FROM t;")
        received, status = self.at_terminal(
            {"1_t.up.sql": "ALTER TABLE t ADD a int;"}, "--ddl-lock-timeout", "2s",
            "--retry-for", "3s", columns=200)
        _, shown = self.render(received)
        self.assertEqual(1, status)
        for pattern in (r"\A1_t, line 1, waits for \d\.\d s for AccessExclusiveLock on t: pid \d+ ",
                        r"\A1_t, line 1, stands aside, after \d\.\d s, until it can have"
                        r" AccessExclusiveLock on t: pid \d+ "):
            self.assertTrue([text for text in shown if re.search(pattern, text)], (pattern, shown))

    def test_nothing_of_it_elsewhere(self):
        for name, env, options in (
                ("a terminal that cannot erase", {"TERM": "dumb"}, ()),
                ("nobody knows what terminal", {}, ()),
                ("JSON", {"TERM": "xterm"}, ("--log-format", "json"))):
            with self.subTest(name):
                self.psql("DROP TABLE IF EXISTS slow, schema_migrations, pgstride_history")
                received, status = self.at_terminal(SLOW, *EARLY, "--heartbeat", "0", *options, env=env)
                self.assertEqual(0, status)
                self.assertNotRegex(received, "[\x1b\r]|runs for")

    def test_nothing_of_it_in_a_pipe(self):
        result = self.up(SLOW, *EARLY, "--heartbeat", "0", env={"TERM": "xterm"})
        self.assert_good(result)
        self.assertNotRegex(result.stdout, "[\x1b\r]|runs for")
