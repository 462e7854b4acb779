"""Several daemons and the processes of runs, in any order of acts, deaths and stops: each run is had by one process.

The daemons' clocks are up to a minute apart, and time passes in the database alone, by whose clock claims expire.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from core import DagsterInstance, PipelineRun
from core.compute_logs.manager import NoOpComputeLogManager
from core.daemon.roles.dead_runs import DeadRunsRole
from core.errors import DagsterRunConflict
from core.events import DagsterEvent, EventLogEntry
from core.instance import InstanceType
from core.launcher import RunLauncher
from core.records.claim import CLAIM_SECONDS, Claim
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    InProcessRepositoryLocationOrigin,
    LoadableTargetOrigin,
)
from core.records.pipeline_run import PipelineRunStatus
from core.run_coordinator import QueuedRunCoordinator
from core.storage.event_log import ConsolidatedSqliteEventLogStorage
from core.storage.postgres import PostgresEventLogStorage, PostgresRunStorage
from core.storage.root import LocalArtifactStorage
from core.storage.runs import SqliteRunStorage, SqlRunStorage, sql
from core.storage.runs.schema import daemon_roles, runs

IS_LONG = "CLOUDSTORE_TEST_FAULTS" in os.environ
CHOSEN = settings(
    max_examples=40 if IS_LONG else 8,
    stateful_step_count=80 if IS_LONG else 40,
    database=None,
    phases=[Phase.generate],
    derandomize=not IS_LONG,
)
LOCATION = InProcessRepositoryLocationOrigin(LoadableTargetOrigin(python_file="flights.py"))
ORIGIN = ExternalPipelineOrigin(ExternalRepositoryOrigin(LOCATION, "all"), "flights")
TAG_LIMITS = [
    {"key": "team", "value": "a", "limit": 1},
    {"key": "bucket", "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
]
LIMITS = QueuedRunCoordinator(3, TAG_LIMITS).limits
DAEMONS = 3
WHICH = st.integers(0, 7)


class Process:
    """A process that was started to execute a run; it may live, be dead, or be stopped for as long as it likes."""

    def __init__(self, instance: DagsterInstance, run_id: str) -> None:
        self.instance, self.run_id = instance, run_id
        self.offered = instance.run_storage.get_claim(run_id)  # as it was launched
        self.claim: Claim | None = None
        self.is_over = False


class Daemon(NamedTuple):
    """A daemon, in whose name acts are done that it was to do before it was stopped."""

    instance: DagsterInstance
    clock: float
    claims: dict[str, Claim]


class Starts(RunLauncher):
    """Starts a process of the model, unless the daemon is to die before, or to be told that it did not."""

    def __init__(self, started: list[Process]) -> None:
        self.started, self.instance, self.fails = started, None, False

    def launch_run(self, run: PipelineRun, external_pipeline: Any) -> PipelineRun:
        assert self.instance is not None
        self.started.append(Process(self.instance, run.run_id))
        if self.fails:
            raise TimeoutError("no answer")
        return run

    def can_terminate(self, run_id: str) -> bool:
        return False

    def terminate(self, run_id: str) -> bool:
        return False


def machine(open_instance: Callable[[RunLauncher], DagsterInstance]) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.processes: list[Process] = []
            self.launchers = [Starts(self.processes) for _ in range(DAEMONS)]
            self.daemons = []
            for number, launcher in enumerate(self.launchers):
                self.daemons.append(Daemon(open_instance(launcher), (number - 1) * 60.0, {}))
                launcher.instance = self.daemons[-1].instance
            self.names = (f"run {number}" for number in itertools.count())
            self.ended: dict[str, PipelineRunStatus] = {}

        @property
        def instance(self) -> DagsterInstance:
            return self.daemons[0].instance

        def at(self, which: int) -> Daemon:
            """A daemon, at whose time what follows happens."""
            daemon = self.daemons[which % DAEMONS]
            sql._now = lambda: 1_620_000_000.0 + daemon.clock  # type: ignore[assignment]
            return daemon

        def role(self, daemon: Daemon, name: str) -> Claim | None:
            """A claim that it has, or had before it was stopped; or a new one."""
            if name not in daemon.claims:
                claim = daemon.instance.run_storage.claim_role(name, f"daemon {daemon.clock}", CLAIM_SECONDS)
                if claim is None:
                    return None
                daemon.claims[name] = claim
            return daemon.claims[name]

        @rule(which=WHICH, team=st.sampled_from("ab"), bucket=st.sampled_from("xyz"), tries=st.sampled_from("02"))
        def submit(self, which: int, team: str, bucket: str, tries: str) -> None:
            tags = {"team": team, "bucket": bucket, "dagster/max_retries": tries, "dagster/priority": str(which % 3)}
            run = self.at(which).instance.create_run(
                "flights", next(self.names), tags=tags, external_pipeline_origin=ORIGIN
            )
            self.at(which).instance.submit_run(run.run_id)

        @rule(which=WHICH, count=st.integers(1, 3), dies_before=st.integers(0, 3), fails=st.booleans())
        def launch(self, which: int, count: int, dies_before: int, fails: bool) -> None:
            daemon, launcher = self.at(which), self.launchers[which % DAEMONS]
            claim = self.role(daemon, "queue")
            if claim is None:
                return
            out = daemon.instance.run_storage.dequeue(claim, LIMITS, count, CLAIM_SECONDS)
            launcher.fails = fails
            for number, each in enumerate(out):
                if number == dies_before:  # killed: the others are never launched by it
                    daemon.claims.clear()
                    break
                try:
                    daemon.instance.launch_dequeued_run(each)
                except TimeoutError:
                    assert fails
            if not out and not daemon.instance.run_storage.renew_role(claim, CLAIM_SECONDS):
                daemon.claims.pop("queue", None)

        @rule(which=WHICH)
        def find_dead(self, which: int) -> None:
            daemon = self.at(which)
            claim = self.role(daemon, "dead runs")
            if claim is not None:
                DeadRunsRole(daemon.instance).turn(claim)
                if not daemon.instance.run_storage.renew_role(claim, CLAIM_SECONDS):
                    daemon.claims.pop("dead runs")

        @rule(which=WHICH)
        def kill_daemon(self, which: int) -> None:
            self.at(which).claims.clear()

        def process(self, which: int) -> Process | None:
            living = [each for each in self.processes if not each.is_over]
            return living[which % len(living)] if living else None

        @rule(which=WHICH)
        def begin(self, which: int) -> None:
            process = self.process(which)
            if process is not None and process.claim is None:
                self.begun(process)

        def begun(self, process: Process) -> None:
            storage = process.instance.run_storage
            process.claim = storage.claim_run(
                process.run_id,
                f"process {id(process)}",
                CLAIM_SECONDS,
                {PipelineRunStatus.STARTING},
                PipelineRunStatus.STARTED,
                after=process.offered,
            )
            if process.claim is None:  # another executes the run
                process.is_over = True
            else:
                self.log(process, "PIPELINE_START")
                others = [each for each in self.processes if each.run_id == process.run_id and each is not process]
                assert not [each for each in others if each.claim and storage.renew_claim(each.claim, CLAIM_SECONDS)]

        def log(self, process: Process, event_type: str) -> bool:
            """Stores an event as a run's process does; whether it could."""
            event = DagsterEvent(event_type, "flights", "m")
            entry = EventLogEntry(None, "m", 10, "m", process.run_id, 1.0, None, "flights", event)
            try:
                process.instance.handle_new_events([entry], process.claim)
            except DagsterRunConflict:
                process.is_over = True
                return False
            return True

        @rule(which=WHICH)
        def renew(self, which: int) -> None:
            process = self.process(which)
            if process is not None and process.claim is not None:
                process.is_over = not process.instance.run_storage.renew_claim(process.claim, CLAIM_SECONDS)

        @rule(which=WHICH)
        def go_on(self, which: int) -> None:
            process = self.process(which)
            if process is not None and process.claim is not None:
                storage = process.instance.run_storage
                has_it = storage.get_claim(process.run_id) == process.claim
                stored = self.log(process, "ENGINE_EVENT")
                assert stored or not has_it

        @rule(which=WHICH)
        def end(self, which: int) -> None:
            process = self.process(which)
            if process is not None and process.claim is not None:
                self.finish(process)

        def finish(self, process: Process) -> None:
            assert process.claim is not None
            has_it = process.instance.run_storage.get_claim(process.run_id) == process.claim
            self.log(process, "PIPELINE_SUCCESS")
            process.is_over = True
            if has_it:
                assert process.instance.get_existing_run(process.run_id).is_success

        @rule(which=WHICH)
        def kill(self, which: int) -> None:
            process = self.process(which)
            if process is not None:
                process.is_over = True

        @rule(which=WHICH)
        def cancel(self, which: int) -> None:
            waiting = self.instance.run_storage.get_queue()
            if waiting and which == 0:
                self.at(which).instance.cancel_run(waiting[-1].run_id)

        @rule(seconds=st.sampled_from([1.0, 10.0, 29.0, 31.0, 90.0]))
        def pass_time(self, seconds: float) -> None:
            storage = self.instance.run_storage
            assert isinstance(storage, SqlRunStorage)
            with storage.write() as connection:
                for table in (runs, daemon_roles):
                    connection.execute(table.update().values(expires_at=table.c.expires_at - seconds))

        @invariant()
        def no_limit_is_exceeded(self) -> None:
            found = [
                run for run in self.instance.get_runs() if run.status.value in ("STARTING", "STARTED", "CANCELING")
            ]
            assert len(found) <= 3
            assert len([run for run in found if run.tags["team"] == "a"]) <= 1
            buckets = [run.tags["bucket"] for run in found]
            assert len(buckets) == len(set(buckets))

        @invariant()
        def an_end_is_final(self) -> None:
            for run in self.instance.get_runs():
                if run.is_finished:
                    assert self.ended.setdefault(run.run_id, run.status) is run.status

        def teardown(self) -> None:
            """All that were stopped go on, and whatever is left comes to its end: no run is lost."""
            for _ in range(200):
                if all(run.is_finished for run in self.instance.get_runs()):
                    break
                self.pass_time(90.0)
                for daemon in self.daemons:
                    daemon.claims.clear()
                self.find_dead(0)
                self.launch(1, 3, 3, False)
                for process in [each for each in self.processes if not each.is_over]:
                    if process.claim is None:
                        self.begun(process)
                    else:
                        self.finish(process)
                self.no_limit_is_exceeded()
            self.an_end_is_final()
            statuses = {run.run_id: run.status for run in self.instance.get_runs()}
            assert all(run.is_finished for run in self.instance.get_runs()), statuses
            for daemon in self.daemons:
                daemon.instance.dispose()

    return Machine


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_whatever_dies_or_stops_each_run_is_had_by_one_process_and_none_is_lost(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_url = request.getfixturevalue("new_postgres_url") if kind == "postgres" else None
    monkeypatch.setattr(sql, "_now", sql._now)  # what the daemons make of it is undone
    where: list[str] = []

    def open_instance(launcher: RunLauncher) -> DagsterInstance:
        """As each daemon does; a new place for every third, which is the first of an example."""
        if len(where) % DAEMONS == 0:
            where.append(new_url() if new_url is not None else tempfile.mkdtemp(dir=folder))
        else:
            where.append(where[-1])
        place = where[-1]
        return DagsterInstance(
            InstanceType.PERSISTENT,
            LocalArtifactStorage(folder),
            PostgresRunStorage(place) if new_url is not None else SqliteRunStorage.from_local(place),
            PostgresEventLogStorage(place) if new_url is not None else ConsolidatedSqliteEventLogStorage(place),
            NoOpComputeLogManager(),
            run_coordinator=QueuedRunCoordinator(3, TAG_LIMITS),
            run_launcher=launcher,
        )

    with tempfile.TemporaryDirectory() as folder:
        run_state_machine_as_test(machine(open_instance), settings=CHOSEN)
