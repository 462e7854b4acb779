"""Runs whose processes are killed with -9, and the runs that go on after them."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidSubsetError,
    DagsterRunConflict,
    InputContext,
    IOManager,
    ModeDefinition,
    Output,
    OutputContext,
    OutputDefinition,
    PipelineDefinition,
    PipelineRunStatus,
    execute_pipeline,
    fs_io_manager,
    io_manager,
    mem_io_manager,
    pipeline,
    reexecute_pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.records.tags import PARENT_RUN_ID_TAG, RESUME_RETRY_TAG, ROOT_RUN_ID_TAG
from core.views.runs import read_run

PROGRAM = Path(__file__).with_name("killed_runs.py")
IS_THOROUGH = bool(os.environ.get("CLOUDSTORE_TEST_FAULTS"))
EXECUTIONS: dict[str, dict[str, Any]] = {
    "in process": {"in_process": {}},
    "multiprocess": {"multiprocess": {"config": {"max_concurrent": 2}}},
}
Dag = Sequence[tuple[str, Sequence[int]]]


class Call(NamedTuple):
    """A call of a solid's function."""

    run_id: str
    step_key: str
    value: int


class Killed:
    """Runs of a pipeline whose processes are killed at events, and those that go on after them."""

    def __init__(self, folder: Path, dag: Dag, execution: dict[str, Any]) -> None:
        self.home, self._calls, self._dag, self._execution = folder / "home", folder / "calls", dag, execution
        self.home.mkdir()

    def execute(self, moments: Sequence[Sequence[int]]) -> list[list[str]]:
        """For each list of numbers of events at which runs are killed, the ids of the runs; the last one has ended."""
        asked = {"folder": str(self.home), "moments": moments, "execution": self._execution}
        variables = {**os.environ, "DAG": json.dumps(self._dag), "CALLS": str(self._calls)}
        done = subprocess.run(
            [sys.executable, str(PROGRAM)], input=json.dumps(asked), env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def calls(self, run_ids: Sequence[str]) -> list[Call]:
        """The calls in these runs, in order."""
        calls = [Call(*json.loads(line)) for line in self._calls.read_text().splitlines()]
        return [call for call in calls if call.run_id in run_ids]


def check(killed: Killed, undisturbed: dict[str, int], run_ids: Sequence[str]) -> None:
    """All runs but the last have failed, and together they did what an undisturbed run does, and nothing twice."""
    with DagsterInstance.from_config(str(killed.home)) as instance:
        last = run_ids[-1]
        assert instance.get_existing_run(last).is_success
        done: dict[str, str] = {}
        for run_id in run_ids:
            assert run_id == last or instance.get_existing_run(run_id).is_failure
            called = {call.step_key for call in killed.calls([run_id])}
            assert called.isdisjoint(done), "what is stored is not executed again"
            events = [each.dagster_event for each in instance.all_logs(run_id) if each.dagster_event is not None]
            done |= {str(each.step_key): run_id for each in events if each.event_type_value == "STEP_SUCCESS"}
    assert {call.step_key: call.value for call in killed.calls(run_ids)} == undisturbed
    made_by = next(call.run_id for call in reversed(killed.calls(run_ids)) if call.step_key == "last")
    stored = killed.home / "storage" / made_by / "last" / "result"
    assert pickle.loads(stored.read_bytes()) == undisturbed["last"]


def event_count(killed: Killed, run_id: str) -> int:
    with DagsterInstance.from_config(str(killed.home)) as instance:
        return sum(each.dagster_event is not None for each in instance.all_logs(run_id))


SMALL: Dag = [("plain", []), ("both", [0]), ("dynamic", [1])]


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_whenever_a_run_is_killed_it_is_taken_up_where_it_was(execution: str, tmp_path: Path) -> None:
    killed = Killed(tmp_path, SMALL, EXECUTIONS[execution])
    [[whole]] = killed.execute([[]])
    undisturbed = {call.step_key: call.value for call in killed.calls([whole])}
    assert set(undisturbed) == {"s0", "s1", "s2", *(f"mapped2[k{n}]" for n in range(undisturbed["s2"] + 1)), "last"}
    count = event_count(killed, whole)
    every = 1 if IS_THOROUGH else 4 if execution == "in process" else 15
    for run_ids in killed.execute([[moment] for moment in range(2, count + 1, every)]):
        check(killed, undisturbed, run_ids)


@pytest.mark.parametrize("execution", EXECUTIONS)
def test_whatever_the_pipeline_and_however_often_it_is_killed(execution: str, tmp_path: Path) -> None:
    drawn = random.Random(os.environ.get("CLOUDSTORE_TEST_SEED"))
    for number in range(30 if IS_THOROUGH else 3 if execution == "in process" else 1):
        kinds = drawn.choices(["plain", "both", "one of both", "dynamic"], [4, 2, 2, 1], k=drawn.randint(2, 6))
        dag = [(kind, drawn.sample(range(n), drawn.randint(0, min(n, 3)))) for n, kind in enumerate(kinds)]
        (folder := tmp_path / str(number)).mkdir()
        killed = Killed(folder, dag, EXECUTIONS[execution])
        [[whole]] = killed.execute([[]])
        undisturbed = {call.step_key: call.value for call in killed.calls([whole])}
        times = 3 if execution == "in process" else 1
        moments = [[drawn.randint(1, event_count(killed, whole)) for _ in range(4)] for _ in range(times)]
        for run_ids in killed.execute(moments):
            check(killed, undisturbed, run_ids)


# What a run that was killed has stored, and what is left of it


def cut_off(instance: DagsterInstance, of: PipelineDefinition, **arguments: Any) -> str:
    """The id of a run that a step of it has killed."""
    child = os.fork()
    if not child:
        try:
            with DagsterInstance.from_config(instance.root_directory) as own:
                execute_pipeline(of, instance=own, **arguments)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    return instance.get_runs(limit=1)[0].run_id


def kill_once(marker: Path) -> None:
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def chain(kept: Any, marker: Path) -> PipelineDefinition:
    @solid(version="1")
    def first() -> int:
        return 1

    @solid(version="1")
    def second(number: int) -> int:
        return number + 1

    @solid(version="1")
    def third(number: int, again: int) -> int:
        kill_once(marker)
        return number + again

    @solid(version="1")
    def side(number: int) -> int:
        return -number

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": kept})])
    def numbers() -> None:
        one = first()
        side(one)
        third(second(one), one)

    return numbers


def test_the_run_that_goes_on_is_a_new_one_and_the_other_has_failed(instance: DagsterInstance, tmp_path: Path) -> None:
    numbers = chain(fs_io_manager, tmp_path / "marker")
    cut = cut_off(instance, numbers, tags={"team": "ours"})
    assert instance.get_existing_run(cut).status is PipelineRunStatus.STARTED
    result = reexecute_pipeline(numbers, cut, resume=True, instance=instance)
    assert result.success
    assert result.executed_step_keys == ["third"]
    assert result.output_for_solid("third") == 3
    run, ended = instance.get_existing_run(result.run_id), instance.get_existing_run(cut)
    lineage = {ROOT_RUN_ID_TAG: cut, PARENT_RUN_ID_TAG: cut, RESUME_RETRY_TAG: "true"}
    assert (run.tags, run.parent_run_id, run.root_run_id) == ({"team": "ours", **lineage}, cut, cut)
    assert run.step_keys_to_execute == ["third"]
    assert ended.status is PipelineRunStatus.FAILURE
    [failure] = read_run(instance, cut).failures
    assert failure.startswith("The run failed: its process ")
    assert failure.endswith(" is gone, and has not said how it ended.")
    again = reexecute_pipeline(numbers, cut, resume=True, instance=instance)
    assert again.executed_step_keys == ["third"], "as often as one likes"
    with pytest.raises(DagsterInvalidSubsetError, match=f"Run {result.run_id} has succeeded, so there is nothing to"):
        reexecute_pipeline(numbers, result.run_id, resume=True, instance=instance)


class Files(IOManager):
    """Values in files, of which nobody knows where they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, context: OutputContext) -> Path:
        return self.folder / "-".join(context.get_run_scoped_output_identifier())

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self.folder.mkdir(exist_ok=True)
        self._path(context).write_text(json.dumps(obj))

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        return json.loads(self._path(context.upstream_output).read_text())


MANAGERS = {
    "a file of each run": lambda folder: fs_io_manager.configured({"base_dir": str(folder)}),
    "a file of each version": lambda folder: versioned_filesystem_io_manager.configured({"base_dir": str(folder)}),
    "one of the user's": lambda folder: io_manager(lambda _: Files(folder)),
}


@pytest.mark.parametrize("memoize", [False, True])
@pytest.mark.parametrize("kept", MANAGERS)
@pytest.mark.parametrize(
    ("gone", "executed"),
    [
        ([], {"third"}),
        (["second"], {"second", "third"}),
        (["first"], {"first", "third"}),
        (["first", "second"], {"first", "second", "third"}),
        (["side"], {"side", "third"}),
        (["side", "first"], {"first", "side", "third"}),
    ],
)
def test_a_value_that_is_gone_is_computed_again_where_it_is_needed(
    kept: str, memoize: bool, gone: list[str], executed: set[str], instance: DagsterInstance, tmp_path: Path
) -> None:
    folder = tmp_path / "values"
    numbers = chain(MANAGERS[kept](folder), tmp_path / "marker")
    cut = cut_off(instance, numbers, memoize=memoize)
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if any(key in str(path.relative_to(folder)) for key in gone):
            path.unlink()
    result = reexecute_pipeline(numbers, cut, resume=True, instance=instance)
    assert set(result.executed_step_keys) == executed
    assert result.output_for_solid("third") == 3


def test_values_that_were_in_the_memory_of_the_process_are_computed_again(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    numbers = chain(mem_io_manager, tmp_path / "marker")
    cut = cut_off(instance, numbers)
    result = reexecute_pipeline(numbers, cut, resume=True, instance=instance)
    assert set(result.executed_step_keys) == {"first", "side", "second", "third"}
    assert result.output_for_solid("third") == 3


def test_a_step_that_was_killed_between_two_outputs_is_executed_again(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    @solid(output_defs=[OutputDefinition(int, "one"), OutputDefinition(int, "two", is_required=False)])
    def gives() -> Iterator[Output]:
        yield Output(1, "one")
        kill_once(tmp_path / "marker")
        yield Output(2, "two")

    @solid
    def take(numbers: list[int]) -> list[int]:
        return numbers

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
    def gathers() -> None:
        take(list(gives()))

    cut = cut_off(instance, gathers)
    assert (Path(instance.storage_directory()) / cut / "gives" / "one").is_file(), "it was stored when it was given"
    result = reexecute_pipeline(gathers, cut, resume=True, instance=instance)
    assert result.executed_step_keys == ["gives", "take"]
    assert result.output_for_solid("take") == [1, 2]


@pytest.mark.parametrize("memoize", [False, True])
def test_what_was_not_given_stays_so(memoize: bool, instance: DagsterInstance, tmp_path: Path) -> None:
    @solid(version="1", output_defs=[OutputDefinition(int, "one"), OutputDefinition(int, "none", is_required=False)])
    def gives() -> Iterator[Output]:
        yield Output(1, "one")

    @solid(version="1")
    def skipped(number: int) -> int:
        raise AssertionError(number)

    @solid(version="1")
    def kills(number: int) -> int:
        kill_once(tmp_path / "marker")
        return number

    @solid(version="1")
    def gather(numbers: list[int]) -> list[int]:
        return numbers

    kept = versioned_filesystem_io_manager.configured({"base_dir": str(tmp_path / "values")})

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": kept})])
    def optional() -> None:
        one, none = gives()
        gather([kills(one), skipped(none)])

    if memoize:
        cut_off(instance, optional, memoize=True)  # what it has stored, the next one finds
        (tmp_path / "marker").unlink()
    cut = cut_off(instance, optional, memoize=memoize)
    result = reexecute_pipeline(optional, cut, resume=True, instance=instance)
    assert result.success
    assert result.executed_step_keys == ["kills", "gather"]
    assert result.output_for_solid("gather") == [1]


def test_steps_that_were_to_be_refreshed_are_yet(instance: DagsterInstance, tmp_path: Path) -> None:
    kept = versioned_filesystem_io_manager.configured({"base_dir": str(tmp_path / "values")})
    numbers = chain(kept, tmp_path / "marker")
    (tmp_path / "marker").touch()
    assert execute_pipeline(numbers, instance=instance, memoize=True).success
    (tmp_path / "marker").unlink()
    cut = cut_off(instance, numbers, memoize=True, refresh=["second"])
    result = reexecute_pipeline(numbers, cut, resume=True, instance=instance)
    assert result.executed_step_keys == ["third"]


# Runs that are not taken up


def test_a_run_whose_process_lives_is_not_resumed(instance: DagsterInstance) -> None:
    refused: list[str] = []

    @solid
    def resumes(context: Any) -> None:
        with pytest.raises(DagsterRunConflict) as raised:
            reexecute_pipeline(alone, context.run_id, resume=True, instance=instance)
        refused.append(str(raised.value))

    alone = pipeline(name="alone")(lambda: resumes())
    run_id = execute_pipeline(alone, instance=instance).run_id
    assert refused == [
        f"Run {run_id} is executed by process {os.getpid()}, which lives. Wait until it has ended, or stop it with "
        f"`cloudstore runs cancel {run_id}`, and resume it then."
    ]
    assert len(instance.get_runs()) == 1


@pytest.mark.parametrize("status", [PipelineRunStatus.STARTED, PipelineRunStatus.CANCELING])
def test_of_a_run_of_another_machine_nobody_knows_and_it_is_told_what_to_do(
    status: PipelineRunStatus, instance: DagsterInstance, tmp_path: Path
) -> None:
    numbers = chain(fs_io_manager, tmp_path / "marker")
    (tmp_path / "marker").touch()
    run = instance.create_run("numbers", status=status)
    with pytest.raises(DagsterRunConflict) as raised:
        reexecute_pipeline(numbers, run.run_id, resume=True, instance=instance)
    assert str(raised.value) == (
        f"Run {run.run_id} is {status.value}, and this machine does not know whether its process lives: resume it on "
        f"the machine where it ran; or, if its process is gone, say so with `cloudstore runs cancel {run.run_id} "
        "--force`, and resume it then."
    )
    assert instance.get_existing_run(run.run_id).status is status
    instance.report_run_canceled(run)
    assert reexecute_pipeline(numbers, run.run_id, resume=True, instance=instance).success


def test_a_run_that_has_not_begun_is_executed_and_not_resumed(instance: DagsterInstance, tmp_path: Path) -> None:
    run = instance.create_run("numbers")
    with pytest.raises(DagsterRunConflict, match="has not begun, so there is nothing to resume; execute it"):
        reexecute_pipeline(chain(fs_io_manager, tmp_path / "marker"), run.run_id, resume=True, instance=instance)
