"""What the commands about schedules, sensors and backfills know of a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol, TypeVar

from core.cli.failures import clear_failures
from core.code_servers import CodeLocation, Workspace
from core.config import unknown_name
from core.errors import DagsterInvariantViolationError
from core.instance import DagsterInstance, persistent_instance
from core.records.external_jobs import ExternalSchedule, ExternalSensor, external_schedules, external_sensors
from core.records.snapshots import PartitionSetSnapshot, RepositorySnapshot


class Named(Protocol):
    """A schedule, a sensor or a partition set."""

    @property
    def name(self) -> str: ...


Job = TypeVar("Job", bound=Named)


class Placed(NamedTuple):
    """A repository, and where its code is asked."""

    location: CodeLocation
    repository: RepositorySnapshot


@contextmanager
def instance_and_code(workspace: Callable[[], Workspace]) -> Iterator[tuple[DagsterInstance, list[Placed]]]:
    """The instance in $DAGSTER_HOME, and the repositories of a workspace; errors end the command."""
    with clear_failures(), persistent_instance() as instance:
        yield instance, [Placed(each, found) for each in workspace().locations() for found in each.repositories()]


def schedules_of(code: Sequence[Placed]) -> list[tuple[Placed, ExternalSchedule]]:
    """The schedules of all repositories."""
    return [(placed, each) for placed in code for each in external_schedules(placed.repository)]


def sensors_of(code: Sequence[Placed]) -> list[tuple[Placed, ExternalSensor]]:
    """The sensors of all repositories."""
    return [(placed, each) for placed in code for each in external_sensors(placed.repository)]


def partition_sets_of(code: Sequence[Placed]) -> list[tuple[Placed, PartitionSetSnapshot]]:
    """The partition sets of all repositories."""
    return [(placed, each) for placed in code for each in placed.repository.partition_sets]


def named(what: str, name: str, known: Sequence[tuple[Placed, Job]]) -> tuple[Placed, Job]:
    """The one of that name, `name` or `repository.name`.

    Raises:
        DagsterInvariantViolationError: there is none, or more than one.
    """
    names = [(f"{placed.repository.name}.{each.name}", each.name) for placed, each in known]
    found = [pair for pair, of in zip(known, names, strict=True) if name in of]
    if not found:
        raise DagsterInvariantViolationError(unknown_name(what, name, {short for _, short in names}))
    if len(found) > 1:
        choices = ", ".join(whole for whole, _ in names if whole.endswith(f".{name}"))
        raise DagsterInvariantViolationError(f"There are {len(found)} {what}s called {name!r}; name one: {choices}.")
    return found[0]
