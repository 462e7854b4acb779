"""What a step gave counts as stored only when its function ended well, however it fails and wherever it is kept."""

from __future__ import annotations

import copy
import itertools
import os
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cloudstore import VersionedPickledObjectS3IOManager
from cloudstore.client import make_client
from core import (
    DagsterInstance,
    DependencyDefinition,
    EventMetadataEntry,
    Failure,
    InputDefinition,
    ModeDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    RetryRequested,
    SolidDefinition,
    execute_pipeline,
    io_manager,
)
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager, MemoizableIOManager

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

FULL = bool(os.environ.get("CLOUDSTORE_TEST_FAULTS"))

WHILE_YIELDING = (
    "raises",
    "failure",
    "exits",
    "interrupted",
    "gives twice",
    "gives an unknown output",
    "yields junk",
    "gives a wrong type",
    "gives what cannot be pickled",
    "raises in finally",
    "gives too little",
    "asks to be run again in vain",
)
WHILE_RETURNING = ("raises", "exits", "gives a wrong type", "gives what cannot be pickled")
AND_SUCCEEDS = ("nothing", "asks to be run again")


class Mishap(Exception):
    pass


@dataclass(frozen=True)
class Case:
    """A step that fails, or not.

    Attributes:
        outputs: of each output whether it is "required", "given" although it is optional, or "not given".
        returns: whether the only output is returned and not yielded.
        fails: how.
        at: how many outputs come before that.
        refreshes: whether its outputs are stored before, and are to be replaced.
        takes: how many outputs a second step takes.
    """

    outputs: tuple[str, ...]
    returns: bool
    fails: str
    at: int
    refreshes: bool
    takes: int

    @property
    def fails_to_store(self) -> bool:
        """Whether the IO manager fails for a value that is given. (That others were not given is stored after it.)"""
        return self.fails == "manager" and self.outputs[self.at : self.at + 1] not in ((), ("not given",))


@st.composite
def cases(draw: st.DrawFn, *more_failures: str) -> Case:
    outputs = tuple(draw(st.lists(st.sampled_from(["required", "given", "not given"]), min_size=1, max_size=4)))
    returns = len(outputs) == 1 and outputs != ("not given",) and draw(st.booleans())
    failures = WHILE_RETURNING if returns else (*WHILE_YIELDING, *AND_SUCCEEDS)
    fails = draw(st.sampled_from([*failures, "nothing", *more_failures]))
    numbers = st.integers(0, len(outputs))
    return Case(outputs, returns, fails, draw(numbers), draw(st.booleans()), draw(numbers))


@dataclass
class World:
    """A place for values, and what happens now to the step that gives them."""

    case: Case
    manager: Any
    is_failing: bool = False
    attempts: int = 0
    instance: DagsterInstance = field(default_factory=DagsterInstance.ephemeral)

    def pipeline(self) -> PipelineDefinition:
        compute = self.returned if self.case.returns else self.yielded
        kinds = self.case.outputs
        outputs = [OutputDefinition(list, f"o{n}", is_required=kind == "required") for n, kind in enumerate(kinds)]
        gives = SolidDefinition("gives", [], compute, outputs, version="1")
        inputs = [InputDefinition(f"i{number}") for number in range(self.case.takes)]
        takes = SolidDefinition("takes", inputs, lambda _, values: sorted(values.items()), version="1")
        feeds = {f"i{number}": DependencyDefinition("gives", f"o{number}") for number in range(self.case.takes)}

        @io_manager
        def manager(_: Any) -> IOManager:
            return self.manager

        return PipelineDefinition(
            [gives, takes] if feeds else [gives],
            "failing",
            dependencies={"takes": feeds} if feeds else None,
            mode_defs=[ModeDefinition(resource_defs={"io_manager": manager})],
        )

    def run(self, fails: bool = False, refresh: tuple[str, ...] = ()) -> PipelineExecutionResult | None:
        """The result of a run; None of one that was ended by what is no Exception."""
        self.is_failing, self.attempts = fails, 0
        self.manager.fails_for = f"o{self.case.at}" if fails and self.case.fails_to_store else None
        try:
            return execute_pipeline(
                self.pipeline(), instance=self.instance, memoize=True, raise_on_error=False, refresh=refresh
            )
        except (SystemExit, KeyboardInterrupt):
            return None

    # the step

    def fails_now(self) -> str:
        self.attempts += 1
        fails = self.case.fails if self.is_failing else "nothing"
        if fails == "asks to be run again" and self.attempts > 1:
            return "nothing"
        return "nothing" if fails == "manager" else fails

    def returned(self, _context: Any, _inputs: Any) -> Any:
        fails = self.fails_now()
        if fails == "raises":
            raise Mishap
        if fails == "exits":
            sys.exit(1)
        return {"nothing": [0], "gives a wrong type": "text", "gives what cannot be pickled": [lambda: None]}[fails]

    def yielded(self, _context: Any, _inputs: Any) -> Iterator[Any]:
        fails = self.fails_now()
        rows: list[Any] = [] if fails == "nothing" else ["bad"]
        given: list[Output] = []
        try:
            for number, kind in enumerate(self.case.outputs):
                if number == self.case.at:
                    yield from misbehave(fails, given, f"o{number}", kind)
                if kind != "not given" and not (fails == "gives too little" and kind == "required"):
                    rows.append(number)  # it is one list, and it grows
                    given.append(Output(rows, f"o{number}"))
                    yield given[-1]
            if self.case.at == len(self.case.outputs):
                yield from misbehave(fails, given, None, "")
        finally:
            if fails == "raises in finally":
                raise Mishap
        if fails == "gives too little" and "required" not in self.case.outputs:
            raise Mishap


