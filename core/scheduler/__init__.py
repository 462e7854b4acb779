"""What starts runs on a schedule."""

from core.scheduler.base import Scheduler
from core.scheduler.daemon import DagsterDaemonScheduler
from core.scheduler.system_cron import SystemCronScheduler

__all__ = ["DagsterDaemonScheduler", "Scheduler", "SystemCronScheduler"]
