"""What the functions of schedules and sensors are given."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from inspect import signature
from typing import Any

from core.arguments import checked_arguments
from core.cached import cached_property
from core.errors import DagsterInvalidInvocationError, DagsterInvariantViolationError
from core.instance import DagsterInstance, InstanceRef
from core.schedules.requests import gathered


class _EvaluationContext:
    _built_by = "build_schedule_context"

    def __init__(self, instance_ref: InstanceRef | None) -> None:
        self.instance_ref = instance_ref

    @cached_property
    def instance(self) -> DagsterInstance:
        """DagsterInstance: the one that keeps the runs; opened when it is first asked for.

        Raises:
            DagsterInvariantViolationError: the context was built without an instance.
        """
        if self.instance_ref is None:
            raise DagsterInvariantViolationError(
                f"This context has no instance; build it with one, as in {self._built_by}(instance=instance)."
            )
        return DagsterInstance.from_ref(self.instance_ref)


class ScheduleEvaluationContext(_EvaluationContext):
    """What the functions of a schedule are given.

    Args:
        instance_ref: the instance.
        scheduled_execution_time: when the schedule was due, with its timezone; None where it is evaluated by hand.

    Example:
        >>> from datetime import UTC, datetime
        >>> from core import ScheduleEvaluationContext, build_schedule_context, schedule
        >>> @schedule("0 6 * * *", pipeline_name="forecast")
        ... def mornings(context: ScheduleEvaluationContext):
        ...     return {"solids": {"ask": {"config": {"day": context.scheduled_execution_time.strftime("%Y-%m-%d")}}}}
        >>> mornings(build_schedule_context(scheduled_execution_time=datetime(2021, 5, 1, 6, tzinfo=UTC)))
        {'solids': {'ask': {'config': {'day': '2021-05-01'}}}}
    """

    def __init__(
        self, instance_ref: InstanceRef | None = None, scheduled_execution_time: datetime | None = None
    ) -> None:
        super().__init__(instance_ref)
        self.scheduled_execution_time = scheduled_execution_time


class SensorEvaluationContext(_EvaluationContext):
    """What the function of a sensor is given.

    Args:
        instance_ref: the instance.
        last_completion_time: when the sensor was last evaluated; Unix time in seconds.
        last_run_key: the key of the last run it asked for.
        cursor: how far it has looked, as it said itself.

    Example:
        >>> from core import SensorEvaluationContext, build_sensor_context, sensor
        >>> @sensor(pipeline_name="orders")
        ... def new_rows(context: SensorEvaluationContext):
        ...     context.update_cursor(str(int(context.cursor or 0) + 10))
        >>> new_rows.evaluate_tick(build_sensor_context(cursor="20")).cursor
        '30'
    """

    _built_by = "build_sensor_context"

    def __init__(
        self,
        instance_ref: InstanceRef | None = None,
        last_completion_time: float | None = None,
        last_run_key: str | None = None,
        cursor: str | None = None,
    ) -> None:
        super().__init__(instance_ref)
        self.last_completion_time = last_completion_time
        self.last_run_key = last_run_key
        self._cursor = cursor

    @property
    def cursor(self) -> str | None:
        """str | None: how far the sensor has looked."""
        return self._cursor

    def update_cursor(self, cursor: str | None) -> None:
        """Says how far the sensor has looked; kept when the evaluation ends well.

        Raises:
            DagsterInvariantViolationError: the cursor is not text.
        """
        if not isinstance(cursor, str | None):
            raise DagsterInvariantViolationError(f"The cursor of a sensor must be text; it is {cursor!r}.")
        self._cursor = cursor


ScheduleExecutionContext = ScheduleEvaluationContext
"""The same, under its older name.

Example:
    >>> from core import ScheduleExecutionContext, build_schedule_context
    >>> isinstance(build_schedule_context(), ScheduleExecutionContext)
    True
"""

SensorExecutionContext = SensorEvaluationContext
"""The same, under its older name.

Example:
    >>> from core import SensorExecutionContext, build_sensor_context
    >>> isinstance(build_sensor_context(), SensorExecutionContext)
    True
"""


@checked_arguments("build_schedule_context", DagsterInvalidInvocationError)
def build_schedule_context(
    instance: DagsterInstance | None = None, scheduled_execution_time: datetime | None = None
) -> ScheduleEvaluationContext:
    """A context to evaluate a schedule with, in a test, say.

    >>> build_schedule_context().scheduled_execution_time is None
    True
    """
    context = ScheduleEvaluationContext(scheduled_execution_time=scheduled_execution_time)
    if instance is not None:
        context.__dict__["instance"] = instance
    return context


@checked_arguments("build_sensor_context", DagsterInvalidInvocationError)
def build_sensor_context(instance: DagsterInstance | None = None, cursor: str | None = None) -> SensorEvaluationContext:
    """A context to evaluate a sensor with, in a test, say.

    >>> build_sensor_context(cursor="b.csv").cursor
    'b.csv'
    """
    context = SensorEvaluationContext(cursor=cursor)
    if instance is not None:
        context.__dict__["instance"] = instance
    return context


def call_with(function: Callable[..., Any], context: Any) -> Any:
    """What a user's function gives that takes the context, or nothing; of a generator all that it yields."""
    return gathered(function(context) if signature(function).parameters else function())
