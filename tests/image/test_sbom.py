# SPDX-License-Identifier: Apache-2.0
"""scripts/sbom, here and in the image: all that was linked is listed, with its licence."""

import copy
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from image import engine  # noqa: E402

ROOT = engine.ROOT
MAP = f"{ROOT}/build/release/pgstride.map"
UNSTRIPPED = f"{ROOT}/build/release/pgstride"

# A function that is in the program if, and only if, something of this source is linked.
SIGNATURES = {
    "PQconnectStart": r"postgresql-\d+",
    "psql_scan": r"postgresql-\d+",
    "pg_snprintf": r"postgresql-\d+",
    "curl_easy_perform": r"curl",
    "json_loadb": r"jansson",
    "SSL_connect": r"openssl",
    "EVP_DigestUpdate": r"openssl",
    "__libc_start_main": r"glibc",
    "_Unwind_Resume": r"gcc-\d+",
    "ZSTD_compress": r"libzstd",
    "inflate": r"zlib",
    "BrotliDecoderDecompress": r"brotli",
    "XML_Parse": r"expat",
}


def archives_in(link_map):
    """The archives of which the map says that a member was included, and has an address."""
    included = link_map.partition("\nLinker script and memory map\n")[2]
    pattern = r"0x0*[1-9a-f][0-9a-f]*\s+0x0*[1-9a-f][0-9a-f]*\s+\S*?([^/\s]+\.a)\("
    return set(re.findall(pattern, included)) - {"libpgstride.a", "liblexer.a"}


def symbols_in(nm_output):
    return {line.split()[2] for line in nm_output.splitlines() if len(line.split()) == 3}


def faults(document, link_map, symbols):
    """What the SBOM says otherwise than the linker."""
    names = {package["name"] for package in document["packages"]}
    parts = set()
    for package in document["packages"]:
        parts.update(re.findall(r"[^\s,]+\.a\b", package.get("sourceInfo", "")))
    found = [f"{name} is linked and not listed" for name in sorted(archives_in(link_map) - parts)]
    found += [f"{name} is listed and not linked" for name in sorted(parts - archives_in(link_map))]
    for symbol, pattern in SIGNATURES.items():
        is_listed = any(re.fullmatch(pattern, name) for name in names)
        if symbol in symbols and not is_listed:
            found.append(f"{symbol} is linked, {pattern} not listed")
    related = {each["relatedSpdxElement"] for each in document["relationships"]}
    known = {package["SPDXID"] for package in document["packages"]}
    found += [f"{name} has no relationship" for name in sorted(known - related)]
    found += [f"{name} is not there" for name in sorted(related - known)]
    return found


def write_sbom(folder, *options):
    return subprocess.run(
        [f"{ROOT}/scripts/sbom", *options, folder], capture_output=True, text=True, check=False,
        env=engine.environment,
    )


