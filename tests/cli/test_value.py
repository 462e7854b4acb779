"""`cloudstore value`: what a step has given, shown and saved."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from conftest import Project

VALUES = """
import os, pandas
from cloudstore import s3_resource, versioned_s3_io_manager
from core import *
from core import versioned_filesystem_io_manager

class Own:
    def __repr__(self):
        return "an Own"

class Evil:
    def __reduce__(self):
        return os.mkdir, ("it-ran",)

@solid(version="1", output_defs=[OutputDefinition(name="one"), OutputDefinition(name="two", is_required=False)])
def several(_):
    yield Output([1, 2, 3], "one")

@solid(version="1", output_defs=[OutputDefinition(pandas.DataFrame, metadata={"codec": "parquet"})])
def frame(_):
    return pandas.DataFrame({"a": [1, 2]})

@solid(version="1")
def own(_):
    return [Own()]

@solid(version="1")
def large(_):
    return [list(range(100_000))] * 1000

@solid(version="1")
def escapes(_):
    return "\\x1b[35m\\u202e"

@solid(version="1")
def after(_, x):
    return x

def mode(name, **resources):
    return ModeDefinition(name, resources)

@pipeline(mode_defs=[
    mode("versioned", io_manager=versioned_filesystem_io_manager), mode("files", io_manager=fs_io_manager),
    mode("s3", s3=s3_resource, io_manager=versioned_s3_io_manager), mode("memory"),
])
def values():
    several(); frame(); own(); after(large()); escapes()

@solid(version="1")
def evil(_):
    return [Evil()]

@pipeline(mode_defs=[mode("files", io_manager=fs_io_manager)])
def trap():
    evil()
