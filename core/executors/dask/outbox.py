"""What the processes of steps on a worker tell and print, on its way to the run."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from core.compute_logs.names import ComputeIOType
from core.events.records import EventLogEntry
from core.execution.worker.records import StepOutcome
from core.executors.backend import ProcessEnd
from core.executors.dask.places import stored_bytes
from core.executors.dask.records import Made, Output, ToldByWorker

_LOOK_SECONDS = 0.05
_AT_ONCE_BYTES = 1 << 20  # of what one step has printed, each time; so it is 20 MiB a second at most
_LATEST_SECONDS = 0.02  # how long something may wait for what is told next: a message costs more than what is in it

Tell = Callable[[list[tuple[int, ToldByWorker]]], None]


class _Attempt:
    """An attempt that a process here executes.

    Attributes:
        number: the run's number of it.
        end: called when all is told.
        held: what it told when all that it had printed was not told yet.
        stored_bytes: how large the values are that it has stored, as far as this machine sees them.
    """

    def __init__(self, number: int, end: Callable[[], None], paths: Mapping[ComputeIOType, str]) -> None:
        self.number, self.end, self._paths = number, end, paths
        self.held: deque[ToldByWorker] = deque()
        self.stored_bytes = 0
        self._told_bytes = dict.fromkeys(paths, 0)

    def new_output(self) -> tuple[list[Output], bool]:
        """What it has printed since this was last asked, up to a limit, and whether that is all."""
        found = []
        for io_type, path in self._paths.items():
            with suppress(FileNotFoundError), Path(path).open("rb") as file:
                content = os.pread(file.fileno(), _AT_ONCE_BYTES, self._told_bytes[io_type])
                if content:
                    self._told_bytes[io_type] += len(content)
                    found.append(Output(io_type, content))
        return found, all(len(each.content) < _AT_ONCE_BYTES for each in found)

    def delete_output(self) -> None:
        for path in self._paths.values():
            Path(path).unlink(missing_ok=True)


class Outbox:
    """Tells the run what there is to tell, in order; what a step has printed comes before how it went.

    Args:
        tell: tells the run.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._attempts: dict[int, _Attempt] = {}  # by the number that the processes give
        self._unsent: list[tuple[int, ToldByWorker]] = []
        self._ended: list[_Attempt] = []
        self._send_at = self._look_at = 0.0

    @property
    def is_idle(self) -> bool:
        """bool: whether no attempt is executed."""
        return not self._attempts

    @property
    def seconds(self) -> float:
        """float: how long to wait at most until `send` is called again."""
        return max(0.0, self._send_at - time.monotonic()) if self._unsent else _LOOK_SECONDS

    def begin(self, ours: int, number: int, end: Callable[[], None], paths: Mapping[ComputeIOType, str]) -> None:
        """An attempt begins.

        Args:
            ours: its number here.
            number: the run's number of it.
            end: called when its process has ended and all of it is told.
            paths: where its process keeps what it prints.
        """
        self._attempts[ours] = _Attempt(number, end, paths)

    def number_of(self, number: int) -> int | None:
        """The number here of an attempt, by the run's number; None where it has ended."""
        return next((ours for ours, attempt in self._attempts.items() if attempt.number == number), None)

    def take(self, ours: int, message: ToldByWorker) -> None:
        """Something was told: of an attempt, or, where `ours` is 0, of none."""
        if not ours:
            self._put(0, message)
            return
        attempt = self._attempts[ours]
        if isinstance(message, EventLogEntry):
            attempt.stored_bytes += stored_bytes(message)
        elif isinstance(message, StepOutcome):
            attempt.held.append(Made(attempt.stored_bytes + message.usage.bytes_sent))
        if attempt.held or isinstance(message, StepOutcome | ProcessEnd):
            attempt.held.append(message)
        else:
            self._put(attempt.number, message)

    def send(self) -> None:
        """Tells what has waited long enough, with what goes with it."""
        now = time.monotonic()
        if now >= self._look_at or any(attempt.held for attempt in self._attempts.values()):
            self._look_at = now + _LOOK_SECONDS
            for ours, attempt in list(self._attempts.items()):
                self._look(ours, attempt)
        if self._unsent and now >= self._send_at:
            self._tell(self._unsent)
            self._unsent = []
        while self._ended:
            attempt = self._ended.pop()
            attempt.delete_output()
            attempt.end()

    def end(self) -> None:
        """No attempt is executed any more."""
        for attempt in self._attempts.values():
            attempt.end()

    def _look(self, ours: int, attempt: _Attempt) -> None:
        output, is_all = attempt.new_output()
        for piece in output:
            self._put(attempt.number, piece)
        if attempt.held and is_all:
            for message in attempt.held:
                self._put(attempt.number, message)
            self._send_at = 0.0  # the run waits for it
            if isinstance(attempt.held[-1], ProcessEnd):
                self._ended.append(self._attempts.pop(ours))
            attempt.held.clear()

    def _put(self, number: int, message: ToldByWorker) -> None:
        if not self._unsent:
            self._send_at = time.monotonic() + _LATEST_SECONDS
        self._unsent.append((number, message))
