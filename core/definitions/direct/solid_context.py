"""The context of a solid's function outside a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Self

from core.arguments import checked_arguments
from core.config import unknown_name
from core.definitions.calls.compute_context import AbstractComputeExecutionContext
from core.definitions.calls.given_resources import Resources
from core.definitions.direct.called_solid import CalledSolid
from core.definitions.direct.resources import ResourcesOutsideRun
from core.errors import DagsterInvalidInvocationError, DagsterInvalidPropertyError
from core.events.user_events import TypeCheck
from core.instance import DagsterInstance
from core.log_manager import DagsterLogManager, log_outside_run
from core.types import DagsterType, TypeCheckContext

RUN_ID_OUTSIDE_RUN = "EPHEMERAL"
"""What `context.run_id` is outside a run."""


class SolidContextOutsideRun(AbstractComputeExecutionContext):
    """What `build_solid_context` gives, and a solid that is called outside a run gives to its function.

    It has what a SolidExecutionContext has, but for what belongs to a run and a pipeline. In a `with` block, resources
    that have to be stopped are stopped at its end.
    """

    def __init__(self, given: ResourcesOutsideRun, config: Any = None, instance: DagsterInstance | None = None) -> None:
        self._given = given
        self._config = config
        self._instance = instance
        self._solid: CalledSolid | None = None
        self._unbound: SolidContextOutsideRun | None = None
        self._resources: Resources | None = None
        self._resolved_config: Any = config

    def called_by(self, solid: CalledSolid) -> SolidContextOutsideRun:
        """The context that the function of a solid gets.

        Raises:
            DagsterInvalidConfigError: the config does not satisfy the solid's schema; with every fault.
            DagsterInvalidInvocationError: a resource that the solid requires is not there.
            DagsterInvariantViolationError: a resource has to be stopped, and the context is not used in a `with` block.
            DagsterResourceFunctionError: a resource function raised.
        """
        bound = SolidContextOutsideRun(self._given, self._config, self._instance)
        bound._solid, bound._unbound = solid, self
        bound._resolved_config = solid.resolved_config(self._config, "build_solid_context(config=...)")
        bound._resources = self._given.required_by(solid.required_resource_keys, f"Solid {solid.name!r}")
        return bound

    def check_type(self, dagster_type: DagsterType, value: object) -> TypeCheck:
        """Checks a value that enters or leaves the solid; the check has the resources that its type requires too."""
        own = frozenset() if self._solid is None else self._solid.required_resource_keys
        keys, described = dagster_type.required_resource_keys | own, f"Type {dagster_type.display_name!r}"
        context = TypeCheckContext(self.run_id, self.log, lambda: self._given.required_by(keys, described))
        return dagster_type.type_check(context, value)

    def __enter__(self) -> Self:
        self._given.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._given.__exit__()

    @property
    def solid_config(self) -> Any:
        return self._resolved_config

    @property
    def resources(self) -> Any:
        return self._given if self._resources is None else self._resources

    @property
    def log(self) -> DagsterLogManager:
        """DagsterLogManager: to Python's logger "dagster"."""
        return log_outside_run() if self._solid is None else log_outside_run(solid=self._solid.name)

    @property
    def run_id(self) -> str:
        """str: "EPHEMERAL"."""
        return RUN_ID_OUTSIDE_RUN

    @property
    def run_config(self) -> dict[str, Any]:
        """dict: the run config that would give the solid this config."""
        if self._solid is None or self._config is None:
            return {}
        return {"solids": {self._solid.name: {"config": self._config}}}

    @property
    def instance(self) -> DagsterInstance:
        """DagsterInstance: the given one, or one in memory, the same for all calls with the context."""
        if self._unbound is not None:
            return self._unbound.instance
        if self._instance is None:
            self._instance = DagsterInstance.ephemeral()
        return self._instance

    @property
    def solid_def(self) -> Any:
        return self._solid if self._solid is not None else self._absent("solid_def")

    def get_mapping_key(self) -> str | None:
        """None: outside a run, a solid is called once."""
        return None

    @property
    def step_key(self) -> str:
        """str: the name of the solid."""
        return self._solid.name if self._solid is not None else self._absent("step_key")

    @property
    def retry_number(self) -> int:
        """int: 0; a call is made once."""
        return 0

    @property
    def solid(self) -> Any:
        self._absent("solid")

    @property
    def pipeline_run(self) -> Any:
        self._absent("pipeline_run")

    @property
    def pipeline_def(self) -> Any:
        self._absent("pipeline_def")

    @property
    def pipeline_name(self) -> str:
        """Raises DagsterInvalidPropertyError: there is no pipeline."""
        self._absent("pipeline_name")

    @property
    def mode_def(self) -> Any:
        """Raises DagsterInvalidPropertyError: there is no mode."""
        self._absent("mode_def")

    def has_tag(self, key: str) -> bool:
        """False: there is no run that has tags."""
        return False

    def get_tag(self, key: str) -> str | None:
        """None: there is no run that has tags."""
        return None

    def _absent(self, name: str) -> NoReturn:
        raise DagsterInvalidPropertyError(
            f"`context.{name}` belongs to a run, and this context was built for a call outside of one; test the solid "
            "with execute_solid where it needs that."
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = [each for each in dir(type(self)) if not each.startswith("_")]
        raise AttributeError(f"`context`: {unknown_name('attribute', name, known)}")


@checked_arguments("build_solid_context", DagsterInvalidInvocationError)
def build_solid_context(
    resources: Mapping[str, Any] | None = None, config: Any = None, instance: DagsterInstance | None = None
) -> SolidContextOutsideRun:
    """A context to call a solid with outside a run.

    Where a resource has to be stopped after its use, the context is used in a block:
    `with build_solid_context(resources={"database": database}) as context: clean(context, rows)`.

    Args:
        resources: by key: definitions, which are started when the solid is called, or the resources themselves.
        config: of the solid; checked against its schema when it is called.
        instance: for `context.instance` and the resources; `context.instance` is one in memory by default.

    Raises:
        DagsterInvalidConfigError: a resource requires config; give `database.configured(...)` instead.

    Example:
        >>> from core import build_solid_context, solid
        >>> @solid(config_schema={"limit": int}, required_resource_keys={"unit"})
        ... def clean(context, lengths):
        ...     return [f"{each} {context.resources.unit}" for each in lengths if each < context.solid_config["limit"]]
        >>> clean(build_solid_context(resources={"unit": "m"}, config={"limit": 3}), [1, 2, 5])
        ['1 m', '2 m']
    """
    return SolidContextOutsideRun(ResourcesOutsideRun(resources, "build_solid_context", instance), config, instance)


build_op_context = build_solid_context
"""The same, under its other name.

Example:
    >>> from core import build_op_context, op
    >>> @op(config_schema={"limit": int})
    ... def clean(context, lengths):
    ...     return [each for each in lengths if each < context.solid_config["limit"]]
    >>> clean(build_op_context(config={"limit": 3}), [1, 2, 5])
    [1, 2]
"""
