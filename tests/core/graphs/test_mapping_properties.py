"""Drawn pipelines with dynamic outputs give what a plain program gives that calls the same functions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import (
    DagsterInstance,
    DependencyDefinition,
    InputDefinition,
    ModeDefinition,
    OutputDefinition,
    PipelineDefinition,
    SolidDefinition,
    execute_pipeline,
    fs_io_manager,
    mem_io_manager,
    reexecute_pipeline,
)
from core.definitions.dependency import DynamicCollectDependencyDefinition
from core.definitions.run_configs.run_config import build_environment
from core.events.user_events import Output
from core.execution.preparing.defaults import complete_mode
from core.execution.results import PipelineExecutionResult
from core.executors import in_process_executor
from core.experimental import DynamicOutput, DynamicOutputDefinition
from core.plan import Versioning, build_plan
from core.plan.part import with_keys
from core.plan.progress import Progress
from core.resources.versioned_fs_io_manager import versioned_filesystem_io_manager

MISSING = object()
EXAMPLES = 250 if "CLOUDSTORE_TEST_FAULTS" in os.environ else 12

Values = dict[str, Any]
"""What each step gave, by its key; of a dynamic output each value, as `s1[key]`."""

MODES = [
    ModeDefinition("memory", resource_defs={"io_manager": mem_io_manager}),
    ModeDefinition("disk", resource_defs={"io_manager": fs_io_manager}),
    ModeDefinition("versioned", resource_defs={"io_manager": versioned_filesystem_io_manager}),
]


class Feed(NamedTuple):
    """What feeds an input: the output of the solid at a place, or a list of all of its values."""

    source: int
    collects: bool = False


class Place(NamedTuple):
    """A solid of a drawn pipeline.

    Attributes:
        feeds: what feeds its inputs.
        over: the place of the solid over whose values it is mapped; None where it is not.
        keys: of its dynamic output; None where it has none.
    """

    feeds: tuple[Feed, ...]
    over: int | None = None
    keys: tuple[str, ...] | None = None


class Drawn(NamedTuple):
    """Solids, some of them with a dynamic output, others mapped over one, and others that collect.

    Attributes:
        places: the solids, each after those that feed it.
        skipping: step keys of those that give nothing.
        failing: step keys of those that raise while `FAILS` says so.
    """

    places: tuple[Place, ...]
    skipping: frozenset[str]
    failing: frozenset[str] = frozenset()

    def pipeline(self) -> PipelineDefinition:
        solids, dependencies = [], {}
        for at, place in enumerate(self.places):
            solids.append(self._solid(at, place))
            dependencies[f"s{at}"] = {
                f"in_{number}": (DynamicCollectDependencyDefinition if each.collects else DependencyDefinition)(
                    f"s{each.source}"
                )
                for number, each in enumerate(place.feeds)
            }
        return PipelineDefinition(solids, "drawn", dependencies=dependencies, mode_defs=MODES)

    def _solid(self, at: int, place: Place) -> SolidDefinition:
        def compute(context: Any, values: dict[str, Any]) -> Any:
            if FAILS and context.step_key in self.failing:
                raise RuntimeError("fails")
            told = _told(at, [values[f"in_{number}"] for number in range(len(place.feeds))])
            if place.keys is not None:
                yield from (DynamicOutput(f"{told}<{key}>", key) for key in place.keys)
            elif context.step_key not in self.skipping:
                yield Output(told)

        inputs = [InputDefinition(f"in_{number}") for number in range(len(place.feeds))]
        output = OutputDefinition(is_required=False) if place.keys is None else DynamicOutputDefinition()
        return SolidDefinition(f"s{at}", inputs, compute, [output], version="1")

    def expected(self) -> Values:
        """The value of each step that gives one."""
        values: Values = {}
        emitted: dict[int, tuple[str, ...] | None] = {}  # None where it is skipped
        for at, place in enumerate(self.places):
            for key in [""] if place.over is None else emitted[place.over] or ():
                step_key = f"s{at}[{key}]" if key else f"s{at}"
                taken = [self._taken(each, key, emitted, values) for each in place.feeds]
                if place.keys is not None:
                    emitted[at] = None if MISSING in taken else place.keys
                    values |= {f"s{at}[{each}]": f"{_told(at, taken)}<{each}>" for each in emitted[at] or ()}
                elif MISSING not in taken and step_key not in self.skipping:
                    values[step_key] = _told(at, taken)
        return values

    def _taken(self, feed: Feed, key: str, emitted: dict[int, tuple[str, ...] | None], values: Values) -> Any:
        source = self.places[feed.source]
        dynamic = feed.source if source.keys is not None else source.over
        if not feed.collects:
            return values.get(f"s{feed.source}" if dynamic is None else f"s{feed.source}[{key}]", MISSING)
        assert dynamic is not None
        keys = emitted[dynamic]
        given = [values[step] for each in keys or () if (step := f"s{feed.source}[{each}]") in values]
        return MISSING if keys is None or (keys and not given) else given

    def steps_after(self, chosen: set[str], step_keys: list[str]) -> set[str]:
        """Some steps, and those that follow from them: of the same value, until it is collected."""
        reached = set(chosen)
        for at, place in enumerate(self.places):
            values = [""] if place.over is None else self.places[place.over].keys or ["?"]  # without any, a template
            for value in values:
                feeders = [
                    f"s{each.source}[" + ("" if each.collects else value)
                    if self.places[each.source].over is not None
                    else f"s{each.source}"
                    for each in place.feeds
                ]
                if any(step == each or ("[" in each and step.startswith(each)) for each in feeders for step in reached):
                    reached.add(f"s{at}[{value}]" if value else f"s{at}")
        return reached & set(step_keys)

    def followers(self, step_keys: set[str]) -> set[str]:
        """Places of the solids that follow from steps."""
        reached = {int(key[1:].partition("[")[0]) for key in step_keys}
        for at, place in enumerate(self.places):
            if any(each.source in reached for each in place.feeds):
                reached.add(at)
        return {f"s{at}" for at in reached}


FAILS: list[bool] = []
"""Not empty while the steps fail that are drawn to fail."""


def _told(at: int, values: list[Any]) -> str:
    return f"{at}{values}"


@st.composite
def drawn(draw: Any, fails: bool = False) -> Drawn:
    places = [Place((), keys=draw(_KEYS))]
    for at in range(1, draw(st.integers(2, 8))):
        kind = draw(st.sampled_from(["mapped", "mapped", "static", "static", "dynamic"]))
        over = draw(st.sampled_from([each for each in range(at) if places[each].keys is not None]))
        of_it = [each for each in range(at) if each == over or places[each].over == over]
        dynamic = [each for each in range(at) if places[each].over is not None or places[each].keys is not None]
        static = [Feed(each) for each in range(at) if each not in dynamic]
        lists = [Feed(each, collects=True) for each in dynamic]
        if kind == "mapped":
            more = draw(st.lists(st.sampled_from([*map(Feed, of_it), *static]), max_size=2))
            places.append(Place((Feed(draw(st.sampled_from(of_it))), *more), over))
        else:
            feeds = tuple(draw(st.lists(st.sampled_from([*static, *lists]), max_size=3)))
            places.append(Place(feeds, keys=draw(_KEYS) if kind == "dynamic" else None))
    steps = [f"s{at}[{key}]" if key else f"s{at}" for at in range(len(places)) for key in ("", "a", "b")]
    some = st.frozensets(st.sampled_from(steps), max_size=3)
    return Drawn(tuple(places), draw(some), draw(some) if fails else frozenset())


_KEYS = st.lists(st.sampled_from("abcd"), unique=True, max_size=3).map(tuple)


@contextmanager
def _failing() -> Iterator[None]:
    FAILS.append(True)
    try:
        yield
    finally:
        FAILS.clear()


def _given(of: Drawn, result: PipelineExecutionResult, keys: list[str]) -> Values:
    """What steps of a run gave, loaded from where it is stored."""
    values: Values = {}
    for key in keys:
        value = result.output_for_solid(key)
        if of.places[int(key[1:].partition("[")[0])].keys is not None:
            values |= {f"{key}[{each}]": item for each, item in value.items()}
        elif value is not None:
            values[key] = value
    return values


def _check_memoized(of: Drawn, result: PipelineExecutionResult) -> None:
    """A memoized run gives its results; a value that only a step takes which is skipped need not be there."""
    found = [
        event.step_key
        for event in result.event_list
        if event.event_type_value == "STEP_MEMOIZED" and event.event_specific_data.outputs
    ]
    given, expected = _given(of, result, [*result.executed_step_keys, *found]), of.expected()
    taken = {f"s{feed.source}" for place in of.places for feed in place.feeds}
    assert given.items() <= expected.items()
    assert {key for key in expected if key.partition("[")[0] not in taken} <= given.keys()


@settings(max_examples=80, deadline=None)
@given(drawn())
def test_a_run_gives_what_the_functions_give_that_are_called_for_each_value(of: Drawn) -> None:
    result = execute_pipeline(of.pipeline(), mode="memory")
    assert result.success
    assert _given(of, result, result.executed_step_keys) == of.expected()


@pytest.mark.parametrize("mode", ["disk", "versioned"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(of=drawn(fails=True))
def test_a_run_that_failed_is_taken_up_and_gives_the_same(mode: str, of: Drawn) -> None:
    with tempfile.TemporaryDirectory() as folder, DagsterInstance.local_temp(folder) as instance:
        with _failing():
            first = execute_pipeline(of.pipeline(), mode=mode, instance=instance, raise_on_error=False)
        if first.success:
            return
        again = reexecute_pipeline(of.pipeline(), first.run_id, from_failure=True, instance=instance)
        failed = {event.step_key for event in first.event_list if event.event_type_value == "STEP_FAILURE"}
        done = [key for key in first.executed_step_keys if key not in failed]
        assert not set(done) & set(again.executed_step_keys)
        given = {**_given(of, first, done), **_given(of, again, again.executed_step_keys)}
        assert given == of.expected()


@settings(max_examples=EXAMPLES, deadline=None)
@given(drawn(fails=True))
def test_a_memoized_run_gives_the_same_and_the_next_one_executes_nothing(of: Drawn) -> None:
    with tempfile.TemporaryDirectory() as folder, DagsterInstance.local_temp(folder) as instance:
        run = {"mode": "versioned", "instance": instance, "memoize": True}
        with _failing():
            first = execute_pipeline(of.pipeline(), raise_on_error=False, **run)
        second = execute_pipeline(of.pipeline(), **run)
        failed = {event.step_key for event in first.event_list if event.event_type_value == "STEP_FAILURE"}
        assert not set(first.executed_step_keys) - failed & set(second.executed_step_keys)
        _check_memoized(of, second)
        third = execute_pipeline(of.pipeline(), **run)
        assert third.executed_step_keys == []
        _check_memoized(of, third)


@settings(max_examples=EXAMPLES, deadline=None)
@given(drawn(), st.data())
def test_what_is_refreshed_is_executed_with_all_that_follows_from_that_value(of: Drawn, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, DagsterInstance.local_temp(folder) as instance:
        run = {"mode": "versioned", "instance": instance, "memoize": True}
        first = execute_pipeline(of.pipeline(), **run)
        chosen = data.draw(st.sets(st.sampled_from(first.executed_step_keys), min_size=1, max_size=2))
        refreshed = execute_pipeline(of.pipeline(), refresh=sorted(chosen), **run)
        assert set(refreshed.executed_step_keys) == of.steps_after(chosen, first.executed_step_keys)
        _check_memoized(of, refreshed)
        assert execute_pipeline(of.pipeline(), **run).executed_step_keys == []


def test_what_is_refreshed_by_way_of_a_list_is_so_for_all_values(tmp_path: Path) -> None:
    emit, mapped = Place((), None, ("a", "b")), Place((Feed(0, collects=False),), 0, None)
    both = Place((Feed(0, collects=False), Feed(2, collects=False)), 0, None)
    of = Drawn((emit, mapped, Place((Feed(1, collects=True),), None, None), both), frozenset(), frozenset())
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = {"mode": "versioned", "instance": instance, "memoize": True}
        execute_pipeline(of.pipeline(), **run)
        refreshed = execute_pipeline(of.pipeline(), refresh=["s1[a]"], **run)
        assert set(refreshed.executed_step_keys) == {"s1[a]", "s2", "s3[a]", "s3[b]"}


@settings(max_examples=EXAMPLES, deadline=None)
@given(drawn(), st.data())
def test_a_step_is_executed_again_with_all_that_follows(of: Drawn, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder, DagsterInstance.local_temp(folder) as instance:
        first = execute_pipeline(of.pipeline(), mode="disk", instance=instance)
        chosen = data.draw(st.sampled_from(first.executed_step_keys))
        again = reexecute_pipeline(of.pipeline(), first.run_id, step_selection=[f"{chosen}*"], instance=instance)
        assert chosen in again.executed_step_keys
        assert {key.partition("[")[0] for key in again.executed_step_keys} <= of.followers({chosen})
        expected = of.expected()
        assert _given(of, again, again.executed_step_keys).items() <= expected.items()


@settings(max_examples=80, deadline=None)
@given(drawn())
def test_versions_do_not_depend_on_when_mapping_keys_become_known(of: Drawn) -> None:
    pipeline = of.pipeline()
    mode = complete_mode(pipeline.get_mode_definition("memory"), [in_process_executor])
    plan = build_plan(pipeline, build_environment(pipeline, mode, {}))
    keys = {f"s{at}": place.keys or () for at, place in enumerate(of.places)}
    versioning = Versioning(plan, mode.resource_defs, {})
    progress = Progress(versioning.versioned_plan(), expand=versioning.expand)
    while (attempt := progress.begin_next()) is not None:
        progress.succeeded(attempt.step_key, {"result"}, {"result": keys.get(attempt.step_key, ())})
    known = {source: keys[source.step_key] for source in progress.plan.mapping_keys}
    at_once = Versioning(with_keys(plan, known), mode.resource_defs, {}).versioned_plan()
    assert progress.plan.versions == at_once.versions
    assert list(progress.plan.steps) == list(at_once.steps)
    assert None not in at_once.versions.values()
