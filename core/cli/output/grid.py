"""Tables that never break a name: which columns there is room for, and what is shown where there is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

_FRAME = 3  # columns of the terminal that each column of a table takes besides its text
_MIN_PROSE = 24


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: its header.
        is_number: whether it is aligned to the right.
        is_prose: whether its text may be broken between words. All other text stays whole.
        rank: 0 for what is always shown; of the others the one with the highest rank goes first where room is short.
    """

    name: str
    is_number: bool = False
    is_prose: bool = False
    rank: int = 0


class Grid:
    """A table: rows of cells, and where a line is drawn between them.

    Attributes:
        columns: its columns.
        title: shown above it.
        rows: the cells of each, and its style.
        sections: numbers of the rows that a line is drawn below.

    Args:
        columns: its columns.
        title: shown above it.
    """

    def __init__(self, columns: Sequence[Column], title: Text | None = None) -> None:
        self.columns = tuple(columns)
        self.title = title
        self.rows: list[tuple[tuple[Text | str, ...], str]] = []
        self.sections: set[int] = set()

    def add_row(self, *cells: Text | str, style: str = "") -> None:
        """Adds a row; a text is one of ours, and a missing cell at the end is empty."""
        self.rows.append(((*cells, *[""] * (len(self.columns) - len(cells))), style))

    def add_section(self) -> None:
        """Draws a line below the rows so far."""
        self.sections.add(len(self.rows) - 1)

    def shown(self, width: int | None) -> list[int]:
        """The numbers of the columns to show: none that is empty, and as many as there is room for.

        Args:
            width: columns of the terminal; None where there is no limit.
        """
        left = [at for at in range(len(self.columns)) if not self._is_empty(at)]
        while width is not None and self.width(left) > width:
            last = max(left, key=lambda at: self.columns[at].rank, default=0)
            if not left or not self.columns[last].rank:
                break
            left.remove(last)
        return left

    def rows_of(self, numbers: Sequence[int]) -> list[tuple[int, tuple[Text | str, ...], str]]:
        """The number, the cells and the style of each row that says something in these columns besides its name."""
        found = [(number, tuple(cells[at] for at in numbers), style) for number, (cells, style) in enumerate(self.rows)]
        return [each for each in found if len(numbers) < 2 or any(map(str, each[1][1:]))]

    def width(self, numbers: Sequence[int], is_whole: bool = False) -> int:
        """The least width at which no name is broken in these columns.

        Args:
            numbers: of the columns.
            is_whole: whether prose is not broken either.
        """
        return 1 + sum(_FRAME + self._width(at, is_whole) for at in numbers)

    def _width(self, at: int, is_whole: bool) -> int:
        column = self.columns[at]
        lines = [line for cells, _ in self.rows for line in str(cells[at]).split("\n")]
        widest = max([len(column.name), *map(cell_len, lines)])
        return min(widest, _MIN_PROSE) if column.is_prose and not is_whole else widest

    def _is_empty(self, at: int) -> bool:
        return bool(self.rows) and not any(str(cells[at]) for cells, _ in self.rows)
