"""Files that solids hand to each other: the interface of file managers, and the policy they share."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from typing import IO, Any, TypeVar

from core.errors import DagsterInvariantViolationError
from core.wording import a_kind_of

READ_MODES = ("r", "rb")
WRITE_MODES = ("w", "wb")
COPY_CHUNK_BYTES = 1 << 20
_MOST_EXTENSION_BYTES = 200  # file systems keep names of 255 bytes, and S3 keys of 1,024


class FileHandle(ABC):
    """A reference to a stored file. Small, picklable and equal by value, so it can pass between solids.

    Example:
        >>> import io
        >>> from core import FileHandle, InMemoryFileManager
        >>> handle = InMemoryFileManager().write(io.BytesIO(b"id,total"), ext="csv")
        >>> isinstance(handle, FileHandle), handle.path_desc
        (True, '...csv')
    """

    @property
    @abstractmethod
    def path_desc(self) -> str:
        """str: where the file is, for people: a path or a URL."""


class FileManager(ABC):
    """Stores files and gives them back by handle.

    Policy is here (modes, extensions, temporary copies); an implementation says how bytes go in and out.
    Text is UTF-8 in both directions.

    Example:
        >>> import io
        >>> from core import ModeDefinition, execute_solid, local_file_manager, solid
        >>> @solid(required_resource_keys={"file_manager"})
        ... def save(context):
        ...     return context.resources.file_manager.write(io.StringIO("id,total"), mode="w", ext="csv")
        >>> files = local_file_manager.configured({"base_dir": "files"})
        >>> execute_solid(save, ModeDefinition(resource_defs={"file_manager": files})).output_value()
        LocalFileHandle('...csv')
    """

    @abstractmethod
    def copy_handle_to_local_temp(self, file_handle: FileHandle) -> str:
        """Fetches a file to the local disk.

        Args:
            file_handle: the file; it is fetched once per handle, later calls give the same path.

        Returns:
            str: the path of a whole copy, until `delete_local_temp`. A partial copy is never visible there.

        Raises:
            DagsterObjectNotFoundError: the file is not there.
        """

    @abstractmethod
    def delete_local_temp(self) -> None:
        """Deletes every copy made by `copy_handle_to_local_temp`. Doing it twice does no harm."""

    @abstractmethod
    def read(self, file_handle: FileHandle, mode: str = "rb") -> IO[Any]:
        """Opens a file for reading.

        Args:
            file_handle: the file.
            mode: "rb" for bytes, "r" for text.

        Returns:
            IO: a seekable stream, to be closed by the caller; use it in a `with`.

        Raises:
            DagsterInvariantViolationError: for another mode.
            DagsterObjectNotFoundError: the file is not there.
        """

    @abstractmethod
    def read_data(self, file_handle: FileHandle) -> bytes:
        """The whole content of a file.

        Raises:
            DagsterObjectNotFoundError: the file is not there.
        """

    @abstractmethod
    def write(self, file_obj: IO[Any], mode: str = "wb", ext: str | None = None) -> FileHandle:
        """Stores what `file_obj` holds from its position on. The file is there whole or not at all.

        Args:
            file_obj: a readable file object; it need not seek. Of bytes for mode "wb", of text for "w".
            mode: "wb" or "w".
            ext: the extension of the stored file, with or without the dot: up to 200 bytes of printable text without
                slashes and backslashes.

        Returns:
            FileHandle: of a new file; no two writes share one.

        Raises:
            DagsterInvariantViolationError: for another mode, a file object of the other kind, or another extension.
        """

    @abstractmethod
    def write_data(self, data: bytes, ext: str | None = None) -> FileHandle:
        """Stores `data` as a new file; as `write` otherwise."""


_Handle = TypeVar("_Handle", bound=FileHandle)


def checked_handle(given: object, kind: type[_Handle], manager: str, how_to_make: str = "") -> _Handle:
    """A handle that was given to a file manager, as one of its own kind.

    Args:
        given: what it was given.
        kind: of its handles.
        manager: the file manager, as the beginning of a message.
        how_to_make: a handle of something that is there; nothing where that cannot be.

    Raises:
        DagsterInvariantViolationError: it is something else.
    """
    if isinstance(given, kind):
        return given
    if isinstance(given, FileHandle):
        raise DagsterInvariantViolationError(
            f"{manager} was given {a_kind_of(given)} ({given.path_desc}); read it with the file manager that wrote it."
        )
    hint = f" For a file that something else wrote, give {how_to_make}." if how_to_make else ""
    raise DagsterInvariantViolationError(
        f"{manager} takes the handle of a file, as its write() returns it, and was given {given!r:.200}, a "
        f"{type(given).__name__}.{hint}"
    )


def check_mode(mode: str, allowed: tuple[str, ...]) -> None:
    """Raises DagsterInvariantViolationError when `mode` is not one of the allowed ones."""
    if mode not in allowed:
        raise DagsterInvariantViolationError(f"Unknown file mode {mode!r}; use {' or '.join(map(repr, allowed))}.")


def dotted(ext: str | None) -> str:
    """An extension with its dot, or "" for none.

    Raises:
        DagsterInvariantViolationError: some file managers cannot keep it.
    """
    if not ext:
        return ""
    if not isinstance(ext, str):
        raise DagsterInvariantViolationError(f"A file extension is a text such as csv, not {ext!r:.200}.")
    bare = ext.removeprefix(".")
    if "/" in bare or "\\" in bare or not bare.isprintable():
        raise DagsterInvariantViolationError(f"A file extension cannot hold a path or control characters: {ext!r}.")
    if len(bare.encode()) > _MOST_EXTENSION_BYTES:
        raise DagsterInvariantViolationError(
            f"A file extension may have {_MOST_EXTENSION_BYTES} bytes; {ext[:20]!r}... has {len(bare.encode())}."
        )
    return f".{bare}"


class _EncodedText(io.RawIOBase):
    """A text stream, read as the UTF-8 bytes of its characters."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._pending:
            chunk = self._text.read(COPY_CHUNK_BYTES)
            if not isinstance(chunk, str):
                raise DagsterInvariantViolationError('The file object gives bytes; write it with mode "wb".')
            if not chunk:
                return 0
            self._pending = chunk.encode("utf-8")
        count = min(len(buffer), len(self._pending))
        buffer[:count], self._pending = self._pending[:count], self._pending[count:]
        return count


