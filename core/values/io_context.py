"""What an IO manager is told of the value it stores or loads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from core.errors import DagsterInvariantViolationError
from core.log_manager import DagsterLogManager
from core.types import DagsterType, resolve_dagster_type


class SolidOfValue(Protocol):
    """What an IO manager can ask of the definition of a solid; in a run it is the SolidDefinition."""

    @property
    def name(self) -> str:
        """str: the solid."""

    @property
    def description(self) -> str | None:
        """str | None: what it is for."""

    @property
    def tags(self) -> Mapping[str, str]:
        """Mapping[str, str]: its tags."""

    @property
    def version(self) -> str | None:
        """str | None: the version of its code that was written by hand."""


class OutputContext:
    """Describes an output that is to be stored, or was stored before.

    Attributes:
        step_key: the step.
        name: the output.
        pipeline_name: the pipeline.
        run_id: the run that stores it, or stored it.
        metadata: what the OutputDefinition was given as `metadata`.
        mapping_key: which of a dynamic output's values.
        config: what the run config gives this output, checked against the IO manager's `output_config_schema`.
        solid_def: the definition of the solid.
        dagster_type: the type of the output.
        log: the step's log manager.
        version: of this output, when the solid has a version; else None.
        stamp: what `MemoizableIOManager.get_stamp` gave for this version when it was last stored or found; None where
            that is not known here.
        replaces_stored: whether a value of this version that is stored already gives way to the new one.
        resource_config: config of the IO manager.
        resources: what the IO manager requires, as attributes.

    Example:
        >>> from core import build_output_context
        >>> context = build_output_context("count", version="1b0e", metadata={"table": "orders"})
        >>> context.step_key, context.name, context.metadata["table"]
        ('count', 'result', 'orders')
        >>> context.get_versioned_output_identifier()
        ['count', 'result', '1b0e']
    """

    __slots__ = (
        "config",
        "dagster_type",
        "log",
        "mapping_key",
        "metadata",
        "name",
        "pipeline_name",
        "replaces_stored",
        "resource_config",
        "resources",
        "run_id",
        "solid_def",
        "stamp",
        "step_key",
        "version",
    )

    def __init__(
        self,
        step_key: str,
        name: str,
        pipeline_name: str,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        mapping_key: str | None = None,
        config: Any = None,
        solid_def: SolidOfValue | None = None,
        dagster_type: DagsterType | None = None,
        log: DagsterLogManager | None = None,
        version: str | None = None,
        resource_config: Any = None,
        resources: Any = None,
        stamp: str | None = None,
        replaces_stored: bool = False,
    ) -> None:
        self.step_key = step_key
        self.name = name
        self.pipeline_name = pipeline_name
        self.run_id = run_id
        self.metadata = metadata or {}
        self.mapping_key = mapping_key
        self.config = config
        self.solid_def = solid_def
        self.dagster_type = dagster_type or resolve_dagster_type(None)
        self.log = log
        self.version = version
        self.resource_config = resource_config
        self.resources = resources
        self.stamp = stamp
        self.replaces_stored = replaces_stored

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of output {self.name!r} of step {self.step_key!r}>"

    def get_run_scoped_output_identifier(self) -> list[str]:
        """Names that together identify this output among all outputs of all runs: run, step, output.

        Raises:
            DagsterInvariantViolationError: the context has no run id.
        """
        if self.run_id is None:
            raise DagsterInvariantViolationError(
                f"The context of output {self.name!r} of step {self.step_key!r} has no run_id; "
                "build_output_context(run_id=...) gives it one."
            )
        names = [self.run_id, self.step_key, self.name]
        return names if self.mapping_key is None else [*names, self.mapping_key]

    def get_versioned_output_identifier(self) -> list[str]:
        """Names that together identify this version of the output in all runs: step, output, version.

        Raises:
            DagsterInvariantViolationError: the output has no version.
        """
        if self.version is None:
            raise DagsterInvariantViolationError(
                f"Output {self.name!r} of step {self.step_key!r} has no version, which its IO manager needs. "
                "Give a version= to the solid, to every solid before it, and to their resources."
            )
        names = [self.step_key, self.name]
        return [*names, self.version] if self.mapping_key is None else [*names, self.mapping_key, self.version]


class InputContext:
    """Describes an input that is to be loaded.

    Attributes:
        name: the input.
        pipeline_name: the pipeline.
        solid_def: the definition of the solid that takes it.
        config: what the run config gives this input, checked against the IO manager's `input_config_schema`.
        metadata: what the InputDefinition was given as `metadata`.
        upstream_output: the output that feeds it.
        dagster_type: the type of the input.
        log: the step's log manager.
        step_key: the step that takes it.
        resource_config: config of the IO manager.
        resources: what the IO manager requires, as attributes.

    Example:
        >>> from core import InputContext, build_init_resource_context, build_input_context, root_input_manager
        >>> @root_input_manager(input_config_schema={"table": str})
        ... def from_table(context: InputContext):
        ...     return f"{context.config['table']} for {context.name}"
        >>> loader = from_table(build_init_resource_context())
        >>> loader.load_input(build_input_context("rows", config={"table": "orders"}))
        'orders for rows'
    """

    __slots__ = (
        "config",
        "dagster_type",
        "log",
        "metadata",
        "name",
        "pipeline_name",
        "resource_config",
        "resources",
        "solid_def",
        "step_key",
        "upstream_output",
    )

    def __init__(
        self,
        name: str | None = None,
        pipeline_name: str | None = None,
        solid_def: SolidOfValue | None = None,
        config: Any = None,
        metadata: Mapping[str, Any] | None = None,
        upstream_output: OutputContext | None = None,
        dagster_type: DagsterType | None = None,
        log: DagsterLogManager | None = None,
        resource_config: Any = None,
        resources: Any = None,
        step_key: str | None = None,
    ) -> None:
        self.name = name
        self.pipeline_name = pipeline_name
        self.solid_def = solid_def
        self.config = config
        self.metadata = metadata or {}
        self.upstream_output = upstream_output
        self.dagster_type = dagster_type or resolve_dagster_type(None)
        self.log = log
        self.resource_config = resource_config
        self.resources = resources
        self.step_key = step_key

    def __repr__(self) -> str:
        fed = f", fed by {self.upstream_output!r}" if self.upstream_output else ""
        return f"<{type(self).__name__} of input {self.name!r} of step {self.step_key!r}{fed}>"
