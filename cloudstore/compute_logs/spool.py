"""The local disk, where logs are written and wait to be shipped."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec

from cloudstore.compute_logs.hidden_texts import HiddenTexts
from cloudstore.compute_logs.masking import Masker
from cloudstore.compute_logs.objects import LogPlaces
from cloudstore.compute_logs.pending import PendingLog
from cloudstore.compute_logs.shipper import Shipper
from cloudstore.compute_logs.stream import LogStream, Packing
from cloudstore.compute_logs.tasks import ToShip
from core.compute_logs.local import LocalComputeLogManager, LogName
from core.compute_logs.manager import MAX_BYTES_FILE_READ, ComputeIOType, ComputeLogFileData
from core.config import Secret
from core.errors import DagsterError
from core.process.dead_journals import DeadJournal, Entry, read_entry
from core.process.journal import Begun
from core.records.pipeline_run import PipelineRun
from core.records.removal import Removal

_HIDDEN_TEXT_IS_GONE = (
    "Its logs stay on the local disk: a secret that must not leave the machine in them was in the environment ({}), or "
    "among the options, and is not there now. Set it as it was, as that variable, and run `cloudstore logs drain`."
)
_NOTE_IS_UNREADABLE = (
    "Logs that {} tells of stay on the local disk: it notes what is secret in them in a way that cannot be read here. "
    "Delete that file to give up shipping them."
)


class _HiddenNote(msgspec.Struct, frozen=True):
    """What the journal says of the secrets of a run."""

    run_id: str
    hidden: HiddenTexts


class Spool(LocalComputeLogManager):
    """Logs on the local disk that are handed to a shipper, and deleted when they are shipped.

    Which are not shipped yet is noted in the journal of the process that wrote them. Who finds that it is dead takes
    them over.

    Args:
        base_dir: the directory; made when first written to.
        max_log_bytes: how large a log may be.
        places: where they are shipped to.
        shipper: ships them.
        always_masked: secrets of every run, by the variables that tell what they were when they have changed.
        masker_with: makes what hides some texts.
        is_gzipped: whether they are compressed.
        skips_empty: whether logs that hold nothing are not shipped.
        warn: called with a run's id and a message.
    """

    def __init__(
        self,
        base_dir: str,
        max_log_bytes: int | None,
        places: LogPlaces,
        shipper: Shipper,
        always_masked: Mapping[str, str],
        masker_with: Callable[[Collection[str]], Masker],
        *,
        is_gzipped: bool,
        skips_empty: bool,
        warn: Callable[[str, str], None],
    ) -> None:
        super().__init__(base_dir, max_log_bytes=max_log_bytes)
        self._places = places
        self._shipper = shipper
        self._always_masked = dict(always_masked)
        self._masker_with = masker_with
        self._is_gzipped = is_gzipped
        self._skips_empty = skips_empty
        self._warn = warn
        self._hidden: dict[str, tuple[list[str], Begun | None]] = {}
        self.withheld: list[str] = []

    def begin_anew(self) -> None:
        super().begin_anew()
        self._lock = threading.RLock()
        self._waiting: dict[str, dict[LogName, PendingLog]] = {}  # by run
        self._finished: set[str] = set()
        self._taken_over: list[DeadJournal] = []

    def hide(self, run_id: str, secrets: Collection[Secret]) -> None:
        noted, why = None, ""
        if secrets:
            try:
                note = _HiddenNote(run_id, HiddenTexts.of(secrets))
                noted = self.journal.begin(msgspec.to_builtins(note))
            except DagsterError as error:
                why = f"What is secret in its logs cannot be noted: {error}"
        with self._lock:
            self._finished.discard(run_id)
            _, earlier = self._hidden.pop(run_id, ([], None))
            if secrets:
                self._hidden[run_id] = [each.value for each in secrets], noted
            if earlier is not None:
                earlier.end()
        if why:
            self._warn(run_id, why)

    @cached_property
    def _always_noted(self) -> dict[str, Any]:
        secrets = [Secret(value, variable) for variable, value in self._always_masked.items()]
        return {"hidden": msgspec.to_builtins(HiddenTexts.of(secrets))} if secrets else {}

    def noted_with(self, run_id: str) -> Entry:
        return self._always_noted

    def masker(self, run_id: str) -> Masker:
        """What hides the secrets of a run."""
        return self._masker_with([*self._always_masked.values(), *self._hidden.get(run_id, ([], None))[0]])

    def mask_of(self, run_id: str) -> Callable[[bytes], bytes]:
        return lambda piece: self.masker(run_id).feed(piece, is_last=True)

    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        log = LogName(pipeline_run.run_id, step_key or pipeline_run.pipeline_name, attempt)
        self._file(log, ComputeIOType.STDOUT)
        self._places.of_log(log.run_id, log.key, ComputeIOType.STDOUT, log.attempt)  # each refuses names it cannot hold
        is_anew = self._drop(log)  # before its files are replaced
        super().on_watch_start(pipeline_run, step_key, attempt)
        pending = PendingLog(log.run_id, partial(self._new_streams, log, may_have_segments=is_anew))
        with self._lock:
            self._finished.discard(log.run_id)
            self._waiting.setdefault(log.run_id, {})[log] = pending
        self._shipper.begin(pending)

    def end_log(self, log: LogName, begun: Begun) -> None:
        too_long = [] if self.size_cap is None else [path for path in self._files(log) if self._is_too_long(path)]
        if not too_long:
            self.mark_completed(log)
        self._ship(log, begun.end, too_long=too_long)

    def _is_too_long(self, path: Path) -> bool:
        with suppress(OSError):
            return self.size_cap is not None and not self.size_cap.allows(path.lstat().st_size)
        return False

    def _shorten_before(self, log: LogName, path: Path, left: set[Path]) -> None:
        """Shortens one file of a log, which ends when none is left: by a thread that ships, as it may take seconds."""
        self.shorten(path, log.run_id)
        with self._lock:
            left.discard(path)
            is_last = not left
        if is_last:
            self.mark_completed(log)

    def end_run(self, run_id: str) -> None:
        super().end_run(run_id)
        with self._lock:
            self._finished.add(run_id)
        self._tidy(run_id)

    def is_here(self, log: LogName, io_type: ComputeIOType) -> bool:
        """Whether this process has what there is of a stream: it writes it, or has not shipped it yet."""
        path = self._file(log, io_type)
        with self._lock:
            waiting = self._waiting.get(log.run_id, {}).get(log)
            return waiting is not None and any(each.path == path for each in waiting.streams)

    def read_logs_file(
        self,
        run_id: str,
        key: str,
        io_type: ComputeIOType,
        cursor: int = 0,
        max_bytes: int = MAX_BYTES_FILE_READ,
        attempt: int = 1,
    ) -> ComputeLogFileData:
        log = LogName(run_id, key, attempt)
        with self._lock:
            waiting = self._waiting.get(run_id, {}).get(log)
        if waiting is not None:
            self._shipper.wait_until_prepared(waiting)  # the reader waits for what the step does not
        return super().read_logs_file(run_id, key, io_type, cursor, max_bytes, attempt)

    def has_files(self, log: LogName) -> bool:
        """Whether anything of a log is on this disk."""
        return any(path.exists() for path in self._files(log))

    def delete_logs(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        if not dry_run:
            for log in list(self._waiting.get(run_id, ())):
                self._drop(log)
        return super().delete_logs(run_id, dry_run)

    def dispose(self) -> None:
        super().dispose()
        with self._lock:
            for logs in self._waiting.values():
                for log in [each for each in logs if each not in self._begun]:
                    del logs[log]
        for dead in self._taken_over:  # for others, what is not shipped of them
            dead.close()

    def recover(self) -> None:
        self.withheld = []
        super().recover()

    def learn_secrets(self, dead: DeadJournal) -> bool:
        known = [self._hide_again(entry) for entry in dead.entries if "hidden" in entry]  # each, not up to the first
        return all(known)

    def take_over(self, dead: DeadJournal, logs: list[LogName]) -> None:
        unknown = [entry for entry in dead.entries if "hidden" in entry and not self._hide_again(entry)]
        if unknown:
            for run_id, why in dict.fromkeys(self._why_withheld(entry, dead) for entry in unknown):
                self.withheld.append(why)
                if run_id:
                    self._warn(run_id, why)
            dead.close()
            return
        self._taken_over.append(dead)
        left = {log for log in logs if any(path.exists() for path in self._files(log))}
        for log in list(left):
            # A file that is not there was never written, or its process has shipped it.
            streams = [each for each in self._new_streams(log, may_have_segments=True) if each.path.exists()]
            with self._lock:
                self._finished.add(log.run_id)
                self._waiting.setdefault(log.run_id, {})[log] = PendingLog(log.run_id, streams.copy)
            self._ship(log, partial(self._leave, left, log, dead), is_leftover=True)
        with self._lock:  # what is noted of runs of which nothing is here any more
            for run_id in {str(entry["run_id"]) for entry in dead.entries if "run_id" in entry}:
                if not self._waiting.get(run_id):
                    self.forget_run(run_id)
        if not left:
            dead.forget()

    def _hide_again(self, entry: Entry) -> bool:
        """Whether the secrets that a dead process noted for a run are known here, so that they can be hidden."""
        note = read_entry(entry, _HiddenNote)
        values = None if note is None else note.hidden.values({**self._always_masked, **os.environ})
        if note is None or values is None:
            return False
        known, begun = self._hidden.get(note.run_id, ([], None))
        self._hidden[note.run_id] = list(dict.fromkeys([*known, *values])), begun
        return True

    def _why_withheld(self, entry: Entry, dead: DeadJournal) -> tuple[str, str]:
        """Of which run an entry tells, if that is known, and why its logs are not shipped."""
        note = read_entry(entry, _HiddenNote)
        if note is None:
            return "", _NOTE_IS_UNREADABLE.format(dead.path)
        return note.run_id, _HIDDEN_TEXT_IS_GONE.format(", ".join(note.hidden.hashes))

    def _leave(self, left: set[LogName], log: LogName, dead: DeadJournal) -> None:
        with self._lock:
            left.discard(log)
            if not left:
                dead.forget()

    def _new_streams(self, log: LogName, may_have_segments: bool) -> list[LogStream]:
        packing = Packing(partial(self.masker, log.run_id), self._is_gzipped)
        most_bytes = None if self.size_cap is None else self.size_cap.head_bytes
        return [
            LogStream(
                self._file(log, io_type),
                self._places.of_log(log.run_id, log.key, io_type, log.attempt),
                packing,
                most_bytes,
                may_have_segments,
            )
            for io_type in ComputeIOType
        ]

    def _ship(
        self, log: LogName, on_shipped: Callable[[], None], is_leftover: bool = False, too_long: Collection[Path] = ()
    ) -> None:
        """Hands a log that is complete to the shipper, but for files that are `too_long`, which it is to shorten."""
        with self._lock:
            pending = self._waiting[log.run_id][log]
            pending.on_shipped = on_shipped
        if self._skips_empty and not self.has_files(log):  # as of most small steps
            self._shipper.end(pending, [])
            self._forget_shipped(log)
            return
        empty = [each for each in pending.streams if self._skips_empty and each.is_empty]
        streams = [each for each in pending.streams if each not in empty]
        for stream in streams:
            stream.end(shipped_with=streams)
        left = set(too_long)
        self._shipper.end(
            pending,
            [
                ToShip(
                    stream,
                    partial(self._is_shipped, log, stream),
                    partial(self._shorten_before, log, stream.path, left) if stream.path in left else None,
                )
                for stream in streams
            ],
            is_leftover,
        )
        for stream in empty:
            self._is_shipped(log, stream)

    def _is_shipped(self, log: LogName, stream: LogStream) -> None:
        with self._lock:
            waiting = self._waiting.get(log.run_id, {}).get(log)
            if waiting is None or stream not in waiting.streams:  # dropped meanwhile
                return
            waiting.streams.remove(stream)  # first: who finds no file looks in the bucket
        with suppress(OSError):
            stream.path.unlink(missing_ok=True)
        if not waiting.streams:
            self._forget_shipped(log)

    def _forget_shipped(self, log: LogName) -> None:
        """Called when all of a log is shipped; also by two threads at once."""
        with self._lock:
            shipped = self._waiting.get(log.run_id, {}).pop(log, None)
        if shipped is not None:
            shipped.on_shipped()
            self._tidy(log.run_id)

    def _drop(self, log: LogName) -> bool:
        """Gives up shipping a log; whether there was something to give up."""
        with self._lock:
            pending = self._waiting.get(log.run_id, {}).pop(log, None)
        if pending is not None:
            self._shipper.drop(pending)
            pending.on_shipped()
        return pending is not None

    def _tidy(self, run_id: str) -> None:
        """Forgets a run that has ended, all of whose logs are shipped."""
        with self._lock:
            if run_id not in self._finished or self._waiting.get(run_id):
                return
            self._finished.discard(run_id)
            self._waiting.pop(run_id, None)
            _, note = self._hidden.pop(run_id, ([], None))
            if note is not None:
                note.end()
            self.forget_run(run_id)  # with the lock: the run may be begun again now
