"""Every executor, and what is compared of the runs that they execute. Nothing here knows how one executes its steps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from core import (
    DagsterInstance,
    EventLogEntry,
    PipelineDefinition,
    PipelineExecutionResult,
    PipelineRun,
    execute_pipeline,
    execute_run,
    reexecute_pipeline,
)
from core.compute_logs.names import ComputeIOType
from core.serdes import to_json
from tests.dask_cluster import dask_cluster

KINDS = ["in_process", "multiprocess", "dask"]
_HAVE_SLOTS = {"multiprocess", "dask"}
OF_THE_SUITE = "from the environment"
"""What the variable OF_THE_SUITE says in tests that ask for it, and always on workers of a cluster."""


class Runs:
    """Runs of one executor on one instance.

    Args:
        kind: the executor, as run configs name it.
        instance: where they are recorded.
        of_executor: what the executor's config must say.

    Attributes: as given.
    """

    def __init__(self, kind: str, instance: DagsterInstance, of_executor: Mapping[str, Any] | None = None) -> None:
        self.kind, self.instance, self.of_executor = kind, instance, of_executor or {}

    def config(
        self, run_config: Mapping[str, Any] | None = None, slots: int = 2, retries: str = "enabled"
    ) -> dict[str, Any]:
        """A run config that chooses the executor.

        Args:
            run_config: the rest of it.
            slots: how many steps may be executed at the same time, where the executor does that.
            retries: "enabled" or "disabled".
        """
        config: dict[str, Any] = {**self.of_executor, "retries": {retries: {}}}
        if self.kind in _HAVE_SLOTS:
            config["max_concurrent"] = slots
        return {**(run_config or {}), "execution": {self.kind: {"config": config}}}

    def run(
        self,
        pipeline: PipelineDefinition,
        run_config: Mapping[str, Any] | None = None,
        mode: str | None = None,
        *,
        slots: int = 2,
        retries: str = "enabled",
        **options: Any,
    ) -> PipelineExecutionResult:
        """Executes a pipeline; failures are told by the result. `options` are those of `execute_pipeline`."""
        options = {"instance": self.instance, "raise_on_error": False, **options}
        return execute_pipeline(pipeline, self.config(run_config, slots, retries), mode, **options)

    def again(
        self,
        pipeline: PipelineDefinition,
        parent: PipelineExecutionResult,
        run_config: Mapping[str, Any],
        step_selection: Sequence[str] | None = None,
        from_failure: bool = False,
    ) -> PipelineExecutionResult:
        """Executes a pipeline again, or some of its steps; see `reexecute_pipeline`."""
        return reexecute_pipeline(
            pipeline,
            parent.run_id,
            self.config(run_config),
            step_selection,
            from_failure=from_failure,
            instance=self.instance,
            raise_on_error=False,
        )

    def execute(
        self, pipeline: PipelineDefinition, run: PipelineRun, raise_on_error: bool = False
    ) -> PipelineExecutionResult:
        """Executes a run that is stored, with a run config of `config`."""
        return execute_run(pipeline, run, self.instance, raise_on_error)

    def told(self, result: PipelineExecutionResult) -> dict[str, list[Any]]:
        """What the stored events of a run say of each step."""
        return told(self.instance.all_logs(result.run_id))

    def output_of(self, result: PipelineExecutionResult, step_key: str, attempt: int = 1) -> tuple[str, str]:
        """What a step wrote to stdout and stderr."""
        stdout, stderr = (
            self.instance.compute_log_manager.read_logs_file(result.run_id, step_key, kind, attempt=attempt).data or ""
            for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
        )
        return stdout, stderr


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each executor."""
    found: str = request.param
    return found


@pytest.fixture(scope="session")
def sections(kind: str, request: pytest.FixtureRequest) -> Callable[[], dict[str, Any]]:
    """Makes sections of `dagster.yaml` for a new instance that the executor can use: where other machines must be able
    to open it, on PostgreSQL.
    """

    if kind != "dask":
        return dict
    found: Callable[[], dict[str, Any]] = request.getfixturevalue("postgres_sections")
    return found


@pytest.fixture(scope="session")
def instance(
    tmp_path_factory: pytest.TempPathFactory, sections: Callable[[], dict[str, Any]]
) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path_factory.mktemp("executors")), sections()) as instance:
        yield instance


@pytest.fixture(scope="session")
def runs(kind: str, instance: DagsterInstance, request: pytest.FixtureRequest) -> Runs:
    """Runs of each executor. All of one share an instance, and the environment that `config` names."""
    if kind != "dask":
        return Runs(kind, instance)
    return Runs(kind, instance, {"cluster": {"existing": {"address": request.getfixturevalue("dask_address")}}})


@pytest.fixture(scope="session")
def dask_address() -> Iterator[str]:
    """The address of a cluster that all runs share."""
    with dask_cluster({"OF_THE_SUITE": OF_THE_SUITE}, n_workers=2, threads_per_worker=3) as cluster:
        yield cluster.address


@pytest.fixture(scope="session")
def as_in_process(instance: DagsterInstance) -> Runs:
    """Runs in process, as a model of the others."""
    return Runs("in_process", instance)


# What is compared


def told(entries: Iterable[EventLogEntry]) -> dict[str, list[Any]]:
    """What the log of a run says of each step, in order, without what differs from run to run; of the run under "".

    What an executor tells of its own work is left out, and the order in which steps failed.
    """
    found: dict[str, list[Any]] = {}
    for entry in entries:
        event = entry.dagster_event
        if event is None or event.event_type_value != "ENGINE_EVENT":
            found.setdefault(entry.step_key or "", []).append(_essentials(entry))
    return found


_VOLATILE = {"duration_ms", "usage", "planning_usage", "traceback", "stack", "stamp", "pid"}
_CHANGING: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", lambda _: "RUN"),
    (r"(?s)\nIt was raised in another process:.*", lambda _: ""),
    (r"\d+\.\d+ ms", lambda _: "some ms"),
    (r"(?<=these steps failed: ).*(?=\.)", lambda match: ", ".join(sorted(match[0].split(", ")))),
]


def _essentials(entry: EventLogEntry) -> Any:
    """The type, level, message and payload, without times, ids and lines of code."""
    event, error = entry.dagster_event, entry.error_info
    data = event and event.event_specific_data
    return _scrubbed(
        [
            event and event.event_type_value,
            entry.level,
            entry.user_message,
            error and [error.cls_name, error.message],
            data and json.loads(to_json(data)),
        ]
    )


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _scrubbed(each) for key, each in value.items() if key not in _VOLATILE}
    if isinstance(value, list):
        return [_scrubbed(each) for each in value]
    if isinstance(value, str):
        for pattern, change in _CHANGING:
            value = re.sub(pattern, change, value)
    return value


def types_told(told: Mapping[str, Sequence[Any]]) -> dict[str, list[str | None]]:
    """The types of what is told, by step; None of a message of the user's."""
    return {key: [each[0] for each in events] for key, events in told.items()}
