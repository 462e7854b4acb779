"""Asks the observing process, and finds versions under which two different values would be stored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from projects import Edit

Seen = list[tuple[str, str | None, str]]


class Observer:
    """A process that observes projects; see `observe.py`."""

    def __enter__(self) -> Observer:
        environment = {**os.environ, "PYTHONPATH": os.environ.get("EDITS_CHECKOUT", str(Path(__file__).parents[4]))}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("observe.py"))],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def observe(self, folder: Path, edit: Edit) -> Any:
        """What was seen, in order: the last in new processes, after the edit, and before it; text where it failed."""
        assert self._process.stdin
        assert self._process.stdout
        task = {"folder": str(folder), "before": edit.before, "after": edit.after}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        parts = json.loads(self._process.stdout.readline())
        failures = [each for each in parts if isinstance(each, str)]
        return failures[0] if failures else [tuple(each) for part in parts for each in part]


def stale_hits(seen: Iterable[tuple[str, str | None, str]]) -> list[str]:
    """Where a value would have been loaded that is not the one that the code gives."""
    stored: dict[str, tuple[str, str]] = {}
    found = []
    for when, version, given in seen:
        if version is not None:
            earlier, value = stored.setdefault(version, (when, given))
            if value != given:
                found.append(f"{earlier} {value}, {when} {given}")
    return found
