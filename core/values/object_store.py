"""Objects by exact keys, each a value as its serialization strategy writes it: in memory and in files.

A key is segments joined by "/". The keys that a store takes are the same in every store: those that all of them keep
faithfully. `key_for_paths` makes such a key of any names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any, ClassVar
from urllib.parse import quote

from core.disk.atomic_file import atomic_write
from core.disk.copying import copy_stream
from core.disk.paths import file_name, inside
from core.disk.regular_file import open_regular
from core.errors import DagsterObjectNotFoundError
from core.types.serialization import PickleSerializationStrategy, SerializationStrategy
from core.values.keys import checked_key, encode_name
from core.values.loading import told_where
from core.values.unfinished import refuse_unfinished

PICKLE = PickleSerializationStrategy()

_COPY_CHUNK_BYTES = 1 << 20
_FILE_MARK = "="  # ends the names of files only, so that "a" and "a/b" are two objects; quote() never writes it


class ObjectStore(ABC):
    """Keeps objects by key. It may be used from many threads.

    A key stands for itself alone: another one of which it is a prefix does not answer for it, nor goes with it. An
    object is there whole or not at all: while it is replaced a reader gets the old value or the new one, and a writer
    that fails leaves what was there.

    Every method that takes a key raises DagsterInvariantViolationError for one that `keys.checked_key` refuses.

    Args:
        name: of the kind of store, for people.
        sep: what joins the segments of a key.
    """

    is_persistent: ClassVar[bool] = True
    """Whether another process finds the objects."""

    def __init__(self, name: str, sep: str = "/") -> None:
        self.name = name
        self.sep = sep

    @abstractmethod
    def set_object(self, key: str, obj: Any, serialization_strategy: SerializationStrategy | None = None) -> str:
        """Stores a value, replacing the one that the key had.

        Args:
            key: where.
            obj: the value.
            serialization_strategy: writes it; pickle by default.

        Returns:
            str: `uri_for_key(key)`.
        """

    @abstractmethod
    def get_object(self, key: str, serialization_strategy: SerializationStrategy | None = None) -> tuple[Any, str]:
        """The value stored under a key.

        Args:
            key: where.
            serialization_strategy: reads it; the one that wrote it. Pickle by default.

        Returns:
            The value, and `uri_for_key(key)`.

        Raises:
            DagsterObjectNotFoundError: there is none.
        """

    @abstractmethod
    def has_object(self, key: str) -> bool:
        """Whether there is an object with exactly this key."""

    @abstractmethod
    def rm_object(self, key: str) -> str:
        """Deletes the object with this key; no error where there is none. Returns `uri_for_key(key)`."""

    @abstractmethod
    def cp_object(self, src: str, dst: str) -> tuple[str, str]:
        """Stores the object of one key under another too, replacing the one that was there.

        Returns:
            `uri_for_key` of both.

        Raises:
            DagsterObjectNotFoundError: there is none under `src`.
        """

    @abstractmethod
    def uri_for_key(self, key: str, protocol: str | None = None) -> str:
        """Where the object of a key is or would be, for people.

        Args:
            key: of the object.
            protocol: what the URI begins with, such as "s3a://"; that of the store by default.
        """

    def key_for_paths(self, path_fragments: Iterable[str]) -> str:
        """The key of names: one segment each, encoded reversibly, so that two different tuples never meet in one.

        Raises:
            DagsterInvariantViolationError: for no names at all, and a key of more than 1,024 bytes.
        """
        return checked_key(self.sep.join(map(encode_name, path_fragments)))


class InMemoryObjectStore(ObjectStore):
    """Objects in this process. It keeps the values themselves: no strategy writes them.

    Attributes:
        values: key -> value.
    """

    is_persistent = False

    def __init__(self) -> None:
        super().__init__("memory")
        self.values: dict[str, Any] = {}

    def set_object(self, key: str, obj: Any, serialization_strategy: SerializationStrategy | None = None) -> str:
        refuse_unfinished(obj, f"The value for {key!r}")
        self.values[checked_key(key)] = obj
        return self.uri_for_key(key)

    def get_object(self, key: str, serialization_strategy: SerializationStrategy | None = None) -> tuple[Any, str]:
        try:
            return self.values[checked_key(key)], self.uri_for_key(key)
        except KeyError:
            raise DagsterObjectNotFoundError(f"There is no object {key!r} in the memory of this process.") from None

    def has_object(self, key: str) -> bool:
        return checked_key(key) in self.values

    def rm_object(self, key: str) -> str:
        self.values.pop(checked_key(key), None)
        return self.uri_for_key(key)

    def cp_object(self, src: str, dst: str) -> tuple[str, str]:
        obj, src_uri = self.get_object(src)
        return src_uri, self.set_object(dst, obj)

    def uri_for_key(self, key: str, protocol: str | None = None) -> str:
        return (protocol or "memory:") + checked_key(key)


class FilesystemObjectStore(ObjectStore):
    """Objects as files below a directory: `{base_dir}/a/b=` for the key `a/b`.

    A segment of a key may have 200 bytes, percent-encoded as `paths.file_name` does; longer ones are refused.

    Args:
        base_dir: the directory; made when first written to.
    """

    def __init__(self, base_dir: str) -> None:
        super().__init__("filesystem")
        self.base_dir = Path(base_dir).absolute()

    def set_object(self, key: str, obj: Any, serialization_strategy: SerializationStrategy | None = None) -> str:
        with atomic_write(self._path(key)) as stream:
            (serialization_strategy or PICKLE).serialize_to_bytes(obj, stream)
        return self.uri_for_key(key)

    def get_object(self, key: str, serialization_strategy: SerializationStrategy | None = None) -> tuple[Any, str]:
        strategy = serialization_strategy or PICKLE
        with self._open(key) as stream, told_where(str(self._path(key))):
            return strategy.deserialize_from_bytes(stream), self.uri_for_key(key)

    def has_object(self, key: str) -> bool:
        return self._path(key).is_file()

    def rm_object(self, key: str) -> str:
        self._path(key).unlink(missing_ok=True)
        return self.uri_for_key(key)

    def cp_object(self, src: str, dst: str) -> tuple[str, str]:
        with self._open(src) as source, atomic_write(self._path(dst)) as stream:
            copy_stream(source, stream, _COPY_CHUNK_BYTES)
        return self.uri_for_key(src), self.uri_for_key(dst)

    def uri_for_key(self, key: str, protocol: str | None = None) -> str:
        return (protocol or "file://") + quote(str(self._path(key)))

    def _open(self, key: str) -> IO[bytes]:
        try:
            return open_regular(self._path(key))
        except FileNotFoundError as error:
            raise DagsterObjectNotFoundError(
                f"There is no object {key!r} at {self._path(key)}; it was never stored, was deleted, or is on another "
                "machine."
            ) from error

    def _path(self, key: str) -> Path:
        *folders, last = (file_name(segment, "segment of a key") for segment in checked_key(key).split("/"))
        return inside(self.base_dir, *folders, last + _FILE_MARK)
