"""The table of values and files."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from benchmarks.children import figures
from benchmarks.peers import PEER_PYTHON, has_peer
from benchmarks.s3.store import BARE, OURS, PEER
from cloudstore import transfer
from cloudstore.testing import EmbeddedS3Server, embedded_s3_server

_REPEATS = 3
_FILE_MIB = 512
_LONGEST_SECONDS = 300


class _Row(NamedTuple):
    what: str
    measure: str
    goal: str
    engines: tuple[str, ...] = (OURS, BARE, PEER)
    has_ratio: bool = False
    digits: int = 0
    repeats: int = 1


_ROWS = (
    _Row("requests for a stored output", "requests_to_store", "1"),
    _Row("requests for a loaded input", "requests_to_load", "1"),
    _Row("array of 512 MiB stored: extra peak memory, times its size", "store_array", "≤ 1.2", digits=2),
    _Row("array of 512 MiB loaded: extra peak memory, times its size", "load_array", "≤ 1.2", digits=2),
    _Row("file of 2 GiB written and read: extra peak memory, MiB", "large_file", "≤ 96"),
    _Row("upload of 512 MiB, MB/s", "upload", "≥ 1 x boto3", has_ratio=True, repeats=_REPEATS),
    _Row("download of 512 MiB as a stream, MB/s", "download", "≥ 1.5 x boto3", has_ratio=True, repeats=_REPEATS),
    _Row("values of 64 KiB stored by 16 threads, a second", "put", "≥ 0.9 x boto3", has_ratio=True, repeats=_REPEATS),
    _Row("values of 64 KiB loaded by 16 threads, a second", "get", "≥ 0.9 x boto3", has_ratio=True, repeats=_REPEATS),
)


def table() -> Table:
    """Every measure by every way; takes some minutes."""
    result = Table(title=f"S3, on the embedded server; speeds are medians of {_REPEATS}", title_justify="left")
    engines = [OURS, BARE, *([PEER] if has_peer() else [])]
    result.add_column("what")
    for name in ("cloudstore", "goal", "boto3", "ratio", *engines[2:]):
        result.add_column(name, justify="right")
    with tempfile.TemporaryDirectory(prefix="cloudstore-bench-") as folder, embedded_s3_server() as server:
        path = Path(folder, "file")
        with path.open("wb") as stream:
            for _ in range(_FILE_MIB):
                stream.write(os.urandom(1 << 20))
        for row in _ROWS:
            found = _medians(server, row, engines, path)
            ratio = f"{found[OURS] / found[BARE]:.2f}" if row.has_ratio else ""
            ours, bare, *peer = (f"{found[engine]:.{row.digits}f}" for engine in engines)
            result.add_row(row.what, ours, row.goal, bare, ratio, *peer)
    return result


def _medians(server: EmbeddedS3Server, row: _Row, engines: list[str], path: Path) -> dict[str, float]:
    """The medians of the ways, which are measured in turn, each time in a process and a bucket of its own."""
    found: dict[str, list[float]] = {engine: [] for engine in engines}
    for _ in range(row.repeats):
        for engine, measured in found.items():
            try:
                measured.append(_measured(server, row.measure, engine, path))
            except subprocess.CalledProcessError as error:
                raise RuntimeError(f"{row.measure} of {engine} failed:\n{error.stderr}") from error
    return {engine: statistics.median(measured) for engine, measured in found.items()}


def _measured(server: EmbeddedS3Server, measure: str, engine: str, path: Path) -> float:
    options = {
        "endpoint_url": server.endpoint_url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "region_name": server.region,
    }
    bucket = server.create_bucket()
    python = PEER_PYTHON if engine == PEER else sys.executable
    command = [python, "-m", "benchmarks.s3.measure", measure, engine, json.dumps(options), bucket, str(path)]
    try:
        return float(figures(command, _LONGEST_SECONDS))
    finally:
        _empty(server, bucket)


def _empty(server: EmbeddedS3Server, bucket: str) -> None:
    """So that the disk need not hold what all of them stored."""
    with closing(server.client()) as client:
        transfer.delete_objects(client, bucket, [each.key for each in transfer.list_objects(client, bucket, "")])
