"""What is shipped of a step, when, and with how many requests."""

from __future__ import annotations

import gzip
import io
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cloudstore.compute_logs.masking import Masker
from cloudstore.compute_logs.stream import LogStream, Packing
from cloudstore.testing import Fault
from core import ModeDefinition, execute_pipeline, pipeline, solid
from core.compute_logs.log_files import LogFiles
from core.compute_logs.names import ComputeIOType
from core.compute_logs.size_cap import SizeCap
from core.errors import DagsterObjectNotFoundError
from core.records.pipeline_run import PipelineRun

STDOUT, STDERR = ComputeIOType.STDOUT, ComputeIOType.STDERR
RUN = PipelineRun("flights", "run-1")
LOG = "run-1/compute_logs/step.out"
Until = Callable[..., None]


def segments(lab: Any, log: str = LOG) -> list[str]:
    return [key.removeprefix(f"{log}.parts/") for key in lab.all_keys() if key.startswith(f"{log}.parts/")]


@pytest.mark.parametrize("is_gzipped", [False, True])
def test_each_byte_goes_up_once_while_the_step_runs(lab: Any, until: Until, is_gzipped: bool) -> None:
    manager = lab.manager(upload_interval=0.01, gzip=is_gzipped)
    ending = ".gz" if is_gzipped else ""
    pieces = [b"one\n", "zwölf\n".encode(), bytes(range(256)) * 100]
    starts = [sum(map(len, pieces[:count])) for count in range(4)]
    with manager.watch(RUN, "step"):
        for number, piece in enumerate(pieces, start=1):
            os.write(1, piece)
            until(lambda number=number: len(segments(lab)) == number)
        assert segments(lab) == [f"{start:020d}{ending}" for start in starts[:3]]
        sent = [lab.get(f"{LOG}.parts/{name}") for name in segments(lab)]
        contents = [each["Body"] for each in sent]
        if is_gzipped:
            contents = list(map(gzip.decompress, contents))
        assert contents == pieces
        os.write(1, b"end\n")
    manager.finish_run(RUN)
    manager.drain()
    assert lab.logs() == {"step.out": b"".join(pieces) + b"end\n", "step.err": b""}
    assert len(lab.all_keys()) == 2  # no segments
    whole = lab.get(LOG)
    assert whole.get("ContentEncoding") == ("gzip" if is_gzipped else None)
    assert (len(whole["Body"]) < starts[3]) is is_gzipped
    assert whole["ContentType"] == "text/plain; charset=utf-8"
    stored = [record.key for record in lab.proxy.records if record.operation == "PutObject"]
    assert len(stored) == len(set(stored))  # nothing twice
    assert lab.left() == []


def test_many_new_bytes_do_not_wait_for_the_interval(lab: Any, until: Until) -> None:
    manager = lab.manager(upload_interval=3600, upload_bytes=1000)
    with manager.watch(RUN, "step"):
        os.write(1, b"." * 1000)
        until(lambda: segments(lab) == [f"{0:020d}"])
        os.write(1, b"," * 999)
        os.write(2, b"." * 1000)
        until(lambda: segments(lab, LOG.replace("out", "err")))
        assert segments(lab) == [f"{0:020d}"]
        os.write(1, b",")
        until(lambda: segments(lab) == [f"{0:020d}", f"{1000:020d}"])


def test_a_link_for_a_browser(lab: Any) -> None:
    manager = lab.manager(gzip=True, url_expiry_seconds=77)
    with manager.watch(RUN, "step"):
        print("zwölf")
    manager.drain()
    url = manager.download_url("run-1", "step", STDOUT)
    assert url is not None
    query = parse_qs(urlsplit(url).query)
    # Signatures of version 4 say for how long; those of version 2, until when.
    assert query.get("X-Amz-Expires") == ["77"] or 0 < int(query["Expires"][0]) - time.time() <= 78
    with urllib.request.urlopen(url) as answer:  # of our own server
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Encoding"] == "gzip"
        body = answer.read()
    assert gzip.decompress(body).decode() == "zwölf\n"


