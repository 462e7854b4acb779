"""Types of inputs and outputs: a name and a check made when a value passes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from core.arguments import checked_arguments
from core.config import show_value
from core.errors import (
    DagsterInvalidDefinitionError,
    DagsterTypeCheckError,
    DagsterUnknownResourceError,
    user_code_error_boundary,
)
from core.events.user_events import TypeCheck
from core.types.loaders import DagsterTypeLoader, DagsterTypeMaterializer
from core.types.serialization import PickleSerializationStrategy, SerializationStrategy

TypeCheckFn = Callable[..., "bool | TypeCheck"]
T = TypeVar("T", bound=type)

_ADVICE = {
    "loader": "Make it of a function by @dagster_type_loader(SCHEMA).",
    "materializer": "Make it of a function by @dagster_type_materializer(SCHEMA).",
}


class TypeCheckContext:
    """What a type check function gets as `context`.

    Args:
        run_id: the run; None where a value is checked outside one.
        log: takes what the function logs.
        make_resources: gives the resources that the type and the solid require, as attributes.

    Example:
        >>> def is_known(context, value):
        ...     context.log.debug("looking for %s", value)
        ...     return value in context.resources.names
        >>> Known = DagsterType(is_known, "Known", required_resource_keys={"names"})
    """

    __slots__ = ("_make_resources", "log", "run_id")

    def __init__(self, run_id: str | None, log: Any, make_resources: Callable[[], Any]) -> None:
        self.run_id = run_id
        self.log = log
        self._make_resources = make_resources

    @property
    def resources(self) -> Any:
        """Any: the resources that the type and the solid require, as attributes."""
        return self._make_resources()


class DagsterType:
    """A type that values are held against when they leave and enter a solid.

    Args:
        type_check_fn: called with (context, value); returns True, False, or a `TypeCheck`. The context is a
            `TypeCheckContext`.
        name: unique in its pipeline.
        description: for people.
        typing_type: the Python type it stands for; of a library that may not be imported, its name, such as
            "pandas.DataFrame".
        loader: makes values of it from a run config.
        materializer: writes values of it to where a run config says.
        required_resource_keys: resources that the context of `type_check_fn` has.
        serialization_strategy: how intermediate storages write its values; pickle by default. A container of the type
            is another type, and pickled.
        auto_plugins: TypeStoragePlugins, of which intermediate storages take the first that is compatible with them.
        key: the name, where no `name` is given.

    Raises:
        DagsterInvalidDefinitionError: an argument is not what it has to be.

    Example:
        >>> Even = DagsterType(lambda _context, value: value % 2 == 0, "Even", "A number that two divides.")
        >>> Even.type_check(None, 3).description
        'expected a value of type Even, got 3 (int)'
    """

    @checked_arguments("type", advice=_ADVICE)
    def __init__(
        self,
        type_check_fn: TypeCheckFn,
        name: str | None = None,
        description: str | None = None,
        typing_type: Any = None,
        loader: DagsterTypeLoader | None = None,
        materializer: DagsterTypeMaterializer | None = None,
        required_resource_keys: Iterable[str] | None = None,
        serialization_strategy: SerializationStrategy | None = None,
        auto_plugins: Sequence[Any] | None = None,
        key: str | None = None,
    ) -> None:
        name = name or key
        if not name:
            raise DagsterInvalidDefinitionError(f"A DagsterType needs a name that is text; it was given {name!r}.")
        if isinstance(required_resource_keys, str):
            raise DagsterInvalidDefinitionError(
                f"required_resource_keys of DagsterType {name!r} must be a set of names; write "
                f"{{{required_resource_keys!r}}}."
            )
        self._type_check_fn = type_check_fn
        self.key = key or name
        self.unique_name = name
        self.description = description
        self.typing_type = typing_type
        self.loader = loader
        self.materializer = materializer
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.serialization_strategy = serialization_strategy or PickleSerializationStrategy()
        self.auto_plugins = tuple(auto_plugins or ())

    @property
    def display_name(self) -> str:
        """str: the name for people."""
        return self.unique_name

    @property
    def is_nothing(self) -> bool:
        """bool: whether it carries no value and only says that one step runs after another."""
        return False

    def type_check(self, context: Any, value: object) -> TypeCheck:
        """Checks a value.

        Args:
            context: a TypeCheckContext.
            value: the value.

        Raises:
            DagsterTypeCheckError: the check function raised.
            DagsterInvalidDefinitionError: it returned something other than a bool or a TypeCheck of a bool and text.
        """
        with user_code_error_boundary(DagsterTypeCheckError, f"The type check of {self.display_name} raised"):
            answer = self._type_check_fn(context, value)
        if isinstance(answer, TypeCheck):
            if isinstance(answer.success, bool) and isinstance(answer.description, str | None):
                return answer
            raise DagsterInvalidDefinitionError(
                f"The TypeCheck of {self.display_name} must have True or False as success and text as description; it "
                f"has {answer.success!r} and {answer.description!r}."
            )
        if isinstance(answer, bool):
            why = None if answer else f"expected a value of type {self.display_name}, got {show_value(value)}"
            return TypeCheck(answer, why)
        raise DagsterInvalidDefinitionError(
            f"The type check of {self.display_name} must return True, False or a TypeCheck; it returned {answer!r}."
        )

    def __repr__(self) -> str:
        return f"DagsterType({self.display_name})"


class PythonObjectDagsterType(DagsterType):
    """Instances of a Python class, or of one of several.

    Args:
        python_type: a class or a tuple of classes.
        name: the class's name by default.
        description: for people.
        loader, materializer, required_resource_keys, serialization_strategy, auto_plugins, key: as of DagsterType.

    Example:
        >>> PythonObjectDagsterType((list, tuple), "Rows").type_check(None, [1]).success
        True
    """

    @checked_arguments("type", advice=_ADVICE)
    def __init__(
        self,
        python_type: type | tuple[type, ...],
        name: str | None = None,
        description: str | None = None,
        loader: DagsterTypeLoader | None = None,
        materializer: DagsterTypeMaterializer | None = None,
        required_resource_keys: Iterable[str] | None = None,
        serialization_strategy: SerializationStrategy | None = None,
        auto_plugins: Sequence[Any] | None = None,
        key: str | None = None,
    ) -> None:
        classes = python_type if isinstance(python_type, tuple) else (python_type,)
        super().__init__(
            lambda _context, value: isinstance(value, classes),
            name or key or " or ".join(cls.__name__ for cls in classes),
            description,
            python_type,
            loader,
            materializer,
            required_resource_keys,
            serialization_strategy,
            auto_plugins,
            key,
        )


_registered: dict[Any, DagsterType] = {}


def usable_as_dagster_type(
    name: Any = None,
    description: str | None = None,
    loader: DagsterTypeLoader | None = None,
    materializer: DagsterTypeMaterializer | None = None,
    *,
    serialization_strategy: SerializationStrategy | None = None,
    auto_plugins: Sequence[Any] | None = None,
) -> Any:
    """Class decorator: names the DagsterType that the class stands for in annotations. With or without arguments.

    Args:
        name: of the type; the class's name by default.
        description: for people.
        loader, materializer, serialization_strategy, auto_plugins: as of DagsterType.

    Example:
        >>> @usable_as_dagster_type(name="Celsius", description="A temperature.")
        ... class Temperature:
        ...     degrees = 20.0
        >>> registered_type(Temperature)
        DagsterType(Celsius)
    """

    def register_class(cls: T, type_name: str | None) -> T:
        made = PythonObjectDagsterType(
            cls,
            type_name,
            description,
            loader,
            materializer,
            serialization_strategy=serialization_strategy,
            auto_plugins=auto_plugins,
        )
        register_type(cls, made)
        return cls

    if isinstance(name, type):
        return register_class(name, None)
    return lambda cls: register_class(cls, name)


def register_type(python_type: Any, dagster_type: DagsterType) -> None:
    """Lets a Python type stand for `dagster_type`."""
    _registered[python_type] = dagster_type


def registered_type(python_type: Any) -> DagsterType | None:
    """The DagsterType registered for a Python type; None where there is none."""
    try:
        return _registered.get(python_type)
    except TypeError:  # not hashable, so it was not registered
        return None


def outside_a_run() -> TypeCheckContext:
    """The context for checking a value outside a run: without resources, and with a logger of Python's."""
    return TypeCheckContext(None, logging.getLogger("core.types"), _NoResources)


class _NoResources:
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise DagsterUnknownResourceError(name)
