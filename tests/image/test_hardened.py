# SPDX-License-Identifier: Apache-2.0
"""dist/pgstride is hardened: what the ELF says, and what the compiler put in."""

import glob
import os
import platform
import re
import subprocess
import unittest

from support.harness import ROOT

LIBRARIES = ("libpq.a", "libcurl.a", "libjansson.a", "libpgcommon.a", "libpgport.a", "libpgfeutils.a")
RELEASE = os.path.join(ROOT, "dist/pgstride")


def read(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout


class Hardened(unittest.TestCase):
    def test_the_segments(self):
        header = read("readelf", "--file-header", RELEASE)
        self.assertRegex(header, r"Type: +DYN")  # position-independent
        segments = read("readelf", "--program-headers", "--wide", RELEASE)
        self.assertRegex(segments, r"GNU_RELRO")
        self.assertRegex(segments, r"GNU_STACK +(0x\w+ +){5}RW +0x")
        self.assertNotRegex(segments, r"LOAD +(0x\w+ +){5}RWE")
        dynamic = read("readelf", "--dynamic", "--wide", RELEASE)
        self.assertRegex(dynamic, r"BIND_NOW|FLAGS_1\).*NOW")  # relocated, then read-only
        self.assertNotIn("TEXTREL", dynamic)
        self.assertNotIn("RPATH", dynamic)
        self.assertNotIn("RUNPATH", dynamic)

    def test_checks_are_compiled_in(self):
        """Before the symbols are stripped; ours, and those of the libraries that we build."""
        ours = read("nm", *glob.glob(f"{ROOT}/build/release/src/libpgstride.a.p/*.o"))
        self.assertGreater(ours.count(" U __stack_chk_fail\n"), 20)
        for name in ("__memcpy_chk", "__vsnprintf_chk", "__snprintf_chk"):
            with self.subTest(name):
                self.assertRegex(ours, rf" U {name}\n")
        linked = read("nm", f"{ROOT}/build/release/pgstride")
        self.assertRegex(linked, r" T __stack_chk_fail\n")
        for library in LIBRARIES[:3]:
            with self.subTest(library):
                symbols = read("nm", f"{ROOT}/.deps/current/lib/{library}")
                self.assertIn(" U __stack_chk_fail\n", symbols)
                self.assertRegex(symbols, r" U __\w+_chk\n")

    def test_jumps_land_where_they_may(self):
        """A function that may be called through a pointer begins with the mark of it."""
        mark = {"x86_64": "endbr64", "aarch64": "bti|paciasp"}.get(platform.machine())
        if mark is None:
            return
        code = read("objdump", "--disassemble=main", f"{ROOT}/build/release/pgstride")
        first = code[code.index("<main>:"):].splitlines()[1]
        self.assertTrue(re.search(rf"\b({mark})\b", first), first)
        for library in LIBRARIES:
            with self.subTest(library):
                notes = read("readelf", "--notes", f"{ROOT}/.deps/current/lib/{library}")
                files = notes.split("\nFile: ")[1:]
                self.assertGreater(len(files), 5)
                self.assertEqual([], [file for file in files if not re.search(
                    r"Properties: .*\b(IBT|BTI)\b", file)])
