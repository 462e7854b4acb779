"""Demos as a user starts them, and what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """For temporary files. The name is short: a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="d-") as name:
        yield Path(name)


def environment(temporary: Path) -> dict[str, str]:
    """Of a command that keeps its temporary files in a folder, with nothing of an instance or a store of ours."""
    foreign = ("AWS_", "FLIGHTS_", "DAGSTER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command, in a process group of its own as in a terminal, with its temporary files in a folder.

    Args:
        folder: where it works, too.
        arguments: of Python.
    """
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def users_of(folder: Path) -> list[str]:
    """The command lines of processes that work in a folder, or know of it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = [(process / name).read_bytes() for name in ("cmdline", "environ")]
            told.append(os.fsencode((process / "cwd").readlink()))
            if any(os.fsencode(folder) in each for each in told) and int(process.name) != os.getpid():
                found.append(told[0].replace(b"\0", b" ").decode())
    return found