def misbehave(fails: str, given: list[Output], following: str | None, kind: str) -> Iterator[Any]:
    """What a function yields or raises that fails in this way."""
    if fails in ("nothing", "raises in finally", "gives too little"):
        return
    if fails == "failure":
        raise Failure("negative")
    if fails == "exits":
        sys.exit(1)
    if fails == "interrupted":
        raise KeyboardInterrupt
    if fails.startswith("asks to be run again"):
        raise RetryRequested(max_retries=0 if fails.endswith("in vain") else 1)
    if fails == "gives twice" and given:
        yield given[0]
    if fails == "gives an unknown output":
        yield Output([0], "nowhere")
    if fails == "yields junk":
        yield 5
    if fails == "gives a wrong type" and following:
        yield Output("text", following)
    if fails == "gives what cannot be pickled" and following:
        yield Output([lambda: None], following)
    raise Mishap


def check(case: Case, new_manager: Any) -> None:
    world, fresh = World(case, new_manager()), World(case, new_manager())
    expected = values_of(fresh.run())
    if case.refreshes:
        assert succeeded(world.run())
    before = stored_by(world)
    result = world.run(fails=True, refresh=("gives",) if case.refreshes else ())
    has_succeeded = succeeded(result)
    assert has_succeeded == (case.fails in AND_SUCCEEDS or (case.fails == "manager" and not case.fails_to_store))
    if case.fails not in (*AND_SUCCEEDS, "manager"):
        assert stored_by(world) == before
        told = [] if result is None else result.result_for_solid("gives").compute_step_events
        assert "HANDLED_OUTPUT" not in [event.event_type_value for event in told]
    again = world.run()
    assert again is not None
    assert ("gives" in again.executed_step_keys) == (not has_succeeded and not case.refreshes)
    assert values_of(again) == expected
    assert world.run().executed_step_keys == []  # type: ignore[union-attr]  # nothing ends it


def succeeded(result: PipelineExecutionResult | None) -> bool:
    return result is not None and result.success


def values_of(result: PipelineExecutionResult | None) -> dict[str, Any]:
    assert result is not None
    assert result.success
    return {each.solid_name: each.output_values for each in result.solid_result_list}


def stored_by(world: World) -> dict[str, Any]:
    """Each stored value of the step by its address, with what tells it from another."""
    manager = world.manager
    return dict(manager.found()) if isinstance(manager, OwnManager) else dict(found_by(manager))


def found_by(manager: MemoizableIOManager) -> Iterator[tuple[str, Any]]:
    for each in manager.stored_versions():
        yield each.address, (each.size_bytes, each.stored_at)


class OwnManager(MemoizableIOManager):
    """A user's, which can only store."""

    fails_for: str | None = None

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], Any] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> Iterator[EventMetadataEntry]:
        if context.name == self.fails_for:
            raise Mishap
        if any(callable(each) for each in obj or ()):
            raise TypeError("no functions")
        self.values[tuple(context.get_versioned_output_identifier())] = copy.deepcopy(obj)
        yield EventMetadataEntry.int(1, "values")

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        return self.values[tuple(context.upstream_output.get_versioned_output_identifier())]

    def has_output(self, context: OutputContext) -> bool:
        return tuple(context.get_versioned_output_identifier()) in self.values

    def found(self) -> Iterator[tuple[str, Any]]:
        for names, value in self.values.items():
            yield "/".join(names), copy.deepcopy(value)


class Derived(VersionedPickledObjectFilesystemIOManager):
    """A user's, which does something more to what ours stores."""

    fails_for: str | None = None

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        if context.name == self.fails_for:
            raise Mishap
        super().handle_output(context, obj and [*obj, "derived"])


@pytest.fixture(scope="module")
def moto(moto_options: dict[str, Any]) -> tuple[S3Client, str]:
    """A client of moto, and a bucket there."""
    client, bucket = make_client(moto_options), f"bucket-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    return client, bucket


CASES = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}
NEGATIVE = Case(("required",), False, "failure", 1, False, 0)


@pytest.mark.parametrize("manager_class", [VersionedPickledObjectFilesystemIOManager, Derived])
@settings(max_examples=1000 if FULL else 60, **CASES)  # type: ignore[arg-type]  # as they are meant
@given(data=st.data())
def test_what_a_failed_step_gave_is_no_hit_on_the_disk(data: st.DataObject, manager_class: Any) -> None:
    more = ("manager",) if manager_class is Derived else ()
    with tempfile.TemporaryDirectory() as folder:
        numbers = itertools.count()
        check(data.draw(cases(*more)), lambda: manager_class(f"{folder}/{next(numbers)}"))


@settings(max_examples=1000 if FULL else 60, **CASES)  # type: ignore[arg-type]  # as they are meant
@given(case=cases("manager"))
@example(case=NEGATIVE)
@example(case=Case(("given", "not given"), False, "nothing", 0, True, 2))
def test_what_a_failed_step_gave_is_no_hit_of_a_users_own_io_manager(case: Case) -> None:
    check(case, OwnManager)


@settings(max_examples=300 if FULL else 20, **CASES)  # type: ignore[arg-type]  # as they are meant
@given(case=cases())
@example(case=NEGATIVE)
def test_what_a_failed_step_gave_is_no_hit_in_a_bucket(case: Case, moto: tuple[S3Client, str]) -> None:
    client, bucket = moto
    check(case, lambda: VersionedPickledObjectS3IOManager(bucket, client, uuid.uuid4().hex))
