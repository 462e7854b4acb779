"""`cloudstore run --preset` and `cloudstore plan --preset`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

REPORT = """
from core import ModeDefinition, PresetDefinition, file_relative_path, pipeline, solid, versioned_filesystem_io_manager

@solid(config_schema={"rows": int, "name": str}, version="1")
def loads(context):
    print(context.mode_def.name, context.solid_config["rows"], context.solid_config["name"])
    return context.solid_config["rows"]

io_manager = {"io_manager": versioned_filesystem_io_manager}

@pipeline(
    mode_defs=[ModeDefinition("local", io_manager), ModeDefinition("remote", io_manager)],
    preset_defs=[
        PresetDefinition.from_files("small", [file_relative_path(__file__, "small.yaml")], mode="remote"),
        PresetDefinition("memoized", tags={"dagster/is_memoized_run": "true"}),
        PresetDefinition("none", {"solids": {"loads": {"config": {"rows": 1, "name": "x"}}}}, ["loads"]),
    ],
)
def report():
    loads()
"""
SMALL = "solids: {loads: {config: {rows: 2, name: preset}}}\n"
FROM_FILE = "solids: {loads: {config: {name: file}}}\n"
NAME, ROWS = "solids.loads.config.name=setting", "solids.loads.config.rows=3"


@pytest.fixture
def report(project: Project) -> Project:
    project.write("report.py", REPORT)
    project.write("small.yaml", SMALL)
    project.write("file.yaml", FROM_FILE)
    return project


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("--preset", "small"), "remote 2 preset"),
        (("-p", "small", "-c", "file.yaml"), "remote 2 file"),
        (("-p", "small", "--set", NAME, "-c", "file.yaml"), "remote 2 setting"),
        (("-p", "small", "--mode", "remote", "--set", ROWS), "remote 3 preset"),
        (("-p", "memoized", "--set", ROWS, "--set", NAME), "local 3 setting"),
    ],
)
def test_files_and_settings_are_merged_onto_a_preset(report: Project, arguments: tuple[str, ...], printed: str) -> None:
    done = report.command("run", "-f", "report.py", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == printed


def test_a_preset_may_make_the_run_memoized_and_a_plan_knows_it(report: Project) -> None:
    chosen = ("-f", "report.py", "-p", "memoized", "--set", ROWS, "--set", NAME)
    planned_first = report.command("run", *chosen, "--dry-run").stdout
    assert planned_first.startswith("loads\twould run\t")
    assert report.command("run", *chosen).returncode == 0
    planned = report.command("plan", *chosen, "--json")
    assert [step["outcome"] for step in json.loads(planned.stdout)["steps"]] == ["hit"]
    assert "memoized" in report.command("run", *chosen).stderr
    assert (
        "would run, since the run would not be memoized"
        in report.command("run", "-f", "report.py", "-p", "small", "--dry-run").stdout
    )


def test_a_preset_may_be_for_some_solids(report: Project) -> None:
    report.write("report.py", REPORT.replace("    loads()\n", "    loads()\n    loads.alias('again')()\n"))
    done = report.command("run", "-f", "report.py", "-p", "none")
    assert done.returncode == 0, done.stderr
    assert "[1/1] loads" in done.stderr
    assert "again" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["run", "plan"])
def test_an_unknown_preset_or_another_mode_is_told(report: Project, command: str) -> None:
    done = report.command(command, "-f", "report.py", "--preset", "large")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: Pipeline 'report': unknown preset 'large'. Known: memoized, none, small.\n"
    done = report.command(command, "-f", "report.py", "--preset", "small", "--mode", "local")
    assert done.returncode == 1
    assert "Preset 'small' of pipeline 'report' is for mode 'remote', and mode 'local' was asked for" in done.stderr


def test_a_preset_that_cannot_be_read_is_told_with_its_name(report: Project) -> None:
    report.write("small.yaml", "solids: [")
    done = report.command("run", "-f", "report.py", "-p", "small")
    assert done.returncode == 1
    assert "The run config of preset 'small': " in done.stderr.splitlines()[-1]
    assert "small.yaml is not YAML: line 1" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", [("run",), ("run", "--dry-run"), ("plan",)])
def test_config_that_is_missing_is_told_with_the_presets_that_there_are(
    report: Project, command: tuple[str, ...]
) -> None:
    done = report.command(*command, "-f", "report.py")
    assert done.returncode == 1
    assert "solids: missing required config" in done.stderr
    assert done.stderr.rstrip().endswith(
        "Pipeline 'report' has presets of config: small, memoized, none. Add -p small."
    )
    for arguments in (("-p", "memoized"), ("--set", "solids.loads.config.rows=x", "--set", NAME)):
        done = report.command(*command, "-f", "report.py", *arguments)
        assert (done.returncode, "has presets of config" in done.stderr) == (1, False)
