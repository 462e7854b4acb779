"""The codec of tables: Parquet, for data frames of pandas and Polars and for Arrow tables.

Which of the three a table was stands in the file's own metadata, where other readers of Parquet leave it alone.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from core.disk.copying import copy_stream
from core.errors import DagsterMissingExtraError
from core.types.pickles import type_name
from core.values.codecs.base import Codec, library
from core.values.codecs.tables.arrow import ArrowTables
from core.values.codecs.tables.kind import CODEC, KIND_KEY, TableKind, rewound
from core.values.codecs.tables.pandas import PandasFrames
from core.values.codecs.tables.polars import PolarsFrames

_KINDS: dict[str, TableKind] = {each.name: each for each in (PandasFrames(), PolarsFrames(), ArrowTables())}
_MOST_IN_MEMORY_BYTES = 16 << 20
_COPY_BYTES = 1 << 20


class ParquetCodec(Codec):
    """`pandas.DataFrame`, `polars.DataFrame` and `pyarrow.Table`, each read back as what it was.

    pandas and Arrow tables take pyarrow, Polars' take polars alone. What Parquet would change (mixed columns, a unit
    of time that it has not, an index with a frequency) is found by storing samples and reading them back: no rows of
    columns that are plain, all rows of others.
    """

    name = CODEC
    content_type = "application/vnd.apache.parquet"

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        match _prepared(value):
            case str(reason):
                raise self.not_kept(reason)
            case (kind, prepared):
                kind.write(prepared, stream)

    def decode(self, stream: IO[bytes]) -> Any:
        with _file_of(stream) as file:
            return _KINDS[_written_kind(file)].read(file)

    def refusal(self, value: Any) -> str | None:
        reason = _prepared(value)
        return reason if isinstance(reason, str) else None


def _prepared(value: Any) -> tuple[TableKind, Any] | str:
    """A table as it is written, with its kind; or why it would not come back as it is."""
    kind = next((each for each in _KINDS.values() if each.owns(value)), None)
    if kind is None:
        return f"a {type_name(value)}, only pandas.DataFrame, polars.DataFrame and pyarrow.Table themselves"
    library(kind.needs, CODEC)
    try:
        for sample in kind.samples(value):
            content = io.BytesIO()
            kind.write(kind.prepared(sample), content)
            change = kind.change(sample, kind.read(content))
            if change is not None:
                return f"the {kind.name} table: its {change} would change"
        return kind, kind.prepared(value)
    except BaseException as error:  # a panic of Rust is no Exception; what is not of a library is raised again
        if not _is_of_library(error):
            raise
        return f"the {kind.name} table ({type(error).__name__}: {error!s:.300})"


def _is_of_library(error: BaseException) -> bool:
    """Whether an error says that a library cannot: each has its own ways, and a panic of Rust is no Exception."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


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
        copy_stream(stream, file, _COPY_BYTES)
        file.flush()
        yield file.name


def _written_kind(file: IO[bytes] | str) -> str:
    """What wrote the file; tables of other programs are read as Arrow's."""
    try:
        metadata = library("pyarrow.parquet", CODEC).read_metadata(file).metadata or {}
        return str(metadata.get(KIND_KEY.encode(), b"pyarrow").decode())
    except (DagsterMissingExtraError, NotImplementedError):  # Polars has types that pyarrow has not, as Int128
        return str(library("polars", CODEC).read_parquet_metadata(rewound(file)).get(KIND_KEY, "pyarrow"))
