"""One attempt at a step."""

from __future__ import annotations

from typing import Any

from core.cached import cached_property
from core.config import own_plain_copy
from core.definitions.calls.given_resources import Resources
from core.definitions.solid import SolidDefinition
from core.events.payloads import EventSpecificData, StepOutputHandle
from core.events.records import DagsterEvent
from core.events.user_events import TypeCheck
from core.execution.contexts.pipeline import PipelineContext
from core.plan.progress import Attempt
from core.serdes import SerializableErrorInfo
from core.types import DagsterType, TypeCheckContext


class StepContext:
    """One attempt at a step.

    Attributes:
        pipeline_context: the run.
        attempt: what the step must know about the run's progress.
        step: the step.
        solid_def: the definition of its solid.
        log: logs for the step.
        given_values: the values that it gave, which are kept for the hooks of the step; None where it has none.
    """

    def __init__(self, pipeline_context: PipelineContext, attempt: Attempt) -> None:
        self.pipeline_context = pipeline_context
        self.attempt = attempt
        self.step = pipeline_context.execution_plan.steps[attempt.step_key]
        self.solid_def: SolidDefinition = self.step.solid.definition
        self.log = pipeline_context.step_log(self.step)
        self.given_values: dict[StepOutputHandle, Any] | None = {} if self.step.hooks else None

    @cached_property
    def solid_config(self) -> Any:
        """Any: the solid's config, which is the attempt's own: what it changes there is in no other."""
        return own_plain_copy(self.step.solid_config.config)

    @property
    def resources(self) -> Resources:
        """Resources: those that the solid requires."""
        return self.resources_with(frozenset())

    def resources_with(self, keys: frozenset[str]) -> Resources:
        """Those that the solid requires, and others."""
        return self.pipeline_context.resources.scope(self.solid_def.required_resource_keys | keys)

    def check_type(self, dagster_type: DagsterType, value: object) -> TypeCheck:
        """Checks a value that enters or leaves the step; raises as `DagsterType.type_check`."""
        context = TypeCheckContext(
            self.pipeline_context.run_id, self.log, lambda: self.resources_with(dagster_type.required_resource_keys)
        )
        return dagster_type.type_check(context, value)

    def record(
        self,
        event_type: str,
        message: str,
        data: EventSpecificData | None = None,
        error: SerializableErrorInfo | None = None,
        level: int | None = None,
    ) -> DagsterEvent:
        """Records an event about the step."""
        name = self.pipeline_context.pipeline_name
        event = DagsterEvent(event_type, name, message, self.step.key, self.step.solid.name, data)
        self.log.log_dagster_event(event, error, level)
        return event
