"""Drawn pipelines with a dynamic output give what a plain program gives that calls the same functions."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core import (
    DependencyDefinition,
    InputDefinition,
    OutputDefinition,
    PipelineDefinition,
    SolidDefinition,
    execute_pipeline,
)
from core.definitions.dependency import DynamicCollectDependencyDefinition
from core.events.user_events import Output
from core.experimental import DynamicOutput, DynamicOutputDefinition

MISSING = object()


class Drawn:
    """A static solid, one with a dynamic output, and others that are mapped, static or collect.

    Args:
        keys: of the values.
        feeds: of each other solid the kind, and the places of those that feed it.
        skipped: step keys of those that give nothing.
    """

    def __init__(self, keys: list[str], feeds: list[tuple[str, list[int]]], skipped: set[tuple[int, str]]) -> None:
        self.keys, self.feeds, self.skipped = keys, feeds, skipped

    def __repr__(self) -> str:
        return f"Drawn({self.keys!r}, {self.feeds!r}, {self.skipped!r})"

    def pipeline(self) -> PipelineDefinition:
        def emit(_context: Any, _: Any) -> Any:
            return [DynamicOutput(f"<{key}>", key) for key in self.keys]

        solids = [
            SolidDefinition("s0", [], lambda *_: "static"),
            SolidDefinition("s1", [], emit, [DynamicOutputDefinition()]),
        ]
        dependencies: dict[str, Any] = {"s0": {}, "s1": {}}
        for place, (kind, sources) in enumerate(self.feeds, 2):
            feed = DynamicCollectDependencyDefinition if kind == "collect" else DependencyDefinition
            solids.append(self._solid(place, len(sources)))
            dependencies[f"s{place}"] = {f"in_{at}": feed(f"s{source}") for at, source in enumerate(sources)}
        return PipelineDefinition(solids, "drawn", dependencies=dependencies)

    def _solid(self, place: int, count: int) -> SolidDefinition:
        def compute(context: Any, values: dict[str, Any]) -> Any:
            key = context.step_key.partition("[")[2].removesuffix("]")
            if (place, key) not in self.skipped:
                yield Output(_told(place, [values[f"in_{at}"] for at in range(count)]))

        inputs = [InputDefinition(f"in_{at}") for at in range(count)]
        return SolidDefinition(f"s{place}", inputs, compute, [OutputDefinition(is_required=False)])

    def expected(self) -> dict[str, Any]:
        """The value of each step that gives one."""
        values: dict[str, Any] = {"s0": "static", **{f"s1[{key}]": f"<{key}>" for key in self.keys}}
        mapped = {1}
        for place, (kind, sources) in enumerate(self.feeds, 2):
            is_mapped = kind == "each" and any(source in mapped for source in sources)
            mapped |= {place} if is_mapped else set()
            for key in self.keys if is_mapped else [""]:
                taken = [
                    self._list_of(source, values)
                    if kind == "collect"
                    else values.get(f"s{source}[{key}]" if source in mapped else f"s{source}", MISSING)
                    for source in sources
                ]
                if MISSING not in taken and (place, key) not in self.skipped:
                    values[f"s{place}[{key}]" if is_mapped else f"s{place}"] = _told(place, taken)
        return {key: value for key, value in values.items() if not key.startswith("s1[")}

    def _list_of(self, source: int, values: dict[str, Any]) -> Any:
        given = [values[step] for key in self.keys if (step := f"s{source}[{key}]") in values]
        return given if given or not self.keys else MISSING


def _told(place: int, values: list[Any]) -> str:
    return f"{place}{values}"


@st.composite
def drawn(draw: Any) -> Drawn:
    keys = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=4))
    mapped: list[int] = [1]
    feeds: list[tuple[str, list[int]]] = []
    static = [0]
    for place in range(2, 2 + draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["each", "each", "static", "collect"]))
        if kind == "each":
            sources = [draw(st.sampled_from(mapped)), *draw(st.lists(st.sampled_from([*mapped, 0]), max_size=2))]
            mapped.append(place)
        elif kind == "collect":
            sources = draw(st.lists(st.sampled_from(mapped), min_size=1, max_size=2))
            static.append(place)
        else:
            sources = draw(st.lists(st.sampled_from(static), max_size=2))
            static.append(place)
        feeds.append((kind, sources))
    skipped = draw(st.sets(st.tuples(st.integers(2, 8), st.sampled_from(["", *"abcd"])), max_size=3))
    return Drawn(keys, feeds, skipped)


@settings(max_examples=80, deadline=None)
@given(drawn())
def test_a_run_gives_what_the_functions_give_that_are_called_for_each_value(of: Drawn) -> None:
    result = execute_pipeline(of.pipeline())
    assert result.success
    expected = of.expected()
    given = {
        key: value
        for key in result.executed_step_keys
        if key != "s1" and (value := result.output_for_solid(key)) is not None
    }
    assert given == expected
    assert result.output_for_solid("s1") == {key: f"<{key}>" for key in of.keys}
