"""What rules ask of the frames of a library, whichever it is."""

from __future__ import annotations

import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import IO, Any, ClassVar

from core.errors import DagsterMissingExtraError


class Frames(ABC):
    """The data frames of one library, which is imported when it is first needed.

    A *mask* is a Series of the library that says of each row whether something holds.

    Attributes:
        library: its name.
    """

    library: ClassVar[str]

    def owns(self, value: Any) -> bool:
        """Whether a value is a data frame of the library. A process that has one has imported the library."""
        loaded = sys.modules.get(self.library)
        return loaded is not None and isinstance(value, loaded.DataFrame)

    def imported(self, name: str | None = None) -> Any:
        """The library, or another that it needs.

        Raises:
            DagsterMissingExtraError: it is not installed.
        """
        try:
            return importlib.import_module(name or self.library)
        except ImportError as error:
            raise DagsterMissingExtraError(
                f"Tables of {self.library} need {name or self.library}, which cannot be imported ({error}). Install "
                "it: pip install 'cloudstore[tables]'"
            ) from error

    @abstractmethod
    def height(self, frame: Any) -> int:
        """The number of rows."""

    @abstractmethod
    def names(self, frame: Any) -> list[Any]:
        """The names of the columns, in order."""

    @abstractmethod
    def column(self, frame: Any, name: str) -> Any:
        """A column, of which there is one of that name."""

    @abstractmethod
    def is_of_kind(self, column: Any, kind: str) -> bool:
        """Whether the values of a column are of one of `KINDS`."""

    @abstractmethod
    def missing(self, column: Any) -> Any:
        """A mask of the values that are missing: null, or NaN among floats."""

    @abstractmethod
    def repeated(self, column: Any) -> Any:
        """A mask of the values that stand in other rows too."""

    @abstractmethod
    def among(self, column: Any, values: list[Any]) -> Any:
        """A mask of the values that are some of these."""

    @abstractmethod
    def as_mask(self, checked: Any, answer: Any) -> Any:
        """What a check answered, as a mask where it is about each row; None where it is about all of them.

        Args:
            checked: the column or the frame that the check got.
            answer: a Series, an array or a list; of Polars also an expression; or anything that is true or false.
                The rows of a Series of pandas are those that its index says, and null where it leaves out some.
        """

    @abstractmethod
    def is_false(self, mask: Any) -> Any:
        """A mask of the rows of which a mask says False; null is not False."""

    @abstractmethod
    def positions(self, mask: Any, most: int) -> tuple[int, list[int]]:
        """How many rows of a mask are true, and the first of them, counted from 0."""

    @abstractmethod
    def value_at(self, column: Any, position: int) -> Any:
        """The value in a row."""

    @abstractmethod
    def read(self, kind: str, path: str, separator: str, times: Mapping[str, str]) -> Any:
        """The frame in a file.

        Args:
            kind: "csv" or "parquet".
            path: of the file.
            separator: what stands between values in text.
            times: name -> "datetime" or "date" of the columns that hold these, where they are there.
        """

    @abstractmethod
    def write(self, kind: str, frame: Any, stream: IO[bytes], separator: str) -> None:
        """Writes a frame as `read` reads it."""


def is_row_by_row(answer: Any) -> bool:
    """Whether a check has answered with a list or an array of one dimension."""
    return isinstance(answer, list | tuple) or getattr(answer, "ndim", 0) == 1
