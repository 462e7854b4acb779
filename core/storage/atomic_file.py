"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def atomic_write(path: Path, overwrite: bool = True) -> Iterator[IO[bytes]]:
    """A stream whose content appears at `path` when the block ends, and nowhere when it raises.

    Args:
        path: the file; its folder is made when it is not there.
        overwrite: False leaves a file that is there already as it is; of many writers, the first one's stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
        if overwrite:
            Path(temporary).replace(path)
        else:
            _publish_once(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _publish_once(temporary: str, path: Path) -> None:
    try:
        os.link(temporary, path)  # unlike a rename, fails when the name is taken
    except FileExistsError:
        return
