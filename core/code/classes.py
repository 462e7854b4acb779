"""What classes are made of: what their `__dict__`, bases and metaclass hold now, less what Python makes of the rest."""

from __future__ import annotations

import abc
import dataclasses
import enum
from collections.abc import Iterator
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

from core.code.functions import subclasses
from core.code.look import Look, Space, found_at, full_name
from core.code.node import Node
from core.code.sources import names_of

_MADE_BY_PYTHON = {
    *("__dict__", "__weakref__", "__module__", "__qualname__", "__doc__", "__firstlineno__", "__static_attributes__"),
    *("__abstractmethods__", "_abc_impl", "__parameters__", "__type_params__", "__classcell__", "__replace__"),
    *(
        "__dataclass_params__",
        "__protocol_attrs__",
        "__callable_proto_members_only__",
        "__non_callable_proto_members__",
    ),
    *("__readonly_keys__", "__mutable_keys__", "__annotations_cache__", "__orig_bases__", "__getstate__"),
}
_MADE_FOR_ENUMS = {
    *("_member_names_", "_member_map_", "_value2member_map_", "_unhashable_values_", "_unhashable_values_map_"),
    *("_hashable_values_", "_member_type_", "_value_repr_", "_use_args_", "_new_member_", "__new_member__"),
    *("_flag_mask_", "_all_bits_", "_singles_mask_", "_inverted_", "_sort_order_", "__new__", "__reduce_ex__"),
}
_MADE_BY_PYDANTIC = {  # some of it holds the addresses of classes, which are others in each process
    *("__pydantic_core_schema__", "__pydantic_validator__", "__pydantic_serializer__", "__pydantic_decorators__"),
    *("__pydantic_complete__", "__pydantic_fields_complete__", "__pydantic_setattr_handlers__", "__signature__"),
    *("__pydantic_parent_namespace__", "__pydantic_generic_metadata__"),
}
_PARAMETERS = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")
_MAKERS = {"dataclasses", "collections", "typing", "enum", "reprlib"}


def class_(look: Look, node: Node, cls: type) -> None:
    """A class; one of others by its name, unless it was made for the project as it runs."""
    space = look.space_of(cls)
    if not space.origin.is_project:
        node.say("outside", full_name(cls, space.origin))
        look.point_to_packages(node, space.origin)
        if found_at(str(cls.__module__), cls.__qualname__) is cls or not _is_of_python(cls):
            _put_there(look, node, cls)
            return
    else:
        node.label = f"{space.name}.{cls.__qualname__.replace('<locals>.', '')}"
    node.say("class", cls.__name__)
    node.point("metaclass", look.node(type(cls), f"{node.path}.__class__"))
    for at, base in enumerate(cls.__bases__):
        node.point(f"base {at}", look.node(base, f"{node.path}.__bases__"))
    _members(look, node, cls)
    _relatives(look, node, cls)
    node.verbatim = lambda: _verbatim(space, cls)


def property_(look: Look, node: Node, value: property) -> None:
    """A property: its functions."""
    node.say("property")
    for name in ("fget", "fset", "fdel"):
        look.attach(node, name, getattr(value, name))


def method_of_class(look: Look, node: Node, value: Any) -> None:
    """A class method or static method: its function."""
    node.say(type(value).__name__)
    look.attach(node, "function", value.__func__)


def member(look: Look, node: Node, value: enum.Enum) -> None:
    """A member of an enum: its class, name, value and attributes."""
    node.say("member", str(value._name_))
    node.point("class", look.node(type(value), f"{node.path}.__class__"))
    look.attach(node, "value", value._value_)


def _members(look: Look, node: Node, cls: type) -> None:
    told = set()
    if issubclass(cls, enum.Enum):
        _enum(look, node, cls)
        told = set(vars(cls).get("_member_map_", ()))
    if "__pydantic_decorators__" in vars(cls):
        _model(look, node, cls)
    parameters = vars(cls).get("__dataclass_params__")
    if parameters is not None:
        node.say("dataclass", *(f"{name} {getattr(parameters, name, None)}" for name in _PARAMETERS))
    is_named_tuple = _is_named_tuple(cls)
    for name, value in sorted(_written_members(cls)):
        if name in told:
            continue
        if issubclass(type(value), MemberDescriptorType | GetSetDescriptorType):
            node.say(f".{name}", "slot")
        elif is_named_tuple and type(value).__name__ == "_tuplegetter":
            node.say(f".{name}", "field")
        else:
            look.attach(node, f".{name}", value)


