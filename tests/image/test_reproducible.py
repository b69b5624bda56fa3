# SPDX-License-Identifier: Apache-2.0
"""Built twice, from checkouts that differ in folder, modes and times: the same bytes.

The libraries and tools are those of the first build both times: they come from a mirror,
and another day's mirror has other versions.
"""

import os
import re
import shutil
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from image import engine  # noqa: E402

ROOT = engine.ROOT
COPIED = (
    "Dockerfile.migrate", ".dockerignore", "LICENSE", "meson.build", "meson_options.txt",
    "migrations", "scripts", "src",
)
SECOND = f"{engine.IMAGE}-second"


class Reproducible(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="pgstride-another-checkout-")
        self.addCleanup(shutil.rmtree, folder)
        self.checkout = f"{folder}/of/pgstride"
        os.makedirs(self.checkout)
        for name in COPIED:
            copy = shutil.copytree if os.path.isdir(f"{ROOT}/{name}") else shutil.copyfile
            copy(f"{ROOT}/{name}", f"{self.checkout}/{name}")
        for parent, _, names in os.walk(self.checkout):
            for name in names:  # as a umask of 077 leaves them, a minute ago
                os.chmod(f"{parent}/{name}", 0o700 if "scripts" in parent else 0o600)
            os.utime(parent, (1_600_000_000, 1_600_000_000))

    def content(self, path):
        with open(path, "rb") as file:
            return file.read()

    def test_the_binary_and_its_sbom(self):
        shutil.copytree(f"{ROOT}/.deps", f"{self.checkout}/.deps", symlinks=True)
        engine.run_or_raise(f"{self.checkout}/scripts/build")
        self.assertEqual(self.content(f"{self.checkout}/dist/pgstride"),
                         self.content(f"{ROOT}/dist/pgstride"), "the binaries differ")
        for checkout in (ROOT, self.checkout):
            engine.run_or_raise(f"{checkout}/scripts/sbom", f"{checkout}/dist/licenses")
        engine.run_or_raise(
            "diff", "-r", f"{ROOT}/dist/licenses", f"{self.checkout}/dist/licenses"
        )

    def test_nothing_of_the_folder_is_in_the_binary(self):
        binary = self.content(f"{ROOT}/dist/pgstride")
        for word in (ROOT.encode(), b".deps", b".build.", b"/pgstride/src"):
            self.assertNotIn(word, binary)

    def test_the_image(self):
        """All but the first stage, which fetches, is built again."""
        engine.build_image()
        libraries = engine.build_stage("libraries")
        path = f"{self.checkout}/Dockerfile.migrate"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        text, count = re.subn(r"\A.*?^FROM libraries AS build$", f"FROM {libraries} AS build",
                              text, flags=re.S | re.M)
        self.assertEqual(count, 1)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        engine.run_or_raise(
            f"{self.checkout}/scripts/image", "--engine", "podman", SECOND, "--",
            *engine.LOCAL_BUILD[:2], "--no-cache", timeout=engine.BUILD_TIMEOUT_S,
        )

        self.assertEqual(engine.listing(engine.files_of()), engine.listing(engine.files_of(SECOND)))
        first, second = engine.inspect(), engine.inspect(SECOND)
        self.assertEqual(first["RootFS"], second["RootFS"])  # the layers' sha256
        self.assertEqual(first["Created"], second["Created"])
        for config in (first["Config"], second["Config"]):  # only one is of a git checkout
            config["Labels"].pop("org.opencontainers.image.revision", None)
        self.assertEqual(first["Config"], second["Config"])


if __name__ == "__main__":
    unittest.main()
