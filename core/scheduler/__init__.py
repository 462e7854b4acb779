"""What starts runs on a schedule."""

from core.scheduler.base import Scheduler
from core.scheduler.daemon import DagsterDaemonScheduler

__all__ = ["DagsterDaemonScheduler", "Scheduler"]
