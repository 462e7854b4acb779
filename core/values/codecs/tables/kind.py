"""What the codec of tables has to know of the tables of one library."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import IO, Any, ClassVar

CODEC = "parquet"
KIND_KEY = "cloudstore-table"
"""The key of a file's own metadata that says whose table it was; other readers of Parquet leave it alone."""


class TableKind(ABC):
    """The tables of one library.

    Attributes:
        name: the library's, by which files say what they hold.
        class_name: of its tables; values of subclasses are none of them.
        needs: the library that writes them.
    """

    name: ClassVar[str]
    class_name: ClassVar[str]
    needs: ClassVar[str] = "pyarrow"

    def owns(self, value: Any) -> bool:
        """Whether a value is such a table. A process that has one has imported the library."""
        return type(value) is getattr(sys.modules.get(self.name), self.class_name, None)

    @abstractmethod
    def samples(self, table: Any) -> Iterator[Any]:
        """Tables that come back as they were only where the whole table does.

        They are the table without rows, whose types tell all of most columns, and those columns with all rows of which
        that is not enough.
        """

    @abstractmethod
    def prepared(self, table: Any) -> Any:
        """What `write` writes of a table. Raises whatever the library raises of a table that it cannot write."""

    @abstractmethod
    def write(self, prepared: Any, stream: IO[bytes]) -> None:
        """Writes a prepared table, with its kind under `KIND_KEY`."""

    @abstractmethod
    def read(self, file: IO[bytes] | str) -> Any:
        """The table in a file, which is one in memory or the path of one on the disk."""

    @abstractmethod
    def change(self, table: Any, back: Any) -> str | None:
        """What differs in a table that came back; None where nothing does."""


def rewound(file: IO[bytes] | str) -> IO[bytes] | str:
    """A file in memory at its beginning; a path as it is."""
    if not isinstance(file, str):
        file.seek(0)
    return file
