"""However solids are put into graphs, a run of them gives what it gives without any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core import (
    CompositeSolidDefinition,
    DependencyDefinition,
    InputDefinition,
    MultiDependencyDefinition,
    OutputDefinition,
    PipelineDefinition,
    SolidDefinition,
    execute_pipeline,
)
from core.definitions.dependency import MappedInputPlaceholder
from core.definitions.graphs.node import NodeDefinition

Feed = int | list[int]
Tree = int | list["Tree"]


class Drawn:
    """Solids in an order, each fed by some before it, and lists in lists of neighbours among them.

    Args:
        feeds: of each solid, what feeds its inputs: a solid, or several.
        trees: the lists.
    """

    def __init__(self, feeds: Sequence[Sequence[Feed]], trees: Sequence[Tree]) -> None:
        self.feeds, self.trees = feeds, trees

    def __repr__(self) -> str:
        return f"Drawn({self.feeds!r}, {self.trees!r})"

    def solid(self, number: int) -> SolidDefinition:
        def compute(_: Any, values: dict[str, Any]) -> str:
            return f"{number}{list(values.values())}"

        inputs = [InputDefinition(f"in_{at}") for at in range(len(self.feeds[number]))]
        return SolidDefinition(f"s{number}", inputs, compute)

    def built(self, trees: Sequence[Tree]) -> PipelineDefinition:
        definitions, dependencies, _ = self._inside(trees, None)
        return PipelineDefinition(definitions, "drawn", dependencies=dependencies)

    def _inside(self, trees: Sequence[Tree], mappings: list[Any] | None) -> tuple[list[NodeDefinition], Any, Any]:
        """The definitions of what is in a pipeline or graph, what feeds it there, and where each solid's value is."""
        definitions: list[NodeDefinition] = []
        dependencies: dict[str, dict[str, Any]] = {}
        places: dict[int, DependencyDefinition] = {}
        given: dict[int, InputDefinition] = {}

        def source(number: int, *to: Any) -> Any:
            if number in places:
                return places[number]
            assert mappings is not None
            definition = given.setdefault(number, InputDefinition(f"from_{number}"))
            mappings.append(definition.mapping_to(*to))
            return MappedInputPlaceholder

        for tree in trees:
            if isinstance(tree, int):
                definition: NodeDefinition = self.solid(tree)
                wanted = {f"in_{at}": feed for at, feed in enumerate(self.feeds[tree])}
                inner = {tree: "result"}
            else:
                definition, inner = self._graph(tree)
                wanted = {each.name: int(each.name.removeprefix("from_")) for each in definition.input_defs}
            name = definition.name
            feeds: dict[str, Any] = {}
            for input_name, feed in wanted.items():
                if isinstance(feed, list):
                    items = [source(number, name, input_name, at) for at, number in enumerate(feed)]
                    feeds[input_name] = MultiDependencyDefinition(items)
                elif isinstance(found := source(feed, name, input_name), DependencyDefinition):
                    feeds[input_name] = found
            definitions.append(definition)
            dependencies[name] = feeds
            places |= {number: DependencyDefinition(name, output) for number, output in inner.items()}
        return definitions, dependencies, places

    def _graph(self, trees: Sequence[Tree]) -> tuple[CompositeSolidDefinition, dict[int, str]]:
        mappings: list[Any] = []
        definitions, dependencies, places = self._inside(trees, mappings)
        outputs = [
            OutputDefinition(name=f"out_{number}").mapping_from(place.solid, place.output)
            for number, place in places.items()
        ]
        name = f"g{min(places)}_{max(places)}_{len(definitions)}_{definitions[0].name}"
        made = CompositeSolidDefinition(name, definitions, mappings, outputs, dependencies=dependencies)
        return made, {number: f"out_{number}" for number in places}


@st.composite
def drawn(draw: Any) -> Drawn:
    count = draw(st.integers(1, 7))
    feeds: list[list[Feed]] = []
    for number in range(count):
        earlier = st.integers(0, number - 1) if number else st.nothing()
        feeds.append(draw(st.lists(earlier | st.lists(earlier, min_size=1, max_size=3), max_size=3)) if number else [])

    def nest(numbers: list[int], depth: int) -> list[Tree]:
        trees: list[Tree] = []
        at = 0
        while at < len(numbers):
            size = draw(st.integers(1, len(numbers) - at)) if depth else 1
            part = numbers[at : at + size]
            is_graph = depth and draw(st.booleans())
            trees.extend([nest(part, depth - 1)] if is_graph else part)
            at += size
        return trees

    return Drawn(feeds, nest(list(range(count)), 4))


@settings(max_examples=60, deadline=None)
@given(drawn())
def test_a_run_of_solids_in_graphs_gives_what_it_gives_without_graphs(of: Drawn) -> None:
    flat = execute_pipeline(of.built(range(len(of.feeds))))
    nested_pipeline = of.built(of.trees)
    nested = execute_pipeline(nested_pipeline)
    assert [key.rpartition(".")[2] for key in sorted(nested.executed_step_keys)] != []
    values = {key.rpartition(".")[2]: nested.output_for_solid(key) for key in nested.executed_step_keys}
    assert values == {key: flat.output_for_solid(key) for key in flat.executed_step_keys}
    assert nested.executed_step_keys == [each.key for each in nested_pipeline.leaves]
    ended: set[str] = set()
    for solid in nested_pipeline.leaves:
        assert {each.solid for each in solid.upstream()} <= ended
        ended.add(solid.key)
    for key, graph in nested_pipeline.graphs.items():
        outputs = {
            f"s{name.removeprefix('out_')}": value
            for name, value in nested.result_for_handle(key).output_values.items()
        }
        assert outputs == {name: values[name] for name in outputs}
        assert len(outputs) == len(graph.definition.output_defs)
