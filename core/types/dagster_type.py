"""Types of inputs and outputs: a name and a check made when a value passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from core.config import show_value
from core.errors import DagsterInvalidDefinitionError, DagsterTypeCheckError, user_code_error_boundary
from core.events.user_events import TypeCheck
from core.types.serialization import PickleSerializationStrategy, SerializationStrategy

TypeCheckFn = Callable[..., "bool | TypeCheck"]
T = TypeVar("T", bound=type)


class DagsterType:
    """A type that values are held against when they leave and enter a solid.

    Args:
        type_check_fn: called with (context, value); returns True, False, or a `TypeCheck`. The context has `log`
            and `resources`, and is None where a value is checked outside a run.
        name: unique in its pipeline.
        description: for people.
        typing_type: the Python type it stands for.
        loader_schema: config that stands for a value of it, where a run config may give one.
        serialization_strategy: how intermediate storages write its values; pickle by default. A container of the type
            is another type, and pickled.
        auto_plugins: TypeStoragePlugins, of which intermediate storages take the first that is compatible with them.
    """

    def __init__(
        self,
        type_check_fn: TypeCheckFn,
        name: str,
        description: str | None = None,
        typing_type: Any = None,
        loader_schema: Any = None,
        serialization_strategy: SerializationStrategy | None = None,
        auto_plugins: Sequence[Any] | None = None,
    ) -> None:
        if not callable(type_check_fn):
            raise DagsterInvalidDefinitionError(f"type_check_fn of DagsterType {name!r} must be callable.")
        self._type_check_fn = type_check_fn
        self.unique_name = name
        self.description = description
        self.typing_type = typing_type
        self.loader_schema = loader_schema
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
        loader_schema, serialization_strategy, auto_plugins: as of DagsterType.
    """

    def __init__(
        self,
        python_type: type | tuple[type, ...],
        name: str | None = None,
        description: str | None = None,
        loader_schema: Any = None,
        serialization_strategy: SerializationStrategy | None = None,
        auto_plugins: Sequence[Any] | None = None,
    ) -> None:
        classes = python_type if isinstance(python_type, tuple) else (python_type,)
        super().__init__(
            lambda _context, value: isinstance(value, classes),
            name or " or ".join(cls.__name__ for cls in classes),
            description,
            typing_type=python_type,
            loader_schema=loader_schema,
            serialization_strategy=serialization_strategy,
            auto_plugins=auto_plugins,
        )


_registered: dict[type, DagsterType] = {}


def usable_as_dagster_type(
    name: Any = None,
    description: str | None = None,
    *,
    serialization_strategy: SerializationStrategy | None = None,
    auto_plugins: Sequence[Any] | None = None,
) -> Any:
    """Class decorator: names the DagsterType that the class stands for in annotations. With or without arguments."""

    def register(cls: T, type_name: str | None) -> T:
        dagster_type = PythonObjectDagsterType(
            cls, type_name, description, serialization_strategy=serialization_strategy, auto_plugins=auto_plugins
        )
        make_python_type_usable_as_dagster_type(cls, dagster_type)
        return cls

    if isinstance(name, type):
        return register(name, None)
    return lambda cls: register(cls, name)


def make_python_type_usable_as_dagster_type(python_type: type, dagster_type: DagsterType) -> None:
    """Lets `python_type` stand for `dagster_type` in annotations and definitions."""
    _registered[python_type] = dagster_type


def registered_type(python_type: type) -> DagsterType | None:
    """The DagsterType registered for a class."""
    return _registered.get(python_type)
