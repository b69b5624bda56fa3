# SPDX-License-Identifier: Apache-2.0
"""goto V: up or down to a version, as the database lies."""

from database.case import DatabaseCase

FILES = {}
for n in range(1, 5):
    FILES[f"{n}_t.up.sql"] = f"CREATE TABLE t{n} ();\n"
    FILES[f"{n}_t.down.sql"] = f"DROP TABLE t{n};\n"


class Goto(DatabaseCase):
    def goto(self, version, *options, files=None):
        return self.pgstride(files or FILES, *options, "goto", version)

    def test_up_down_and_nowhere(self):
        self.assert_log(self.goto("3"), """
            <time> INFO  4 of 4 migrations pending on <database> at 127.0.0.1: none -> 3
            <time> INFO  1_t applied in <duration> (1 statement); current version is 1
            <time> INFO  2_t applied in <duration> (1 statement); current version is 2
            <time> INFO  3_t applied in <duration> (1 statement); current version is 3
            <time> INFO  succeeded! 3 migrations applied in <duration>; none -> 3
        """, status=0)
        self.assertEqual(("t1 t2 t3", "3|f"), (self.tables(), self.version()))
        self.assert_log(self.goto("1"), """
            <time> INFO  reverting 2 of 3 applied migrations on <database> at 127.0.0.1: 3 -> 1
            <time> INFO  3_t reverted in <duration> (1 statement); current version is 2
            <time> INFO  2_t reverted in <duration> (1 statement); current version is 1
            <time> INFO  succeeded! 2 migrations reverted in <duration>; 3 -> 1
        """, status=0)
        self.assertEqual(("t1", "1|f"), (self.tables(), self.version()))
        self.assert_log(self.goto("1"), """
            <time> INFO  3 of 4 migrations pending on <database> at 127.0.0.1: 1 -> 1
            <time> INFO  succeeded! nothing to do; current version is 1
        """, status=0)
        self.assertEqual(
            ["1|up", "2|up", "3|up", "3|down", "2|down"], self.history("version, direction"))

    def test_leading_zeros_are_golang_migrates(self):
        self.assert_good(self.goto("0002"))
        self.assertEqual("2|f", self.version())

    def test_a_version_that_is_not_in_the_folder(self):
        self.assert_good(self.up(FILES))
        self.assert_log(self.goto("7"), """
            <time> ERROR version 7 is not in the folder
                               hint: pgstride status lists the versions that are.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
        self.assertEqual("4|f", self.version())

    def test_a_version_that_was_never_applied(self):
        self.assert_good(self.up({name: text for name, text in FILES.items() if name[0] != "2"}))
        self.assert_log(self.goto("2"), """
            <time> ERROR version 2 was never applied, so one cannot go back to it
                               hint: The applied version before it is 1.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
        self.assertEqual(("t1 t3 t4", "4|f"), (self.tables(), self.version()))

    def test_an_older_image(self):
        """Down needs the down files, which the newer image alone has."""
        self.assert_good(self.up(FILES))
        older = {name: text for name, text in FILES.items() if int(name[0]) < 4}
        self.assert_log(self.goto("3", files=older), """
            <time> ERROR 4_t is applied, but its files are not in the folder: it cannot be reverted
                               hint: Put them back, or use the image that has them.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)

    def test_a_late_file_below_the_goal(self):
        self.assert_good(self.up({name: text for name, text in FILES.items() if name[0] in "13"}))
        self.assert_log(self.goto("4"), """
            <time> ERROR pending, but older than the database's version 3: 2_t.up.sql
                               hint: Give it a newer version; or apply it where it stands with --out-of-order apply.
            <time> ERROR failed: nothing was applied; a retry will not help
        """, status=1)
        self.assert_good(self.goto("4", "--out-of-order", "apply"))
        self.assertEqual(("t1 t2 t3 t4", "4|f"), (self.tables(), self.version()))

    def test_words_that_are_no_version(self):
        for words, message, hint in (
            ((), "goto needs a version", "Usage: pgstride goto V"),
            (("1", "2"), 'unexpected argument "2"', "Usage: pgstride goto V"),
        ):
            with self.subTest(words):
                self.assert_log(self.pgstride(FILES, "goto", *words), f"""
                    <time> ERROR {message}
                                       hint: {hint}
                    <time> ERROR failed: nothing was applied; a retry will not help
                """, status=1)
        for word in ("", "x", "1.5", "-1", "9223372036854775808"):
            with self.subTest(word):
                result = self.pgstride(FILES, "goto", "--", word)
                self.assertEqual(1, result.status)
                self.assertIn(" ERROR goto: ", result.stdout)
        self.assertEqual("", self.psql("SELECT to_regclass('schema_migrations')"))
