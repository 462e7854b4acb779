"""Which steps a memoized run executes, on the local disk and in a bucket.

Each test names the executed steps exactly, so it fails too when everything is executed always.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from core import (
    DagsterInstance,
    DependencyDefinition,
    Field,
    InputDefinition,
    ModeDefinition,
    MultiDependencyDefinition,
    Nothing,
    Output,
    OutputDefinition,
    PipelineDefinition,
    ResourceDefinition,
    SolidInvocation,
    execute_pipeline,
    fs_io_manager,
    mem_io_manager,
    pipeline,
    reexecute_pipeline,
    solid,
)
from core.errors import DagsterObjectCorruptError
from core.events.payloads import StepMemoizedData
from core.records.tags import MEMOIZED_RUN_TAG

if TYPE_CHECKING:
    from conftest import FilesystemLab, Lab, S3Lab

FROM = DependencyDefinition


def joined(lab: Lab, x: str = "a", y: str = "b", left: str = "1", version: str = "1") -> PipelineDefinition:
    """a and b, of one version string, feed f(x, y), which feeds g; another branch is c -> d."""
    make = lab.spelling_solid
    solids = [
        *(make("a", version=left), make("b"), make("c")),
        *(make("f", ["x", "y"], version), make("g", ["value"]), make("d", ["value"])),
    ]
    feeds = {
        "f": {"x": FROM(x), "y": FROM(y)},
        "g": {"value": FROM("f")},
        "d": {"value": FROM("c")},
    }
    return lab.pipeline(solids, feeds)


def test_an_unchanged_run_executes_nothing_and_has_the_same_values(lab: Lab) -> None:
    cold = lab.run(joined(lab))
    again = lab.run(joined(lab))
    assert set(cold.executed_step_keys) == {"a", "b", "c", "d", "f", "g"}
    assert again.success
    assert again.executed_step_keys == []
    assert set(again.memoized_step_keys) == {"a", "b", "c", "d", "f", "g"}
    values = {name: cold.output_for_solid(name) for name in "abcdfg"}
    assert {name: again.output_for_solid(name) for name in "abcdfg"} == values
    assert values["g"] == "g@1<0>(value=f@1<0>(x=a@1<0>(), y=b@1<0>()))"


def test_without_memoization_everything_executes(lab: Lab) -> None:
    lab.run(joined(lab))
    assert lab.run(joined(lab)).executed_step_keys == []
    assert len(lab.run(joined(lab), memoize=False).executed_step_keys) == 6
    assert len(lab.run(joined(lab), memoize=None).executed_step_keys) == 6  # as the tags say: there are none


def test_changed_config_executes_only_what_depends_on_it(lab: Lab) -> None:
    lab.run(joined(lab))
    changed = lab.run(joined(lab), b=7)
    assert set(changed.executed_step_keys) == {"b", "f", "g"}
    assert changed.output_for_solid("g") == "g@1<0>(value=f@1<0>(x=a@1<0>(), y=b@1<7>()))"
    assert set(lab.run(joined(lab), g=7).executed_step_keys) == {"g"}
    assert lab.run(joined(lab)).executed_step_keys == []  # the old values are still there


def test_a_changed_version_executes_only_what_depends_on_it(lab: Lab) -> None:
    lab.run(joined(lab))
    changed = lab.run(joined(lab, version="2"))
    assert set(changed.executed_step_keys) == {"f", "g"}
    assert changed.output_for_solid("g") == "g@1<0>(value=f@2<0>(x=a@1<0>(), y=b@1<0>()))"
    assert set(lab.run(joined(lab, left="2")).executed_step_keys) == {"a", "f", "g"}


def test_swapped_inputs_are_no_stale_hit(lab: Lab) -> None:
    lab.run(joined(lab, x="a", y="b"))
    swapped = lab.run(joined(lab, x="b", y="a"))
    assert set(swapped.executed_step_keys) == {"f", "g"}
    assert swapped.output_for_solid("f") == "f@1<0>(x=b@1<0>(), y=a@1<0>())"


def test_rewiring_to_a_solid_of_the_same_version_string_is_no_stale_hit(lab: Lab) -> None:
    lab.run(joined(lab, y="b"))
    rewired = lab.run(joined(lab, y="c"))
    assert set(rewired.executed_step_keys) == {"f", "g"}
    assert rewired.output_for_solid("f") == "f@1<0>(x=a@1<0>(), y=c@1<0>())"


def test_rewiring_to_another_output_of_the_same_solid_is_no_stale_hit(disk_lab: FilesystemLab) -> None:
    @solid(output_defs=[OutputDefinition(name="first"), OutputDefinition(name="second")], version="1")
    def pair() -> Any:
        yield Output("1st", "first")
        yield Output("2nd", "second")

    take = disk_lab.spelling_solid("take", ["value"])

    def fed_by(output: str) -> PipelineDefinition:
        return disk_lab.pipeline([pair, take], {"take": {"value": FROM("pair", output)}})

    disk_lab.run(fed_by("first"))
    rewired = disk_lab.run(fed_by("second"))
    assert rewired.executed_step_keys == ["take"]
    assert rewired.output_for_solid("take") == "take@1<0>(value=2nd)"


def test_the_order_of_a_fan_in_counts(disk_lab: FilesystemLab) -> None:
    make = disk_lab.spelling_solid

    def gathered(*names: str) -> PipelineDefinition:
        feed = MultiDependencyDefinition([FROM(name) for name in names])
        return disk_lab.pipeline([make("a"), make("b"), make("all", ["items"])], {"all": {"items": feed}})

    disk_lab.run(gathered("a", "b"))
    turned = disk_lab.run(gathered("b", "a"))
    assert turned.executed_step_keys == ["all"]
    assert turned.output_for_solid("all") == "all@1<0>(items=['b@1<0>()', 'a@1<0>()'])"
    assert disk_lab.run(gathered("a", "b")).executed_step_keys == []


def test_configs_that_compare_equal_or_print_alike_are_kept_apart(lab: Lab) -> None:
    alone = lab.pipeline([lab.spelling_solid("a")])
    configs = [1, "1", True, 1.0, [1], ["1"], {"1": 1}, {"1": "1"}, None, "None", ""]
    for config in configs:
        result = lab.run(alone, a=config)
        assert result.executed_step_keys == ["a"], config
        assert result.output_for_solid("a") == f"a@1<{config!r}>()"
    for config in configs:
        result = lab.run(alone, a=config)
        assert result.executed_step_keys == [], config
        assert result.output_for_solid("a") == f"a@1<{config!r}>()"


def test_a_default_and_the_same_value_given_are_one(disk_lab: FilesystemLab) -> None:
    alone = disk_lab.pipeline([disk_lab.spelling_solid("a")])
    disk_lab.run(alone)
    assert disk_lab.run(alone, a=0).executed_step_keys == []


def test_an_input_given_as_config_counts(disk_lab: FilesystemLab) -> None:
    @solid(version="1")
    def double(number: int = 2) -> int:
        return 2 * number

    alone = disk_lab.pipeline([double])

    def run(**inputs: int) -> Any:
        config = {"solids": {"double": {"inputs": inputs}}, "resources": disk_lab.resources}
        return execute_pipeline(alone, config, instance=disk_lab.instance, memoize=True)

    assert run().executed_step_keys == ["double"]
    assert run(number=2).executed_step_keys == []  # the default
    assert run(number=3).executed_step_keys == ["double"]
    assert run(number=3).output_for_solid("double") == 6


def test_two_placements_of_one_solid_are_kept_apart(disk_lab: FilesystemLab) -> None:
    make = disk_lab.spelling_solid("make")

    def placed(*aliases: str) -> PipelineDefinition:
        return disk_lab.pipeline([make], {SolidInvocation("make", alias): {} for alias in aliases})

    disk_lab.run(placed("one", "two"), one=1, two=2)
    again = disk_lab.run(placed("one", "two", "three"), one=1, two=2, three=1)
    assert again.executed_step_keys == ["three"]
    versions = {each.rpartition("/")[2] for each in disk_lab.stored()}
    assert len(versions) == 3, "the name of a solid is part of the version"


def test_a_step_without_version_always_executes_and_so_does_what_depends_on_it(disk_lab: FilesystemLab) -> None:
    make = disk_lab.spelling_solid
    elsewhere = [OutputDefinition(io_manager_key="plain")]
    solids = [
        make("a"),
        make("b", ["value"], version=None, output_defs=elsewhere),
        make("c", ["value"], output_defs=elsewhere),
        make("d", ["value"]),
    ]
    feeds = {name: {"value": FROM(source)} for name, source in zip("bcd", "aba", strict=True)}
    mode = ModeDefinition(resource_defs={**disk_lab.mode.resource_defs, "plain": mem_io_manager})
    built = PipelineDefinition(solids, dependencies=feeds, mode_defs=[mode])
    assert set(disk_lab.run(built).executed_step_keys) == {"a", "b", "c", "d"}
    again = disk_lab.run(built)
    assert set(again.executed_step_keys) == {"b", "c"}
    assert again.output_for_solid("c") == "c@1<0>(value=b@None<0>(value=a@1<0>()))"


def test_values_without_version_are_kept_with_their_run(lab: Lab) -> None:
    built = lab.pipeline(
        [lab.spelling_solid("a"), lab.spelling_solid("b", ["value"], None), lab.spelling_solid("c", ["value"])],
        {"b": {"value": FROM("a")}, "c": {"value": FROM("b")}},
    )
    first, second = lab.run(built), lab.run(built)
    assert first.executed_step_keys == ["a", "b", "c"]
    assert second.executed_step_keys == ["b", "c"]
    assert second.output_for_solid("c") == first.output_for_solid("c") == "c@1<0>(value=b@None<0>(value=a@1<0>()))"
    assert [each.partition("/")[0] for each in lab.stored()] == ["a"]
    addresses = [
        [e.event_specific_data.address for e in run.event_list if e.event_type_value == "HANDLED_OUTPUT"]  # type: ignore[union-attr]
        for run in (first, second)
    ]
    assert set(addresses[0]).isdisjoint(addresses[1])


def test_a_solid_that_requires_a_resource_without_version_always_executes(disk_lab: FilesystemLab) -> None:
    def run(version: str | None, number: int) -> list[str]:
        number_resource = ResourceDefinition(lambda context: context.resource_config, int, version=version)
        managers = {**disk_lab.mode.resource_defs, "plain": mem_io_manager}
        mode = ModeDefinition(resource_defs={"number": number_resource, **managers})
        key = None if version else "plain"
        takes = disk_lab.spelling_solid(
            "takes", required_resource_keys={"number"}, output_defs=[OutputDefinition(io_manager_key=key)]
        )
        built = PipelineDefinition([disk_lab.spelling_solid("other"), takes], mode_defs=[mode])
        disk_lab.resources["number"] = {"config": number}
        return sorted(disk_lab.run(built).executed_step_keys)

    assert run("1", 1) == ["other", "takes"]
    assert run("1", 1) == []
    assert run("1", 2) == ["takes"]
    assert run("2", 2) == ["takes"]
    assert run(None, 2) == ["takes"]
    assert run(None, 2) == ["takes"]


def test_values_of_io_managers_that_cannot_memoize_count_as_not_stored(disk_lab: FilesystemLab) -> None:
    elsewhere = [OutputDefinition(io_manager_key="plain")]
    solids = [disk_lab.spelling_solid("a"), disk_lab.spelling_solid("b", output_defs=elsewhere)]
    mode = ModeDefinition(resource_defs={**disk_lab.mode.resource_defs, "plain": fs_io_manager})
    built = PipelineDefinition(solids, mode_defs=[mode])
    disk_lab.run(built)
    assert disk_lab.run(built).executed_step_keys == ["b"]


def test_a_deleted_intermediate_value_that_nobody_needs_is_not_recomputed(lab: Lab) -> None:
    lab.run(joined(lab))
    for step in ("a", "f"):
        lab.delete(step)
    assert lab.run(joined(lab)).executed_step_keys == []
    assert not any(each.startswith(("a/", "f/")) for each in lab.stored())


def test_a_deleted_final_value_is_recomputed_with_what_it_needs(lab: Lab) -> None:
    lab.run(joined(lab))
    lab.delete("g")
    assert lab.run(joined(lab)).executed_step_keys == ["g"]
    for step in ("g", "f", "a"):
        lab.delete(step)
    again = lab.run(joined(lab))
    assert set(again.executed_step_keys) == {"a", "f", "g"}
    assert again.output_for_solid("g") == "g@1<0>(value=f@1<0>(x=a@1<0>(), y=b@1<0>()))"
    assert lab.run(joined(lab)).executed_step_keys == []


@pytest.mark.parametrize("kept", [0, 10, 40])
def test_half_a_pickle_counts_as_not_stored_and_is_replaced(disk_lab: FilesystemLab, kept: int) -> None:
    disk_lab.run(joined(disk_lab))
    path = disk_lab.path("g")
    whole = path.read_bytes()
    assert len(whole) > kept + 1
    path.chmod(0o644)
    path.write_bytes(whole[:kept])
    again = disk_lab.run(joined(disk_lab))
    assert again.executed_step_keys == ["g"]
    assert path.read_bytes() == whole
    assert disk_lab.run(joined(disk_lab)).executed_step_keys == []


def test_a_value_altered_after_the_run_was_planned_is_not_given_out(disk_lab: FilesystemLab) -> None:
    disk_lab.run(joined(disk_lab))
    result = disk_lab.run(joined(disk_lab))
    assert result.executed_step_keys == []
    path = disk_lab.path("g")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"a@1", b"a@9"))
    with pytest.raises(DagsterObjectCorruptError, match="cut, altered or exchanged"):
        result.output_for_solid("g")


def test_a_changed_secret_is_no_change(lab: Lab) -> None:
    fields = {"token": Field(str, is_secret=True), "size": int}
    keeps = ResourceDefinition(lambda context: context.resource_config, fields, version="1")
    lab.mode = ModeDefinition(resource_defs={**lab.mode.resource_defs, "keeper": keeps})
    secretive = lab.spelling_solid("a", config_schema=fields, required_resource_keys={"keeper"})
    built = lab.pipeline([secretive])

    def run(token: str, size: int, keeper_token: str, keeper_size: int) -> list[str]:
        lab.resources["keeper"] = {"config": {"token": keeper_token, "size": keeper_size}}
        return lab.run(built, a={"token": token, "size": size}).executed_step_keys

    assert run("old", 1, "old", 1) == ["a"]
    assert run("new", 1, "new", 1) == []
    assert run("old", 2, "old", 1) == ["a"]
    assert run("old", 1, "old", 2) == ["a"]


def test_other_credentials_of_the_store_are_no_change(lab: Lab) -> None:
    """The IO manager's own resources are no part of a version: where values are kept does not change them."""
    lab.run(joined(lab))
    if "s3" in lab.resources:
        lab.resources["s3"]["config"]["max_attempts"] = 3
    assert lab.run(joined(lab)).executed_step_keys == []


