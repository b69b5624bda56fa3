# SPDX-License-Identifier: Apache-2.0
"""`create`: golang-migrate's, file by file; nothing is overwritten and nothing left by halves."""

import os
import re
import time

from cli.folder_case import ATLAS, ATLAS_SUM, MEANT, FolderCase

USAGE = ("Usage: pgstride create [-ext EXT] [-dir DIR] [-seq] [-digits N] [-format FORMAT]"
         " [-tz ZONE] NAME")
LAYOUT_HINT = (
    "Write unix, unixNano, or a layout as Go has it, of digits alone: 20060102150405 is year,"
    " month, day, hour, minute, second."
)


class Create(FolderCase):
    def create(self, folder, *arguments, env=None):
        return self.run_pgstride("create", *arguments, cwd=folder, env=env)

    def created_version(self, result, end=".up.sql"):
        """The version of the first path that was printed, which is all that stands before `_`."""
        self.assertEqual((0, ""), (result.status, result.stderr))
        first = result.stdout.splitlines()[0]
        self.assertTrue(first.endswith(end), first)
        return os.path.basename(first).split("_")[0]

    # What is written ------------------------------------------------------------

    def test_the_version_is_the_time_in_utc(self):
        folder = self.folder()
        before = time.strftime("%Y%m%d%H%M%S", time.gmtime())
        result = self.create(folder, "add_users", env={"TZ": "Asia/Tokyo"})
        after = time.strftime("%Y%m%d%H%M%S", time.gmtime())
        version = self.created_version(result)
        self.assertTrue(before <= version <= after, version)
        names = (f"{version}_add_users.up.sql", f"{version}_add_users.down.sql")
        self.assert_answer(result, "".join(f"{name}\n" for name in names))
        self.assert_holds(folder, *names)
        for name in names:
            self.assertEqual("", self.read(folder, name))

    def test_golang_migrates_command_line(self):
        folder = self.folder()
        for arguments, number in (
                (("-ext", "sql", "-dir", "db/migrations", "-seq", "one"), 1),
                (("--ext=.sql", "--dir=db/migrations/", "one", "-seq", "--digits", "6"), 2)):
            with self.subTest(arguments):
                self.assert_answer(self.create(folder, *arguments),
                                   f"db/migrations/00000{number}_one.up.sql\n"
                                   f"db/migrations/00000{number}_one.down.sql\n")
        result = self.run_pgstride("-seq", "-dir", "db", "-digits", "2", "create", "x", cwd=folder)
        self.assert_answer(result, "db/01_x.up.sql\ndb/01_x.down.sql\n")

    def test_the_environment(self):
        folder = self.folder()
        env = {"PGSTRIDE_SEQ": "true", "PGSTRIDE_DIGITS": "3", "PGSTRIDE_DIR": "there",
               "PGSTRIDE_EXT": "psql", "PGSTRIDE_FORMAT": "json", "PGSTRIDE_TZ": "UTC",
               "DATABASE_URL": "nonsense://"}
        self.assert_answer(self.create(folder, "x", env=env),
                           "there/001_x.up.psql\nthere/001_x.down.psql\n")

    def test_where_the_files_go(self):
        table = (
            ((), (), ""),
            (("migrations",), (), "migrations/"),
            (("migrations",), ("--path", "other"), "other/"),
            (("migrations",), ("--source", "file://other"), "other/"),
            (("migrations",), ("--path", "other", "-dir", "third"), "third/"),
            (("migrations",), ("-dir", "."), ""),
            ((), ("-dir", "a//b/"), "a//b/"),
        )
        for made, options, place in table:
            with self.subTest(made=made, options=options):
                folder = self.folder()
                for name in made:
                    os.mkdir(f"{folder}/{name}")
                self.assert_answer(self.create(folder, "-seq", *options, "x"),
                                   f"{place}000001_x.up.sql\n{place}000001_x.down.sql\n")
                self.assert_holds(f"{folder}/{place}", "000001_x.up.sql", "000001_x.down.sql",
                                  *(made if place == "" else ()))

    def test_an_absolute_folder(self):
        folder = self.folder()
        self.assert_answer(self.create("/", "-seq", "-dir", f"{folder}/new", "x"),
                           "<folder>/new/000001_x.up.sql\n<folder>/new/000001_x.down.sql\n")

    def test_a_name_as_people_write_it(self):
        for name, stem in (("add users table", "add_users_table"), ("1st", "1st"), ("a.up", "a.up"),
                           ("füge_ein", "füge_ein"), ("..", ".."), ("_", "_")):
            with self.subTest(name):
                folder = self.folder()
                self.assert_answer(self.create(folder, "-seq", "--", name),
                                   f"000001_{stem}.up.sql\n000001_{stem}.down.sql\n")

    def test_a_sequence_goes_on_after_the_highest(self):
        folder = self.folder({"9_i.up.sql": "", "10_j.down.sql": "", "2024_notes.md": ""})
        self.assert_answer(self.create(folder, "-seq", "x"),
                           "000011_x.up.sql\n000011_x.down.sql\n")

    def test_formats(self):
        for unit, scale in (("unix", 1), ("unixNano", 10 ** 9)):
            first = int(time.time() * scale)
            version = int(self.created_version(self.create(self.folder(), "-format", unit, "x")))
            self.assertLessEqual(first, version)
            self.assertLessEqual(version, int(time.time() * scale))
        for layout, expected in (("2006", "%Y"), ("20060102", "%Y%m%d"), ("2006002", "%Y%j"),
                                 ("200601021504", "%Y%m%d%H%M")):
            with self.subTest(layout):
                first = time.strftime(expected, time.gmtime())
                version = self.created_version(self.create(self.folder(), "-format", layout, "x"))
                self.assertIn(version, (first, time.strftime(expected, time.gmtime())))

    def test_a_zone(self):
        result = self.create(self.folder(), "-tz", "Pacific/Kiritimati", "-format", "20060102", "x")
        ahead = time.gmtime(time.time() + 14 * 3600)
        self.assertEqual(time.strftime("%Y%m%d", ahead), self.created_version(result))

    # Nothing is overwritten -------------------------------------------------------

    def test_a_version_that_is_there(self):
        year = time.strftime("%Y", time.gmtime())
        for name in (f"{year}_a.up.sql", f"000{year}_a.down.sql", f"{year}_notes.md"):
            with self.subTest(name):
                folder = self.folder({name: "kept"})
                self.assert_refused(self.create(folder, "-format", "2006", "a"),
                                    f"there is a version {year} already: {name}")
                self.assert_holds(folder, name)
                self.assertEqual("kept", self.read(folder, name))

    def test_a_second_file_that_cannot_be_made_takes_the_first_with_it(self):
        disk = self.small_disk(2) # the root folder, and one file
        if disk is None:
            return # not root: nothing can be mounted
        self.assert_refused(self.create(disk, "-seq", "x"),
                            "cannot create 000001_x.up.sql: No space left on device")
        self.assert_holds(disk)

    def test_a_folder_that_cannot_be_written(self):
        folder = self.folder({"1_a.up.sql": ""})
        self.close(folder)
        with self.without_override():
            self.assert_refused(self.create(folder, "-seq", "x"),
                                "cannot create 000002_x.down.sql: Permission denied")
            self.assert_refused(self.create(folder, "-seq", "-dir", "a/b", "x"),
                                "cannot make the folder a: Permission denied")
        self.assert_holds(folder, "1_a.up.sql")

    def test_a_folder_that_cannot_be_read(self):
        folder = self.folder({"1_a.up.sql": ""})
        os.mkdir(f"{folder}/closed")
        self.close(f"{folder}/closed", 0)
        hint = "Name the folder with --path DIR; in an image, COPY it to /migrations."
        with self.without_override():
            self.assert_refused(self.create(folder, "-dir", "closed", "x"), "cannot open the"
                                " migrations folder closed: Permission denied", hint)
        self.assert_refused(self.create(folder, "-dir", "1_a.up.sql", "x"), "cannot open the"
                            " migrations folder 1_a.up.sql: Not a directory", hint)
        self.assert_refused(self.create(folder, "-dir", "1_a.up.sql/b", "x"),
                            "cannot make the folder 1_a.up.sql/b: Not a directory")

    # What is refused --------------------------------------------------------------

    def test_bad_names(self):
        table = (
            ((), "create needs a name", USAGE),
            (("a", "b"), 'unexpected argument "b"', USAGE),
            (("",), "the name is empty", None),
            (("../x",), 'the name holds a slash: "../x"', None),
            (("/etc/x",), 'the name holds a slash: "/etc/x"', None),
            (("a\nb",), "the name holds a control character", None),
            (("a\x7fb",), "the name holds a control character", None),
            ((b"a\xff".decode("utf-8", "surrogateescape"),), "the name is not UTF-8", None),
            (("-seq", "x" * 300),
             f"cannot create 000001_{'x' * 300}.down.sql: File name too long", None),
        )
        folder = self.folder()
        for arguments, message, hint in table:
            with self.subTest(arguments):
                self.assert_refused(self.create(folder, *arguments), message, hint)
                self.assert_holds(folder)

    def test_bad_options(self):
        zone_hint = "They would stand in {}, of the package tzdata. UTC needs none."
        table = (
            (("-seq", "-format", "unix"), "--seq and --format exclude each other", None),
            (("-digits", "0", "-seq"), '--digits: "0" is not a whole number from 1 to 19', None),
            (("-digits", "-1", "-seq"), '--digits: "-1" is not a whole number from 1 to 19', None),
            (("-ext", ""), "--ext: the value is empty", None),
            (("-ext", "."), "--ext is empty", None),
            (("-ext", "a/b"), '--ext holds a slash: "a/b"', None),
            (("-ext", "down.sql", "-seq"),
             "--ext: 000001_x.up.down.sql would be taken for another migration", None),
            (("-format", "YYYYMMDD"), '--format: "YYYYMMDD" would give more than digits',
             LAYOUT_HINT),
            (("-format", "2006-01-02"), '--format: "2006-01-02" would give more than digits',
             LAYOUT_HINT),
            (("-tz", "Mars/Olympus"),
             '--tz: there are no data of the time zone "Mars/Olympus" on this system',
             zone_hint.format("/usr/share/zoneinfo/Mars/Olympus")),
            (("-tz", "Europe"),
             '--tz: there are no data of the time zone "Europe" on this system',
             zone_hint.format("/usr/share/zoneinfo/Europe")),
            (("-tz", "../../../etc/passwd"),
             '--tz: "../../../etc/passwd" is no time zone\'s name', None),
            (("-tz", "/etc/localtime"), '--tz: "/etc/localtime" is no time zone\'s name', None),
            (("--source", "github://a/b"), "--source takes file://DIR alone", None),
        )
        folder = self.folder()
        for options, message, hint in table:
            with self.subTest(options):
                self.assert_refused(self.create(folder, *options, "x"), message, hint)
                self.assert_holds(folder)

    def test_a_sequence_that_has_no_room(self):
        folder = self.folder({"99_a.up.sql": ""})
        hint = "Allow more with --digits, or leave --seq out."
        self.assert_refused(self.create(folder, "-seq", "-digits", "2", "x"),
                            "the next version, 100, has more than 2 digits", hint)
        folder = self.folder({"9223372036854775807_a.up.sql": ""})
        self.assert_refused(self.create(folder, "-seq", "-digits", "19", "x"),
                            "there is no version after that of 9223372036854775807_a.up.sql")

    # With atlas.sum ---------------------------------------------------------------

    def test_the_sum_is_kept_right(self):
        folder = self.folder({**ATLAS, "atlas.sum": ATLAS_SUM})
        self.assert_answer(self.create(folder, "-seq", "-digits", "2", "x"),
                           "11_x.up.sql\n11_x.down.sql\natlas.sum\n")
        self.assertEqual(["10_c.up.sql", "11_x.up.sql", "1_a.up.sql", "2_b.up.sql"],
                         re.findall(r"^(\S+) h1:", self.read(folder, "atlas.sum"), re.M))
        result = self.run_pgstride("verify", "--offline", "--path", folder)
        self.assertIn("4 migrations: 0 failures, 3 warnings\n", result.stdout)

    def test_a_sum_that_was_wrong_before_is_not_made_right(self):
        folder = self.folder({**ATLAS, "1_a.up.sql": "edited", "atlas.sum": ATLAS_SUM})
        self.assert_refused(self.create(folder, "-seq", "x"),
                            "1_a.up.sql was edited since atlas.sum was written", MEANT)
        self.assertEqual(ATLAS_SUM, self.read(folder, "atlas.sum"))
        self.assert_holds(folder, *ATLAS, "atlas.sum")

    def test_a_sum_that_cannot_be_written_takes_the_files_with_it(self):
        folder = self.folder(ATLAS)
        other = self.folder({"atlas.sum": ATLAS_SUM})
        os.symlink(f"{other}/atlas.sum", f"{folder}/atlas.sum")
        self.close(other)
        with self.without_override():
            result = self.create(folder, "-seq", "x")
        self.assert_refused(result, "cannot write ./atlas.sum: Permission denied")
        self.assert_holds(folder, *ATLAS, "atlas.sum")
