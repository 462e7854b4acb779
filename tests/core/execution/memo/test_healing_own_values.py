"""Values that a run has stored itself, and that go or change before they are loaded."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import (
    DagsterEvent,
    DagsterInstance,
    DependencyDefinition,
    InputDefinition,
    ModeDefinition,
    MultiDependencyDefinition,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    SolidDefinition,
    execute_pipeline,
    io_manager,
)
from core.errors import DagsterObjectCorruptError, DagsterObjectNotFoundError
from core.plan.progress import MOST_LOSSES
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import MemoizableIOManager

if TYPE_CHECKING:
    from conftest import FilesystemLab, Lab, S3Lab

FROM = DependencyDefinition
Tamper = Callable[[], None]


class Once:
    """Does something the first time it is called, and nothing afterwards."""

    def __init__(self, tamper: Tamper) -> None:
        self._left = [tamper]

    def __call__(self) -> None:
        if self._left:
            self._left.pop()()


def tampering(lab: Lab, tamper: Tamper, count: int = 1) -> PipelineDefinition:
    """far -> near_0 ... -> tamperer; last takes what is near, after the tamperer has done something to it."""
    near = [f"near_{number}" for number in range(count)]

    def compute(_context: Any, _values: dict[str, Any]) -> str:
        tamper()
        return "tampered"

    solids = [
        lab.spelling_solid("far"),
        *(lab.spelling_solid(name, ["value"]) for name in near),
        SolidDefinition("tamperer", [InputDefinition("values")], compute, version="1"),
        lab.spelling_solid("last", ["x", "y"]),
    ]
    all_near = MultiDependencyDefinition([FROM(name) for name in near])
    feeds: dict[str, dict[str, Any]] = {name: {"value": FROM("far")} for name in near}
    return lab.pipeline(
        solids, {**feeds, "tamperer": {"values": all_near}, "last": {"x": FROM("tamperer"), "y": all_near}}
    )


def expected(count: int = 1) -> str:
    near = [f"near_{number}@1<0>(value=far@1<0>())" for number in range(count)]
    return f"last@1<0>(x=tampered, y={near})"


def test_a_value_of_this_run_that_goes_is_computed_again(lab: Lab) -> None:
    result = lab.run(tampering(lab, Once(lambda: lab.delete("near_0"))))
    assert result.success
    assert result.output_for_solid("last") == expected()
    attempts = [
        step
        for step, event_type in types_by_step(result)
        if event_type in ("STEP_START", "STEP_RESTARTED", "STEP_UP_FOR_RETRY")
    ]
    assert attempts == ["far", "near_0", "tamperer", "last", "last", "near_0", "last"]
    assert lab.run(tampering(lab, lambda: None)).executed_step_keys == []


def test_all_that_is_needed_for_it_is_computed_again(lab: Lab) -> None:
    def delete_all() -> None:
        for step in ("far", "near_0", "near_1", "near_2"):
            lab.delete(step)

    result = lab.run(tampering(lab, Once(delete_all), 3))
    assert result.output_for_solid("last") == expected(3)
    assert lab.run(tampering(lab, lambda: None, 3)).executed_step_keys == []


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(_content: bytes) -> bytes:
    return b""


def zeroed(content: bytes) -> bytes:
    return bytes(len(content))


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


DAMAGE = [cut, emptied, zeroed, flipped]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_of_this_run_that_is_damaged_is_computed_again(disk_lab: FilesystemLab, damage: Any) -> None:
    path = disk_lab.path
    tamper = Once(lambda: path("near_0").write_bytes(damage(path("near_0").read_bytes())) and None)
    assert disk_lab.run(tampering(disk_lab, tamper)).output_for_solid("last") == expected()


class Bomb:
    """What must not be unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise BaseException('unpickled')",)


BOMB = pickle.dumps(Bomb())


def replaced(_content: bytes) -> bytes:
    return BOMB


def untouched(content: bytes) -> bytes:
    """Whether only the metadata is lost."""
    return content


@pytest.mark.parametrize("keeps_metadata", [True, False])
@pytest.mark.parametrize("damage", [*DAMAGE, replaced, untouched])
def test_an_object_of_this_run_that_is_damaged_or_replaced_is_computed_again(
    s3_lab: S3Lab, damage: Any, keeps_metadata: bool
) -> None:
    lab = s3_lab

    def replace() -> None:
        where = {"Bucket": lab.bucket, "Key": f"lab/versioned_outputs/{lab.only('near_0')}"}
        stored = lab.client.get_object(**where)
        metadata = stored["Metadata"] if keeps_metadata else {}
        lab.client.put_object(**where, Body=damage(stored["Body"].read()), Metadata=metadata)

    result = lab.run(tampering(lab, Once(replace)))
    assert result.output_for_solid("last") == expected()
    is_damaged = damage is not untouched or not keeps_metadata
    assert ("last", "STEP_UP_FOR_RETRY") in types_by_step(result) or not is_damaged


def types_by_step(result: PipelineExecutionResult) -> list[tuple[str | None, str]]:
    return [(event.step_key, event.event_type_value) for event in result.event_list]


def test_an_object_without_metadata_in_place_of_a_value_of_an_earlier_run_is_computed_again(s3_lab: S3Lab) -> None:
    lab = s3_lab
    before = tampering(lab, lambda: None)
    lab.run(before)
    lab.delete("tamperer")
    lab.delete("last")

    def replace() -> None:
        where = {"Bucket": lab.bucket, "Key": f"lab/versioned_outputs/{lab.only('near_0')}"}
        lab.client.put_object(**where, Body=BOMB)

    result = lab.run(tampering(lab, replace))
    assert result.output_for_solid("last") == expected()
    assert result.memoized_step_keys == ["far"]


