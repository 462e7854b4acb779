"""Values from config, and the way back: what a type does with the config that a run config gives of it.

A *loader* makes the value of an input that no solid feeds from config (`solids: {a: {inputs: {x: ...}}}`); a
*materializer* writes the value of an output to where config says (`solids: {a: {outputs: [{result: ...}]}}`).
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from core.arguments import checked_arguments
from core.config import Field, Fingerprint, as_field, fingerprinted_fields, without_secret_fields
from core.errors import (
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DagsterTypeMaterializationError,
    user_code_error_boundary,
)
from core.events.user_events import AssetMaterialization
from core.wording import a_kind_of

LoadFn = Callable[[Any, Any], Any]
MaterializeFn = Callable[[Any, Any, Any], Any]


class DagsterTypeLoader(ABC):
    """Makes values of a type from config. Most are made with `@dagster_type_loader`.

    Example:
        >>> class Squares(DagsterTypeLoader):
        ...     schema_type = {"count": int}
        ...     loader_version = "1"
        ...     def construct_from_config_value(self, context, config_value):
        ...         return [number**2 for number in range(config_value["count"])]
        >>> Squares().construct_from_config_value(None, {"count": 3})
        [0, 1, 4]
    """

    @property
    @abstractmethod
    def schema_type(self) -> Any:
        """Any: the schema of the config, such as `{"path": str}`; whatever a `config_schema` may be."""

    @property
    def loader_version(self) -> str | None:
        """str | None: of the loader's code; change it when the same config would give another value."""
        return None

    def compute_loaded_input_version(self, config_value: Any) -> str | None:
        """What tells the value from another that the same config has given, or will; it is asked when a run is planned.

        Args:
            config_value: the config, with defaults and environment variables in place.

        Returns:
            Text that is part of the versions of what is computed from the value; `loader_version` by default. None
            where it is not known: then nothing that is computed from the value is memoized.
        """
        return self.loader_version

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        """The value.

        Args:
            context: what the solid gets, with the resources of `required_resource_keys`.
            config_value: the config, with defaults and environment variables in place.
        """
        return config_value

    def required_resource_keys(self) -> frozenset[str]:
        """The resources that `construct_from_config_value` takes from its context."""
        return frozenset()

    def versioned(self, config_value: Any) -> Any:
        """What versions are made of for a value that the config gives, in values of plain types; None if unknown."""
        version = self.compute_loaded_input_version(config_value)
        if version is None:
            return None
        return ("loaded", str(version), without_secret_fields(as_field(self.schema_type), config_value))

    def fingerprinted(self, config_value: Any) -> list[tuple[str, Fingerprint, Any]]:
        """Path, fingerprint and value of each field of the config that points at something outside."""
        return fingerprinted_fields(as_field(self.schema_type), config_value)


class DagsterTypeMaterializer(ABC):
    """Writes values of a type to where config says. Most are made with `@dagster_type_materializer`.

    Example:
        >>> class ToFile(DagsterTypeMaterializer):
        ...     schema_type = {"path": str}
        ...     def materialize_runtime_values(self, context, config_value, runtime_value):
        ...         with open(config_value["path"], "w") as file:
        ...             file.write(runtime_value)
        ...         yield AssetMaterialization("report", metadata={"path": config_value["path"]})
    """

    @property
    @abstractmethod
    def schema_type(self) -> Any:
        """Any: the schema of the config, such as `{"path": str}`; whatever a `config_schema` may be."""

    @abstractmethod
    def materialize_runtime_values(self, context: Any, config_value: Any, runtime_value: Any) -> Any:
        """Writes a value.

        Args:
            context: what the solid gets, with the resources of `required_resource_keys`.
            config_value: the config, with defaults and environment variables in place.
            runtime_value: the value, whose type has been checked.

        Returns:
            An AssetMaterialization, or an iterable of them.
        """

    def required_resource_keys(self) -> frozenset[str]:
        """The resources that `materialize_runtime_values` takes from its context."""
        return frozenset()


class _LoaderOfFunction(DagsterTypeLoader):
    def __init__(
        self,
        schema: Field,
        load_fn: LoadFn,
        required_resource_keys: frozenset[str],
        version: str | None,
        external_version_fn: Callable[[Any], Any] | None,
    ) -> None:
        self._schema, self._load_fn, self._keys = schema, load_fn, required_resource_keys
        self._version, self._external_version_fn = version, external_version_fn
        self.__doc__, self.__name__ = inspect.getdoc(load_fn), getattr(load_fn, "__name__", "loader")

    @property
    def schema_type(self) -> Field:
        return self._schema

    @property
    def loader_version(self) -> str | None:
        return self._version

    def compute_loaded_input_version(self, config_value: Any) -> str | None:
        outside = None if self._external_version_fn is None else self._external_version_fn(config_value)
        parts = [each for each in (self._version, outside) if each is not None]
        return "\0".join(map(str, parts)) if parts else None

    def construct_from_config_value(self, context: Any, config_value: Any) -> Any:
        return self._load_fn(context, config_value)

    def required_resource_keys(self) -> frozenset[str]:
        return self._keys


