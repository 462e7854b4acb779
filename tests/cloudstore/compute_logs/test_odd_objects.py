"""Objects of others among the logs, and gzip that is not a log's: one message, nothing huge held or written."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudstore.compute_logs.unpacking import unpacked
from core.compute_logs.names import ComputeIOType
from core.errors import DagsterError, DagsterObjectCorruptError
from core.records.pipeline_run import PipelineRun

STDOUT = ComputeIOType.STDOUT
RUN = PipelineRun("flights", "run-1")
LOG = "run-1/compute_logs/step.out"
MIB = 1 << 20
Until = Callable[..., None]


def bomb(size_bytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(MIB)
    return b"".join([*(packer.compress(zeros) for _ in range(size_bytes // MIB)), packer.flush()])


def put(lab: Any, key: str, content: bytes = b"", **details: Any) -> None:
    lab.direct.put_object(Bucket=lab.bucket, Key=f"{lab.config()['prefix']}/storage/{key}", Body=content, **details)


ODD_NAMES = [
    "",
    "notes.txt",
    "00000000000000000000.txt",
    "-0000000000000000001",
    "0" * 21,
    "x",
    "1",
    "\u0660" * 20,
    "0" * 20 + "/a",
]


def test_objects_of_others_among_the_parts_of_a_log(lab: Any) -> None:
    for number, name in enumerate(ODD_NAMES):
        put(lab, f"{LOG}.parts/{name}", b"not ours" if number % 2 else b"")
    reader = lab.manager("there")
    assert reader.read_logs_file("run-1", "step", STDOUT).data is None
    put(lab, f"{LOG}.parts/{0:020d}", b"first,")
    put(lab, f"{LOG}.parts/{6:020d}", b"second")
    put(lab, f"{LOG}.parts/{8:020d}", b"")
    put(lab, f"{LOG}.parts/{10**19:020d}", b"of a log that is none")
    assert "".join(piece.data for piece in _pieces(reader)) == "first,second"
    assert reader.read_logs_file("run-1", "step", STDOUT, cursor=8).data == "cond"
    writer = lab.manager()
    with writer.watch(RUN, "step"):
        os.write(1, b"first,second")
    assert writer.finish_run(RUN) + writer.drain() == []
    assert lab.logs()["step.out"] == b"first,second"
    reader.delete_logs("run-1")
    assert {key.partition(".parts/")[2] for key in lab.all_keys()} - {""} == {name for name in ODD_NAMES if name}


def _pieces(reader: Any) -> Any:
    subscription = reader.subscribe("run-1", "step", STDOUT)
    subscription.is_over = lambda: True
    return subscription


WHOLE = gzip.compress(b"line\n" * 1000)
BROKEN = {
    "cut": (WHOLE[:-9], "is cut"),
    "empty": (b"", "is cut"),
    "text": (b"no gzip", "is not gzip"),
    "altered": (WHOLE[:20] + bytes([WHOLE[20] ^ 1]) + WHOLE[21:], "so it is not read as a log"),
    "garbage": (WHOLE + b"garbage", "goes on after its end"),
    "two": (WHOLE + WHOLE, "goes on after its end"),
}


@pytest.mark.parametrize("is_whole", [True, False], ids=["log", "segment"])
@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN)
def test_gzip_that_is_broken(lab: Any, content: bytes, said: str, is_whole: bool) -> None:
    key = LOG if is_whole else f"{LOG}.parts/{0:020d}.gz"
    put(lab, key, content, **({"ContentEncoding": "gzip"} if is_whole else {}))
    reader = lab.manager("there")
    with pytest.raises(DagsterObjectCorruptError, match=said) as caught:
        reader.read_logs_file("run-1", "step", STDOUT)
    assert key in str(caught.value)
    assert list(lab.spool("there").rglob(".partial-*")) == []


@pytest.mark.parametrize("is_whole", [True, False], ids=["log", "segment"])
def test_a_bomb_neither_fills_the_memory_nor_the_disk(lab: Any, is_whole: bool) -> None:
    content = bomb(1024 * MIB)
    assert len(content) < 2 * MIB
    key = LOG if is_whole else f"{LOG}.parts/{0:020d}.gz"
    put(lab, key, content, **({"ContentEncoding": "gzip"} if is_whole else {}))
    del content
    reader = lab.manager("there")
    tracemalloc.start()
    try:
        with pytest.raises(DagsterError, match="holds more than"):
            reader.read_logs_file("run-1", "step", STDOUT)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()
    assert sum(path.stat().st_size for path in lab.spool("there").rglob("*") if path.is_file()) < MIB


@pytest.mark.parametrize("said", ["1", "5001", "99999999999999999999999", "-1", "x", ""])
def test_what_a_log_is_said_to_hold(lab: Any, said: str) -> None:
    put(lab, LOG, WHOLE, ContentEncoding="gzip", Metadata={"unpacked-bytes": said} if said else {})
    reader = lab.manager("there")
    if said == "1":
        with pytest.raises(DagsterObjectCorruptError, match="holds more than 1 bytes"):
            reader.read_logs_file("run-1", "step", STDOUT)
    else:
        assert reader.read_logs_file("run-1", "step", STDOUT).data == "line\n" * 1000


def test_a_log_that_is_packed_well_is_read_whole(lab: Any) -> None:
    text = b"." * (70 * MIB)
    writer = lab.manager(gzip=True)
    with writer.watch(RUN, "step"):
        os.write(1, text)
    assert writer.finish_run(RUN) + writer.drain() == []
    reader = lab.manager("there")
    assert sum(len(piece.data) for piece in _pieces(reader)) == len(text)


@given(st.binary(max_size=3000), st.integers(1, 50), st.integers(0, 5000))
def test_what_is_unpacked_is_what_was_packed_or_an_error(content: bytes, chunk_bytes: int, most_bytes: int) -> None:
    packed = io.BytesIO(gzip.compress(content))
    pieces = unpacked(iter(lambda: packed.read(chunk_bytes), b""), "s3://b/k", most_bytes)
    if len(content) <= most_bytes:
        assert b"".join(pieces) == content
    else:
        with pytest.raises(DagsterObjectCorruptError):
            list(pieces)
