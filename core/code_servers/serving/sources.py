"""The files of which the user's code was loaded, to notice that they have changed."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_OURS = tuple(str(Path(__file__).parents[3] / package) + "/" for package in ("core", "cloudstore"))
_OF_OTHERS = (*_OURS, *(sysconfig.get_path(kind) + "/" for kind in ("stdlib", "purelib", "platlib")))


def source_files() -> dict[str, int]:
    """Those of the modules of this process that are neither ours nor of an installed library, with their times."""
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    return {path: _changed_at(path) for path in files if path and not path.startswith(_OF_OTHERS)}


def have_changed(sources: Mapping[str, int]) -> bool:
    """Whether one of the files is another by now, or gone."""
    return any(_changed_at(path) != noted for path, noted in sources.items())


def _changed_at(path: str) -> int:
    with suppress(OSError):
        return Path(path).stat().st_mtime_ns
    return 0