def test_quiet_steps_cost_no_request(lab: Any) -> None:
    manager = lab.manager(skip_empty_files=True)
    for number in range(20):
        with manager.watch(RUN, f"step-{number}"):
            pass
    assert manager.finish_run(RUN) == []
    assert manager.drain() == []
    manager.dispose()
    assert lab.proxy.records == []
    assert lab.left() == []


def test_a_log_all_of_which_went_up_in_segments_is_not_taken_for_empty(lab: Any, until: Until) -> None:
    manager = lab.manager(upload_interval=0.01, skip_empty_files=True)
    with manager.watch(RUN, "step"):
        os.write(1, b"all of it")
        until(lambda: segments(lab))
    assert manager.finish_run(RUN) == []
    assert manager.drain() == []
    assert lab.logs() == {"step.out": b"all of it"}
    assert lab.all_keys() == [LOG]


@pytest.mark.parametrize("skips_empty", [True, False])
def test_small_steps_cost_one_request_a_stream(lab: Any, skips_empty: bool) -> None:
    manager = lab.manager(skip_empty_files=skips_empty)
    for number in range(100):
        with manager.watch(RUN, f"step-{number}"):
            os.write(1, b"out\n")
            if number % 2:
                os.write(2, b"err\n")
    assert manager.finish_run(RUN) == []
    assert manager.drain() == []
    assert lab.requests() == {"PutObject": 150 if skips_empty else 200}
    assert len(lab.logs()) == (150 if skips_empty else 200)
    assert lab.left() == []


def test_a_pipeline_ships_what_its_steps_and_the_engine_print(lab: Any) -> None:
    @solid
    def speak(context: Any) -> None:
        print("from Python")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        context.log.info("a message")

    @pipeline(mode_defs=[ModeDefinition()])
    def speaking() -> None:
        speak()

    with lab.instance() as instance:
        result = execute_pipeline(speaking, instance=instance)
    assert result.success
    logs = lab.logs()
    assert logs["speak.out"] == b"from Python\nfrom a child\n"
    assert b"a message" in logs["speak.err"]
    assert set(logs) == {"speak.out", "speak.err"}
    assert lab.left() == []


def test_a_fork_a_thread_and_a_background_process(lab: Any) -> None:
    manager = lab.manager()
    with manager.watch(RUN, "fork"):
        os.write(1, b"before\n")
        child = os.fork()
        if not child:
            os.write(1, b"child\n")
            os._exit(0)
        os.waitpid(child, 0)
        os.write(1, b"after\n")
    with manager.watch(RUN, "thread"):
        thread = threading.Thread(target=print, args=["thread"])
        thread.start()
        thread.join()
    reading, writing = os.pipe()
    with manager.watch(RUN, "background"):
        left = subprocess.Popen(["/bin/sh", "-c", "echo started; read line; echo late"], stdin=reading)
        os.close(reading)
        assert left.poll() is None
        os.write(1, b"step\n")
    try:
        assert manager.finish_run(RUN) == []
        assert manager.drain() == []  # it does not wait for who was left running
        logs = lab.logs()
        assert logs["fork.out"] == b"before\nchild\nafter\n"
        assert logs["thread.out"] == b"thread\n"
        assert sorted(logs["background.out"].splitlines()) in ([b"started", b"step"], [b"step"])
        assert lab.left() == []
    finally:
        os.close(writing)
        left.wait()


def test_a_forked_child_ships_nothing_and_takes_nothing_away(lab: Any) -> None:
    """It ends as programs do, with what they do at their end, and the parent's log is whole all the same."""
    manager = lab.manager(upload_interval=3600)
    with manager.watch(RUN, "first"):
        os.write(1, b"first\n")
    with manager.watch(RUN, "second"):
        os.write(1, b"parent\n")
        child = os.fork()
        if not child:
            status = 1
            try:
                os.write(1, b"child\n")
                manager.dispose()
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        os.write(1, b"parent again\n")
        assert lab.proxy.records == []
    assert manager.finish_run(RUN) == []
    assert manager.drain() == []
    assert lab.logs() == {
        "first.out": b"first\n",
        "first.err": b"",
        "second.out": b"parent\nchild\nparent again\n",
        "second.err": b"",
    }
    assert lab.left() == []