class _MaterializerOfFunction(DagsterTypeMaterializer):
    def __init__(self, schema: Field, materialize_fn: MaterializeFn, required_resource_keys: frozenset[str]) -> None:
        self._schema, self._materialize_fn, self._keys = schema, materialize_fn, required_resource_keys
        self.__doc__, self.__name__ = (
            inspect.getdoc(materialize_fn),
            getattr(materialize_fn, "__name__", "materializer"),
        )

    @property
    def schema_type(self) -> Field:
        return self._schema

    def materialize_runtime_values(self, context: Any, config_value: Any, runtime_value: Any) -> Any:
        return self._materialize_fn(context, config_value, runtime_value)

    def required_resource_keys(self) -> frozenset[str]:
        return self._keys


@checked_arguments("@dagster_type_loader")
def dagster_type_loader(
    config_schema: Any,
    required_resource_keys: Iterable[str] | None = None,
    loader_version: str | None = None,
    external_version_fn: Callable[[Any], Any] | None = None,
) -> Callable[[LoadFn], DagsterTypeLoader]:
    """Decorator: a function from (context, config) to a value becomes the loader of a type.

    Args:
        config_schema: of the config that a run config gives in the place of a value.
        required_resource_keys: resources that `context.resources` has.
        loader_version: of the function; change it when the same config would give another value.
        external_version_fn: called with the config when a run is planned; what it returns tells the version of what
            the config points at. Where there is neither it nor a `loader_version`, nothing computed from the value is
            memoized.

    Raises:
        DagsterInvalidConfigDefinitionError: the schema is not one.
        DagsterInvalidDefinitionError: there is no schema, or the function does not take two parameters.

    Example:
        >>> @dagster_type_loader({"text": str, "times": Field(int, default_value=1)}, loader_version="1")
        ... def words(context, config):
        ...     return config["text"].split() * config["times"]
        >>> words.construct_from_config_value(None, {"text": "a b", "times": 2})
        ['a', 'b', 'a', 'b']
    """
    schema, keys = _schema_and_keys("dagster_type_loader", config_schema, required_resource_keys)

    def make(load_fn: LoadFn) -> DagsterTypeLoader:
        _check_parameters(load_fn, "loader", ("context", "config"))
        return _LoaderOfFunction(schema, load_fn, keys, loader_version, external_version_fn)

    return make


@checked_arguments("@dagster_type_materializer")
def dagster_type_materializer(
    config_schema: Any, required_resource_keys: Iterable[str] | None = None
) -> Callable[[MaterializeFn], DagsterTypeMaterializer]:
    """Decorator: a function that gets (context, config, value) becomes the materializer of a type.

    It returns an AssetMaterialization, or returns or yields several.

    Args:
        config_schema: of the config that says where to write a value.
        required_resource_keys: resources that `context.resources` has.

    Raises:
        DagsterInvalidConfigDefinitionError: the schema is not one.
        DagsterInvalidDefinitionError: there is no schema, or the function does not take three parameters.

    Example:
        >>> @dagster_type_materializer({"path": str})
        ... def words_to_file(context, config, words):
        ...     with open(config["path"], "w") as file:
        ...         file.write(" ".join(words))
        ...     return AssetMaterialization("words", metadata={"path": config["path"]})
        >>> words_to_file.materialize_runtime_values(None, {"path": "words.txt"}, ["a", "b"])
        AssetMaterialization(AssetKey(['words']), None)
    """
    schema, keys = _schema_and_keys("dagster_type_materializer", config_schema, required_resource_keys)

    def make(materialize_fn: MaterializeFn) -> DagsterTypeMaterializer:
        _check_parameters(materialize_fn, "materializer", ("context", "config", "value"))
        return _MaterializerOfFunction(schema, materialize_fn, keys)

    return make


def materialized(
    materializer: DagsterTypeMaterializer, context: Any, config_value: Any, value: Any, what: str
) -> Iterator[AssetMaterialization]:
    """Has a value written, and yields what was made.

    Raises:
        DagsterTypeMaterializationError: the materializer raised.
        DagsterInvariantViolationError: it gave something else.
    """
    with user_code_error_boundary(DagsterTypeMaterializationError, f"Materializing {what} failed"):
        given = materializer.materialize_runtime_values(context, config_value, value)
        made = [given] if isinstance(given, AssetMaterialization) else given
        made = list(made) if isinstance(made, Iterable) else [made]
    for each in made:
        if not isinstance(each, AssetMaterialization):
            raise DagsterInvariantViolationError(
                f"The materializer of {what} gave {a_kind_of(each)}; it must return an AssetMaterialization, or "
                "return or yield several."
            )
        yield each


def _schema_and_keys(decorator: str, schema: Any, keys: Iterable[str] | None) -> tuple[Field, frozenset[str]]:
    if inspect.isfunction(schema):
        raise DagsterInvalidDefinitionError(
            f"@{decorator} needs a config schema, in parentheses: @{decorator}({{'path': str}})."
        )
    return as_field(schema), frozenset(keys or ())


def _check_parameters(function: Callable[..., Any], kind: str, names: tuple[str, ...]) -> None:
    try:
        inspect.signature(function).bind(*names)
    except TypeError:
        raise DagsterInvalidDefinitionError(
            f"The {kind} function {getattr(function, '__name__', function)!r} must take the parameters "
            f"({', '.join(names)})."
        ) from None
    except ValueError:
        pass  # the signatures of some functions in C are not known
