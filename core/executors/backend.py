"""What executes attempts at steps in other processes, as the loop that decides which begin sees it."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, Protocol

from core.events.records import EventLogEntry
from core.execution.worker.records import StepJob, StepOutcome
from core.executors.processes.messages import Ready


class ProcessEnd(NamedTuple):
    """How a process for a step has ended.

    Attributes:
        exit_code: its exit code; where a signal ended it, the negative of its number; None where nobody knows.
        peak_memory_bytes: the most memory that it took; 0 where nobody knows.
        why: what happened to it, after "it", where its exit code does not tell.
        is_out_of_memory: whether the kernel has killed it for want of memory.
    """

    exit_code: int | None
    peak_memory_bytes: int = 0
    why: str | None = None
    is_out_of_memory: bool = False


class Notice(NamedTuple):
    """Something about the run that people should know.

    Attributes:
        message: a sentence.
    """

    message: str


Told = EventLogEntry | StepOutcome | ProcessEnd | Ready | Notice
"""Of a step: what it logs, how it went, and, always and last, how its process ended. Of others: that one is ready, or
a notice.
"""


class Processes(Protocol):
    """Executes attempts at the steps of a run, each in a process of its own."""

    def start(self) -> None:
        """Does what need not wait for the first attempt."""

    @property
    def may_run(self) -> bool:
        """bool: whether processes may execute steps now, which have to be ended where the run ends."""

    def begin(self, job: StepJob) -> int:
        """Has a process execute an attempt at a step.

        Args:
            job: the attempt, with what has become known of the plan since the one before.

        Returns:
            The number by which `wait` and `send` know it.
        """

    def send(self, number: int, signal_number: int) -> None:
        """Sends a signal to the process of an attempt, and to those of its group; one that has ended gets none."""

    def lives(self, number: int) -> bool:
        """Whether the end of the process of an attempt is not told yet."""

    def wait(self, told: deque[tuple[int, Told]], seconds: float | None = None) -> None:
        """Waits until something is told. Whatever interrupts it, what has been read is there.

        Args:
            told: gets it, each with the number of its attempt, 0 for what is not of one.
            seconds: how long to wait at most; without an end by default.

        Raises:
            DagsterSubprocessError: no process can execute steps of the run.
        """

    def close(self) -> None:
        """Kills what still runs. No process, and no descriptor, is left."""
