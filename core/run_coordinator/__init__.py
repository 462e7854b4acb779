"""What decides when submitted runs are launched."""

from core.run_coordinator.base import RunCoordinator
from core.run_coordinator.default import DefaultRunCoordinator
from core.run_coordinator.queued import QueuedRunCoordinator

__all__ = ["DefaultRunCoordinator", "QueuedRunCoordinator", "RunCoordinator"]