def test_children_that_are_forked_at_any_moment_come_to_an_end(lab: Any) -> None:
    """Whatever lock another thread of the parent holds just then."""
    manager = lab.manager(skip_empty_files=True)
    over = threading.Event()

    def keep_running_steps() -> None:
        for number in itertools.count():
            if over.is_set():
                return
            with manager.watch(RUN, f"step-{number}"):
                manager.show_output()

    busy = threading.Thread(target=keep_running_steps)
    busy.start()
    try:
        for number in range(50):
            child = os.fork()
            if not child:
                signal.alarm(20)  # kills it
                status = 1
                try:
                    # Those of the parent have locks of Python's, which its other thread may hold for ever here.
                    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
                    with manager.watch(PipelineRun("flights", f"child-{number}"), "step"):
                        manager.show_output()
                    manager.dispose()
                    status = 0
                finally:
                    os._exit(status)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        over.set()
        busy.join()
    assert manager.finish_run(RUN) == []
    assert manager.drain() == []


def test_a_child_that_is_forked_between_steps_leaves_the_next_log_alone(lab: Any) -> None:
    manager = lab.manager()
    with manager.watch(RUN, "quiet"):
        pass
    child = os.fork()
    if not child:
        try:
            manager.dispose()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    with manager.watch(RUN, "next"):
        os.write(1, b"next\n")
    assert manager.finish_run(RUN) == []
    assert manager.drain() == []
    assert lab.logs()["next.out"] == b"next\n"


def test_a_run_that_is_begun_again_when_it_has_just_ended(lab: Any) -> None:
    """What is forgotten of it then leaves alone what it does now."""
    manager, dice = lab.manager(skip_empty_files=True), random.Random(1)
    for attempt in range(1, 201):
        sum(range(dice.randrange(1_000_000)))  # the last one's log is shipped meanwhile, or not yet
        with manager.watch(RUN, "step", attempt):
            os.write(1, b"%d" % attempt)
        assert manager.finish_run(RUN) == []
    assert manager.drain() == []
    names = {"step.out": b"1"} | {f"step({attempt}).out": b"%d" % attempt for attempt in range(2, 201)}
    assert {name: body for name, body in lab.logs().items() if name.endswith(".out")} == names
    assert lab.left() == []


