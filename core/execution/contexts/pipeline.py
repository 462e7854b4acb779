"""A run that is being executed."""

from __future__ import annotations

from core.events.payloads import EventSpecificData, StepOutputHandle
from core.events.records import DagsterEvent
from core.execution.contexts.io import IOContexts
from core.execution.opening import OpenRun
from core.instance.holding import HeldClaim
from core.log_manager import DagsterLogManager
from core.plan import ExecutionPlan, Versioning
from core.plan.steps import ExecutionStep
from core.serdes import SerializableErrorInfo


class PipelineContext:
    """A run that is being executed.

    Args:
        run: the run, with what it needs at hand.
        execution_plan: its whole plan, which says what is executed; another as mapping keys become known.
        versioning: works out the versions of what follows from them.
        raise_on_error: whether the first error ends the run and is raised.
        starts_resources_for_steps: whether a step starts the resources that it needs, since the run does not.

    Attributes:
        pipeline_def: the pipeline.
        mode_def: the mode.
        pipeline_run: the record of the run.
        run_id: its id.
        pipeline_name: the name of the pipeline.
        environment_config: the checked run config.
        instance: the instance.
        log: logs for the run.
        resources: its resources.
        usage: what it asks of remote storage.
        ancestors: what stands for the steps that this run leaves out.
        io_contexts: makes what IO managers are told.
        is_memoized: whether steps whose outputs are stored are skipped.
        held_claim: by which this process answers for the run; None before it begins, and in processes of steps.
        stamps: of values that other processes have stored or found, as `IOContexts` takes them.
    """

    def __init__(
        self,
        run: OpenRun,
        execution_plan: ExecutionPlan,
        versioning: Versioning,
        raise_on_error: bool,
        starts_resources_for_steps: bool = False,
    ) -> None:
        self._run = run
        self.held_claim: HeldClaim | None = None
        self.stamps: dict[StepOutputHandle, str] = {}
        self.versioning = versioning
        self.use_plan(execution_plan)
        self.raise_on_error = raise_on_error
        self.starts_resources_for_steps = starts_resources_for_steps
        self.pipeline_def = run.prepared.pipeline
        self.mode_def = run.prepared.mode
        self.pipeline_run = run.prepared.run
        self.run_id = self.pipeline_run.run_id
        self.pipeline_name = self.pipeline_def.name
        self.environment_config = run.prepared.environment
        self.instance = run.instance
        self.log = run.log
        self.resources = run.resources
        self.usage = run.usage
        self.ancestors = run.ancestors
        self.is_memoized = run.prepared.is_memoized

    def use_plan(self, execution_plan: ExecutionPlan) -> None:
        """From here on, this is its plan."""
        self.execution_plan = execution_plan
        self.io_contexts = IOContexts(self._run, execution_plan, self.stamps)

    def check_claim(self) -> None:
        """Called before anything of it is begun, or stored.

        Raises:
            DagsterRunConflict: this process has the run no more.
        """
        if self.held_claim is not None:
            self.held_claim.check()

    def step_log(self, step: ExecutionStep) -> DagsterLogManager:
        """Logs for one of the run's steps."""
        solid = step.solid
        return self.log.with_tags(step_key=step.key, solid=solid.name, solid_definition=solid.definition.name)

    def record(
        self,
        event_type: str,
        message: str,
        data: EventSpecificData | None = None,
        error: SerializableErrorInfo | None = None,
        level: int | None = None,
    ) -> DagsterEvent:
        """Records an event about the run as a whole."""
        event = DagsterEvent(event_type, self.pipeline_name, message, event_specific_data=data)
        self.log.log_dagster_event(event, error, level)
        return event

    def record_step(
        self, step: ExecutionStep, event_type: str, message: str, data: EventSpecificData | None = None
    ) -> DagsterEvent:
        """Records an event about a step that is not run."""
        event = DagsterEvent(event_type, self.pipeline_name, message, step.key, step.solid.name, data)
        self.step_log(step).log_dagster_event(event)
        return event
