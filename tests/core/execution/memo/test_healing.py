"""Values that go or change between the plan and the load, and values that are asked for anew."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import pytest

from core import (
    DependencyDefinition,
    InputDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryRequested,
    SolidDefinition,
    execute_pipeline,
)
from core.errors import DagsterInvalidSubsetError

if TYPE_CHECKING:
    from conftest import FilesystemLab, Lab, S3Lab

FROM = DependencyDefinition


def tampering_chain(lab: Lab, tamper: Any, version: str = "1") -> PipelineDefinition:
    """far -> near -> tamperer -> last <- near: the third step, when it is executed, does something to stored values."""

    def compute(_context: Any, values: dict[str, Any]) -> str:
        tamper()
        return f"{version}({values['value']})"

    tamperer = SolidDefinition("tamperer", [InputDefinition("value")], compute, version=version)
    solids = [
        lab.spelling_solid("far"),
        lab.spelling_solid("near", ["value"]),
        tamperer,
        lab.spelling_solid("last", ["x", "y"]),
    ]
    feeds = {
        "near": {"value": FROM("far")},
        "tamperer": {"value": FROM("near")},
        "last": {"x": FROM("tamperer"), "y": FROM("near")},
    }
    return lab.pipeline(solids, feeds)


def nothing() -> None:
    pass


def test_a_value_that_goes_after_the_plan_is_computed_again(lab: Lab) -> None:
    lab.run(tampering_chain(lab, nothing))
    changed = lab.run(tampering_chain(lab, lambda: lab.delete("near"), version="2"))
    assert changed.success
    assert changed.executed_step_keys == ["tamperer", "last", "near"]
    assert changed.memoized_step_keys == ["far"]
    assert changed.output_for_solid("last").endswith("y=near@1<0>(value=far@1<0>()))")
    [waiting] = [event for event in changed.event_list if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert waiting.step_key == "last"
    assert "output 'result' of step 'near' is gone or damaged" in (waiting.message or "")
    assert lab.run(tampering_chain(lab, nothing, version="2")).executed_step_keys == []


def test_all_that_is_needed_for_it_is_computed_again_too(lab: Lab) -> None:
    lab.run(tampering_chain(lab, nothing))

    def delete_both() -> None:
        lab.delete("near")
        lab.delete("far")

    changed = lab.run(tampering_chain(lab, delete_both, version="2"))
    assert changed.success
    assert changed.executed_step_keys == ["tamperer", "last", "near", "far"]
    assert changed.memoized_step_keys == []
    assert lab.run(tampering_chain(lab, nothing, version="2")).executed_step_keys == []


@pytest.mark.parametrize("half", [True, False])
def test_a_value_that_is_damaged_after_the_plan_is_computed_again(disk_lab: FilesystemLab, half: bool) -> None:
    lab = disk_lab
    lab.run(tampering_chain(lab, nothing))

    def damage() -> None:
        content = lab.path("near").read_bytes()
        lab.path("near").write_bytes(content[: len(content) // 2] if half else bytes(len(content)))

    changed = lab.run(tampering_chain(lab, damage, version="2"))
    assert changed.success
    assert changed.executed_step_keys == ["tamperer", "last", "near"]
    assert lab.run(tampering_chain(lab, nothing, version="2")).executed_step_keys == []


def exchange_far_and_near(lab: FilesystemLab) -> None:
    far, near = lab.path("far"), lab.path("near")
    aside = far.with_name("aside")
    far.rename(aside)
    near.rename(far)
    aside.rename(near)


def put_a_pipe_for_near(lab: FilesystemLab) -> None:
    path = lab.path("near")
    path.unlink()
    os.mkfifo(path)


def put_a_folder_for_near(lab: FilesystemLab) -> None:
    path = lab.path("near")
    path.unlink()
    path.mkdir()


def put_a_circle_for_near(lab: FilesystemLab) -> None:
    path = lab.path("near")
    path.unlink()
    path.symlink_to(path.name)


OUT_OF_PLACE = [exchange_far_and_near, put_a_pipe_for_near, put_a_folder_for_near, put_a_circle_for_near]


@pytest.mark.parametrize("put", OUT_OF_PLACE)
def test_what_takes_a_values_place_after_the_plan_is_not_given_out(disk_lab: FilesystemLab, put: Any) -> None:
    lab = disk_lab
    lab.run(tampering_chain(lab, nothing))
    changed = lab.run(tampering_chain(lab, lambda: put(lab), version="2"))
    assert changed.success
    assert changed.executed_step_keys[:3] == ["tamperer", "last", "near"]
    assert changed.output_for_solid("last").endswith("y=near@1<0>(value=far@1<0>()))")


@pytest.mark.parametrize("put", OUT_OF_PLACE)
def test_what_takes_a_values_place_between_two_runs_is_no_hit(disk_lab: FilesystemLab, put: Any) -> None:
    lab = disk_lab
    first = lab.run(tampering_chain(lab, nothing))
    put(lab)
    again = lab.run(tampering_chain(lab, nothing, version="2"))
    assert again.success
    assert "near" in again.executed_step_keys
    assert again.output_for_solid("near") == first.output_for_solid("near") == "near@1<0>(value=far@1<0>())"
    assert lab.run(tampering_chain(lab, nothing, version="2")).executed_step_keys == []


def test_a_file_of_an_unknown_codec_is_computed_again(disk_lab: FilesystemLab) -> None:
    lab = disk_lab
    lab.run(tampering_chain(lab, nothing))
    content = b"\xffcloudstore:theirs\nx"
    lab.path("near").write_bytes(content + hashlib.sha256(content).digest())
    changed = lab.run(tampering_chain(lab, nothing, version="2"))
    assert changed.success
    assert "near" in changed.executed_step_keys
    assert lab.run(tampering_chain(lab, nothing, version="3")).executed_step_keys == ["tamperer", "last"]


@pytest.mark.parametrize("codec", ["theirs", "", "%1b%5b31m", "json"])
def test_an_object_of_an_unknown_or_a_wrong_codec_is_computed_again(s3_lab: S3Lab, codec: str) -> None:
    lab = s3_lab
    lab.run(tampering_chain(lab, nothing))
    place = {"Bucket": lab.bucket, "Key": f"lab/versioned_outputs/{lab.only('near')}"}
    metadata = lab.client.head_object(**place)["Metadata"] | {"cloudstore-codec": codec}
    lab.client.copy_object(**place, CopySource=place, Metadata=metadata, MetadataDirective="REPLACE")
    changed = lab.run(tampering_chain(lab, nothing, version="2"))
    assert changed.success
    assert "near" in changed.executed_step_keys
    assert lab.run(tampering_chain(lab, nothing, version="3")).executed_step_keys == ["tamperer", "last"]


def fragile(lab: Lab, version: str, tamper: Any = nothing) -> PipelineDefinition:
    """last is fed by a tamperer and by `near`, which cannot be computed a second time."""

    def compute_near(_context: Any, _values: dict[str, Any]) -> str:
        if lab.stored():
            raise RuntimeError("the database is away")
        return "fine"

    def compute(_context: Any, _values: dict[str, Any]) -> str:
        tamper()
        return version

    solids = [
        SolidDefinition("near", [], compute_near, version="1"),
        SolidDefinition("tamperer", [], compute, version=version),
        lab.spelling_solid("last", ["x", "y"]),
    ]
    return lab.pipeline(solids, {"last": {"x": FROM("tamperer"), "y": FROM("near")}})


def test_a_step_that_cannot_be_computed_again_fails_the_run_once(lab: Lab) -> None:
    lab.run(fragile(lab, "1"))
    with pytest.raises(RuntimeError, match="the database is away"):
        lab.run(fragile(lab, "2", lambda: lab.delete("near")))


def test_the_step_that_needs_what_cannot_be_computed_again_is_abandoned(lab: Lab) -> None:
    lab.run(fragile(lab, "1"))
    changed = fragile(lab, "2", lambda: lab.delete("near"))
    config = {"resources": lab.resources}
    result = execute_pipeline(changed, config, instance=lab.instance, memoize=True, raise_on_error=False)
    assert not result.success
    failed = [event.step_key for event in result.event_list if event.is_step_failure]
    assert failed == ["near"]
    assert not result.result_for_solid("last").success
    messages = [entry.user_message for entry in lab.instance.all_logs(result.run_id)]
    assert "Step 'last' is not executed, because steps that feed it failed: near." in messages


def test_a_retry_that_was_asked_for_is_counted_apart(lab: Lab) -> None:
    lab.run(tampering_chain(lab, nothing))
    asked: list[bool] = []

    def last(_context: Any, values: dict[str, Any]) -> str:
        if not asked:
            asked.append(True)
            raise RetryRequested(max_retries=1)
        return "in the end"

    changing = tampering_chain(lab, lambda: lab.delete("near"), version="2")
    solids = [each.definition for each in changing.solids if each.name != "last"]
    solids.append(SolidDefinition("last", [InputDefinition("x"), InputDefinition("y")], last, version="2"))
    feeds = {
        "near": {"value": FROM("far")},
        "tamperer": {"value": FROM("near")},
        "last": {"x": FROM("tamperer"), "y": FROM("near")},
    }
    result = lab.run(lab.pipeline(solids, feeds))
    assert result.success
    assert result.output_for_solid("last") == "in the end"


def counting(lab: Lab, counts: list[int]) -> PipelineDefinition:
    """count -> double, other: what versions say nothing of changes what `count` gives."""

    def count(_context: Any, _values: dict[str, Any]) -> int:
        counts.append(0)
        return len(counts)

    def double(_context: Any, values: dict[str, Any]) -> int:
        return 2 * int(values["value"])

    solids = [
        SolidDefinition("count", [], count, version="1"),
        SolidDefinition("double", [InputDefinition("value")], double, version="1"),
        lab.spelling_solid("other"),
    ]
    return lab.pipeline(solids, {"double": {"value": FROM("count")}})


def test_refreshing_executes_a_step_and_what_it_feeds_and_replaces_their_values(lab: Lab) -> None:
    counts: list[int] = []
    built = counting(lab, counts)
    lab.run(built)
    refreshed = lab.run(built, refresh=["count"])
    assert refreshed.executed_step_keys == ["count", "double"]
    assert refreshed.memoized_step_keys == ["other"]
    later = lab.run(built)
    assert later.executed_step_keys == []
    assert [later.output_for_solid(name) for name in ("count", "double")] == [2, 4]


def test_refreshing_where_nothing_is_memoized_replaces_values_too(lab: Lab) -> None:
    built = counting(lab, [])
    lab.run(built)
    lab.run(built, memoize=False, refresh="count")
    assert lab.run(built).output_for_solid("double") == 4


def test_a_step_to_refresh_that_is_none_is_named(lab: Lab) -> None:
    with pytest.raises(DagsterInvalidSubsetError, match=r"'cuont'.*count"):
        lab.run(counting(lab, []), refresh=["cuont"])


def choosing(lab: Lab, calls: list[str], gives_second: bool = False, extra_version: str = "1") -> PipelineDefinition:
    """choose has two optional outputs and gives one; each feeds a step, and `either` takes both."""

    def choose(_context: Any, _values: dict[str, Any]) -> Any:
        calls.append("choose")
        yield Output("chosen", "second" if gives_second else "first")

    outputs = [OutputDefinition(name=name, is_required=False) for name in ("first", "second")]
    solids = [
        SolidDefinition("choose", [], choose, outputs, version="2" if gives_second else "1"),
        lab.spelling_solid("costly"),
        lab.spelling_solid("with_first", ["value"]),
        lab.spelling_solid("with_second", ["value", "also"]),
        lab.spelling_solid("after_second", ["value"], extra_version),
    ]
    feeds = {
        "with_first": {"value": FROM("choose", "first")},
        "with_second": {"value": FROM("choose", "second"), "also": FROM("costly")},
        "after_second": {"value": FROM("with_second")},
    }
    return lab.pipeline(solids, feeds)


def test_an_optional_output_that_was_not_given_is_remembered(lab: Lab) -> None:
    calls: list[str] = []
    first = lab.run(choosing(lab, calls))
    assert first.executed_step_keys == ["choose", "costly", "with_first"]
    again = lab.run(choosing(lab, calls))
    assert again.success
    assert again.executed_step_keys == []
    assert calls == ["choose"]
    assert [each.solid_name for each in again.solid_result_list if each.skipped] == ["with_second", "after_second"]
    assert again.result_for_solid("choose").output_values == {"first": "chosen"}
    assert again.output_for_solid("choose", "second") is None


def test_what_is_not_given_when_refreshed_is_not_found_again(lab: Lab) -> None:
    gives = [True]

    def choose(_context: Any, _values: dict[str, Any]) -> Any:
        if gives[0]:
            yield Output("given", "maybe")

    solids = [
        SolidDefinition("choose", [], choose, [OutputDefinition(name="maybe", is_required=False)], version="1"),
        lab.spelling_solid("after", ["value"]),
    ]
    built = lab.pipeline(solids, {"after": {"value": FROM("choose", "maybe")}})
    assert lab.run(built).executed_step_keys == ["choose", "after"]
    gives[0] = False
    assert lab.run(built, refresh=["choose"]).executed_step_keys == ["choose"]
    again = lab.run(built)
    assert again.executed_step_keys == []
    assert again.result_for_solid("after").skipped
    gives[0] = True
    assert lab.run(built, refresh=["choose"]).executed_step_keys == ["choose", "after"]
    assert lab.run(built).output_for_solid("choose", "maybe") == "given"


def test_that_an_output_was_not_given_counts_as_used(lab: Lab) -> None:
    lab.run(choosing(lab, []))
    run = lab.run(choosing(lab, []))
    second = [each for each in lab.stored() if each.startswith("choose/second/")]
    assert len(second) == 1
    data = [e.event_specific_data for e in run.event_list if e.step_key == "choose"]
    addresses = [found.address for found in data[0].outputs if not found.is_given]  # type: ignore[union-attr]
    assert [address.endswith(second[0]) for address in addresses if address] == [True]
    assert lab.instance.event_log_storage.get_used_addresses(set(filter(None, addresses))) == set(addresses)


def test_what_only_a_skipped_step_takes_is_not_computed_again(lab: Lab) -> None:
    lab.run(choosing(lab, []))
    lab.delete("costly")
    again = lab.run(choosing(lab, [], extra_version="2"))
    assert again.success
    assert again.executed_step_keys == []


def test_another_choice_is_another_version(lab: Lab) -> None:
    lab.run(choosing(lab, []))
    other = lab.run(choosing(lab, [], gives_second=True))
    assert other.executed_step_keys == ["choose", "with_second", "after_second"]
    assert other.result_for_solid("choose").output_values == {"second": "chosen"}


def test_the_warning_names_a_value_that_is_gone(lab: Lab) -> None:
    built = counting(lab, [])
    first = lab.run(built)
    lab.delete("count")
    again = lab.run(built)
    assert again.executed_step_keys == []  # nothing needs it: `double` is stored
    lab.delete("double")
    third = lab.run(built)
    assert third.executed_step_keys == ["count", "double"]
    messages = [entry.message for entry in lab.instance.all_logs(third.run_id)]
    for step in ("count", "double"):
        [warning] = [each for each in messages if f"step '{step}'" in each and "is gone" in each]
        assert f"/{step}/result/" in warning
        assert first.run_id in warning
