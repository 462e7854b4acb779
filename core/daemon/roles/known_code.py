"""What the daemon knows of the code of a workspace."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from core.code_servers import CodeLocation, Workspace
from core.daemon.roles.flights import Flights
from core.errors import CodeServerError
from core.records.snapshots import RepositorySnapshot

_REFRESH_SECONDS = 5.0


class KnownRepository(NamedTuple):
    """A repository, and where its code is asked."""

    location: CodeLocation
    snapshot: RepositorySnapshot


class KnownCode:
    """The repositories of a workspace as they were when they were last asked for, a few seconds ago at most.

    They are asked for in threads: a location that does not answer keeps nobody waiting, and what was known of it stays.

    Roles share it: each location is asked once for all of them.

    Args:
        workspace: the locations.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._flights = workspace, Flights()
        self._known: dict[str, list[RepositorySnapshot]] = {}
        self._asked_at: dict[str, float] = {}
        self._is_first = True
        self.errors: dict[str, CodeServerError] = {}

    def refresh(self) -> None:
        """Asks the locations that were not asked lately; the first time it waits a moment for their answers."""
        for location in self._workspace.locations():
            asked_at = self._asked_at.get(location.name)
            if asked_at is None or time.monotonic() - asked_at >= _REFRESH_SECONDS:
                self._asked_at[location.name] = time.monotonic()
                self._flights.start(f"location {location.name}", partial(self._ask, location))
        if self._is_first:  # for each role that comes before they have answered
            self._flights.wait(timeout_seconds=_REFRESH_SECONDS)
            self._is_first = False

    def repositories(self) -> Iterator[KnownRepository]:
        """Those that are known."""
        for location in self._workspace.locations():
            for snapshot in self._known.get(location.name, ()):
                yield KnownRepository(location, snapshot)

    def _ask(self, location: CodeLocation) -> None:
        try:
            self._known[location.name] = location.repositories()
            self.errors.pop(location.name, None)
        except CodeServerError as error:
            self.errors[location.name] = error
