"""Records of what happens in a run."""

from core.events.event_types import DagsterEventType
from core.events.metadata import EventMetadata, EventMetadataEntry
from core.events.payloads import StepOutputHandle
from core.events.records import DagsterEvent, EventLogEntry
from core.events.user_events import (
    AssetKey,
    AssetMaterialization,
    ExpectationResult,
    Failure,
    Output,
    RetryRequested,
    TypeCheck,
)

__all__ = [
    "AssetKey",
    "AssetMaterialization",
    "DagsterEvent",
    "DagsterEventType",
    "EventLogEntry",
    "EventMetadata",
    "EventMetadataEntry",
    "ExpectationResult",
    "Failure",
    "Output",
    "RetryRequested",
    "StepOutputHandle",
    "TypeCheck",
]
