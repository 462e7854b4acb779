"""The part of a run config that is about solids: by name, those in graphs within those of the graphs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from core.config import ConfigFault, Field, Shape, collecting_secrets, format_path, note_secrets, own_plain_copy
from core.definitions.dependency import GraphInput, Node, Solid
from core.definitions.graph import ConfigMapping, GraphDefinition
from core.definitions.graphs.flatten import PlacedGraph
from core.definitions.graphs.placing import PlacedNodes
from core.definitions.keeping.io_manager import IOConfigField, IOManagerDefinition, NoConfigField
from core.definitions.keeping.root_input_manager import RootInputManagerDefinition
from core.definitions.mode import CompleteMode
from core.definitions.parts.configurable import DefinitionConfig, DefinitionField
from core.definitions.parts.input_output import DEFAULT_IO_MANAGER_KEY, InputDefinition
from core.definitions.pipeline import PipelineDefinition
from core.definitions.run_configs.environment import SolidConfig
from core.definitions.run_configs.type_config import OutputsField, input_field
from core.definitions.solid import SolidDefinition
from core.errors import DagsterConfigMappingFunctionError, user_code_error_boundary


class SolidsSection:
    """The section `solids` of the run configs of a pipeline in a mode.

    Args:
        pipeline: the pipeline.
        mode: its mode.
        has_intermediate_storage: whether the run config chooses one, which takes the place of the IO manager.

    Attributes:
        fields: by name, its place in the schema; of a pipeline that is made of a graph those of the graph.
    """

    def __init__(self, pipeline: PipelineDefinition, mode: CompleteMode, has_intermediate_storage: bool) -> None:
        self._pipeline = pipeline
        self._solids = {solid.key: solid for solid in pipeline.leaves}
        self._taken = {(each.key, each.name) for solid in pipeline.leaves for each in solid.graph_inputs.values()}
        self._io_fields = _IOFields(mode, has_intermediate_storage)
        self._of_solids: dict[tuple[SolidDefinition | Field | None, ...], Field] = {}
        graph = pipeline.graph_def
        if graph is None:
            self.fields: dict[str, Field] = {"solids": _Mapping(self._fields("", pipeline.nodes))}
        else:
            self.fields = self._fields_of_graph(PlacedGraph("", graph, {}), "")

    def configs(self, resolved: Mapping[str, Any]) -> dict[str, SolidConfig]:
        """What a run config says of each solid and graph, by key.

        Args:
            resolved: what was made of the run config by `fields`, and others.
        """
        found: dict[str, SolidConfig] = {"": SolidConfig(inputs=resolved.get("inputs", {}))}
        sections = [("", self._pipeline.nodes, _section(self._pipeline.graph_def, resolved))]
        for prefix, nodes, section in sections:  # grows while it is walked
            for name in nodes.by_name:
                key, of_node = f"{prefix}{name}", section.get(name, {})
                if key in self._solids:
                    found[key] = SolidConfig.of(self._solids[key], of_node)
                elif key in self._pipeline.graphs:
                    graph = self._pipeline.graphs[key].definition
                    found[key] = SolidConfig(inputs=of_node.get("inputs", {}))
                    sections.append((f"{key}.", graph.nodes, _section(graph, of_node)))
        return found

    def _fields(self, prefix: str, nodes: PlacedNodes) -> dict[str, Field]:
        return {name: self._field(f"{prefix}{name}", node) for name, node in nodes.by_name.items()}

    def _field(self, key: str, node: Node) -> Field:
        definition = node.definition
        if isinstance(definition, GraphDefinition):
            graph = self._pipeline.graphs.get(key)
            return (
                _Ignored(self._graph_field(PlacedGraph(key, definition, {})))
                if graph is None
                else self._graph_field(graph)
            )
        assert isinstance(definition, SolidDefinition)
        solid = self._solids.get(key)
        if solid is None:  # it is not selected
            return _Ignored(self._solid_field(Solid(node.name, definition, {}, {})))
        return self._solid_field(solid)

    def _graph_field(self, graph: PlacedGraph) -> Field:
        return _Mapping(self._fields_of_graph(graph, f"{graph.key}."))

    def _fields_of_graph(self, graph: PlacedGraph, prefix: str) -> dict[str, Field]:
        definition = graph.definition
        inner = self._fields(prefix, definition.nodes)
        own = {each.name: self._graph_input_field(each, graph) for each in definition.input_defs}
        fields: dict[str, Field] = {"inputs": _Mapping({name: each for name, each in own.items() if each is not None})}
        if definition.config_mapping is None:
            return {"solids": _Mapping(inner), **fields}
        mapped = _MappedConfig(definition, definition.config_mapping, Shape(inner))
        return {"config": DefinitionField(mapped), **fields}

    def _graph_input_field(self, definition: InputDefinition, graph: PlacedGraph) -> Field | None:
        given = graph.given.get(definition.name)
        if isinstance(given, GraphInput):
            return NoConfigField(
                f"this input is given by input {given.name!r} of {repr(given.key) if given.key else 'the pipeline'}"
            )
        if given is not None:
            return _FED_GRAPH
        if definition.dagster_type.is_nothing:
            return None
        field = input_field(definition, False if definition.name in graph.definition.optional_inputs else None)
        return field if (graph.key, definition.name) in self._taken else _Ignored(field)

    def _solid_field(self, solid: Solid) -> Field:
        """Solids of one definition whose inputs have the same fields share theirs, which saves time in large plans."""
        definition = solid.definition
        inputs = {each.name: self._input_field(each, solid) for each in definition.input_defs}
        shared_by = definition, *inputs.values()
        if shared_by not in self._of_solids:
            outputs = {each.name: self._io_fields.of_output(each.io_manager_key) for each in definition.output_defs}
            self._of_solids[shared_by] = _Mapping(
                {
                    "config": DefinitionField(definition.config_schema),
                    "inputs": _shape_field({name: field for name, field in inputs.items() if field is not None}),
                    "outputs": OutputsField(definition.output_dict, _shape_field(outputs)),
                }
            )
        return self._of_solids[shared_by]

    def _input_field(self, definition: InputDefinition, solid: Solid) -> Field | None:
        if definition.name in solid.root_manager_keys:
            return self._io_fields.of_root_input(solid.root_manager_keys[definition.name])
        if definition.name in solid.graph_inputs:
            return None
        if definition.name not in solid.feeds:
            return None if definition.dagster_type.is_nothing else input_field(definition)
        if definition.dagster_type.is_nothing:
            return _NOTHING_TO_LOAD
        sources = solid.upstream_of(definition.name)
        outputs = (self._solids[each.solid].definition.output_dict[each.output] for each in sources)
        return self._io_fields.of_fed_input(tuple(output.io_manager_key for output in outputs))


def _section(graph: GraphDefinition | None, resolved: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a run config came to for the solids in a graph, or in the pipeline."""
    section: Mapping[str, Any] = resolved["solids" if graph is None or graph.config_mapping is None else "config"]
    return section


