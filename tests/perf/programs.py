# SPDX-License-Identifier: Apache-2.0
"""The small C programs that measuring needs, compiled where they are new."""

import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "perf")
FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")


def compiled(name):
    """The path of tests/perf/NAME.c as a program."""
    source, program = os.path.join(HERE, f"{name}.c"), os.path.join(BUILT, name)
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        os.makedirs(BUILT, exist_ok=True)
        half = f"{program}.{os.getpid()}"  # moved in one step: another run may be using it
        subprocess.run(["cc", *FLAGS, "-o", half, source], check=True)
        os.rename(half, program)
    return program