class SbomCase(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pgstride-sbom-")
        self.addCleanup(folder.cleanup)
        self.folder = f"{folder.name}/out"
        self.changed_map = f"{folder.name}/map"

    def document(self):
        with open(f"{self.folder}/pgstride.spdx.json", encoding="utf-8") as file:
            return json.load(file)

    def assert_valid(self, document):
        with open(f"{TESTS}/image/spdx-2.3.schema.json", encoding="utf-8") as file:
            jsonschema.validate(document, json.load(file))
        ids = [package["SPDXID"] for package in document["packages"]]
        self.assertEqual(len(ids), len(set(ids)))


class Local(SbomCase):
    @classmethod
    def setUpClass(cls):
        with open(MAP, encoding="utf-8") as file:
            cls.link_map = file.read()
        cls.symbols = symbols_in(engine.run_or_raise("nm", UNSTRIPPED))

    def test_it_lists_what_the_linker_took_and_nothing_else(self):
        done = write_sbom(self.folder)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        document = self.document()
        self.assert_valid(document)
        self.assertIn("libcrypto.a", archives_in(self.link_map))
        self.assertEqual(faults(document, self.link_map, self.symbols), [])

    def test_each_package_left_out_is_noticed(self):
        write_sbom(self.folder)
        whole = self.document()
        for package in whole["packages"][1:]:
            with self.subTest(package=package["name"]):
                broken = copy.deepcopy(whole)
                broken["packages"].remove(package)
                self.assertTrue(any(
                    "linked" in fault for fault in faults(broken, self.link_map, self.symbols)
                ))

    def map_with(self, path):
        """The map of a program into which this archive was linked too."""
        with open(self.changed_map, "w", encoding="utf-8") as file:
            file.write(self.link_map)
            file.write(f" .text          0x0000000000400000       0x10 {path}(member.o)\n")
        return self.changed_map

    def linked(self, name):
        return engine.run_or_raise("gcc", f"-print-file-name={name}").strip()

    def test_a_library_more_is_listed(self):
        done = write_sbom(self.folder, "--map", self.map_with(self.linked("libz.a")))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("zlib", [package["name"] for package in self.document()["packages"]])

    def test_what_it_cannot_account_for_is_refused(self):
        for path, message in (
            (f"{ROOT}/build/libstray.a", "no package owns it"),
            (f"{os.path.realpath(ROOT)}/.deps/current/lib/libnew.a", "source is not known"),
            ("/usr/bin/dpkg-query.a", "no package owns it"),
            (glob.glob("/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.builtins*.a")[0],
             "its licence is not known"),
        ):
            with self.subTest(path=path):
                done = write_sbom(self.folder, "--map", self.map_with(path))
                self.assertEqual(done.returncode, 1, done)
                self.assertRegex(done.stderr, rf"\Asbom: .*(?:{message})")
                self.assertFalse(os.path.exists(self.folder))

    def test_a_file_that_is_no_map_is_refused(self):
        done = write_sbom(self.folder, "--map", f"{ROOT}/README.md")
        self.assertEqual((done.returncode, done.stderr),
                         (1, f"sbom: {ROOT}/README.md is no linker map\n"))

    def test_nothing_unwinds_the_stack(self):
        """src/static.ld leaves out the tables that this would need."""
        calls = re.compile(r" U (pthread_exit|pthread_cancel|backtrace|_Unwind_\w+)$", re.M)
        objects = glob.glob(f"{ROOT}/.deps/current/lib/*.a")
        objects += glob.glob(f"{ROOT}/build/release/**/*.o", recursive=True)
        self.assertGreater(len(objects), 50)
        self.assertEqual(calls.findall(engine.run_or_raise("nm", *objects)), [])

    def test_no_compression_is_linked(self):
        self.assertEqual(archives_in(self.link_map) & {"libz.a", "libzstd.a"}, set())


class InTheImage(SbomCase):
    @classmethod
    def setUpClass(cls):
        stage = engine.build_stage("build")
        inside = ["podman", "run", "--rm", "--network=host", "--pull=never", stage]
        cls.link_map = engine.run_or_raise(*inside, "cat", "build/release/pgstride.map")
        cls.symbols = symbols_in(engine.run_or_raise(*inside, "nm", "build/release/pgstride"))
        cls.files = engine.files_of()
        cls.document = json.loads(cls.files["/licenses/pgstride.spdx.json"][1])

    def test_it_is_valid_and_agrees_with_the_linker(self):
        self.assert_valid(self.document)
        self.assertEqual(self.document["creationInfo"]["created"], engine.CREATED)
        self.assertEqual(faults(self.document, self.link_map, self.symbols), [])
        self.assertEqual(archives_in(self.link_map) & {"libz.a", "libzstd.a"}, set())

    def test_it_is_of_this_binary(self):
        (checksum,) = self.document["packages"][0]["checksums"]
        binary = hashlib.sha256(self.files["/pgstride"][1]).hexdigest()
        self.assertEqual(checksum["checksumValue"], binary)

    def test_each_package_comes_with_its_licence(self):
        for package in self.document["packages"]:
            name = package["name"]
            path = "LICENSE" if name == "pgstride" else f"{name}/copyright"
            with self.subTest(package=name):
                self.assertGreater(len(self.files[f"/licenses/{path}"][1]), 500)
        for name in ("Apache-2.0", "GPL-3", "LGPL-2.1", "MPL-2.0"):
            self.assertGreater(len(self.files[f"/licenses/common/{name}"][1]), 5000, name)


if __name__ == "__main__":
    unittest.main()