def test_a_run_is_not_forgotten_before_the_last_file_of_it_is_gone(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads have shipped a stream each, and one of them is slow to delete its file."""
    deleting, forgotten = threading.Event(), threading.Event()
    forget, unlink, ship = LogFiles.forget_run, Path.unlink, LogStream.ship_whole

    def forget_and_tell(files: LogFiles, run_id: str) -> None:
        forget(files, run_id)
        forgotten.set()

    def unlink_late(path: Path, missing_ok: bool = False) -> None:
        if path.name == "step.out" and threading.current_thread().name == "compute-log-shipper":
            deleting.set()
            forgotten.wait(0.5)
        unlink(path, missing_ok=missing_ok)

    def ship_err_last(stream: LogStream, client: Any, bucket: str) -> None:
        ship(stream, client, bucket)
        assert stream.path.suffix == ".out" or deleting.wait(30)

    monkeypatch.setattr(LogFiles, "forget_run", forget_and_tell)
    monkeypatch.setattr(Path, "unlink", unlink_late)
    monkeypatch.setattr(LogStream, "ship_whole", ship_err_last)
    manager = lab.manager(upload_interval=3600)
    with manager.watch(RUN, "step"):
        os.write(1, b"out")
        os.write(2, b"err")
    assert manager.finish_run(RUN) == []
    assert manager.drain() == []
    assert lab.left() == []


def test_a_forked_child_has_connections_of_its_own(lab: Any) -> None:
    manager = lab.manager()
    parents = manager._client
    child = os.fork()
    if not child:
        os._exit(0 if manager._client is not parents else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert manager._client is parents


def stream_of(path: Any, is_gzipped: bool = False) -> LogStream:
    return LogStream(path, "key", Packing(Masker, is_gzipped), None)


def test_what_waits_in_an_outage_waits_on_the_disk(tmp_path: Any, lab: Any) -> None:
    path = tmp_path / "step.out"
    path.write_bytes(b"." * 1000)
    stream = stream_of(path)
    with pytest.raises(DagsterObjectNotFoundError):
        stream.ship_segment(lab.direct, "no-such-bucket", 100)
    assert len(stream._untold) == 100
    stream.end([stream])
    assert stream._untold == b""
    stream.ship_segment(lab.direct, lab.bucket, 100)  # nothing of it: a new masker would not know what came before
    assert stream._untold == b""
    assert lab.direct.list_objects_v2(Bucket=lab.bucket)["KeyCount"] == 0


@pytest.mark.parametrize("is_gzipped", [False, True])
def test_a_log_that_grows_while_it_is_shipped_has_the_size_of_the_beginning(tmp_path: Any, is_gzipped: bool) -> None:
    path = tmp_path / "step.out"
    path.write_bytes(b"." * 1000)

    class Growing(Masker):
        def feed(self, chunk: bytes, is_last: bool = False) -> bytes:
            with path.open("ab") as file:
                file.write(b"," * 1000)
            return super().feed(chunk, is_last)

    stream = LogStream(path, "key", Packing(lambda: Growing(["secret"]), is_gzipped), None)
    with stream._packed() as content:
        assert content is not None
        content.seek(0)
        raw = content.read()
    assert (gzip.decompress(raw) if is_gzipped else raw) == b"." * 1000


def test_nothing_of_a_run_comes_back_that_another_process_has_deleted(lab: Any) -> None:
    lab.proxy.inject(Fault.error("AccessDenied"))
    manager = lab.manager(upload_interval=3600)
    with manager.watch(RUN, "step"):
        os.write(2, b"from err")
    manager.finish_run(RUN)
    assert manager.drain() != []
    lab.proxy.clear()
    lab.manager("here", endpoint_url=lab.server.endpoint_url).delete_logs("run-1")
    assert manager.drain() == []
    assert lab.all_keys() == []


def test_a_log_that_waits_on_one_machine_is_shipped_although_its_run_was_deleted_on_another(lab: Any) -> None:
    lab.proxy.inject(Fault.error("AccessDenied"))
    writer = lab.manager("here", skip_empty_files=True)
    with writer.watch(RUN, "step"):
        os.write(1, b"waits")
    writer.finish_run(RUN)
    assert writer.drain() != []
    lab.proxy.clear()
    elsewhere = lab.manager("there")
    assert elsewhere.delete_logs("run-1") == []
    assert writer.drain() == []
    assert lab.logs() == {"step.out": b"waits"}
    assert len(elsewhere.delete_logs("run-1")) == 1
    assert lab.all_keys() == []


def test_a_log_is_shortened_by_a_thread_that_ships(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = lab.manager(max_log_bytes=8192, upload_interval=3600, skip_empty_files=True)
    by: list[str] = []
    shorten = SizeCap.shorten

    def noted(*arguments: Any) -> int:
        by.append(threading.current_thread().name)
        return shorten(*arguments)

    monkeypatch.setattr(SizeCap, "shorten", noted)
    with manager.watch(RUN, "step"):
        os.write(1, b"a" * 20_000 + b"end")
    manager.finish_run(RUN)
    assert manager.drain() == []
    assert by == ["compute-log-shipper"]
    content = lab.logs()["step.out"]
    assert len(content) <= 8192
    assert b"dropped here" in content
    assert content.endswith(b"end")
    assert lab.left() == []


def test_a_log_is_shortened_in_an_outage_too(lab: Any, until: Until) -> None:
    lab.proxy.inject(Fault.error("SlowDown"))
    manager = lab.manager(max_log_bytes=8192)
    with manager.watch(RUN, "step"):
        os.write(1, b"a" * 20_000 + b"end")
    manager.finish_run(RUN)
    until(lambda: manager.is_watch_completed("run-1", "step"))
    piece = manager.read_logs_file("run-1", "step", STDOUT)
    assert piece.size <= 8192
    assert piece.data.endswith("end")
