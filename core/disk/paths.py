"""Names that come from outside (run ids, step keys) as file names."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from core.errors import DagsterInvariantViolationError

_MAX_NAME_BYTES = 200  # file systems accept 255, but suffixes such as ".db-wal" are added
_MOST_CHANGES = 100  # of links on a path, while it is looked at


def file_name(name: str, what: str) -> str:
    """A file name for `name`: reversible, different for different names, and never a path out of its folder.

    Args:
        name: any text.
        what: what it names, such as "run id", for the message.

    Raises:
        DagsterInvariantViolationError: the name is empty, or too long for a file name.
    """
    if name.isascii() and name.isidentifier() and len(name) <= _MAX_NAME_BYTES:  # a shortcut for most names
        return name
    try:
        quoted = quote(name, safe="[]")
    except UnicodeEncodeError as error:
        raise DagsterInvariantViolationError(f"The {what} {name[:40]!r} is not valid Unicode text.") from error
    if quoted.strip(".") == "":
        quoted = quoted.replace(".", "%2E")
    if not quoted or len(quoted) > _MAX_NAME_BYTES:
        raise DagsterInvariantViolationError(
            f"The {what} {name[:40]!r} cannot name a file: it must have 1 to {_MAX_NAME_BYTES} bytes, "
            f"but it has {len(quoted)}."
        )
    return quoted


def can_name_file(name: str) -> bool:
    """Whether `file_name` accepts a name; under a name that it refuses, nothing is kept on the disk."""
    try:
        file_name(name, "name")
    except DagsterInvariantViolationError:
        return False
    return True


def inside(base: Path, *names: str) -> Path:
    """`base / names...`, checked for symbolic links that lead out of `base`.

    Raises:
        DagsterInvariantViolationError: the path lies outside `base`.
    """
    path = base.joinpath(*names)
    if not real_path(path).is_relative_to(real_path(base)):
        raise DagsterInvariantViolationError(f"{path} lies outside {base}.")
    return path


def real_path(path: str | Path) -> Path:
    """The path without symbolic links; a link that leads back to itself stays.

    Unlike `os.path.realpath` and `Path.resolve`, it can be asked while others delete: Python raises where a link goes
    between being seen and being read.
    """
    for _ in range(_MOST_CHANGES):
        with suppress(OSError):
            return Path(os.path.realpath(path))
    return Path(os.path.realpath(path))
