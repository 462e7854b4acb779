"""What was read for an answer, which tells whether the answer still holds."""

from __future__ import annotations

from collections.abc import Mapping
from types import CellType
from typing import Any

from core.versions.source_hash.files import stamp_of

ABSENT = object()


class Trace:
    """The names, cells and files that were read for an answer.

    Attributes:
        lasts: False if something was read that can change unnoticed, such as a list.
    """

    def __init__(self) -> None:
        self.lasts = True
        self._names: list[tuple[Mapping[str, Any], str, object]] = []
        self._cells: list[tuple[CellType, object]] = []
        self._files: dict[str, object] = {}

    def name(self, names: Mapping[str, Any], name: str) -> Any:
        """Reads the value of a name, or ABSENT."""
        value = names.get(name, ABSENT)
        self._names.append((names, name, value))
        return value

    def cell(self, cell: CellType) -> Any:
        """Reads the content of a closure's cell, or ABSENT."""
        value = _content(cell)
        self._cells.append((cell, value))
        return value

    def file(self, path: str) -> None:
        """Records that a file was read in its current state."""
        if path not in self._files:
            self._files[path] = stamp_of(path)

    def holds(self) -> bool:
        """Whether everything that was read is still the same."""
        for (
            names,
            name,
            value,
        ) in self._names:  # a loop, which is faster: this runs for everything that each solid reaches
            if names.get(name, ABSENT) is not value:
                return False
        return (
            self.lasts
            and all(_content(cell) is value for cell, value in self._cells)
            and all(stamp_of(path) == stamp for path, stamp in self._files.items())
        )


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT
