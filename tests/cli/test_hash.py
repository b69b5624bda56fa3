# SPDX-License-Identifier: Apache-2.0
"""`hash`: atlas.sum, whole or not at all; and what a folder that it does not fit gets."""

import os
import socket

from cli.folder_case import ANEW, ATLAS, ATLAS_SUM, HASH, MEANT, FolderCase

NOWHERE = "postgres://u:p@127.0.0.1:1/db"
TOTAL = "h1:/MpgClSLcdNmalIZW47Ye8LoBye0NlYRoeriBQx0Jzw="


class Hash(FolderCase):
    def hash(self, path, *options):
        return self.run_pgstride("hash", "--path", path, *options)

    def test_it_writes_what_atlas_writes(self):
        folder = self.folder({**ATLAS, "1_a.down.sql": "DROP TABLE a;\n", "README.md": "x"})
        self.assert_answer(self.hash(folder), f"<folder>/atlas.sum: 3 files, {TOTAL}\n")
        self.assertEqual(ATLAS_SUM, self.read(folder, "atlas.sum"))
        self.assert_holds(folder, *ATLAS, "1_a.down.sql", "README.md", "atlas.sum")

    def test_again_it_writes_the_same(self):
        folder = self.folder({**ATLAS, "atlas.sum": ATLAS_SUM})
        self.assert_answer(self.hash(folder), f"<folder>/atlas.sum: 3 files, {TOTAL}\n")
        self.assertEqual(ATLAS_SUM, self.read(folder, "atlas.sum"))

    def test_down_files_count_where_they_counted(self):
        files = {"1_initial.down.sql": "DROP TABLE IF EXISTS t;",
                 "1_initial.up.sql": "CREATE TABLE t(c int);"}
        both = ("h1:M74RrNK69S2pj6C541LR1ew5O32/i0WoyNgsJmyuiUk=\n"
                "1_initial.down.sql h1:0zypK43rgPbgvVUgVJABGN25VgM1QSeU+LJDBb8cEQI=\n"
                "1_initial.up.sql h1:hFhs5XhRml4KTWGF5td6h1s7xNqAFnaEBbC5Y/NF7i4=\n")
        for old in (both, f"<<<<<<< HEAD\n1_old.down.sql h1:{HASH}\n"):
            with self.subTest(old):
                folder = self.folder({**files, "atlas.sum": old})
                self.assertEqual(0, self.hash(folder).status)
                self.assertEqual(both, self.read(folder, "atlas.sum"))

    def test_of_an_empty_folder(self):
        folder = self.folder()
        empty = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        self.assert_answer(self.hash(folder), f"<folder>/atlas.sum: 0 files, {empty}\n")
        self.assertEqual(f"{empty}\n", self.read(folder, "atlas.sum"))

    def test_its_rights_and_its_link_stay(self):
        folder = self.folder(ATLAS)
        other = self.folder({"real.sum": ""})
        os.chmod(f"{other}/real.sum", 0o640)
        os.symlink(f"{other}/real.sum", f"{folder}/atlas.sum")
        self.assertEqual(0, self.hash(folder).status)
        self.assertTrue(os.path.islink(f"{folder}/atlas.sum"))
        self.assertEqual(ATLAS_SUM, self.read(other, "real.sum"))
        self.assertEqual(0o640, os.stat(f"{other}/real.sum").st_mode & 0o777)
        self.assert_holds(other, "real.sum")

    def test_what_it_cannot_read(self):
        folder = self.folder(ATLAS)
        os.symlink("nothing", f"{folder}/3_d.up.sql")
        self.assert_refused(self.hash(folder), "3_d.up.sql is a link to nothing")
        os.remove(f"{folder}/3_d.up.sql")
        os.mkdir(f"{folder}/3_d.up.sql")
        self.assert_refused(self.hash(folder), "3_d.up.sql is a folder, not a file")
        self.assert_refused(
            self.hash(f"{folder}/nowhere"),
            "cannot open the migrations folder <folder>/nowhere: No such file or directory",
            "Name the folder with --path DIR; in an image, COPY it to /migrations.")
        self.assert_refused(
            self.run_pgstride("hash", "now"), 'unexpected argument "now"', "Usage: pgstride hash")

    def test_a_sum_that_is_no_file(self):
        folder = self.folder(ATLAS)
        os.symlink("nothing", f"{folder}/atlas.sum")
        self.assert_refused(self.hash(folder), "atlas.sum is a link to nothing")
        os.remove(f"{folder}/atlas.sum")
        os.mkdir(f"{folder}/atlas.sum")
        self.assert_refused(self.hash(folder), "atlas.sum is a folder, not a file")

    def test_a_folder_that_cannot_be_written(self):
        folder = self.folder({**ATLAS, "atlas.sum": "h1:old"})
        self.close(folder)
        with self.without_override():
            result = self.hash(folder)
        self.assert_refused(result, "cannot write <folder>/atlas.sum: Permission denied")
        self.assertEqual("h1:old", self.read(folder, "atlas.sum"))

    def test_a_full_disk_leaves_the_old_one(self):
        disk = self.small_disk(10)
        if disk is None:
            return # not root: nothing can be mounted
        with open(f"{disk}/atlas.sum", "w", encoding="ascii") as file:
            file.write("h1:old") # takes the one page
        open(f"{disk}/1_a.up.sql", "wb").close()
        self.assert_refused(
            self.hash(disk), "cannot write <disk>/atlas.sum: No space left on device")
        self.assertEqual("h1:old", self.read(disk, "atlas.sum"))
        self.assert_holds(disk, "1_a.up.sql", "atlas.sum")