def _written_members(cls: type) -> Iterator[tuple[str, Any]]:
    """What the `__dict__` of a class holds, in its order, less what Python makes of that, each version another way."""
    made = set(_MADE_BY_PYTHON)
    if issubclass(cls, enum.Enum):
        made |= _MADE_FOR_ENUMS
    if "__pydantic_decorators__" in vars(cls):
        made |= _MADE_BY_PYDANTIC
    if vars(cls).get("__annotations__") == {}:  # as protocols have from Python 3.12 on
        made.add("__annotations__")
    is_record = "__dataclass_params__" in vars(cls) or _is_named_tuple(cls)
    for name, value in vars(cls).items():
        if name not in made and not _is_generated(value, name, is_record):
            yield name, value


def _is_named_tuple(cls: type) -> bool:
    return issubclass(cls, tuple) and "_fields" in vars(cls)


def _is_generated(value: Any, name: str, is_record: bool) -> bool:
    """Whether a member is what dataclass, NamedTuple, Enum and Protocol make of the rest of the class."""
    if issubclass(type(value), classmethod | staticmethod):
        value = value.__func__
    while type(value) is FunctionType and "__wrapped__" in vars(value):
        value = vars(value)["__wrapped__"]
    if type(value) is not FunctionType:
        return False
    maker = str(value.__globals__.get("__name__"))
    is_of_maker = maker in _MAKERS or maker.startswith("namedtuple_")
    is_of_text = is_record and name.startswith("__") and value.__code__.co_filename == "<string>"
    return is_of_maker or is_of_text


def _enum(look: Look, node: Node, cls: type[enum.Enum]) -> None:
    names = vars(cls)
    for at, (name, each) in enumerate(names.get("_member_map_", {}).items()):
        node.say(f"{at} {name}")
        look.attach(node, f"member {name}", each._value_)
        attributes = vars(each)
        for key, value in sorted(attributes.items()):
            if key not in ("_value_", "_name_", "__objclass__", "_sort_order_"):
                look.attach(node, f"member {name}.{key}", value)
    made = names.get("__new_member__", names.get("_new_member_"))
    if type(made) is staticmethod:
        made = made.__func__
    if type(made) is FunctionType and look.space_of(made).origin.is_project:
        look.attach(node, ".__new__", made)


def _model(look: Look, node: Node, cls: type) -> None:
    """What the decorated functions of a class of pydantic's are for, such as the fields that they validate."""
    decorators = vars(cls)["__pydantic_decorators__"]
    for kind in dataclasses.fields(decorators):
        for name, each in getattr(decorators, kind.name).items():
            look.attach(node, f"{kind.name} {name}", each.info)
    generic = vars(cls).get("__pydantic_generic_metadata__") or {}
    look.attach(node, "arguments", (generic.get("origin"), generic.get("args")))


def _relatives(look: Look, node: Node, cls: type) -> None:
    """Classes that are derived or registered, where the class lets them count."""
    if issubclass(type(cls), abc.ABCMeta) and "_abc_impl" in vars(cls):
        # What ABCMeta registers is told by this function alone; the stubs lack it.
        registered = abc._get_dump(cls)[0]  # type: ignore[attr-defined]
        for each in (reference() for reference in registered):
            if each is not None:
                node.point("registered", look.node(each, f"{node.path}.registered"))
    for base in cls.__mro__:
        if look.space_of(base).origin.is_project and any(map(_asks_for_subclasses, vars(base).values())):
            node.point("subclasses", subclasses(look, cls))
            return


def _asks_for_subclasses(value: Any) -> bool:
    if issubclass(type(value), classmethod | staticmethod):
        value = value.__func__
    if type(value) is property:
        value = value.fget
    return type(value) is FunctionType and "__subclasses__" in names_of(value.__code__)


def _put_there(look: Look, node: Node, cls: type) -> None:
    """What the project has put into a class of others."""
    if not _is_of_python(cls):
        return
    for name, value in vars(cls).items():
        if type(value) is FunctionType and look.space(value.__globals__).origin.is_project:
            node.point(f".{name}", look.node(value, f"{node.path}.{name}"))


def _is_of_python(cls: type) -> bool:
    return bool(cls.__flags__ & 1 << 9)  # Py_TPFLAGS_HEAPTYPE: not one of those that are written in C as constants


def _verbatim(space: Space, cls: type) -> str:
    names = [name for name, _ in _written_members(cls)]
    return f"{space.name} {cls.__qualname__} {vars(cls).get('__doc__')} {names}"
