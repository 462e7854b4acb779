"""Which logs are complete, noted beside them."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.compute_logs.names import LogName
from core.compute_logs.pieces import open_log
from core.disk.private import open_new

_BEGUN_AGAIN = "+"  # before the name of a log; encoded names do not contain it
_APPENDING = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW


class CompletedList:
    """A file `.completed` in the folder of each run, with a line for each log that was completed or begun again.

    There is one list for all steps of a run: a file for each would cost more than a small step does. Where it cannot be
    written (the disk is full, the folder was deleted), readers find the end of the step in the run's events.

    Args:
        folder_of: the folder of a run's logs, by the run's id.
    """

    def __init__(self, folder_of: Callable[[str], Path]) -> None:
        self._folder_of = folder_of

    def path(self, run_id: str) -> Path:
        """Where the list of a run is, or would be."""
        return self._folder_of(run_id) / ".completed"

    def add(self, log: LogName) -> None:
        """Notes that nothing will be added to a log."""
        self._append(log.run_id, log.file_name)

    def begin_again(self, log: LogName) -> None:
        """Notes that a log is written again, so that it is not complete any more."""
        self._append(log.run_id, _BEGUN_AGAIN + log.file_name)

    def says(self, log: LogName) -> bool | None:
        """True when a log is complete, False when it was begun again since; None where nothing is noted of it."""
        name = log.file_name  # a name that cannot be is refused also where there is no list
        try:
            with open_log(self.path(log.run_id)) as file:
                lines = "\n" + file.read().decode()
        except FileNotFoundError:
            return None
        ended, begun_again = (lines.rfind(f"\n{mark}{name}\n") for mark in ("", _BEGUN_AGAIN))
        return None if ended < 0 else ended > begun_again

    def _append(self, run_id: str, line: str) -> None:
        with suppress(OSError), os.fdopen(open_new(self.path(run_id), _APPENDING), "ab") as file:
            file.write(f"{line}\n".encode())
