"""From what users write as a type (a class, an annotation, a built-in) to the DagsterType it stands for."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from core.config import show_value
from core.errors import DagsterInvalidDefinitionError
from core.events.user_events import TypeCheck
from core.types.builtin import ANY, BUILTINS, collection_of, dict_of, optional_of, tuple_of
from core.types.dagster_type import (
    DagsterType,
    PythonObjectDagsterType,
    outside_a_run,
    register_type,
    registered_type,
)


class GenericAlias:
    """`List`, `Set`, `Tuple`, `Dict` and `Optional` as the API spells them: bare, or with types in brackets."""

    def __init__(self, name: str, origin: Any) -> None:
        self._name = name
        self._origin = origin

    def __getitem__(self, inner: Any) -> DagsterType:
        inners = inner if isinstance(inner, tuple) else (inner,)
        return _container(self._origin, [resolve_dagster_type(each) for each in inners], self._name)

    def bare(self) -> DagsterType:
        """The container of anything."""
        return _container(self._origin, [], self._name)


Dict = GenericAlias("Dict", dict)
"""Dicts: `Dict`, or `Dict[str, int]` of checked keys and values. As `dict` and `typing.Dict`.

Example:
    >>> from core import Dict, check_dagster_type
    >>> check_dagster_type(Dict[str, int], {"rows": "many"}).success
    False
"""

List = GenericAlias("List", list)
"""Lists: `List`, or `List[int]` of checked items. As `list` and `typing.List`.

Example:
    >>> from core import InputDefinition, List, execute_solid, solid
    >>> @solid(input_defs=[InputDefinition("numbers", List[int])])
    ... def total(numbers):
    ...     return sum(numbers)
    >>> execute_solid(total, input_values={"numbers": [1, 2]}).output_value()
    3
"""

Optional = GenericAlias("Optional", typing.Union)
"""`Optional[int]`: a value of the type, or None. As `typing.Optional` and `int | None`.

Example:
    >>> from core import Int, Optional, check_dagster_type
    >>> [check_dagster_type(Optional[Int], value).success for value in (1, None, "1")]
    [True, True, False]
"""

Set = GenericAlias("Set", set)
"""Sets: `Set`, or `Set[str]` of checked items. As `set` and `typing.Set`.

Example:
    >>> from core import Set, check_dagster_type
    >>> [check_dagster_type(Set[str], value).success for value in ({"a"}, {1}, ["a"])]
    [True, False, False]
"""

Tuple = GenericAlias("Tuple", tuple)
"""Tuples: `Tuple`, or `Tuple[str, int]` of as many items of these types. As `tuple` and `typing.Tuple`.

Example:
    >>> from core import Tuple, check_dagster_type
    >>> [check_dagster_type(Tuple[str, int], value).success for value in (("a", 1), ("a", 1, 2))]
    [True, False]
