"""What a run does when mapping keys become known grows with what follows from them, and not with the whole plan."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from core import (
    DagsterInstance,
    List,
    ModeDefinition,
    PipelineDefinition,
    execute_pipeline,
    mem_io_manager,
    solid,
)
from core import pipeline as define
from core.definitions.run_configs.run_config import build_environment
from core.events.payloads import PlanVersionedData
from core.execution.preparing.defaults import complete_mode
from core.executors import in_process_executor
from core.experimental import DynamicOutput, DynamicOutputDefinition
from core.plan import Versioning, build_plan
from core.plan.progress import Progress
from core.resources.versioned_fs_io_manager import versioned_filesystem_io_manager
from core.views.memoized_runs import read_memoized_run


@solid(version="1")
def seed() -> int:
    return 7


@solid(output_defs=[DynamicOutputDefinition(int)], version="1")
def emit() -> Iterator[DynamicOutput]:
    yield DynamicOutput(1, mapping_key="k0")
    yield DynamicOutput(2, mapping_key="k1")


@solid(version="1")
def add(number: int, other: int = 1) -> int:
    return number + other


@solid(version="1")
def total(numbers: List[int]) -> int:
    return sum(numbers)


def dynamic_outputs(count: int) -> None:
    for place in range(count):
        emit.alias(f"emit_{place}")().map(add.alias(f"add_{place}"))


def collected_outputs(count: int) -> None:
    for place in range(count):
        total.alias(f"total_{place}")(emit.alias(f"emit_{place}")().map(add.alias(f"add_{place}")).collect())


def one_static_solid_that_feeds_all(count: int) -> None:
    number = seed()
    for place in range(count):
        emit.alias(f"emit_{place}")().map(lambda each, at=place: add.alias(f"add_{at}")(each, number))


def outputs_of_one_solid(count: int) -> None:
    names = [f"out_{place}" for place in range(count)]

    @solid(output_defs=[DynamicOutputDefinition(int, name=name) for name in names], version="1")
    def many() -> Iterator[DynamicOutput]:
        for name in names:
            yield DynamicOutput(1, "k0", name)

    for place, output in enumerate(many()):
        output.map(add.alias(f"add_{place}"))


def templates(count: int) -> None:
    numbers = emit()
    for place in range(count):
        numbers.map(add.alias(f"add_{place}"))


def chain_of_templates(count: int) -> None:
    numbers = emit()
    for place in range(count):
        numbers = numbers.map(add.alias(f"add_{place}"))


def collectors(count: int) -> None:
    numbers = emit().map(add)
    for place in range(count):
        total.alias(f"total_{place}")(numbers.collect())


def chain_behind_a_list(count: int) -> None:
    number = total(emit().map(add).collect())
    for place in range(count):
        number = add.alias(f"add_{place}")(number)


SHAPES = [
    dynamic_outputs, collected_outputs, one_static_solid_that_feeds_all, outputs_of_one_solid, templates,
    chain_of_templates, collectors, chain_behind_a_list,
]  # fmt: skip

MODES = [
    ModeDefinition("memory", resource_defs={"io_manager": mem_io_manager}),
    ModeDefinition("disk", resource_defs={"io_manager": versioned_filesystem_io_manager}),
]


def of_shape(shape: Callable[[int], None], count: int) -> PipelineDefinition:
    @define(mode_defs=MODES)
    def shaped() -> None:
        shape(count)

    return shaped


def run_to_its_end(of: PipelineDefinition, keys: list[str]) -> None:
    """As an executor does, with versions, and nothing executed."""
    mode = complete_mode(of.get_mode_definition("memory"), [in_process_executor])
    plan = build_plan(of, build_environment(of, mode, {}))
    versioning = Versioning(plan, mode.resource_defs, {})
    progress = Progress(versioning.versioned_plan(), expand=versioning.expand)
    while (attempt := progress.begin_next()) is not None:
        names = [output.name for output in progress.plan.steps[attempt.step_key].outputs]
        progress.succeeded(attempt.step_key, names, dict.fromkeys(names, keys))
    assert progress.is_done
    assert all(
        progress.plan.version(step.handle(each.name)) for step in progress.plan.steps.values() for each in step.outputs
    )


def calls_in(function: Callable[..., Any], *args: Any) -> int:
    """How many functions are called while a function is: its work, which no clock and no load of the machine change."""
    calls: Counter[str] = Counter()

    def count(_frame: FrameType, event: str, _arg: Any) -> None:
        calls[event] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function(*args)
    finally:
        sys.setprofile(before)
    return calls["call"]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_work_grows_with_the_number_of_solids(shape: Callable[[int], None]) -> None:
    few, many = of_shape(shape, 20), of_shape(shape, 80)
    run_to_its_end(few, ["k0"])  # what is done once
    fewer, more = (calls_in(run_to_its_end, each, ["k0"]) for each in (few, many))
    assert more < 4.4 * fewer


def test_the_work_grows_with_the_number_of_keys() -> None:
    of = of_shape(chain_of_templates, 3)
    run_to_its_end(of, ["k0"])
    fewer, more = (calls_in(run_to_its_end, of, [f"k{at}" for at in range(count)]) for count in (50, 200))
    assert more < 4.4 * fewer


@pytest.fixture
def instance(tmp_path: Any) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def test_what_becomes_known_is_recorded_once(instance: DagsterInstance) -> None:
    result = execute_pipeline(of_shape(collected_outputs, 5), mode="disk", instance=instance, memoize=True)
    recorded = [data for event in result.event_list if isinstance(data := event.event_specific_data, PlanVersionedData)]
    assert [[each.step_key for each in data.steps] for data in recorded[1:]] == [
        [f"add_{place}[k0]", f"add_{place}[k1]", f"total_{place}"] for place in range(5)
    ]
    assert [data.expanded for data in recorded] == [(), *((f"add_{place}[?]",) for place in range(5))]


def test_templates_of_outputs_that_were_not_given_are_kept_in_the_record(instance: DagsterInstance) -> None:
    @solid(output_defs=[DynamicOutputDefinition(int)], version="1")
    def fail() -> Iterator[DynamicOutput]:
        raise RuntimeError("fails")
        yield

    @define(mode_defs=MODES)
    def some_fail() -> None:
        total(emit().map(add).collect())
        total.alias("sum")(fail().map(add.alias("more")).collect())

    result = execute_pipeline(some_fail, mode="disk", instance=instance, memoize=True, raise_on_error=False)
    read = read_memoized_run(instance, instance.get_existing_run(result.run_id))
    assert read is not None
    assert list(read.steps) == ["emit", "fail", "add[k0]", "add[k1]", "more[?]", "total", "sum"]
    assert all(read.steps["add[k1]"].outputs.values())
    assert all(read.steps["total"].outputs.values())
