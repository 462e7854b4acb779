"""The config of single inputs and outputs is part of versions: a changed one is never a stale hit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import (
    DependencyDefinition,
    Field,
    FileFingerprint,
    InputDefinition,
    IOManagerDefinition,
    ModeDefinition,
    MultiDependencyDefinition,
    Noneable,
    Output,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    SolidDefinition,
    execute_pipeline,
    io_manager,
    plan_pipeline,
    versioned_filesystem_io_manager,
)
from core.views.explanations import explain_steps
from core.views.memoized_runs import read_memoized_run

if TYPE_CHECKING:
    from conftest import Lab

OUTPUT_SCHEMA = {"factor": Field(int, default_value=1), "secret": Field(Noneable(str), is_secret=True)}
INPUT_SCHEMA = {"first": Field(Noneable(int), default_value=None), "secret": Field(Noneable(str), is_secret=True)}


def scaling(plain: Any, output_schema: Any = OUTPUT_SCHEMA, input_schema: Any = INPUT_SCHEMA) -> IOManagerDefinition:
    """An IO manager that multiplies the items it stores, and loads the first items only, as its config says."""

    def create(init_context: Any) -> Any:
        made = plain.create(init_context)
        store, load = made.handle_output, made.load_input

        def scaled(context: Any, items: list[int]) -> Any:
            return store(context, [(context.config or {}).get("factor", 1) * item for item in items])

        made.handle_output = scaled
        made.load_input = lambda context: load(context)[: (context.config or {}).get("first")]
        return made

    return IOManagerDefinition(
        create,
        plain.config_schema.field,
        required_resource_keys=plain.required_resource_keys,
        version=plain.version,
        input_config_schema=input_schema,
        output_config_schema=output_schema,
    )


def giving(value: Any) -> Any:
    return lambda context, inputs: value


def copied(context: Any, inputs: dict[str, Any]) -> list[Any]:
    return [item for each in inputs.values() for item in each]


def joined(context: Any, inputs: dict[str, Any]) -> list[Any]:
    return [item for items in inputs["items"] for item in items]


class Runs:
    """Runs a pipeline `numbers -> (left, right) -> both`, memoized; each step's value shows what it was made from."""

    def __init__(self, lab: Lab, manager: Any = None) -> None:
        self.lab = lab
        resources = {**lab.mode.resource_defs, "io_manager": manager or scaling(lab.mode.resource_defs["io_manager"])}
        one = [InputDefinition("items")]
        solids = [
            SolidDefinition("numbers", [], giving([1, 2, 3]), version="1"),
            SolidDefinition("left", one, copied, version="1"),
            SolidDefinition("right", one, copied, version="1"),
            SolidDefinition("both", [InputDefinition("l"), InputDefinition("r")], copied, version="1"),
        ]
        feeds = {
            "left": {"items": DependencyDefinition("numbers")},
            "right": {"items": DependencyDefinition("numbers")},
            "both": {"l": DependencyDefinition("left"), "r": DependencyDefinition("right")},
        }
        modes = [ModeDefinition(resource_defs=resources)]
        self.pipeline = PipelineDefinition(solids, "diamond", dependencies=feeds, mode_defs=modes)

    def config(self, solids: dict[str, Any]) -> dict[str, Any]:
        return {"solids": solids, "resources": self.lab.resources}

    def result(self, **solids: Any) -> PipelineExecutionResult:
        return execute_pipeline(self.pipeline, self.config(solids), instance=self.lab.instance, memoize=True)

    def executed(self, **solids: Any) -> list[str]:
        return sorted(self.result(**solids).executed_step_keys)


def output(**config: Any) -> dict[str, Any]:
    return {"outputs": {"result": config}}


def loading(name: str, **config: Any) -> dict[str, Any]:
    return {"inputs": {name: config}}


def test_config_of_an_output_changes_its_version_and_all_that_comes_of_it(lab: Lab) -> None:
    runs = Runs(lab)
    assert runs.executed() == ["both", "left", "numbers", "right"]
    assert runs.executed() == []
    changed = {"left": output(factor=10)}
    result = runs.result(**changed)
    assert sorted(result.executed_step_keys) == ["both", "left"]
    assert result.output_for_solid("both") == [10, 20, 30, 1, 2, 3]
    assert runs.executed(**changed) == []
    assert runs.executed() == []  # what was stored before is still there under its own version
    assert runs.result().output_for_solid("both") == [1, 2, 3, 1, 2, 3]


