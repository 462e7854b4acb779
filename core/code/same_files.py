"""Whether the code of a pipeline is the same in two places: its files, by their names below one folder."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from core.code.file_names import root_of


def digests_below(file: str) -> dict[str, str]:
    """Digests of the files that this process has loaded modules from and that belong together with one of them.

    Args:
        file: one of them. What is below the folder of its top-level package belongs to it, but for installed packages.

    Returns:
        A digest for each file, by its name below that folder.
    """
    root = root_of(file)
    installed = tuple({f"{os.path.realpath(each)}{os.sep}" for each in sysconfig.get_paths().values()})
    if os.path.realpath(file).startswith(installed):
        names = {_below(path, root) for path in _loaded_files() if path.startswith(_package_of(file, root))}
    else:
        loaded = {*_loaded_files(), file}
        names = {_below(path, root) for path in loaded if not os.path.realpath(path).startswith(installed)}
    return {name: digest for name in sorted(filter(None, names)) if (digest := digest_of(root / name)) is not None}


def differing_below(file: str, digests: Mapping[str, str]) -> list[str]:
    """The files that are here and are others than there, by their names.

    Args:
        file: the file here that was given to `digests_below` there.
        digests: what that has returned there. What is not here was not needed here.
    """
    root = root_of(file)
    here = {name: digest_of(root / name) for name in digests}
    return [name for name, digest in digests.items() if here[name] not in (None, digest)]


def digest_of(path: Path) -> str | None:
    """A digest of a file's content; None where there is no such file."""
    try:
        status = path.stat()
        return _digest(str(path), status.st_mtime_ns, status.st_size)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _digest(path: str, _modified_ns: int, _size: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _loaded_files() -> Iterator[str]:
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py"):
            yield os.path.abspath(path)  # noqa: PTH100  pathlib takes ten times as long, for all modules


def _package_of(file: str, root: Path) -> str:
    """The top-level package of an installed file, or the file itself where it is in none."""
    top = Path(file).absolute().relative_to(root).parts[0]
    return f"{root / top}{os.sep}" if (root / top).is_dir() else str(root / top)


def _below(path: str, root: Path) -> str | None:
    prefix = f"{root}{os.sep}"
    return path.removeprefix(prefix) if path.startswith(prefix) else None
