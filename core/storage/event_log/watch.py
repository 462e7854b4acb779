"""Calls callbacks with events as they are stored, whichever process stores them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from core.events.records import EventLogEntry
from core.forks import reset_in_forked_children
from core.records.pipeline_run import FINISHED_STATUSES, STATUS_AFTER_EVENT

EventCallback = Callable[[EventLogEntry], object]
"""What is called with each entry of a run, as it is stored.

Example:
    >>> from threading import Event
    >>> from core import EventLogEntry
    >>> from core.storage.event_log import EventCallback, InMemoryEventLogStorage
    >>> storage, seen = InMemoryEventLogStorage(), Event()
    >>> callback: EventCallback = lambda entry: seen.set()
    >>> storage.watch("a-run", None, callback)
    >>> storage.store_events([EventLogEntry(None, "hello", 20, "hello", "a-run", timestamp=1620000000.0)])
    >>> seen.wait(timeout=30)
    True
    >>> storage.dispose()
"""


POLL_INTERVAL_SECONDS = 0.1
_PAGE_SIZE = 1000
_logger = logging.getLogger(__name__)


class WatchedRecord(Protocol):
    """An entry with its place in its run's log."""

    @property
    def storage_id(self) -> int: ...

    @property
    def event_log_entry(self) -> EventLogEntry: ...


class WatchedLogs(Protocol):
    """What a watcher needs of an event log storage."""

    def get_records_for_run(
        self, run_id: str, cursor: int | None = None, *, limit: int | None = None
    ) -> Sequence[WatchedRecord]: ...


class EventWatcher:
    """Polls for new entries of watched runs, in a thread that lives while something is watched.

    Args:
        storage: has the entries.
    """

    def __init__(self, storage: WatchedLogs) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._watches: list[_Watch] = []
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """Called in a forked child: the watches remain with its parent."""
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._watches, self._thread = [], None

    def watch(self, run_id: str, cursor: int | None, callback: EventCallback) -> None:
        """Calls `callback` with each entry of a run after `cursor`, in order, until the run has ended."""
        with self._lock:
            self._watches.append(_Watch(run_id, cursor, callback))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="event-watcher", daemon=True)
                self._thread.start()
        self._wake.set()

    def end_watch(self, run_id: str, callback: EventCallback) -> None:
        """Stops calling a callback, after the call in progress if there is one."""
        with self._lock:
            for watch in self._watches:
                if watch.run_id == run_id and watch.callback == callback:
                    watch.is_over = True
        self._wake.set()

    def close(self) -> None:
        """Ends all watches and the thread."""
        with self._lock:
            for watch in self._watches:
                watch.is_over = True
            thread, self._thread = self._thread, None
            self._watches = []
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait(POLL_INTERVAL_SECONDS)
            self._wake.clear()
            with self._lock:
                if (
                    self._thread is not threading.current_thread()
                ):  # the watcher was closed, and may have a new thread already
                    return
                self._watches = [watch for watch in self._watches if not watch.is_over]
                if not self._watches:
                    self._thread = None
                    return
                watches = list(self._watches)
            for watch in watches:
                self._look(watch)

    def _look(self, watch: _Watch) -> None:
        try:
            records = self._storage.get_records_for_run(watch.run_id, watch.cursor, limit=_PAGE_SIZE)
        except Exception:  # a busy database, or a server that is being restarted, must not end the watch
            if not watch.is_failing:  # log it once, not ten times a second
                _logger.exception("Looking for events of run %s failed; trying again.", watch.run_id)
            watch.is_failing = True
            return
        watch.is_failing = False
        for record in records:
            if watch.is_over:
                return
            watch.cursor = record.storage_id
            try:
                watch.callback(record.event_log_entry)
            except BaseException:  # the thread serves the other callbacks too
                _logger.exception("The callback that watches run %s raised.", watch.run_id)
            watch.is_over = watch.is_over or _ends_run(record.event_log_entry)
        if len(records) == _PAGE_SIZE:
            self._wake.set()


class _Watch:
    def __init__(self, run_id: str, cursor: int | None, callback: EventCallback) -> None:
        self.run_id = run_id
        self.cursor = cursor
        self.callback = callback
        self.is_over = False
        self.is_failing = False


def _ends_run(entry: EventLogEntry) -> bool:
    event = entry.dagster_event
    return event is not None and STATUS_AFTER_EVENT.get(event.event_type_value) in FINISHED_STATUSES