class Checked(FolderCase):
    """Every command that reads the folder checks it, before the first connection."""

    def assert_refused_by_all(self, folder, message, hint=None):
        for command in ("up", "status"):
            with self.subTest(command=command, message=message):
                result = self.run_pgstride(
                    command, "--path", folder, "--database", NOWHERE, "--wait-timeout", "30s",
                    timeout=20)
                lines = [f"<time> ERROR {message}\n"]
                if hint is not None:
                    lines.append(" " * 19 + f"hint: {hint}\n")
                if command == "up":
                    lines.append("<time> ERROR failed: nothing was applied; a retry will not help\n")
                    self.assert_answer(result, "".join(lines), "", 1)
                else:
                    self.assert_answer(result, "", "".join(lines), 1)

    def test_a_folder_that_fits_is_applied(self):
        folder = self.folder({**ATLAS, "atlas.sum": ATLAS_SUM, "1_a.down.sql": "DROP TABLE a;"})
        result = self.run_pgstride("up", "--path", folder, "--database", self.database)
        self.assertEqual((0, ""), (result.status, result.stderr))
        self.assertIn("succeeded! 3 migrations applied", result.stdout)

    def test_the_first_file_that_changed_is_named(self):
        files = {**ATLAS, "atlas.sum": ATLAS_SUM}
        since = "since atlas.sum was written"
        table = (
            ({**files, "1_a.up.sql": "SELECT 1;", "2_b.up.sql": "SELECT 1;"},
             f"1_a.up.sql was edited {since}"),
            ({**files, "11_d.up.sql": "", "2_b.up.sql": ""}, f"11_d.up.sql was added {since}"),
            ({name: files[name] for name in files if name != "1_a.up.sql"},
             f"1_a.up.sql was removed {since}"),
            ({**files, "2_b.up.sql": "\ufeff" + ATLAS["2_b.up.sql"]},
             f"2_b.up.sql was edited {since}"),
            ({**files, "2_b.up.sql": ATLAS["2_b.up.sql"].replace("\n", "\r\n")},
             f"2_b.up.sql was edited {since}"),
        )
        for changed, message in table:
            self.assert_refused_by_all(self.folder(changed), message, MEANT)

    def test_nobody_is_asked_before(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            url = f"postgres://u:p@127.0.0.1:{server.getsockname()[1]}/db"
            options = ("--database", url, "--wait-timeout", "0", "--path")
            wrong = self.folder({**ATLAS, "1_a.up.sql": "edited", "atlas.sum": ATLAS_SUM})
            right = self.folder({**ATLAS, "atlas.sum": ATLAS_SUM})
            server.setblocking(False)
            for command in ("up", "status"):
                with self.subTest(command):
                    self.assertEqual(1, self.run_pgstride(command, *options, wrong).status)
                    self.assertRaises(BlockingIOError, server.accept)
            server.settimeout(20)
            process = self.start_pgstride("up", *options, right)
            server.accept()[0].close()
            self.assertEqual(1, self.finish(process).status)

    def test_a_sum_that_is_none(self):
        head = ATLAS_SUM.splitlines()[0]
        table = (
            ("", 'atlas.sum:1: this line is not "h1:SUM", SUM being a SHA-256 in base64'),
            (f"{head}\n=======\n",
             'atlas.sum:2: this line is not "NAME h1:SUM", SUM being a SHA-256 in base64'),
            (ATLAS_SUM.replace("10_c", "0_c"),
             "atlas.sum:1: the sum in this line is not that of the lines below it: the file was"
             " edited or merged by hand"),
            (ATLAS_SUM + ATLAS_SUM.splitlines()[1] + "\n",
             "atlas.sum:5: 10_c.up.sql does not stand in the bytewise order of the names"),
        )
        for text, message in table:
            self.assert_refused_by_all(self.folder({**ATLAS, "atlas.sum": text}), message, ANEW)

    def test_a_sum_that_is_no_file(self):
        folder = self.folder(ATLAS)
        os.mkdir(f"{folder}/atlas.sum")
        self.assert_refused_by_all(folder, "atlas.sum is a folder, not a file")
        os.rmdir(f"{folder}/atlas.sum")
        os.symlink("nothing", f"{folder}/atlas.sum")
        self.assert_refused_by_all(folder, "atlas.sum is a link to nothing")

    def test_a_sum_of_a_hundred_megabytes(self):
        folder = self.folder(ATLAS)
        with open(f"{folder}/atlas.sum", "wb") as file:
            file.truncate(100 * 1024 * 1024)
        self.assert_refused_by_all(folder, "atlas.sum is larger than 64 MiB",
                                   "Raise the ceiling with --max-file-size, or split the file.")

    def test_the_place_in_json_has_no_column(self):
        folder = self.folder({**ATLAS, "atlas.sum": "x"})
        result = self.run_pgstride("status", "--path", folder, "--database", NOWHERE,
                                   "--log-format", "json")
        self.assertIn('"file":"atlas.sum","line":1}', result.stderr)
