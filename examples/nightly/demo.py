"""Three days of a nightly pipeline, in less than a minute: a schedule, a sensor and a queue, by a clock that is set.

python -m examples.nightly.demo
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from cloudstore.testing import EmbeddedS3Server, embedded_s3_server
from core import DagsterInstance
from core.cli.failures import clear_failures
from core.code_servers import CodeLocation, Workspace
from core.daemon.daemon import Daemon
from core.daemon.roles.dead_runs import DeadRunsRole
from core.daemon.roles.known_code import KnownCode
from core.daemon.roles.queue import QueueRole
from core.daemon.roles.scheduler import SchedulerRole
from core.daemon.roles.sensors import SensorRole
from core.records.external_jobs import external_schedules, external_sensors
from core.records.origin import LoadableTargetOrigin
from examples.flights.demo import demo_environment
from examples.nightly.table import show_runs

FIRST = datetime(2013, 1, 31, tzinfo=UTC)
DAYS = 3
HOURS = 4  # from one look at the clock to the next
MORNING = 8  # o'clock; when somebody asks questions
QUEUE = """
run_coordinator:
  module: core.run_coordinator
  class: QueuedRunCoordinator
  config:
    tag_concurrency_limits:
      - {key: bucket, value: {applyLimitPerUniqueValue: true}, limit: 1}
"""
_RUN_SECONDS = 120


class Clock:
    """Says the simulated time, in Unix seconds."""

    at = FIRST

    def __call__(self) -> float:
        return self.at.timestamp()


def demo() -> None:
    """Sets the clock again and again, for three days, and prints what came of it."""
    with tempfile.TemporaryDirectory(prefix="n-") as name, embedded_s3_server() as server, ExitStack() as ending:
        buckets = server.create_bucket("flights"), server.create_bucket("answers")
        ending.enter_context(demo_environment(server, buckets[0], Path(name)))
        with Path(name, "home", "dagster.yaml").open("a") as settings:
            settings.write(QUEUE)
        instance = ending.enter_context(DagsterInstance.get())
        clock = Clock()
        instance.schedules.now = clock  # type: ignore[method-assign]  # what is turned on is on from then on
        root = str(Path(__file__).parents[2])
        workspace = Workspace.of_target(
            LoadableTargetOrigin(module_name="examples.nightly.repository", working_directory=root)
        )
        _turn_on(instance, workspace.locations()[0])
        ending.enter_context(_queue(instance))
        code = KnownCode(workspace)
        roles = SchedulerRole(instance, code, now=clock), SensorRole(instance, code, now=clock)
        for hour in range(0, 24 * DAYS, HOURS):
            clock.at = FIRST + timedelta(hours=hour)
            if clock.at.hour == MORNING:
                _ask(server, *buckets, clock.at)
            for role in roles:
                role.turn(None)
                role.flights.wait()
                for error in role.take_errors():
                    raise error
            _wait_for_runs(instance)
        show_runs(instance)


def _turn_on(instance: DagsterInstance, location: CodeLocation) -> None:
    [repository] = location.repositories()  # its server is started for that
    for schedule in external_schedules(repository):
        instance.start_schedule_and_update_storage_state(schedule)
    for sensor in external_sensors(repository):
        instance.start_sensor(sensor)


@contextmanager
def _queue(instance: DagsterInstance) -> Iterator[None]:
    """A daemon that launches what is queued, in real time: runs are real processes."""
    daemon = Daemon(instance, [QueueRole(instance), DeadRunsRole(instance)])
    daemon.start()
    try:
        yield
    finally:
        daemon.end()
        for run in instance.get_runs():
            if not run.is_finished:  # after Ctrl-C
                instance.run_coordinator.cancel_run(run.run_id)
        _wait_for_runs(instance)


def _ask(server: EmbeddedS3Server, flights: str, answers: str, at: datetime) -> None:
    """On the first day three questions at once, two of them for one bucket; on the last day one that is wrong."""
    questions = {0: [(answers, 2000), (answers, 500), (flights, 500)], DAYS - 1: [("no-such-bucket", 500)]}
    for number, (bucket, minimum) in enumerate(questions.get((at - FIRST).days, [])):
        key = f"asked/{at:%m-%d}-{number + 1}/{bucket}/{minimum}"
        server.client().put_object(Bucket=flights, Key=key, Body=b"")


def _wait_for_runs(instance: DagsterInstance) -> None:
    until = time.monotonic() + _RUN_SECONDS
    while any(not run.is_finished for run in instance.get_runs()) or instance.running_runs.living():
        if time.monotonic() > until:
            raise click.ClickException(f"A run has not ended in {_RUN_SECONDS} s.")
        time.sleep(0.02)


@click.command()
def main() -> None:
    """Runs the demo. Ctrl-C, and SIGTERM, end all that it has started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with clear_failures():
        demo()


if __name__ == "__main__":
    main()
