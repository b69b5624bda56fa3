# SPDX-License-Identifier: Apache-2.0
"""The source check finds what it is there to find, and lets pass what is right."""

import os
import tempfile
import unittest

from support import check_source

PYTHON_TEST = "class A:\n    def test_it(self):\n        pass\n"


def function(lines):
    return "void\nlong_one(void)\n{\n" + "    step();\n" * lines + "}\n"


class SourceCheck(unittest.TestCase):
    def violations(self, files):
        with tempfile.TemporaryDirectory() as root:
            for name, content in files.items():
                path = os.path.join(root, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(content)
            return [f"{path}:{line}: {rule}" for path, line, rule in check_source.check_tree(root)]

    def test_an_include_that_goes_upwards_is_found(self):
        order = "main > cli > command > rehearsal > engine > schema > adapter > base"
        table = (
            ("src/base/text.c", "adapter/log.h", "base"),
            ("src/adapter/log.c", "engine/plan.h", "adapter"),
            ("src/engine/plan.h", "command/up.h", "engine"),
            ("src/command/up.c", "cli/options.h", "command"),
            ("src/cli/options.c", "main/x.h", "cli"),
        )
        for path, header, layer in table:
            with self.subTest(path):
                self.assertEqual(
                    [f"{path}:2: {layer} may not include {header}: "
                     f"an include goes downwards ({order})"],
                    self.violations({path: f'\n#include "{header}"\n'}),
                )

    def test_an_include_downwards_or_within_a_layer_passes(self):
        self.assertEqual([], self.violations({
            "src/main.c": '#include "cli/options.h"\n#include "base/error.h"\n',
            "src/engine/plan.c": '#include "engine/plan.h"\n#include "adapter/log.h"\n',
            "src/base/text.c": '#include "base/text.h"\n#include <string.h>\n',
        }))

    def test_a_header_without_its_layer_is_found(self):
        self.assertEqual(
            ['src/engine/plan.c:1: "plan.h": a project header is named "layer/name.h"'],
            self.violations({"src/engine/plan.c": '#include "plan.h"\n'}),
        )

    def test_a_folder_that_is_no_layer_is_found(self):
        self.assertEqual(
            ["src/util/x.c:1: src/ has no such layer; "
             "there are main, cli, command, rehearsal, engine, schema, adapter, base"],
            self.violations({"src/util/x.c": "\n"}),
        )

    def test_a_library_has_one_user(self):
        table = (
            ("src/engine/runner.c", "libpq-fe.h", "src/adapter/postgres*"),
            ("src/adapter/postgres.c", "fe_utils/psqlscan.h", "src/adapter/lexer.c"),
            ("src/adapter/slack.c", "curl/curl.h", "src/adapter/http.c"),
            ("src/adapter/http.c", "jansson.h", "src/adapter/json.h"),
            ("src/engine/catalog.c", "openssl/sha.h", "src/adapter/digest.c"),
        )
        for path, header, users in table:
            for include in (f"#include <{header}>\n", f'#  include "{header}"\n'):
                with self.subTest(include):
                    self.assertEqual(
                        [f"{path}:1: <{header}> may only be included by {users}"],
                        self.violations({path: include}),
                    )

    def test_the_one_user_of_a_library_passes(self):
        self.assertEqual([], self.violations({
            "src/adapter/postgres.c": "#include <libpq-fe.h>\n",
            "src/adapter/postgres_pipeline.c": "#include <libpq-fe.h>\n",
            "src/adapter/lexer.c": '#include "postgres_fe.h"\n#include "fe_utils/psqlscan.h"\n',
            "src/adapter/http.c": "#include <curl/curl.h>\n",
            "src/adapter/json.h": "#include <jansson.h>\n",
            "src/adapter/digest.c": "#include <openssl/evp.h>\n",
        }))

    def test_a_function_over_80_lines_is_found(self):
        self.assertEqual(
            ["src/base/text.c:3: long_one has 81 lines, over 80"],
            self.violations({"src/base/text.c": function(81), "src/base/error.c": function(80)}),
        )

    def test_a_file_over_500_lines_is_found(self):
        self.assertEqual(
            ["src/base/text.c:501: the file has 501 lines, over 500"],
            self.violations({"src/base/text.c": "\n" * 500 + "int x;\n",
                             "src/base/error.c": "\n" * 499 + "int x;\n"}),
        )

    def test_a_banned_call_is_found_outside_comments_and_strings(self):
        source = '/* goto strcpy(a, b) */\nputs("system(1)");\nstrcpy(a, b);\ngoto end; // atoi(x)\n'
        self.assertEqual(
            ["src/base/text.c:3: strcpy: no bound",
             "src/base/text.c:4: goto: scoped cleanup instead"],
            self.violations({"src/base/text.c": source}),
        )

    def test_a_unit_test_that_is_not_registered_is_found(self):
        self.assertEqual(
            ["tests/unit/test_plan.c:1: not listed in tests/unit/meson.build, so it never runs",
             "tests/unit/meson.build:1: lists gone, and there is no tests/unit/test_gone.c"],
            self.violations({
                "tests/unit/test_plan.c": "", "tests/unit/test_text.c": "",
                "tests/unit/meson.build": "unit_tests = [\n  'text', # 'plan'\n  'gone',\n]\n",
            }),
        )

    def test_a_python_file_without_a_test_class_is_found(self):
        self.assertEqual(
            ["tests/cli/test_up.py:1: holds no test class with a test"],
            self.violations({"tests/cli/test_up.py": "def test_up():\n    pass\n",
                             "tests/cli/test_down.py": PYTHON_TEST}),
        )

    def test_a_promise_whose_test_is_not_there_is_found(self):
        page = (
            "| promise | held by |\n| --- | --- |\n"
            "| A | `tests/cli/test_a.py: test_it` |\n"
            "| B | `tests/cli/test_a.py: test_it`, `tests/cli/test_a.py: test_gone` |\n"
            "| C | `tests/unit/test_b.c: it_holds`, `tests/unit/test_b.c: it_is_not_run` |\n"
            "| D | nothing |\n"
            "| E | `tests/cli/test_gone.py: test_it` |\n"
        )
        self.assertEqual(
            ["docs/RELIABILITY.md:4: there is no test_gone in tests/cli/test_a.py",
             "docs/RELIABILITY.md:5: there is no it_is_not_run in tests/unit/test_b.c",
             "docs/RELIABILITY.md:6: this promise names no test, `FILE: NAME`",
             "docs/RELIABILITY.md:7: there is no test_it in tests/cli/test_gone.py"],
            self.violations({
                "docs/RELIABILITY.md": page,
                "tests/cli/test_a.py": "class A:\n    def test_it(self):\n        pass\n",
                "tests/unit/test_b.c": "it_is_not_run()\ncmocka_unit_test(it_holds),\n",
                "tests/unit/meson.build": "unit_tests = ['b']\n",
            }),
        )
