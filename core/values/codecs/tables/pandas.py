"""Data frames of pandas as Parquet, by way of Arrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from core.values.codecs.base import library
from core.values.codecs.json_values import JsonCodec
from core.values.codecs.tables.arrow import THREADED_BYTES, ArrowTables, marked
from core.values.codecs.tables.kind import CODEC, TableKind

_PLAIN_KINDS = "biufmM"
_PLAIN_EXTENSIONS = re.compile("(String|DatetimeTZ|Boolean|U?Int(8|16|32|64))Dtype")


class PandasFrames(TableKind):
    """`pandas.DataFrame`."""

    name = "pandas"
    class_name = "DataFrame"

    _arrow = ArrowTables()

    def samples(self, table: Any) -> Iterator[Any]:
        mixed = _mixed_column(table)
        if mixed is not None:
            raise TypeError(f"{mixed} holds Python objects other than str")
        if not table.shape[1] or not all(_is_plain(level.dtype) for level in _levels_of(table.index)):
            yield table
            return
        odd = [number for number, dtype in enumerate(table.dtypes) if not _is_plain(dtype)]
        labels = table.iloc[:0].copy()
        for number in odd:  # an empty column of categories has lost them
            labels.isetitem(number, library("numpy", CODEC).empty(0, "int8"))
        yield labels
        if odd:
            yield table.iloc[:, odd].reset_index(drop=True)

    def prepared(self, table: Any) -> Any:
        return marked(library("pyarrow", CODEC).Table.from_pandas(table), self.name)

    def write(self, prepared: Any, stream: IO[bytes]) -> None:
        self._arrow.write(prepared, stream)

    def read(self, file: IO[bytes] | str) -> Any:
        library("pandas", CODEC)  # whose absence Arrow would tell less clearly
        table = self._arrow.read(file)
        # Each column of Arrow's goes when it is copied.
        return table.to_pandas(self_destruct=True, use_threads=table.nbytes >= THREADED_BYTES)

    def change(self, table: Any, back: Any) -> str | None:
        if not _same_labels(table.columns, back.columns):
            return "column labels"
        if list(back.dtypes) != list(table.dtypes):
            return "column types"
        if not _same_labels(table.index, back.index):
            return "index"
        if back.attrs != table.attrs or JsonCodec().refusal(table.attrs) is not None or back.flags != table.flags:
            return "attrs or flags"
        return None if back.equals(table) else "content"


def _is_plain(dtype: Any) -> bool:
    """Whether every column of this type is kept when an empty one is."""
    if type(dtype).__module__.startswith("numpy"):
        return str(dtype.kind) in _PLAIN_KINDS
    return _PLAIN_EXTENSIONS.fullmatch(type(dtype).__name__) is not None


def _levels_of(labels: Any) -> list[Any]:
    """The levels of an index or of column labels; where they are numbers, without them: many, maybe never made."""
    if labels.nlevels == 1 and labels.dtype.kind in "iu":
        return [labels[:0]]
    return [labels.get_level_values(number) for number in range(labels.nlevels)]


def _mixed_column(frame: Any) -> str | None:
    """The first column of Python objects that are not all str or None: Arrow would guess one type for all."""
    columns = [(f"column {frame.columns[number]!r}", frame.iloc[:, number]) for number in range(frame.shape[1])]
    for where, items in [*columns, *(("the index", level) for level in _levels_of(frame.index))]:
        if str(items.dtype) == "object" and any(item is not None and type(item) is not str for item in items):
            return where
    return None


def _same_labels(labels: Any, back: Any) -> bool:
    is_same = back.identical(labels) and getattr(back, "freq", None) == getattr(labels, "freq", None)
    return is_same and all(map(_same_level, _levels_of(labels), _levels_of(back)))


def _same_level(labels: Any, back: Any) -> bool:
    items, others = ([level.name, *level] if level.dtype == object else [level.name] for level in (labels, back))
    # By type too: 1 and True are equal.
    return back.identical(labels) and list(map(type, items)) == list(map(type, others))
