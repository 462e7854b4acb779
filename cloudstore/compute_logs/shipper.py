"""Shipping logs in the background, so that no step waits for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudstore.compute_logs.pending import PendingLog
from cloudstore.compute_logs.stream import LogStream
from cloudstore.compute_logs.tasks import Ended, Refused, Running, State, Task, ToShip, Unprepared
from cloudstore.s3.errors import answer_to, code_of
from core.errors import DagsterError, DagsterObjectAccessError, DagsterObjectStoreError
from core.process.forks import begins_anew_in_children

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_LOOK_SECONDS = 0.25  # how often the logs of steps that run are looked at
_IDLE_SECONDS = 1.0  # a thread that finds nothing to do for so long ends
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
_LARGEST_SEGMENT_BYTES = 8 << 20  # kept in memory as long as it cannot be shipped
_AWAY_STATUSES = (429, 502, 503, 504)  # of a store, or of what is before it, that answers nobody just now
_SECONDS_FOR_LEFTOVERS = 5.0  # a command that only opens an instance ships what is left, but does not hang for it
_FAILURES_OF_ONE_AWAY = 2  # in a row: one may be of the log itself, as where a proxy breaks off what is long
_SECONDS_OF_HOPE = 10.0  # that a store comes back within which nothing was shipped, before the process ends


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


class Shipper:
    """Ships logs by threads of its own, which are there only while there is something to ship.

    While the store cannot be reached everything pauses, a second at first and a minute at most, so it costs little.
    A log that the store refuses pauses by itself, and the others go on. A forked child has nothing to ship of what its
    parent has.

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
        """As `core.process.forks` says."""
        self._changed = threading.Condition()
        self._state = State()

    def begin(self, log: PendingLog) -> None:
        """A step begins to write this log."""
        with self._changed:
            self._state.running[log] = time.monotonic()
            self._state.is_urgent = False
            self._ensure_threads(1)

    def end(self, log: PendingLog, streams: Sequence[ToShip], is_leftover: bool = False) -> None:
        """A log is complete.

        Args:
            log: the log.
            streams: what is to be shipped of it.
            is_leftover: it is of a process that is dead: it is shipped at once, and the end of this one does not wait.
        """
        with self._changed:
            self._state.running.pop(log, None)
            now = time.monotonic()
            for each in streams:
                ended = Ended(log.run_id, each.stream, each.on_shipped, now, is_leftover)
                if each.prepare is None:
                    self._state.ended.append(ended)
                else:
                    self._state.unprepared.append(Unprepared(each.prepare, ended))
            if self._state.left:
                self._ensure_threads(1)

    def drop(self, log: PendingLog) -> None:
        """A log is not to be shipped; returns when nothing of it is on its way."""
        with self._changed:
            self._state.running.pop(log, None)
            streams = list(log.streams)
            self._take_from_queues(streams)
            while any(each in self._state.busy for each in streams):
                self._changed.wait()
                self._take_from_queues(streams)  # one that failed was put back

    def wait_until_prepared(self, log: PendingLog) -> None:
        """Returns when nothing of a log that is complete waits to be prepared: its files are as they stay."""
        with self._changed:
            streams = list(log.streams)
            while any(each.stream in streams for each in self._state.preparing) and self._state.threads:
                self._changed.wait()

    def _take_from_queues(self, streams: Sequence[LogStream]) -> None:
        state = self._state
        state.unprepared = deque(each for each in state.unprepared if each.stream not in streams)
        state.ended = deque(each for each in state.ended if each.stream not in streams)
        self._changed.notify_all()

    def hurry(self) -> None:
        """Ships what is complete now, not at the end of the interval. It does not wait for it."""
        with self._changed:
            self._state.is_urgent = True
            self._ensure_threads(min(self._pace.threads, len(self._state.left)))
            self._changed.notify_all()

    def wait(self) -> str:
        """Waits until all that is complete is shipped, or was refused, or the store cannot be reached.

        However long that takes: each request has a limit of its own, among the options of the client.

        Returns:
            str: why something is left; "" where nothing is.
        """
        with self._changed:
            earlier = list(self._state.busy)  # what becomes of them says nothing of the store as it is now
            self._changed.wait_for(lambda: not any(each in self._state.busy for each in earlier))
        return self._wait(lambda task: True, deadline=None)

    def close(self) -> str:
        """Ships what this process wrote, as long as it has patience; some seconds while the store cannot be reached.

        Then it ships what dead processes left, for a few seconds at most, and ends the threads. What is left then is
        noted on the disk, for others.

        Returns:
            str: as `wait`.
        """
        patience_seconds = self._pace.patience_seconds
        why = self._wait(lambda task: not task.is_leftover, time.monotonic() + patience_seconds, is_patient=True)
        if not why:
            most_seconds = min(patience_seconds, _SECONDS_FOR_LEFTOVERS)
            self._wait(lambda task: task.is_leftover, time.monotonic() + most_seconds)
        with self._changed:
            threads, self._state.is_closing = list(self._state.threads), True
            left = [each for each in (*self._state.left, *self._state.busy.values()) if not each.is_leftover]
            is_busy = bool(self._state.busy)
            self._state.unprepared.clear()
            self._state.ended.clear()
            self._changed.notify_all()
        for run_id in sorted({each.run_id for each in left}) if why else ():
            self._warn_once(run_id, why)
        for thread in threads:
            # One that waits for a store that is silent, or ships what others left, is left to end with the process.
            thread.join(0 if is_busy else None)
        return why

    def _wait(self, is_wanted: Callable[[Task], bool], deadline: float | None, is_patient: bool = False) -> str:
        """As `wait`, for some tasks; one who is patient waits for some seconds where the store may come back."""
        with self._changed:
            started = time.monotonic()
            self._state.paused_until, self._state.times_away = 0.0, 0
            for refused in self._state.refused.values():
                refused.until = 0.0
            tasks = (*self._state.left, *self._state.busy.values())
            wanted = {each.stream for each in tasks if is_wanted(each)}
        self.hurry()
        with self._changed:
            while True:
                left = [each for each in self._state.left if each.stream in wanted]
                busy = wanted & self._state.busy.keys()
                if not left and not busy:
                    break
                if not self._state.threads:
                    return "the interpreter is about to end, and starts no thread"
                if not busy and self._is_in_vain(left, started, is_patient):
                    return self._state.failure
                if deadline is not None and time.monotonic() >= deadline:
                    why = f"they were not shipped within {self._pace.patience_seconds:g} s"
                    return f"{why}. {self._state.failure}" if self._state.failure else why
                self._changed.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
            is_over = not (self._state.running or self._state.left or self._state.busy)
            threads = list(self._state.threads) if is_over else []
        for thread in threads:  # which find nothing more to do
            thread.join()
        return ""

    def _is_in_vain(self, left: Sequence[Ended | Unprepared], started: float, is_patient: bool) -> bool:
        """Whether nothing will come of waiting longer for what is left."""
        waited_seconds = time.monotonic() - started
        if self._state.times_away >= _FAILURES_OF_ONE_AWAY and (not is_patient or waited_seconds > _SECONDS_OF_HOPE):
            return True
        refused = self._state.refused
        return all(each.stream in refused and refused[each.stream].at >= started for each in left)

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
                self._state.busy[task.stream] = task
            error = self._tried(task)
            if error is None and isinstance(task, Ended):
                task.on_shipped()
            if error is not None:
                self._warn_once(task.run_id, str(error))  # before anybody who waits can end the process
            with self._changed:
                self._state.busy.pop(task.stream)
                self._note_end(task, error)
                self._changed.notify_all()

    def _wait_for_task(self) -> Task | None:
        idle_since = time.monotonic()
        while not self._state.is_closing:
            now = time.monotonic()
            if self._state.unprepared:
                return self._state.unprepared.popleft()
            task = self._due(now) if now >= self._state.paused_until else None
            if task is not None:
                return task
            if self._state.running or self._state.ended:
                idle_since = now
            elif self._state.is_urgent or now - idle_since > _IDLE_SECONDS:
                return None
            self._changed.wait(_LOOK_SECONDS)
        return None

    def _due(self, now: float) -> Ended | Running | None:
        for ended in self._state.ended:
            if self._is_held_back(ended.stream, now):
                continue
            if not (self._state.is_urgent or ended.is_leftover or self._is_due(ended.stream, now - ended.since)):
                break  # those behind it ended later, or failed
            self._state.ended.remove(ended)
            return ended
        for log, begun in self._state.running.items():
            for stream in log.streams:
                age_seconds = now - self._state.shipped_at.get(stream, begun)
                if not self._is_held_back(stream, now) and self._is_due(stream, age_seconds):
                    if stream.new_bytes() <= _LARGEST_SEGMENT_BYTES:  # else the next segment is due at once
                        self._state.shipped_at[stream] = now
                    return Running(log.run_id, stream)
        return None

    def _is_held_back(self, stream: LogStream, now: float) -> bool:
        refused = self._state.refused.get(stream)
        return stream in self._state.busy or (refused is not None and now < refused.until)

    def _is_due(self, stream: LogStream, age_seconds: float) -> bool:
        return age_seconds >= self._pace.interval_seconds or stream.new_bytes() >= self._pace.most_bytes

    def _tried(self, task: Task) -> DagsterError | OSError | None:
        """Ships it; why it could not be."""
        try:
            if isinstance(task, Unprepared):
                task.prepare()
                return None
            client = self._client()
            if isinstance(task, Ended):
                task.stream.ship_whole(client, self._bucket)
            else:
                task.stream.ship_segment(client, self._bucket, _LARGEST_SEGMENT_BYTES)
        except (DagsterError, OSError) as error:
            return error
        return None

    def _note_end(self, task: Task, error: DagsterError | OSError | None) -> None:
        state, now = self._state, time.monotonic()
        if isinstance(task, Unprepared):
            if not state.is_closing:
                state.ended.append(task.then)  # also where that failed: it is shipped as it is
            return
        if error is None:
            state.times_away = 0
            state.refused.pop(task.stream, None)
            return
        if isinstance(task, Ended) and not state.is_closing:
            state.ended.append(task)  # behind those that may fare better
        state.failure = str(error)
        if not _is_away(error):
            times = state.refused[task.stream].times + 1 if task.stream in state.refused else 1
            state.refused[task.stream] = Refused(times, now, now + _pause_seconds(times))
        elif now >= state.paused_until:  # else it was on its way when another failed
            state.times_away += 1
            state.paused_until = now + _pause_seconds(state.times_away)

    def _warn_once(self, run_id: str, failure: str) -> None:
        with self._changed:
            is_known = run_id in self._warned
            self._warned.add(run_id)
        if not is_known:
            self._warn(run_id, f"Compute logs stay on the local disk, and are shipped when that can be: {failure}")


def _pause_seconds(failures_in_a_row: int) -> float:
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures_in_a_row - 1, 10), _LONGEST_PAUSE_SECONDS)


def _is_away(error: DagsterError | OSError) -> bool:
    """Whether the store cannot be reached at all, rather than refuses one log; it may come back."""
    if not isinstance(error, DagsterObjectStoreError) or isinstance(error, DagsterObjectAccessError):
        return False
    answer = answer_to(error)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return not answer or status in _AWAY_STATUSES or code_of(answer) == "SlowDown"
