"""Contexts of values outside a run, to call an IO manager or a root input manager with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from core.arguments import checked_arguments
from core.definitions.direct.resources import begin_block, end_block, given_resources
from core.errors import DagsterInvalidInvocationError
from core.log_manager import log_outside_run
from core.types import DagsterType
from core.values.io_context import InputContext, OutputContext


class OutputContextOutsideRun(OutputContext):
    """What `build_output_context` gives; in a `with` block, the resources in it are stopped at its end."""

    def __enter__(self) -> Self:
        begin_block(self.resources)
        return self

    def __exit__(self, *_: object) -> None:
        end_block(self.resources)


class InputContextOutsideRun(InputContext):
    """What `build_input_context` gives; in a `with` block, the resources in it are stopped at its end."""

    def __enter__(self) -> Self:
        begin_block(self.resources)
        return self

    def __exit__(self, *_: object) -> None:
        end_block(self.resources)


@checked_arguments("build_output_context", DagsterInvalidInvocationError)
def build_output_context(
    step_key: str = "none",
    name: str = "result",
    metadata: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    mapping_key: str | None = None,
    config: Any = None,
    dagster_type: DagsterType | None = None,
    version: str | None = None,
    resource_config: Any = None,
    resources: Any = None,
    pipeline_name: str = "none",
) -> OutputContextOutsideRun:
    """An OutputContext to call an IO manager with, outside a run; its log goes to Python's logger "dagster".

    Args:
        resources: by key: definitions, which are started when they are first asked for, or the resources themselves;
            or an object that has them as attributes. Where one has to be stopped, the context is used in a `with`
            block.

    The other arguments are the attributes of an OutputContext.

    Example:
        >>> from pathlib import Path
        >>> from core import build_init_resource_context, build_output_context, custom_path_fs_io_manager
        >>> manager = custom_path_fs_io_manager(build_init_resource_context({"base_dir": "values"}))
        >>> recorded = manager.handle_output(build_output_context(metadata={"path": "count.pickle"}), 3)
        >>> Path("values/count.pickle").exists()
        True
    """
    return OutputContextOutsideRun(
        step_key=step_key,
        name=name,
        pipeline_name=pipeline_name,
        run_id=run_id,
        metadata=metadata,
        mapping_key=mapping_key,
        config=config,
        dagster_type=dagster_type,
        log=log_outside_run(step_key=step_key),
        version=version,
        resource_config=resource_config,
        resources=given_resources(resources, "build_output_context"),
    )


@checked_arguments("build_input_context", DagsterInvalidInvocationError)
def build_input_context(
    name: str | None = None,
    config: Any = None,
    metadata: Mapping[str, Any] | None = None,
    upstream_output: OutputContext | None = None,
    dagster_type: DagsterType | None = None,
    resource_config: Any = None,
    resources: Any = None,
) -> InputContextOutsideRun:
    """An InputContext to call an IO manager or a root input manager with, outside a run.

    Args:
        upstream_output: the output that is loaded; none for a root input manager.
        resources: as of `build_output_context`.

    The other arguments are the attributes of an InputContext.

    Example:
        >>> from core import build_init_resource_context, build_input_context, build_output_context, fs_io_manager
        >>> manager = fs_io_manager(build_init_resource_context({"base_dir": "values"}))
        >>> stored = build_output_context(step_key="count", run_id="a-run")
        >>> manager.handle_output(stored, 3)
        >>> manager.load_input(build_input_context(upstream_output=stored))
        3
    """
    return InputContextOutsideRun(
        name=name,
        pipeline_name="none",
        config=config,
        metadata=metadata,
        upstream_output=upstream_output,
        dagster_type=dagster_type,
        log=log_outside_run(),
        resource_config=resource_config,
        resources=given_resources(resources, "build_input_context"),
    )