class _Mapping(Field):
    """The place of a mapping, which may be left out when each of its fields may be.

    That is seen from the fields: to resolve them for it would, of graphs within graphs, be done again on each level.
    """

    def __init__(self, fields: Mapping[str, Field]) -> None:
        super().__init__(Shape(fields), is_required=any(each.is_required for each in fields.values()))
        if not self.is_required:
            self._default = {}


class _Ignored(Field):
    """The place of config that a run has no use for: nothing is said of it, but the secrets in it are known.

    Args:
        field: what it would be for a run that has.
    """

    def __init__(self, field: Field) -> None:
        super().__init__(Any, is_required=False)
        self._field = field

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        with suppress(DagsterConfigMappingFunctionError):
            self._field.resolve(value, path, [])
        return value


def _shape_field(fields: Mapping[str, Field]) -> Field:
    # Where there is nothing to give it is left out, which saves time in large plans.
    is_empty = all(isinstance(field, NoConfigField) for field in fields.values())
    return Field(Shape(fields), is_required=False) if is_empty else _Mapping(fields)


_NOTHING_TO_LOAD = NoConfigField("this input carries no value, so there is nothing to load")
_FED_GRAPH = NoConfigField("a solid feeds this input; what loads it is config of the solids in the graph")


class _MappedConfig(DefinitionConfig):
    """The config of a graph with a config mapping; comes to what stands under `solids` of a graph without one.

    Args:
        graph: the graph.
        mapping: its config mapping.
        inner: the config of the solids in it.
    """

    def __init__(self, graph: GraphDefinition, mapping: ConfigMapping, inner: Shape) -> None:
        self._own, self._graph, self._mapping, self._inner_solids = graph.config_schema, graph, mapping, inner
        super().__init__(graph.config_schema.field, graph.described)

    @property
    def is_mapped(self) -> bool:
        return True

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        before = len(faults)
        with collecting_secrets() as secrets:
            resolved = self._own.resolve(value, path, faults)
        note_secrets(secrets)
        if len(faults) > before:
            return resolved
        message = f"The config_fn of {self._graph.described} raised"
        with user_code_error_boundary(DagsterConfigMappingFunctionError, message):
            mapped = own_plain_copy(self._mapping.config_fn(resolved))
        found: list[ConfigFault] = []
        given = self._inner_solids.resolve(mapped, (), found)
        faults.extend(faults_of_mapped(found, path, self._graph.name, has_secrets=bool(secrets)))
        return given


