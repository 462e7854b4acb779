"""The built-in types: scalars, Any, Nothing, and the containers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from core.builtins import BuiltinEnum
from core.config import BoolSource, IntSource, StringSource, show_value
from core.events.user_events import TypeCheck
from core.types.annotations import Unevaluated
from core.types.dagster_type import DagsterType
from core.types.value_loaders import FileMaterializer, MappingLoader, OptionalLoader, ValueLoader, loader_of_items
from core.wording import a_kind_of, counted


class NothingType(DagsterType):
    """Carries no value: an input of this type only waits for the step before it."""

    def __init__(self) -> None:
        super().__init__(lambda _context, value: value is None, "Nothing", typing_type=type(None))

    @property
    def is_nothing(self) -> bool:
        return True


_FILES = FileMaterializer()


def _scalar(name: str, python_type: type, schema: Any) -> DagsterType:
    def check(_context: object, value: object) -> bool:
        if isinstance(value, bool) and python_type is not bool:
            return False
        return isinstance(value, python_type)

    return DagsterType(check, name, typing_type=python_type, loader=ValueLoader(schema), materializer=_FILES)


ANY = DagsterType(lambda _context, _value: True, "Any", typing_type=Any, loader=ValueLoader(Any), materializer=_FILES)
BOOL = _scalar("Bool", bool, BoolSource)
FLOAT = _scalar("Float", float, float)
INT = _scalar("Int", int, IntSource)
STRING = _scalar("String", str, StringSource)
NOTHING = NothingType()

BUILTINS: dict[Any, DagsterType] = {
    BuiltinEnum.ANY: ANY,
    BuiltinEnum.BOOL: BOOL,
    BuiltinEnum.FLOAT: FLOAT,
    BuiltinEnum.INT: INT,
    BuiltinEnum.STRING: STRING,
    BuiltinEnum.NOTHING: NOTHING,
    Any: ANY,
    object: ANY,
    bool: BOOL,
    float: FLOAT,
    int: INT,
    str: STRING,
    type(None): NOTHING,
    None: ANY,
    Unevaluated: ANY,
}


def optional_of(inner: DagsterType) -> DagsterType:
    """None, or a value of the inner type."""

    def check(context: Any, value: object) -> TypeCheck:
        return TypeCheck(True) if value is None else inner.type_check(context, value)

    return DagsterType(
        check,
        f"Optional[{inner.display_name}]",
        loader=None if inner.loader is None else OptionalLoader(inner.loader),
        materializer=_FILES if inner.materializer is _FILES else None,
        required_resource_keys=inner.required_resource_keys,
    )


def collection_of(container: type, inner: DagsterType, label: str) -> DagsterType:
    """A list, set or tuple whose items are all of the inner type."""

    def check(context: Any, value: object) -> TypeCheck:
        if not isinstance(value, container):
            return TypeCheck(False, f"expected a {label}, got {a_kind_of(value)}")
        assert isinstance(value, Iterable)
        return _check_all(inner, context, value, label)

    return DagsterType(
        check,
        f"{label}[{inner.display_name}]",
        typing_type=container,
        loader=loader_of_items(container, [inner.loader]),
        materializer=_FILES if container is list else None,
        required_resource_keys=inner.required_resource_keys,
    )


def tuple_of(inners: list[DagsterType]) -> DagsterType:
    """A tuple of fixed length."""

    def check(context: Any, value: object) -> TypeCheck:
        if not isinstance(value, tuple) or len(value) != len(inners):
            return TypeCheck(False, f"expected a tuple of {counted(len(inners), 'item')}, got {show_value(value)}")
        for index, (inner, item) in enumerate(zip(inners, value, strict=True)):
            answer = inner.type_check(context, item)
            if not answer.success:
                return TypeCheck(False, f"item {index} of the tuple: {answer.description}")
        return TypeCheck(True)

    names = ", ".join(inner.display_name for inner in inners)
    return DagsterType(
        check,
        f"Tuple[{names}]",
        typing_type=tuple,
        loader=loader_of_items(tuple, [inner.loader for inner in inners], is_fixed=True),
        required_resource_keys=frozenset().union(*(inner.required_resource_keys for inner in inners)),
    )


def dict_of(key_type: DagsterType, value_type: DagsterType) -> DagsterType:
    """A dict with keys of one type and values of another."""

    def check(context: Any, value: object) -> TypeCheck:
        if not isinstance(value, dict):
            return TypeCheck(False, f"expected a Dict, got {a_kind_of(value)}")
        keys = _check_all(key_type, context, value, "keys")
        if not keys.success or value_type is ANY:
            return keys
        for key, item in value.items():
            answer = value_type.type_check(context, item)
            if not answer.success:
                return TypeCheck(False, f"the value of key {show_value(key)}: {answer.description}")
        return TypeCheck(True)

    return DagsterType(
        check,
        f"Dict[{key_type.display_name}, {value_type.display_name}]",
        typing_type=dict,
        loader=MappingLoader() if isinstance(value_type.loader, ValueLoader | OptionalLoader | MappingLoader) else None,
        materializer=_FILES,
        required_resource_keys=key_type.required_resource_keys | value_type.required_resource_keys,
    )


def _check_all(inner: DagsterType, context: Any, items: Iterable[object], label: str) -> TypeCheck:
    if inner is ANY:
        return TypeCheck(True)
    for index, item in enumerate(items):
        answer = inner.type_check(context, item)
        if not answer.success:
            return TypeCheck(False, f"item {index} of the {label}: {answer.description}")
    return TypeCheck(True)
