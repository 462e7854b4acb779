"""`cloudstore config`: what a pipeline takes as run config, a run config to begin with, and whether one is right."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Project

PIPELINE = ("-f", "flights.py", "--mode", "local")


def test_the_scaffold_runs_as_it_is(project: Project) -> None:
    done = project.command("config", "scaffold", *PIPELINE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "solids:  # required\n  clean:  # required\n    config:  # required\n      months: []"
    )
    assert '      # title: "Months"  # StringSource or {env: NAME}; "Months" by default\n' in done.stdout
    project.write("scaffold.yaml", done.stdout)
    assert project.command("config", "check", *PIPELINE, "-c", "scaffold.yaml").returncode == 0
    assert project.command("run", *PIPELINE, "-c", "scaffold.yaml").returncode == 0
    as_json = project.command("config", "scaffold", *PIPELINE, "--json")
    assert (
        json.loads(as_json.stdout) == yaml.safe_load(done.stdout) == {"solids": {"clean": {"config": {"months": []}}}}
    )


def test_the_executors_to_choose_from_are_told_with_the_one_that_is_used_by_default_first(project: Project) -> None:
    text = project.command("config", "scaffold", *PIPELINE).stdout
    first, second = (
        text.index("# execution:\n#   # exactly one of:\n#   in_process:"),
        text.index("#   # multiprocess:"),
    )
    assert first < second
    assert "#   #     max_concurrent: 0  # a whole number, 0 or above or {env: NAME}; 0 by default" in text
    said = json.loads(project.command("config", "schema", *PIPELINE, "--json").stdout)
    validator = jsonschema.Draft202012Validator({**said, "required": []})
    for execution in ({"in_process": {}}, {"multiprocess": {"config": {"max_concurrent": 2}}}):
        assert validator.is_valid({"execution": execution})
    for execution in (
        {},
        {"in_process": {}, "multiprocess": {}},
        {"multiprocess": {"config": {"max": 2}}},
        {"dask": {}},
    ):
        assert not validator.is_valid({"execution": execution})


def test_the_schema_as_text_and_as_json(project: Project) -> None:
    text = project.command("config", "schema", *PIPELINE).stdout
    assert "      months: [Int]  # required\n" in text
    assert "io_manager:\n    config:\n      base_dir:" in text
    assert "s3_bucket" not in text
    assert "      s3_bucket: " in project.command("config", "schema", "-f", "flights.py", "--mode", "s3").stdout
    said = json.loads(project.command("config", "schema", *PIPELINE, "--json").stdout)
    jsonschema.Draft202012Validator.check_schema(said)
    assert said["title"] == "Run config of pipeline flights"
    validator = jsonschema.Draft202012Validator(said)
    validator.validate(yaml.safe_load((project.folder / "config.yaml").read_text()))
    assert not validator.is_valid({"solids": {"clean": {"config": {"months": ["1"]}}}})


def test_a_config_that_fits(project: Project) -> None:
    done = project.command("config", "check", *PIPELINE, "-c", "config.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "The run config fits pipeline 'flights' in mode 'local'.\n"
    done = project.command("config", "check", *PIPELINE, "-c", "config.yaml", "--json")
    assert json.loads(done.stdout) == {"valid": True, "errors": []}
    assert list(project.home.iterdir()) == [], "nothing is recorded"


def test_a_config_that_does_not_fit(project: Project) -> None:
    project.write("wrong.yaml", "solids:\n  clean:\n    config:\n      months: [1, x]\n      titel: T\n")
    done = project.command("config", "check", *PIPELINE, "-c", "wrong.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert "wrong.yaml, line 4: solids.clean.config.months[1]: expected Int, got 'x' (str)" in done.stderr
    assert "wrong.yaml, line 5: solids.clean.config.titel: unknown key 'titel'; did you mean 'title'?" in done.stderr
    done = project.command("config", "check", *PIPELINE, "-c", "wrong.yaml", "--set", "solids.x.config=1", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["valid"]) == (1, False)
    by_path = {".".join(map(str, each["path"])): (each["file"], each["line"]) for each in told["errors"]}
    assert by_path == {
        "solids.clean.config.months.1": ("wrong.yaml", 4),
        "solids.clean.config.titel": ("wrong.yaml", 5),
        "solids.x": (None, None),
    }


@pytest.mark.parametrize("command", ["scaffold", "schema"])
def test_no_config_is_needed_to_say_what_fits(project: Project, command: str) -> None:
    done = project.command("config", command, *PIPELINE, "-c", "config.yaml")
    assert done.returncode == 2
    assert "leave -c and --set out, or use `cloudstore config check`" in done.stderr
    assert "unknown mode 'x'" in project.command("config", command, "-f", "flights.py", "--mode", "x").stderr


def test_a_preset_brings_its_mode_and_config(project: Project) -> None:
    program = (project.folder / "flights.py").read_text()
    presets = '[PresetDefinition("small", {"solids": {"clean": {"config": {"months": [1]}}}}, mode="local")]'
    program = program.replace("from core import ", "from core import PresetDefinition, ")
    project.write(
        "flights.py", program.replace("mode_defs=[local, s3]", f"mode_defs=[s3, local], preset_defs={presets}")
    )
    file = ("-f", "flights.py", "--preset")
    assert project.command("config", "check", *file, "small").returncode == 0
    done = project.command("config", "check", *file, "small", "--set", "solids.clean.config.months=x")
    assert "solids.clean.config.months: expected a list of Int, got 'x' (str)" in done.stderr
    assert "s3_bucket" not in project.command("config", "schema", *file, "small").stdout
    assert "unknown preset 'large'" in project.command("config", "check", *file, "large").stderr