"""


def resolve_dagster_type(given: Any) -> DagsterType:
    """The DagsterType that `given` stands for.

    Raises:
        DagsterInvalidDefinitionError: it does not stand for a type.
    """
    if isinstance(given, DagsterType):
        return given
    if isinstance(given, GenericAlias):
        return given.bare()
    registered = registered_type(given)
    if registered is not None:
        return registered
    origin = typing.get_origin(given)
    if origin is not None:
        return _from_annotation(origin, typing.get_args(given), given)
    if isinstance(given, str):
        raise DagsterInvalidDefinitionError(
            f"{given!r} is not a type; give the class itself, not its name as a string."
        )
    try:
        if given in BUILTINS:
            return BUILTINS[given]
    except TypeError:
        pass  # not hashable, so not a type either; falls through to the error below
    if given in (list, dict, set, tuple):
        return _container(given, [], given.__name__.capitalize())
    if isinstance(given, typing.NewType):
        return resolve_dagster_type(given.__supertype__)
    if isinstance(given, type):
        return _of_class(given)
    raise DagsterInvalidDefinitionError(
        f"{given!r} is not a type; give a DagsterType, a class or a built-in such as Int."
    )


def make_python_type_usable_as_dagster_type(python_type: Any, dagster_type: Any) -> None:
    """Lets a Python type stand for a DagsterType in annotations and definitions.

    Args:
        python_type: a class, a `NewType`, or a type with brackets, such as `list[int]`.
        dagster_type: a DagsterType, or what stands for one, such as `String` or another class.

    Raises:
        DagsterInvalidDefinitionError: one of the two is no type.

    Example:
        >>> Name = typing.NewType("Name", str)
        >>> make_python_type_usable_as_dagster_type(Name, str)
        >>> resolve_dagster_type(list[Name])
        DagsterType(List[String])
    """
    is_type = isinstance(python_type, type | typing.NewType) or typing.get_origin(python_type) is not None
    if not is_type:
        raise DagsterInvalidDefinitionError(
            f"{show_value(python_type)} is not a Python type, so no annotation can name it; give a class."
        )
    register_type(python_type, resolve_dagster_type(dagster_type))


def check_dagster_type(dagster_type: Any, value: object) -> TypeCheck:
    """Checks a value outside a run, as a test of a type does.

    Args:
        dagster_type: a DagsterType, or what stands for one, such as `Int` or a class.
        value: the value.

    Raises:
        DagsterTypeCheckError: the type check function raised.
        DagsterInvalidDefinitionError: `dagster_type` is no type, or its function returned something else.

    Example:
        >>> check_dagster_type(list[int], [1, "2"]).description
        "item 1 of the List: expected a value of type Int, got '2' (str)"
    """
    return resolve_dagster_type(dagster_type).type_check(outside_a_run(), value)


def _of_class(given: type) -> DagsterType:
    # Python cannot tell whether a value is of one of these two.
    if typing.is_typeddict(given):
        return PythonObjectDagsterType(dict, given.__name__)
    if getattr(given, "_is_protocol", False) and not getattr(given, "_is_runtime_protocol", False):
        return DagsterType(lambda _context, _value: True, given.__name__, typing_type=given)
    return PythonObjectDagsterType(given)


def _from_annotation(origin: Any, args: tuple[Any, ...], given: Any) -> DagsterType:
    if origin in (typing.Union, types.UnionType):
        inner = [arg for arg in args if arg is not type(None)]
        if len(inner) == 1 and len(args) == 2:
            return optional_of(resolve_dagster_type(inner[0]))
        return _union([resolve_dagster_type(arg) for arg in args], str(given))
    if origin is typing.Annotated:
        return resolve_dagster_type(args[0])
    if origin in (list, dict, set, tuple):
        if origin is tuple and len(args) == 2 and args[1] is Ellipsis:
            return collection_of(tuple, resolve_dagster_type(args[0]), "Tuple")
        return _container(origin, [resolve_dagster_type(arg) for arg in args], origin.__name__.capitalize())
    if origin in (Sequence, Mapping):
        return PythonObjectDagsterType(origin)
    return (registered_type(origin) or _of_class(origin)) if isinstance(origin, type) else ANY


def _union(inners: list[DagsterType], name: str) -> DagsterType:
    return DagsterType(
        lambda context, value: any(inner.type_check(context, value).success for inner in inners),
        name,
        required_resource_keys=frozenset().union(*(inner.required_resource_keys for inner in inners)),
    )


def _container(origin: Any, inners: list[DagsterType], name: str) -> DagsterType:
    if origin is typing.Union:
        return optional_of(inners[0] if inners else ANY)
    if origin is dict:
        key_type, value_type = inners if len(inners) == 2 else (ANY, ANY)
        return dict_of(key_type, value_type)
    if origin is tuple and inners:
        return tuple_of(inners)
    return collection_of(origin, inners[0] if inners else ANY, name)