def test_the_key_that_signs_values_is_no_part_of_their_versions(s3_lab: S3Lab) -> None:
    s3_lab.run(joined(s3_lab))
    unsigned = s3_lab.stored()
    s3_lab.resources["io_manager"]["config"]["signing_key"] = "an example of a key"
    assert len(s3_lab.run(joined(s3_lab)).executed_step_keys) == 6
    assert s3_lab.stored() == unsigned
    assert s3_lab.run(joined(s3_lab)).executed_step_keys == []


def test_the_tag_of_a_pipeline_makes_its_runs_memoized(disk_lab: FilesystemLab) -> None:
    @pipeline(mode_defs=[disk_lab.mode], tags={MEMOIZED_RUN_TAG: "true"})
    def tagged() -> None:
        disk_lab.spelling_solid("a")()

    assert disk_lab.run(tagged, memoize=None).executed_step_keys == ["a"]
    assert disk_lab.run(tagged, memoize=None).executed_step_keys == []
    assert disk_lab.run(tagged, memoize=False).executed_step_keys == ["a"]


def test_a_step_that_carries_no_value_is_memoized_too(disk_lab: FilesystemLab) -> None:
    ran: list[str] = []

    @solid(version="1", output_defs=[OutputDefinition(Nothing)])
    def prepare() -> None:
        ran.append("prepare")

    @solid(version="1", input_defs=[InputDefinition("start", Nothing)])
    def work() -> str:
        ran.append("work")
        return "done"

    built = disk_lab.pipeline([prepare, work], {"work": {"start": FROM("prepare")}})
    disk_lab.run(built)
    assert disk_lab.run(built).executed_step_keys == []
    assert ran == ["prepare", "work"]


