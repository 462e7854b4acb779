"""How a value becomes the content of a file and back, for stores that keep values by their type."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, Any

from core.arguments import checked_arguments
from core.types import pickles


class SerializationStrategy(ABC):
    """Writes values of a type to a file object, and reads them from one.

    Args:
        name: of the format, for people.
        write_mode: "wb" where `serialize` writes bytes, "w" where it writes text; text is kept as UTF-8, with its
            line ends as they are.
        read_mode: "rb" or "r", what `deserialize` reads.

    Example:
        >>> import json
        >>> from core import DagsterType, SerializationStrategy
        >>> class AsJson(SerializationStrategy):
        ...     def serialize(self, value, write_file_obj):
        ...         json.dump(value, write_file_obj)
        ...     def deserialize(self, read_file_obj):
        ...         return json.load(read_file_obj)
        >>> as_json = AsJson("json", write_mode="w", read_mode="r")
        >>> rows = DagsterType(lambda _, value: isinstance(value, list), "Rows", serialization_strategy=as_json)
        >>> as_json.serialize_to_file([1, 2], "rows.json")
        >>> as_json.deserialize_from_file("rows.json")
        [1, 2]
    """

    @checked_arguments("serialization strategy")
    def __init__(self, name: str, write_mode: str = "wb", read_mode: str = "rb") -> None:
        self._name = name
        self._write_mode = write_mode
        self._read_mode = read_mode

    @property
    def name(self) -> str:
        """str: of the format."""
        return self._name

    @property
    def write_mode(self) -> str:
        """str: the mode of file objects that `serialize` takes."""
        return self._write_mode

    @property
    def read_mode(self) -> str:
        """str: the mode of file objects that `deserialize` takes."""
        return self._read_mode

    @abstractmethod
    def serialize(self, value: Any, write_file_obj: IO[Any]) -> Any:
        """Writes `value` to the file object, which need not seek, and leaves it open."""

    @abstractmethod
    def deserialize(self, read_file_obj: IO[Any]) -> Any:
        """The value that the file object holds from its position to its end."""

    def serialize_to_file(self, value: Any, write_path: str) -> Any:
        """Writes `value` to the file at a path, replacing what is there."""
        with Path(write_path).open("wb") as stream:
            return self.serialize_to_bytes(value, stream)

    def deserialize_from_file(self, read_path: str) -> Any:
        """The value in the file at a path.

        Raises:
            FileNotFoundError: there is none.
        """
        with Path(read_path).open("rb") as stream:
            return self.deserialize_from_bytes(stream)

    def serialize_to_bytes(self, value: Any, stream: IO[bytes]) -> Any:
        """Writes `value` to a stream of bytes, whatever the mode of the strategy."""
        if "b" in self._write_mode:
            return self.serialize(value, stream)
        text = _as_text(stream)
        try:
            return self.serialize(value, text)
        finally:
            text.detach()  # which writes what it holds, and keeps it from closing the stream when it is collected

    def deserialize_from_bytes(self, stream: IO[bytes]) -> Any:
        """The value in a stream of bytes, whatever the mode of the strategy."""
        if "b" in self._read_mode:
            return self.deserialize(stream)
        text = _as_text(stream)
        try:
            return self.deserialize(text)
        finally:
            text.detach()


class PickleSerializationStrategy(SerializationStrategy):
    """Pickle, the strategy of every type that has none of its own.

    Example:
        >>> from core import PickleSerializationStrategy
        >>> strategy = PickleSerializationStrategy()
        >>> strategy.serialize_to_file({"rows": (1, 2)}, "rows.pickle")
        >>> strategy.deserialize_from_file("rows.pickle")
        {'rows': (1, 2)}
    """

    def __init__(self, name: str = "pickle") -> None:
        super().__init__(name)

    def serialize(self, value: Any, write_file_obj: IO[Any]) -> None:
        pickles.dump(value, write_file_obj)

    def deserialize(self, read_file_obj: IO[Any]) -> Any:
        return pickles.load(read_file_obj)


def _as_text(stream: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8", newline="")
