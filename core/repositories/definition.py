"""The definition of a repository, and its decorator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload

from core.arguments import checked_arguments
from core.cached import cached_property
from core.definitions.parts.configurable import check_name
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvalidDefinitionError
from core.repositories.data import CachingRepositoryData, RepositoryData
from core.schedules.cron_schedule import ScheduleDefinition
from core.schedules.partition_sets import PartitionSetDefinition
from core.schedules.sensors import SensorDefinition
from core.wording import a_kind_of


class RepositoryDefinition:
    """Pipelines, schedules, sensors and partition sets that are found and listed together.

    Args:
        name: of the repository.
        repository_data: what it holds, or a function that says so, which is called when it is first asked for.
        description: for people.

    Example:
        >>> from core import RepositoryDefinition, lambda_solid, pipeline, repository
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count")(lambda: one())
        >>> @repository
        ... def numbers():
        ...     return {"pipelines": {"count": lambda: count}}
        >>> isinstance(numbers, RepositoryDefinition), numbers.pipeline_names, numbers.get_pipeline("count") is count
        (True, ['count'], True)
    """

    @checked_arguments("repository")
    def __init__(
        self,
        name: str,
        repository_data: RepositoryData | Callable[[], RepositoryData],
        description: str | None = None,
    ) -> None:
        self.name = check_name(name, "repository")
        self.description = description
        self._given = repository_data

    @cached_property
    def _data(self) -> RepositoryData:
        data = self._given if isinstance(self._given, RepositoryData) else self._given()
        if not isinstance(data, RepositoryData):
            raise DagsterInvalidDefinitionError(
                f"The function of repository {self.name!r} must return a RepositoryData; it returned {a_kind_of(data)}."
            )
        data.described = f"Repository {self.name!r}"
        return data

    @property
    def pipeline_names(self) -> list[str]:
        """list[str]: of all pipelines, in order; none of them is made for that."""
        return self._data.get_pipeline_names()

    def has_pipeline(self, name: str) -> bool:
        """Whether there is a pipeline of that name."""
        return self._data.has_pipeline(name)

    def get_pipeline(self, name: str) -> PipelineDefinition:
        """The pipeline of that name; only it is made.

        Raises:
            DagsterInvariantViolationError: there is none.
        """
        return self._data.get_pipeline(name)

    def get_all_pipelines(self) -> list[PipelineDefinition]:
        """All pipelines, by name."""
        return self._data.get_all_pipelines()

    @property
    def schedule_defs(self) -> list[ScheduleDefinition]:
        """list[ScheduleDefinition]: all schedules, by name."""
        return self._data.get_all_schedules()

    def get_schedule_def(self, name: str) -> ScheduleDefinition:
        """The schedule of that name; raises DagsterInvariantViolationError if there is none."""
        return self._data.get_schedule(name)

    @property
    def sensor_defs(self) -> list[SensorDefinition]:
        """list[SensorDefinition]: all sensors, by name."""
        return self._data.get_all_sensors()

    def get_sensor_def(self, name: str) -> SensorDefinition:
        """The sensor of that name; raises DagsterInvariantViolationError if there is none."""
        return self._data.get_sensor(name)

    @property
    def partition_set_defs(self) -> list[PartitionSetDefinition]:
        """list[PartitionSetDefinition]: all partition sets, by name; those of schedules too."""
        return self._data.get_all_partition_sets()

    def get_partition_set_def(self, name: str) -> PartitionSetDefinition:
        """The partition set of that name; raises DagsterInvariantViolationError if there is none."""
        return self._data.get_partition_set(name)

    def __repr__(self) -> str:
        return f"RepositoryDefinition({self.name!r})"


@overload
def repository(name: Callable[[], Any]) -> RepositoryDefinition: ...
@overload
def repository(
    name: str | None = None, description: str | None = None
) -> Callable[[Callable[[], Any]], RepositoryDefinition]: ...
def repository(name: Any = None, description: str | None = None) -> Any:
    """Decorator: a function that returns definitions becomes a RepositoryDefinition. With or without arguments.

    The function returns a list of pipelines, schedules, sensors and partition sets; or a dict with the keys
    "pipelines", "schedules", "sensors" and "partition_sets" of them by name, in which functions that make them may
    stand, which are called only when they are needed; or a RepositoryData.

    Args:
        name: of the repository; the function's by default.
        description: for people; the function's docstring by default.

    Raises:
        DagsterInvalidDefinitionError: what the function returns is none of that, or contradicts itself.

    >>> from core import pipeline, repository
    >>> @pipeline
    ... def orders():
    ...     pass
    >>> @repository
    ... def shop():
    ...     return [orders]
    >>> shop.pipeline_names
    ['orders']
    """
    if callable(name):
        return _repository_from(name, None, None)
    return lambda function: _repository_from(function, name, description)


def _repository_from(function: Callable[[], Any], name: str | None, description: str | None) -> RepositoryDefinition:
    own_name = name or function.__name__
    given = function()
    if isinstance(given, RepositoryData):
        data = given
    elif isinstance(given, Mapping):
        data = CachingRepositoryData.from_dict(given, f"Repository {own_name!r}")
    elif isinstance(given, list):
        data = CachingRepositoryData.from_list(given, f"Repository {own_name!r}")
    else:
        raise DagsterInvalidDefinitionError(
            f"The function of repository {own_name!r} returned {given!r}; return a list of definitions, or a dict of "
            "them by kind and name."
        )
    return RepositoryDefinition(own_name, data, description or function.__doc__)
