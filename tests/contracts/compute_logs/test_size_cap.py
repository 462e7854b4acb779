"""Logs that are too long: their beginning and their end, and how much is not there."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudstore.compute_logs.masking import Masker
from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.manager import ComputeLogManager
from core.compute_logs.names import ComputeIOType
from core.compute_logs.size_cap import LEAST_CAP_BYTES, SizeCap
from core.config import Secret
from core.errors import DagsterInvalidConfigError
from core.records.pipeline_run import PipelineRun
from core.serdes import ConfigurableClassData

STDOUT, STDERR = ComputeIOType.STDOUT, ComputeIOType.STDERR
RUN = PipelineRun("flights", "run-1")
CAP = 10_000
IN_BUCKETS = ["moto", "embedded"]
Make = Callable[..., ComputeLogManager]

MARK = re.compile(rb"\n\[([\d,]+) bytes were dropped here: a log may have ([\d,]+) bytes\]\n")


def numbered(size: int) -> bytes:
    """Bytes of which every piece says where it is from."""
    return b"".join(b"%015d\n" % number for number in range(size // 16 + 1))[:size]


def check_shortened(content: bytes, whole: bytes, cap: int) -> None:
    assert len(content) <= cap
    (mark,) = MARK.finditer(content)
    head, tail = content[: mark.start()], content[mark.end() :]
    dropped = int(mark[1].replace(b",", b""))
    assert int(mark[2].replace(b",", b"")) == cap
    assert whole.startswith(head)
    assert whole.endswith(tail)
    assert len(head) + dropped + len(tail) == len(whole)
    assert len(head) == cap // 2
    assert len(tail) == cap - cap // 2 - 200


@given(st.integers(LEAST_CAP_BYTES, 3 * LEAST_CAP_BYTES), st.integers(0, 5 * LEAST_CAP_BYTES))
def test_head_and_tail_of_every_size(tmp_path_factory: pytest.TempPathFactory, cap: int, size: int) -> None:
    path = tmp_path_factory.getbasetemp() / f"log-{os.getpid()}"
    whole = numbered(size)
    path.write_bytes(whole)
    dropped = SizeCap(cap).shorten(path, bytes)
    if size <= cap:
        assert (path.read_bytes(), dropped) == (whole, 0)
    else:
        check_shortened(path.read_bytes(), whole, cap)
        assert SizeCap(cap).shorten(path, bytes) == 0, "it would lose more each time"


@given(st.integers(-90, 90), st.sampled_from(["head", "tail"]), st.integers(4, 80))
def test_no_part_of_a_secret_is_left_at_a_cut(
    tmp_path_factory: pytest.TempPathFactory, shift: int, cut: str, length: int
) -> None:
    secret = "".join(chr(ord("A") + number % 26) for number in range(length))
    cap, size = SizeCap(CAP), 300_000
    place = cap.gap(size)[0 if cut == "head" else 1] + shift
    whole = b"." * place + secret.encode() + b"." * (size - place - length)
    path = tmp_path_factory.getbasetemp() / f"log-{os.getpid()}"
    path.write_bytes(whole)
    cap.shorten(path, lambda piece: Masker([secret]).feed(piece, is_last=True))
    content = path.read_bytes()
    assert len(content) <= CAP
    assert not set(content) & set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def test_what_is_not_there_or_cannot_be_kept_is_left_alone(tmp_path: Path) -> None:
    assert SizeCap(CAP).shorten(tmp_path / "missing", bytes) == 0
    (tmp_path / "log").write_bytes(numbered(CAP + 1))

    def fail(piece: bytes) -> bytes:
        raise OSError(28, "the disk is full")

    with pytest.raises(OSError, match="full"):
        SizeCap(CAP).shorten(tmp_path / "log", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["log"], "what fills the disk is left on it"
    assert (tmp_path / "log").read_bytes() == numbered(CAP + 1)


@pytest.mark.parametrize("bad", [4095, 0, -1, 1 << 51, 1.5, "much"])
def test_limits_that_are_none(bad: Any, tmp_path: Path) -> None:
    data = ConfigurableClassData(
        "core.storage.local_compute_log_manager",
        "LocalComputeLogManager",
        f"base_dir: {tmp_path}\nmax_log_bytes: {bad}",
    )
    with pytest.raises(DagsterInvalidConfigError, match="max_log_bytes"):
        data.rehydrate()


@pytest.mark.parametrize("size", [CAP, CAP + 1, 5 * CAP])
@pytest.mark.parametrize("gzip", [False, True])
def test_a_log_has_at_most_so_many_bytes_everywhere(size: int, gzip: bool, make: Make) -> None:
    manager = make(max_log_bytes=CAP, gzip=gzip)
    whole = numbered(size)
    with manager.watch(RUN, "step"):
        os.write(1, whole)
        os.write(2, b"short")
    assert manager.finish_run(RUN) + manager.drain() == []
    for reader in (manager, make("elsewhere")):
        piece = reader.read_logs_file("run-1", "step", STDOUT)
        content = (piece.data or "").encode()
        assert piece.size == len(content) == Path(str(piece.path)).stat().st_size
        if size <= CAP:
            assert content == whole
        else:
            check_shortened(content, whole, CAP)
        assert reader.read_logs_file("run-1", "step", STDERR).data == "short"


def test_reading_during_the_run_stops_at_the_gap_and_goes_on_after_it(make: Make) -> None:
    manager = make(max_log_bytes=CAP)
    shown = threading.Event()
    manager.echo = lambda chunk: shown.set() if b"\n" in chunk else None
    whole = numbered(5 * CAP)
    with manager.watch(RUN, "step"):
        os.write(1, whole)
        assert shown.wait(30)
        first = manager.read_logs_file("run-1", "step", STDOUT)
        assert (first.data or "").encode() == whole[: CAP // 2]
        assert manager.read_logs_file("run-1", "step", STDOUT, first.cursor).data == ""
    rest = manager.read_logs_file("run-1", "step", STDOUT, first.cursor)
    check_shortened(((first.data or "") + (rest.data or "")).encode(), whole, CAP)


@pytest.mark.parametrize("kind", IN_BUCKETS)
def test_who_follows_from_elsewhere_gets_the_head_the_line_and_the_tail(make: Make, bucket: Any) -> None:
    manager = make(max_log_bytes=CAP, upload_interval=0.05)
    elsewhere = make("elsewhere")
    whole = numbered(5 * CAP)
    found: list[str] = []
    got = threading.Condition()

    def follow() -> None:
        for piece in elsewhere.subscribe("run-1", "step", STDOUT):
            with got:
                found.append(str(piece.data))
                got.notify_all()

    reader = threading.Thread(target=follow)
    with manager.watch(RUN, "step"):
        reader.start()
        os.write(1, whole)
        with got:
            # Less than a secret is held back, where the last bytes may be the beginning of one (of the store's key).
            assert got.wait_for(lambda: len("".join(found)) > CAP // 2 - 64, 60)
        segments = bucket.objects()
        assert CAP // 2 - 64 < sum(size for key, size in segments.items() if ".parts/" in key) <= CAP // 2
    assert manager.finish_run(RUN) + manager.drain() == []
    reader.join(60)
    assert not reader.is_alive()
    check_shortened("".join(found).encode(), whole, CAP)


@pytest.mark.parametrize("kind", IN_BUCKETS)
@pytest.mark.parametrize("shift", [-20, -10, -1, 0])
def test_a_secret_that_is_cut_is_not_half_shown_in_the_bucket(shift: int, make: Make, bucket: Any) -> None:
    manager = make(max_log_bytes=CAP, upload_interval=0.05)
    manager.hide("run-1", [Secret("ABCDEFGHIJKLMNOPQRST")])
    whole = bytearray(b"." * (5 * CAP))
    for cut in SizeCap(CAP).gap(len(whole)):
        whole[cut + shift : cut + shift + 20] = b"ABCDEFGHIJKLMNOPQRST"
    seen = b""
    with manager.watch(RUN, "step"):
        os.write(1, bytes(whole))
        while not bucket.objects():
            threading.Event().wait(0.01)
        for key in bucket.objects():
            seen += bucket.body(key)
    assert manager.finish_run(RUN) + manager.drain() == []
    (key,) = (each for each in bucket.objects() if each.endswith(".out"))
    seen += bucket.body(key)
    assert not set(seen.replace(b"bytes were dropped here: a log may have", b"")) & set(b"ABCDEFGHIJKLMNOPQRST")
    assert MARK.search(seen)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not give back the middle of a file")
def test_the_disk_holds_little_while_much_is_printed(tmp_path: Path) -> None:
    manager = LocalComputeLogManager(str(tmp_path), max_log_bytes=1 << 20)
    shown, changed = 0, threading.Condition()

    def note(chunk: bytes) -> None:
        nonlocal shown
        with changed:
            shown += len(chunk)
            changed.notify_all()

    manager.echo = note
    piece, written, most = b"x" * 999_999 + b"\n", 0, 0
    with manager.watch(RUN, "step"):
        for _ in range(20):
            for _ in range(10):
                written += os.write(1, piece)
            with changed:
                assert changed.wait_for(lambda: shown >= written, 60)  # noqa: B023  called before the loop goes on
            path = Path(manager.get_local_path("run-1", "step", STDOUT))
            most = max(most, path.stat().st_blocks * 512)
    assert path.stat().st_size <= 1 << 20
    assert written == 200_000_000
    assert most < 20_000_000
    manager.finish_run(RUN)
    manager.dispose()
