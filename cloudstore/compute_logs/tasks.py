"""What a shipper of logs has to do, and what became of it until now."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from cloudstore.compute_logs.pending import PendingLog
from cloudstore.compute_logs.stream import LogStream


@dataclass(frozen=True)
class ToShip:
    """A stream that is complete.

    Attributes:
        stream: the stream.
        on_shipped: called when it is shipped, from another thread.
        prepare: called before that, as soon as can be, from another thread.
    """

    stream: LogStream
    on_shipped: Callable[[], None]
    prepare: Callable[[], None] | None = None


@dataclass(eq=False)
class Ended:
    """A stream that is complete and waits to be shipped."""

    run_id: str
    stream: LogStream
    on_shipped: Callable[[], None]
    since: float
    is_leftover: bool


@dataclass(eq=False)
class Unprepared:
    """One that waits to be prepared for that."""

    prepare: Callable[[], None]
    then: Ended

    @property
    def run_id(self) -> str:
        return self.then.run_id

    @property
    def stream(self) -> LogStream:
        return self.then.stream

    @property
    def is_leftover(self) -> bool:
        return self.then.is_leftover


@dataclass(eq=False)
class Running:
    """A stream that is being written."""

    run_id: str
    stream: LogStream
    is_leftover: bool = False


@dataclass
class Refused:
    """How often in a row the store did not take one stream, when it did so last, and until when it is not asked."""

    times: int
    at: float
    until: float


Task = Ended | Unprepared | Running


@dataclass
class State:
    """What is waited for and done; guarded by the shipper's condition."""

    running: dict[PendingLog, float] = field(default_factory=dict)  # with when it began
    shipped_at: WeakKeyDictionary[LogStream, float] = field(default_factory=WeakKeyDictionary)  # of those that run
    unprepared: deque[Unprepared] = field(default_factory=deque)
    ended: deque[Ended] = field(default_factory=deque)
    busy: dict[LogStream, Task] = field(default_factory=dict)
    refused: WeakKeyDictionary[LogStream, Refused] = field(default_factory=WeakKeyDictionary)
    is_urgent: bool = False
    is_closing: bool = False
    times_away: int = 0  # in a row that the store could not be reached
    failure: str = ""
    paused_until: float = 0.0
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def left(self) -> list[Ended | Unprepared]:
        """What is complete and waits."""
        return [*self.unprepared, *self.ended]

    @property
    def preparing(self) -> list[Unprepared]:
        """What waits to be prepared, or is just now."""
        return [*self.unprepared, *(each for each in self.busy.values() if isinstance(each, Unprepared))]
