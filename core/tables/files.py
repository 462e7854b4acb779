"""Tables from and to files that a run config names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.config import Field, FileFingerprint, Selector, StringSource
from core.disk.atomic_file import atomic_write
from core.events.metadata import EventMetadataEntry
from core.events.user_events import AssetMaterialization
from core.tables.frames import Frames
from core.types.loaders import (
    DagsterTypeLoader,
    DagsterTypeMaterializer,
    dagster_type_loader,
    dagster_type_materializer,
)


def table_loader(frames: Frames, times: Mapping[str, str]) -> DagsterTypeLoader:
    """Reads `{csv: {path: ...}}`, `{table: {path: ...}}` and `{parquet: {path: ...}}`; the content counts for versions.

    Args:
        frames: of which library.
        times: name -> "datetime" or "date" of the columns that hold these, which text files do not say.
    """

    @dagster_type_loader(_schema(is_read=True), loader_version="1")
    def load_table(_context: object, config: Any) -> Any:
        kind, path, separator = _chosen(config)
        return frames.read(kind, path, separator, times)

    return load_table


def table_materializer(frames: Frames) -> DagsterTypeMaterializer:
    """Writes such files, whole or not at all."""

    @dagster_type_materializer(_schema(is_read=False))
    def write_table(_context: object, config: Any, frame: Any) -> Iterator[AssetMaterialization]:
        kind, path, separator = _chosen(config)
        with atomic_write(Path(path)) as stream:
            frames.write(kind, frame, stream, separator)
        entries = [EventMetadataEntry.fspath(path, "path"), EventMetadataEntry.int(frames.height(frame), "rows")]
        yield AssetMaterialization(path, f"Wrote the table to {path}.", entries)

    return write_table


def _schema(is_read: bool) -> Selector:
    path = Field(StringSource, description="The path of the file.", fingerprint=FileFingerprint() if is_read else None)
    separator = Field(str, default_value=",", description="What stands between values.")
    return Selector({"csv": {"path": path, "separator": separator}, "table": {"path": path}, "parquet": {"path": path}})


def _chosen(config: Any) -> tuple[str, str, str]:
    """The kind of a file, its path, and what stands between values in it."""
    ((kind, about),) = config.items()
    return ("csv" if kind == "table" else kind), about["path"], "\t" if kind == "table" else about.get("separator", ",")
