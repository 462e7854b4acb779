"""Reading a log on another machine while it is written: no gap, no repeat, and an end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cloudstore import transfer
from cloudstore.testing import Fault
from core.compute_logs.names import ComputeIOType
from core.records.pipeline_run import PipelineRun

STDOUT, STDERR = ComputeIOType.STDOUT, ComputeIOType.STDERR
RUN = PipelineRun("flights", "run-1")
LOG = "logs/storage/run-1/compute_logs/step.out"
Until = Callable[..., None]


class Follower:
    """Somebody who follows a log in a thread of its own."""

    def __init__(self, manager: Any, io_type: ComputeIOType = STDOUT, attempt: int = 1) -> None:
        manager.follow_interval_seconds = 0.01
        self.pieces: list[str] = []
        self._subscription = manager.subscribe("run-1", "step", io_type, attempt=attempt)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        for piece in self._subscription:
            self.pieces.append(piece.data)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def ended(self) -> str:
        """All that it got, when it has come to the end."""
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.text


@pytest.mark.parametrize("is_gzipped", [False, True])
def test_pieces_come_while_the_step_runs_and_then_its_end(lab: Any, until: Until, is_gzipped: bool) -> None:
    writer, reader = lab.manager("here", upload_interval=0.01, gzip=is_gzipped), lab.manager("there")
    early = Follower(reader)  # nothing of the step is there yet
    expected = ""
    with writer.watch(RUN, "step"):
        for number in range(3):
            text = f"zwölf {number}\n" * (number * 1000 + 1)
            os.write(1, text.encode())
            expected += text
            until(lambda expected=expected: early.text == expected)
        late = Follower(lab.manager("elsewhere"))
        until(lambda: late.text == expected)
        os.write(1, b"end \xff")
    writer.finish_run(RUN)
    assert early.ended() == late.ended() == expected + "end �"
    assert len(early.pieces) >= 4


def test_a_character_that_is_cut_between_two_segments_is_read_whole(lab: Any, until: Until) -> None:
    writer = lab.manager("here", upload_interval=0.01)
    follower = Follower(lab.manager("there"))
    with writer.watch(RUN, "step"):
        os.write(1, b"a\xe2\x82")
        until(lambda: follower.text == "a")
        os.write(1, b"\xac!")
        until(lambda: follower.text == "a€!")
    writer.finish_run(RUN)
    assert follower.ended() == "a€!"


def test_the_whole_takes_the_place_of_segments_between_two_requests(
    lab: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the reader's looking for the whole and its listing of segments, and the first of these gone."""
    writer, reader = lab.manager("here", upload_interval=3600, upload_bytes=100), lab.manager("there")
    with writer.watch(RUN, "step"):
        for number in range(3):
            os.write(1, b"%d." % number * 50)
            until(lambda number=number: len(lab.all_keys()) == number + 1)
    list_objects, listed = transfer.list_objects, threading.Event()

    def late(client: Any, bucket: str, prefix: str) -> Any:
        if listed.is_set():
            return list_objects(client, bucket, prefix)
        listed.set()
        lab.proxy.inject(Fault.error("AccessDenied"), operations="DeleteObjects")
        writer.drain()  # the whole is there, and no segment is deleted yet
        return sorted(list_objects(client, bucket, prefix))[1:]  # now the first one is

    monkeypatch.setattr(transfer, "list_objects", late)
    piece = reader.read_logs_file("run-1", "step", STDOUT)
    assert listed.is_set()
    assert (piece.data, piece.cursor) == ("0." * 50 + "1." * 50 + "2." * 50, 300)


def test_reading_goes_on_in_the_whole_where_it_ended_in_segments(lab: Any, until: Until) -> None:
    writer, reader = lab.manager("here", upload_interval=0.01), lab.manager("there")
    with writer.watch(RUN, "step"):
        os.write(1, b"012345678\n")
        until(lambda: reader.read_logs_file("run-1", "step", STDOUT).data == "012345678\n")
        first = reader.read_logs_file("run-1", "step", STDOUT, max_bytes=4)
        assert (first.data, first.cursor) == ("0123", 4)
    writer.drain()
    assert reader.read_logs_file("run-1", "step", STDOUT, first.cursor).data == "45678\n"


@pytest.mark.parametrize("late", ["out", "err"])
def test_one_stream_is_shipped_and_the_other_not_yet(lab: Any, until: Until, late: str) -> None:
    """That is no end of the step: neither for who follows on another machine, nor here."""
    lab.proxy.inject(Fault.error("SlowDown"), operations="PutObject", key=f"*.{late}")
    writer = lab.manager("here", upload_interval=3600, skip_empty_files=True)
    with writer.watch(RUN, "step"):
        os.write(1, b"from out")
        os.write(2, b"from err")
    writer.finish_run(RUN)
    until(lambda: len(lab.all_keys()) == 1 and len([each for each in lab.left() if each.endswith("t")]) < 4)
    assert writer.read_logs_file("run-1", "step", STDOUT).data == "from out"
    assert writer.read_logs_file("run-1", "step", STDERR).data == "from err"
    reader = lab.manager("there")
    assert not reader.is_watch_completed("run-1", "step")
    followers = Follower(reader), Follower(reader, STDERR)
    until(lambda: "from" in "".join(each.text for each in followers))
    assert not reader.is_watch_completed("run-1", "step")
    lab.proxy.clear()
    assert [each.ended() for each in followers] == ["from out", "from err"]
    assert reader.is_watch_completed("run-1", "step")


@pytest.mark.parametrize("skips_empty", [False, True])
def test_a_step_with_one_stream_ends(lab: Any, skips_empty: bool) -> None:
    writer = lab.manager("here", skip_empty_files=skips_empty)
    with writer.watch(RUN, "step"):
        os.write(2, b"from err")
    writer.drain()
    reader = lab.manager("there")
    assert Follower(reader).ended() == ""
    assert Follower(reader, STDERR).ended() == "from err"


def test_attempts_have_logs_of_their_own(lab: Any, until: Until) -> None:
    writer, reader = lab.manager("here", upload_interval=0.01), lab.manager("there")
    with writer.watch(RUN, "step"):
        os.write(1, b"first")
    followers = Follower(reader), Follower(reader, attempt=2)
    with writer.watch(RUN, "step", attempt=2):
        os.write(1, b"second\n")
        until(lambda: followers[1].text == "second\n")
        assert followers[0].ended() == "first"
    writer.finish_run(RUN)
    assert followers[1].ended() == "second\n"


def test_who_follows_on_the_same_machine_sees_the_tail_although_it_is_shipped(lab: Any, until: Until) -> None:
    writer, reader = lab.manager("here", upload_interval=3600), lab.manager("here")
    follower = Follower(reader)
    with writer.watch(RUN, "step"):
        os.write(1, b"one ")
        until(lambda: follower.text == "one ")
        os.write(1, b"two")
    writer.drain()
    assert follower.ended() == "one two"
