"""Compute logs on the local disk."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from core.compute_logs.manager import (
    IO_TYPE_EXTENSION,
    MAX_BYTES_FILE_READ,
    ComputeIOType,
    ComputeLogFileData,
    ComputeLogManager,
)
from core.compute_logs.names import attempt_suffix
from core.compute_logs.pieces import open_log, read_piece
from core.compute_logs.size_cap import LEAST_CAP_BYTES, SizeCap
from core.config import Checked, Field, IntSource, StringSource
from core.disk.deleting import delete_emptied, entries_of, folder_to_delete, with_sizes
from core.disk.paths import can_name_file, file_name, inside
from core.errors import DagsterError
from core.process.dead_journals import DeadJournal, Entry, dead_journals, living_entries, read_entry
from core.process.forks import begins_anew_in_children
from core.process.journal import Begun, Journal
from core.records.pipeline_run import PipelineRun
from core.records.removal import Removal
from core.serdes import ConfigurableClass, ConfigurableClassData

_ANEW = "+"  # before a name in the list of completed steps: begun again; no name of ours holds it
_WRITERS = ".writers"
_APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW

_MOST_BYTES = 1 << 50

MAX_LOG_BYTES = Field(
    Checked(
        IntSource,
        f"a whole number from {LEAST_CAP_BYTES} to {_MOST_BYTES}",
        lambda count: LEAST_CAP_BYTES <= count <= _MOST_BYTES,
    ),
    is_required=False,
    description="How large a log may be; of a larger one the beginning and the end are kept. By default, any size.",
)


class LogName(NamedTuple):
    """Which log.

    Attributes:
        run_id: the run.
        key: the step.
        attempt: which attempt at it.
    """

    run_id: str
    key: str
    attempt: int

    @property
    def file_name(self) -> str:
        """str: of its files, but for their extensions.

        Raises:
            DagsterInvariantViolationError: the key cannot name a file, or the attempt is no number from 1.
        """
        return _encoded(self.key) + attempt_suffix(self.attempt)


class _NamelessFiles(msgspec.Struct, frozen=True):
    """What the journal says of a run's files that have no log's name yet.

    Attributes:
        run_id: the run.
        nameless: what they are called, but for their extensions.
    """

    run_id: str
    nameless: str


class _BegunLog(_NamelessFiles, frozen=True):
    """What it says of a log besides.

    Attributes:
        key: the step.
        attempt: which attempt at it.
    """

    key: str
    attempt: int

    @property
    def log(self) -> LogName:
        return LogName(self.run_id, self.key, self.attempt)


@lru_cache(maxsize=64)
def _encoded(key: str) -> str:
    return file_name(key, "step key")  # asked for several times a step


class LocalComputeLogManager(ComputeLogManager, ConfigurableClass):
    """The default compute log manager: `{base_dir}/{run_id}/compute_logs/{step_key}.out` and `.err`.

    The files of a step's second attempt are `{step_key}(2).out` and `.err`. A file is there where something was
    written to it, from when it was written: a process that is killed loses nothing.

    In `dagster.yaml`:

        compute_logs:
          module: core.storage.local_compute_log_manager
          class: LocalComputeLogManager
          config:
            base_dir: /path/to/dir
            max_log_bytes: 100000000

    Args:
        base_dir: the directory; made when first written to.
        inst_data: what it was configured with.
        max_log_bytes: how large a log may be; of a larger one half of that is kept from its beginning, and half from
            its end, with a line between them that says how much was dropped. While its step runs, the beginning can be
            read. By default a log may have any size.
    """

    def __init__(
        self, base_dir: str, inst_data: ConfigurableClassData | None = None, max_log_bytes: int | None = None
    ) -> None:
        self.base_dir = Path(base_dir).absolute()
        self._inst_data = inst_data
        self.size_cap = None if max_log_bytes is None else SizeCap(max_log_bytes)
        self._ended_here: set[tuple[str, str]] = set()  # (run id, log): reading the list at each step adds up
        self._checked_folder = lru_cache(maxsize=16)(self._check_folder)
        self._file = lru_cache(maxsize=64)(self._path_of)  # asked for several times at each step
        self.begin_anew()
        begins_anew_in_children(self)

    def begin_anew(self) -> None:
        """As `core.process.forks` says: what the parent has begun, the parent ends."""
        self._begun: dict[LogName, Begun] = {}
        self._alive: Begun | None = None

    @cached_property
    def journal(self) -> Journal:
        """Journal: what this process writes."""
        return Journal(self._writers, uuid.uuid4().hex.encode())

    @property
    def _writers(self) -> Path:
        return folder_to_delete(self.base_dir, _WRITERS)  # files are deleted there

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource, "max_log_bytes": MAX_LOG_BYTES}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> LocalComputeLogManager:
        return LocalComputeLogManager(inst_data=inst_data, **config_value)

    def get_local_path(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int = 1) -> str:
        return str(self._file(LogName(run_id, key, attempt), io_type))

    def _path_of(self, log: LogName, io_type: ComputeIOType) -> Path:
        return self._checked_folder(log.run_id) / f"{log.file_name}.{IO_TYPE_EXTENSION[io_type]}"

    def _files(self, log: LogName) -> list[Path]:
        return [self._file(log, io_type) for io_type in ComputeIOType]

    def _check_folder(self, run_id: str) -> Path:
        # Following symbolic links costs more than a small step does, so a run's folder is checked once.
        return inside(self.base_dir, _folder_name(run_id), "compute_logs")

    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        log = LogName(pipeline_run.run_id, step_key or pipeline_run.pipeline_name, attempt)
        files = self._files(log)
        earlier = [path for path in files if _unlink(path)]
        if earlier or (log.run_id, log.file_name) in self._ended_here:
            self._note(log.run_id, _ANEW + log.file_name)
        self._stay_alive(log.run_id)
        noted = {**log._asdict(), "nameless": self.output_capture.nameless_stem, **self.noted_with(log.run_id)}
        self._begun[log] = self.journal.begin(noted)

    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        log = LogName(pipeline_run.run_id, step_key or pipeline_run.pipeline_name, attempt)
        begun = self._begun.pop(log, None)
        if begun is not None:
            self.end_log(log, begun)

    def end_log(self, log: LogName, begun: Begun) -> None:
        """Called when a log is complete.

        Args:
            log: the log.
            begun: what the journal says of it; ended here.
        """
        self.complete(log)
        begun.end()

    def complete(self, log: LogName) -> None:
        """Makes a log as long as it may be, and notes that nothing will be added to it."""
        for path in self._files(log):
            self.shorten(path, log.run_id)
        self.mark_completed(log)

    def shorten(self, path: Path, run_id: str) -> None:
        """Makes a file of a log as long as it may be."""
        if self.size_cap is not None:
            with suppress(OSError):  # on a full disk the log stays as long as it is
                self.size_cap.shorten(path, self.mask_of(run_id))

    def mark_completed(self, log: LogName) -> None:
        """Notes that nothing will be added to a log."""
        self._note(log.run_id, log.file_name)
        self._ended_here.add((log.run_id, log.file_name))

    def noted_with(self, run_id: str) -> Entry:
        """What the journal says of each log of a run besides its name; nothing by default."""
        return {}

    def mask_of(self, run_id: str) -> Callable[[bytes], bytes]:
        """What hides secrets of a run where a log is cut, so that no half of one is left; hides nothing by default."""
        return bytes

    def finish_run(self, pipeline_run: PipelineRun) -> list[str]:
        warnings = super().finish_run(pipeline_run)
        self.end_run(pipeline_run.run_id)
        return warnings

    def end_run(self, run_id: str) -> None:
        """Called when a run has ended, and the capture of its output."""
        self._ended_here = {noted for noted in tuple(self._ended_here) if noted[0] != run_id}
        self._end_staying_alive()

    def dispose(self) -> None:
        super().dispose()
        self._end_staying_alive()
        if "journal" in self.__dict__:  # made when first used
            self.journal.close()

    def _stay_alive(self, run_id: str) -> None:
        """Keeps the journal while steps follow each other: making its file at each would cost more than they do."""
        if self._alive is None:
            self._alive = self.journal.begin({"run_id": run_id, "nameless": self.output_capture.nameless_stem})

    def _end_staying_alive(self) -> None:
        alive, self._alive = self._alive, None
        if alive is not None:
            alive.end()

    def recover(self) -> None:
        with suppress(DagsterError, OSError):  # another user's; who owns it will see to it
            for dead in dead_journals(self._writers):
                knows_secrets = self.learn_secrets(dead)
                living = [begun.log for begun in _begun_logs(living_entries(self._writers, dead.path))]
                logs: list[LogName] = []
                for begun in _begun_logs(dead.entries):
                    log = begun.log
                    if log not in living:  # somebody may have begun it anew
                        with suppress(DagsterError, OSError, ValueError):  # it is passed over when its folder is bad
                            if not self.noted_completion(*log):  # else the nameless files are those of a later one
                                self._name_files(log, begun.nameless)
                            if knows_secrets:
                                self.complete(log)
                            elif not self.noted_completion(*log):  # not shortened: half of a secret might be left
                                self.mark_completed(log)
                            logs.append(log)
                for files in filter(None, (read_entry(entry, _NamelessFiles) for entry in dead.entries)):
                    with suppress(DagsterError, OSError, ValueError):
                        self._delete_nameless(files.run_id, files.nameless)
                self.take_over(dead, logs)

    def _name_files(self, log: LogName, nameless_stem: str) -> None:
        """What a killed process had written last may not bear the log's name yet."""
        for file in self._files(log):
            nameless = file.with_name(nameless_stem + file.suffix)
            with suppress(FileNotFoundError):
                if nameless.lstat().st_size:
                    nameless.replace(file)

    def _delete_nameless(self, run_id: str, nameless_stem: str) -> None:
        """What a killed process had not written to."""
        for extension in IO_TYPE_EXTENSION.values():
            file = self._checked_folder(run_id) / f"log.{extension}"
            file.with_name(f"{nameless_stem}.{extension}").unlink(missing_ok=True)  # refuses what is no mere name

    def learn_secrets(self, dead: DeadJournal) -> bool:
        """Called first for a process that was killed: whether what `mask_of` has to hide in its logs is known."""
        return True

    def take_over(self, dead: DeadJournal, logs: list[LogName]) -> None:
        """Called for a process that was killed.

        Args:
            dead: its journal, closed here.
            logs: those that it had begun and not ended; they are complete now.
        """
        dead.forget()

    def _note(self, run_id: str, line: str) -> None:
        # One list for all steps of a run: a file for each would cost more than a small step does. Where it cannot be
        # written (a full disk, a folder that was deleted), readers find the end of the step in the run's events.
        with suppress(OSError), os.fdopen(os.open(self._completed_list(run_id), _APPENDING, 0o666), "ab") as completed:
            completed.write(f"{line}\n".encode())

    def forget_run(self, run_id: str) -> None:
        """Deletes what is noted of a run, unless some of its logs are still here, of another process maybe."""
        if can_name_file(run_id):
            with suppress(DagsterError, OSError):  # or a link is in its place, and what it leads to is not ours
                folder = self._checked_folder(run_id)
                if all(path.name.startswith(".") for path in _logs_in(folder)):
                    self._completed_list(run_id).unlink(missing_ok=True)
                delete_emptied(folder, self.base_dir)

    def is_watch_completed(self, run_id: str, key: str, attempt: int = 1) -> bool:
        if self.noted_completion(run_id, key, attempt):
            return True
        self.recover()  # its process may have been killed
        return bool(self.noted_completion(run_id, key, attempt))

    def noted_completion(self, run_id: str, key: str, attempt: int = 1) -> bool | None:
        """True when the attempt has ended, False when it was begun again since; None where nothing is noted of it."""
        name = LogName(run_id, key, attempt).file_name
        try:
            with open_log(self._completed_list(run_id)) as completed:
                notes = "\n" + completed.read().decode()
        except FileNotFoundError:
            return None
        ended, begun_again = notes.rfind(f"\n{name}\n"), notes.rfind(f"\n{_ANEW}{name}\n")
        return None if ended < 0 else ended > begun_again

    def _completed_list(self, run_id: str) -> Path:
        return self._checked_folder(run_id) / ".completed"

    def download_url(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int = 1) -> str | None:
        return None

    def read_logs_file(
        self,
        run_id: str,
        key: str,
        io_type: ComputeIOType,
        cursor: int = 0,
        max_bytes: int = MAX_BYTES_FILE_READ,
        attempt: int = 1,
    ) -> ComputeLogFileData:
        path = Path(self.get_local_path(run_id, key, io_type, attempt))
        is_complete = self.is_watch_completed(run_id, key, attempt)
        end = None if is_complete or self.size_cap is None else self.size_cap.head_bytes
        return read_piece(path, cursor, max_bytes, is_complete, end)

    def delete_logs(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        if not can_name_file(run_id):
            return []
        folder = folder_to_delete(self.base_dir, _folder_name(run_id), "compute_logs")
        removed: list[Removal] = []
        for path, size_bytes in with_sizes(_logs_in(folder)):
            if dry_run or _unlink(path):
                removed.append(Removal("compute log", str(path), size_bytes))
        if not dry_run:
            self._ended_here = {noted for noted in self._ended_here if noted[0] != run_id}
            delete_emptied(folder, self.base_dir)
        return removed


def _begun_logs(entries: list[Entry]) -> Iterator[_BegunLog]:
    """The logs that entries of a journal tell of."""
    return filter(None, (read_entry(entry, _BegunLog) for entry in entries))


def _folder_name(run_id: str) -> str:
    """What a run's folder is called, which no other run's is, and the journals' is not."""
    name = file_name(run_id, "run id")
    return "%2E" + name[1:] if name == _WRITERS else name  # no other name has that: a `%` of its own becomes `%25`


def _logs_in(folder: Path) -> Iterator[Path]:
    """The files that are ours. Values of a step of that name are here too, where they are kept beside the logs."""
    extensions = {f".{extension}" for extension in IO_TYPE_EXTENSION.values()}
    for path in entries_of(folder):
        is_ours = path.name.startswith(".") or path.suffix in extensions
        if is_ours and (path.is_symlink() or not path.is_dir()):
            yield path


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