def test_the_events_say_where_values_are_and_which_run_made_them(lab: Lab) -> None:
    cold = lab.run(joined(lab))
    again = lab.run(joined(lab))
    memoized = {
        event.step_key: event.event_specific_data
        for event in again.event_list
        if event.event_type_value == "STEP_MEMOIZED"
    }
    assert set(memoized) == set("abcdfg")
    for step, data in memoized.items():
        assert isinstance(data, StepMemoizedData)
        [output] = data.outputs
        assert output.run_id == cold.run_id
        assert lab.only(step or "") == f"{step}/result/{output.version}"
        assert output.address is not None
        assert output.address.endswith(f"/versioned_outputs/{lab.only(step or '')}")


def test_values_made_elsewhere_are_found_by_an_instance_that_knows_no_run(lab: Lab, tmp_path_factory: Any) -> None:
    lab.run(joined(lab))
    lab.instance = DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("other")))
    again = lab.run(joined(lab))
    assert again.executed_step_keys == []
    assert json.dumps(again.output_for_solid("f")) == '"f@1<0>(x=a@1<0>(), y=b@1<0>())"'


def test_an_instance_that_knows_no_run_verifies_what_it_needs(s3_lab: S3Lab, tmp_path_factory: Any) -> None:
    """And asks for it with few requests."""
    names = [f"s{number}" for number in range(40)]
    solids = [s3_lab.spelling_solid(name, ["value"] if number else []) for number, name in enumerate(names)]
    feeds = {name: {"value": FROM(names[number])} for number, name in enumerate(names[1:])}
    built = s3_lab.pipeline(solids, feeds)
    value = s3_lab.run(built).output_for_solid("s39")

    def run_elsewhere() -> Any:
        s3_lab.instance = DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("elsewhere")))
        return s3_lab.run(built)

    unchanged = run_elsewhere()
    assert unchanged.executed_step_keys == []
    planning: Any = unchanged.event_list[-1].event_specific_data
    assert planning.planning_usage.requests <= 4  # one for the bucket, a listing, the result
    key = f"lab/versioned_outputs/{s3_lab.only('s39')}"
    s3_lab.client.put_object(Bucket=s3_lab.bucket, Key=key, Body=b"half", Metadata={"cloudstore-bytes": "8"})
    healed = run_elsewhere()
    assert healed.executed_step_keys == ["s39"]
    assert healed.output_for_solid("s39") == value
    assert run_elsewhere().executed_step_keys == []


