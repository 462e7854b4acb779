"""Inputs and outputs of solids, and of graphs, whose own are mapped to those of the solids in them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from core.arguments import checked_arguments
from core.definitions.parts.configurable import check_name
from core.errors import DagsterInvalidDefinitionError
from core.events.user_events import DEFAULT_OUTPUT, AssetKey
from core.types import resolve_dagster_type

NO_VALUE = object()
"""Stands for a default value that was not given; None is a value."""


class InputDefinition:
    """An input of a solid.

    Args:
        name: the name of the function's parameter.
        dagster_type: the type of its values, or what stands for one; anything by default.
        description: for people.
        default_value: used when nothing feeds the input.
        root_manager_key: the resource that loads it when no solid feeds it: a root input manager.
        metadata: given to what loads it.
        asset_key: the asset that it takes, or a function from an InputContext to it; told with the assets that the
            solid's outputs are. By default those of the outputs that feed it.
        asset_partitions: the partitions of the asset that it takes, or a function likewise.

    Attributes:
        is_typed: whether a type was given.
        is_given: whether its value is one that a test gives.

    Raises:
        DagsterInvalidDefinitionError: it has a default value and a root input manager, or partitions of no asset.

    Example:
        >>> from core import solid
        >>> @solid(input_defs=[InputDefinition("rows", list), InputDefinition("limit", int, default_value=10)])
        ... def head(_, rows, limit):
        ...     return rows[:limit]
        >>> head.input_dict["limit"].default_value
        10
    """

    @checked_arguments("input")
    def __init__(
        self,
        name: str,
        dagster_type: Any = None,
        description: str | None = None,
        default_value: Any = NO_VALUE,
        root_manager_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        asset_key: AssetKey | Callable[..., AssetKey] | None = None,
        asset_partitions: Collection[str] | Callable[..., Collection[str]] | None = None,
    ) -> None:
        if root_manager_key is not None and default_value is not NO_VALUE:
            raise DagsterInvalidDefinitionError(
                f"Input {name!r} has a default value and the root input manager {root_manager_key!r}, which would give "
                "it another; leave one of them out."
            )
        self.name = check_name(name, "input")
        self.root_manager_key = root_manager_key
        self.asset_key, self.asset_partitions = _checked_asset(asset_key, asset_partitions, f"Input {name!r}")
        self.dagster_type = resolve_dagster_type(dagster_type)
        self.description = description
        self.metadata = dict(metadata or {})
        self._default_value = default_value
        self.is_typed = dagster_type is not None
        self.is_given = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}: {self.dagster_type.display_name}>"

    @property
    def has_default_value(self) -> bool:
        """bool: whether the input may be fed by nothing."""
        return self._default_value is not NO_VALUE

    @property
    def default_value(self) -> Any:
        """The value used when nothing feeds the input; only when `has_default_value`."""
        return self._default_value

    def mapping_to(self, solid_name: str, input_name: str, fan_in_index: int | None = None) -> InputMapping:
        """As an input of a graph: what it is given goes to an input of a solid in it.

        Args:
            solid_name: the name or alias of the solid.
            input_name: its input.
            fan_in_index: which item of it, where the input takes a list from several solids.

        Example:
            InputDefinition("rows").mapping_to("clean", "rows")
        """
        to = (solid_name, input_name)
        return InputMapping(self, InputPointer(*to) if fan_in_index is None else FanInInputPointer(*to, fan_in_index))

    def with_value(self, value: Any) -> InputDefinition:
        """The same with a value that it has where nothing feeds it."""
        given = copy.copy(self)
        given._default_value, given.root_manager_key, given.is_given = value, None, True
        return given

    def completed_by(self, annotation: Any, default_value: Any) -> InputDefinition:
        """The same, with the type and the default of the function's parameter where it has none of its own."""
        completed = copy.copy(self)
        if not self.is_typed:
            completed.dagster_type, completed.is_typed = resolve_dagster_type(annotation), annotation is not None
        if not self.has_default_value:
            completed._default_value = default_value
        return completed


