"""What starts runs on a schedule. Cron's is imported when first used: few use it, and it needs subprocesses."""

from typing import TYPE_CHECKING

from core.lazy import lazy_names
from core.scheduler.base import Scheduler
from core.scheduler.daemon import DagsterDaemonScheduler

if TYPE_CHECKING:
    from core.scheduler.system_cron import SystemCronScheduler
else:
    __getattr__ = lazy_names(__name__, {"SystemCronScheduler": "core.scheduler.system_cron"})

__all__ = ["DagsterDaemonScheduler", "Scheduler", "SystemCronScheduler"]
