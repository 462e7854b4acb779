"""Runs that code servers start: in processes of their own, which live as long as their runs do."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from core import DagsterInstance, PipelineRunStatus
from core.code_calls.servers import own_servers
from core.code_calls.wire import Address
from core.code_servers import GrpcCodeLocation
from core.compute_logs.names import ComputeIOType
from core.errors import CodeServerError, DagsterInvariantViolationError, DagsterLaunchFailedError, DagsterRunConflict
from core.launcher import DefaultRunLauncher
from core.records.origin import (
    GrpcServerRepositoryLocationOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
)
from core.records.tags import GRPC_INFO_TAG
from core.serdes import from_json
from tests.core.code_servers.conftest import lives, until
from tests.core.launcher.conftest import LOCATION, Launches


def _server_pid() -> int:
    return own_servers()._servers[LOCATION.loadable_target_origin].pid


def test_a_run_is_executed_in_a_process_of_its_own(launches: Launches) -> None:
    run, gate = launches.add_waiting()
    launched = launches.launch(run)
    assert launched.status in (PipelineRunStatus.STARTING, PipelineRunStatus.STARTED)
    address = from_json(Address, launched.tags[GRPC_INFO_TAG])
    assert (address.host, address.port) == ("localhost", None)
    assert Path(address.socket or "").is_socket()
    pid = int(gate.read_text())
    assert pid not in (os.getpid(), _server_pid())
    assert launches.launcher.can_terminate(run.run_id)
    gate.write_text("")
    assert launches.ended(run).status is PipelineRunStatus.SUCCESS
    until(lambda: not lives(pid))
    assert "True True" in launches.messages(run)
    events = [each.dagster_event for each in launches.instance.all_logs(run.run_id)]
    assert [each.event_type_value for each in events if each][:2] == ["PIPELINE_STARTING", "PIPELINE_START"]
    assert not launches.launcher.can_terminate(run.run_id)
    assert not launches.launcher.terminate(run.run_id)


def test_what_it_prints_is_captured(launches: Launches, capfd: pytest.CaptureFixture[str]) -> None:
    run = launches.add("greets")
    launches.launch(run)
    assert launches.ended(run).status is PipelineRunStatus.SUCCESS
    logs = launches.instance.compute_log_manager
    assert logs.read_logs_file(run.run_id, "greet", ComputeIOType.STDOUT).data == "hello\nfrom a shell\n"
    folder = Path(launches.instance.storage_directory()) / run.run_id
    assert (folder / "process.out").read_text() == "made outside of steps\n"
    assert (folder / "process.err").read_text() == "and an error\n"
    assert capfd.readouterr() == ("", "")
    launches.instance.delete_run(run.run_id)
    assert not folder.exists()


def test_a_run_that_fails_has_failed(launches: Launches) -> None:
    run = launches.add("fails_always")
    launches.launch(run)
    assert launches.ended(run).status is PipelineRunStatus.FAILURE
    assert any("LookupError: no rows" in each for each in launches.messages(run))


def test_a_run_is_cancelled_by_its_launcher(launches: Launches) -> None:
    run, gate = launches.add_waiting()
    launches.launch(run)
    pid = int(gate.read_text())
    assert launches.launcher.terminate(run.run_id)
    assert launches.ended(run).status is PipelineRunStatus.CANCELED
    until(lambda: not lives(pid))
    types = [
        each.dagster_event.event_type_value for each in launches.instance.all_logs(run.run_id) if each.dagster_event
    ]
    assert [each for each in types if each.startswith("PIPELINE_C")] == ["PIPELINE_CANCELING", "PIPELINE_CANCELED"]


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_run_outlives_its_server_and_can_be_cancelled_then(launches: Launches, cancelled: bool) -> None:
    run, gate = launches.add_waiting()
    launches.launch(run)
    gate.read_text()
    server = _server_pid()
    os.kill(server, signal.SIGKILL)
    until(lambda: not lives(server))
    if cancelled:
        assert launches.launcher.terminate(run.run_id)
    else:
        gate.write_text("")
    assert launches.ended(run).status is (PipelineRunStatus.CANCELED if cancelled else PipelineRunStatus.SUCCESS)
    other = launches.add("greets")  # and another server is started for the next one
    launches.launch(other)
    assert launches.ended(other).status is PipelineRunStatus.SUCCESS
    assert _server_pid() != server


def test_runs_of_the_same_code_have_one_server(launches: Launches) -> None:
    pids = set()
    for _ in range(3):
        launches.launch(launches.add("greets"))
        pids.add(_server_pid())
    launches.launcher.join()
    assert len(pids) == 1
    assert launches.instance.get_runs_count() == 3
    assert {each.status for each in launches.instance.get_runs()} == {PipelineRunStatus.SUCCESS}


def test_many_are_launched_at_once(launches: Launches) -> None:
    runs = [launches.add("greets") for _ in range(8)]
    threads = [threading.Thread(target=launches.launch, args=[run]) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {launches.ended(run).status for run in runs} == {PipelineRunStatus.SUCCESS}


def test_a_run_whose_config_does_not_fit_has_failed_with_the_reason(launches: Launches) -> None:
    run = launches.add("waits", {"solids": {"wait": {"config": {"gate": 3}}}})
    launches.launch(run)
    assert launches.ended(run).status is PipelineRunStatus.FAILURE
    assert any("solids.wait.config.gate" in each for each in launches.messages(run))


def test_a_run_of_a_pipeline_that_is_not_there_has_failed_with_the_reason(launches: Launches) -> None:
    run = launches.add("returns")
    launches.launch(run)
    assert launches.ended(run).status is PipelineRunStatus.FAILURE
    assert any("unknown pipeline 'returns'" in each for each in launches.messages(run))


def test_a_run_that_has_ended_is_refused(launches: Launches) -> None:
    run = launches.add("greets")
    launches.instance.report_run_canceled(run)
    with pytest.raises(DagsterRunConflict, match="has ended as CANCELED"):
        launches.launch(run)
    with pytest.raises(DagsterLaunchFailedError, match="is not launched: it is CANCELED already"):
        launches.launcher.launch_run(run, None)
    assert launches.instance.get_existing_run(run.run_id).status is PipelineRunStatus.CANCELED


def test_a_run_that_was_taken_over_meanwhile_is_executed_by_nobody_else(launches: Launches) -> None:
    run = launches.add("greets")
    with launches.instance.offering_run(run.run_id) as first, launches.instance.offering_run(run.run_id) as second:
        assert first == second
    taken = launches.instance.run_storage.claim_run(run.run_id, "another", 60, {PipelineRunStatus.STARTING})
    assert taken is not None
    ref = launches.instance.get_ref()
    with pytest.raises(CodeServerError, match=r"refuses it: .* has been launched again, or waits to be\."):
        GrpcCodeLocation(LOCATION).start_run(run.run_id, ref, first)
    with pytest.raises(DagsterRunConflict, match="is being launched already"):
        launches.launch(run)
    with pytest.raises(DagsterLaunchFailedError, match="is not launched: it is STARTING already"):
        launches.launcher.launch_run(run, None)
    assert launches.instance.run_storage.get_claim(run.run_id) == taken


def test_a_run_that_two_launch_at_once_is_executed_once(launches: Launches) -> None:
    run = launches.add("greets")
    failed: list[DagsterRunConflict] = []

    def launch() -> None:
        try:
            launches.launch(run)
        except DagsterRunConflict as error:
            failed.append(error)

    threads = [threading.Thread(target=launch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert launches.ended(run).status is PipelineRunStatus.SUCCESS
    events = [each.dagster_event for each in launches.instance.all_logs(run.run_id)]
    assert [each.event_type_value for each in events if each].count("PIPELINE_START") == 1
    assert len(failed) == 3


def test_code_that_cannot_be_loaded_is_told(launches: Launches, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise LookupError('no settings')")
    target = LoadableTargetOrigin(python_file=str(tmp_path / "broken.py"))
    run = launches.add("greets", location=ManagedGrpcPythonEnvRepositoryLocationOrigin(target))
    with pytest.raises(DagsterLaunchFailedError, match=r"was not launched: .*no settings") as caught:
        launches.launch(run)
    assert "broken.py" in caught.value.serializable_error_info.to_string()
    assert launches.instance.get_existing_run(run.run_id).status is PipelineRunStatus.FAILURE


@pytest.mark.parametrize(
    ("location", "said"),
    [
        (
            GrpcServerRepositoryLocationOrigin("localhost", socket="/nowhere/socket"),
            "No code server answers at /nowhere",
        ),
        (
            ManagedGrpcPythonEnvRepositoryLocationOrigin(
                LoadableTargetOrigin(executable_path="/nowhere/python", module_name="shop")
            ),
            "cannot be started",
        ),
        (
            ManagedGrpcPythonEnvRepositoryLocationOrigin(
                LoadableTargetOrigin(executable_path="/bin/false", module_name="shop")
            ),
            "ended with exit code 1 before it was ready",
        ),
    ],
    ids=["server", "interpreter", "program"],
)
def test_a_run_is_not_launched_where_nobody_answers(
    launches: Launches, location: GrpcServerRepositoryLocationOrigin, said: str
) -> None:
    run = launches.add("greets", location=location)
    with pytest.raises(DagsterLaunchFailedError, match=said):
        launches.launch(run)
    assert not launches.launcher.can_terminate(run.run_id)


def test_steps_of_a_launched_run_have_processes_too(launches: Launches) -> None:
    run, gate = launches.add_waiting(execution={"multiprocess": {}})
    launches.launch(run)
    step = int(gate.read_text())
    process = launches.instance.running_runs.living()[run.run_id]
    assert process.pid != step
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not lives(step) and not launches.launcher.can_terminate(run.run_id))


def test_it_waits_for_processes_where_it_is_told_to(tmp_path: Path) -> None:
    launcher = {"module": "core.launcher", "class": "DefaultRunLauncher", "config": {"wait_for_processes": True}}
    folder = str(tmp_path / "instance")
    with DagsterInstance.local_temp(folder, {"run_launcher": launcher}) as instance:
        launches = Launches(instance, tmp_path)
        run, gate = launches.add_waiting()
        launches.launch(run)
        gate.read_text()
        launches.launcher.join(0)
        assert launches.launcher.can_terminate(run.run_id)
        opening = threading.Thread(target=gate.write_text, args=[""])
        opening.start()
    opening.join()
    with DagsterInstance.local_temp(folder) as instance:
        assert instance.get_existing_run(run.run_id).status is PipelineRunStatus.SUCCESS


def test_a_run_that_does_not_say_where_its_code_is_is_not_launched(launches: Launches) -> None:
    run = launches.instance.create_run("greets")
    with pytest.raises(DagsterLaunchFailedError, match="does not say where the code is"):
        launches.launcher.launch_run(run, None)


def test_a_launcher_that_belongs_to_no_instance_says_so() -> None:
    with pytest.raises(DagsterInvariantViolationError, match="belongs to no instance"):
        DefaultRunLauncher().can_terminate("a-run")
