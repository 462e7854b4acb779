"""Shipping logs in the background, so that no step waits for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from cloudstore.compute_logs.pending import PendingLog
from cloudstore.compute_logs.stream import LogStream
from core.errors import DagsterError
from core.storage.forks import begins_anew_in_children

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_LOOK_SECONDS = 0.25  # how often the logs of steps that run are looked at
_IDLE_SECONDS = 1.0  # a thread that finds nothing to do for so long ends
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
_LARGEST_SEGMENT_BYTES = 64 << 20


@dataclass(frozen=True)
class Pace:
    """When things are shipped.

    Attributes:
        interval_seconds: bytes that were written are shipped at most so much later.
        most_bytes: bytes of one log are shipped earlier where they are so many.
        threads: how many logs are shipped at a time.
        patience_seconds: how long the end of the process waits for what is not shipped yet.
    """

    interval_seconds: float
    most_bytes: int
    threads: int
    patience_seconds: float


@dataclass
class _Ended:
    """A stream that is complete and waits to be shipped."""

    run_id: str
    stream: LogStream
    on_shipped: Callable[[], None]
    since: float
    is_leftover: bool


@dataclass
class _Running:
    """A stream that is being written."""

    run_id: str
    stream: LogStream


@dataclass
class _State:
    """What is waited for and done; guarded by the shipper's condition."""

    running: dict[PendingLog, float] = field(default_factory=dict)  # with when it began
    shipped_at: WeakKeyDictionary[LogStream, float] = field(default_factory=WeakKeyDictionary)  # of those that run
    ended: deque[_Ended] = field(default_factory=deque)
    busy: dict[LogStream, str] = field(default_factory=dict)  # with the run
    is_urgent: bool = False
    is_closing: bool = False
    failures: int = 0
    failures_in_a_row: int = 0
    failure: str = ""
    paused_until: float = 0.0
    threads: list[threading.Thread] = field(default_factory=list)


