"""Labelled values that users attach to outputs, materializations, expectations, type checks and failures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from core.errors import DagsterInvalidDefinitionError


class TextMetadataEntryData(msgspec.Struct, frozen=True, tag="text"):
    """Plain text."""

    text: str | None


class UrlMetadataEntryData(msgspec.Struct, frozen=True, tag="url"):
    """A URL."""

    url: str | None


class PathMetadataEntryData(msgspec.Struct, frozen=True, tag="path"):
    """A path on disk."""

    path: str | None


class JsonMetadataEntryData(msgspec.Struct, frozen=True, tag="json", omit_defaults=True):
    """A value that can be written as JSON.

    Attributes:
        data: the value; NaN and the infinities may be in it.
        text: set where they are: the value as Python's `json` writes it, since JSON proper has no word for them.
    """

    data: Any
    text: str | None = None

    def __post_init__(self) -> None:
        if self.text is None and not _has_special_number(self.data):
            return
        import json  # 3 ms to import, for numbers that few events hold

        if self.text is not None:
            msgspec.structs.force_setattr(self, "data", json.loads(self.text))
        else:
            msgspec.structs.force_setattr(self, "text", json.dumps(self.data))


class MarkdownMetadataEntryData(msgspec.Struct, frozen=True, tag="markdown"):
    """Markdown text."""

    md_str: str | None


class IntMetadataEntryData(msgspec.Struct, frozen=True, tag="int"):
    """An integer."""

    value: int | None


class FloatMetadataEntryData(msgspec.Struct, frozen=True, tag="float", omit_defaults=True):
    """A number.

    Attributes:
        value: the number; NaN and the infinities are numbers too.
        text: set for these: the number in a word, since JSON has none for them.
    """

    value: float | None
    text: Literal["nan", "inf", "-inf"] | None = None

    def __post_init__(self) -> None:
        if self.text is not None:
            msgspec.structs.force_setattr(self, "value", float(self.text))
        elif self.value is not None and _is_special(self.value):
            msgspec.structs.force_setattr(self, "text", str(float(self.value)))


class PythonArtifactMetadataEntryData(msgspec.Struct, frozen=True, tag="python_artifact"):
    """A class or function of Python.

    Attributes:
        module: where it is defined.
        name: its name there.
    """

    module: str
    name: str

    @staticmethod
    def of(artifact: Any) -> PythonArtifactMetadataEntryData:
        """The entry for a class or function; raises DagsterInvalidDefinitionError for anything else."""
        module, name = getattr(artifact, "__module__", None), getattr(artifact, "__name__", None)
        if not isinstance(module, str) or not isinstance(name, str):
            raise DagsterInvalidDefinitionError(
                f"A Python artifact is a class or a function, with a module and a name; got {artifact!r}."
            )
        return PythonArtifactMetadataEntryData(module, name)


MetadataEntryData = (
    TextMetadataEntryData
    | UrlMetadataEntryData
    | PathMetadataEntryData
    | JsonMetadataEntryData
    | MarkdownMetadataEntryData
    | IntMetadataEntryData
    | FloatMetadataEntryData
    | PythonArtifactMetadataEntryData
)


def _is_special(value: Any) -> bool:
    """Whether a number, also one of another library, is NaN or infinite; of what is no number, recording it tells."""
    return hasattr(value, "__float__") and not isinstance(value, int) and not math.isfinite(value)


def _has_special_number(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_has_special_number, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_special_number, value))


class EventMetadata:
    """Makes values for `metadata={label: value}`: `EventMetadata.url("https://...")`."""

    text = staticmethod(TextMetadataEntryData)
    url = staticmethod(UrlMetadataEntryData)
    path = staticmethod(PathMetadataEntryData)
    json = staticmethod(JsonMetadataEntryData)
    md = staticmethod(MarkdownMetadataEntryData)
    python_artifact = staticmethod(PythonArtifactMetadataEntryData.of)
    int = staticmethod(IntMetadataEntryData)
    float = staticmethod(FloatMetadataEntryData)


class EventMetadataEntry(msgspec.Struct, frozen=True):
    """A labelled value. Use the static methods to make one: `EventMetadataEntry.int(3, "rows")`."""

    label: str
    description: str | None
    entry_data: MetadataEntryData

    @staticmethod
    def text(text: str | None, label: str, description: str | None = None) -> EventMetadataEntry:
        """A text entry."""
        return EventMetadataEntry(label, description, TextMetadataEntryData(text))

    @staticmethod
    def url(url: str | None, label: str, description: str | None = None) -> EventMetadataEntry:
        """A URL entry."""
        return EventMetadataEntry(label, description, UrlMetadataEntryData(url))

    @staticmethod
    def path(path: str | None, label: str, description: str | None = None) -> EventMetadataEntry:
        """A path entry."""
        return EventMetadataEntry(label, description, PathMetadataEntryData(path))

    @staticmethod
    def fspath(path: str | None, label: str | None = None, description: str | None = None) -> EventMetadataEntry:
        """A path entry labelled with the last part of the path."""
        return EventMetadataEntry.path(path, label or str(path).rpartition("/")[2], description)

    @staticmethod
    def json(data: Any, label: str, description: str | None = None) -> EventMetadataEntry:
        """A JSON entry."""
        return EventMetadataEntry(label, description, JsonMetadataEntryData(data))

    @staticmethod
    def md(md_str: str | None, label: str, description: str | None = None) -> EventMetadataEntry:
        """A Markdown entry."""
        return EventMetadataEntry(label, description, MarkdownMetadataEntryData(md_str))

    @staticmethod
    def python_artifact(python_artifact: Any, label: str, description: str | None = None) -> EventMetadataEntry:
        """An entry for a class or function."""
        return EventMetadataEntry(label, description, PythonArtifactMetadataEntryData.of(python_artifact))

    @staticmethod
    def int(value: int | None, label: str, description: str | None = None) -> EventMetadataEntry:
        """An integer entry."""
        return EventMetadataEntry(label, description, IntMetadataEntryData(value))

    @staticmethod
    def float(value: float | None, label: str, description: str | None = None) -> EventMetadataEntry:
        """A number entry."""
        return EventMetadataEntry(label, description, FloatMetadataEntryData(value))


def as_metadata_entries(
    metadata: Mapping[str, Any] | None, entries: Sequence[EventMetadataEntry] | None = None
) -> tuple[EventMetadataEntry, ...]:
    """The given entries, followed by those made from a dict of label to value.

    Raises:
        DagsterInvalidDefinitionError: a value in the dict has no metadata type.
    """
    return (
        *(entries or ()),
        *(EventMetadataEntry(label, None, _entry_data(label, v)) for label, v in (metadata or {}).items()),
    )


def _entry_data(label: str, value: Any) -> MetadataEntryData:
    if isinstance(value, MetadataEntryData):
        return value
    if isinstance(value, bool):
        return JsonMetadataEntryData(value)
    if isinstance(value, str):
        return TextMetadataEntryData(value)
    if isinstance(value, int):
        return IntMetadataEntryData(value)
    if isinstance(value, float):
        return FloatMetadataEntryData(value)
    if isinstance(value, dict | list):
        return JsonMetadataEntryData(value)
    raise DagsterInvalidDefinitionError(
        f"Metadata {label!r} is of type {type(value).__name__}; "
        "give a str, int, float, dict or list, or wrap the value with a method of EventMetadata."
    )
