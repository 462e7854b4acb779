"""Sensors: runs of a pipeline when something has happened outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.arguments import checked_arguments
from core.definitions.parts.configurable import check_name
from core.errors import (
    DagsterInvalidDefinitionError,
    DagsterInvalidInvocationError,
    SensorExecutionError,
    user_code_error_boundary,
)
from core.events.user_events import AssetKey
from core.records.tags import RUN_KEY_TAG, SENSOR_NAME_TAG
from core.schedules.called import Called, made_of
from core.schedules.contexts import SensorEvaluationContext, call_with
from core.schedules.cron_schedule import tagged, target_name
from core.schedules.requests import Evaluation, as_evaluation, gathered

DEFAULT_SENSOR_SECONDS = 30


class SensorDefinition(Called):
    """Looks again and again whether there is something to run a pipeline for.

    Args:
        name: of the sensor.
        evaluation_fn: from the context to RunRequests, a SkipReason or None.
        pipeline_name: the pipeline.
        solid_selection: the solids to execute; all by default.
        mode: of the runs; "default" by default.
        minimum_interval_seconds: between two evaluations, at least; 30 by default.
        description: for people.
        job: what is run, where it is given as an object with a name and not as `pipeline_name`.

    Raises:
        DagsterInvalidDefinitionError: the name or the interval is none, or there is nothing to run.

    Example:
        >>> from core import RunRequest, SensorDefinition, SkipReason, build_sensor_context
        >>> def new_files(context):
        ...     new = [name for name in ("a.csv", "b.csv") if name > (context.cursor or "")]
        ...     yield from (RunRequest(name) for name in new) if new else [SkipReason("There is no new file.")]
        ...     context.update_cursor("b.csv")
        >>> sensor = SensorDefinition("new_files", new_files, "orders")
        >>> evaluation = sensor.evaluate_tick(build_sensor_context(cursor="a.csv"))
        >>> [request.run_key for request in evaluation.run_requests], evaluation.cursor
        (['b.csv'], 'b.csv')
    """

    @checked_arguments("sensor")
    def __init__(
        self,
        name: str,
        evaluation_fn: Callable[..., Any],
        pipeline_name: str | None = None,
        solid_selection: Sequence[str] | None = None,
        mode: str | None = None,
        minimum_interval_seconds: float | None = None,
        description: str | None = None,
        job: Any = None,
    ) -> None:
        self.name = check_name(name, "sensor")
        self.pipeline_name = target_name(pipeline_name, job, f"sensor {name!r}")
        self.job = job
        self.solid_selection = None if solid_selection is None else list(solid_selection)
        self.mode = mode or "default"
        self.minimum_interval_seconds = (
            DEFAULT_SENSOR_SECONDS if minimum_interval_seconds is None else minimum_interval_seconds
        )
        if not self.minimum_interval_seconds >= 0:
            raise DagsterInvalidDefinitionError(
                f"minimum_interval_seconds of sensor {name!r} is {minimum_interval_seconds!r}; give seconds, 0 or more."
            )
        self.description = description
        self._evaluation_fn = evaluation_fn

    @checked_arguments(
        "evaluate_tick", DagsterInvalidInvocationError, {"context": "Make one by build_sensor_context()."}
    )
    def evaluate_tick(self, context: SensorEvaluationContext) -> Evaluation:
        """What the sensor asks for now.

        Args:
            context: with how far the sensor has looked; see `build_sensor_context`.

        Returns:
            Evaluation: the runs, each with tags that name the sensor and the run's key; or why there are none; and the
            cursor.

        Raises:
            SensorExecutionError: the function raised.
            DagsterInvariantViolationError: it gave something else than RunRequests or a SkipReason.
        """
        with user_code_error_boundary(SensorExecutionError, f"The function of sensor {self.name!r} raised"):
            given = call_with(self._evaluation_fn, context)
        evaluation = as_evaluation(given, f"sensor {self.name!r}")
        requests = [tagged(each, SENSOR_NAME_TAG, self.name) for each in evaluation.run_requests]
        keyed = tuple(tagged(each, RUN_KEY_TAG, each.run_key) if each.run_key else each for each in requests)
        return Evaluation(keyed, evaluation.skip_message, context.cursor)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.pipeline_name!r})"


@checked_arguments("sensor")
def sensor(
    pipeline_name: str | None = None,
    name: str | None = None,
    solid_selection: Sequence[str] | None = None,
    mode: str | None = None,
    minimum_interval_seconds: float | None = None,
    description: str | None = None,
    job: Any = None,
) -> Callable[[Callable[..., Any]], SensorDefinition]:
    """Decorator: a function from the context to RunRequests or a SkipReason becomes a SensorDefinition.

    >>> from core import RunRequest
    >>> @sensor(pipeline_name="orders")
    ... def new_files(context):
    ...     yield RunRequest("orders.csv")
    >>> new_files.minimum_interval_seconds
    30
    """

    def make(function: Callable[..., Any]) -> SensorDefinition:
        made = SensorDefinition(
            name or function.__name__,
            function,
            pipeline_name,
            solid_selection,
            mode,
            minimum_interval_seconds,
            description or function.__doc__,
            job,
        )
        return made_of(function, made)

    return make


class AssetSensorDefinition(SensorDefinition):
    """A sensor that is asked once for each newest materialization of an asset.

    Its cursor is the number of the last materialization it was asked for.

    Args:
        name: of the sensor.
        asset_key: the asset.
        pipeline_name: the pipeline.
        asset_materialization_fn: from the context and the event to RunRequests or a SkipReason.
        solid_selection: see `SensorDefinition`.
        mode: see `SensorDefinition`.
        minimum_interval_seconds: see `SensorDefinition`.
        description: see `SensorDefinition`.
        job: see `SensorDefinition`.

    Example:
        >>> from core import AssetKey, AssetMaterialization, AssetSensorDefinition, DagsterInstance, Output, RunRequest
        >>> from core import build_sensor_context, execute_pipeline, pipeline, solid
        >>> orders_changed = AssetSensorDefinition(
        ...     "orders_changed", AssetKey("orders"), "report", lambda context, event: RunRequest(run_key=None)
        ... )
        >>> @solid
        ... def load():
        ...     yield AssetMaterialization("orders")
        ...     yield Output(None)
        >>> with DagsterInstance.ephemeral() as instance:
        ...     result = execute_pipeline(pipeline(name="loads")(lambda: load()), instance=instance)
        ...     len(orders_changed.evaluate_tick(build_sensor_context(instance)).run_requests)
        1
    """

    @checked_arguments("sensor")
    def __init__(
        self,
        name: str,
        asset_key: AssetKey,
        pipeline_name: str | None,
        asset_materialization_fn: Callable[[SensorEvaluationContext, Any], Any],
        solid_selection: Sequence[str] | None = None,
        mode: str | None = None,
        minimum_interval_seconds: float | None = None,
        description: str | None = None,
        job: Any = None,
    ) -> None:
        self.asset_key = asset_key

        def evaluate(context: SensorEvaluationContext) -> Any:
            after = int(context.cursor) if context.cursor else None
            newest = context.instance.events_for_asset_key(asset_key, after_cursor=after, limit=1)
            if not newest:
                return None
            [(cursor, entry)] = newest
            given = gathered(asset_materialization_fn(context, entry))
            context.update_cursor(str(cursor))
            return given

        super().__init__(
            name, evaluate, pipeline_name, solid_selection, mode, minimum_interval_seconds, description, job
        )


@checked_arguments("sensor")
def asset_sensor(
    asset_key: AssetKey,
    pipeline_name: str | None = None,
    name: str | None = None,
    solid_selection: Sequence[str] | None = None,
    mode: str | None = None,
    minimum_interval_seconds: float | None = None,
    description: str | None = None,
    job: Any = None,
) -> Callable[[Callable[[SensorEvaluationContext, Any], Any]], AssetSensorDefinition]:
    """Decorator: a function from the context and the event of a materialization becomes an AssetSensorDefinition.

    >>> from core import AssetKey
    >>> @asset_sensor(AssetKey("orders"), pipeline_name="report")
    ... def orders_changed(context, event):
    ...     return RunRequest(event.run_id)
    >>> orders_changed.asset_key
    AssetKey(['orders'])
    """

    def make(function: Callable[[SensorEvaluationContext, Any], Any]) -> AssetSensorDefinition:
        made = AssetSensorDefinition(
            name or function.__name__,
            asset_key,
            pipeline_name,
            function,
            solid_selection,
            mode,
            minimum_interval_seconds,
            description or function.__doc__,
            job,
        )
        return made_of(function, made)

    return make
