"""Arrow tables as Parquet."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import IO, Any

from core.values.codecs.base import library
from core.values.codecs.tables.kind import CODEC, KIND_KEY, TableKind, rewound

_COPY_BYTES = 1 << 20
THREADED_BYTES = 1 << 20
"""From which size on threads are worth it. Arrow keeps its own until the process ends, and has them abort that now and
then: "terminate called without an active exception".
"""

# Types of which every value comes back where an empty column does. date64 is none: Parquet keeps whole days.
_PLAIN = re.compile(
    r"u?int\d+|halffloat|float|double|bool|(large_)?(string|binary)|date32\[day\]|time(32|64)\[\w+\]"
    r"|timestamp\[\w+(, tz=.+)?\]|duration\[\w+\]|decimal128\(.+\)"
)


class ArrowTables(TableKind):
    """`pyarrow.Table`. Into which chunks its columns are divided is not kept."""

    name = "pyarrow"
    class_name = "Table"

    def samples(self, table: Any) -> Iterator[Any]:
        if not table.num_columns:  # then its rows are but a number
            yield table
            return
        yield table[:0]
        odd = [number for number in range(table.num_columns) if not _is_plain(table, number)]
        if odd:
            yield table.select(odd)

    def prepared(self, table: Any) -> Any:
        return marked(table, self.name)

    def write(self, prepared: Any, stream: IO[bytes]) -> None:
        # Items of lists keep their names; "element", as the format has it, would be another type.
        library("pyarrow.parquet", CODEC).write_table(prepared, stream, use_compliant_nested_type=False)

    def read(self, file: IO[bytes] | str) -> Any:
        is_large = isinstance(file, str)  # then its columns are read a little at a time, one after the other
        uses_threads = not isinstance(file, str) and file.seek(0, os.SEEK_END) >= THREADED_BYTES
        reading = {"buffer_size": _COPY_BYTES} if is_large else {}
        with library("pyarrow.parquet", CODEC).ParquetFile(
            rewound(file), pre_buffer=uses_threads, **reading
        ) as parquet:
            table = parquet.read(use_threads=uses_threads)
        metadata = {key: value for key, value in (table.schema.metadata or {}).items() if key != KIND_KEY.encode()}
        return table.replace_schema_metadata(metadata or None)

    def change(self, table: Any, back: Any) -> str | None:
        if back.num_rows != table.num_rows:
            return "number of rows"
        if not back.schema.equals(table.schema, check_metadata=True):
            return "schema"
        return None if all(map(_same, table.columns, back.columns)) else "content"


def marked(table: Any, kind: str) -> Any:
    """An Arrow table with the kind of table that it was made of."""
    return table.replace_schema_metadata({**(table.schema.metadata or {}), KIND_KEY.encode(): kind.encode()})


def _is_plain(table: Any, number: int) -> bool:
    field = table.schema.field(number)
    is_as_declared = field.nullable or not table.column(number).null_count
    return is_as_declared and _PLAIN.fullmatch(str(field.type)) is not None


def _same(column: Any, back: Any) -> bool:
    """Whether two columns of one type have the same rows, in whatever chunks they are."""
    return column.equals(back) or _same_rows(column.combine_chunks(), back.combine_chunks())


def _same_rows(rows: Any, back: Any) -> bool:
    """Whether two arrays of one type are equal, those with NaN too, which Arrow calls different from itself."""
    types = library("pyarrow.types", CODEC)
    if len(rows) != len(back) or not rows.is_null().equals(back.is_null()):
        return False
    kind = rows.type
    if types.is_floating(kind):
        return bool(_bits(rows).equals(_bits(back)))
    if types.is_struct(kind):
        return all(map(_same_rows, rows.flatten(), back.flatten()))
    if types.is_nested(kind) and hasattr(rows, "value_lengths"):
        return bool(rows.value_lengths().equals(back.value_lengths())) and _same_rows(rows.flatten(), back.flatten())
    if types.is_fixed_size_list(kind):
        return _same_rows(rows.flatten(), back.flatten())
    if types.is_dictionary(kind):
        return _same_rows(rows.dictionary_decode(), back.dictionary_decode())
    return bool(rows.equals(back))


def _bits(floats: Any) -> Any:
    return floats.drop_null().view(f"uint{floats.type.bit_width}")
