"""Shipping logs in the background, so that no step waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cloudstore.compute_logs.agenda import Agenda, Pace
from cloudstore.compute_logs.objects import LARGEST_SEGMENT_BYTES
from cloudstore.compute_logs.pending import PendingLog
from cloudstore.compute_logs.tasks import Ended, Task, ToShip, Unprepared
from core.errors import DagsterError
from core.forks import reset_in_forked_children

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_LOOK_SECONDS = 0.25  # how often the logs of steps that run are looked at
_IDLE_SECONDS = 1.0  # a thread that has found nothing to do for this long ends
_SECONDS_FOR_LEFTOVERS = 5.0  # a short run ships what dead processes left, but its process does not hang for it


class Shipper:
    """Ships logs by threads of its own, which are there only while there is something to ship.

    A forked child has nothing to ship of what its parent has.

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
        self.reset_after_fork()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """As `core.forks` says."""
        self._changed = threading.Condition()  # guards what is below
        self._agenda = Agenda(self._pace)
        self._threads: list[threading.Thread] = []
        self._is_closing = False

    def begin(self, log: PendingLog) -> None:
        """A step begins to write this log."""
        with self._changed:
            self._agenda.running[log] = time.monotonic()
            self._agenda.is_urgent = False
            self._ensure_threads(1)

    def end(self, log: PendingLog, streams: Sequence[ToShip], is_leftover: bool = False) -> None:
        """A log is complete.

        Args:
            log: the log.
            streams: what is to be shipped of it.
            is_leftover: it is of a process that is dead: it is shipped at once, and the end of this one does not wait.
        """
        with self._changed:
            self._agenda.add(log, streams, is_leftover)
            if self._agenda.left:
                self._ensure_threads(1)

    def drop(self, log: PendingLog) -> None:
        """A log is not to be shipped; returns when nothing of it is on its way."""
        with self._changed:
            self._agenda.running.pop(log, None)
            streams = list(log.streams)
            self._agenda.remove(streams)
            self._changed.notify_all()
            while any(each in self._agenda.busy for each in streams):
                self._changed.wait()
                self._agenda.remove(streams)  # one that failed was put back

    def wait_until_prepared(self, log: PendingLog) -> None:
        """Returns when nothing of a log that is complete waits to be prepared: its files are as they stay."""
        with self._changed:
            streams = list(log.streams)
            while self._agenda.is_unprepared(streams) and self._threads:
                self._changed.wait()

    def hurry(self) -> None:
        """Ships what is complete now, not at the end of the interval. It does not wait for it."""
        with self._changed:
            self._agenda.is_urgent = True
            self._ensure_threads(min(self._pace.threads, len(self._agenda.left)))
            self._changed.notify_all()

    def wait(self) -> str:
        """Waits until all that is complete is shipped, or was refused, or the store cannot be reached.

        However long that takes: each request has a limit of its own, among the options of the client.

        Returns:
            str: why something is left; "" where nothing is.
        """
        with self._changed:
            earlier = list(self._agenda.busy)  # what becomes of them says nothing of the store as it is now
            self._changed.wait_for(lambda: not any(each in self._agenda.busy for each in earlier))
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
            threads, self._is_closing = list(self._threads), True
            left = [each for each in self._agenda.tasks if not each.is_leftover]
            is_busy = bool(self._agenda.busy)
            self._agenda.clear()
            self._changed.notify_all()
        for run_id in sorted({each.run_id for each in left}) if why else ():
            self._warn_once(run_id, why)
        for thread in threads:
            # One that waits for a store that is silent, or ships what others left, is left to end with the process.
            thread.join(0 if is_busy else None)
        return why

    def _wait(self, is_wanted: Callable[[Task], bool], deadline: float | None, is_patient: bool = False) -> str:
        """As `wait`, for some tasks; a patient caller waits for some seconds where the store may come back."""
        with self._changed:
            started = time.monotonic()
            self._agenda.end_pauses()
            wanted = {each.stream for each in self._agenda.tasks if is_wanted(each)}
        self.hurry()
        with self._changed:
            while True:
                left = [each for each in self._agenda.left if each.stream in wanted]
                busy = wanted & self._agenda.busy.keys()
                if not left and not busy:
                    break
                if not self._threads:
                    return "the interpreter is about to end, and starts no thread"
                if not busy and self._agenda.is_in_vain(left, started, is_patient):
                    return self._agenda.failure
                if deadline is not None and time.monotonic() >= deadline:
                    why = f"they were not shipped within {self._pace.patience_seconds:g} s"
                    return f"{why}. {self._agenda.failure}" if self._agenda.failure else why
                self._changed.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
            is_over = not (self._agenda.running or self._agenda.tasks)
            threads = list(self._threads) if is_over else []
        for thread in threads:  # which find nothing more to do
            thread.join()
        return ""

    def _ensure_threads(self, count: int) -> None:
        self._is_closing = False
        for _ in range(count - len(self._threads)):
            thread = threading.Thread(target=self._work, name="compute-log-shipper", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is about to end; the threads that are there do what is left
                return
            self._threads.append(thread)

    def _work(self) -> None:
        """Ships what is due, one thing after another, until nothing is left that could become due."""
        while True:
            with self._changed:
                task = self._wait_for_task()
                if task is None:
                    self._threads.remove(threading.current_thread())
                    self._changed.notify_all()
                    return
            error = self._tried(task)
            if error is None and isinstance(task, Ended):
                task.on_shipped()
            if error is not None:
                self._warn_once(task.run_id, str(error))  # before anybody who waits can end the process
            with self._changed:
                self._agenda.note_end(task, error, self._is_closing)
                self._changed.notify_all()

    def _wait_for_task(self) -> Task | None:
        idle_since = time.monotonic()
        while not self._is_closing:
            task = self._agenda.take()
            if task is not None:
                return task
            if self._agenda.can_become_due:
                idle_since = time.monotonic()
            elif self._agenda.is_urgent or time.monotonic() - idle_since > _IDLE_SECONDS:
                return None
            self._changed.wait(_LOOK_SECONDS)
        return None

    def _tried(self, task: Task) -> DagsterError | OSError | None:
        """Does it; returns why it could not be done."""
        try:
            if isinstance(task, Unprepared):
                task.prepare()
                return None
            client = self._client()
            if isinstance(task, Ended):
                task.stream.ship_whole(client, self._bucket)
            else:
                task.stream.ship_segment(client, self._bucket, LARGEST_SEGMENT_BYTES)
        except (DagsterError, OSError) as error:
            return error
        return None

    def _warn_once(self, run_id: str, failure: str) -> None:
        with self._changed:
            is_known = run_id in self._warned
            self._warned.add(run_id)
        if not is_known:
            self._warn(run_id, f"Compute logs stay on the local disk, and are shipped when that can be: {failure}")
