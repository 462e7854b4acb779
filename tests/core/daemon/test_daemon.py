"""The daemon as a process: runs that wait are launched, and what dies is found and made good."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from core.storage.runs import SqlRunStorage
from core.storage.runs.schema import daemon_roles, runs

if TYPE_CHECKING:
    from conftest import Place

Make = Callable[..., "Place"]


def let_claims_expire(place: Place, table: sa.Table, is_meant: sa.ColumnElement[bool]) -> None:
    """Has the time of a claim pass."""
    storage = place.instance.run_storage
    assert isinstance(storage, SqlRunStorage)
    with storage.write() as connection:
        connection.execute(table.update().where(is_meant).values(expires_at=table.c.expires_at - 60))


def messages(place: Place, run_id: str) -> list[str]:
    return [entry.user_message for entry in place.instance.all_logs(run_id)]


def ended(daemon: subprocess.Popen[str]) -> str:
    daemon.terminate()
    _, told = daemon.communicate(timeout=60)
    assert daemon.returncode == 0, told
    return told


def test_runs_that_wait_are_launched_within_the_limit(make_place: Make) -> None:
    place = make_place(
        "run_coordinator: {module: core.run_coordinator, class: QueuedRunCoordinator, config: {max_concurrent_runs: 1}}"
    )
    place.hold()
    for run_id in ("a", "b"):
        assert place.submit(run_id).status.value == "QUEUED"
    daemon = place.start_daemon()
    place.process_of("a", "second")
    assert place.status("b") == "QUEUED"
    place.go_on()
    for run_id in ("a", "b"):
        place.until_status(run_id, "SUCCESS")
        assert place.executed(run_id) == ["first", "second"]
    told = ended(daemon)
    assert "QUEUED_RUN_COORDINATOR: this daemon does it from now on." in told
    moves = [each.dagster_event.event_type_value for each in place.instance.all_logs("a")[:4] if each.dagster_event]
    assert moves == ["PIPELINE_ENQUEUED", "PIPELINE_DEQUEUED", "PIPELINE_STARTING", "PIPELINE_START"]


def test_a_run_whose_process_was_killed_is_found_and_gone_on_with(make_place: Make) -> None:
    place = make_place()
    place.hold()
    place.submit("a", {"dagster/max_retries": "1"})
    place.start_daemon()
    os.kill(place.process_of("a", "second"), signal.SIGKILL)
    let_claims_expire(place, runs, runs.c.run_id == "a")
    place.until_status("a", "FAILURE")
    place.go_on()
    [child] = place.until(
        lambda: [run for run in place.instance.get_runs() if run.parent_run_id == "a"], "no run goes on"
    )
    place.until_status(child.run_id, "SUCCESS")
    assert place.executed("a") == ["first", "second"]
    assert place.executed(child.run_id) == ["second"]
    found = place.instance.get_existing_run(child.run_id)
    assert found.step_keys_to_execute == ["second"]
    assert (found.root_run_id, found.tags["dagster/retry_number"]) == ("a", "1")
    [last] = messages(place, "a")[-1:]
    assert "is gone: nothing was heard of it for 30 s. It was executing: second." in last
    assert last.endswith(f"Run {child.run_id} goes on from what it has stored.")


def test_a_dead_run_is_gone_on_with_as_often_as_the_instance_says(make_place: Make) -> None:
    place = make_place("settings: {run_retries: {max_retries: 1}}")
    place.hold()
    place.submit("a")
    place.submit("never", {"dagster/max_retries": "0"})
    place.start_daemon()
    for run_id in ("a", "never"):
        os.kill(place.process_of(run_id, "second"), signal.SIGKILL)
        let_claims_expire(place, runs, runs.c.run_id == run_id)
        place.until_status(run_id, "FAILURE")
    [child] = place.until(
        lambda: [run for run in place.instance.get_runs() if run.parent_run_id == "a"], "no run goes on"
    )
    os.kill(place.process_of(child.run_id, "second"), signal.SIGKILL)
    let_claims_expire(place, runs, runs.c.run_id == child.run_id)
    place.until_status(child.run_id, "FAILURE")
    assert {run.run_id for run in place.instance.get_runs()} == {"a", "never", child.run_id}


def test_a_second_daemon_stands_by_and_takes_over_from_a_killed_one(make_place: Make) -> None:
    place = make_place()
    first = place.start_daemon()
    beats = place.until(place.instance.get_daemon_heartbeats, "no daemon has begun")
    second = place.start_daemon()
    assert second.stderr is not None
    place.until(lambda: "stands by" in second.stderr.readline(), "the second daemon does not stand by")
    os.kill(first.pid, signal.SIGKILL)
    let_claims_expire(place, daemon_roles, sa.true())
    place.submit("a")
    place.until_status("a", "SUCCESS")
    owners = {beat.daemon_id for beat in place.instance.get_daemon_heartbeats().values()}
    assert owners.isdisjoint({beat.daemon_id for beat in beats.values()})


def test_a_daemon_that_was_stopped_does_nothing_when_it_goes_on(make_place: Make) -> None:
    place = make_place()
    first = place.start_daemon()
    place.until(lambda: len(place.instance.get_daemon_heartbeats()) == 5, "no daemon has begun")
    place.stop(first)
    let_claims_expire(place, daemon_roles, sa.true())
    place.start_daemon()
    place.hold()
    place.submit("a")
    place.process_of("a", "second")
    os.kill(first.pid, signal.SIGCONT)
    place.submit("b")
    place.process_of("b", "second")
    place.go_on()
    for run_id in ("a", "b"):
        place.until_status(run_id, "SUCCESS")
        assert place.executed(run_id) == ["first", "second"]
        assert sum("launched" in each for each in messages(place, run_id)) <= 2


def test_a_run_that_was_launched_and_not_begun_waits_again(make_place: Make) -> None:
    place = make_place()
    place.submit("a")
    storage = place.instance.run_storage
    role = storage.claim_role("QUEUED_RUN_COORDINATOR", "a daemon that is killed now", 1000)
    assert role is not None
    limits = place.instance.run_coordinator.limits  # type: ignore[union-attr]
    assert len(storage.dequeue(role, limits, 5, 0)) == 1
    storage.release_role(role)
    place.start_daemon()
    place.until_status("a", "SUCCESS")
    assert place.executed("a") == ["first", "second"]
    assert "The run was launched, and no process has begun it; it waits again." in messages(place, "a")


def test_a_run_that_was_to_stop_is_cancelled_when_its_process_is_gone(make_place: Make) -> None:
    place = make_place()
    place.hold()
    place.submit("a")
    place.start_daemon()
    pid = place.process_of("a", "second")
    place.instance.report_run_canceling(place.instance.get_existing_run("a"))
    os.kill(pid, signal.SIGKILL)
    let_claims_expire(place, runs, runs.c.run_id == "a")
    place.until_status("a", "CANCELED")


def command(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cloudstore", *arguments],
        env={**place.environment, "NO_COLOR": "1", "COLUMNS": "120"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_commands_that_tell_of_the_daemon_and_of_the_queue(make_place: Make) -> None:
    place = make_place(
        "run_coordinator:\n  module: core.run_coordinator\n  class: QueuedRunCoordinator\n"
        "  config: {tag_concurrency_limits: [{key: team, limit: 0}]}\n"
    )
    health = command(place, "daemon", "health-check")
    assert health.returncode == 1
    assert "QUEUED_RUN_COORDINATOR: never heard of" in health.stdout
    assert command(place, "daemon", "liveness-check").returncode == 1
    place.submit("held", {"team": "x", "dagster/priority": "3"})
    place.submit("next")
    listed = command(place, "runs", "queue").stdout
    assert "at most 0 runs with tag 'team'" in listed
    assert listed.index("held") < listed.index("next")
    assert "nothing; it is launched by the daemon" in listed
    place.submit("broken", {"fails_to_launch": "1"})
    place.start_daemon()
    place.until_status("broken", "FAILURE")
    place.until_status("next", "SUCCESS")
    place.until(
        lambda: any(beat.errors for beat in place.instance.get_daemon_heartbeats().values()), "no error is told"
    )
    assert command(place, "daemon", "liveness-check").returncode == 0
    health = command(place, "daemon", "health-check")
    assert health.returncode == 1
    assert "OSError: there is no place for it" in health.stdout
    assert "DEAD_RUNS: healthy" in health.stdout
    assert "Run held was QUEUED and is CANCELED." in command(place, "runs", "cancel", "held").stdout
    assert command(place, "runs", "queue").stdout.strip() == "No run waits."
    for daemon in place.daemons:
        ended(daemon)
    assert command(place, "daemon", "wipe").returncode == 0
    assert place.instance.get_daemon_heartbeats() == {}


def test_a_run_is_launched_from_the_command_line(make_place: Make) -> None:
    place = make_place()
    wrong = command(place, "launch", "-f", str(place.code), "--set", "solids.nope=1")
    assert wrong.returncode == 1
    assert "nope" in wrong.stderr
    assert place.instance.get_runs() == []
    launched = command(place, "launch", "-f", str(place.code))
    assert launched.returncode == 0, launched.stderr
    [run] = place.instance.get_runs()
    assert launched.stdout == f"Run {run.run_id} is QUEUED.\n"
    place.start_daemon()
    place.until_status(run.run_id, "SUCCESS")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_that_ends_leaves_its_roles_to_others(make_place: Make, number: int) -> None:
    place = make_place()
    daemon = place.start_daemon()
    place.until(lambda: len(place.instance.get_daemon_heartbeats()) == 5, "no daemon has begun")
    daemon.send_signal(number)
    daemon.communicate(timeout=60)
    assert daemon.returncode == 0
    for role in ("QUEUED_RUN_COORDINATOR", "DEAD_RUNS"):
        assert place.instance.run_storage.claim_role(role, "another", 1000) is not None
