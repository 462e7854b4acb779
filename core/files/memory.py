"""Files kept in this process, for tests and for runs that leave nothing."""

from __future__ import annotations

import io
import uuid
from pathlib import Path
from typing import IO, Any

from core.disk.atomic_file import atomic_write
from core.disk.copying import copy_stream
from core.disk.local_copies import LocalCopies
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


class InMemoryFileHandle(FileHandle):
    """A file in the memory of a file manager.

    Args:
        name: its name there.

    Example:
        >>> from core import InMemoryFileManager
        >>> files = InMemoryFileManager()
        >>> handle = files.write_data(b"id,total", ext="csv")
        >>> files.read_data(handle)
        b'id,total'
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """str: the file's name."""
        return self._name

    @property
    def path_desc(self) -> str:
        return f"memory://{self._name}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InMemoryFileHandle) and other._name == self._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f"InMemoryFileHandle({self._name!r})"


class InMemoryFileManager(FileManager):
    """Files in a dict, each under a random name. It may be used from many threads, and by one process only.

    Example:
        >>> from core import InMemoryFileManager
        >>> files = InMemoryFileManager()
        >>> handle = files.write_data("für alle".encode())
        >>> with files.read(handle, "r") as file:
        ...     print(file.read())
        für alle
    """

    def __init__(self) -> None:
        self._files: dict[FileHandle, bytes] = {}
        self._copies = LocalCopies("mem-files-")

    def copy_handle_to_local_temp(self, file_handle: FileHandle) -> str:
        data = self.read_data(file_handle)

        def save(path: str) -> None:
            with atomic_write(Path(path)) as stream:
                stream.write(data)

        return self._copies.get(file_handle, file_handle.path_desc, save)

    def delete_local_temp(self) -> None:
        self._copies.delete()

    def read(self, file_handle: FileHandle, mode: str = "rb") -> IO[Any]:
        check_mode(mode, READ_MODES)
        stream = io.BytesIO(self.read_data(file_handle))
        return stream if "b" in mode else io.TextIOWrapper(stream, encoding="utf-8")

    def read_data(self, file_handle: FileHandle) -> bytes:
        handle = checked_handle(file_handle, InMemoryFileHandle, "An in-memory file manager")
        if handle not in self._files:
            raise DagsterObjectNotFoundError(
                f"No file {handle.path_desc} in memory; another file manager, maybe of another process or run, "
                "wrote it. To read it here, keep files with local_file_manager or in a bucket."
            )
        return self._files[handle]

    def write(self, file_obj: IO[Any], mode: str = "wb", ext: str | None = None) -> FileHandle:
        check_mode(mode, WRITE_MODES)
        handle, content = InMemoryFileHandle(uuid.uuid4().hex + dotted(ext)), io.BytesIO()
        copy_stream(as_binary(file_obj, mode), content, COPY_CHUNK_BYTES)
        self._files[handle] = content.getvalue()
        return handle

    def write_data(self, data: bytes, ext: str | None = None) -> FileHandle:
        return self.write(stream_of(data), ext=ext)
