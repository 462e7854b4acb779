"""What roles have in common that ask code of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.code_servers.locations import DEFAULT_DEADLINE_SECONDS
from core.daemon.role import Role
from core.daemon.roles.flights import Flights
from core.daemon.roles.known_code import KnownCode
from core.instance import DagsterInstance


class AskingRole(Role):
    """A role that asks code in threads, so that what takes long delays nothing else.

    What is under way when it ends is gone on with by the daemon that has the role next.

    Args:
        instance: where runs, schedules, sensors and backfills are kept.
        code: where their code is; other roles may have the same.
        now: Unix time in seconds; that of the schedule storage by default.
        deadline_seconds: how long an answer may take.
        at_most: how many answers are waited for side by side.
    """

    def __init__(
        self,
        instance: DagsterInstance,
        code: KnownCode,
        now: Callable[[], float] | None = None,
        deadline_seconds: float = DEFAULT_DEADLINE_SECONDS,
        at_most: int = 64,
    ) -> None:
        self._instance, self._code = instance, code
        self._storage = instance.schedules
        self._now = now or self._storage.now
        self._deadline_seconds = deadline_seconds
        self.flights = Flights(at_most)

    def take_errors(self) -> Sequence[Exception]:
        """What threads did not expect since this was asked last: a database that is away, say."""
        return self.flights.take_errors()
