"""What a shipper of logs has to do, when it is due, and what became of it until now."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from cloudstore.compute_logs.objects import LARGEST_SEGMENT_BYTES
from cloudstore.compute_logs.pending import PendingLog
from cloudstore.compute_logs.stream import LogStream
from cloudstore.compute_logs.tasks import Ended, Refused, Running, Task, ToShip, Unprepared
from cloudstore.s3.errors import answer_to, code_of
from core.errors import DagsterError, DagsterObjectAccessError, DagsterObjectStoreError

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 60.0
_AWAY_STATUSES = (429, 502, 503, 504)  # of a store, or of what is before it, that answers nobody just now
_FAILURES_OF_ONE_AWAY = 2  # in a row: one may be of the log itself, as where a proxy breaks off long requests
_SECONDS_OF_HOPE = 10.0  # how long a patient waiter gives a store that cannot be reached


@dataclass(frozen=True)
class Pace:
    """When things are shipped.

    Attributes:
        interval_seconds: bytes that were written are shipped at most this much later.
        most_bytes: when a log has this many new bytes, they are shipped earlier.
        threads: how many logs are shipped at a time.
        patience_seconds: how long the end of the process waits for what is not shipped yet.
    """

    interval_seconds: float
    most_bytes: int
    threads: int
    patience_seconds: float


class Agenda:
    """The logs that run, and those that are complete and wait. It is not safe for threads: its shipper has a lock.

    While the store cannot be reached everything pauses, a second at first and a minute at most. A log that the store
    refuses pauses by itself, and the others go on.

    Args:
        pace: when things are shipped.

    Attributes:
        running: the logs that are being written, with when they began.
        busy: what is being done now, by stream.
        is_urgent: whether what is complete is due at once.
        times_away: how often in a row the store could not be reached.
        failure: the last one; "" where there was none.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.running: dict[PendingLog, float] = {}
        self.busy: dict[LogStream, Task] = {}
        self.is_urgent = False
        self.times_away = 0
        self.failure = ""
        self._unprepared: deque[Unprepared] = deque()
        self._ended: deque[Ended] = deque()
        self._shipped_at: WeakKeyDictionary[LogStream, float] = WeakKeyDictionary()  # of those that run
        self._refused: WeakKeyDictionary[LogStream, Refused] = WeakKeyDictionary()
        self._paused_until = 0.0

    @property
    def left(self) -> list[Ended | Unprepared]:
        """list[Ended | Unprepared]: what is complete and waits."""
        return [*self._unprepared, *self._ended]

    @property
    def tasks(self) -> list[Task]:
        """list[Task]: what is complete and waits, and what is being done."""
        return [*self.left, *self.busy.values()]

    @property
    def can_become_due(self) -> bool:
        """bool: whether there is anything to wait for."""
        return bool(self.running or self._ended)

    def is_unprepared(self, streams: Iterable[LogStream]) -> bool:
        """Whether one of some streams waits to be prepared, or is just now."""
        preparing = [*self._unprepared, *(each for each in self.busy.values() if isinstance(each, Unprepared))]
        return any(each.stream in streams for each in preparing)

    def add(self, log: PendingLog, streams: Iterable[ToShip], is_leftover: bool) -> None:
        """A log is complete, and these streams of it are to be shipped."""
        self.running.pop(log, None)
        now = time.monotonic()
        for each in streams:
            ended = Ended(log.run_id, each.stream, each.on_shipped, now, is_leftover)
            if each.prepare is None:
                self._ended.append(ended)
            else:
                self._unprepared.append(Unprepared(each.prepare, ended))

    def remove(self, streams: Iterable[LogStream]) -> None:
        """Some streams are not to be shipped; those that are being shipped stay in `busy`."""
        self._unprepared = deque(each for each in self._unprepared if each.stream not in streams)
        self._ended = deque(each for each in self._ended if each.stream not in streams)

    def clear(self) -> None:
        """Nothing that is complete and waits is to be shipped any more."""
        self._unprepared.clear()
        self._ended.clear()

    def take(self) -> Task | None:
        """What is due, which is in `busy` from now on; None where nothing is."""
        now = time.monotonic()
        task: Task | None = self._unprepared.popleft() if self._unprepared else None
        task = task or (self._due(now) if now >= self._paused_until else None)
        if task is not None:
            self.busy[task.stream] = task
        return task

    def _due(self, now: float) -> Ended | Running | None:
        for ended in self._ended:
            if self._is_held_back(ended.stream, now):
                continue
            if not (self.is_urgent or ended.is_leftover or self._is_due(ended.stream, now - ended.since)):
                break  # those behind it ended later, or failed
            self._ended.remove(ended)
            return ended
        for log, begun in self.running.items():
            for stream in log.streams:
                age_seconds = now - self._shipped_at.get(stream, begun)
                if not self._is_held_back(stream, now) and self._is_due(stream, age_seconds):
                    if stream.new_bytes() <= LARGEST_SEGMENT_BYTES:  # else the next segment is due at once
                        self._shipped_at[stream] = now
                    return Running(log.run_id, stream)
        return None

    def _is_held_back(self, stream: LogStream, now: float) -> bool:
        refused = self._refused.get(stream)
        return stream in self.busy or (refused is not None and now < refused.until)

    def _is_due(self, stream: LogStream, age_seconds: float) -> bool:
        return age_seconds >= self._pace.interval_seconds or stream.new_bytes() >= self._pace.most_bytes

    def note_end(self, task: Task, error: DagsterError | OSError | None, is_closing: bool) -> None:
        """What became of a task that was taken; one that failed is to be tried again, unless the shipper is closing."""
        self.busy.pop(task.stream)
        now = time.monotonic()
        if isinstance(task, Unprepared):
            if not is_closing:
                self._ended.append(task.then)  # also where that failed: it is shipped as it is
            return
        if error is None:
            self.times_away = 0
            self._refused.pop(task.stream, None)
            return
        if isinstance(task, Ended) and not is_closing:
            self._ended.append(task)  # behind those that may fare better
        self.failure = str(error)
        if not _is_away(error):
            times = self._refused[task.stream].times + 1 if task.stream in self._refused else 1
            self._refused[task.stream] = Refused(times, now, now + _pause_seconds(times))
        elif now >= self._paused_until:  # else it was on its way when another failed
            self.times_away += 1
            self._paused_until = now + _pause_seconds(self.times_away)

    def end_pauses(self) -> None:
        """Everything may be tried at once."""
        self._paused_until, self.times_away = 0.0, 0
        for refused in self._refused.values():
            refused.until = 0.0

    def is_in_vain(self, left: Iterable[Ended | Unprepared], started: float, is_patient: bool) -> bool:
        """Whether nothing will come of waiting longer for what is left.

        Args:
            left: that.
            started: when waiting for it began.
            is_patient: whether to wait for some seconds where the store may come back.
        """
        waited_seconds = time.monotonic() - started
        if self.times_away >= _FAILURES_OF_ONE_AWAY and (not is_patient or waited_seconds > _SECONDS_OF_HOPE):
            return True
        return all(each.stream in self._refused and self._refused[each.stream].at >= started for each in left)


def _pause_seconds(failures_in_a_row: int) -> float:
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures_in_a_row - 1, 10), _LONGEST_PAUSE_SECONDS)


def _is_away(error: DagsterError | OSError) -> bool:
    """Whether the store cannot be reached at all, rather than refuses one log; it may come back."""
    if not isinstance(error, DagsterObjectStoreError) or isinstance(error, DagsterObjectAccessError):
        return False
    answer = answer_to(error)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return not answer or status in _AWAY_STATUSES or code_of(answer) == "SlowDown"
