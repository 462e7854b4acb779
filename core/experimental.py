"""Names that users import from here: dynamic outputs."""

from core.definitions.parts.input_output import DynamicOutputDefinition
from core.events.user_events import DynamicOutput

__all__ = ["DynamicOutput", "DynamicOutputDefinition"]