def test_config_of_an_input_changes_the_version_of_the_step_that_takes_it_and_not_of_others(lab: Lab) -> None:
    runs = Runs(lab)
    runs.executed()
    changed = {"right": loading("items", first=1)}
    result = runs.result(**changed)
    assert sorted(result.executed_step_keys) == ["both", "right"]
    assert result.output_for_solid("both") == [1, 2, 3, 1]
    assert runs.executed(**changed) == []
    assert runs.executed() == []


def test_the_same_config_for_another_input_is_another_version(disk_lab: Lab) -> None:
    runs = Runs(disk_lab)
    assert runs.result(both=loading("l", first=1)).output_for_solid("both") == [1, 1, 2, 3]
    assert runs.result(both=loading("r", first=1)).output_for_solid("both") == [1, 2, 3, 1]


def test_a_default_that_is_written_out_is_no_change_and_one_that_changes_is(disk_lab: Lab) -> None:
    runs = Runs(disk_lab)
    runs.executed()
    assert runs.executed(left=output(factor=1), right=loading("items", first=None)) == []
    plain = disk_lab.mode.resource_defs["io_manager"]
    doubling = scaling(plain, {**OUTPUT_SCHEMA, "factor": Field(int, default_value=2)})
    assert Runs(disk_lab, doubling).executed() == ["both", "left", "numbers", "right"]


def test_numbers_and_texts_do_not_meet(disk_lab: Lab) -> None:
    anything = scaling(disk_lab.mode.resource_defs["io_manager"], {"note": Field(Noneable(object), is_required=True)})
    runs = Runs(disk_lab, anything)
    notes = [1, "1", True, 1.0, None]
    solids = [{name: output(note=note) for name in ("numbers", "left", "right", "both")} for note in notes]
    assert [len(runs.executed(**each)) for each in solids] == [4] * len(notes)
    assert [len(runs.executed(**each)) for each in solids] == [0] * len(notes)


def test_secrets_are_no_part_of_versions(disk_lab: Lab) -> None:
    runs = Runs(disk_lab)
    runs.executed(left={**output(secret="a"), **loading("items", secret="b")})
    assert runs.executed(left={**output(secret="c"), **loading("items", secret="d")}) == []


def test_an_io_manager_that_takes_config_and_gets_none_finds_what_was_stored_before_it_did(disk_lab: Lab) -> None:
    plain = disk_lab.mode.resource_defs["io_manager"]
    Runs(disk_lab, plain).executed()
    optional = {"factor": Field(int, is_required=False)}
    assert Runs(disk_lab, scaling(plain, optional, {"first": Field(int, is_required=False)})).executed() == []


def test_of_several_outputs_only_the_one_with_changed_config_has_another_version(disk_lab: Lab) -> None:
    @io_manager(
        output_config_schema={"factor": Field(int, default_value=1)},
        config_schema=versioned_filesystem_io_manager.config_schema.field,
    )
    def manager(init_context: Any) -> Any:
        return versioned_filesystem_io_manager.create(init_context)

    def pair(context: Any, inputs: Any) -> Any:
        yield Output(1, "x")
        yield Output(2, "y")

    outputs = [OutputDefinition(name="x"), OutputDefinition(name="y")]
    solids = [SolidDefinition("pair", [], pair, outputs, version="1")]
    modes = [ModeDefinition(resource_defs={"io_manager": manager})]
    defined = PipelineDefinition(solids, "pairs", mode_defs=modes)
    config = {"resources": disk_lab.resources, "solids": {"pair": {"outputs": {"y": {"factor": 3}}}}}
    before = plan_pipeline(defined, {"resources": disk_lab.resources}).versioned.steps[0].outputs
    after = plan_pipeline(defined, config).versioned.steps[0].outputs
    assert before["x"] == after["x"]
    assert before["y"] != after["y"]


