"""Pickles of values.

They differ from what `pickle.dump` writes in two ways. What the file that is run itself defines is named as others
import it (`own_file`), so that a value that `python shapes.py` stored can be loaded where the pipeline was loaded from
`shapes.py`, and the other way round. And a value with objects of classes that may say wrongly how they are pickled is
loaded again before it counts as pickled.
"""

from __future__ import annotations

import io
import pickle
from operator import attrgetter
from types import FunctionType
from typing import IO, Any

from core.errors import ValueNotKeptError
from core.types.own_file import name_in_main, of_file, stand_in

PICKLE_PROTOCOL = 5  # the newest one that every supported Python reads

_STANDARD = ("builtins", "collections", "copyreg", "datetime", "decimal", "fractions", "pathlib", "uuid", "zoneinfo")
_CERTAIN = frozenset((*_STANDARD, "numpy", "pandas", "polars", "pyarrow"))
_MOST_CHECKED_BYTES = 16 << 20


def dump(value: Any, stream: IO[bytes]) -> None:
    """Pickles a value.

    Raises:
        ValueNotKeptError: it cannot be pickled, or not be loaded again (which is not tried of pickles of more than
            16 MiB, and of values that hold nothing but objects of the standard library's and well-known types).
        OSError: of the stream.
    """
    copying = _Copying(stream)
    pickler = _Pickler(copying)
    try:
        pickler.dump(value)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # of the value's own `__reduce__`, say
        raise _not_kept(value, "pickled", error) from error
    if pickler.is_certain or copying.chunks is None:
        return
    try:
        loads(b"".join(copying.chunks))
    except Exception as error:  # of the value's own `__setstate__`, say
        raise _not_kept(value, "loaded again from its pickle", error) from error


def _not_kept(value: object, what: str, error: Exception) -> ValueNotKeptError:
    return ValueNotKeptError(
        f"the value, a {type_name(value)}, cannot be {what} ({type(error).__name__}: {error!s:.300}). Give a value "
        "that can be, or name a codec for it in the metadata of the output."
    )


def type_name(value: object) -> str:
    """The value's type as an error message names it."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def load(stream: IO[bytes]) -> Any:
    """The value that is pickled in a stream. Loading runs code that the bytes name, and raises whatever that raises."""
    return _Unpickler(stream).load()


def loads(content: bytes) -> Any:
    """The value that is pickled in these bytes; as `load`."""
    return load(io.BytesIO(content))


class _Pickler(pickle.Pickler):
    def __init__(self, stream: Any) -> None:
        super().__init__(stream, PICKLE_PROTOCOL)
        self.is_certain = True
        self._seen: set[type] = set()

    def reducer_override(self, thing: Any) -> Any:
        cls = type(thing)
        if cls is FunctionType or issubclass(cls, type):
            named = name_in_main(thing)
            return NotImplemented if named is None else (of_file, named)
        if cls not in self._seen:
            self._seen.add(cls)
            if cls.__module__.partition(".")[0] not in _CERTAIN:
                self.is_certain = False
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = stand_in(module)
        return super().find_class(module, name) if found is None else attrgetter(name)(found)


class _Copying:
    """Passes what is written on to a stream, and keeps it as long as it is not much."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._size_bytes = 0
        self.chunks: list[bytes] | None = []

    def write(self, chunk: Any) -> int:
        if self.chunks is not None:
            self._size_bytes += memoryview(chunk).nbytes
            if self._size_bytes > _MOST_CHECKED_BYTES:
                self.chunks = None
            else:
                self.chunks.append(bytes(chunk))
        return self._stream.write(chunk)
