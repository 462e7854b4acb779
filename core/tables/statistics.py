"""What a table holds, in numbers that events keep."""

from __future__ import annotations

import math
from typing import Any

from core.config import names_secret
from core.printable import printable
from core.tables.frames import Frames
from core.tables.libraries import LIBRARIES
from core.wording import a_kind_of

_MOST_COLUMNS = 100
_LONGEST_TEXT = 60


def table_statistics(frame: Any) -> dict[str, Any]:
    """The number of rows, and of each column (of the first 100) its type, missing values, smallest and largest value.

    Args:
        frame: a data frame of pandas or Polars.

    Returns:
        Label to value, as the metadata of an event: `rows`, and `columns`, which JSON can hold.

    Raises:
        TypeError: it is something else.

    Example:
        >>> import pandas
        >>> table_statistics(pandas.DataFrame({"n": [1, 2]}))
        {'rows': 2, 'columns': {'n': {'dtype': 'int64', 'missing': 0, 'min': 1, 'max': 2}}}
    """
    frames = next((each for each in LIBRARIES.values() if each.owns(frame)), None)
    if frames is None:
        raise TypeError(f"table_statistics takes a data frame of pandas or Polars; it was given {a_kind_of(frame)}")
    names = frames.names(frame)
    known = [name for name in names if isinstance(name, str) and names.count(name) == 1][:_MOST_COLUMNS]
    columns = {name: _of_column(frames, frames.column(frame, name), not names_secret((name,))) for name in known}
    return {"rows": frames.height(frame), "columns": columns}


def _of_column(frames: Frames, column: Any, shows_values: bool) -> dict[str, Any]:
    missing = frames.missing(column)
    count, _ = frames.positions(missing, 0)
    about: dict[str, Any] = {"dtype": str(column.dtype), "missing": count}
    if shows_values and any(frames.is_of_kind(column, kind) for kind in ("number", "datetime", "date", "duration")):
        for label, value in (("min", column.min()), ("max", column.max())):
            plain = _plain(value)
            about |= {} if plain is None else {label: plain}
    return about


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in ("NaT", "<NA>"):
        return None
    return value if isinstance(value, bool | int | float) else printable(str(value))[:_LONGEST_TEXT]
