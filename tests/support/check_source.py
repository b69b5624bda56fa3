#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What no compiler checks: check_source.py [ROOT] prints FILE:LINE: RULE, and exits 1.

  layers      an include goes downwards, and a library has one user
  sizes       a function of src/ has 80 lines at most, a file 500
  calls       no goto, and no call that cannot be bounded
  registered  each unit test is known to Meson, each test_*.py holds tests
  promises    each promise of docs/RELIABILITY.md names tests, and they exist
"""

import ast
import glob
import os
import re
import sys

# From the top down: a layer includes itself and what stands below it.
LAYERS = ("main", "cli", "command", "rehearsal", "engine", "schema", "adapter", "base")

# Library headers and the only files that may include them.
LIBRARY_USERS = (
    (r"libpq-fe\.h|libpq/.*", r"src/adapter/postgres[a-z_]*\.[ch]", "src/adapter/postgres*"),
    (r"postgres_fe\.h|(?:fe_utils|common|mb|port)/.*|pqexpbuffer\.h", r"src/adapter/lexer\.c",
     "src/adapter/lexer.c"),
    (r"curl/.*", r"src/adapter/http\.c", "src/adapter/http.c"),
    (r"jansson\.h", r"src/adapter/json\.h", "src/adapter/json.h"),
    (r"openssl/.*", r"src/adapter/digest\.c", "src/adapter/digest.c"),
)

BANNED_CALLS = {
    "goto": "scoped cleanup instead",
    "gets": "no bound",
    "strcpy": "no bound",
    "strcat": "no bound",
    "sprintf": "no bound: snprintf or text_printf",
    "vsprintf": "no bound: vsnprintf",
    "atoi": "no errors: base/parse.h",
    "atol": "no errors: base/parse.h",
    "atoll": "no errors: base/parse.h",
    "strtok": "hidden state",
    "alloca": "no bound",
    "system": "no shell",
    "popen": "no shell",
}

PROMISES = "docs/RELIABILITY.md"

FUNCTION_LINES = 80
FILE_LINES = 500

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
BANNED = re.compile(r"\b(goto\b|(?:" + "|".join(n for n in BANNED_CALLS if n != "goto") + r")\s*\()")
COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S
)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def blank(text):
    """The same text, line by line, without what comments and strings hold."""
    return COMMENT_OR_STRING.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def layer_of(path):
    """src/engine/plan.c -> engine; src/main.c -> main; None outside the layers."""
    parts = path.split("/")
    if parts[0] != "src":
        return None
    layer = parts[1] if len(parts) > 2 else os.path.splitext(parts[1])[0]
    return layer if layer in LAYERS else None


def check_project_include(path, header):
    """What is wrong with this "header" in this file, or None."""
    folder = header.split("/")[0]
    if "/" not in header or folder not in LAYERS:
        return f'"{header}": a project header is named "layer/name.h"'
    if LAYERS.index(folder) < LAYERS.index(layer_of(path)):
        return f"{layer_of(path)} may not include {header}: an include goes downwards ({' > '.join(LAYERS)})"
    return None


def check_library_include(path, header):
    """What is wrong with this <header> in this file, or None."""
    for headers, users, words in LIBRARY_USERS:
        if re.fullmatch(headers, header) and not re.fullmatch(users, path):
            return f"<{header}> may only be included by {words}"
    return None


def check_layers(path, text):
    if layer_of(path) is None:
        yield 1, f"src/ has no such layer; there are {', '.join(LAYERS)}"
        return
    for number, line in enumerate(text.split("\n"), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        is_project = found.group(1) == '"' and not any(
            re.fullmatch(headers, found.group(2)) for headers, _, _ in LIBRARY_USERS
        )
        check = check_project_include if is_project else check_library_include
        wrong = check(path, found.group(2))
        if wrong:
            yield number, wrong


def check_sizes(path, text):
    lines = text.rstrip("\n").split("\n")
    if len(lines) > FILE_LINES:
        yield FILE_LINES + 1, f"the file has {len(lines)} lines, over {FILE_LINES}"
    opened = None
    for number, line in enumerate(lines, 1):  # clang-format puts a function's braces in column 1
        if line == "{":
            opened = number
        elif line == "}" and opened:
            if number - opened - 1 > FUNCTION_LINES:
                name = re.match(r"\w*", lines[opened - 2]).group() or "a function"
                yield opened, f"{name} has {number - opened - 1} lines, over {FUNCTION_LINES}"
            opened = None


def check_calls(path, text):
    for number, line in enumerate(blank(text).split("\n"), 1):
        for found in BANNED.findall(line):
            name = found.rstrip("( \t")
            yield number, f"{name}: {BANNED_CALLS[name]}"


def check_unit_registered(root):
    """The array of tests/unit/meson.build names every test_*.c, and no other."""
    place = "tests/unit/meson.build"
    build = os.path.join(root, place)
    text = re.sub(r"#[^\n]*", "", read(build)) if os.path.exists(build) else ""
    array = re.search(r"unit_tests\s*=\s*\[(.*?)\]", text, re.S)
    listed = set(re.findall(r"'([^']+)'", array.group(1))) if array else set()
    files = glob.glob(os.path.join(root, "tests/unit/test_*.c"))
    present = {os.path.basename(path)[len("test_"):-len(".c")] for path in files}
    for name in sorted(present - listed):
        yield f"tests/unit/test_{name}.c", 1, f"not listed in {place}, so it never runs"
    for name in sorted(listed - present):
        yield place, 1, f"lists {name}, and there is no tests/unit/test_{name}.c"


def check_python_tests(root):
    """Every test_*.py holds a class with a test in it, where the runner will find it."""
    for path in sorted(glob.glob(os.path.join(root, "tests/**/test_*.py"), recursive=True)):
        place = os.path.relpath(path, root)
        tests = [
            item.name
            for node in ast.parse(read(path), place).body if isinstance(node, ast.ClassDef)
            for item in node.body
            if isinstance(item, ast.FunctionDef) and item.name.startswith("test")
        ]
        if not tests:
            yield place, 1, "holds no test class with a test"


def test_names(root, place):
    """The tests in this file of the suite."""
    path = os.path.join(root, place)
    if not os.path.isfile(path):
        return set()
    if place.endswith(".py"):
        return set(re.findall(r"^    def (test_\w+)\(self", read(path), re.M))
    return set(re.findall(r"cmocka_unit_test\w*\((\w+)", read(path)))


def check_promises(root):
    """A row of a table of docs/RELIABILITY.md is a promise and its tests, `FILE: NAME`."""
    path = os.path.join(root, PROMISES)
    lines = read(path).split("\n") if os.path.exists(path) else []
    for number, line in enumerate(lines, 1):
        if not line.startswith("| ") or line.startswith(("| promise |", "| ---")):
            continue
        held_by = line.strip("| ").split(" | ")[-1]
        named = re.findall(r"`(tests/\S+): (\w+)`", held_by)
        if not named:
            yield PROMISES, number, "this promise names no test, `FILE: NAME`"
        for place, name in named:
            if name not in test_names(root, place):
                yield PROMISES, number, f"there is no {name} in {place}"


def check_tree(root):
    """Every violation: (file, line, rule)."""
    sources = sorted(
        os.path.relpath(path, root)
        for path in glob.glob(os.path.join(root, "src/**/*.[ch]"), recursive=True)
    )
    for path in sources:
        text = read(os.path.join(root, path))
        for check in (check_layers, check_sizes, check_calls):
            for line, rule in check(path, text):
                yield path, line, rule
    yield from check_unit_registered(root)
    yield from check_python_tests(root)
    yield from check_promises(root)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    violations = list(check_tree(root))
    for path, line, rule in violations:
        print(f"{path}:{line}: {rule}")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
