"""Pipelines of any shape, whose solids fail, are run again, give nothing, or many values, as their description says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core import (
    InputDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryPolicy,
    RetryRequested,
    SolidDefinition,
    fs_io_manager,
    pipeline,
    versioned_filesystem_io_manager,
)
from core.experimental import DynamicOutput, DynamicOutputDefinition
from tests.contracts.executors.modes import mode

BEHAVIORS = ["gives", "fails", "fails for k1", "asks again", "has a policy", "gives up", "skips", "skips for k1"]
MODES = [
    mode("by_run", resource_defs={"io_manager": fs_io_manager}),
    mode("by_version", resource_defs={"io_manager": versioned_filesystem_io_manager}),
]


def made(nodes: Sequence[Mapping[str, Any]]) -> PipelineDefinition:
    """A pipeline of some solids, each of which takes values of those before it.

    Args:
        nodes: of each the `behavior`, the `inputs` (numbers of solids), whether it `collects` what it can of them, and
            how many `keys` its dynamic output has, None where it has one that is not.
    """

    @pipeline(name="any_graph", mode_defs=MODES)
    def built() -> None:
        given: list[tuple[Any, bool]] = []  # what each gives, and whether that is many values
        for number, node in enumerate(nodes):
            given.append(_placed(number, node, [given[each] for each in node["inputs"]]))

    return built


def _placed(number: int, node: Mapping[str, Any], inputs: Sequence[tuple[Any, bool]]) -> tuple[Any, bool]:
    collects = node["collects"] or node["keys"] is not None  # of values that are mapped no dynamic output can be
    mapped = None if collects else next((value for value, is_many in inputs if is_many), None)
    if mapped is None:
        lists = [value.collect() if is_many else value for value, is_many in inputs]
        return _solid(number, node, len(lists))(*lists), node["keys"] is not None
    others = [value for value, is_many in inputs if not is_many]  # what is mapped collects nothing
    solid = _solid(number, node, 1 + len(others))
    return mapped.map(lambda value: solid(value, *others)), True


def _solid(number: int, node: Mapping[str, Any], input_count: int) -> SolidDefinition:
    name, behavior, keys = f"n{number}", node["behavior"], node["keys"]

    def compute(context: Any, inputs: Mapping[str, Any]) -> Iterator[Any]:
        context.log.info(f"attempt {context.retry_number}")
        print(name, context.retry_number)
        is_k1 = context.get_mapping_key() == "k1"
        if behavior == "asks again" and context.retry_number < 2:
            raise RetryRequested(max_retries=2, seconds_to_wait=0)
        if behavior in ("fails", "gives up") or (behavior == "has a policy" and not context.retry_number):
            raise RuntimeError(f"attempt {context.retry_number}")
        if behavior == "fails for k1" and is_k1:
            raise RuntimeError("of k1")
        value = f"{name}({', '.join(str(inputs[each]) for each in sorted(inputs))})"
        if keys is not None:
            for key in range(keys):
                yield DynamicOutput(f"{value}{key}", mapping_key=f"k{key}")
        elif behavior != "skips" and not (behavior == "skips for k1" and is_k1):
            yield Output(value)

    outputs = [OutputDefinition(is_required=False) if keys is None else DynamicOutputDefinition()]
    return SolidDefinition(
        name,
        [InputDefinition(f"i{each}") for each in range(input_count)],
        compute,
        outputs,
        version="1",
        tags={"dagster/priority": str(number % 3)},
        retry_policy=RetryPolicy(max_retries=1) if behavior in ("has a policy", "gives up") else None,
    )
