"""Which roles an instance needs."""

from __future__ import annotations

from core.code_servers import Workspace
from core.daemon.role import Role
from core.daemon.roles.backfills import BackfillRole
from core.daemon.roles.dead_runs import DeadRunsRole
from core.daemon.roles.known_code import KnownCode
from core.daemon.roles.queue import QueueRole
from core.daemon.roles.scheduler import SchedulerRole
from core.daemon.roles.sensors import SensorRole
from core.instance import DagsterInstance
from core.run_coordinator import QueuedRunCoordinator
from core.scheduler import DagsterDaemonScheduler


def roles_of(instance: DagsterInstance, workspace: Workspace) -> list[Role]:
    """The roles that a daemon has for an instance.

    Args:
        instance: the instance.
        workspace: where the code of schedules, sensors and partition sets is.
    """
    code = KnownCode(workspace)
    roles: list[Role] = [DeadRunsRole(instance), SensorRole(instance, code), BackfillRole(instance, code)]
    if isinstance(instance.run_coordinator, QueuedRunCoordinator):
        roles.append(QueueRole(instance))
    if isinstance(instance.scheduler, DagsterDaemonScheduler):
        roles.append(SchedulerRole(instance, code))
    return roles
