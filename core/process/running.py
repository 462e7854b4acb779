"""Which processes of this machine execute which runs, noted in journals: so a run whose process lives is known as such.

A journal's lock says whether the process lives. Its id is noted to be signalled, and the time of its start so that
another process which has got the same id is not.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from core.process.dead_journals import Entry, dead_journals, entries_by_life, read_entry
from core.process.journal import Journal


class RunningRun(msgspec.Struct, frozen=True):
    """A run that a process of this machine executes, or did when it was killed.

    Attributes:
        run_id: the run.
        pid: the process.
        started: when the process started, as its system says; "" where it does not.
    """

    run_id: str
    pid: int
    started: str

    @classmethod
    def of(cls, run_id: str, pid: int) -> RunningRun:
        """The run that a process executes which lives now."""
        return cls(run_id, pid, _start_of(pid))

    def send(self, number: int) -> bool:
        """Sends a signal to that very process (0 for none); False where there is none with its id and start time.

        Raises:
            PermissionError: it belongs to another user.
        """
        try:
            held = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
        except ProcessLookupError:
            return False
        try:
            # Once it is held, its id is given to no other process; so it is looked at only now.
            if not self.started or _start_of(self.pid) != self.started:
                return False
            if held is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(held, number)
        except ProcessLookupError:
            return False
        finally:
            if held is not None:
                os.close(held)
        return True


class RunningRuns:
    """The runs that are executed now.

    Args:
        folder: where journals are, which need not be there; None for runs that only this process can know.

    Attributes:
        folder: the same.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._own: dict[str, RunningRun] = {}

    @contextmanager
    def executing(self, run_id: str) -> Iterator[None]:
        """This process executes a run while the block runs."""
        run = RunningRun.of(run_id, os.getpid())
        self._own[run_id] = run
        noted = None if self.folder is None else Journal(self.folder, b"runs").begin(msgspec.to_builtins(run))
        try:
            yield
        finally:
            if noted is not None:
                noted.end()
            self._own.pop(run_id, None)

    def living(self) -> dict[str, RunningRun]:
        """Runs whose processes live, by id.

        Raises:
            DagsterStorageError: a journal cannot be read.
        """
        others = [] if self.folder is None else entries_by_life(self.folder).living
        own = {run_id: each for run_id, each in self._own.items() if each.pid == os.getpid()}
        return {**_by_id(others), **own}

    def killed(self) -> dict[str, RunningRun]:
        """Runs whose processes died while they executed them, by id; as long as that is not forgotten."""
        return {} if self.folder is None else _by_id(entries_by_life(self.folder).dead)

    def forget_killed(self, are_over: Callable[[list[str]], bool]) -> None:
        """Forgets runs of dead processes.

        Args:
            are_over: whether nobody needs to know of these runs any more.
        """
        for dead in dead_journals(self.folder) if self.folder is not None else ():
            with closing(dead):
                if are_over(list(_by_id(dead.entries))):
                    dead.forget()


def _by_id(entries: list[Entry]) -> dict[str, RunningRun]:
    return {run.run_id: run for run in filter(None, (read_entry(entry, RunningRun) for entry in entries))}


def _start_of(pid: int) -> str:
    """When a process started, in words of its system; "" where that is not known."""
    try:
        # The name of the program, in brackets, may hold anything; the 22nd field of all is the time.
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
    import subprocess  # 5 ms to import, which Linux need not spend

    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603  a number
