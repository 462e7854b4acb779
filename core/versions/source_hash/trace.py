"""What an answer was read from, so that it is known whether it still holds."""

from __future__ import annotations

from collections.abc import Mapping
from types import CellType
from typing import Any

from core.versions.source_hash.files import stamp_of

ABSENT = object()


class Trace:
    """The names and files that were looked at while something was worked out.

    Attributes:
        lasts: False when something was looked at that can change unnoticed, such as a list.
    """

    def __init__(self) -> None:
        self.lasts = True
        self._names: list[tuple[Mapping[str, Any], str, object]] = []
        self._cells: list[tuple[CellType, object]] = []
        self._files: dict[str, object] = {}

    def name(self, names: Mapping[str, Any], name: str) -> Any:
        """The value of a name, or ABSENT; notes it."""
        value = names.get(name, ABSENT)
        self._names.append((names, name, value))
        return value

    def cell(self, cell: CellType) -> Any:
        """What a closure's cell holds, or ABSENT; notes it."""
        value = _content(cell)
        self._cells.append((cell, value))
        return value

    def file(self, path: str) -> None:
        """Notes that a file was read as it is now."""
        if path not in self._files:
            self._files[path] = stamp_of(path)

    def holds(self) -> bool:
        """Whether all that was looked at is still the same."""
        for names, name, value in self._names:  # a loop, since this is asked for all that each solid reaches
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
