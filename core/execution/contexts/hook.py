"""What the function of a hook is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Self

import msgspec

from core.arguments import checked_arguments
from core.config import unknown_name
from core.definitions.dependency import Solid
from core.definitions.direct.resources import ResourcesOutsideRun
from core.definitions.graphs.node import CompositionCall
from core.definitions.hook import HookDefinition
from core.definitions.mode import ModeDefinition
from core.definitions.solid import SolidDefinition
from core.errors import DagsterInvalidInvocationError, DagsterInvariantViolationError
from core.log_manager import DagsterLogManager, log_outside_run


class StepEnd(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """How a step ended, as its hooks are told; None is what a context in a test was not told.

    Attributes:
        log: logs for the step.
        mode_def: the mode of the run.
        pipeline_name: the pipeline.
        run_id: the run.
        solid: the solid in its place.
        step_key: the step.
        solid_config: the solid's config.
        solid_exception: what failed the step.
        solid_output_values: what the last attempt at the step gave, by output; of a dynamic one, by mapping key.
    """

    log: DagsterLogManager
    mode_def: ModeDefinition | None = None
    pipeline_name: str | None = None
    run_id: str | None = None
    solid: Solid | None = None
    step_key: str | None = None
    solid_config: Any = None
    solid_exception: BaseException | None = None
    solid_output_values: Mapping[str, Any] = {}


class HookContext:
    """What the function of a hook gets as `context`, when a step has ended. In tests, `build_hook_context` makes one.

    Args:
        end: how the step ended.
        scope: gives the resources of a set of keys.
        hook_def: the hook; None before a hook in a test is called with it.

    Example:
        >>> from core import HookContext, execute_pipeline, failure_hook, lambda_solid, pipeline
        >>> @failure_hook
        ... def tell(context: HookContext):
        ...     print(context.step_key, "failed:", context.solid_exception)
        >>> divide = lambda_solid(name="divide")(lambda: 1 / 0)
        >>> execute_pipeline(pipeline(name="sums", hook_defs={tell})(lambda: divide()), raise_on_error=False).success
        divide failed: division by zero
        False
    """

    def __init__(
        self, end: StepEnd, scope: Callable[[frozenset[str]], Any], hook_def: HookDefinition | None = None
    ) -> None:
        self._end = end
        self._scope = scope
        self._hook_def = hook_def

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of step {self._end.step_key!r}>"

    @property
    def hook_def(self) -> HookDefinition:
        """HookDefinition: the hook."""
        return self._hook_def or self._not_told("hook", "call a hook with it")

    @property
    def required_resource_keys(self) -> frozenset[str]:
        """frozenset[str]: of the resources that the hook requires."""
        return self.hook_def.required_resource_keys

    @property
    def resources(self) -> Any:
        """The resources that the hook requires, as attributes."""
        return self._scope(self.required_resource_keys)

    @property
    def solid(self) -> Solid:
        """Solid: the solid in its place in the pipeline; `solid.name` is its alias there."""
        return self._end.solid or self._not_told("solid", "build_hook_context(solid=...)")

    @property
    def step_key(self) -> str:
        """str: the key of the step."""
        return self._end.step_key or self._not_told("step", "build_hook_context(solid=...)")

    @property
    def solid_config(self) -> Any:
        """The solid's config, with defaults and environment variables in place."""
        return self._end.solid_config

    @property
    def solid_exception(self) -> BaseException | None:
        """BaseException | None: what failed the step: the user's own exception, where their code raised one."""
        return self._end.solid_exception

    @property
    def solid_output_values(self) -> dict[str, Any]:
        """dict[str, Any]: the values that the last attempt at the step gave, by output; of a dynamic output, a dict by
        mapping key. Those of a step that failed are the values that it gave before, and are stored nowhere.
        """
        return dict(self._end.solid_output_values)

    @property
    def mode_def(self) -> ModeDefinition | None:
        """ModeDefinition | None: the mode of the run."""
        return self._end.mode_def

    @property
    def log(self) -> DagsterLogManager:
        """DagsterLogManager: logs for the step."""
        return self._end.log

    @property
    def pipeline_name(self) -> str:
        """str: the name of the pipeline."""
        return self._end.pipeline_name or self._not_told("pipeline", "run one")

    @property
    def run_id(self) -> str:
        """str: the id of the run."""
        return self._end.run_id or self._not_told("run", "build_hook_context(run_id=...)")

    def _not_told(self, what: str, way: str) -> NoReturn:
        raise DagsterInvariantViolationError(f"This hook context was built without a {what}; to have one, {way}.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = [each for each in dir(type(self)) if not each.startswith("_")]
        raise AttributeError(f"`context`: {unknown_name('attribute', name, known)}")


class BuiltHookContext(HookContext):
    """A HookContext outside a run; where a resource has to be stopped after its use, it is used in a `with` block.

    Args:
        end: how the step ended.
        given: all of its resources.
    """

    def __init__(self, end: StepEnd, given: ResourcesOutsideRun) -> None:
        super().__init__(end, lambda keys: given.required_by(keys, "The hook"))
        self._given = given

    def bound_to(self, hook_def: HookDefinition) -> HookContext:
        """The context of one hook.

        Raises:
            DagsterInvalidInvocationError: a resource that the hook requires is not there.
            DagsterInvariantViolationError: a resource has to be stopped, and the context is not used in a `with` block.
            DagsterResourceFunctionError: a resource function raised.
        """
        required = self._given.required_by(hook_def.required_resource_keys, f"Hook {hook_def.name!r}")
        return HookContext(self._end, lambda _: required, hook_def)

    def __enter__(self) -> Self:
        self._given.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._given.__exit__()


@checked_arguments("build_hook_context", DagsterInvalidInvocationError)
def build_hook_context(
    resources: Mapping[str, Any] | None = None,
    mode_def: ModeDefinition | None = None,
    solid: SolidDefinition | CompositionCall | None = None,
    *,
    run_id: str | None = None,
    solid_exception: BaseException | None = None,
    solid_output_values: Mapping[str, Any] | None = None,
) -> BuiltHookContext:
    """A HookContext to call a hook with, outside a run. Its `log` is Python's logger "dagster".

    Args:
        resources: by key: resources themselves, or definitions, which are started with the defaults of their config
            when the hook is called, and stopped at the end of a `with` block.
        mode_def: the mode.
        solid: the solid, as it would be placed in a pipeline.
        run_id: the id of a run.
        solid_exception: what failed the step.
        solid_output_values: what the step gave, by output.

    Raises:
        DagsterInvalidConfigError: a resource requires config; give `slack.configured(...)` instead.
        DagsterInvalidInvocationError: `resources` is no mapping.
        DagsterInvariantViolationError: what is given as a solid is a graph.

    Example:
        >>> from core import build_hook_context, failure_hook
        >>> @failure_hook(required_resource_keys={"slack"})
        ... def tell_of_failure(context):
        ...     context.resources.slack.append(str(context.solid_exception))
        >>> slack = []
        >>> tell_of_failure(build_hook_context(resources={"slack": slack}, solid_exception=ValueError("no rows")))
        >>> slack
        ['no rows']
    """
    call = CompositionCall(solid) if isinstance(solid, SolidDefinition) else solid
    placed = None
    if call is not None:
        if not isinstance(call.definition, SolidDefinition):
            raise DagsterInvariantViolationError("Hooks are called for steps, so build_hook_context takes a solid.")
        name, tags = call.given_alias or call.definition.name, {**call.definition.tags, **call.tags}
        placed = Solid(name, call.definition, tags, {}, hook_defs=call.hook_defs, retry_policy=call.retry_policy)
    end = StepEnd(
        log=log_outside_run(),
        mode_def=mode_def,
        run_id=run_id,
        solid=placed,
        step_key=placed.name if placed else None,
        solid_exception=solid_exception,
        solid_output_values=solid_output_values or {},
    )
    return BuiltHookContext(end, ResourcesOutsideRun(resources, "build_hook_context"))
