"""Files that the IO managers of this package have written, read without these: by nothing but their path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from core.disk.regular_file import open_regular
from core.resources.versioned_fs_io_manager import matches_digest, without_digest
from core.values.codecs.files import read_codec_name


class OpenedValue(NamedTuple):
    """A stored value as it is encoded.

    Attributes:
        codec_name: by which codec.
        stream: at the beginning of what the codec has written, which goes to its end.
    """

    codec_name: str
    stream: IO[bytes]


@contextmanager
def opened_value(path: Path) -> Iterator[OpenedValue]:
    """Opens a file of `fs_io_manager` or `versioned_filesystem_io_manager`. Nothing is decoded, so no code runs.

    Raises:
        OSError: it cannot be read.
        DagsterObjectCorruptError: it is no regular file.
    """
    with open_regular(path) as file:
        parts = path.parts
        is_versioned = matches_digest(file, *("/".join(parts[at:]).encode() for at in range(1, len(parts))))
        file.seek(0)
        stream = without_digest(file) if is_versioned else file
        yield OpenedValue(read_codec_name(stream), stream)
