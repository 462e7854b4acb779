"""The result of a run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from core.cached import cached_property
from core.config import unknown_name
from core.definitions.dependency import Solid
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError
from core.events.payloads import HandledOutputData, StepOutputHandle
from core.events.records import DagsterEvent
from core.events.step_keys import solid_key_of
from core.events.user_events import DEFAULT_OUTPUT
from core.execution.composite_results import CompositeSolidExecutionResult, NodeResult
from core.execution.contexts.pipeline import PipelineContext
from core.execution.mapped_results import MappedSolidExecutionResult
from core.execution.solid_events import SolidEvents
from core.values.side_by_side import Call, side_by_side


class SolidExecutionResult(SolidEvents):
    """The result of one solid of a run.

    Args:
        context: the run.
        step_key: the key of its step: its name, after those of the graphs around it.
        events: about the step, in order.

    Attributes:
        step_key: as given.

    Example:
        >>> from core import execute_pipeline, lambda_solid, pipeline
        >>> divide = lambda_solid(name="divide")(lambda: 1 / 0)
        >>> result = execute_pipeline(pipeline(name="sums")(lambda: divide()), raise_on_error=False)
        >>> result.result_for_solid("divide").failure_data.error.cause.message
        'ZeroDivisionError: division by zero'
    """

    def __init__(self, context: PipelineContext, step_key: str, events: Sequence[DagsterEvent]) -> None:
        super().__init__(solid_key_of(step_key).rpartition(".")[2], events)
        self._context = context
        self.step_key = step_key

    @property
    def solid(self) -> Solid:
        """Solid: the solid in its place in the pipeline."""
        return self._context.execution_plan.steps[self.step_key].solid

    @property
    def output_values(self) -> dict[str, Any]:
        """dict[str, Any]: the values of its outputs that were given, by output; loaded when asked for."""
        return self._load(self._given())

    def output_value(self, output_name: str = DEFAULT_OUTPUT) -> Any:
        """The value of an output, loaded now with its IO manager; None if it was not given.

        Of a dynamic output, a dict of mapping key to value, in the order in which they were given.

        Raises:
            DagsterInvariantViolationError: there is no such output.
            DagsterObjectNotFoundError: the value is no longer stored.
        """
        outputs = self._context.execution_plan.steps[self.step_key].solid.definition.output_dict
        if output_name not in outputs:
            raise DagsterInvariantViolationError(
                f"Solid {self.solid_name!r}: {unknown_name('output', output_name, outputs)}"
            )
        none: Any = {} if outputs[output_name].is_dynamic else None
        handles = [handle for handle in self._given() if handle.output_name == output_name]
        return self._load(handles).get(output_name, none)

    def _load(self, handles: Sequence[StepOutputHandle]) -> dict[str, Any]:
        """The values of outputs by name: loaded side by side where IO managers allow it, and resources are stopped."""
        values: dict[str, Any] = {}
        try:
            with side_by_side([self._call(handle) for handle in handles]) as answers:
                for handle, answer in zip(handles, answers, strict=True):
                    if handle.mapping_key is None:
                        values[handle.output_name] = answer()
                    else:
                        values.setdefault(handle.output_name, {})[handle.mapping_key] = answer()
        finally:
            self._context.resources.close()
        return values

    def _call(self, handle: StepOutputHandle) -> Call:
        io_manager = self._context.resources.io_manager(self._context.execution_plan.output_def(handle).io_manager_key)
        load = partial(io_manager.load_input, self._context.io_contexts.result(handle))
        return Call(io_manager, "load_input", load)

    def _given(self) -> list[StepOutputHandle]:
        plan = self._context.execution_plan
        step, not_given = plan.steps[self.step_key], plan.not_given
        dynamic = {step.handle(output.name) for output in step.outputs if output.is_dynamic}  # lists of mapping keys
        if self.memoized:
            return [handle for handle in plan.handles(step) if handle not in not_given and handle not in dynamic]
        events = ((event.step_key or "", event.event_specific_data) for event in self._last_attempt)
        given = [data.handle(key) for key, data in events if isinstance(data, HandledOutputData) and data.is_given]
        return [handle for handle in given if handle not in dynamic]


class PipelineExecutionResult:
    """The result of a run.

    Attributes:
        event_list: the run's events, in order.

    Example:
        >>> from core import execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> result = execute_pipeline(pipeline(name="count")(lambda: one()))
        >>> result.success, result.output_for_solid("one"), result.executed_step_keys
        (True, 1, ['one'])
    """

    def __init__(self, context: PipelineContext, events: Sequence[DagsterEvent]) -> None:
        self._context = context
        self.event_list = list(events)

    @property
    def run_id(self) -> str:
        """str: the id of the run."""
        return self._context.run_id

    @property
    def pipeline_def(self) -> PipelineDefinition:
        """PipelineDefinition: the pipeline."""
        return self._context.pipeline_def

    @property
    def success(self) -> bool:
        """bool: whether the run succeeded."""
        return any(event.event_type_value == "PIPELINE_SUCCESS" for event in self.event_list)

    @property
    def step_event_list(self) -> list[DagsterEvent]:
        """list[DagsterEvent]: the events about steps."""
        return [event for event in self.event_list if event.is_step_event]

    @property
    def events_by_step_key(self) -> dict[str, list[DagsterEvent]]:
        """dict[str, list[DagsterEvent]]: the events about each step that has some, in order."""
        found: dict[str, list[DagsterEvent]] = {}
        for event in self.step_event_list:
            found.setdefault(event.step_key or "", []).append(event)
        return found

    @property
    def executed_step_keys(self) -> list[str]:
        """list[str]: the steps that were executed, in order."""
        return [
            event.step_key for event in self.event_list if event.event_type_value == "STEP_START" and event.step_key
        ]

    @property
    def memoized_step_keys(self) -> list[str]:
        """list[str]: the steps that were not executed because their outputs were stored."""
        executed = set(self.executed_step_keys)  # of some memoized steps, values turn out to be lost
        return [key for key in self._context.execution_plan.memoized if key not in executed]

    @property
    def solid_result_list(self) -> list[NodeResult]:
        """One for each solid and graph of the pipeline that the run has."""
        solids = self._context.pipeline_def.solids
        return [self.result_for_handle(solid.name) for solid in solids if self._has(solid.name)]

    def result_for_solid(self, name: str) -> Any:
        """The result of one solid, or of a graph, which is a CompositeSolidExecutionResult; see `result_for_handle`."""
        return self.result_for_handle(name)

    def result_for_handle(self, handle: str) -> NodeResult:
        """The result of a solid or graph; of a solid that is mapped over a dynamic output, a
        MappedSolidExecutionResult.

        Args:
            handle: its name, after those of the graphs around it: `clean`, `outer.clean`; `clean[key]` for one value
                of a dynamic output.

        Raises:
            DagsterInvariantViolationError: the run has none of that name.
        """
        pipeline = self._context.pipeline_def
        if handle in pipeline.graphs:
            return CompositeSolidExecutionResult(pipeline.graphs[handle], self._has, self.result_for_handle)
        steps = self._context.execution_plan.steps
        if handle in steps:
            return self._of_step(handle)
        if handle not in self._steps_by_solid:
            known = [*pipeline.graphs, *self._steps_by_solid]
            raise DagsterInvariantViolationError(f"Pipeline {pipeline.name!r}: {unknown_name('solid', handle, known)}")
        keys = self._steps_by_solid[handle]
        by_mapping_key = {steps[key].mapping_key: self._of_step(key) for key in keys if not steps[key].is_template}
        return MappedSolidExecutionResult(handle, {key or "": each for key, each in by_mapping_key.items()})

    def _of_step(self, key: str) -> SolidExecutionResult:
        return SolidExecutionResult(self._context, key, self._events_by_step.get(key, []))

    def _has(self, handle: str) -> bool:
        return handle in self._steps_by_solid or handle in self._context.pipeline_def.graphs

    @cached_property
    def _steps_by_solid(self) -> dict[str, list[str]]:
        """The keys of the steps of each solid of the run; a solid of none is mapped over a dynamic output without
        values.
        """
        found: dict[str, list[str]] = {solid.key: [] for solid in self._context.pipeline_def.leaves}
        for key, step in self._context.execution_plan.steps.items():
            found[step.solid.key].append(key)
        return found

    @cached_property
    def _events_by_step(self) -> dict[str | None, list[DagsterEvent]]:
        found: dict[str | None, list[DagsterEvent]] = {}
        for event in self.event_list:
            found.setdefault(event.step_key, []).append(event)
        return found

    def output_for_solid(self, name: str, output_name: str = DEFAULT_OUTPUT) -> Any:
        """The value of an output of a solid or graph, named as in `result_for_handle`; see its `output_value`."""
        return self.result_for_handle(name).output_value(output_name)

    def retry_attempts_for_solid(self, name: str) -> int:
        """How often the step of a solid was started again."""
        attempts: int = self.result_for_solid(name).retry_attempts
        return attempts

    def __repr__(self) -> str:
        executed, memoized = len(set(self.executed_step_keys)), len(self.memoized_step_keys)
        told = f"{'success' if self.success else 'failure'}, {executed} steps executed, {memoized} memoized"
        return f"<{type(self).__name__} of pipeline {self.pipeline_def.name!r}, run {self.run_id}: {told}>"