class _CheckedBinary(io.RawIOBase):
    """A binary stream that says plainly when it turns out to be a text stream."""

    def __init__(self, binary: IO[bytes]) -> None:
        self._binary = binary

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._binary.read(size)
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise DagsterInvariantViolationError('The file object gives text; write it with mode "w".')
        return bytes(chunk)


def as_binary(file_obj: IO[Any], mode: str) -> IO[bytes]:
    """`file_obj` as a stream of bytes, for a write in `mode`; raises when it is of the other kind."""
    if not hasattr(file_obj, "read"):
        raise DagsterInvariantViolationError(f"Expected a readable file object, got {a_kind_of(file_obj)}.")
    if "b" in mode and isinstance(file_obj, io.BufferedReader | io.FileIO):
        return file_obj
    if "b" in mode:
        return _CheckedBinary(file_obj)  # type: ignore[return-value]  # read() is all that a copy calls
    return io.BufferedReader(_EncodedText(file_obj), COPY_CHUNK_BYTES)


def stream_of(data: object) -> IO[bytes]:
    """Bytes as a stream of them.

    Raises:
        DagsterInvariantViolationError: it is something else, such as a text.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        hint = ' Encode it, or write(io.StringIO(text), mode="w").' if isinstance(data, str) else ""
        raise DagsterInvariantViolationError(f"Expected bytes to write, got {a_kind_of(data)}.{hint}")
    return io.BytesIO(data)
