"""Loaders and materializers of the built-in types: values that stand in the config itself, or in a file that it names.

`5`, `{value: 5}`, `{json: {path: five.json}}` and `{pickle: {path: five.pickle}}` all give the same Int.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.config import (
    Array,
    ChoiceForm,
    ConfigFault,
    ConfigType,
    Field,
    FileFingerprint,
    Fingerprint,
    Form,
    ItemsForm,
    Noneable,
    OneOfForm,
    Selector,
    Shape,
    StringSource,
    as_config_type,
    as_field,
    fingerprinted_fields,
    show_value,
)
from core.config.scalars import AnyType
from core.disk.atomic_file import atomic_write
from core.errors import DagsterInvariantViolationError
from core.events.metadata import EventMetadataEntry
from core.events.user_events import AssetMaterialization
from core.types import pickles
from core.types.loaders import DagsterTypeLoader, DagsterTypeMaterializer
from core.wording import counted, ended

_ConfigPath = tuple[str | int, ...]
_FILE = "{json: {path: PATH}} or {pickle: {path: PATH}}"


def _file_field(is_read: bool) -> Field:
    fingerprint = FileFingerprint() if is_read else None
    return Field(Shape({"path": Field(StringSource, description="The path of the file.", fingerprint=fingerprint)}))


class ValueOrFile(Selector):
    """A value as it is, or `{value: ...}`; or the file that it is in: `{json: {path: ...}}`, `{pickle: {path: ...}}`.

    It comes to a mapping with one of these keys.

    Args:
        schema: of the value.
    """

    def __init__(self, schema: object) -> None:
        self.value_type = as_config_type(schema)
        super().__init__({"value": self.value_type, "json": _file_field(True), "pickle": _file_field(True)})
        self._takes_mappings = isinstance(self.value_type, AnyType)

    @property
    def given_name(self) -> str:
        return f"{self.value_type.given_name}, {_FILE}"

    def resolve(self, value: object, path: _ConfigPath, faults: list[ConfigFault]) -> Any:
        if self.is_choice(value):
            return super().resolve(value, path, faults)
        return {"value": self.fields["value"].resolve(value, path, faults)}

    def form(self) -> Form:
        return OneOfForm((self.value_type.form(), ChoiceForm(self._field_forms(), _FILE, is_aside=True)))

    def is_choice(self, value: object) -> bool:
        """Whether a mapping says how the value is given, and is not the value."""
        if not isinstance(value, Mapping) or len(value) != 1:
            return False
        ((key, inner),) = value.items()
        if key not in self.fields or not self._takes_mappings or key == "value":
            return key in self.fields
        if not isinstance(inner, Mapping) or set(inner) != {"path"}:
            return False
        path = inner["path"]
        variable = path.get("env") if isinstance(path, Mapping) and len(path) == 1 else None
        return isinstance(path, str) or (isinstance(variable, str) and variable != "")


class ValueLoader(DagsterTypeLoader):
    """Values that the config holds, or a file that it names.

    Args:
        schema: of a value.
        make: makes the value of what the schema resolved to; by default it is the value.
        versioned_value: what versions are made of for such a value; by default the value.
        fingerprinted_value: the fields of such a value that point at something outside; none by default.
        keys: resources that `make` takes from its context.
    """

    def __init__(
        self,
        schema: object,
        make: Callable[[Any, Any], Any] | None = None,
        versioned_value: Callable[[Any], Any] | None = None,
        fingerprinted_value: Callable[[Any], list[tuple[str, Fingerprint, Any]]] | None = None,
        keys: frozenset[str] = frozenset(),
    ) -> None:
        self._schema = Field(ValueOrFile(schema))
        self._make, self._versioned_value, self._keys = make, versioned_value, keys
        self._fingerprinted_value = fingerprinted_value

    @property
    def schema_type(self) -> Field:
        return self._schema

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        ((key, given),) = config_value.items()
        if key == "value":
            return given if self._make is None else self._make(context, given)
        return _in_file(key, Path(given["path"]))

    def required_resource_keys(self) -> frozenset[str]:
        return self._keys

    def versioned(self, config_value: Any) -> Any:
        ((key, given),) = config_value.items()
        if key != "value":
            return ("loaded", key, given)  # what is in the file is a fingerprint beside this
        if self._versioned_value is None:
            return ("value", given)
        return self._versioned_value(given)

    def fingerprinted(self, config_value: Any) -> list[tuple[str, Fingerprint, Any]]:
        if "value" in config_value and self._fingerprinted_value is not None:
            return self._fingerprinted_value(config_value["value"])
        return fingerprinted_fields(self._schema, config_value)


class OptionalLoader(DagsterTypeLoader):
    """null for None, or what another loader takes."""

    def __init__(self, inner: DagsterTypeLoader) -> None:
        self._inner = inner
        self._schema = Field(Noneable(as_field(inner.schema_type).config_type), is_required=True)

    @property
    def schema_type(self) -> Field:
        return self._schema

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        return None if config_value is None else self._inner.construct_from_config_value(context, config_value)

    def required_resource_keys(self) -> frozenset[str]:
        return self._inner.required_resource_keys()

    def versioned(self, config_value: Any) -> Any:
        return ("value", None) if config_value is None else self._inner.versioned(config_value)

    def fingerprinted(self, config_value: Any) -> list[tuple[str, Fingerprint, Any]]:
        return [] if config_value is None else self._inner.fingerprinted(config_value)


class _Items(ConfigType):
    """A list of fixed length, each item of a type of its own."""

    def __init__(self, items: Sequence[ConfigType]) -> None:
        self.items = tuple(items)

    @property
    def given_name(self) -> str:
        return f"list of {counted(len(self.items), 'item')}"

    def resolve(self, value: object, path: _ConfigPath, faults: list[ConfigFault]) -> Any:
        if not isinstance(value, list | tuple) or len(value) != len(self.items):
            faults.append(ConfigFault(path, f"expected a {self.given_name}, got {show_value(value)}"))
            return value
        pairs = enumerate(zip(self.items, value, strict=True))
        return [each.resolve(item, (*path, index), faults) for index, (each, item) in pairs]

    def form(self) -> Form:
        return ItemsForm(tuple(each.form() for each in self.items))


def loader_of_items(
    container: Callable[[list[Any]], Any], inners: Sequence[DagsterTypeLoader | None], is_fixed: bool = False
) -> DagsterTypeLoader | None:
    """The loader of a list, set or tuple: a list in which each item is what the loader of its type takes.

    Args:
        container: makes the value of the list of its items.
        inners: the loader of all items; where `is_fixed`, of each.
        is_fixed: whether the number of items is that of `inners`.
    """
    loaders = [each for each in inners if each is not None]
    if len(loaders) < len(inners):
        return None
    types = [as_field(each.schema_type).config_type for each in loaders]

    def each_of(given: list[Any]) -> list[tuple[DagsterTypeLoader, Any]]:
        return list(zip(loaders if is_fixed else loaders * len(given), given, strict=True))

    def make(context: Any, given: list[Any]) -> Any:
        return container([each.construct_from_config_value(context, item) for each, item in each_of(given)])

    def versioned_value(given: list[Any]) -> Any:
        parts = [each.versioned(item) for each, item in each_of(given)]
        if any(part is None for part in parts):
            return None
        if all(part[0] == "value" for part in parts):  # as of a list that was given as it is
            return ("value", [part[1] for part in parts])
        return ("items", parts)

    def fingerprinted_value(given: list[Any]) -> list[tuple[str, Fingerprint, Any]]:
        return [
            (f"[{index}].{path}", *rest)
            for index, (each, item) in enumerate(each_of(given))
            for path, *rest in each.fingerprinted(item)
        ]

    keys = frozenset().union(*(each.required_resource_keys() for each in loaders))
    schema = _Items(types) if is_fixed else Array(types[0])
    return ValueLoader(schema, make, versioned_value, fingerprinted_value, keys)


class MappingLoader(DagsterTypeLoader):
    """A dict as it stands in the config."""

    schema_type = dict

    def versioned(self, config_value: Any) -> Any:
        return ("value", config_value)


class FileMaterializer(DagsterTypeMaterializer):
    """Writes a value to the file that the config names, as `ValueLoader` reads it.

    A JSON file holds `{"value": ...}`.
    """

    schema_type = Selector({"json": _file_field(False), "pickle": _file_field(False)}, _FILE)

    def materialize_runtime_values(self, context: Any, config_value: Any, runtime_value: Any) -> Any:
        ((kind, given),) = config_value.items()
        path = Path(given["path"])
        if kind == "json":
            content = _json().dumps({"value": runtime_value}).encode()
            with atomic_write(path) as stream:
                stream.write(content)
        else:
            with atomic_write(path) as stream:
                pickles.dump(runtime_value, stream)
        yield AssetMaterialization(
            str(path),
            f"Wrote the value to {path}.",
            [EventMetadataEntry.fspath(str(path), "path")],
        )


def _in_file(kind: str, path: Path) -> Any:
    if kind == "pickle":
        with path.open("rb") as stream:
            return pickles.load(stream)
    try:
        found = _json().loads(path.read_bytes())
    except ValueError as error:
        raise DagsterInvariantViolationError(ended(f"{path} does not hold JSON: {error}")) from error
    return found["value"] if isinstance(found, dict) and set(found) == {"value"} else found


def _json() -> Any:
    import json  # 3 ms to import, for files that few run configs name

    return json
