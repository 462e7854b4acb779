"""Which files are rewritten, and writing all of them or none."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

INSTANCE_FILE = "dagster.yaml"
_NOT_OURS = {"__pycache__", "node_modules", "site-packages", "venv", "build", "dist"}


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """The Python files and `dagster.yaml` files among some paths and below those that are folders, each once.

    Hidden folders, environments and what was built are passed over, unless they are named themselves.
    """
    seen: set[Path] = set()
    for path in paths:
        for file in [path] if path.is_file() else _below(path):
            if (known := file.resolve()) not in seen:
                seen.add(known)
                yield file


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            each
            for each in folders
            if not each.startswith(".") and each not in _NOT_OURS and not (Path(root) / each / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            if name.endswith(".py") or name == INSTANCE_FILE:
                yield Path(root) / name


def write_all(contents: Mapping[Path, bytes]) -> None:
    """Replaces files, which keep their permissions. Nothing is replaced before everything is on the disk.

    Raises:
        OSError: one could not be written.
    """
    temporary: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            target = path.resolve()  # of a link, what it leads to
            new = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
            temporary[target] = new
            new.write_bytes(content)
            shutil.copymode(target, new)
        for target, new in temporary.items():
            new.replace(target)
    finally:
        for new in temporary.values():
            new.unlink(missing_ok=True)
