"""The run launcher that comes with the engine: runs are processes of code servers."""

from __future__ import annotations

import math
import signal
import time
from typing import Any

from core.code_calls.client import ask
from core.code_calls.names import location_name
from core.code_calls.servers import own_servers
from core.code_calls.wire import CAN_CANCEL, CANCEL, START_RUN, Address, RunToCancel, RunToStart, as_raw
from core.config import BoolSource, Field
from core.errors import CodeServerError, DagsterLaunchFailedError
from core.launcher.base import RunLauncher
from core.records.origin import ExternalPipeline
from core.records.pipeline_run import PipelineRun
from core.records.tags import GRPC_INFO_TAG
from core.serdes import ConfigurableClass, ConfigurableClassData, from_json, to_json

_START_SECONDS = 120.0  # a server that is started for it loads the code first
_SECONDS = 30.0
_LOOK_SECONDS = 0.05


class DefaultRunLauncher(RunLauncher, ConfigurableClass):
    """Has the code server of a run's pipeline start its process, which outlives the server and this process.

    A server that the workspace names by its host is asked there. For a pipeline whose code is a file, module or package
    of this machine, a server is started when the first run of it is launched; it is kept for more of them, and ends
    with this process.

    Args:
        inst_data: what it was made from.
        wait_for_processes: whether an instance that is disposed of waits for the runs that it launched.

    Example of `dagster.yaml`:
        >>> in_yaml = '''
        ... run_launcher:
        ...   module: core.launcher
        ...   class: DefaultRunLauncher
        ...   config:
        ...     wait_for_processes: true
        ... '''
        >>> from core.launcher import DefaultRunLauncher
        >>> DefaultRunLauncher(wait_for_processes=True).wait_for_processes
        True
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None, wait_for_processes: bool = False) -> None:
        self._inst_data = inst_data
        self.wait_for_processes = wait_for_processes
        self._launched: list[str] = []

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"wait_for_processes": Field(BoolSource, is_required=False, default_value=False)}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> DefaultRunLauncher:
        return DefaultRunLauncher(inst_data, **config_value)

    def launch_run(self, run: PipelineRun, external_pipeline: ExternalPipeline | None) -> PipelineRun:
        """Starts the process of a run; see `RunLauncher`. Without a pipeline, that of the run's record is taken.

        Raises:
            DagsterLaunchFailedError: it was not started, as far as is known. The run is as it is stored: STARTING.
        """
        instance = self._instance
        origin = run.external_pipeline_origin if external_pipeline is None else external_pipeline.get_external_origin()
        if origin is None:
            raise DagsterLaunchFailedError(
                f"Run {run.run_id} of pipeline {run.pipeline_name!r} was not launched: its record does not say where "
                "the code is; create it with an external_pipeline_origin."
            )
        location = origin.external_repository_origin.repository_location_origin
        try:
            with instance.offering_run(run.run_id) as claim:
                if claim is None:
                    status = instance.get_existing_run(run.run_id).status.value
                    raise DagsterLaunchFailedError(f"Run {run.run_id} is not launched: it is {status} already.")
                asked = RunToStart(run.run_id, as_raw(instance.get_ref()), as_raw(claim))

                def start(address: Address) -> None:
                    # Before the run is executed there: whoever cancels it asks there.
                    instance.add_run_tags(run.run_id, {GRPC_INFO_TAG: to_json(address)})
                    ask(address, location_name(location), START_RUN, asked, _START_SECONDS, int)

                own_servers().asked(location, start)
        except CodeServerError as error:
            raise DagsterLaunchFailedError(
                f"Run {run.run_id} of pipeline {run.pipeline_name!r} was not launched: {error}",
                error.serializable_error_info,
            ) from error
        self._launched.append(run.run_id)
        return instance.get_existing_run(run.run_id)

    def can_terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        return run is not None and not run.is_finished and self._asks(CAN_CANCEL, run, 0)

    def terminate(self, run_id: str) -> bool:
        """Asks the process of a run to end it, which cancels the run.

        Returns:
            False where the run has ended, or no process is found that executes it.
        """
        if not self.can_terminate(run_id):
            return False
        run = self._instance.get_existing_run(run_id)
        self._instance.report_run_canceling(run)
        return self._asks(CANCEL, run, signal.SIGTERM)

    def join(self, timeout: float = 30) -> None:
        deadline = time.monotonic() + timeout
        for run_id in list(self._launched):
            while self.can_terminate(run_id):
                if time.monotonic() >= deadline:
                    return
                time.sleep(_LOOK_SECONDS)
            self._launched.remove(run_id)

    def dispose(self) -> None:
        if self.wait_for_processes:
            self.join(math.inf)

    def _asks(self, method: str, run: PipelineRun, signal_number: int) -> bool:
        """Asks the server that a run was launched by; where that has ended, this process does what it would."""
        if GRPC_INFO_TAG not in run.tags:
            return False
        address = from_json(Address, run.tags[GRPC_INFO_TAG])
        folder = self._instance.running_runs.folder
        running = None if folder is None else str(folder)
        try:
            return ask(address, run.pipeline_name, method, RunToCancel(run.run_id, running), _SECONDS, bool)
        except CodeServerError:
            process = self._instance.running_runs.living().get(run.run_id)
            return process is not None and process.send(signal_number)