def test_a_selected_step_that_is_not_stored_is_executed_though_nobody_selected_takes_it(lab: Lab) -> None:
    parent = lab.run(joined(lab))
    lab.delete("f")
    again = reexecute_pipeline(
        joined(lab),
        parent.run_id,
        {"resources": lab.resources},
        step_selection=["f"],
        instance=lab.instance,
        memoize=True,
    )
    assert again.executed_step_keys == ["f"]


def test_one_name_for_two_solids_is_no_stale_hit(lab: Lab) -> None:
    first, second = lab.spelling_solid("a"), lab.spelling_solid("b")
    lab.run(lab.pipeline([first], {SolidInvocation("a", "x"): {}}))
    other = lab.run(lab.pipeline([second], {SolidInvocation("b", "x"): {}}))
    assert other.executed_step_keys == ["x"]
    assert other.output_for_solid("x") == "b@1<0>()"


def test_a_value_that_is_computed_again_is_dropped_with_a_warning(lab: Lab) -> None:
    lab.run(joined(lab))
    again = lab.run(joined(lab), memoize=False)
    warned = [entry for entry in lab.instance.all_logs(again.run_id) if "is dropped" in entry.user_message]
    assert {entry.step_key for entry in warned} == {"a", "b", "c", "d", "f", "g"}
    assert lab.run(joined(lab)).executed_step_keys == []
