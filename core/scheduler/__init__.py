"""What starts runs on a schedule."""

from core.scheduler.base import Scheduler

__all__ = ["Scheduler"]
