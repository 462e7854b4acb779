"""Which roles an instance needs."""

from __future__ import annotations

from core.daemon.role import Role
from core.daemon.roles.dead_runs import DeadRunsRole
from core.daemon.roles.queue import QueueRole
from core.instance import DagsterInstance
from core.run_coordinator import QueuedRunCoordinator


def roles_of(instance: DagsterInstance) -> list[Role]:
    """The roles that a daemon has for an instance."""
    roles: list[Role] = [DeadRunsRole(instance)]
    if isinstance(instance.run_coordinator, QueuedRunCoordinator):
        roles.append(QueueRole(instance))
    return roles
