"""The scheduler that the daemon is."""

from __future__ import annotations

from typing import Any, ClassVar

from core.config import Checked, Field, IntSource
from core.scheduler.base import Scheduler
from core.serdes import ConfigurableClass, ConfigurableClassData

DEFAULT_MAX_CATCHUP_RUNS = 5


class DagsterDaemonScheduler(Scheduler, ConfigurableClass):
    """Schedules are started by `cloudstore daemon run`. The default. In `dagster.yaml`:

    scheduler:
      module: core.scheduler
      class: DagsterDaemonScheduler
      config:
        max_catchup_runs: 5

    Args:
        max_catchup_runs: how many of the times at which a schedule with a partition set was due while no daemon ran are
            made up for, the last ones, and 1 at least; of a schedule without one, only the last time is. No time before
            a schedule was turned on counts.
        inst_data: the config that it was made from.

    Example:
        >>> from core.scheduler import DagsterDaemonScheduler
        >>> DagsterDaemonScheduler(max_catchup_runs=10).debug_info()
        'Schedules are started by the daemon (cloudstore daemon run); max_catchup_runs is 10.'
    """

    required_daemon: ClassVar[str] = "SCHEDULER"

    def __init__(
        self, max_catchup_runs: int = DEFAULT_MAX_CATCHUP_RUNS, inst_data: ConfigurableClassData | None = None
    ) -> None:
        self.max_catchup_runs = max_catchup_runs
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        count = Checked(IntSource, "a whole number, 0 or more", lambda count: count >= 0)
        return {"max_catchup_runs": Field(count, default_value=DEFAULT_MAX_CATCHUP_RUNS)}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> DagsterDaemonScheduler:
        return DagsterDaemonScheduler(config_value["max_catchup_runs"], inst_data)

    def debug_info(self) -> str:
        return (
            f"Schedules are started by the daemon (cloudstore daemon run); max_catchup_runs is {self.max_catchup_runs}."
        )