def test_a_value_that_is_lost_again_and_again_fails_the_step_with_a_clear_message(lab: Lab) -> None:
    deleted: list[str] = []

    def compute(_context: Any, _values: dict[str, Any]) -> str:
        return "short-lived"

    short_lived = SolidDefinition("near", [], compute, [OutputDefinition(metadata={"short-lived": True})], version="1")
    built = lab.pipeline([short_lived, lab.spelling_solid("last", ["x"])], {"last": {"x": FROM("near")}})

    def delete_when_stored(event: Any) -> None:
        if event.event_type_value == "STEP_SUCCESS" and event.step_key == "near":
            deleted.append(lab.only("near"))
            lab.delete("near")

    config = {"resources": lab.resources}
    with pytest.raises(DagsterObjectCorruptError, match=r"'near' was computed again 3 times.*before step 'last'"):
        execute_pipeline(built, config, instance=lab.instance, memoize=True, on_event=delete_when_stored)
    assert len(deleted) == MOST_LOSSES + 1


def test_a_run_that_is_not_memoized_says_what_is_gone(lab: Lab) -> None:
    with pytest.raises(DagsterObjectNotFoundError):
        lab.run(tampering(lab, lambda: lab.delete("near_0")), memoize=False)


@st.composite
def losses(draw: st.DrawFn) -> tuple[dict[str, list[str]], list[tuple[int, str]]]:
    """Steps with those that feed them; and which values go when so many events have happened."""
    feeds: dict[str, list[str]] = {}
    for number in range(draw(st.integers(2, 6))):
        feeds[f"s{number}"] = draw(st.lists(st.sampled_from(list(feeds)), max_size=3)) if feeds else []
    lost = st.tuples(st.integers(0, 60), st.sampled_from(list(feeds)))
    return feeds, draw(st.lists(lost, min_size=1, max_size=MOST_LOSSES))


@settings(max_examples=300 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 40, deadline=None)
@given(drawn=losses())
def test_whatever_goes_at_whatever_moment_the_values_are_right(
    drawn: tuple[dict[str, list[str]], list[tuple[int, str]]],
) -> None:
    steps, lost = drawn

    def step(name: str, feeds: list[str]) -> SolidDefinition:
        inputs = [InputDefinition(f"i{number}") for number in range(len(feeds))]
        return SolidDefinition(name, inputs, lambda _, given: f"{name}{sorted(given.items())}", version="1")

    feeds = {name: {f"i{n}": FROM(each) for n, each in enumerate(by)} for name, by in steps.items() if by}
    solids = [step(name, by) for name, by in steps.items()]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        happened: list[DagsterEvent] = []

        def lose(event: DagsterEvent) -> None:
            happened.append(event)
            for path in [path for at, name in lost if at == len(happened) for path in folder.glob(f"{name}-*")]:
                path.unlink(missing_ok=True)

        built = in_folder(folder, solids, feeds)
        instance = DagsterInstance.ephemeral()
        assert execute_pipeline(built, memoize=True, instance=instance, on_event=lose).success
        again = execute_pipeline(built, memoize=True, instance=instance)
        fresh = folder / "fresh"
        fresh.mkdir()
        expected = execute_pipeline(in_folder(fresh, solids, feeds), memoize=True, instance=instance)
        for name in steps:
            if name not in again.memoized_step_keys or list(folder.glob(f"{name}-*")):
                assert again.output_for_solid(name) == expected.output_for_solid(name)


class Folder(MemoizableIOManager):
    """A user's IO manager, whose errors are the system's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, context: OutputContext | None) -> Path:
        assert context is not None
        return self._folder / "-".join(context.get_versioned_output_identifier())

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self.path(context).write_text(obj)

    def load_input(self, context: InputContext) -> Any:
        return self.path(context.upstream_output).read_text()

    def has_output(self, context: OutputContext) -> bool:
        return self.path(context).exists()


def in_folder(folder: Path, solids: Sequence[SolidDefinition], feeds: Any) -> PipelineDefinition:
    manager = io_manager(lambda _: Folder(folder))
    mode = ModeDefinition(resource_defs={"io_manager": manager})
    return PipelineDefinition(solids, "in_folder", dependencies=feeds, mode_defs=[mode])


@pytest.mark.parametrize("is_lost", [True, False])
def test_of_a_users_own_io_manager_it_is_asked_whether_the_value_is_there(tmp_path: Path, is_lost: bool) -> None:
    def spoil(_context: Any, _values: Any) -> str:
        [path] = tmp_path.glob("near-*")
        path.unlink() if is_lost else path.write_bytes(b"\xff")
        return ""

    solids = [
        SolidDefinition("near", [], lambda *_: "near", version="1"),
        SolidDefinition("tamperer", [], spoil, version="1"),
        SolidDefinition("last", [InputDefinition("x"), InputDefinition("y")], lambda _, v: v["x"] + "!", version="1"),
    ]
    built = in_folder(tmp_path, solids, {"last": {"x": FROM("near"), "y": FROM("tamperer")}})
    if is_lost:
        assert execute_pipeline(built, memoize=True).output_for_solid("last") == "near!"
    else:
        with pytest.raises(UnicodeDecodeError):
            execute_pipeline(built, memoize=True)
