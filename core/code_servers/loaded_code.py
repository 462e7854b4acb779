"""The code of a location in the process that has loaded it: it answers questions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import singledispatchmethod
from typing import Any

from core.cached import cached_property
from core.code_servers.questions import (
    PartitionNamesQuestion,
    PartitionRunQuestion,
    Question,
    RepositoriesQuestion,
    ScheduleQuestion,
    SensorQuestion,
)
from core.config import unknown_name
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError
from core.loading.repositories import LoadedRepository, load_repositories
from core.records.origin import (
    ExternalRepositoryOrigin,
    InProcessRepositoryLocationOrigin,
    LoadableTargetOrigin,
    PipelinePythonOrigin,
)
from core.records.pipeline_run import PipelineRun
from core.records.snapshots import (
    PartitionSetSnapshot,
    PipelineSnapshot,
    RepositorySnapshot,
    ScheduleSnapshot,
    SensorSnapshot,
)
from core.repositories import RepositoryDefinition
from core.schedules.contexts import ScheduleEvaluationContext, SensorEvaluationContext
from core.schedules.partition_sets import PartitionScheduleDefinition
from core.schedules.requests import Evaluation, RunRequest
from core.schedules.zones import zone


class LoadedCode:
    """The repositories of a target. They are loaded when something is first asked.

    Args:
        target: where the code is.
    """

    def __init__(self, target: LoadableTargetOrigin) -> None:
        self._target = target

    def load(self) -> None:
        """Loads the code, where it was not loaded before.

        Raises:
            BaseException: what it raises while it is imported; and as `load_repositories`.
        """
        _ = self._repositories

    @cached_property
    def _repositories(self) -> dict[str, LoadedRepository]:
        return {each.definition.name: each for each in load_repositories(self._target)}

    @singledispatchmethod
    def answer(self, question: Question) -> Any:
        """The answer to a question, of its `answer_type`.

        Raises:
            Exception: what the user's code raises, or what is said of it where it gives something else.
        """
        raise TypeError(question)

    @answer.register
    def _(self, question: RepositoriesQuestion) -> list[RepositorySnapshot]:
        return [self._snapshot(each.definition) for each in self._repositories.values()]

    @answer.register
    def _(self, question: ScheduleQuestion) -> Evaluation:
        schedule = self._repository(question.repository).get_schedule_def(question.schedule)
        due = question.due.astimezone(zone(schedule.execution_timezone))
        with _environment(schedule.environment_vars):
            return schedule.evaluate_tick(ScheduleEvaluationContext(question.instance_ref, due))

    @answer.register
    def _(self, question: SensorQuestion) -> Evaluation:
        sensor = self._repository(question.repository).get_sensor_def(question.sensor)
        given = question.instance_ref, question.last_completion_time, question.last_run_key, question.cursor
        return sensor.evaluate_tick(SensorEvaluationContext(*given))

    @answer.register
    def _(self, question: PartitionNamesQuestion) -> list[str]:
        return self._repository(question.repository).get_partition_set_def(question.partition_set).get_partition_names()

    @answer.register
    def _(self, question: PartitionRunQuestion) -> RunRequest:
        partition_set = self._repository(question.repository).get_partition_set_def(question.partition_set)
        partition = partition_set.get_partition(question.partition)
        run_config, tags = (
            partition_set.run_config_for_partition(partition),
            partition_set.tags_for_partition(partition),
        )
        return RunRequest(partition.name, run_config, tags)

    def pipeline_of(self, run: PipelineRun) -> PipelineDefinition:
        """The pipeline of a run: in the repository that its record names, or in the only one that has it.

        Raises:
            DagsterInvariantViolationError: there is none, or more than one.
            Exception: what the user's code raises.
        """
        origin = run.external_pipeline_origin
        if origin is not None and origin.external_repository_origin.repository_name in self._repositories:
            homes = [self._repositories[origin.external_repository_origin.repository_name]]
        else:
            homes = [each for each in self._repositories.values() if each.definition.has_pipeline(run.pipeline_name)]
        if len(homes) != 1:
            names = ", ".join(sorted(self._repositories))
            raise DagsterInvariantViolationError(
                f"Pipeline {run.pipeline_name!r} of run {run.run_id} is in {len(homes)} of these repositories: {names}."
            )
        [home] = homes
        pipeline = home.definition.get_pipeline(run.pipeline_name)
        target = self._target
        origin_here = LoadableTargetOrigin(
            target.executable_path,
            target.python_file,
            target.module_name,
            target.working_directory,
            home.attribute,
            target.package_name,
        )
        return pipeline.loaded_from(PipelinePythonOrigin(origin_here, run.pipeline_name))

    def _repository(self, name: str) -> RepositoryDefinition:
        if name not in self._repositories:
            raise DagsterInvariantViolationError(unknown_name("repository", name, self._repositories))
        return self._repositories[name].definition

    def _snapshot(self, repository: RepositoryDefinition) -> RepositorySnapshot:
        return RepositorySnapshot(
            repository.name,
            ExternalRepositoryOrigin(InProcessRepositoryLocationOrigin(self._target), repository.name),
            tuple(
                PipelineSnapshot(
                    each.name,
                    tuple(each.available_modes),
                    tuple(preset.name for preset in each.preset_defs),
                    tuple(each.solid_dict),
                    each.tags,
                    each.description,
                )
                for each in map(repository.get_pipeline, repository.pipeline_names)
            ),
            tuple(
                ScheduleSnapshot(
                    each.name,
                    each.cron_schedule,
                    each.pipeline_name,
                    each.execution_timezone,
                    each.mode,
                    _as_tuple(each.solid_selection),
                    each.get_partition_set().name if isinstance(each, PartitionScheduleDefinition) else None,
                    each.environment_vars,
                    each.description,
                )
                for each in repository.schedule_defs
            ),
            tuple(
                SensorSnapshot(
                    each.name,
                    (each.pipeline_name,),
                    each.mode,
                    _as_tuple(each.solid_selection),
                    each.minimum_interval_seconds,
                    each.description,
                )
                for each in repository.sensor_defs
            ),
            tuple(
                PartitionSetSnapshot(each.name, each.pipeline_name, each.mode, _as_tuple(each.solid_selection))
                for each in repository.partition_set_defs
            ),
        )


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _as_tuple(selection: list[str] | None) -> tuple[str, ...] | None:
    return None if selection is None else tuple(selection)
