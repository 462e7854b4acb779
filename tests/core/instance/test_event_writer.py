"""Entries reach the store in order, soon, and all; and what the store raises reaches the run."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import DagsterInstance
from core.events import EventLogEntry
from core.instance.event_writer import FLUSH_INTERVAL_SECONDS, EventWriter
from core.process.kept_lines import KeptLines

A_LONG_TIME_SECONDS = 30


def entry(message: str) -> EventLogEntry:
    return EventLogEntry(None, message, 20, message, "run", 0.0)


class Store:
    """Keeps batches; `stored` is set with the first one. Raises where it is told to."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.batches: list[list[str]] = []
        self.stored = threading.Event()
        self.error = error

    def __call__(self, batch: list[EventLogEntry]) -> None:
        self.batches.append([each.user_message for each in batch])
        self.stored.set()
        if self.error is not None:
            raise self.error

    @property
    def messages(self) -> list[str]:
        return [message for batch in self.batches for message in batch]


def test_nothing_is_stored_before_start() -> None:
    store = Store()
    writer = EventWriter(store)
    threads = threading.active_count()
    writer.put(entry("1"))
    writer.put(entry("2"))
    assert threading.active_count() == threads
    assert store.batches == []
    writer.start()
    writer.close()
    assert store.messages == ["1", "2"]


def test_start_stores_what_was_put_and_raises_what_that_raises() -> None:
    store = Store()
    writer = EventWriter(store)
    writer.put(entry("1"))
    writer.start()
    assert store.messages == ["1"]
    writer.close()
    threads = set(threading.enumerate())
    failing = EventWriter(Store(OSError("disk full")))
    failing.put(entry("1"))
    with pytest.raises(OSError, match="disk full"):
        failing.start()
    assert set(threading.enumerate()) == threads
    failing.close()


def test_a_run_that_is_refused_leaves_nothing() -> None:
    store = Store()
    writer = EventWriter(store)
    writer.put(entry("1"))
    writer.close()
    assert store.batches == []


def test_an_entry_is_stored_soon_without_close() -> None:
    assert FLUSH_INTERVAL_SECONDS <= 0.1
    store = Store()
    writer = EventWriter(store)
    writer.start()
    writer.put(entry("1"))
    assert store.stored.wait(A_LONG_TIME_SECONDS)
    assert store.messages == ["1"]
    store.stored.clear()
    writer.put(entry("2"))
    assert store.stored.wait(A_LONG_TIME_SECONDS)
    assert store.messages == ["1", "2"]
    writer.close()
    assert store.messages == ["1", "2"]


def test_after_close_all_are_stored_in_order_and_the_thread_is_gone() -> None:
    store, threads = Store(), set(threading.enumerate())
    writer = EventWriter(store)
    writer.start()
    for number in range(5000):
        writer.put(entry(str(number)))
    writer.close()
    assert store.messages == [str(number) for number in range(5000)]
    assert len(store.batches) < 5000
    assert set(threading.enumerate()) == threads
    writer.close()
    assert len(store.messages) == 5000


def test_an_entry_put_while_the_writer_closes_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    writer = EventWriter(store)
    writer.start()
    thread = writer._thread
    assert thread is not None
    join = thread.join

    def join_and_put() -> None:
        join()
        writer.put(entry("late"))

    monkeypatch.setattr(thread, "join", join_and_put)
    writer.close()
    assert store.messages == ["late"]