class OutputDefinition:
    """An output of a solid.

    Args:
        dagster_type: the type of its values, or what stands for one; anything by default.
        name: "result" by default.
        description: for people.
        is_required: whether the solid must yield it.
        io_manager_key: the resource that stores it.
        metadata: given to the IO manager that stores it.
        asset_key: the asset that its value is, or a function from an OutputContext to it: when the output is stored,
            it is recorded that the asset was made.
        asset_partitions: the partitions of the asset that its value holds, or a function likewise.

    Attributes:
        is_typed: whether a type was given.
        is_dynamic: whether it has any number of values, each with a mapping key.

    Raises:
        DagsterInvalidDefinitionError: it has partitions of no asset.

    Example:
        >>> from core import Output, solid
        >>> @solid(output_defs=[OutputDefinition(int, "count"), OutputDefinition(list, "rest", is_required=False)])
        ... def split(_, rows: list):
        ...     yield Output(len(rows), "count")
        >>> [each.value for each in split(None, [1, 2])]
        [2]
    """

    is_dynamic = False

    @checked_arguments("output")
    def __init__(
        self,
        dagster_type: Any = None,
        name: str | None = None,
        description: str | None = None,
        is_required: bool = True,
        io_manager_key: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        asset_key: AssetKey | Callable[..., AssetKey] | None = None,
        asset_partitions: Collection[str] | Callable[..., Collection[str]] | None = None,
    ) -> None:
        self.name = check_name(name or DEFAULT_OUTPUT, "output")
        self.dagster_type = resolve_dagster_type(dagster_type)
        self.is_typed = dagster_type is not None
        self.description = description
        self.is_required = is_required
        self.io_manager_key = io_manager_key or DEFAULT_IO_MANAGER_KEY
        self.asset_key, self.asset_partitions = _checked_asset(asset_key, asset_partitions, f"Output {self.name!r}")
        self.metadata = dict(metadata or {})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}: {self.dagster_type.display_name}>"

    def completed_by(self, annotation: Any) -> OutputDefinition:
        """The same, with the type that the function returns where it has none of its own."""
        if self.is_typed:
            return self
        completed = copy.copy(self)
        completed.dagster_type, completed.is_typed = resolve_dagster_type(annotation), annotation is not None
        return completed

    def mapping_from(self, solid_name: str, output_name: str | None = None) -> OutputMapping:
        """As an output of a graph: it is what a solid in it gives.

        Args:
            solid_name: the name or alias of the solid.
            output_name: its output; "result" by default.

        Example:
            OutputDefinition(int, "total").mapping_from("add")
        """
        return OutputMapping(self, OutputPointer(solid_name, output_name or DEFAULT_OUTPUT))


class DynamicOutputDefinition(OutputDefinition):
    """An output of which a solid yields any number of values, each as a `DynamicOutput` with a key of its own.

    What it feeds becomes a step for each value, by `map`, or gets a list of all, by `collect`.

    Example:
        >>> from core import execute_pipeline, pipeline, solid
        >>> from core.experimental import DynamicOutput, DynamicOutputDefinition
        >>> @solid(output_defs=[DynamicOutputDefinition(str)])
        ... def words():
        ...     for word in ("one", "three"):
        ...         yield DynamicOutput(word, mapping_key=word)
        >>> @solid
        ... def length(word: str):
        ...     return len(word)
        >>> @solid
        ... def total(lengths):
        ...     return sum(lengths)
        >>> @pipeline
        ... def letters():
        ...     total(words().map(length).collect())
        >>> execute_pipeline(letters).output_for_solid("total")
        8
    """

    is_dynamic = True


class InputPointer(NamedTuple):
    """An input of a solid in a graph."""

    solid_name: str
    input_name: str


class FanInInputPointer(NamedTuple):
    """One item of an input that takes a list from several solids, counted from 0."""

    solid_name: str
    input_name: str
    fan_in_index: int


class OutputPointer(NamedTuple):
    """An output of a solid in a graph."""

    solid_name: str
    output_name: str = DEFAULT_OUTPUT


class InputMapping(NamedTuple):
    """Where an input of a graph goes; usually made by `InputDefinition.mapping_to`.

    Attributes:
        definition: the input of the graph.
        maps_to: the input of a solid in it.

    Example:
        >>> from core import CompositeSolidDefinition, InputDefinition, lambda_solid
        >>> clean = lambda_solid(name="clean")(lambda rows: rows)
        >>> mapping = InputMapping(InputDefinition("raw"), InputPointer("clean", "rows"))
        >>> CompositeSolidDefinition("cleaning", [clean], input_mappings=[mapping]).input_defs[0].name
        'raw'
    """

    definition: InputDefinition
    maps_to: InputPointer | FanInInputPointer


class OutputMapping(NamedTuple):
    """Where an output of a graph comes from; usually made by `OutputDefinition.mapping_from`.

    Attributes:
        definition: the output of the graph.
        maps_from: the output of a solid in it.

    Example:
        >>> from core import CompositeSolidDefinition, OutputDefinition, lambda_solid
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> mapping = OutputMapping(OutputDefinition(int, "count"), OutputPointer("one"))
        >>> CompositeSolidDefinition("counting", [one], output_mappings=[mapping]).output_defs[0].name
        'count'
    """

    definition: OutputDefinition
    maps_from: OutputPointer


DEFAULT_IO_MANAGER_KEY = "io_manager"


def _checked_asset(key: Any, partitions: Any, described: str) -> tuple[Any, Any]:
    if partitions is not None and key is None:
        raise DagsterInvalidDefinitionError(
            f"{described} has asset_partitions and no asset_key; say which asset it is."
        )
    return key, partitions
