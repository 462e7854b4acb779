"""Presets: where their run config comes from, and what runs that begin with one are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    Field,
    ModeDefinition,
    PipelineDefinition,
    PresetDefinition,
    SolidDefinition,
    execute_pipeline,
    pipeline,
    plan_pipeline,
    reexecute_pipeline,
    solid,
    versioned_filesystem_io_manager,
)


@solid(config_schema={"rows": int, "name": Field(str, default_value="x")}, version="1")
def loads(context: Any) -> list[str]:
    return [context.solid_config["name"]] * context.solid_config["rows"]


@solid(version="1")
def counts(context: Any, rows: list[str]) -> str:
    return f"{len(rows)} of {rows[:1]} in {context.mode_def.name}"


def config_of(**config: Any) -> dict[str, Any]:
    return {"solids": {"loads": {"config": config}}}


MODES = [
    ModeDefinition("local", resource_defs={"io_manager": versioned_filesystem_io_manager}),
    ModeDefinition("remote", resource_defs={"io_manager": versioned_filesystem_io_manager}),
]


@pipeline(
    mode_defs=MODES,
    preset_defs=[
        PresetDefinition("small", config_of(rows=2), mode="remote", tags={"size": "small", "team": "preset"}),
        PresetDefinition("plain", config_of(rows=3)),
        PresetDefinition("incomplete", config_of(name="y"), tags={"dagster/is_memoized_run": "true"}),
        PresetDefinition("no config"),
        PresetDefinition("part", config_of(rows=1), solid_selection=["loads"]),
    ],
    tags={"team": "pipeline"},
)
def report() -> None:
    counts(loads())


# ---- runs ----


def test_a_run_of_a_preset_is_as_it_says(instance: DagsterInstance) -> None:
    result = execute_pipeline(report, preset="small", instance=instance)
    assert result.output_for_solid("counts") == "2 of ['x'] in remote"
    [run] = instance.get_runs()
    assert (run.mode, run.run_config) == ("remote", config_of(rows=2))
    assert run.tags == {"size": "small", "team": "preset", "dagster/preset_name": "small"}


def test_what_is_asked_besides_is_merged_onto_it(instance: DagsterInstance) -> None:
    asked = config_of(name="z")
    result = execute_pipeline(
        report, asked, "remote", "small", tags={"team": "run", "dagster/preset_name": "other"}, instance=instance
    )
    assert result.output_for_solid("counts") == "2 of ['z'] in remote"
    [run] = instance.get_runs()
    assert run.run_config == config_of(rows=2, name="z")
    assert run.tags == {"size": "small", "team": "run", "dagster/preset_name": "small"}
    assert asked == config_of(name="z")
    assert report.get_preset("small").run_config == config_of(rows=2)


def test_a_run_without_a_preset_is_of_none(instance: DagsterInstance) -> None:
    execute_pipeline(report, config_of(rows=1), instance=instance)
    [run] = instance.get_runs()
    assert (run.mode, run.tags) == ("local", {"team": "pipeline"})


def test_the_faults_of_a_preset_are_those_of_a_run_config() -> None:
    with pytest.raises(DagsterInvalidConfigError, match=r"solids\.loads\.config.*rows"):
        execute_pipeline(report, preset="incomplete")
    with pytest.raises(DagsterInvalidConfigError, match="solids: missing required config: loads"):
        execute_pipeline(report, preset="no config")


EXECUTORS: dict[str, Callable[..., Any]] = {
    "execute_pipeline": lambda instance, **asked: execute_pipeline(report, instance=instance, **asked),
    "plan_pipeline": lambda instance, **asked: plan_pipeline(report, instance=instance, **asked),
    "reexecute_pipeline": lambda instance, **asked: reexecute_pipeline(
        report, instance.get_runs()[0].run_id, instance=instance, **asked
    ),
}


@pytest.mark.parametrize("how", EXECUTORS)
def test_an_unknown_preset_or_another_mode_is_refused_with_what_there_is(how: str, instance: DagsterInstance) -> None:
    execute_pipeline(report, config_of(rows=1), instance=instance)
    with pytest.raises(DagsterInvariantViolationError) as caught:
        EXECUTORS[how](instance, preset="smal")
    assert str(caught.value) == (
        "Pipeline 'report': unknown preset 'smal'; did you mean 'small'? Known: incomplete, no config, part, plain, "
        "small."
    )
    with pytest.raises(DagsterInvariantViolationError) as caught:
        EXECUTORS[how](instance, preset="small", mode="local")
    assert str(caught.value) == (
        "Preset 'small' of pipeline 'report' is for mode 'remote', and mode 'local' was asked for; leave out one of "
        "them."
    )
    assert len(instance.get_runs()) == 1


def test_a_run_is_executed_again_with_another_preset(instance: DagsterInstance) -> None:
    parent = execute_pipeline(report, config_of(rows=5, name="w"), instance=instance, tags={"kind": "parent"})
    again = reexecute_pipeline(report, parent.run_id, preset="small", instance=instance)
    assert again.output_for_solid("counts") == "2 of ['x'] in remote"
    run = instance.get_run_by_id(again.run_id)
    assert run is not None
    assert run.run_config == config_of(rows=2)
    assert run.tags["dagster/preset_name"] == "small"
    assert (run.tags["kind"], run.parent_run_id) == ("parent", parent.run_id)
    merged = reexecute_pipeline(report, parent.run_id, config_of(rows=4), preset="incomplete", instance=instance)
    assert merged.output_for_solid("counts") == "4 of ['y'] in local"


def test_a_plan_of_a_preset_is_that_of_its_run(instance: DagsterInstance) -> None:
    execute_pipeline(report, preset="small", instance=instance, memoize=True)
    assert plan_pipeline(report, preset="small", instance=instance).step_keys_to_execute == ()
    assert plan_pipeline(report, preset="plain", instance=instance).step_keys_to_execute == ("loads", "counts")


def test_a_preset_may_make_runs_memoized(instance: DagsterInstance) -> None:
    asked = config_of(rows=1)
    assert len(execute_pipeline(report, asked, preset="incomplete", instance=instance).executed_step_keys) == 2
    assert execute_pipeline(report, asked, preset="incomplete", instance=instance).executed_step_keys == []


def test_a_preset_may_be_for_some_solids(instance: DagsterInstance) -> None:
    result = execute_pipeline(report, preset="part", instance=instance)
    assert result.executed_step_keys == ["loads"]
    planned = plan_pipeline(report, preset="part", instance=instance)
    assert [step.step_key for step in planned.versioned.steps] == ["loads"]
    asked = {"solids": {"counts": {"inputs": {"rows": ["a"]}}}}
    other = execute_pipeline(report, asked, preset="part", solid_selection=["counts"], instance=instance)
    assert other.executed_step_keys == ["counts"]
    again = reexecute_pipeline(report, other.run_id, preset="small", instance=instance)
    assert again.executed_step_keys == ["loads", "counts"]


@pytest.mark.parametrize("names", list(itertools.permutations(["default", "local", "remote"])))
def test_a_preset_without_a_mode_is_for_the_one_called_default_or_the_first(names: tuple[str, ...]) -> None:
    def built(of: tuple[str, ...], mode: str | None) -> PipelineDefinition:
        gives = SolidDefinition("gives", [], lambda context, _: context.mode_def.name)
        presets = [PresetDefinition("a preset", mode=mode)]
        return PipelineDefinition([gives], mode_defs=[ModeDefinition(name) for name in of], preset_defs=presets)

    for mode in (None, *names):
        result = execute_pipeline(built(names, mode), preset="a preset")
        assert result.output_for_solid("gives") == (mode or "default")
    without = tuple(name for name in names if name != "default")
    assert execute_pipeline(built(without, None), preset="a preset").output_for_solid("gives") == without[0]


# ---- definitions ----


def test_a_pipeline_knows_its_presets() -> None:
    assert [preset.name for preset in report.preset_defs] == ["small", "plain", "incomplete", "no config", "part"]
    assert report.has_preset("small")
    assert not report.has_preset("large")
    small = report.get_preset("small")
    assert (small.mode, small.tags, small.solid_selection) == (
        "remote",
        {"size": "small", "team": "preset"},
        None,
    )
    assert small == PresetDefinition("small", config_of(rows=2), mode="remote", tags=small.tags)
    assert small != report.get_preset("plain")
    assert repr(small) == "PresetDefinition('small', mode='remote')"


def test_the_run_config_of_a_preset_is_its_own() -> None:
    given = config_of(rows=[1])
    preset = PresetDefinition("own", given)
    given["solids"]["loads"]["config"]["rows"].append(2)
    more = {"solids": {"loads": {"config": {"name": "y"}}, "counts": {}}}
    changed = preset.with_additional_config(more)
    assert preset.run_config == config_of(rows=[1])
    assert changed.run_config == {"solids": {"loads": {"config": {"rows": [1], "name": "y"}}, "counts": {}}}
    assert preset.with_additional_config(None) == preset
    same = PresetDefinition("own", config_of(rows=[1]), ["loads"], "local", {"a": "b"})
    assert vars(same.with_additional_config({})) == vars(same)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: built([PresetDefinition("a"), PresetDefinition("a")]), "Two presets of pipeline 'p' are called 'a'"),
        (
            lambda: built([PresetDefinition("a", mode="defalt")]),
            "Preset 'a' of pipeline 'p': unknown mode 'defalt'; did you mean 'default'? Known: default.",
        ),
        (lambda: built([{"name": "a"}]), "preset_defs of pipeline 'p' holds a dict, which is not a PresetDefinition"),
        (lambda: PresetDefinition(""), "name of a preset must not be empty."),
        (lambda: PresetDefinition(None), "name of a preset must be a str; it is None."),
        (lambda: PresetDefinition("a", "a.yaml"), "run_config of preset 'a' must be a dict; it is a str. From files,"),
        (
            lambda: PresetDefinition("a", solid_selection="loads"),
            "a list of str; it is a str; write ['loads']",
        ),
        (lambda: PresetDefinition("a", tags={1: "x"}), "tags of preset 'a' has a key that is an int"),
    ],
)
def test_what_is_no_preset_is_refused(make: Callable[[], Any], said: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError) as caught:
        make()
    assert said in str(caught.value)


def built(presets: Any) -> PipelineDefinition:
    return PipelineDefinition([loads], "p", preset_defs=presets)


# ---- files, texts, packages ----


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with files of config; it is a package for imports too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "preset_package" / "config"
    package.mkdir(parents=True)
    for name, text in {
        "base.yaml": "solids: {loads: {config: {rows: 1, name: base}}}",
        "more.yaml": "solids: {loads: {config: {rows: 2}}}\nloggers: {console: {}}",
        "empty.yaml": "",
        "list.yaml": "- 1",
        "broken.yaml": "a: [1",
    }.items():
        (tmp_path / name).write_text(text, "utf-8")
        (package / name).write_text(text, "utf-8")
    (tmp_path / "preset_package" / "__init__.py").touch()
    return tmp_path


BOTH = {"solids": {"loads": {"config": {"rows": 2, "name": "base"}}}, "loggers": {"console": {}}}
REST: dict[str, Any] = {"solid_selection": ["loads"], "mode": "local", "tags": {"a": {"b": 1}}}
SOURCES: dict[str, Callable[[Path], PresetDefinition]] = {
    "paths": lambda _: PresetDefinition.from_files("a", ["base.yaml", "empty.yaml", "more.yaml"], **REST),
    "whole paths": lambda folder: PresetDefinition.from_files(
        "a", [folder / "base.yaml", folder / "more.yaml"], **REST
    ),
    "patterns": lambda _: PresetDefinition.from_files("a", ["[b]ase.yaml", "mor*.yaml"], **REST),
    "one pattern": lambda _: PresetDefinition.from_files("a", ["[bm][ao][sr]e.yaml"], **REST),
    "texts": lambda folder: PresetDefinition.from_yaml_strings(
        "a", [(folder / name).read_text() for name in ("base.yaml", "more.yaml")], **REST
    ),
    "packages": lambda _: PresetDefinition.from_pkg_resources(
        "a", [("preset_package", "config/base.yaml"), ("preset_package.config", "more.yaml")], **REST
    ),
}


@pytest.mark.parametrize("source", SOURCES)
def test_run_config_of_several_sources_is_merged(source: str, folder: Path) -> None:
    preset = SOURCES[source](folder)
    assert preset == PresetDefinition("a", BOTH, **REST)
    assert PresetDefinition.from_yaml_strings("b", [preset.get_environment_yaml()]).run_config == BOTH


def test_without_sources_it_is_empty() -> None:
    for make in (
        PresetDefinition.from_files,
        PresetDefinition.from_yaml_strings,
        PresetDefinition.from_pkg_resources,
    ):
        assert make("a") == make("a", []) == PresetDefinition("a")


def test_one_path_may_stand_for_a_list(folder: Path) -> None:
    from_list = PresetDefinition.from_files("a", ["more.yaml"])
    assert PresetDefinition.from_files("a", "more.yaml") == PresetDefinition.from_files("a", Path("more.yaml"))
    assert PresetDefinition.from_files("a", (name for name in ["more.yaml"])) == from_list
    assert PresetDefinition.from_files("a", "more.yaml") == from_list
    assert PresetDefinition.from_yaml_strings("a", "solids: {}").run_config == {"solids": {}}


MISSING = "Preset 'a': there is no file 'none.yaml', and none that matches it as a pattern. Paths are from the current"


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: PresetDefinition.from_files("a", ["none.yaml"]), DagsterInvalidDefinitionError, MISSING),
        (lambda: PresetDefinition.from_files("a", ["base.yaml", "none*"]), DagsterInvalidDefinitionError, "'none*'"),
        (
            lambda: PresetDefinition.from_files("a", ["broken.yaml"]),
            DagsterInvariantViolationError,
            "The run config of preset 'a': broken.yaml is not YAML: line 1",
        ),
        (
            lambda: PresetDefinition.from_files("a", ["list.yaml"]),
            DagsterInvariantViolationError,
            "list.yaml must hold a mapping, not a list",
        ),
        (
            lambda: PresetDefinition.from_files("a", ["preset_package"]),
            DagsterInvariantViolationError,
            "Cannot read preset_package: Is a directory.",
        ),
        (
            lambda: PresetDefinition.from_yaml_strings("a", ["a: 1", "- 1"]),
            DagsterInvariantViolationError,
            "The run config of preset 'a': YAML text 2 must hold a mapping, not a list.",
        ),
        (
            lambda: PresetDefinition.from_yaml_strings("a", [b"a: 1"]),  # type: ignore[list-item]
            DagsterInvariantViolationError,
            "The run config of preset 'a': YAML text 1 must be a text, not a bytes.",
        ),
        (
            lambda: PresetDefinition.from_pkg_resources("a", ["base.yaml"]),  # type: ignore[list-item]
            DagsterInvalidDefinitionError,
            "pkg_resource_defs of preset 'a' are pairs of a package and the name of a file in it",
        ),
        (
            lambda: PresetDefinition.from_yaml_strings("a", ["a: ["]),
            DagsterInvariantViolationError,
            "The run config of preset 'a': YAML text 1 is not YAML: line 1",
        ),
        (
            lambda: PresetDefinition.from_pkg_resources("a", [("no_such_package", "base.yaml")]),
            DagsterInvariantViolationError,
            "preset 'a': 'base.yaml' of package 'no_such_package': No module named 'no_such_package'",
        ),
        (
            lambda: PresetDefinition.from_pkg_resources("a", [("preset_package", "none.yaml")]),
            DagsterInvariantViolationError,
            "preset 'a': 'none.yaml' of package 'preset_package': Cannot read",
        ),
        (
            lambda: PresetDefinition.from_pkg_resources("a", [("preset_package", "config/broken.yaml")]),
            DagsterInvariantViolationError,
            "is not YAML: line 1",
        ),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_read_is_told(make: Callable[[], Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error) as caught:
        make()
    assert said in str(caught.value)
