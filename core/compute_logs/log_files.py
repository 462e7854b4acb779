"""The files of logs on the local disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from core.compute_logs.completed_list import CompletedList
from core.compute_logs.names import IO_TYPE_EXTENSION, ComputeIOType, LogName
from core.compute_logs.size_cap import SizeCap
from core.disk.deleting import delete_emptied, entries_of, folder_to_delete, with_sizes
from core.disk.paths import can_name_file, file_name, inside
from core.errors import DagsterError, DagsterInvariantViolationError
from core.records.removal import Removal

Mask = Callable[[bytes], bytes]
"""Hides secrets in a piece of a log, and keeps its length."""

_WRITERS = ".writers"
_NAMELESS_STEM = re.compile(r"\.[\w-]+")


class LogFiles:
    """`{base_dir}/{run_id}/compute_logs/{step_key}.out` and `.err`, with `(2)` behind the key for a second attempt.

    A file is there where something was written. Beside them are the list of the logs that are complete, and files that
    have no log's name yet: those begin with a stem that only the process that writes them uses.

    Args:
        base_dir: the directory; made when first written to.
        size_cap: how large a log may be; None for any size.

    Attributes:
        base_dir: the directory.
        size_cap: how large a log may be.
        completed: which logs are complete.
    """

    def __init__(self, base_dir: Path, size_cap: SizeCap | None) -> None:
        self.base_dir = base_dir
        self.size_cap = size_cap
        # Following symbolic links costs more than a small step does, so a run's folder is checked once.
        self._folder = lru_cache(maxsize=16)(self._checked_folder)
        self._path = lru_cache(maxsize=64)(self._path_of)  # asked for several times at each step
        self.completed = CompletedList(self._folder)
        self._completed_here: set[LogName] = set()  # reading the list at each step would add up

    @property
    def writers_folder(self) -> Path:
        """Path: where processes note what they write.

        Raises:
            DagsterInvariantViolationError: a symbolic link leads there; files are deleted there.
        """
        return folder_to_delete(self.base_dir, _WRITERS)

    def path(self, log: LogName, io_type: ComputeIOType) -> Path:
        """Where a stream of a log is, or would be.

        Raises:
            DagsterInvariantViolationError: the run id or key cannot name a file, or links lead out of the directory.
        """
        return self._path(log, io_type)

    def paths(self, log: LogName) -> list[Path]:
        """`path` for each stream."""
        return [self._path(log, io_type) for io_type in ComputeIOType]

    def exist(self, log: LogName) -> bool:
        """Whether anything of a log is here."""
        return any(path.exists() for path in self.paths(log))

    def begin(self, log: LogName) -> None:
        """Makes room for a log: what an earlier process, or try, wrote by its name goes."""
        earlier = [path for path in self.paths(log) if _unlink(path)]
        if earlier or log in self._completed_here:
            self.completed.begin_again(log)

    def complete(self, log: LogName) -> None:
        """Notes that nothing will be added to a log that was begun here."""
        self.completed.add(log)
        self._completed_here.add(log)

    def end_run(self, run_id: str) -> None:
        """No log of a run is begun any more."""
        self._completed_here = {log for log in tuple(self._completed_here) if log.run_id != run_id}

    def nameless(self, log: LogName, io_type: ComputeIOType, stem: str) -> Path:
        """The file of a stream that has no log's name yet, by the stem of the process that writes it.

        Raises:
            DagsterInvariantViolationError: the stem, which comes from a journal, is the name of a log or no file name.
        """
        return self._folder(log.run_id) / f"{_checked_stem(stem)}.{IO_TYPE_EXTENSION[io_type]}"

    def give_names(self, log: LogName, stem: str) -> None:
        """Gives a log's name to what a process that was killed had written last."""
        for io_type in ComputeIOType:
            nameless = self.nameless(log, io_type, stem)
            with suppress(FileNotFoundError):
                if nameless.lstat().st_size:
                    nameless.replace(self.path(log, io_type))

    def delete_nameless(self, run_id: str, stem: str) -> None:
        """Deletes the files without a log's name that a killed process had not written to, or had not filled."""
        begin = f"{_checked_stem(stem)}."
        for path in (each for each in entries_of(self._folder(run_id)) if each.name.startswith(begin)):
            path.unlink(missing_ok=True)

    def is_too_long(self, path: Path) -> bool:
        """Whether a file of a log is larger than a log may be."""
        with suppress(OSError):
            return self.size_cap is not None and not self.size_cap.allows(path.lstat().st_size)
        return False

    def shorten(self, path: Path, mask: Mask, stem: str) -> None:
        """Makes a file of a log that is complete as long as it may be; on a full disk it stays as it is.

        Args:
            path: the file.
            mask: is given what is around the cuts, so that no half of a secret is left.
            stem: of the process that does it, or that was killed: the file that takes the place of this one has no
                log's name until it is whole.
        """
        if self.size_cap is not None:
            with suppress(OSError):
                self.size_cap.shorten(path, mask, path.with_name(f"{stem}.{path.name}.short"))

    def forget_run(self, run_id: str) -> None:
        """Deletes the list and the folder of a run whose logs are elsewhere now, unless some of them are still here."""
        if can_name_file(run_id):
            with suppress(DagsterError, OSError):  # or a link is in its place, and what it leads to is not ours
                folder = self._folder(run_id)
                if all(path.name.startswith(".") for path in _logs_in(folder)):
                    self.completed.path(run_id).unlink(missing_ok=True)
                delete_emptied(folder, self.base_dir)

    def delete_run(self, run_id: str, dry_run: bool) -> list[Removal]:
        """Deletes the logs of a run, and what is noted of them; returns what went, or would go."""
        if not can_name_file(run_id):
            return []
        folder = folder_to_delete(self.base_dir, _folder_name(run_id), "compute_logs")
        removed: list[Removal] = []
        for path, size_bytes in with_sizes(_logs_in(folder)):
            if dry_run or _unlink(path):
                removed.append(Removal("compute log", str(path), size_bytes))
        if not dry_run:
            self.end_run(run_id)
            delete_emptied(folder, self.base_dir)
        return removed

    def _path_of(self, log: LogName, io_type: ComputeIOType) -> Path:
        return self._folder(log.run_id) / f"{log.file_name}.{IO_TYPE_EXTENSION[io_type]}"

    def _checked_folder(self, run_id: str) -> Path:
        return inside(self.base_dir, _folder_name(run_id), "compute_logs")


def _checked_stem(text: str) -> str:
    if not _NAMELESS_STEM.fullmatch(text):
        raise DagsterInvariantViolationError(f"{text[:40]!r} cannot begin the name of a file that is not a log's yet.")
    return text


def _folder_name(run_id: str) -> str:
    """The name of a run's folder; no other run's folder has it, nor has the journals' folder."""
    name = file_name(run_id, "run id")
    return "%2E" + name[1:] if name == _WRITERS else name  # a `%` in a run's id becomes `%25`, so that is free


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
