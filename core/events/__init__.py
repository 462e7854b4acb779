"""Records of what happens in a run."""

from core.events.event_types import DagsterEventType
from core.events.metadata import (
    EventMetadata,
    EventMetadataEntry,
    FloatMetadataEntryData,
    IntMetadataEntryData,
    JsonMetadataEntryData,
    MarkdownMetadataEntryData,
    PathMetadataEntryData,
    PythonArtifactMetadataEntryData,
    TextMetadataEntryData,
    UrlMetadataEntryData,
)
from core.events.payloads import StepOutputHandle
from core.events.records import DagsterEvent, EventLogEntry
from core.events.user_events import (
    AssetKey,
    AssetMaterialization,
    ExpectationResult,
    Failure,
    Materialization,
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
    "FloatMetadataEntryData",
    "IntMetadataEntryData",
    "JsonMetadataEntryData",
    "MarkdownMetadataEntryData",
    "Materialization",
    "Output",
    "PathMetadataEntryData",
    "PythonArtifactMetadataEntryData",
    "RetryRequested",
    "StepOutputHandle",
    "TextMetadataEntryData",
    "TypeCheck",
    "UrlMetadataEntryData",
]