"""


@pytest.fixture
def ran(project: Project) -> str:
    return run(project, "versioned", "--memoize")


def run(project: Project, mode: str, *arguments: str) -> str:
    project.write("values.py", VALUES)
    done = project.command("run", "-f", "values.py", "-a", "values", "--mode", mode, *arguments)
    assert done.returncode == 0, done.stderr
    return project.run_id(done)


def shown(done: CompletedProcess[str]) -> str:
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def told(project: Project, *arguments: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(shown(project.command("value", *arguments, "--json")))
    return found


@pytest.mark.parametrize("mode", ["versioned", "files"])
def test_a_value_is_shown_with_its_type_and_size(project: Project, mode: str) -> None:
    run_id = run(project, mode)
    head, *others, value = shown(project.command("value", run_id[:8], "several", "one")).splitlines()
    [file] = [each for each in project.home.rglob("*") if each.is_file() and {"several", "one"} <= set(each.parts)]
    assert head == f"several.one of run {run_id}: list, length 3, {file.stat().st_size} B stored"
    assert [each.split()[0] for each in others] == ["version"]
    assert value == "[1, 2, 3]"
    assert str(file) in shown(project.command("value", run_id, "several", "one", "--verbose"))
    assert shown(project.command("value", run_id, "frame")).endswith("   a\n0  1\n1  2\n")


def test_a_value_is_told_as_json(project: Project, ran: str) -> None:
    document = told(project, ran, "frame")
    address = Path(str(document.pop("address")))
    assert document == {
        "run_id": ran, "step_key": "frame", "output_name": "result", "mapping_key": None, "version": address.name,
        "type": f"{pd.DataFrame.__module__}.DataFrame", "size_bytes": address.stat().st_size, "length": 2,
        "repr": "   a\n0  1\n1  2",
    }  # fmt: skip


def test_what_is_shown_is_bounded_and_prints_as_text(project: Project, ran: str) -> None:
    document = told(project, ran, "large")
    assert len(str(document["repr"])) <= 2010
    assert document["length"] == 1000
    assert len(shown(project.command("value", ran, "large"))) < 2200
    assert "'\\x1b[35m\\u202e'" in shown(project.command("value", ran, "escapes"))
    assert "\x1b" not in project.on_terminal("value", ran, "escapes").stdout


def test_a_value_that_was_found_is_that_of_the_run_that_made_it(project: Project, ran: str) -> None:
    again = run(project, "versioned", "--memoize")
    for step in ("frame", "large"):  # no step needed to load the second
        assert told(project, again, step) == told(project, ran, step)


def test_a_value_is_saved_as_it_is_encoded(project: Project, ran: str) -> None:
    for arguments in ([], ["-f", "values.py", "-a", "values"]):
        done = project.command("value", ran, "frame", "--to", "frame.parquet", *arguments)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.startswith(f"Saved frame.result of run {ran} in frame.parquet: parquet, ")
        assert pd.read_parquet(project.folder / "frame.parquet").to_dict("list") == {"a": [1, 2]}
    project.command("value", ran, "several", "one", "--to", "one.pickle")
    assert pickle.loads((project.folder / "one.pickle").read_bytes()) == [1, 2, 3]


def test_values_of_own_classes_need_the_code(project: Project, ran: str) -> None:
    refused = project.command("value", ran, "own")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "No module named 'values'" in refused.stderr
    assert "with -f FILE or -m MODULE" in refused.stderr
    assert "[an Own]" in shown(project.command("value", ran, "own", "-f", "values.py", "-a", "values"))


def test_saving_runs_no_code_of_the_value(project: Project) -> None:
    project.write("values.py", VALUES)
    ended = project.command("run", "-f", "values.py", "-a", "trap", "--mode", "files")
    assert ended.returncode == 0, ended.stderr
    marker = project.folder / "it-ran"
    marker.rmdir()  # pickling such a value tries whether it can be loaded again
    run_id = project.run_id(ended)
    assert project.command("value", run_id, "evil", "--to", "evil.pickle").returncode == 0
    assert not marker.exists()
    project.command("value", run_id, "evil")
    assert marker.exists()  # as docs/security.md says


def test_a_value_in_a_bucket_is_loaded_by_the_code_with_the_config_of_its_run(s3_project: Project) -> None:
    run_id = run(s3_project, "s3", "-c", "s3.yaml")
    refused = s3_project.command("value", run_id, "several", "one")
    assert "is at s3://" in refused.stderr
    assert "with -f FILE or -m MODULE" in refused.stderr
    code = ("-f", "values.py", "-a", "values")
    assert "[1, 2, 3]" in shown(s3_project.command("value", run_id, "several", "one", *code))
    done = s3_project.command("value", run_id, "frame", *code, "--to", "frame.parquet")
    assert done.returncode == 0, done.stderr
    assert pd.read_parquet(s3_project.folder / "frame.parquet").to_dict("list") == {"a": [1, 2]}


def test_what_there_is_not_is_told_with_what_there_is(project: Project, ran: str) -> None:
    for arguments, said in (
        (["zzz", "own"], "No run has an id that begins with 'zzz'"),
        ([ran, "owm"], "unknown step 'owm'; did you mean 'own'? Known: after, escapes, frame, large, own, several."),
        ([ran, "several", "three"], "step 'several': unknown output 'three'. Known: one, two."),
        ([ran, "several"], "step 'several': it has 2 values; name one of them: one, two."),
        ([ran, "several", "two"], "was not given"),
        ([ran, "frame", "--to", "values.py/x"], "values.py"),
    ):
        refused = project.command("value", *arguments)
        assert refused.returncode == 1, arguments
        assert said in refused.stderr
        assert refused.stdout == ""
        assert "Traceback" not in refused.stderr
    Path(str(told(project, ran, "frame")["address"])).unlink()
    assert "any more" in project.command("value", ran, "frame").stderr
    in_memory = run(project, "memory")
    assert "where only its IO manager finds it" in project.command("value", in_memory, "frame").stderr
    code = ("-f", "values.py", "-a", "values")
    assert "in the memory of the run's process" in project.command("value", in_memory, "frame", *code).stderr
