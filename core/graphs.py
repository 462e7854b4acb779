"""Graphs on their own: `@graph`, from which jobs are made, and which can be executed as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from core.api import execute_pipeline
from core.definitions.executor import ExecutorDefinition
from core.definitions.graph import ConfigMapping, GraphDefinition
from core.definitions.graphs.composed import Body, GraphParts
from core.definitions.logger import LoggerDefinition
from core.definitions.mode import ModeDefinition
from core.definitions.op import In, Outs, input_definitions, output_definitions
from core.definitions.parts.input_output import InputDefinition, OutputDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.version_strategy import VersionStrategy
from core.events.records import DagsterEvent
from core.events.user_events import DEFAULT_OUTPUT
from core.execution.results import PipelineExecutionResult
from core.instance import DagsterInstance


class Graph(GraphDefinition):
    """What `@graph` makes of a function: a graph that can be placed in others, and become a job."""

    def to_job(
        self,
        name: str | None = None,
        description: str | None = None,
        resource_defs: Mapping[str, Any] | None = None,
        config: ConfigMapping | Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        logger_defs: Mapping[str, LoggerDefinition] | None = None,
        executor_def: ExecutorDefinition | None = None,
        version_strategy: VersionStrategy | None = None,
    ) -> PipelineDefinition:
        """A pipeline of what is in the graph, with one mode.

        The solids in the graph are those of the pipeline: their step keys and their config are not within the graph's
        name. Inputs of the graph are given by `inputs` of the run config.

        Args:
            name: of the pipeline; the graph's by default.
            description: for people; the graph's by default.
            resource_defs: by the key that solids require.
            config: the run config of runs that are given none; or a config mapping, which makes a run config of what
                runs are given.
            tags: of the pipeline and its runs, beside those of the graph.
            logger_defs: by the key that a run config calls them.
            executor_def: executes the steps; the default executor by default.
            version_strategy: gives versions to solids and resources that state none.

        Raises:
            DagsterInvalidDefinitionError: a solid requires a resource that there is not.

        Example:
            add_two.to_job(config={"inputs": {"number": 1}})
        """
        mode = ModeDefinition(
            resource_defs=resource_defs,
            logger_defs=logger_defs,
            executor_defs=None if executor_def is None else [executor_def],
        )
        return PipelineDefinition(
            name=name or self.name,
            description=description or self.description,
            mode_defs=[mode],
            tags={**self.tags, **(tags or {})},
            version_strategy=version_strategy,
            graph_def=self,
            config=config,
        )

    def execute_in_process(
        self,
        run_config: Mapping[str, Any] | None = None,
        instance: DagsterInstance | None = None,
        resources: Mapping[str, Any] | None = None,
        raise_on_error: bool = True,
    ) -> GraphExecutionResult:
        """Executes what is in the graph, in this process.

        Args:
            run_config: of the solids, and of the inputs of the graph.
            instance: where the run is recorded; an ephemeral one by default.
            resources: by key: definitions, or the resources themselves.
            raise_on_error: whether the first error ends the run and is raised.

        Raises:
            Exception: as `execute_pipeline`.

        Example:
            add_two.execute_in_process({"inputs": {"number": 1}}).output_value() == 3
        """
        job = self.to_job(resource_defs=resources)
        return GraphExecutionResult(
            self, execute_pipeline(job, run_config, instance=instance, raise_on_error=raise_on_error)
        )


class GraphExecutionResult:
    """The result of a graph that was executed on its own.

    Attributes:
        run: the result of the run.

    Example:
        result.output_value("total"), result.output_for_node("clean"), result.run.executed_step_keys
    """

    def __init__(self, graph: GraphDefinition, run: PipelineExecutionResult) -> None:
        self._graph = graph
        self.run = run

    @property
    def success(self) -> bool:
        """bool: whether the run succeeded."""
        return self.run.success

    @property
    def event_list(self) -> list[DagsterEvent]:
        """list[DagsterEvent]: the run's events, in order."""
        return self.run.event_list

    def output_value(self, output_name: str = DEFAULT_OUTPUT) -> Any:
        """The value of an output of the graph; None if it was not given.

        Raises:
            DagsterInvariantViolationError: it has no such output.
            DagsterObjectNotFoundError: the value is no longer stored.
        """
        source = self._graph.source_of_output(output_name)
        return self.run.output_for_solid(source.solid_name, source.output_name)

    @property
    def output_values(self) -> dict[str, Any]:
        """dict[str, Any]: the values of all its outputs, by name; None for those that were not given."""
        return {each.name: self.output_value(each.name) for each in self._graph.output_defs}

    def result_for_node(self, name: str) -> Any:
        """The result of a solid or graph in it; see `PipelineExecutionResult.result_for_handle`."""
        return self.run.result_for_handle(name)

    def output_for_node(self, name: str, output_name: str = DEFAULT_OUTPUT) -> Any:
        """The value of an output of a solid or graph in it; see `PipelineExecutionResult.output_for_solid`."""
        return self.run.output_for_solid(name, output_name)


@overload
def graph(name: Body) -> Graph: ...
@overload
def graph(
    name: str | None = None,
    description: str | None = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_defs: Sequence[OutputDefinition] | None = None,
    ins: Mapping[str, In] | None = None,
    out: Outs | None = None,
    config: ConfigMapping | Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> Callable[[Body], Graph]: ...
def graph(
    name: Any = None,
    description: str | None = None,
    input_defs: Sequence[InputDefinition] | None = None,
    output_defs: Sequence[OutputDefinition] | None = None,
    ins: Mapping[str, In] | None = None,
    out: Outs | None = None,
    config: ConfigMapping | Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> Any:
    """Decorator: a function whose body calls solids becomes a graph of them. With or without arguments.

    Args:
        name: of the graph; the function's name by default.
        description: for people; the function's docstring by default.
        input_defs: what the parameters' annotations and defaults do not say.
        output_defs: by default, one for each output that the function returns.
        ins: instead of `input_defs`, by name.
        out: instead of `output_defs`: the only output, or several, by name or as a MultiOut.
        config: a config mapping; or the config of the solids in it, as it would stand under `solids`.
        tags: string to string, or to what JSON can hold.

    Raises:
        DagsterInvalidDefinitionError: an input goes to no solid, an output comes from none, or parts do not fit.

    Example:
        @graph
        def add_two(number: int):
            return add_one(add_one(number))

        add_two.to_job().name == "add_two"

    Example:
        >>> from core import graph, op
        >>> @op
        ... def add_one(number: int):
        ...     return number + 1
        >>> @graph
        ... def add_two(number: int):
        ...     return add_one.alias("second")(add_one.alias("first")(number))
        >>> add_two.execute_in_process({"inputs": {"number": 1}}).output_value()
        3
    """
    if callable(name):
        return graph()(name)
    mapping = ConfigMapping(lambda _: config, {}) if isinstance(config, Mapping) else config

    def make(body: Body) -> Graph:
        inputs, outputs = input_definitions(ins, input_defs), output_definitions(out, output_defs)
        parts = GraphParts("graph", name or body.__name__, body, inputs, outputs)
        return Graph(
            parts.name,
            description or inspect.getdoc(body),
            parts.definitions,
            parts.dependencies,
            parts.input_mappings,
            parts.output_mappings,
            mapping,
            tags,
            parts.positional_inputs,
        )

    return make
