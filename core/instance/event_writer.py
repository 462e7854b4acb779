"""Storing a run's events without making its steps wait."""

from __future__ import annotations

import threading
from collections.abc import Callable

from core.events.records import EventLogEntry
from core.forks import reset_in_forked_children
from core.process.kept_lines import KeptLines
from core.serdes import to_json

FLUSH_INTERVAL_SECONDS = 0.01


class EventWriter:
    """Hands entries to the event log in batches, from a thread of its own.

    Entries put before `start` wait for it, so that a run that is refused leaves nothing behind. After `start` an entry
    is stored at most `FLUSH_INTERVAL_SECONDS` (and the time of one write) later, and when `close` returns all are. What
    a process that is killed has not stored by then is in `kept`.

    Args:
        store: stores a batch, in order.
        kept: where entries are kept until they are stored; nowhere by default.

    Attributes:
        is_of_parent: whether this process is a forked child of the one whose run it is. Then nothing is stored.
    """

    def __init__(self, store: Callable[[list[EventLogEntry]], None], kept: KeptLines | None = None) -> None:
        self._store, self._kept = store, kept
        self._error: BaseException | None = None
        self._is_closed = False
        self._renew()
        self.is_of_parent = False
        reset_in_forked_children(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._pending: list[EventLogEntry] = []
        self._has_pending = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def reset_after_fork(self) -> None:
        """As `core.forks` says: what happens in the run, its own process tells."""
        self._renew()
        self.is_of_parent = True
        if self._kept is not None:
            self._kept.leave()

    @property
    def has_failed(self) -> bool:
        """bool: whether something could not be stored; then nothing that followed is."""
        return self._error is not None

    def put(self, entry: EventLogEntry) -> None:
        """Takes an entry.

        Raises:
            Exception: what storing an earlier batch raised; the run must not go on without its log.
        """
        if self.is_of_parent:
            return
        if self._error is not None:
            raise self._error
        with self._lock:
            is_late = self._is_closed  # from a thread of the user's that outlives the run
            if not is_late:
                self._pending.append(entry)
                if self._kept is not None and self._thread is not None:
                    self._kept.append(to_json(entry, replace_surrogates=True).encode())
        if is_late:
            self._store([entry])
        elif not self._has_pending.is_set():
            self._has_pending.set()

    def start(self) -> None:
        """Stores what was put until now, and begins to store the rest.

        The first batch makes the run's log, which takes longer than a batch may, so it is stored here and now.

        Raises:
            Exception: what storing raised; nothing is under way then.
        """
        self._flush()
        if self._error is not None:
            raise self._error
        self._thread = threading.Thread(target=self._run, name="event-writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stores what is left and ends the thread; raises what storing raised. Without `start`, drops everything."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._closing.set()
        self._has_pending.set()
        thread.join()
        with self._lock:
            self._is_closed = True
        self._flush()  # what was put since the thread looked last
        if self._kept is not None:
            self._kept.delete()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while not self._closing.is_set():
            self._has_pending.wait()
            self._closing.wait(FLUSH_INTERVAL_SECONDS)
            self._flush()
        self._flush()

    def _flush(self) -> None:
        self._has_pending.clear()
        with self._lock:
            batch, self._pending = self._pending, []
        try:
            if batch and self._error is None:
                self._store(batch)
                self._forget_kept()
        except BaseException as error:  # noqa: BLE001  raised again in the thread of the run, by put or close
            self._error = error

    def _forget_kept(self) -> None:
        if self._kept is not None:
            with self._lock:
                if not self._pending:  # else some of what is kept waits yet
                    self._kept.clear()
