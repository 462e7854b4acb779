"""What a repository holds, made when it is first asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from core.config import unknown_name
from core.definitions.parts.configurable import mapping_of
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvalidDefinitionError, DagsterInvariantViolationError
from core.schedules.cron_schedule import ScheduleDefinition
from core.schedules.partition_sets import PartitionScheduleDefinition, PartitionSetDefinition
from core.schedules.sensors import SensorDefinition

T = TypeVar("T", bound=PipelineDefinition | PartitionSetDefinition | ScheduleDefinition | SensorDefinition)
KINDS = {
    "pipelines": PipelineDefinition,
    "partition_sets": PartitionSetDefinition,
    "schedules": ScheduleDefinition,
    "sensors": SensorDefinition,
}


class RepositoryData(ABC):
    """What a repository holds. Subclass it to find pipelines in a way of your own, in a database, say.

    Attributes:
        described: the repository, as it begins a message: "Repository 'shop'" when it is known whose data this is.
    """

    described = "The repository"

    @abstractmethod
    def get_all_pipelines(self) -> list[PipelineDefinition]:
        """All pipelines, by name."""

    def get_pipeline_names(self) -> list[str]:
        """Their names, in order."""
        return [each.name for each in self.get_all_pipelines()]

    def has_pipeline(self, pipeline_name: str) -> bool:
        """Whether there is a pipeline of that name."""
        return pipeline_name in self.get_pipeline_names()

    def get_pipeline(self, pipeline_name: str) -> PipelineDefinition:
        """The pipeline of that name.

        Raises:
            DagsterInvariantViolationError: there is none.
        """
        return self._named("pipeline", pipeline_name, self.get_all_pipelines())

    def get_all_partition_sets(self) -> list[PartitionSetDefinition]:
        """All partition sets, by name; those of schedules too."""
        return []

    def get_all_schedules(self) -> list[ScheduleDefinition]:
        """All schedules, by name."""
        return []

    def get_all_sensors(self) -> list[SensorDefinition]:
        """All sensors, by name."""
        return []

    def get_partition_set(self, name: str) -> PartitionSetDefinition:
        """The partition set of that name; raises DagsterInvariantViolationError if there is none."""
        return self._named("partition set", name, self.get_all_partition_sets())

    def get_schedule(self, name: str) -> ScheduleDefinition:
        """The schedule of that name; raises DagsterInvariantViolationError if there is none."""
        return self._named("schedule", name, self.get_all_schedules())

    def get_sensor(self, name: str) -> SensorDefinition:
        """The sensor of that name; raises DagsterInvariantViolationError if there is none."""
        return self._named("sensor", name, self.get_all_sensors())

    def _named(self, what: str, name: str, definitions: Sequence[T]) -> T:
        for each in definitions:
            if each.name == name:
                return each
        names = [each.name for each in definitions]
        raise DagsterInvariantViolationError(f"{self.described}: {unknown_name(what, name, names)}")


class CachingRepositoryData(RepositoryData):
    """What a repository function returned: definitions by name, or functions that make them, each called once.

    Args:
        pipelines: by name.
        partition_sets: by name.
        schedules: by name.
        sensors: by name.
        described: the repository, as it begins a message.
    """

    def __init__(
        self,
        pipelines: Mapping[str, Any],
        partition_sets: Mapping[str, Any],
        schedules: Mapping[str, Any],
        sensors: Mapping[str, Any],
        described: str = RepositoryData.described,
    ) -> None:
        self.described = described
        self._pipelines = _Lazily(self, "pipeline", PipelineDefinition, pipelines)
        self._partition_sets = _Lazily(self, "partition set", PartitionSetDefinition, partition_sets)
        self._schedules = _Lazily(self, "schedule", ScheduleDefinition, schedules)
        self._sensors = _Lazily(self, "sensor", SensorDefinition, sensors)

    @classmethod
    def from_list(cls, definitions: Sequence[Any], described: str = RepositoryData.described) -> CachingRepositoryData:
        """Of definitions; `described` is the repository, as it begins a message.

        Raises:
            DagsterInvalidDefinitionError: two of a kind have one name, something is not a definition of a kind that a
                repository holds, or a schedule, sensor or partition set is for a pipeline that is not in the list.
        """
        by_kind: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        for each in definitions:
            kind = next((kind for kind, cls_ in KINDS.items() if isinstance(each, cls_)), None)
            if kind is None:
                raise DagsterInvalidDefinitionError(
                    f"{described} holds pipelines, partition sets, schedules and sensors; it was given {each!r}."
                )
            if each.name in by_kind[kind]:
                what = kind.replace("_", " ")
                raise DagsterInvalidDefinitionError(f"{described} has two {what} called {each.name!r}; rename one.")
            by_kind[kind][each.name] = each
        data = cls(**by_kind, described=described)
        data.check_targets()
        return data

    @classmethod
    def from_dict(
        cls, definitions: Mapping[str, Mapping[str, Any]], described: str = RepositoryData.described
    ) -> CachingRepositoryData:
        """Of definitions, or functions that make them, by kind and name; `described` begins messages.

        Raises:
            DagsterInvalidDefinitionError: a key is no kind, or a value is neither a definition nor a function.
        """
        for key in definitions:
            if key not in KINDS:
                raise DagsterInvalidDefinitionError(f"{described}: {unknown_name('key', key, KINDS)}")
            mapping_of(definitions[key], f"{described}: {key}")
        return cls(**{kind: definitions.get(kind, {}) for kind in KINDS}, described=described)

    def check_targets(self) -> None:
        """Checks that what runs pipelines runs those of this repository.

        Raises:
            DagsterInvalidDefinitionError: a schedule, sensor or partition set is for another pipeline.
        """
        known = self._pipelines.names
        users: list[ScheduleDefinition | SensorDefinition | PartitionSetDefinition]
        users = [*self._schedules.all, *self._sensors.all, *self._partition_sets.all]
        for user in users:
            if user.pipeline_name not in known:
                raise DagsterInvalidDefinitionError(
                    f"{self.described}: {user!r} runs a pipeline that it does not have: "
                    f"{unknown_name('pipeline', user.pipeline_name, known)}"
                )

    def get_all_pipelines(self) -> list[PipelineDefinition]:
        pipelines = self._pipelines.all
        _check_solids(self.described, pipelines)
        return pipelines

    def get_pipeline_names(self) -> list[str]:
        return self._pipelines.names

    def has_pipeline(self, pipeline_name: str) -> bool:
        return pipeline_name in self._pipelines.names

    def get_pipeline(self, pipeline_name: str) -> PipelineDefinition:
        return self._pipelines.get(pipeline_name)

    def get_all_partition_sets(self) -> list[PartitionSetDefinition]:
        by_name = {each.name: each for each in self._partition_sets.all}
        for schedule in self._schedules.all:
            if isinstance(schedule, PartitionScheduleDefinition):
                own = schedule.get_partition_set()
                if by_name.setdefault(own.name, own) is not own:
                    raise DagsterInvalidDefinitionError(
                        f"{self.described} has two partition sets called {own.name!r}, one of them that of schedule "
                        f"{schedule.name!r}; rename one."
                    )
        return [by_name[name] for name in sorted(by_name)]

    def get_all_schedules(self) -> list[ScheduleDefinition]:
        return self._schedules.all

    def get_all_sensors(self) -> list[SensorDefinition]:
        return self._sensors.all

    def get_schedule(self, name: str) -> ScheduleDefinition:
        return self._schedules.get(name)

    def get_sensor(self, name: str) -> SensorDefinition:
        return self._sensors.get(name)


class _Lazily(Generic[T]):
    """Definitions by name, each made when it is first asked for."""

    def __init__(
        self, owner: RepositoryData, what: str, cls: type[T], given: Mapping[str, T | Callable[[], T]]
    ) -> None:
        self._owner = owner
        self._what = what
        self._cls = cls
        self._given = dict(given)
        self._made: dict[str, T] = {}
        for name, each in self._given.items():
            if not isinstance(each, cls) and (not callable(each) or isinstance(each, tuple(KINDS.values()))):
                raise DagsterInvalidDefinitionError(
                    f"{owner.described} has {each!r} as {what} {name!r}; give a {what}, or a function that returns one."
                )

    @property
    def names(self) -> list[str]:
        return sorted(self._given)

    @property
    def all(self) -> list[T]:
        return [self.get(name) for name in self.names]

    def get(self, name: str) -> T:
        if name not in self._given:
            raise DagsterInvariantViolationError(
                f"{self._owner.described}: {unknown_name(self._what, name, self._given)}"
            )
        if name not in self._made:
            given = self._given[name]
            made = given if isinstance(given, self._cls) else given()  # type: ignore[operator]  # it is a function
            own_name = getattr(made, "name", None)
            if not isinstance(made, self._cls) or own_name != name:
                raise DagsterInvariantViolationError(
                    f"{self._owner.described} has {self._what} {name!r}, and the function for it made {made!r}; the "
                    "key and the name must be the same."
                )
            self._made[name] = made
        return self._made[name]


def _check_solids(described: str, pipelines: Sequence[PipelineDefinition]) -> None:
    """Two pipelines of a repository may not mean different solids by one name."""
    homes: dict[str, tuple[Any, str]] = {}
    for pipeline in pipelines:
        for solid in pipeline.leaves:
            definition, home = homes.setdefault(solid.definition.name, (solid.definition, pipeline.name))
            if definition is not solid.definition:
                raise DagsterInvalidDefinitionError(
                    f"{described}: pipelines {home!r} and {pipeline.name!r} use two different solids called "
                    f"{solid.definition.name!r}; rename one."
                )
