"""The codec of tables: Parquet, for data frames of pandas and Polars and for Arrow tables.

Which of the three a table was stands in the file's own metadata, where other readers of Parquet leave it alone.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from core.errors import DagsterMissingExtraError
from core.values.codecs.base import Codec, library, type_name

_KIND_KEY = "cloudstore-table"
_CODEC = "parquet"
_MOST_IN_MEMORY_BYTES = 16 << 20
_COPY_BYTES = 1 << 20


class ParquetCodec(Codec):
    """`pandas.DataFrame`, `polars.DataFrame` and `pyarrow.Table`, each read back as what it was.

    pandas and Arrow tables take pyarrow, Polars' take polars alone. What Parquet would change (mixed columns, a unit
    of time that it has not, an index with a frequency) is found by storing a sample: no rows of columns that are plain,
    all rows of others.
    """

    name = _CODEC
    content_type = "application/vnd.apache.parquet"

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        self.check(value)
        _WRITERS[_kind_of(value)](value, stream)

    def decode(self, stream: IO[bytes]) -> Any:
        with _file_of(stream) as file:
            return _READERS[_written_kind(file)](file)

    def refusal(self, value: Any) -> str | None:
        kind = _kind_of(value)
        if not kind:
            return f"a {type_name(value)}, only pandas.DataFrame, polars.DataFrame and pyarrow.Table themselves"
        library("polars" if kind == "polars" else "pyarrow", _CODEC)
        mixed = _mixed_column(value) if kind == "pandas" else None
        if mixed is not None:
            return f"the {kind} table: {mixed} holds Python objects other than str"
        sample = _sample(kind, value)
        try:
            content = io.BytesIO()
            _WRITERS[kind](sample, content)
            content.seek(0)
            back = _READERS[kind](content)
        except Exception as error:  # noqa: BLE001  each library has its own ways to say that it cannot
            return f"the {kind} table ({type(error).__name__}: {error!s:.300})"
        changed = _COMPARISONS[kind](sample, back)
        return f"the {kind} table: its {changed} would change" if changed else None


def _kind_of(value: Any) -> str:
    for kind, name in (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table")):
        if type(value) is getattr(sys.modules.get(kind), name, None):
            return kind
    return ""


@contextmanager
def _file_of(stream: IO[bytes]) -> Iterator[IO[bytes] | str]:
    """What the stream holds, as a file in memory or, where it is large, the path of one on the disk.

    Parquet is read from its end, and the stream may not seek; content on the disk does not stand in memory beside the
    table that is made of it.
    """
    content = stream.read(_MOST_IN_MEMORY_BYTES)
    if len(content) < _MOST_IN_MEMORY_BYTES:
        yield io.BytesIO(content)
        return
    import tempfile  # 2 ms to import; only large tables need it

    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(content)
        del content
        shutil.copyfileobj(stream, file, _COPY_BYTES)
        file.flush()
        yield file.name


def _written_kind(file: IO[bytes] | str) -> str:
    """What wrote the file; tables of other programs are read as Arrow's."""
    try:
        metadata = library("pyarrow.parquet", _CODEC).read_metadata(file).metadata or {}
        return str(metadata.get(_KIND_KEY.encode(), b"pyarrow").decode())
    except (DagsterMissingExtraError, NotImplementedError):  # Polars has types that pyarrow has not, as Int128
        return str(library("polars", _CODEC).read_parquet_metadata(_rewound(file)).get(_KIND_KEY, "pyarrow"))


def _rewound(file: IO[bytes] | str) -> IO[bytes] | str:
    if not isinstance(file, str):
        file.seek(0)
    return file


def _write_arrow(table: Any, stream: IO[bytes], kind: str = "pyarrow") -> None:
    marked = table.replace_schema_metadata({**(table.schema.metadata or {}), _KIND_KEY.encode(): kind.encode()})
    library("pyarrow.parquet", _CODEC).write_table(marked, stream)