def faults_of_mapped(
    found: Iterable[ConfigFault], path: tuple[str | int, ...], name: str, has_secrets: bool
) -> Iterator[ConfigFault]:
    """Faults of what a config_fn has made, told where the config stands that it was made from.

    Args:
        found: the faults.
        path: of that config.
        name: of the graph or pipeline that has the function.
        has_secrets: whether a secret was in that config. What is no secret to a solid may have been one there.
    """
    for fault in found:
        why = "it does not fit (not shown, since a secret was given)" if has_secrets else fault.message
        told = f"what the config_fn of {name!r} made of it is wrong at {format_path(fault.path)}: {why}"
        yield ConfigFault(path, told, fault.is_of_environment)


_LoadingDefinition = IOManagerDefinition | RootInputManagerDefinition


class _IOFields:
    """Fields for the config of inputs and outputs, each made once, since most of a pipeline's solids share them."""

    def __init__(self, mode: CompleteMode, has_intermediate_storage: bool) -> None:
        self._managers = {
            key: each
            for key, each in mode.resource_defs.items()
            if isinstance(each, IOManagerDefinition | RootInputManagerDefinition)
        }
        if has_intermediate_storage:  # which takes the place of this one
            self._managers.pop(DEFAULT_IO_MANAGER_KEY, None)
        self._outputs: dict[str, Field] = {}
        self._inputs: dict[tuple[str, ...], Field] = {}

    def of_output(self, key: str) -> Field:
        """Config for the IO manager that stores an output."""
        if key not in self._outputs:
            schemas = self._schemas([key], lambda definition: getattr(definition, "output_config_schema", None))
            why = f"IO manager {key!r}, which stores this output, has no output_config_schema"
            self._outputs[key] = IOConfigField(schemas) if schemas else NoConfigField(why)
        return self._outputs[key]

    def of_fed_input(self, keys: tuple[str, ...]) -> Field:
        """Config for the IO managers that load an input: those that store the outputs by which it is fed."""
        if keys not in self._inputs:
            schemas = self._schemas(keys, lambda definition: definition.input_config_schema)
            named = " or ".join(map(repr, dict.fromkeys(keys)))
            why = f"a solid feeds this input, and IO manager {named}, which loads it, has no input_config_schema"
            self._inputs[keys] = IOConfigField(schemas) if schemas else NoConfigField(why)
        return self._inputs[keys]

    def of_root_input(self, key: str) -> Field:
        """Config for the root input manager that loads an input which no solid feeds."""
        schemas = self._schemas([key], lambda definition: definition.input_config_schema)
        why = f"the root input manager {key!r}, which loads this input, has no input_config_schema"
        return IOConfigField(schemas) if schemas else NoConfigField(why)

    def _schemas(
        self, keys: Iterable[str], schema_of: Callable[[_LoadingDefinition], DefinitionConfig | None]
    ) -> dict[str, DefinitionConfig]:
        known = {key: schema_of(self._managers[key]) for key in keys if key in self._managers}
        return {key: schema for key, schema in known.items() if schema is not None}
