"""Files on the local disk."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import IO, Any

from core.disk.atomic_file import atomic_write
from core.disk.copying import copy_stream
from core.errors import DagsterObjectNotFoundError
from core.files.manager import (
    COPY_CHUNK_BYTES,
    READ_MODES,
    WRITE_MODES,
    FileHandle,
    FileManager,
    as_binary,
    check_mode,
    checked_handle,
    dotted,
    stream_of,
)


class LocalFileHandle(FileHandle):
    """A file on the local disk.

    Args:
        path: its absolute path.

    Example:
        >>> from pathlib import Path
        >>> from core import LocalFileHandle
        >>> handle = LocalFileHandle(str(Path("orders.csv").absolute()))
        >>> Path(handle.path).name
        'orders.csv'
    """

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def path(self) -> str:
        """str: the file's path."""
        return self._path

    @property
    def path_desc(self) -> str:
        return self._path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalFileHandle) and other._path == self._path

    def __hash__(self) -> int:
        return hash(self._path)

    def __repr__(self) -> str:
        return f"LocalFileHandle({self._path!r})"


class LocalFileManager(FileManager):
    """Files in one directory of the local disk, each under a random name.

    Args:
        base_dir: the directory; made when first written to.

    Example:
        >>> from core.storage.file_manager import LocalFileManager
        >>> files = LocalFileManager("files")
        >>> handle = files.write_data(b"id,total", ext="csv")
        >>> files.read_data(handle)
        b'id,total'
    """

    def __init__(self, base_dir: str) -> None:
        self.base_dir = str(Path(base_dir).absolute())

    def copy_handle_to_local_temp(self, file_handle: FileHandle) -> str:
        return self._existing_path(file_handle)  # it is local already, and must not be deleted as a copy would be

    def delete_local_temp(self) -> None:
        return None

    def read(self, file_handle: FileHandle, mode: str = "rb") -> IO[Any]:
        check_mode(mode, READ_MODES)
        path = Path(self._existing_path(file_handle))
        return path.open(mode, encoding=None if "b" in mode else "utf-8")

    def read_data(self, file_handle: FileHandle) -> bytes:
        return Path(self._existing_path(file_handle)).read_bytes()

    def write(self, file_obj: IO[Any], mode: str = "wb", ext: str | None = None) -> FileHandle:
        check_mode(mode, WRITE_MODES)
        target = Path(self.base_dir, uuid.uuid4().hex + dotted(ext))
        with atomic_write(target) as stream:
            copy_stream(as_binary(file_obj, mode), stream, COPY_CHUNK_BYTES)
        return LocalFileHandle(str(target))

    def write_data(self, data: bytes, ext: str | None = None) -> FileHandle:
        return self.write(stream_of(data), ext=ext)

    @staticmethod
    def _existing_path(file_handle: FileHandle) -> str:
        handle = checked_handle(file_handle, LocalFileHandle, "A local file manager", "LocalFileHandle(path)")
        if not Path(handle.path).is_file():
            raise DagsterObjectNotFoundError(f"No file at {handle.path}; it was deleted, or is on another machine.")
        return handle.path
