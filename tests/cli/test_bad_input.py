# SPDX-License-Identifier: Apache-2.0
"""A migrations folder that is wrong: what is said, exit 1, and a database that nobody touched."""

import os
import unittest.mock

from support.harness import Case

GOOD = "CREATE TABLE good ();\n"
NO_MIGRATION = "A migration's file is named VERSION_TITLE.up.sql."
PATH_HINT = "Name the folder with --path DIR; in an image, COPY it to /migrations."
UTF8_HINT = "Save the file as UTF-8."
OWN_VERSION = "Give one of them a version of its own."
CLOSE_IT = "Close it; nothing was run."
LARGEST = "A version is at most 9223372036854775807, what PostgreSQL's bigint holds."
BACKSLASH = "backslash commands belong to psql and cannot run in a migration"
BACKSLASH_HINT = "Write what the command does in SQL; nothing was run."
BEGIN_HINT = (
    "Add COMMIT at the end of the file, or remove the BEGIN: each migration runs in a transaction "
    "as it is. Nothing was run."
)
COPY_HINT = "End them with a line \\. alone; nothing was run."
DIRECTIVES = (
    "The directives are no-transaction, lock-timeout=, statement-timeout= and retry-for=."
)
NEAR_MISS = (
    "is left out: a migration's name is VERSION_TITLE.up.sql or VERSION_TITLE.down.sql, with a "
    "version of digits alone"
)

# What stands under the error's first line.
MARGIN = " " * len("14:02:18.020 ERROR ")


def without_override():
    """Root, but with a say in nothing that its permissions do not allow."""
    if os.geteuid() != 0:
        return ""
    return "setpriv --bounding-set=-dac_override,-dac_read_search"


