"""Logs that a reader has copied from the bucket: whole, of the log that is there now, and no sign of a writer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudstore import transfer
from cloudstore.testing import Fault
from core.compute_logs.names import ComputeIOType
from core.errors import DagsterObjectStoreError
from core.records.pipeline_run import PipelineRun

STDOUT, STDERR = ComputeIOType.STDOUT, ComputeIOType.STDERR
RUN = PipelineRun("flights", "run-1")
CAP = 8192
Until = Callable[..., None]


def write(manager: Any, text: bytes, step: str = "step") -> None:
    with manager.watch(RUN, step):
        os.write(1, text)


def test_a_copy_is_not_taken_for_a_log_that_is_being_written(lab: Any) -> None:
    writer = lab.manager()
    write(writer, b"one")
    assert writer.drain() == []
    assert lab.manager().read_logs_file("run-1", "step", STDOUT).data == "one"
    write(writer, b"two", "other")
    writer.finish_run(RUN)
    assert writer.drain() == []  # what was noted of the run on this machine is gone with that
    reader = lab.manager()
    assert reader.is_watch_completed("run-1", "step")
    assert "".join(piece.data for piece in reader.subscribe("run-1", "step", STDOUT)) == "one"


def test_the_whole_is_read_of_a_log_with_a_cap_although_the_other_stream_is_late(lab: Any, until: Until) -> None:
    writer, reader = lab.manager("here", max_log_bytes=CAP), lab.manager("there", max_log_bytes=CAP)
    lab.proxy.inject(Fault.error("InternalError"), operations="PutObject", key="*.err")
    with writer.watch(RUN, "step"):
        os.write(1, b"." * 20_000 + b"end")
        os.write(2, b"late")
    writer.finish_run(RUN)
    until(lambda: list(lab.logs()) == ["step.out"])
    assert reader.read_logs_file("run-1", "step", STDOUT).data.endswith("end")
    assert not reader.is_watch_completed("run-1", "step")
    lab.proxy.clear()
    assert writer.drain() == []
    assert reader.is_watch_completed("run-1", "step")
    assert reader.read_logs_file("run-1", "step", STDOUT).data.endswith("end")


@pytest.mark.parametrize("machine", ["here", "there"])
def test_the_copy_of_an_earlier_log_is_not_shown(lab: Any, machine: str) -> None:
    writer, reader = lab.manager(), lab.manager(machine)
    for text in ("first", "second"):
        write(writer, text.encode())
        writer.finish_run(RUN)
        assert writer.drain() == []
        assert reader.read_logs_file("run-1", "step", STDOUT).data == text
    copies = [path for path in lab.left(machine) if ".copy-" in path]
    assert len(copies) == 1
    lab.manager("elsewhere").delete_logs("run-1")
    assert not reader.read_logs_file("run-1", "step", STDOUT).data


def test_a_copy_is_fetched_once(lab: Any) -> None:
    writer, reader = lab.manager(), lab.manager("there")
    write(writer, b"0123456789")
    assert writer.drain() == []
    pieces = [reader.read_logs_file("run-1", "step", STDOUT, cursor, 4) for cursor in (0, 4, 8)]
    assert [piece.data for piece in pieces] == ["0123", "4567", "89"]
    assert lab.requests()["GetObject"] == 1


def test_the_notes_of_a_run_stay_while_logs_of_another_process_are_there(lab: Any) -> None:
    """Each process of a run has a manager of its own; one has ended, and the other's logs cannot be shipped."""
    lab.proxy.inject(Fault.error("AccessDenied"), key="*other*")
    one, other = lab.manager(), lab.manager(exit_timeout_seconds=0.5)
    write(other, b"other", "other")
    write(one, b"one")
    assert one.finish_run(RUN) == []
    assert one.drain() == []
    assert lab.manager().is_watch_completed("run-1", "other")


def test_a_log_that_is_stored_between_two_looks_is_not_read_as_empty(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not there yet; then the whole is, and its segments have gone."""
    writer, reader = lab.manager(upload_interval=3600), lab.manager("there")
    write(writer, b"hello")
    list_objects, listed = transfer.list_objects, threading.Event()

    def late(client: Any, bucket: str, prefix: str) -> Any:
        if not listed.is_set():
            listed.set()
            writer.drain()
        return list_objects(client, bucket, prefix)

    monkeypatch.setattr(transfer, "list_objects", late)
    piece = reader.read_logs_file("run-1", "step", STDOUT)
    assert listed.is_set()
    assert (piece.data, piece.size) == ("hello", 5)
    assert Path(str(piece.path)).read_bytes() == b"hello"


@pytest.mark.parametrize("is_gzipped", [False, True])
@pytest.mark.parametrize("fault", [Fault.cut(), Fault.wrong_byte()], ids=str)
def test_a_download_that_broke_off_is_not_taken_for_the_log(lab: Any, fault: Fault, is_gzipped: bool) -> None:
    writer, reader = lab.manager(gzip=is_gzipped), lab.manager("there")
    text = "".join(f"{number}\n" for number in range(100_000))
    write(writer, text.encode())
    assert writer.drain() == []
    lab.proxy.inject(fault, operations="GetObject")
    with pytest.raises(DagsterObjectStoreError):
        reader.read_logs_file("run-1", "step", STDOUT)
    assert [path for path in lab.left("there") if "step" in path or "partial" in path] == []
    lab.proxy.clear()
    assert "".join(piece.data for piece in reader.subscribe("run-1", "step", STDOUT)) == text