def _read_arrow(file: IO[bytes] | str) -> Any:
    is_large = isinstance(file, str)  # then its columns are read a little at a time, one after the other
    reading = {"buffer_size": _COPY_BYTES, "pre_buffer": False} if is_large else {}
    with library("pyarrow.parquet", _CODEC).ParquetFile(_rewound(file), **reading) as parquet:
        table = parquet.read(use_threads=not is_large)
    metadata = {key: value for key, value in (table.schema.metadata or {}).items() if key != _KIND_KEY.encode()}
    return table.replace_schema_metadata(metadata or None)


def _write_pandas(frame: Any, stream: IO[bytes]) -> None:
    _write_arrow(library("pyarrow", _CODEC).Table.from_pandas(frame), stream, "pandas")


def _read_pandas(file: IO[bytes] | str) -> Any:
    library("pandas", _CODEC)  # whose absence Arrow would tell less clearly
    return _read_arrow(file).to_pandas(self_destruct=True)  # each column of Arrow's goes when it is copied


def _write_polars(frame: Any, stream: IO[bytes]) -> None:
    frame.write_parquet(stream, metadata={_KIND_KEY: "polars"})


def _read_polars(file: IO[bytes] | str) -> Any:
    return library("polars", _CODEC).read_parquet(_rewound(file))


def _sample(kind: str, table: Any) -> Any:
    """As much of a table as shows whether Parquet keeps it."""
    if kind != "pandas":
        return table[:0] if table.shape[1] else table  # without columns, its rows are but a number
    dtypes = [*table.dtypes, *_index_columns(table).dtypes]
    return table.iloc[:0] if all(map(_is_plain, dtypes)) else table


def _is_plain(dtype: Any) -> bool:
    """Whether every column of this type is kept when an empty one is."""
    if type(dtype).__module__.startswith("numpy"):
        return str(dtype.kind) in "biufmM"
    return type(dtype).__name__ in ("StringDtype", "DatetimeTZDtype")


def _index_columns(frame: Any) -> Any:
    """The index as columns; where it is of numbers, without its rows, which may be many and were never made."""
    index = frame.index[:0] if frame.index.dtype.kind in "iu" else frame.index
    return index.to_frame(index=False)


def _mixed_column(frame: Any) -> str | None:
    """The first column of Python objects that are not all str or None: Arrow would guess one type for all."""
    for where, columns in (("column", frame), ("the index", _index_columns(frame))):
        for position, dtype in enumerate(columns.dtypes):
            items = columns.iloc[:, position] if str(dtype) == "object" else ()
            if any(item is not None and type(item) is not str for item in items):
                return where if columns is not frame else f"{where} {frame.columns[position]!r}"
    return None


def _pandas_change(frame: Any, back: Any) -> str | None:
    if not back.columns.identical(frame.columns) or [*map(type, back.columns)] != [*map(type, frame.columns)]:
        return "column labels"
    if list(back.dtypes) != list(frame.dtypes):
        return "column types"
    index, frequency = frame.index, getattr(frame.index, "freq", None)
    if not back.index.identical(index) or getattr(back.index, "freq", None) != frequency:
        return "index"
    if back.attrs != frame.attrs:
        return "attrs"
    return None if back.equals(frame) else "content"


def _arrow_change(table: Any, back: Any) -> str | None:
    if back.num_rows != table.num_rows:
        return "number of rows"
    return None if back.schema.equals(table.schema, check_metadata=True) else "schema"


def _polars_change(frame: Any, back: Any) -> str | None:
    if back.height != frame.height:
        return "number of rows"
    return None if back.schema == frame.schema else "schema"


_WRITERS: dict[str, Callable[[Any, IO[bytes]], None]] = {
    "pandas": _write_pandas,
    "polars": _write_polars,
    "pyarrow": _write_arrow,
}
_READERS: dict[str, Callable[[IO[bytes] | str], Any]] = {
    "pandas": _read_pandas,
    "polars": _read_polars,
    "pyarrow": _read_arrow,
}
_COMPARISONS: dict[str, Callable[[Any, Any], str | None]] = {
    "pandas": _pandas_change,
    "polars": _polars_change,
    "pyarrow": _arrow_change,
}
