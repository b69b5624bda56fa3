# SPDX-License-Identifier: Apache-2.0
"""podman, with a storage of its own, and the image of Dockerfile.migrate, built once."""

import functools
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(TESTS)

BASE = "docker.io/library/debian:trixie-slim"
IMAGE = "localhost/pgstride-test"
EPOCH = 1_700_000_000  # any; 2023-11-14T22:13:20Z
CREATED = "2023-11-14T22:13:20Z"
LOCAL_BUILD = ("--isolation=chroot", "--pull=never", f"--build-arg=BASE={BASE}")
BUILD_TIMEOUT_S = 1800
RUN_TIMEOUT_S = 120

environment = dict(os.environ, SOURCE_DATE_EPOCH=str(EPOCH))


def run(*command, timeout=RUN_TIMEOUT_S, cwd=ROOT):
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", env=environment, cwd=cwd,
        stdin=subprocess.DEVNULL, timeout=timeout, check=False,
    )


def run_or_raise(*command, timeout=RUN_TIMEOUT_S, cwd=ROOT):
    done = run(*command, timeout=timeout, cwd=cwd)
    if done.returncode != 0:
        raise AssertionError(f"{command} failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


@functools.lru_cache(maxsize=None)
def use_podman():
    settings = run_or_raise("tests/image/base", timeout=BUILD_TIMEOUT_S).splitlines()
    environment.update(line.split("=", 1) for line in settings)


@functools.lru_cache(maxsize=None)
def build_image():
    """IMAGE, by scripts/image as a user builds it."""
    use_podman()
    run_or_raise(
        "scripts/image", "--engine", "podman", IMAGE, "--", *LOCAL_BUILD, timeout=BUILD_TIMEOUT_S,
    )


@functools.lru_cache(maxsize=None)
def build_stage(stage):
    """The image of this stage, which IMAGE's own build has left in the cache."""
    build_image()
    tag = f"{IMAGE}-{stage}"
    run_or_raise(
        "scripts/image", "--engine", "podman", tag, "--", *LOCAL_BUILD, f"--target={stage}",
        timeout=BUILD_TIMEOUT_S,
    )
    return tag


def inspect(image=IMAGE):
    (description,) = json.loads(run_or_raise("podman", "image", "inspect", image))
    return description


def files_of(image=IMAGE):
    """What the image's layers hold: {path: (member, bytes)}, as a registry would get them."""
    with tempfile.TemporaryDirectory() as folder:
        archive = f"{folder}/image.tar"
        run_or_raise("podman", "save", "--format=docker-archive", f"--output={archive}", image)
        with tarfile.open(archive) as saved:
            (manifest,) = json.load(saved.extractfile("manifest.json"))
            layers = [saved.extractfile(name).read() for name in manifest["Layers"]]
    files = {}
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
            for member in archive:
                content = archive.extractfile(member).read() if member.isfile() else b""
                files["/" + member.name.strip("/")] = (member, content)
    return files


def listing(files):
    """One line a file: all that could differ."""
    return [
        f"{path} {member.type.decode()} {member.mode:o} {member.uid}:{member.gid} {member.mtime} "
        f"{member.size} {hashlib.sha256(content).hexdigest()}"
        for path, (member, content) in sorted(files.items())
    ]
