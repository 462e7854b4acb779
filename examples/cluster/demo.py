"""`make demo-cluster`: runs the flights by month on a Dask cluster of three workers, and kills one of them meanwhile.

python -m examples.cluster.demo
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import click
import yaml

from cloudstore.testing import embedded_s3_server
from core.cli.failures import clear_failures
from core.executors.dask.library import Client
from examples.cluster.machines import Machine

WORKERS = 3
RESAMPLES = 8000  # a month takes about a second
KILLED_AT = {f"delays_of_month[{month:02}]" for month in range(4, 10)}
"""The first of these steps that a worker is found to execute, it does not end."""
STORAGES = {"run_storage": "Run", "event_log_storage": "EventLog", "schedule_storage": "Schedule"}
_START_SECONDS = 60


class Cluster:
    """A scheduler and workers, each on a machine of its own, which share a bucket and a database.

    Attributes:
        run_machine: where runs are started.
        workers: of the cluster, by the names of their machines.
        processes: their processes, which are `dask worker`.
        address: of the scheduler.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str], machines: ExitStack) -> None:
        names = ["run", "scheduler", *(f"worker-{number + 1}" for number in range(WORKERS))]
        self.run_machine, scheduler, *workers = (
            machines.enter_context(Machine(folder / name, variables)) for name in names
        )
        self.workers = {each.name: each for each in workers}
        storage = {"module": "core.storage.postgres", "config": {"postgres_url": {"env": "FLIGHTS_POSTGRES"}}}
        instance = {section: {**storage, "class": f"Postgres{name}Storage"} for section, name in STORAGES.items()}
        (self.run_machine.home / "dagster.yaml").write_text(yaml.safe_dump(instance))
        common = ("--host", "127.0.0.1", "--no-dashboard")
        at = scheduler.work / "address.json"
        scheduler.start("-m", "distributed.cli.dask_scheduler", *common, "--port", "0", "--scheduler-file", str(at))
        self.address: str = _waited_for(lambda: _address_in(at), scheduler)
        self.processes = {
            name: worker.start(
                *("-m", "distributed.cli.dask_worker", self.address, *common, "--no-nanny", "--nthreads", "1"),
                *("--name", name, "--local-directory", str(worker.work)),
            )
            for name, worker in self.workers.items()
        }

    def wait(self, client: Client) -> None:
        """Waits until all workers are there."""
        client.wait_for_workers(WORKERS, timeout=_START_SECONDS)
        known = client.scheduler_info(n_workers=-1)["workers"]
        self._names: dict[str, str] = {address: worker["name"] for address, worker in known.items()}

    def kill_who_executes(self, client: Client, step_key: str) -> str | None:
        """Kills the worker that executes a step by SIGKILL; its name, or None where none executes it by now."""
        for address, keys in client.processing().items():
            if any(str(key).startswith(f"{step_key}-") for key in keys):
                name = self._names[address]
                os.kill(self.processes[name].pid, signal.SIGKILL)
                return name
        return None


def demo(resamples: int) -> None:
    """The whole demo.

    Args:
        resamples: how often each month is drawn anew, which is what takes the time.

    Raises:
        click.ClickException: what it is to show did not happen.
    """
    with tempfile.TemporaryDirectory(prefix="cluster-") as name, ExitStack() as machines:
        folder = Path(name)
        server = machines.enter_context(embedded_s3_server())
        variables = {
            **server.environment(),
            "FLIGHTS_BUCKET": server.create_bucket("flights"),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        variables["FLIGHTS_POSTGRES"] = _database(folder, machines)
        cluster = Cluster(folder, variables, machines)
        client = machines.enter_context(Client(cluster.address, set_as_default=False, name="demo"))
        cluster.wait(client)
        _say(f"A bucket, a database, a Dask scheduler at {cluster.address}, and {WORKERS} workers:")
        for name, process in cluster.processes.items():
            _say(f"  {name}  process {process.pid}, in {cluster.workers[name].folder}")
        _follow(cluster, client, resamples)


def _follow(cluster: Cluster, client: Client, resamples: int) -> None:
    """Starts the run, shows what it tells, and kills a worker."""
    run = cluster.run_machine.start(
        str(Path(__file__).with_name("run.py")), cluster.address, str(resamples), is_read=True
    )
    _say("\nThe pipeline flights_by_month runs there:")
    assert run.stdout is not None
    began, killed, attempts, compared = time.monotonic(), None, 0, None
    for told in map(json.loads, run.stdout):
        step, seconds = told.get("step"), f"{time.monotonic() - began:5.1f} s  "
        attempts += told["what"] in ("STEP_START", "STEP_RESTARTED")
        if told["what"] == "STEP_START" and killed is None:
            killed = cluster.kill_who_executes(client, step) if step in KILLED_AT else None
            if killed is not None:
                _say(f"{seconds}{killed} is killed (kill -9), while it executes {step}")
        elif told["what"] == "STEP_SUCCESS":
            _say(f"{seconds}{step}")
        elif told["what"] in ("STEP_UP_FOR_RETRY", "STEP_FAILURE"):
            failed, _, why = told["message"].partition(": ")
            _say(f"{seconds}{failed}:\n{' ' * len(seconds)}{why.partition('. ')[0]}")
        elif told["what"] == "executed":
            _say(f"The run has succeeded, with {attempts} attempts at its steps, on the workers that were left.")
            _say("\nThe same run in one process of this machine, without a cluster ...")
        elif told["what"] == "compared":
            compared = told
    if run.wait() != 0 or compared is None:
        raise click.ClickException(f"The run has failed.\n{cluster.run_machine.log}")
    if not compared["are_equal"] or killed is None:
        raise click.ClickException("The demo did not show that the values are the same although a worker was killed.")
    _say(f"gives the same values, to the last bit:\n\n{compared['table']}")


def _database(folder: Path, machines: ExitStack) -> str:
    """Starts PostgreSQL on a machine of its own; the URL of its database."""
    machine = machines.enter_context(Machine(folder / "database", {}))
    process = machine.start(str(Path(__file__).with_name("database.py")), is_read=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    if not url:
        raise click.ClickException(f"The database has not started.\n{machine.log}")
    return url


def _address_in(file: Path) -> str | None:
    with suppress(FileNotFoundError, json.JSONDecodeError):  # it may not be written, or not to its end
        return str(json.loads(file.read_text())["address"])
    return None


def _waited_for(look: Any, machine: Machine) -> Any:
    until = time.monotonic() + _START_SECONDS
    while (found := look()) is None:
        if time.monotonic() > until:
            raise click.ClickException(f"{machine.name} has not started.\n{machine.log}")
        time.sleep(0.05)
    return found


def _say(line: str) -> None:
    click.echo(line)


@click.command()
def main() -> None:
    """Runs the demo. Ctrl-C, and SIGTERM, end all that it has started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with clear_failures():
        demo(RESAMPLES)


if __name__ == "__main__":
    main()
