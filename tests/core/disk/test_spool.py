"""What waits to be stored: little of it in memory, and none of it where another process could find it."""

from __future__ import annotations

import random
import tempfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from core.disk.spool import Spool

SMALL, LARGE = 1000, 300_000


def written(spool: Spool, content: bytes, at_once: int = 1 << 16) -> bytes:
    """What comes back of a content that is written in pieces."""
    with spool.writing() as spooled:
        for start in range(0, len(content), at_once):
            assert spooled.write(content[start : start + at_once]) == len(content[start : start + at_once])
    return spooled.reading().read()


def test_all_that_was_written_comes_back_in_any_order_and_to_many_threads() -> None:
    dice = random.Random(1)
    contents = [dice.randbytes(dice.choice([0, SMALL, LARGE])) for _ in range(60)]
    with Spool(3 * LARGE) as spool:
        things = []
        for content in contents:
            with spool.writing() as spooled:
                spooled.write(memoryview(content))
            things.append(spooled)
        with ThreadPoolExecutor(8) as threads:
            for _ in range(2):
                assert list(threads.map(lambda thing: thing.reading().read(), things)) == contents


def test_what_is_read_seeks_from_its_own_beginning() -> None:
    with Spool(10) as spool:
        for _ in range(3):
            with spool.writing() as spooled:
                spooled.write(b"0123456789abcdef")
            stream = spooled.reading()
            assert (stream.seek(0, 2), stream.seek(10), stream.read()) == (16, 10, b"abcdef")


@pytest.mark.parametrize(("memory_bytes", "size", "count"), [(2 * LARGE, LARGE, 20), (None, 7 << 20, 4)])
def test_all_things_together_take_the_memory_of_one(memory_bytes: int | None, size: int, count: int) -> None:
    """By default 16 MiB, which is what the documentation says."""
    tracemalloc.start()
    try:
        with Spool() if memory_bytes is None else Spool(memory_bytes) as spool:
            things = []
            for number in range(count):
                with spool.writing() as spooled:
                    spooled.write(bytes([number]) * size)
                things.append(spooled)
            held, _peak = tracemalloc.get_traced_memory()
            assert [thing.reading().read(1) for thing in things] == [bytes([number]) for number in range(count)]
    finally:
        tracemalloc.stop()
    assert 2 * size <= held <= (memory_bytes or 16 << 20) + 100_000


def test_the_file_of_a_spool_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Spool(0) as spool:
        assert written(spool, b"secret") == b"secret"
        assert list(tmp_path.iterdir()) == []


def test_what_failed_to_be_written_leaves_the_rest_whole() -> None:
    with Spool(LARGE) as spool:
        with spool.writing() as first:
            first.write(b"1" * LARGE)
        with suppress(OSError), spool.writing() as broken:
            broken.write(b"2" * LARGE)
            raise OSError("the codec gives up")
        assert written(spool, b"3" * SMALL) == b"3" * SMALL
        assert first.reading().read() == b"1" * LARGE
