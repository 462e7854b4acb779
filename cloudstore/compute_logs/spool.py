"""Logs on the local disk that are not shipped yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

from cloudstore.compute_logs.pending import PendingLog
from cloudstore.compute_logs.run_secrets import RunSecrets
from cloudstore.compute_logs.shipper import Shipper
from cloudstore.compute_logs.stream import LogStream
from cloudstore.compute_logs.tasks import ToShip
from core.compute_logs.log_files import LogFiles
from core.compute_logs.names import ComputeIOType, LogName
from core.compute_logs.recovery import DeadWriter
from core.compute_logs.writers import LogWriter
from core.config import Secret
from core.forks import reset_in_forked_children

NewStream = Callable[[LogName, ComputeIOType, bool], LogStream]
"""Makes a stream of a log; the last argument says whether segments of it may be in the bucket already."""


class Spool:
    """Hands logs to a shipper, and deletes them when they are shipped.

    What is noted of a run ends when its last file is deleted, so whoever finds that this process is dead knows of
    whatever it left.

    Args:
        files: where logs are.
        writer: notes what this process writes.
        secrets: which texts are masked in which run.
        shipper: ships them.
        new_stream: makes the streams of logs.
        skips_empty: whether logs that hold nothing are not shipped.
    """

    def __init__(
        self,
        files: LogFiles,
        writer: LogWriter,
        secrets: RunSecrets,
        shipper: Shipper,
        new_stream: NewStream,
        *,
        skips_empty: bool,
    ) -> None:
        self._files = files
        self._writer = writer
        self._secrets = secrets
        self._shipper = shipper
        self._new_stream = new_stream
        self._skips_empty = skips_empty
        self.reset_after_fork()
        reset_in_forked_children(self)

    def reset_after_fork(self) -> None:
        """As `core.forks` says: what the parent writes and has taken over, the parent ships."""
        self._lock = threading.RLock()
        self._waiting: dict[str, dict[LogName, PendingLog]] = {}  # by run
        self._ended_runs: set[str] = set()
        self._taken_over: list[tuple[DeadWriter, set[str]]] = []  # with the runs that are not shipped yet
        self._secrets.reset_after_fork()

    def hide(self, run_id: str, secrets: Collection[Secret], nameless_stem: str) -> None:
        """These are masked in the logs of a run, which is about to be begun.

        Raises:
            DagsterError: they cannot be noted; they are masked anyway.
        """
        with self._lock:
            self._ended_runs.discard(run_id)
            self._secrets.hide(run_id, secrets)
            if secrets:
                self._writer.begin_run(run_id, nameless_stem)

    def begin(self, log: LogName, nameless_stem: str) -> None:
        """A log is about to be written.

        Raises:
            DagsterInvariantViolationError: it cannot be noted, as a symbolic link is in the way.
            OSError: what an earlier process wrote by its name cannot be deleted.
        """
        with self._lock:
            self._ended_runs.discard(log.run_id)
            earlier = self._waiting.get(log.run_id, {}).pop(log, None)
            self._writer.begin(log, nameless_stem, self._secrets.noted_with_each_log)
        try:
            if earlier is not None:
                self._shipper.drop(earlier)
            self._files.begin(log)
        except BaseException:
            self._writer.end(log)
            raise
        pending = PendingLog(log.run_id, partial(self._streams, log, earlier is not None))
        with self._lock:
            self._waiting.setdefault(log.run_id, {})[log] = pending
        self._shipper.begin(pending)

    def end(self, log: LogName, nameless_stem: str) -> None:
        """A log is complete, and is to be shipped; one that is too long is shortened first, by a thread that ships."""
        pending = self._pending(log)
        too_long = {path for path in self._files.paths(log) if self._files.is_too_long(path)}
        if not too_long:
            self._files.complete(log)
        if pending is not None:
            pending.is_complete = True
            self._ship(log, pending, too_long, nameless_stem)

    def end_run(self, run_id: str) -> None:
        """A run has ended: it is forgotten when all its logs are shipped."""
        self._files.end_run(run_id)
        with self._lock:
            self._ended_runs.add(run_id)
        self._tidy(run_id)

    def take_over(self, dead: DeadWriter, logs: Collection[LogName]) -> None:
        """Ships what a dead process had not shipped.

        Args:
            dead: the process; forgotten here when all is shipped.
            logs: those that it had begun; they are complete.
        """
        waiting: list[tuple[LogName, PendingLog]] = []
        with self._lock:
            self._secrets.learn(dead.entries, dead.path)  # again: the run may have been forgotten meanwhile
            run_ids = dead.run_ids
            self._taken_over.append((dead, run_ids))
            for log in logs:
                # A file that is not there was never written, or its process has shipped it.
                streams = [each for each in self._streams(log, may_have_segments=True) if each.path.exists()]
                if streams:
                    pending = PendingLog(log.run_id, streams.copy, is_complete=True)
                    self._waiting.setdefault(log.run_id, {})[log] = pending
                    waiting.append((log, pending))
            self._ended_runs |= run_ids - set(self._writer.runs())
        for log, pending in waiting:  # all of them are known by now, so none is forgotten before the others are shipped
            self._ship(log, pending, is_leftover=True)
        for run_id in sorted(run_ids) or [""]:
            self._tidy(run_id)

    def drop_run(self, run_id: str) -> None:
        """Gives up shipping what there is of a run; returns when nothing of it is on its way."""
        with self._lock:
            dropped = self._waiting.pop(run_id, {})
        for log, pending in dropped.items():
            self._shipper.drop(pending)
            self._writer.end(log)

    def is_here(self, log: LogName, io_type: ComputeIOType) -> bool:
        """Whether this process has what there is of a stream: it writes it, or has not shipped it yet."""
        path = self._files.path(log, io_type)
        with self._lock:
            pending = self._pending(log)
            return pending is not None and any(each.path == path for each in pending.streams)

    def wait_until_readable(self, log: LogName) -> None:
        """Returns when a log that is complete here has its final length; readers wait for that, steps do not."""
        pending = self._pending(log)
        if pending is not None:
            self._shipper.wait_until_prepared(pending)

    def close(self) -> None:
        """Leaves what is not shipped to others; the shipper is closed."""
        with self._lock:
            for logs in self._waiting.values():
                for log in [log for log, pending in logs.items() if pending.is_complete]:
                    del logs[log]
            for run_id in self._writer.runs():
                if not self._writer.is_writing(run_id):  # also of one that nobody has ended
                    self.end_run(run_id)
            for dead, _run_ids in self._taken_over:
                dead.close()
            self._taken_over.clear()
        self._writer.close()

    def _pending(self, log: LogName) -> PendingLog | None:
        return self._waiting.get(log.run_id, {}).get(log)

    def _streams(self, log: LogName, may_have_segments: bool) -> list[LogStream]:
        return [self._new_stream(log, io_type, may_have_segments) for io_type in ComputeIOType]

    def _ship(
        self,
        log: LogName,
        pending: PendingLog,
        too_long: Collection[Path] = (),
        nameless_stem: str = "",
        is_leftover: bool = False,
    ) -> None:
        """Hands a log that is complete to the shipper, which is to shorten the files that are `too_long` first."""
        if self._skips_empty and not self._files.exist(log):  # as of most small steps
            self._shipper.end(pending, [])
            self._log_is_shipped(log, pending)
            return
        empty = [each for each in pending.streams if self._skips_empty and each.is_empty]
        streams = [each for each in pending.streams if each not in empty]
        for stream in streams:
            stream.end(shipped_with=streams)
        left = set(too_long)
        to_ship = [
            ToShip(
                stream,
                partial(self._stream_is_shipped, log, pending, stream),
                partial(self._shorten, log, stream.path, nameless_stem, left) if stream.path in left else None,
            )
            for stream in streams
        ]
        self._shipper.end(pending, to_ship, is_leftover)
        for stream in empty:
            self._stream_is_shipped(log, pending, stream)

    def _shorten(self, log: LogName, path: Path, nameless_stem: str, left: set[Path]) -> None:
        """Shortens one file of a log, which is complete when none is left; it may take seconds."""
        self._files.shorten(path, self._secrets.mask_of(log.run_id), nameless_stem)
        with self._lock:
            left.discard(path)
            is_last = not left
        if is_last:
            self._files.complete(log)

    def _stream_is_shipped(self, log: LogName, pending: PendingLog, stream: LogStream) -> None:
        with self._lock:
            if self._pending(log) is not pending or stream not in pending.streams:  # dropped meanwhile
                return
            pending.streams.remove(stream)  # first: readers that find no file look in the bucket
            with suppress(OSError):  # with the lock: the run is not forgotten before the last file is gone
                stream.path.unlink(missing_ok=True)
            is_last = not pending.streams
        if is_last:
            self._log_is_shipped(log, pending)

    def _log_is_shipped(self, log: LogName, pending: PendingLog) -> None:
        """All of a log is shipped, and its files are gone."""
        with self._lock:
            if self._pending(log) is not pending:  # dropped meanwhile
                return
            del self._waiting[log.run_id][log]
            self._writer.end(log)
        self._tidy(log.run_id)

    def _tidy(self, run_id: str) -> None:
        """Forgets a run that has ended, all of whose logs are shipped: first its files, then what is noted of it."""
        with self._lock:  # the run may be begun again now
            if run_id in self._ended_runs and not self._waiting.get(run_id):
                self._ended_runs.discard(run_id)
                self._waiting.pop(run_id, None)
                self._files.forget_run(run_id)
                self._secrets.forget(run_id)
                self._writer.end_run(run_id)
                for _dead, run_ids in self._taken_over:
                    run_ids.discard(run_id)
            for dead, run_ids in tuple(self._taken_over):
                if not run_ids:
                    self._taken_over.remove((dead, run_ids))
                    dead.forget()
