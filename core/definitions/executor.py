"""Executors as definitions: how the steps of a plan are run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, overload

import msgspec

from core.arguments import checked_arguments
from core.definitions.parts.configurable import ConfigSchema, ConfigurableDefinition, check_name
from core.definitions.run_configs.environment import IPipeline
from core.instance import DagsterInstance


class ExecutorRequirement(Enum):
    """What an executor needs of a run to be usable for it.

    Example:
        >>> from core import ExecutorRequirement, executor
        >>> @executor(requirements=[ExecutorRequirement.NON_EPHEMERAL_INSTANCE, ExecutorRequirement.PERSISTENT_OUTPUTS])
        ... def one_process_a_step(init_context):
        ...     raise NotImplementedError
        >>> [requirement.name for requirement in one_process_a_step.requirements]
        ['NON_EPHEMERAL_INSTANCE', 'PERSISTENT_OUTPUTS']
    """

    RECONSTRUCTABLE_PIPELINE = "RECONSTRUCTABLE_PIPELINE"
    NON_EPHEMERAL_INSTANCE = "NON_EPHEMERAL_INSTANCE"
    PERSISTENT_OUTPUTS = "PERSISTENT_OUTPUTS"
    SHARED_INSTANCE = "SHARED_INSTANCE"  # which other machines can open; the others are Dagster's


class InitExecutorContext(msgspec.Struct, frozen=True):
    """What an executor's creation function is told.

    Attributes:
        pipeline: the pipeline to execute.
        executor_def: the definition of the executor.
        executor_config: its config.
        instance: the DagsterInstance.

    Example:
        >>> from core import InitExecutorContext, executor
        >>> from core.executors.in_process import InProcessExecutor
        >>> @executor(config_schema={"nice": int})
        ... def nice_executor(init_context: InitExecutorContext):
        ...     print("as nice as", init_context.executor_config["nice"])
        ...     return InProcessExecutor()
        >>> nice_executor.name
        'nice_executor'
    """

    pipeline: IPipeline
    executor_def: ExecutorDefinition
    executor_config: dict[str, Any]
    instance: DagsterInstance


ExecutorCreationFn = Callable[[InitExecutorContext], object]
"""Makes the Executor. What an Executor does is said above, in `core.execution.executor`, where plans and runs are."""


class ExecutorDefinition(ConfigurableDefinition):
    """An executor that a mode offers; a run config chooses one under `execution`.

    Args:
        name: what the run config calls it.
        config_schema: of `init_context.executor_config`.
        requirements: what must hold of a run for the executor to be usable.
        executor_creation_fn: makes the Executor from an InitExecutorContext.
        description: for people.
        required_resource_keys: resources the executor requires.

    Example:
        >>> from core import ExecutorDefinition, ModeDefinition, execute_pipeline, lambda_solid, pipeline
        >>> from core.executors.in_process import InProcessExecutor
        >>> here = ExecutorDefinition("here", executor_creation_fn=lambda init_context: InProcessExecutor())
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count", mode_defs=[ModeDefinition(executor_defs=[here])])(lambda: one())
        >>> execute_pipeline(count, run_config={"execution": {"here": {}}}).success
        True
    """

    @checked_arguments("executor")
    def __init__(
        self,
        name: str,
        config_schema: ConfigSchema | None = None,
        requirements: Sequence[ExecutorRequirement] | None = None,
        executor_creation_fn: ExecutorCreationFn | None = None,
        description: str | None = None,
        required_resource_keys: Iterable[str] | None = None,
    ) -> None:
        super().__init__(check_name(name, "executor"), config_schema, description, "executor")
        self.requirements = tuple(requirements or ())
        self.executor_creation_fn = executor_creation_fn
        self.required_resource_keys = frozenset(required_resource_keys or ())

    @property
    def has_processes(self) -> bool:
        """bool: whether other processes than that of the run execute its steps."""
        return ExecutorRequirement.RECONSTRUCTABLE_PIPELINE in self.requirements


@overload
def executor(name: ExecutorCreationFn) -> ExecutorDefinition: ...
@overload
def executor(
    name: str | None = None,
    config_schema: ConfigSchema | None = None,
    requirements: Sequence[ExecutorRequirement] | None = None,
) -> Callable[[ExecutorCreationFn], ExecutorDefinition]: ...
def executor(
    name: Any = None,
    config_schema: ConfigSchema | None = None,
    requirements: Sequence[ExecutorRequirement] | None = None,
) -> Any:
    """Decorator: a function from InitExecutorContext to Executor becomes an ExecutorDefinition.

    Args:
        name: of the executor; the function's name by default.
        config_schema: of `init_context.executor_config`.
        requirements: what must hold of a run for the executor to be usable.

    Example:
        >>> from core import ModeDefinition, execute_pipeline, executor, lambda_solid, pipeline
        >>> from core.executors.in_process import InProcessExecutor
        >>> @executor(name="told", config_schema={"by": str})
        ... def told_executor(init_context):
        ...     print("told by", init_context.executor_config["by"])
        ...     return InProcessExecutor()
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count", mode_defs=[ModeDefinition(executor_defs=[told_executor])])(lambda: one())
        >>> execute_pipeline(count, run_config={"execution": {"told": {"config": {"by": "me"}}}}).success
        told by me
        True
    """
    if callable(name):
        return ExecutorDefinition(_name_of(name), executor_creation_fn=name, description=name.__doc__)

    def make(creation_fn: ExecutorCreationFn) -> ExecutorDefinition:
        own_name = name or _name_of(creation_fn)
        return ExecutorDefinition(own_name, config_schema, requirements, creation_fn, creation_fn.__doc__)

    return make


def _name_of(function: Any) -> str:
    return str(getattr(function, "__name__", "executor"))
