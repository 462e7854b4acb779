"""What a scheduler does."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Scheduler(ABC):
    """Has the schedules of an instance that are turned on started when they are due, by cron or by a daemon, say.

    Example:
        >>> from core.scheduler import Scheduler
        >>> class ByHand(Scheduler):
        ...     def debug_info(self):
        ...         return "Somebody starts the runs."
        >>> ByHand().debug_info()
        'Somebody starts the runs.'
    """

    @abstractmethod
    def debug_info(self) -> str:
        """What it knows of its state, as text for the person who looks for a fault."""
