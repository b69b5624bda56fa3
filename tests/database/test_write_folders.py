# SPDX-License-Identifier: Apache-2.0
"""write over folders of migrations: each version's dump gives the step to that version.

PGSTRIDE_WRITE_FOLDERS names more folders, separated by colons.
"""

import glob
import os
import re
import shutil

from database.case import DatabaseCase

HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = [path for path in os.environ.get("PGSTRIDE_WRITE_FOLDERS", "").split(":") if path]


class Folders(DatabaseCase):
    def dump_of(self, options):
        """What the folder gives, as pg_dump has it, without our own two tables."""
        name = self.new_database()
        self.assert_good(self.run_pgstride("--database", self.cluster.url(name), *options, "up"))
        self.forget_ours(name)
        return self.cluster.dump(name)

    def step(self, earlier, path):
        """Write from the earlier files what the next one does: the refusal, or ""."""
        folder = self.folder()
        for other in earlier:
            shutil.copy(other, folder)
        shutil.copy(path, folder)
        schema = os.path.join(self.folder(), "schema.sql")
        with open(schema, "w", encoding="utf-8") as file:
            file.write(self.dump_of(["--path", folder]))
        os.remove(os.path.join(folder, os.path.basename(path)))
        result = self.run_pgstride("write", "--schema", schema, "--dev-database", self.database,
                                   "--path", folder, "--seq", "--digits", "19",
                                   "--allow-destructive", "step", timeout=300)
        return "" if result.status == 0 else result.stderr

    def check(self, folder):
        paths = sorted(glob.glob(os.path.join(folder, "*.up.sql")),
                       key=lambda path: int(re.match(r"\d+", os.path.basename(path))[0]))
        refusals = [self.step(paths[:number], path) for number, path in enumerate(paths)]
        failed = [refusal for refusal in refusals if refusal]
        print(f"{folder}: {len(paths) - len(failed)} of {len(paths)} steps written and proven")
        return failed

    def test_each_step(self):
        self.assertEqual([], self.check(os.path.join(HERE, "migrations")))
        self.assertEqual([], [text for folder in FOLDERS for text in self.check(folder)])
