"""What a shipper of logs can be told to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
