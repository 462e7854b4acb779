"""What the measures ask of an engine, so that one program measures them all; imports no engine."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

SEED = 7
PAGE = 1000
TAGS = {"team": "team-0", "owner": "owner-0"}
TEMPLATE_MESSAGE = "number 0"
ENGINES = {
    "cloudstore": "benchmarks.storages.ours",
    "bare sqlite3": "benchmarks.storages.bare",
    "dagster": "benchmarks.peers.newest",
}


class Inserts(Protocol):
    """Where runs and a step's messages are kept."""

    def new_run(self, run_id: str, tags: dict[str, str]) -> Any:
        """A run that is not stored yet."""

    def add_run(self, run: Any) -> None:
        """Stores it."""

    def run_step(self, messages: int) -> str:
        """Executes a pipeline whose one step logs some messages; returns the run id when all are stored."""

    def close(self) -> None:
        """Closes the connections."""


class Engine(Inserts, Protocol):
    """An instance with all that is measured.

    Attributes:
        batch: the number of events that one call of `store` keeps or loses as a whole.
    """

    batch: int

    def newest(self, limit: int, status: str | None = None, tags: dict[str, str] | None = None) -> list[str]:
        """The ids of the runs added last."""

    def tags_of(self, run_id: str) -> dict[str, str] | None:
        """The tags of a run; None where it is not stored."""

    def store(self, run_id: str, messages: Sequence[str]) -> None:
        """Appends events to a run's log."""

    def page(self, run_id: str, cursor: Any, limit: int) -> tuple[list[str], Any]:
        """The messages after `cursor` (None: from the first), and the cursor after them."""


Opening = Callable[[Path], Engine]


def opening(name: str, postgres_url: str | None) -> Opening:
    """What opens an engine's instance in a directory; the engine is imported here and now."""
    made: Callable[[Path, str | None], Engine] = import_module(ENGINES[name]).open_instance
    return lambda directory: made(directory, postgres_url)


def pages(engine: Engine, run_id: str) -> Iterator[list[str]]:
    """The messages of a run's log, a page at a time."""
    cursor: Any = None
    while True:
        messages, cursor = engine.page(run_id, cursor, PAGE)
        if not messages:
            return
        yield messages


def run_ids(count: int, seed: int = SEED) -> list[str]:
    """`count` run ids, the same ones every time."""
    numbers = random.Random(seed)
    return [str(uuid.UUID(int=numbers.getrandbits(128), version=4)) for _ in range(count)]


def log_name(size: int) -> str:
    """The run id of the log that has `size` events."""
    return f"log-of-{size}"