class Shipper:
    """Ships logs by threads of its own, which are there only while there is something to ship.

    After a failure everything pauses, a second at first and a minute at most, so an unreachable bucket costs little. A
    forked child has nothing to ship of what its parent has.

    Args:
        client: makes the client, when it is first needed.
        bucket: the bucket.
        pace: when things are shipped.
        warn: called with a run's id and a message, once for each run of which a log could not be shipped.
    """

    def __init__(
        self, client: Callable[[], S3Client], bucket: str, pace: Pace, warn: Callable[[str, str], None]
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._pace = pace
        self._warn = warn
        self._warned: set[str] = set()
        self.begin_anew()
        begins_anew_in_children(self)

    def begin_anew(self) -> None:
        """As `core.storage.forks` says."""
        self._changed = threading.Condition()
        self._state = _State()

    def begin(self, log: PendingLog) -> None:
        """A step begins to write this log."""
        with self._changed:
            self._state.running[log] = time.monotonic()
            self._state.is_urgent = False
            self._ensure_threads(1)

    def end(
        self, log: PendingLog, streams: Sequence[tuple[LogStream, Callable[[], None]]], is_leftover: bool = False
    ) -> None:
        """A log is complete.

        Args:
            log: the log.
            streams: what is to be shipped of it, each with what is called when it is, from another thread.
            is_leftover: it is of a process that is dead, and the end of this one does not wait for it.
        """
        with self._changed:
            self._state.running.pop(log, None)
            now = time.monotonic()
            self._state.ended += [_Ended(log.run_id, *each, now, is_leftover) for each in streams]
            if self._state.ended:
                self._ensure_threads(1)

    def drop(self, log: PendingLog) -> None:
        """A log is not to be shipped; returns when nothing of it is on its way."""
        with self._changed:
            self._state.running.pop(log, None)
            streams = list(log.streams)
            self._state.ended = deque(each for each in self._state.ended if each.stream not in streams)
            while any(each in self._state.busy for each in streams):
                self._changed.wait()
            self._state.ended = deque(each for each in self._state.ended if each.stream not in streams)

    def hurry(self) -> None:
        """Ships what is complete now, not at the end of the interval. It does not wait for it."""
        with self._changed:
            self._state.is_urgent = True
            self._ensure_threads(min(self._pace.threads, len(self._state.ended)))
            self._changed.notify_all()

    def wait(self, with_leftovers: bool = True) -> str:
        """Waits until all that is complete is shipped, or cannot be, or patience is at an end.

        Args:
            with_leftovers: also for the logs of dead processes.

        Returns:
            str: why something is left; "" where nothing is.
        """
        with self._changed:
            deadline = time.monotonic() + self._pace.patience_seconds
            earlier = list(self._state.busy)  # what becomes of them says nothing of the store as it is now
            self._changed.wait_for(
                lambda: not any(each in self._state.busy for each in earlier), self._pace.patience_seconds
            )
            self._state.paused_until, failures = 0.0, self._state.failures
        self.hurry()
        with self._changed:
            while self._state.busy or any(with_leftovers or not each.is_leftover for each in self._state.ended):
                if self._state.failures > failures and not self._state.busy:
                    return self._state.failure
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    return f"they were not shipped within {self._pace.patience_seconds:g} s"
            is_over = not self._state.running and not self._state.ended
            threads = list(self._state.threads) if is_over else []
        for thread in threads:  # which find nothing more to do
            thread.join()
        return ""

    def close(self) -> str:
        """As `wait`, for what this process wrote; then ends the threads."""
        why = self.wait(with_leftovers=False)
        with self._changed:
            threads, self._state.is_closing = list(self._state.threads), True
            left = {each.run_id for each in self._state.ended if not each.is_leftover} | set(self._state.busy.values())
            self._state.ended.clear()  # they are noted on the disk, for others
            self._changed.notify_all()
        for run_id in left if why else ():
            self._warn_once(run_id, why)
        for thread in threads:
            # One that waits for a store that is silent is left to end with the process.
            thread.join(0 if why else None)
        return why

    def _ensure_threads(self, count: int) -> None:
        self._state.is_closing = False
        for _ in range(count - len(self._state.threads)):
            thread = threading.Thread(target=self._work, name="compute-log-shipper", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is about to end; the threads that are there do what is left
                return
            self._state.threads.append(thread)

    def _work(self) -> None:
        """Ships what is due, one thing after another, until nothing is left that could become due."""
        while True:
            with self._changed:
                task = self._wait_for_task()
                if task is None:
                    self._state.threads.remove(threading.current_thread())
                    self._changed.notify_all()
                    return
                self._state.busy[task.stream] = task.run_id
            failure = self._tried(task)
            if not failure and isinstance(task, _Ended):
                task.on_shipped()
            if failure:
                self._warn_once(task.run_id, failure)  # before anybody who waits can end the process
            with self._changed:
                self._state.busy.pop(task.stream)
                self._note_end(task, failure)
                self._changed.notify_all()

    def _wait_for_task(self) -> _Ended | _Running | None:
        idle_since = time.monotonic()
        while not self._state.is_closing:
            now = time.monotonic()
            task = self._due(now) if now >= self._state.paused_until else None
            if task is not None:
                return task
            if self._state.running or self._state.ended:
                idle_since = now
            elif self._state.is_urgent or now - idle_since > _IDLE_SECONDS:
                return None
            self._changed.wait(_LOOK_SECONDS)
        return None

    def _due(self, now: float) -> _Ended | _Running | None:
        for ended in self._state.ended:
            if self._state.is_urgent or ended.is_leftover or self._is_due(ended.stream, now - ended.since):
                if ended.stream not in self._state.busy:
                    self._state.ended.remove(ended)
                    return ended
            else:
                break  # those behind it ended later
        for log, begun in self._state.running.items():
            for stream in log.streams:
                age_seconds = now - self._state.shipped_at.get(stream, begun)
                if stream not in self._state.busy and self._is_due(stream, age_seconds):
                    self._state.shipped_at[stream] = now
                    return _Running(log.run_id, stream)
        return None

    def _is_due(self, stream: LogStream, age_seconds: float) -> bool:
        return age_seconds >= self._pace.interval_seconds or stream.new_bytes() >= self._pace.most_bytes

    def _tried(self, task: _Ended | _Running) -> str:
        """Ships it; why it could not be, or ""."""
        try:
            client = self._client()
            if isinstance(task, _Ended):
                task.stream.ship_whole(client, self._bucket)
            else:
                task.stream.ship_segment(client, self._bucket, _LARGEST_SEGMENT_BYTES)
        except (DagsterError, OSError) as error:
            return str(error)
        return ""

    def _note_end(self, task: _Ended | _Running, failure: str) -> None:
        state = self._state
        if not failure:
            state.failures_in_a_row = 0
            return
        if isinstance(task, _Ended) and not state.is_closing:
            state.ended.appendleft(task)
        state.failures += 1
        state.failure = failure
        if time.monotonic() < state.paused_until:  # it was on its way when another failed
            return
        state.failures_in_a_row += 1
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** (state.failures_in_a_row - 1), _LONGEST_PAUSE_SECONDS)
        state.paused_until = time.monotonic() + pause

    def _warn_once(self, run_id: str, failure: str) -> None:
        with self._changed:
            is_known = run_id in self._warned
            self._warned.add(run_id)
        if not is_known:
            self._warn(run_id, f"Compute logs stay on the local disk, and are shipped when that can be: {failure}")