def test_of_many_threads_each_ones_order_is_kept() -> None:
    store = Store()
    writer = EventWriter(store)
    writer.start()
    barrier = threading.Barrier(6)

    def work(worker: int) -> None:
        barrier.wait()
        for number in range(300):
            writer.put(entry(f"{worker} {number}"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    writer.close()
    for worker in range(6):
        own = [message for message in store.messages if message.startswith(f"{worker} ")]
        assert own == [f"{worker} {number}" for number in range(300)]


def test_what_the_store_raises_is_raised_by_close() -> None:
    error = OSError("disk full")
    writer = EventWriter(Store(error))
    writer.start()
    writer.put(entry("1"))
    with pytest.raises(OSError, match="disk full") as caught:
        writer.close()
    assert caught.value is error


def test_after_an_error_nothing_more_is_stored_and_put_raises() -> None:
    at_work, more_was_put = threading.Event(), threading.Event()
    batches: list[int] = []

    def store(batch: list[EventLogEntry]) -> None:
        batches.append(len(batch))
        at_work.set()
        assert more_was_put.wait(A_LONG_TIME_SECONDS)
        raise OSError("disk full")

    writer = EventWriter(store)
    writer.start()
    writer.put(entry("1"))
    assert at_work.wait(A_LONG_TIME_SECONDS)
    writer.put(entry("2"))
    more_was_put.set()
    with pytest.raises(OSError, match="disk full"):
        writer.close()
    with pytest.raises(OSError, match="disk full"):
        writer.put(entry("3"))
    assert batches == [1], "stored on after an error, so that the log has a hole"


def test_what_is_put_while_the_store_is_at_work_is_stored_by_close() -> None:
    store = Store()

    def store_slowly(batch: list[EventLogEntry]) -> None:
        store(batch)
        if len(store.batches) == 1:
            writer.put(entry("2"))
            assert writer._closing.wait(A_LONG_TIME_SECONDS)

    writer = EventWriter(store_slowly)
    writer.start()
    writer.put(entry("1"))
    assert store.stored.wait(A_LONG_TIME_SECONDS)
    writer.close()
    assert store.messages == ["1", "2"]


@given(st.lists(st.sampled_from(["put", "wait"]), max_size=12))
@settings(max_examples=30)
def test_however_entries_arrive_none_is_lost(steps: list[str]) -> None:
    store = Store()
    writer = EventWriter(store)
    writer.start()
    expected: list[str] = []
    for number, step in enumerate(steps):
        if step == "put":
            store.stored.clear()
            expected.append(str(number))
            writer.put(entry(str(number)))
        elif expected:
            assert store.stored.wait(A_LONG_TIME_SECONDS)
    writer.close()
    assert store.messages == expected


# What a killed process has not stored


def killed_while_storing(instance: DagsterInstance, run_id: str) -> None:
    """A process that has put three entries, of which the first is stored, and that is killed then."""
    child = os.fork()
    if not child:
        try:
            with DagsterInstance.from_config(instance.root_directory) as own:
                assert own.unstored_directory is not None
                stored = threading.Event()

                def store(batch: list[EventLogEntry]) -> None:
                    own.handle_new_events(batch)
                    stored.set()
                    threading.Event().wait()

                writer = EventWriter(store, KeptLines(own.unstored_directory))
                writer.start()
                writer.put(of_run(run_id, "1"))
                stored.wait(A_LONG_TIME_SECONDS)
                writer.put(of_run(run_id, "2"))
                writer.put(of_run(run_id, "a \ud800 surrogate"))
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def of_run(run_id: str, message: str) -> EventLogEntry:
    return EventLogEntry(None, message, 20, message, run_id, 0.0)


def test_what_a_killed_process_had_not_stored_is_stored_once_by_the_next_run(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        run, other = instance.create_run("count"), instance.create_run("count")
        killed_while_storing(instance, run.run_id)
        killed_while_storing(instance, other.run_id)
        instance.delete_run(other.run_id)
        for _ in range(2):
            instance.recover()
            messages = [entry.user_message for entry in instance.all_logs(run.run_id)]
            assert messages[:2] == ["1", "2"]
            assert len(messages) == 3
        assert not (tmp_path / "unstored").exists()
        assert instance.all_logs(other.run_id) == []


def test_nothing_is_kept_once_it_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "unstored"
    store = Store()
    writer = EventWriter(store, KeptLines(folder))
    writer.put(entry("before the start, which stores it"))
    writer.start()
    assert not folder.exists()
    for number in range(300):
        writer.put(entry(str(number)))
    writer.close()
    assert len(store.messages) == 301
    assert not folder.exists()


def test_a_forked_child_leaves_what_is_kept_alone(tmp_path: Path) -> None:
    stored = threading.Event()
    writer = EventWriter(lambda batch: None if batch == [] else stored.set(), KeptLines(tmp_path / "unstored"))
    writer.start()
    writer.put(entry("1"))
    stored.wait(A_LONG_TIME_SECONDS)
    child = os.fork()
    if not child:
        try:
            writer.put(entry("2"))
            writer.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert len(list((tmp_path / "unstored").iterdir())) == 1
    writer.close()


def test_a_disk_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "unstored").write_text("a file in its place")
    store = Store()
    writer = EventWriter(store, KeptLines(tmp_path / "unstored"))
    writer.start()
    writer.put(entry("1"))
    writer.close()
    assert store.messages == ["1"]
