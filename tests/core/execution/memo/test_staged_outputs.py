"""Outputs that are yielded are taken as they are, and stored when the function has ended."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from core import (
    AssetMaterialization,
    Failure,
    ModeDefinition,
    Nothing,
    Output,
    OutputDefinition,
    PipelineDefinition,
    SolidDefinition,
    execute_pipeline,
    io_manager,
)
from core.errors import DagsterStorageError
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager
from core.values.io_context import OutputContext
from core.values.io_manager import stages_outputs

if TYPE_CHECKING:
    from conftest import FilesystemLab, Lab

StartPython = Callable[..., "subprocess.Popen[str]"]
LARGE = 9 << 20  # two of these are more than a spool holds in memory


def gives(compute: Callable[[], Any], *names: str) -> SolidDefinition:
    outputs = [OutputDefinition(name=name) for name in names]
    return SolidDefinition("gives", [], lambda _context, _inputs: compute(), outputs, version="1")


def test_a_value_is_stored_as_it_is_when_it_is_given(lab: Lab) -> None:
    def compute() -> Iterator[Output]:
        rows = [1]
        yield Output(rows, "first")
        rows.append(2)
        yield Output(rows, "second")
        rows.clear()

    result = lab.run(lab.pipeline([gives(compute, "first", "second")]))
    assert result.result_for_solid("gives").output_values == {"first": [1], "second": [1, 2]}


def test_values_that_do_not_fit_into_memory_are_stored_whole(lab: Lab) -> None:
    def compute() -> Iterator[Output]:
        yield Output(b"1" * LARGE, "first")
        yield Output(b"2" * 2 * LARGE, "second")
        yield Output(b"3" * LARGE, "third")

    names = ("first", "second", "third")
    assert lab.run(lab.pipeline([gives(compute, *names)])).success
    again = lab.run(lab.pipeline([gives(compute, *names)]))
    assert again.executed_step_keys == []
    values = again.result_for_solid("gives").output_values
    assert values == {"first": b"1" * LARGE, "second": b"2" * 2 * LARGE, "third": b"3" * LARGE}


def test_what_is_stored_is_told_of_when_the_function_has_ended(lab: Lab) -> None:
    def compute() -> Iterator[Any]:
        yield Output(1, "first")
        yield Output(2, "second")
        assert lab.stored() == []
        yield AssetMaterialization("report")

    outputs = [OutputDefinition(name="first"), OutputDefinition(name="second"), OutputDefinition(Nothing, "done")]
    solid_def = SolidDefinition("gives", [], lambda *_: compute(), outputs, version="1")
    result = lab.run(lab.pipeline([solid_def]))
    told = [event.event_type_value for event in result.event_list if event.step_key == "gives"]
    given, stored = "STEP_OUTPUT", "HANDLED_OUTPUT"
    assert told[-8:] == [given, given, "ASSET_MATERIALIZATION", given, stored, stored, stored, "STEP_SUCCESS"]


def test_what_was_stored_stays_when_storing_another_output_fails(
    disk_lab: FilesystemLab,
) -> None:
    folder = disk_lab.folder / "versioned_outputs" / "gives"
    blocked = folder / "second"

    def compute() -> Iterator[Output]:
        yield Output(1, "first")
        yield Output(2, "second")
        if not folder.exists():
            folder.mkdir(parents=True)
            blocked.write_text("a file, where a folder has to be")

    built = disk_lab.pipeline([gives(compute, "first", "second")])
    with pytest.raises(DagsterStorageError, match="second is no folder"):
        disk_lab.run(built)
    (stored,) = folder.glob("first/*")
    inode = stored.stat().st_ino
    blocked.unlink()
    assert disk_lab.run(built).executed_step_keys == ["gives"]
    assert [path.stat().st_ino for path in folder.glob("first/*")] == [inode]


class Tagged(VersionedPickledObjectFilesystemIOManager):
    def handle_output(self, context: OutputContext, obj: Any) -> None:
        super().handle_output(context, obj)


class StagedAgain(Tagged):
    def stage_output(self, *given: Any) -> Any:
        return super().stage_output(*given)


def test_a_subclass_with_a_handle_output_of_its_own_is_called(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert stages_outputs(VersionedPickledObjectFilesystemIOManager(folder))
    assert not stages_outputs(Tagged(folder))
    assert stages_outputs(StagedAgain(folder))
    patched = VersionedPickledObjectFilesystemIOManager(folder)
    patched.handle_output = lambda *_: None  # type: ignore[method-assign]  # as a test of a user's may
    assert not stages_outputs(patched)


KILLED = """
import os, signal, sys
from core import *

@solid(output_defs=[OutputDefinition(name="small"), OutputDefinition(name="large")], version="1")
def gives(_):
    yield Output([1, -5], "small")
    yield Output(bytes(40 << 20), "large")
    os.kill(os.getpid(), signal.SIGKILL)

@pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})])
def killed():
    gives()

config = {"resources": {"io_manager": {"config": {"base_dir": sys.argv[1]}}}}
execute_pipeline(killed, config, instance=DagsterInstance.ephemeral(), memoize=True)
"""


def test_a_process_that_is_killed_after_an_output_leaves_nothing(
    tmp_path: Path, start_python: StartPython, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, temporary = tmp_path / "values", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    process = start_python(KILLED, values)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, errors
    assert [*values.rglob("*"), *temporary.glob("*")] == []


def test_an_earlier_value_stays_when_the_step_that_is_refreshed_fails(lab: Lab) -> None:
    fails: list[bool] = []

    def compute() -> Iterator[Any]:
        yield Output("bad" if fails else "good", "first")
        if fails:
            raise Failure("negative")
        yield Output("good", "second")

    built = lab.pipeline([gives(compute, "first", "second")])
    lab.run(built)
    fails.append(True)
    with pytest.raises(Failure):
        lab.run(built, refresh=["gives"])
    again = lab.run(built)
    assert again.executed_step_keys == []
    assert again.result_for_solid("gives").output_values == {"first": "good", "second": "good"}


def test_the_example_of_an_io_manager_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[4] / "docs" / "io-managers.md").read_text("utf-8")
    [example] = [each for each in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "class TextFiles" in each]
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    exec(example, namespace)
    manager = io_manager(lambda _: namespace["TextFiles"]())
    fails = [True]

    def compute() -> Iterator[Output]:
        yield Output("bad" if fails else "good", "text")
        if fails:
            raise Failure("negative")

    mode = ModeDefinition(resource_defs={"io_manager": manager})
    built = PipelineDefinition([gives(compute, "text")], "texts", mode_defs=[mode])
    with pytest.raises(Failure):
        execute_pipeline(built, memoize=True)
    fails.clear()
    assert execute_pipeline(built, memoize=True).output_for_solid("gives", "text") == "good"
    assert execute_pipeline(built, memoize=True).executed_step_keys == []
