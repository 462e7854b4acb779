"""Door to `core.files.memory`, by the name that pickled handles state."""

from core.files.memory import InMemoryFileHandle, InMemoryFileManager

__all__ = ["InMemoryFileHandle", "InMemoryFileManager"]