class BadInput(Case):
    def assert_untouched(self):
        self.assertEqual("0", self.psql(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ))

    def up(self, path, *options):
        return self.run_pgstride("--database", self.database, "--path", path, *options, "up")

    def assert_refused(self, result, message, hint=None, source=None):
        """The log is this error alone; `source` is the file's line and the caret's column."""
        lines = [f"<time> ERROR {message}"]
        if source is not None:
            number, text, caret = source
            lines.append(f"{MARGIN}{number} | {text}")
            lines.append(f"{MARGIN}{' ' * len(str(number))} | {' ' * (caret - 1)}^")
        if hint is not None:
            lines.append(f"{MARGIN}hint: {hint}")
        lines.append("<time> ERROR failed: nothing was applied; a retry will not help")
        self.assertMultiLineEqual("\n".join(lines) + "\n", self.normalise(result.stdout))
        self.assertEqual("", result.stderr)
        self.assertEqual(1, result.status)

    # The folder -----------------------------------------------------------------

    def test_a_folder_that_cannot_be_listed(self):
        folder = self.folder({"a_file": ""})
        os.mkdir(f"{folder}/empty")
        table = (
            ("nowhere", "cannot open the migrations folder <folder>/nowhere: "
                        "No such file or directory", PATH_HINT),
            ("a_file", "cannot open the migrations folder <folder>/a_file: Not a directory",
             PATH_HINT),
            ("empty", "the migrations folder <folder>/empty holds no migration", NO_MIGRATION),
        )
        for name, message, hint in table:
            with self.subTest(name):
                self.assert_refused(self.up(f"{folder}/{name}"), message, hint)
        self.assert_untouched()

    def test_a_folder_whose_files_are_all_of_another_kind(self):
        folder = self.folder({"README.md": "", ".1_hidden.up.sql": GOOD})
        os.mkdir(f"{folder}/..data")
        self.assert_refused(
            self.up(folder), "the migrations folder <folder> holds no migration", NO_MIGRATION
        )
        self.assert_untouched()

    def test_a_folder_of_near_misses_alone_names_them(self):
        folder = self.folder({"create_users.sql": GOOD, "V1__orders.sql": GOOD})
        result = self.up(folder)
        self.assertEqual(1, result.status)
        self.assertIn(" ERROR the migrations folder ", result.stdout)
        self.assertIn(f" hint: V1__orders.sql {NEAR_MISS}.\n", result.stdout)
        self.assert_untouched()

    def test_no_path_means_migrations_beside_us(self):
        folder = self.folder()
        result = self.run_pgstride("up", env={"DATABASE_URL": self.database}, cwd=folder)
        place = "/migrations" if os.path.isdir("/migrations") else "./migrations"
        self.assert_refused(
            result, f"cannot open the migrations folder {place}: No such file or directory",
            PATH_HINT,
        )
        self.assert_untouched()

    # Its files ------------------------------------------------------------------

    def test_a_file_that_cannot_be_read(self):
        folder = self.folder({"1_good.up.sql": GOOD, "2_closed.up.sql": GOOD})
        os.chmod(f"{folder}/2_closed.up.sql", 0)
        wrapper = [os.environ.get("PGSTRIDE_WRAPPER", ""), without_override()]
        with unittest.mock.patch.dict(os.environ, PGSTRIDE_WRAPPER=" ".join(wrapper)):
            result = self.up(folder)
        self.assert_refused(result, "cannot read 2_closed.up.sql: Permission denied")
        self.assert_untouched()

    def test_a_folder_that_cannot_be_read(self):
        folder = self.folder({"1_good.up.sql": GOOD})
        os.chmod(folder, 0)
        wrapper = [os.environ.get("PGSTRIDE_WRAPPER", ""), without_override()]
        with unittest.mock.patch.dict(os.environ, PGSTRIDE_WRAPPER=" ".join(wrapper)):
            result = self.up(folder)
        self.assert_refused(
            result, "cannot open the migrations folder <folder>: Permission denied", PATH_HINT
        )
        self.assert_untouched()

    def test_a_folder_where_a_file_should_be(self):
        for name in ("2_folder.up.sql", "2_folder.down.sql"):
            with self.subTest(name):
                folder = self.folder({"1_good.up.sql": GOOD})
                os.mkdir(f"{folder}/{name}")
                self.assert_refused(self.up(folder), f"{name} is a folder, not a file")
        self.assert_untouched()

    def test_a_link_to_nothing(self):
        folder = self.folder({"1_good.up.sql": GOOD})
        os.symlink("nowhere.sql", f"{folder}/2_dangling.up.sql")
        self.assert_refused(self.up(folder), "2_dangling.up.sql is a link to nothing")
        self.assert_untouched()

    def test_a_link_to_itself(self):
        folder = self.folder({"1_good.up.sql": GOOD})
        os.symlink("2_loop.up.sql", f"{folder}/2_loop.up.sql")
        self.assert_refused(
            self.up(folder), "cannot read 2_loop.up.sql: Too many levels of symbolic links"
        )
        self.assert_untouched()

    def test_a_pipe_where_a_file_should_be_does_not_hang(self):
        folder = self.folder({"1_good.up.sql": GOOD})
        os.mkfifo(f"{folder}/2_pipe.up.sql")
        self.assert_refused(self.up(folder), "2_pipe.up.sql is not a regular file")
        self.assert_untouched()

    def test_a_near_miss_is_a_warning_and_no_more(self):
        table = (
            ("2-b.up.sql", True),
            ("V2_b.up.sql", True),
            ("2_b.sql", True),
            ("2_b.UP.sql", True),
            ("2.up.sql", True),
            ("_b.up.sql", True),
            ("-2_b.up.sql", True),
            ("2_b.up", False),
            ("README.md", False),
            ("atlas.hcl", False),
            (".2_b.up.sql", False),
        )
        for name, is_warned in table:
            with self.subTest(name):
                folder = self.folder({"1_good.up.sql": "", name: "SELECT nonsense;"})
                result = self.up(folder)
                self.assertEqual(0, result.status, result.stdout + result.stderr)
                self.assertEqual(
                    [f"WARN  {name} {NEAR_MISS}"] if is_warned else [],
                    [line.split(" ", 1)[1] for line in result.stdout.splitlines()
                     if " WARN " in line],
                )

    def test_two_files_of_one_version(self):
        table = (
            (("1_a.up.sql", "1_b.up.sql"), "up", 1),
            (("001_a.up.sql", "1_a.up.sql"), "up", 1),
            (("0_a.up.sql", "00_b.up.sql"), "up", 0),
            (("010_c.up.sql", "10_d.up.sql"), "up", 10),
            (("3_a.down.sql", "3_b.down.sql"), "down", 3),
            (("03_a.down.sql", "3_b.down.sql"), "down", 3),
            (("7_a.up.sql", "7_a.up.txt"), "up", 7),
        )
        for pair, direction, version in table:
            with self.subTest(pair):
                files = {"2_between.up.sql": GOOD, "3_last.up.sql": GOOD, "9_end.up.sql": GOOD}
                result = self.up(self.folder({**files, **dict.fromkeys(pair, GOOD)}))
                first, second = sorted(pair)
                self.assert_refused(
                    result,
                    f"{first} and {second} are both the {direction} file of version {version}",
                    OWN_VERSION,
                )
        self.assert_untouched()

    def test_a_version_that_no_bigint_holds(self):
        for version in ("9223372036854775808", "18446744073709551617", "1" * 60):
            for direction in ("up", "down"):
                with self.subTest(version=version, direction=direction):
                    name = f"{version}_a.{direction}.sql"
                    result = self.up(self.folder({"1_good.up.sql": GOOD, name: GOOD}))
                    self.assert_refused(result, f"the version of {name} is too large", LARGEST)
        self.assert_untouched()

    def test_a_version_with_a_down_file_alone(self):
        folder = self.folder({"1_good.up.sql": GOOD, "2_half.down.sql": GOOD})
        result = self.up(folder)
        self.assert_refused(
            result, "version 2 has a down file alone, 2_half.down.sql",
            "Add 2_half.up.sql, or remove the down file.",
        )
        self.assert_untouched()

    # Their bytes ----------------------------------------------------------------

    def test_text_that_is_not_utf8(self):
        table = (
            ("Latin-1", b"SELECT 'caf\xe9';\n", "byte 0xE9 at offset 11"),
            ("at the start", b"\xffSELECT 1;", "byte 0xFF at offset 0"),
            ("cut at the end", "SELECT 1; -- €".encode()[:-1], "byte 0xE2 at offset 13"),
            ("an overlong form", b"-- \xc0\xaf\n", "byte 0xC0 at offset 3"),
            ("a surrogate", b"-- \xed\xa0\x80\n", "byte 0xED at offset 3"),
            ("beyond Unicode", b"-- \xf4\x90\x80\x80\n", "byte 0xF4 at offset 3"),
            ("a continuation alone", b"-- \x80\n", "byte 0x80 at offset 3"),
        )
        for name, content, place in table:
            with self.subTest(name):
                folder = self.folder({"1_good.up.sql": GOOD, "2_bad.up.sql": content})
                self.assert_refused(
                    self.up(folder), f"2_bad.up.sql is not UTF-8: {place}", UTF8_HINT
                )
        self.assert_untouched()

    def test_text_with_nul_bytes(self):
        table = (
            ("one", b"SELECT 1;\0", 9),
            ("UTF-16", "CREATE TABLE t ();".encode("utf-16-le"), 1),
        )
        for name, content, offset in table:
            with self.subTest(name):
                folder = self.folder({"1_good.up.sql": GOOD, "2_bad.up.sql": content})
                self.assert_refused(
                    self.up(folder), f"2_bad.up.sql holds a NUL byte at offset {offset}", UTF8_HINT
                )
        self.assert_untouched()

    def test_the_ceiling_is_for_what_lies_above_it(self):
        mebibyte = 1 << 20
        folder = self.folder({"1_good.up.sql": GOOD, "2_long.up.sql": "-" * (mebibyte + 1)})
        self.assert_refused(
            self.up(folder, "--max-file-size", "1"), "2_long.up.sql is larger than 1 MiB",
            "Raise the ceiling with --max-file-size, or split the file.",
        )
        self.assert_untouched()
        folder = self.folder({"1_long.up.sql": "-" * mebibyte})
        result = self.up(folder, "--max-file-size", "1")
        self.assertEqual(0, result.status, result.stdout)

    # Their SQL ------------------------------------------------------------------

    def test_what_is_opened_and_never_closed_is_shown_where_it_opens(self):
        table = (
            # name, text, line, column, the line, what is open
            ("a quote", "SELECT 1;\nSELECT 'abc;\nSELECT 2;\n", 2, 8, "SELECT 'abc;",
             "quoted string"),
            ("a quote in the second statement of a line", "SELECT 'a'; SELECT 'b;\n", 1, 20,
             "SELECT 'a'; SELECT 'b;", "quoted string"),
            ("an escape string", "SELECT E'it\\'s;\n", 1, 9, "SELECT E'it\\'s;", "quoted string"),
            ("a doubled quote inside", "\n\nSELECT 'it''s;\n", 3, 8, "SELECT 'it''s;",
             "quoted string"),
            ("an identifier", 'SELECT 1 AS "a;\n', 1, 13, 'SELECT 1 AS "a;', "quoted identifier"),
            ("a dollar quote", "SELECT 1;\n\nDO $body$ BEGIN NULL; END $b$;\n", 3, 4,
             "DO $body$ BEGIN NULL; END $b$;", "dollar-quoted string"),
            ("a plain dollar quote", "CREATE FUNCTION f() RETURNS int AS $$\nSELECT 1;\n", 1, 36,
             "CREATE FUNCTION f() RETURNS int AS $$", "dollar-quoted string"),
            ("a comment", "SELECT 1;\n/* a\nb /* c */\nSELECT 2;\n", 2, 1, "/* a", "/* comment"),
            ("a comment behind words", "SELECT 1 /* a\n;\n", 1, 10, "SELECT 1 /* a", "/* comment"),
            ("after characters of many bytes", "SELECT 'é', '€ 😀;\n", 1, 13, "SELECT 'é', '€ 😀;",
             "quoted string"),
        )
        for name, text, line, column, source, what in table:
            with self.subTest(name):
                folder = self.folder({"1_good.up.sql": GOOD, "2_bad.up.sql": text})
                self.assert_refused(
                    self.up(folder), f"2_bad.up.sql:{line}:{column}: this {what} is never closed",
                    CLOSE_IT, (line, source, column),
                )
        self.assert_untouched()

    def test_a_backslash_command(self):
        table = (
            ("a command of its own", "SELECT 1;\n\\connect other\n", 2, 1, "\\connect other"),
            ("behind words", "SELECT 1 \\gexec\n", 1, 10, "SELECT 1 \\gexec"),
            ("a file to include", "\\i other.sql\n", 1, 1, "\\i other.sql"),
            ("a shell", "  \\! rm -rf /\n", 1, 3, "  \\! rm -rf /"),
            ("copy", "SELECT 1;\n\n\\copy t from stdin\n1\n\\.\n", 3, 1, "\\copy t from stdin"),
            ("one that only begins like pg_dump's", "\\restrictions\n", 1, 1, "\\restrictions"),
            ("an escaped semicolon", "SELECT 1 \\; SELECT 2;\n", 1, 10, "SELECT 1 \\; SELECT 2;"),
        )
        for name, text, line, column, source in table:
            with self.subTest(name):
                folder = self.folder({"1_good.up.sql": GOOD, "2_bad.up.sql": text})
                self.assert_refused(
                    self.up(folder), f"2_bad.up.sql:{line}:{column}: {BACKSLASH}", BACKSLASH_HINT,
                    (line, source, column),
                )
        self.assert_untouched()

    def test_a_begin_that_is_never_closed(self):
        table = (
            ("at the head", "BEGIN;\nCREATE TABLE t ();\n", 1, 1, "BEGIN;"),
            ("in the middle", "CREATE TABLE t ();\n  BEGIN WORK;\nSELECT 1;\n", 2, 3,
             "  BEGIN WORK;"),
            ("the second of two", "BEGIN;\nCOMMIT;\nSTART TRANSACTION;\nSELECT 1;", 3, 1,
             "START TRANSACTION;"),
            ("behind a comment", "/* so */ begin; SELECT 1;\n", 1, 10,
             "/* so */ begin; SELECT 1;"),
        )
        for name, text, line, column, source in table:
            with self.subTest(name):
                folder = self.folder({"1_good.up.sql": GOOD, "2_bad.up.sql": text})
                self.assert_refused(
                    self.up(folder), f"2_bad.up.sql:{line}:{column}: this BEGIN is never closed",
                    BEGIN_HINT, (line, source, column),
                )
        self.assert_untouched()

    def test_copy_without_the_end_of_its_data(self):
        folder = self.folder({
            "1_good.up.sql": GOOD,
            "2_bad.up.sql": "CREATE TABLE t (a int);\nCOPY t FROM stdin;\n1\n2\n",
        })
        self.assert_refused(
            self.up(folder), "2_bad.up.sql:2:1: the data of this COPY … FROM STDIN never end",
            COPY_HINT, (2, "COPY t FROM stdin;", 1),
        )
        self.assert_untouched()

    def test_a_directive_that_is_none(self):
        table = (
            ("-- pgstride: no-transactoin\n", 1, 4, 'unknown directive "no-transactoin"',
             DIRECTIVES),
            ("-- pgstride: lock_timeout=2s\n", 1, 4, 'unknown directive "lock_timeout=2s"',
             DIRECTIVES),
            ("-- a comment\n\n--pgstride: \n", 3, 3, 'unknown directive ""', DIRECTIVES),
            ("-- pgstride: retry-for=soon\n", 1, 4,
             '"soon" is not a duration: write 500ms, 5s, 2min or 1h (a bare number is seconds)',
             None),
        )
        for text, line, column, message, hint in table:
            with self.subTest(text):
                folder = self.folder({"1_good.up.sql": GOOD, "2_bad.up.sql": text})
                source = text.split("\n")[line - 1]
                self.assert_refused(
                    self.up(folder), f"2_bad.up.sql:{line}:{column}: {message}", hint,
                    (line, source, column),
                )
        self.assert_untouched()

    def test_what_no_run_needs_is_not_looked_into(self):
        files = {"1_good.up.sql": GOOD, "1_good.down.sql": b"\xff\0 'never closed"}
        result = self.up(self.folder(files))
        self.assertEqual(0, result.status, result.stdout)
        self.assertEqual("good", self.psql("SELECT 'good'::regclass"))
