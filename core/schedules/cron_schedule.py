"""Schedules: runs of a pipeline at the times of a cron expression."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from core.arguments import check_returned, checked_arguments
from core.definitions.parts.configurable import check_name
from core.errors import (
    DagsterInvalidDefinitionError,
    DagsterInvalidInvocationError,
    ScheduleExecutionError,
    user_code_error_boundary,
)
from core.events.user_events import normalize_tags
from core.records.tags import SCHEDULE_NAME_TAG
from core.schedules.called import Called, made_of
from core.schedules.contexts import ScheduleEvaluationContext, call_with
from core.schedules.due_times import due_times
from core.schedules.requests import Evaluation, RunRequest, SkipReason, as_evaluation
from core.schedules.zones import check_cron_schedule, zone
from core.wording import a_kind_of

RunConfigFn = Callable[..., Mapping[str, Any]]
TagsFn = Callable[..., Mapping[str, Any] | None]


class ScheduleDefinition(Called):
    """Runs of a pipeline at the times of a cron expression.

    Args:
        name: of the schedule.
        cron_schedule: when it is due: minute, hour, day of month, month and day of week.
        pipeline_name: the pipeline.
        run_config: of each run; or `run_config_fn`.
        run_config_fn: from the context to a run config.
        tags: of each run; or `tags_fn`.
        tags_fn: from the context to tags.
        solid_selection: the solids to execute; all by default.
        mode: of the runs.
        should_execute: from the context to whether there is a run this time.
        environment_vars: set for the process that evaluates it, by schedulers that start one.
        execution_timezone: whose clocks count, such as "Europe/Berlin"; UTC by default.
        execution_fn: from the context to RunRequests or a SkipReason, in place of the config, the tags and
            `should_execute`.
        description: for people.
        job: what is run, where it is given as an object with a name and not as `pipeline_name`.

    Raises:
        DagsterInvalidDefinitionError: a name, the cron expression or the timezone is none, or arguments exclude each
            other.

    Example:
        >>> from datetime import UTC, datetime
        >>> from itertools import islice
        >>> from core import ScheduleDefinition
        >>> mornings = ScheduleDefinition("mornings", "30 6 * * *", "forecast", execution_timezone="Europe/Berlin")
        >>> [each.isoformat() for each in islice(mornings.execution_times(datetime(2021, 5, 1, tzinfo=UTC)), 2)]
        ['2021-05-01T06:30:00+02:00', '2021-05-02T06:30:00+02:00']
    """

    @checked_arguments("schedule")
    def __init__(
        self,
        name: str | None = None,
        cron_schedule: str = "",
        pipeline_name: str | None = None,
        run_config: Mapping[str, Any] | None = None,
        run_config_fn: RunConfigFn | None = None,
        tags: Mapping[str, Any] | None = None,
        tags_fn: TagsFn | None = None,
        solid_selection: Sequence[str] | None = None,
        mode: str | None = "default",
        should_execute: Callable[..., bool] | None = None,
        environment_vars: Mapping[str, str] | None = None,
        execution_timezone: str | None = None,
        execution_fn: Callable[..., Any] | None = None,
        description: str | None = None,
        job: Any = None,
    ) -> None:
        self.pipeline_name = target_name(pipeline_name, job, f"schedule {name!r}")
        self.name = check_name(name or f"{self.pipeline_name}_schedule", "schedule")
        self.job = job
        described = f"schedule {self.name!r}"
        self.cron_schedule = check_cron_schedule(cron_schedule, described)
        self.execution_timezone = execution_timezone
        self._zone = zone(execution_timezone)
        self.solid_selection = None if solid_selection is None else list(solid_selection)
        self.mode = mode or "default"
        self.environment_vars = dict(environment_vars or {})
        self.description = description
        _check_alone(described, "run_config", run_config, "run_config_fn", run_config_fn)
        _check_alone(described, "tags", tags, "tags_fn", tags_fn)
        for other, given in (
            ("run_config_fn", run_config_fn),
            ("tags_fn", tags_fn),
            ("should_execute", should_execute),
        ):
            _check_alone(described, "execution_fn", execution_fn, other, given)
        _check_alone(described, "execution_fn", execution_fn, "run_config", run_config)
        _check_alone(described, "execution_fn", execution_fn, "tags", tags)
        self._tags = normalize_tags(tags, described)
        self._run_config = deepcopy(dict(run_config or {}))
        self._run_config_fn = run_config_fn
        self._tags_fn = tags_fn
        self._should_execute = should_execute
        self._execution_fn = execution_fn

    @checked_arguments(
        "evaluate_tick", DagsterInvalidInvocationError, advice={"context": "Make one by build_schedule_context(...)."}
    )
    def evaluate_tick(self, context: ScheduleEvaluationContext) -> Evaluation:
        """What the schedule asks for at a time.

        Args:
            context: with the time; see `build_schedule_context`.

        Returns:
            Evaluation: the runs, each with the tag that names the schedule; or why there are none.

        Raises:
            ScheduleExecutionError: a function of the schedule raised.
            DagsterInvariantViolationError: it gave something else than RunRequests or a SkipReason.
        """
        with user_code_error_boundary(ScheduleExecutionError, f"A function of schedule {self.name!r} raised"):
            given = self._evaluate(context)
            evaluation = as_evaluation(given, f"schedule {self.name!r}")
        requests = tuple(tagged(each, SCHEDULE_NAME_TAG, self.name) for each in evaluation.run_requests)
        return Evaluation(requests, evaluation.skip_message)

    def _evaluate(self, context: ScheduleEvaluationContext) -> Any:
        if self._execution_fn is not None:
            return call_with(self._execution_fn, context)
        if self._should_execute is not None:
            answer = call_with(self._should_execute, context)
            check_returned(answer, bool, f"should_execute of schedule {self.name!r}")
            if not answer:
                return SkipReason(f"should_execute of schedule {self.name!r} said no.")
        config = self._run_config if self._run_config_fn is None else call_with(self._run_config_fn, context)
        check_returned(config, Mapping | None, f"run_config_fn of schedule {self.name!r}")
        tags = self._tags if self._tags_fn is None else call_with(self._tags_fn, context)
        check_returned(tags, Mapping | None, f"tags_fn of schedule {self.name!r}")
        return RunRequest(run_config=deepcopy(config or {}), tags=tags or {})

    def execution_times(self, after: datetime | None = None) -> Iterator[datetime]:
        """When the schedule is due, on the clocks of its timezone; see `core.schedules.due_times.due_times`.

        Args:
            after: the first instant is later than this; now by default.
        """
        return due_times(self.cron_schedule, self._zone, after or datetime.now(UTC))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.cron_schedule!r}, {self.pipeline_name!r})"


@checked_arguments("schedule")
def schedule(
    cron_schedule: str,
    pipeline_name: str | None = None,
    name: str | None = None,
    tags: Mapping[str, Any] | None = None,
    tags_fn: TagsFn | None = None,
    solid_selection: Sequence[str] | None = None,
    mode: str | None = "default",
    should_execute: Callable[..., bool] | None = None,
    environment_vars: Mapping[str, str] | None = None,
    execution_timezone: str | None = None,
    description: str | None = None,
    job: Any = None,
) -> Callable[[RunConfigFn], ScheduleDefinition]:
    """Decorator: a function from the context to a run config becomes a ScheduleDefinition, which has the arguments.

    The function may also return or yield RunRequests, or a SkipReason.

    >>> @schedule("0 6 * * *", pipeline_name="orders", execution_timezone="Europe/Berlin")
    ... def every_morning(context):
    ...     return {}
    >>> every_morning.name
    'every_morning'
    """

    def make(function: RunConfigFn) -> ScheduleDefinition:
        own_name = name or function.__name__
        described = f"schedule {own_name!r}"
        _check_alone(described, "tags", tags, "tags_fn", tags_fn)
        fixed = normalize_tags(tags, described)

        def execute(context: ScheduleEvaluationContext) -> Any:
            if should_execute is not None and not call_with(should_execute, context):
                return SkipReason(f"should_execute of schedule {own_name!r} said no.")
            given = call_with(function, context)
            if not isinstance(given, Mapping):
                return given
            return RunRequest(run_config=deepcopy(given), tags=call_with(tags_fn, context) if tags_fn else fixed)

        made = ScheduleDefinition(
            name=own_name,
            cron_schedule=cron_schedule,
            pipeline_name=pipeline_name,
            solid_selection=solid_selection,
            mode=mode,
            environment_vars=environment_vars,
            execution_timezone=execution_timezone,
            execution_fn=execute,
            description=description or function.__doc__,
            job=job,
        )
        return made_of(function, made)

    return make


def target_name(pipeline_name: str | None, job: Any, described: str) -> str:
    """The name of what a schedule or sensor runs.

    Raises:
        DagsterInvalidDefinitionError: none is given, or two, or the job has no name.
    """
    if (pipeline_name is None) == (job is None):
        raise DagsterInvalidDefinitionError(
            f"{described[:1].upper()}{described[1:]} needs what it runs: give pipeline_name, or job, and not both."
        )
    name = getattr(job, "name", None) if pipeline_name is None else pipeline_name
    if not isinstance(name, str):
        raise DagsterInvalidDefinitionError(
            f"job of {described} must be a job or a pipeline, with a name; it is {a_kind_of(job)}."
        )
    return name


def tagged(request: RunRequest, key: str, value: str) -> RunRequest:
    """The same request with one more tag."""
    return RunRequest(request.run_key, request.run_config, {**request.tags, key: value}, request.job_name)


def _check_alone(described: str, name: str, value: object, other: str, other_value: object) -> None:
    if value is not None and other_value is not None:
        raise DagsterInvalidDefinitionError(f"The {described} has both {name} and {other}; give one of them.")
