# SPDX-License-Identifier: Apache-2.0
"""What the tests of the commands that work on a folder share."""

import os
import stat
import subprocess
import tempfile
import unittest.mock

from support.harness import Case

MARGIN = " " * len("14:02:18.020 ERROR ")
MEANT = "Run `pgstride hash` when the change is meant; else put the folder back as it was."
ANEW = "Run `pgstride hash` to write it anew, when the migrations are as they should be."
HASH = "xaTT0XIPCL0YIMZhW5ac4pjPnJurzA9z2xFYU1p4cOI="

# What Atlas gives for these files, up files alone.
ATLAS = {
    "10_c.up.sql": "CREATE TABLE c(id int);\n",
    "1_a.up.sql": "CREATE TABLE a(id int);\n",
    "2_b.up.sql": "CREATE TABLE b(id int);\n",
}
ATLAS_SUM = (
    "h1:/MpgClSLcdNmalIZW47Ye8LoBye0NlYRoeriBQx0Jzw=\n"
    "10_c.up.sql h1:zC05OFoSp2ApSVfPJfTKzeMhSYe68NRA5wYca0Ew2c4=\n"
    "1_a.up.sql h1:KQOKfrg2ZdULLmqCzwH0Eqqx6/FzMy+TQc2Hp7Lw4yw=\n"
    "2_b.up.sql h1:Qq/R/srwRBzadP5QCAUCTAIn5bfHuyY75bst1xIUts0=\n"
)


class FolderCase(Case):
    """A folder that a command reads or writes, without a database."""

    def assert_answer(self, result, stdout, stderr="", status=0):
        """Both streams whole, normalised."""
        self.assertMultiLineEqual(stderr, self.normalise(result.stderr))
        self.assertMultiLineEqual(stdout, self.normalise(result.stdout))
        self.assertEqual(status, result.status)

    def assert_refused(self, result, message, hint=None):
        lines = [f"<time> ERROR {message}\n"]
        if hint is not None:
            lines.append(f"{MARGIN}hint: {hint}\n")
        self.assert_answer(result, "", "".join(lines), 1)

    @staticmethod
    def read(*path):
        with open(os.path.join(*path), encoding="utf-8") as file:
            return file.read()

    def assert_holds(self, folder, *names):
        """The folder holds these, hidden ones included, and no other."""
        self.assertEqual(sorted(names), sorted(os.listdir(folder)))

    @staticmethod
    def without_override():
        """Root, but with a say in nothing that its permissions do not allow."""
        wrapper = os.environ.get("PGSTRIDE_WRAPPER", "")
        if os.geteuid() == 0:
            wrapper += " setpriv --bounding-set=-dac_override,-dac_read_search"
        return unittest.mock.patch.dict(os.environ, PGSTRIDE_WRAPPER=wrapper)

    def close(self, path, mode=0o555):
        """Take the right to write away, until the test's end."""
        before = stat.S_IMODE(os.stat(path).st_mode)
        os.chmod(path, mode)
        self.addCleanup(os.chmod, path, before)

    def small_disk(self, inodes):
        """A file system of one page and so many files; None where it cannot be mounted."""
        path = tempfile.mkdtemp(prefix="pgstride-test-")
        self.addCleanup(os.rmdir, path)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size=4k,nr_inodes={inodes}", "none", path],
            stderr=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            return None
        self.addCleanup(subprocess.run, ["umount", path], check=True)
        self._places[path] = "<disk>"
        return path