def test_a_fan_in_has_the_config_of_its_loading_in_its_version(disk_lab: Lab) -> None:
    solids = [
        *(SolidDefinition(name, [], giving([1, 2, 3]), version="1") for name in "ab"),
        SolidDefinition("gather", [InputDefinition("items")], joined, version="1"),
    ]
    feed = MultiDependencyDefinition([DependencyDefinition("a"), DependencyDefinition("b")])
    manager = scaling(disk_lab.mode.resource_defs["io_manager"])
    modes = [ModeDefinition(resource_defs={"io_manager": manager})]
    defined = PipelineDefinition(solids, dependencies={"gather": {"items": feed}}, mode_defs=modes)

    def result(**config: Any) -> PipelineExecutionResult:
        run_config = {"resources": disk_lab.resources, "solids": {"gather": loading("items", **config)}}
        return execute_pipeline(defined, run_config, instance=disk_lab.instance, memoize=True)

    assert result().output_for_solid("gather") == [1, 2, 3, 1, 2, 3]
    changed = result(first=1)
    assert changed.executed_step_keys == ["gather"]
    assert changed.output_for_solid("gather") == [1, 1]


@pytest.mark.parametrize("place", ["input", "output"])
def test_a_file_that_it_points_at_counts_by_its_content(place: str, disk_lab: Lab, tmp_path: Path) -> None:
    lookup = tmp_path / "lookup.csv"
    lookup.write_text("1")
    schema = {"lookup": Field(Noneable(str), default_value=None, fingerprint=FileFingerprint())}
    plain = disk_lab.mode.resource_defs["io_manager"]
    runs = Runs(disk_lab, scaling(plain, schema, schema))
    given = output(lookup=str(lookup)) if place == "output" else loading("items", lookup=str(lookup))
    runs.executed(left=given)
    assert runs.executed(left=given) == []
    lookup.write_text("2")
    assert runs.executed(left=given) == ["both", "left"]
    assert runs.executed(left=given) == []


@pytest.mark.parametrize(
    ("step", "defaults", "said"),
    [
        ("numbers", (object(), 1), "the config of output 'result' holds a value of type object, which"),
        ("left", (1, object()), "its config, or that of its inputs, holds a value of type object, which"),
    ],
)
def test_config_without_a_canonical_form_leaves_the_step_unversioned(
    disk_lab: Lab, step: str, defaults: tuple[object, object], said: str
) -> None:
    schemas = [{"thing": Field(object, default_value=each)} for each in defaults]
    runs = Runs(disk_lab, scaling(disk_lab.mode.resource_defs["io_manager"], *schemas))
    planned = plan_pipeline(runs.pipeline, runs.config({}), instance=disk_lab.instance)
    unversioned = [each for each in planned.versioned.steps if each.unversioned]
    assert unversioned[0].step_key == step
    assert unversioned[0].unversioned == f"{said} has no canonical form"


def test_explain_names_the_field_that_changed(disk_lab: Lab) -> None:
    runs = Runs(disk_lab)
    runs.executed()
    changed = runs.result(left=output(factor=10), right=loading("items", first=1))
    explained = explanations(disk_lab, changed.run_id)
    assert explained["left"] == ("storing `result.factor`: 1 → 10",)
    assert explained["right"] == ("loading `items.first`: None → 1",)
    assert explained["both"] == ("upstream `left.result`", "upstream `right.result`")


def explanations(lab: Lab, run_id: str) -> dict[str, tuple[str, ...]]:
    run = read_memoized_run(lab.instance, lab.instance.get_existing_run(run_id))
    assert run is not None
    return {each.step_key: each.reasons for each in explain_steps(lab.instance, "diamond", run, list(run.steps))}


def test_versions_of_pipelines_without_such_config_are_those_of_earlier_releases(disk_lab: Lab) -> None:
    runs = Runs(disk_lab, disk_lab.mode.resource_defs["io_manager"])
    planned = plan_pipeline(runs.pipeline, runs.config({}), instance=disk_lab.instance)
    assert {step.step_key: str(step.outputs["result"])[:16] for step in planned.versioned.steps} == {
        "numbers": "58625a64265c23bd",
        "left": "74722ee7d86a8cf4",
        "right": "699bd3507377e157",
        "both": "519d3293fec17245",
    }
