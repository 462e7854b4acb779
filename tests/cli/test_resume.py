"""`cloudstore run --resume`: goes on after a run whose process was killed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from core import DagsterInstance
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    InProcessRepositoryLocationOrigin,
    LoadableTargetOrigin,
)

if TYPE_CHECKING:
    from conftest import Project

NUMBERS = """
import os, signal
from pathlib import Path
from core import ModeDefinition, fs_io_manager, pipeline, solid

@solid(config_schema={"times": int})
def first(context):
    return context.solid_config["times"]

@solid
def second(number: int) -> int:
    if not Path("marker").exists():
        Path("marker").touch()
        os.kill(os.getpid() if os.environ["KILLS"] == "the step" else RUN, signal.SIGKILL)
        signal.pause()
    return number * 2

RUN = os.getppid()

@pipeline(mode_defs=[ModeDefinition("here"), ModeDefinition("disk", {"io_manager": fs_io_manager})])
def numbers():
    second(first())
"""
CONFIG = ("--mode", "disk", "--set", "solids.first.config.times=4")


def killed(project: Project, *arguments: str) -> str:
    """The id of a run whose process was killed with -9 in its second step."""
    project.write("numbers.py", NUMBERS)
    kills = "the run" if "--processes" in arguments else "the step"
    done = project.command("run", "-f", "numbers.py", *CONFIG, *arguments, variables={"KILLS": kills})
    assert done.returncode == -9, done.stderr
    [run] = json.loads(project.command("runs", "--json").stdout)["runs"]
    assert run["status"] == "STARTED"
    return str(run["run_id"])


@pytest.mark.parametrize(
    ("begun", "resumed"), [((), ()), (("--processes", "2"), ()), ((), ("--processes", "2"))], ids=str
)
def test_the_run_goes_on_with_its_config_and_mode(
    begun: tuple[str, ...], resumed: tuple[str, ...], project: Project
) -> None:
    run_id = killed(project, *begun)
    done = project.command(
        "run", "-f", "numbers.py", "--resume", run_id[:8], "--json", *resumed, variables={"KILLS": "nothing"}
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["mode"]) == ("SUCCESS", "disk")
    assert [(step["step_key"], step["outcome"]) for step in told["steps"]] == [
        ("second", "executed"),
        ("first", "not executed"),
    ]
    assert project.command("value", told["run_id"], "second", "-f", "numbers.py").stdout.strip().endswith("8")
    shown = project.command("runs", "show", run_id).stdout
    assert f"run {run_id}: FAILURE" in shown
    assert " is gone, and has not said how it ended." in shown


def test_the_code_is_found_where_the_run_says_that_it_is(project: Project) -> None:
    run_id = killed(project)
    refused = project.command("run", "--resume", run_id, variables={"KILLS": "nothing"})
    assert refused.returncode == 1
    assert refused.stderr == (
        f"Error: Run {run_id} does not say where the code of pipeline 'numbers' is; name it with -f FILE or -m "
        "MODULE.\n"
    )
    target = LoadableTargetOrigin(python_file=str(project.folder / "numbers.py"), attribute="numbers")
    repository = ExternalRepositoryOrigin(InProcessRepositoryLocationOrigin(target), "ours")
    with DagsterInstance.from_config(str(project.home)) as instance:
        config = {"solids": {"first": {"config": {"times": 4}}}}
        origin = ExternalPipelineOrigin(repository, "numbers")
        told = instance.create_run("numbers", mode="disk", run_config=config, external_pipeline_origin=origin)
        instance.report_run_failed(told)
    done = project.command(
        "run", "--resume", told.run_id, "--set", "solids.first.config.times=5", variables={"KILLS": "nothing"}
    )
    assert done.returncode == 0, done.stderr
    assert "│ second  │ executed │" in done.stdout


@pytest.mark.parametrize("option", [("--refresh", "first"), ("--select", "first"), ("--preset", "x"), ("--dry-run",)])
def test_what_a_run_is_to_do_is_not_changed(option: tuple[str, ...], project: Project) -> None:
    project.write("numbers.py", NUMBERS)
    done = project.command("run", "-f", "numbers.py", "--resume", "5c1f", *option)
    assert done.returncode == 2
    assert f"leave out {option[0]}. -c and --set change its run config." in done.stderr


def test_a_run_that_is_not_there_is_told(project: Project) -> None:
    project.write("numbers.py", NUMBERS)
    done = project.command("run", "-f", "numbers.py", "--resume", "5c1f")
    assert (done.returncode, done.stderr) == (
        1, "Error: No run has an id that begins with '5c1f'; `cloudstore runs` lists them.\n"
    )  # fmt: skip
    assert project.command("run").stderr.endswith("Name the code of the pipeline, with -f FILE or -m MODULE.\n")


SECRET = """
import os, signal
from core import Field, ModeDefinition, StringSource, fs_io_manager, pipeline, solid

@solid(config_schema={"password": Field(StringSource, is_secret=True)})
def login(context):
    if os.environ["KILLS"] == "the step":
        os.kill(os.getpid(), signal.SIGKILL)
    return len(context.solid_config["password"])

@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
def safe():
    login()
"""


def test_a_secret_that_was_not_kept_is_given_again(project: Project) -> None:
    project.write("safe.py", SECRET)
    given = ("--set", "solids.login.config.password=correct-horse")
    kills, nothing = {"KILLS": "the step"}, {"KILLS": "nothing"}
    assert project.command("run", "-f", "safe.py", *given, variables=kills).returncode == -9
    [run] = json.loads(project.command("runs", "--json").stdout)["runs"]
    refused = project.command("run", "-f", "safe.py", "--resume", run["run_id"], variables=nothing)
    assert refused.returncode == 1
    assert "solids.login.config.password" in refused.stderr
    done = project.command("run", "-f", "safe.py", "--resume", run["run_id"], *given, variables=nothing)
    assert done.returncode == 0, done.stderr
