"""Data frames of Polars as Parquet, written and read by Polars itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from core.values.codecs.base import library
from core.values.codecs.tables.kind import CODEC, KIND_KEY, TableKind, rewound


class PolarsFrames(TableKind):
    """`polars.DataFrame`."""

    name = "polars"
    class_name = "DataFrame"
    needs = "polars"

    def samples(self, table: Any) -> Iterator[Any]:
        if not table.width:  # then its rows are but a number
            yield table
            return
        yield table[:0]
        odd = [name for name, dtype in table.schema.items() if not _is_plain(dtype)]
        if odd:
            yield table.select(odd)

    def prepared(self, table: Any) -> Any:
        return table

    def write(self, prepared: Any, stream: IO[bytes]) -> None:
        prepared.write_parquet(stream, metadata={KIND_KEY: self.name})

    def read(self, file: IO[bytes] | str) -> Any:
        return library("polars", CODEC).read_parquet(rewound(file))

    def change(self, table: Any, back: Any) -> str | None:
        if back.height != table.height:
            return "number of rows"
        if back.schema != table.schema:
            return "schema"
        return None if back.equals(table) else "content"


def _is_plain(dtype: Any) -> bool:
    """Whether every column of this type is kept when an empty one is."""
    polars = library("polars", CODEC)
    is_simple = dtype.is_numeric() or dtype.is_temporal() or dtype in (polars.Boolean, polars.String, polars.Binary)
    return bool(is_simple)
