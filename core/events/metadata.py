"""Labelled values that users attach to outputs, materializations, expectations, type checks and failures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from core.arguments import check_fields
from core.errors import DagsterInvalidDefinitionError


class TextMetadataEntryData(msgspec.Struct, frozen=True, tag="text"):
    """Plain text.

    Example:
        >>> from core import AssetMaterialization, EventMetadata
        >>> made = AssetMaterialization("orders", metadata={"checked by": EventMetadata.text("the night shift")})
        >>> made.metadata_entries[0].entry_data
        TextMetadataEntryData(text='the night shift')
    """

    text: str | None


class UrlMetadataEntryData(msgspec.Struct, frozen=True, tag="url"):
    """A URL.

    Example:
        >>> from core import AssetMaterialization, EventMetadata
        >>> page = EventMetadata.url("https://example.com/orders")
        >>> AssetMaterialization("orders", metadata={"page": page}).metadata_entries[0].entry_data
        UrlMetadataEntryData(url='https://example.com/orders')
    """

    url: str | None


class PathMetadataEntryData(msgspec.Struct, frozen=True, tag="path"):
    """A path on disk.

    Example:
        >>> from core import EventMetadata, Output
        >>> made = Output(["a", "b"], metadata={"file": EventMetadata.path("/data/words.txt")})
        >>> made.metadata_entries[0].entry_data
        PathMetadataEntryData(path='/data/words.txt')
    """

    path: str | None


class JsonMetadataEntryData(msgspec.Struct, frozen=True, tag="json", omit_defaults=True):
    """A value that can be written as JSON.

    Attributes:
        data: the value; NaN and the infinities may be in it.
        text: set where they are: the value as Python's `json` writes it, since JSON proper has no word for them.

    Example:
        >>> from core import ExpectationResult
        >>> found = ExpectationResult(False, "ids are unique", metadata={"repeated": [17, 42]})
        >>> found.metadata_entries[0].entry_data.data
        [17, 42]
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
    r"""Markdown text.

    Example:
        >>> from core import AssetMaterialization, EventMetadata
        >>> table = EventMetadata.md("| id | total |\n|---|---|\n| 1 | 20 |")
        >>> AssetMaterialization("orders", metadata={"first rows": table}).metadata_entries[0].entry_data.md_str[:14]
        '| id | total |'
    """

    md_str: str | None


class IntMetadataEntryData(msgspec.Struct, frozen=True, tag="int"):
    """An integer.

    Example:
        >>> from core import Output
        >>> Output([1, 2, 3], metadata={"rows": 3}).metadata_entries[0].entry_data.value
        3
    """

    value: int | None


class FloatMetadataEntryData(msgspec.Struct, frozen=True, tag="float", omit_defaults=True):
    """A number.

    Attributes:
        value: the number; NaN and the infinities are numbers too.
        text: set for these: the number in a word, since JSON has none for them.

    Example:
        >>> from core import ExpectationResult
        >>> result = ExpectationResult(True, "few are empty", metadata={"share": 0.02, "worst": float("nan")})
        >>> [entry.entry_data.value for entry in result.metadata_entries]
        [0.02, nan]
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

    Example:
        >>> from collections import OrderedDict
        >>> from core import EventMetadata
        >>> EventMetadata.python_artifact(OrderedDict)
        PythonArtifactMetadataEntryData(module='collections', name='OrderedDict')
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
    """Makes values for `metadata={label: value}`.

    Example:
        >>> from core import AssetMaterialization, EventMetadata
        >>> made = AssetMaterialization(
        ...     "orders", metadata={"rows": 12, "page": EventMetadata.url("https://example.com/orders")}
        ... )
        >>> [entry.label for entry in made.metadata_entries]
        ['rows', 'page']
    """

    text = staticmethod(TextMetadataEntryData)
    url = staticmethod(UrlMetadataEntryData)
    path = staticmethod(PathMetadataEntryData)
    json = staticmethod(JsonMetadataEntryData)
    md = staticmethod(MarkdownMetadataEntryData)
    python_artifact = staticmethod(PythonArtifactMetadataEntryData.of)
    int = staticmethod(IntMetadataEntryData)
    float = staticmethod(FloatMetadataEntryData)


class EventMetadataEntry(msgspec.Struct, frozen=True):
    """A labelled value. Use the static methods to make one.

    Example:
        >>> from core import EventMetadataEntry, ExpectationResult
        >>> rows = EventMetadataEntry.int(3, "rows", description="without the header")
        >>> ExpectationResult(True, metadata_entries=[rows]).metadata_entries[0].label
        'rows'
    """

    label: str
    description: str | None
    entry_data: MetadataEntryData

    def __post_init__(self) -> None:
        check_fields(self, "an EventMetadataEntry")

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


METADATA_ADVICE = {
    "metadata": 'Write metadata={"rows": 3}.',
    "metadata_entries": 'Write metadata={"rows": 3}, or metadata_entries=[EventMetadataEntry.int(3, "rows")].',
}
"""What to do where an argument with metadata is something else."""


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
