"""Objects that a solid may yield or raise: outputs, materializations, expectations, failures, retry requests."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, Self

import msgspec

from core.arguments import checked_arguments
from core.config import not_recordable
from core.errors import DagsterInvalidDefinitionError
from core.events.metadata import METADATA_ADVICE, EventMetadataEntry, as_metadata_entries
from core.wording import a_kind_of, ended

DEFAULT_OUTPUT = "result"
_MAPPING_KEY = re.compile(r"[A-Za-z0-9_]+")


class Output:
    """A value for one of a solid's outputs.

    Args:
        value: the value.
        output_name: which output; "result" by default.
        metadata: label to value, kept with the event.
        metadata_entries: the same as a list of entries.

    Example:
        >>> Output([1, 2], "rows", metadata={"count": 2}).metadata_entries[0].label
        'count'
    """

    @checked_arguments("an Output", advice=METADATA_ADVICE)
    def __init__(
        self,
        value: Any,
        output_name: str = DEFAULT_OUTPUT,
        metadata_entries: Sequence[EventMetadataEntry] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.value = value
        self.output_name = output_name
        self.metadata_entries = as_metadata_entries(metadata, metadata_entries)

    def __repr__(self) -> str:  # without the value, which may be large, or secret
        return f"<{type(self).__name__} {self.output_name!r} of type {type(self.value).__name__}>"


class DynamicOutput(Output):
    """One of the values of a dynamic output of a solid.

    Args:
        value: the value.
        mapping_key: tells it from the others: letters, digits and underscores.
        output_name: which output; "result" by default.
        metadata: label to value, kept with the event.
        metadata_entries: the same as a list of entries.

    Raises:
        DagsterInvalidDefinitionError: the key is not made of letters, digits and underscores.

    Example:
        >>> from core import execute_solid, solid
        >>> from core.experimental import DynamicOutput, DynamicOutputDefinition
        >>> @solid(output_defs=[DynamicOutputDefinition(int)])
        ... def lengths():
        ...     for word in ("one", "three"):
        ...         yield DynamicOutput(len(word), mapping_key=word)
        >>> execute_solid(lengths).output_value()
        {'one': 3, 'three': 5}
    """

    @checked_arguments("a DynamicOutput", advice=METADATA_ADVICE)
    def __init__(
        self,
        value: Any,
        mapping_key: str,
        output_name: str = DEFAULT_OUTPUT,
        metadata_entries: Sequence[EventMetadataEntry] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(value, output_name, metadata_entries, metadata)
        if not _MAPPING_KEY.fullmatch(mapping_key):
            raise DagsterInvalidDefinitionError(
                f"{mapping_key!r} is not a mapping key; use only the letters A-Z and a-z, digits and underscores."
            )
        self.mapping_key = mapping_key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.output_name!r} [{self.mapping_key}] of type {type(self.value).__name__}>"


class AssetKey:
    """The name of something that pipelines make outside the system, such as a table.

    Args:
        path: one string, or several from the most general to the most specific.

    Raises:
        DagsterInvalidDefinitionError: the path is something else.

    Example:
        >>> AssetKey(["warehouse", "orders"]).to_string()
        '["warehouse","orders"]'
    """

    __slots__ = ("path",)

    @checked_arguments("an AssetKey")
    def __init__(self, path: str | Sequence[str]) -> None:
        parts = (path,) if isinstance(path, str) else tuple(path) if isinstance(path, Iterable) else (path,)
        if not all(isinstance(each, str) for each in parts):
            raise DagsterInvalidDefinitionError(
                f'The path of an AssetKey must be a text or a list of texts, such as ["warehouse", "orders"]; it is '
                f"{path!r}."
            )
        self.path: tuple[str, ...] = parts

    def to_string(self) -> str:
        """The key as JSON."""
        return msgspec.json.encode(self.path).decode("utf-8")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetKey) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"AssetKey({list(self.path)!r})"


class AssetMaterialization:
    """Records that a solid has made or changed something outside the system.

    Args:
        asset_key: the asset: an AssetKey, or the path of one.
        description: a description for people.
        metadata_entries: labelled values.
        partition: the part of the asset.
        tags: string to string.
        metadata: label to value, added to the entries.

    Example:
        >>> AssetMaterialization("orders", partition="2021-03-01", metadata={"rows": 12}).asset_key
        AssetKey(['orders'])
    """

    @checked_arguments("an AssetMaterialization", advice=METADATA_ADVICE)
    def __init__(
        self,
        asset_key: AssetKey | str | Sequence[str],
        description: str | None = None,
        metadata_entries: Sequence[EventMetadataEntry] | None = None,
        partition: str | None = None,
        tags: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.asset_key = asset_key if isinstance(asset_key, AssetKey) else AssetKey(asset_key)
        self.description = description
        self.metadata_entries = as_metadata_entries(metadata, metadata_entries)
        self.partition = partition
        self.tags = dict(tags or {})

    @classmethod
    def file(
        cls, path: str, description: str | None = None, asset_key: AssetKey | str | Sequence[str] | None = None
    ) -> Self:
        """Records that a file was made.

        Args:
            path: of the file; it is the asset where no key is given, and a labelled value.
            description: a description for people.
            asset_key: the asset.

        >>> AssetMaterialization.file("/tmp/rows.csv").metadata_entries[0].label
        'rows.csv'
        """
        return cls._of_file(asset_key or path, description, EventMetadataEntry.fspath(path))

    @classmethod
    def _of_file(cls, key: Any, description: str | None, entry: EventMetadataEntry) -> Self:
        return cls(key, description, [entry])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AssetMaterialization) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]  # it holds a dict

    def __repr__(self) -> str:
        return f"AssetMaterialization({self.asset_key!r}, {self.description!r})"


class Materialization(AssetMaterialization):
    """The older form of AssetMaterialization, with a label first; it warns where it is used.

    Args:
        label: a short name; the path of the asset where no key is given.
        description, metadata_entries, asset_key, partition, tags: as of AssetMaterialization.
        skip_deprecation_warning: whether not to warn.

    Example:
        >>> import warnings
        >>> from core import AssetMaterialization, Materialization
        >>> with warnings.catch_warnings(record=True) as given:
        ...     warnings.simplefilter("always")
        ...     made = Materialization("orders")
        >>> made.asset_key, str(given[0].message)
        (AssetKey(['orders']), "Materialization is the older form of ...; write AssetMaterialization('orders').")
    """

    @checked_arguments("a Materialization", advice=METADATA_ADVICE)
    def __init__(
        self,
        label: str | None = None,
        description: str | None = None,
        metadata_entries: Sequence[EventMetadataEntry] | None = None,
        asset_key: AssetKey | str | Sequence[str] | None = None,
        partition: str | None = None,
        tags: Mapping[str, str] | None = None,
        skip_deprecation_warning: bool = False,
    ) -> None:
        if label is None and asset_key is None:
            raise DagsterInvalidDefinitionError("A Materialization needs a label or an asset_key.")
        if not skip_deprecation_warning:
            message = (
                f"Materialization is the older form of AssetMaterialization; write AssetMaterialization({label!r})."
            )
            warnings.warn(message, DeprecationWarning, stacklevel=3)
        super().__init__(asset_key or str(label), description, metadata_entries, partition, tags)
        self.label = label

    @classmethod
    def _of_file(cls, key: Any, description: str | None, entry: EventMetadataEntry) -> Self:
        return cls(entry.label, description, [entry], key)


class ExpectationResult:
    """The result of a test of data.

    Args:
        success: whether the data passed; a failed expectation does not fail the step.
        label: a short name.
        description: a description for people.
        metadata_entries: labelled values.
        metadata: label to value, added to the entries.

    Example:
        >>> rows = [3, 1]
        >>> ExpectationResult(success=len(rows) > 0, label="has rows", metadata={"rows": len(rows)}).success
        True
    """

    @checked_arguments("an ExpectationResult", advice=METADATA_ADVICE)
    def __init__(
        self,
        success: bool,
        label: str | None = None,
        description: str | None = None,
        metadata_entries: Sequence[EventMetadataEntry] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.success = success
        self.label = label
        self.description = description
        self.metadata_entries = as_metadata_entries(metadata, metadata_entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExpectationResult) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]  # its metadata may hold dicts

    def __repr__(self) -> str:
        return f"ExpectationResult({self.success!r}, {self.label!r}, {self.description!r})"


class TypeCheck:
    """The result of a type check function that says more than True or False.

    Args:
        success: whether the value is of the type.
        description: why it is not.
        metadata_entries: labelled values.
        metadata: label to value, added to the entries.

    Example:
        >>> TypeCheck(success=False, description="3 rows have no id", metadata={"rows": 3}).success
        False
    """

    @checked_arguments("a TypeCheck", advice=METADATA_ADVICE)
    def __init__(
        self,
        success: bool,
        description: str | None = None,
        metadata_entries: Sequence[EventMetadataEntry] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.success = success
        self.description = description
        self.metadata_entries = as_metadata_entries(metadata, metadata_entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TypeCheck) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]  # as above

    def __repr__(self) -> str:
        return f"TypeCheck({self.success!r}, {self.description!r})"


class Failure(Exception):
    """Raise it in a solid to fail the step with a description and metadata.

    Example:
        >>> from core import Failure, execute_solid, solid
        >>> @solid
        ... def check_rows():
        ...     raise Failure("There are no rows.", metadata={"file": "orders.csv"})
        >>> result = execute_solid(check_rows, raise_on_error=False)
        >>> result.failure_data.user_failure_data.description
        'There are no rows.'
    """

    @checked_arguments("a Failure", advice=METADATA_ADVICE)
    def __init__(
        self,
        description: str | None = None,
        metadata_entries: Sequence[EventMetadataEntry] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.description = description
        self.metadata_entries = as_metadata_entries(metadata, metadata_entries)
        super().__init__(description or "the step raised Failure")


LONGEST_WAIT_SECONDS = 365 * 24 * 3600.0
"""The longest that a step waits to be run again. Clocks and dates have an end."""


def is_wait(seconds: object) -> bool:
    """Whether a value is a number of seconds that a step can wait to be run again."""
    return isinstance(seconds, Real) and bool(0.0 <= seconds <= LONGEST_WAIT_SECONDS)  # type: ignore[operator]


class RetryRequested(Exception):
    """Raise it in a solid to have the step executed again.

    Args:
        max_retries: maximum number of further attempts; after those the step fails.
        seconds_to_wait: time before the next attempt, in seconds; at most a year.

    Raises:
        DagsterInvalidDefinitionError: a number is negative or no number, or the wait is longer than a year.

    Example:
        >>> from core import RetryRequested, execute_solid, solid
        >>> @solid
        ... def ask_server(context):
        ...     if context.retry_number == 0:  # the server is asleep at first
        ...         raise RetryRequested(max_retries=2, seconds_to_wait=0.01)
        ...     return "awake"
        >>> execute_solid(ask_server).output_value()
        'awake'
    """

    def __init__(self, max_retries: int = 1, seconds_to_wait: float | None = None) -> None:
        is_count = isinstance(max_retries, Real) and max_retries >= 0
        if not is_count or not (seconds_to_wait is None or is_wait(seconds_to_wait)):
            raise DagsterInvalidDefinitionError(
                "max_retries and seconds_to_wait of RetryRequested must be 0 or more, and the wait at most a year."
            )
        self.max_retries = max_retries
        self.seconds_to_wait = float(seconds_to_wait or 0.0)
        super().__init__(f"retry requested, at most {max_retries} times")


UserEvent = Output | AssetMaterialization | ExpectationResult
USER_EVENT_TYPES = (Output, AssetMaterialization, ExpectationResult)


def tag_value(value: object) -> str:
    """A tag's value as the string it is stored as: itself, or JSON for anything else.

    Raises:
        TypeError: its JSON would not say what it is.
    """
    if isinstance(value, str):
        return value
    fault = next(not_recordable(value), None)
    if fault is not None:
        raise TypeError(fault.message if not fault.path else str(fault))
    return msgspec.json.encode(value).decode("utf-8")


def normalize_tags(tags: Mapping[str, Any] | None, what: str) -> dict[str, str]:
    """Tags with string values.

    Raises:
        DagsterInvalidDefinitionError: they are no dict, a key is not a string, or JSON would not say what a value is.
    """
    if not isinstance(tags, Mapping | None):
        raise DagsterInvalidDefinitionError(f"The tags of {what} must be a dict; they are {a_kind_of(tags)}.")
    normal: dict[str, str] = {}
    for key, value in (tags or {}).items():
        try:
            if not isinstance(key, str):
                raise TypeError("the key is not a string")
            normal[key] = tag_value(value)
        except TypeError as error:
            raise DagsterInvalidDefinitionError(ended(f"Invalid tags of {what}, tag {key!r}: {error}")) from error
    return normal
