"""The run coordinator that has no queue."""

from __future__ import annotations

from typing import Any

from core.records.origin import ExternalPipeline
from core.records.pipeline_run import PipelineRun
from core.run_coordinator.base import RunCoordinator
from core.serdes import ConfigurableClass, ConfigurableClassData


class DefaultRunCoordinator(RunCoordinator, ConfigurableClass):
    """Has each run launched at once, by whoever submits it. In `dagster.yaml`:

        run_coordinator:
          module: core.run_coordinator
          class: DefaultRunCoordinator

    Args:
        inst_data: the config that it was made from.

    Example:
        >>> from core.run_coordinator import DefaultRunCoordinator
        >>> DefaultRunCoordinator().required_daemon is None
        True
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> DefaultRunCoordinator:
        return cls(inst_data)

    def submit_run(self, pipeline_run: PipelineRun, external_pipeline: ExternalPipeline | None) -> PipelineRun:
        return self._instance.launch_run(pipeline_run.run_id, external_pipeline)

    def can_cancel_run(self, run_id: str) -> bool:
        return self._instance.can_cancel_waiting_run(run_id) or self._instance.can_terminate_run(run_id)

    def cancel_run(self, run_id: str) -> bool:
        return self._instance.cancel_waiting_run(run_id) or self._instance.terminate_run(run_id)
