"""What decides when submitted runs are launched."""

from core.run_coordinator.base import RunCoordinator

__all__ = ["RunCoordinator"]
