"""What functions are made of."""

from __future__ import annotations

import re
import sys
from types import CodeType, FunctionType, ModuleType
from typing import Any

from core.code import bytecode
from core.code.look import Look, Space, found_at, full_name
from core.code.names import point_to_imports, point_to_names
from core.code.node import Node
from core.code.origins import Owner
from core.code.syntax import Import

_ASK_FOR_TEXT = {
    *("__doc__", "__annotations__", "__code__", "__module__", "__qualname__", "__dict__", "__defaults__"),
    *("getdoc", "getsource", "getsourcelines", "getsourcefile", "getmodule", "getmembers", "get_annotations"),
    *("get_type_hints", "signature", "getfullargspec", "vars", "co_consts"),
}
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def function(look: Look, node: Node, value: FunctionType) -> None:
    """A function: its code, its defaults, what its closure holds, its attributes, and all that its code names."""
    space = look.space(value.__globals__)
    if space.origin.is_project:
        node.label = f"{space.name}.{value.__code__.co_qualname.replace('<locals>.', '')}"
        _code(look, node, value, space)
        node.say(value.__name__)
    else:
        node.say("outside", full_name(value, space.origin))
        look.point_to_packages(node, space.origin)
        node.is_of_others = space.origin.owner is Owner.INSTALLED and not space.origin.is_own
        if found_at(value.__module__, value.__qualname__) is value and not value.__closure__:
            for name, each in value.__dict__.items():
                if type(each) is not FunctionType or look.space(each.__globals__).origin.is_project:
                    look.attach(node, f"attribute {name}", each)
            return
        if not value.__closure__:
            node.say("compiled", bytecode.form_of(value.__code__))  # one of many, as functions made by exec are
    _state(look, node, value)


def builtin(look: Look, node: Node, value: Any) -> None:
    """A function that is not written in Python, or such a method with its object."""
    owner = getattr(value, "__self__", None)
    if owner is None or issubclass(type(owner), ModuleType):
        space = look.space_of(value)
        if space.origin.is_project:
            node.label = f"{space.name}.{value.__qualname__}"
            node.hide("a function of the project that is not written in Python")
            return
        known = look.outside(full_name(value, space.origin), space.origin)
        node.point("is", known)
    else:
        node.say("method", value.__name__)
        look.attach(node, "self", owner)


def cell(look: Look, node: Node, value: object) -> None:
    """A variable that functions share by their closures."""
    node.has_identity = True
    try:
        # Every handler takes an object; this one is called for cells alone.
        content = value.cell_contents  # type: ignore[attr-defined]
    except ValueError:
        node.say("an empty cell")
        return
    look.attach(node, "holds", content)


def _code(look: Look, node: Node, value: FunctionType, space: Space) -> None:
    code = value.__code__
    source = look.sources.function(code, value.__globals__)
    if sys.flags.optimize:
        node.say(f"optimized {sys.flags.optimize}")  # asserts are gone
    if source is None:
        node.say("compiled", bytecode.form_of(code))
        chains, imports = bytecode.chains_of(code), bytecode.imports_of(code)
        attributes = bytecode.attributes_of(code)
        node.verbatim = lambda: _verbatim(space, value, "")
    else:
        node.say("source", source.digest)
        chains, imports, attributes = source.chains, source.imports, source.attributes
        node.verbatim = lambda: _verbatim(space, value, source.segment)
    free = {*code.co_freevars}
    point_to_names(
        look, node, space, [chain for chain in chains if chain[0] not in free and not _is_bound(chain, imports, code)]
    )
    if imports:
        point_to_imports(look, node, space, imports, chains)
    node.introspects = not attributes.isdisjoint(_ASK_FOR_TEXT) or any(chain[0] in _ASK_FOR_TEXT for chain in chains)
    if "__subclasses__" in attributes:
        _subclasses(look, node, value, space, chains)


def _is_bound(chain: tuple[str, ...], imports: tuple[Import, ...], code: CodeType) -> bool:
    """Whether a name is only a local one of what the function imports."""
    return any(each.bound == chain[0] for each in imports) and chain[0] not in code.co_names


def _verbatim(space: Space, value: FunctionType, segment: str) -> str:
    annotations = [(name, _ADDRESS.sub("", repr(each))) for name, each in value.__annotations__.items()]
    return f"{space.name} {value.__qualname__} {value.__doc__} {annotations} {segment}"


def _subclasses(look: Look, node: Node, value: FunctionType, space: Space, chains: tuple[tuple[str, ...], ...]) -> None:
    """What asks for subclasses of a class that it names gets those; a method may also ask for those of its class."""
    found = 0
    for chain in chains:
        if "__subclasses__" in chain:
            named: object = space.names.get(chain[0])
            for name in chain[1 : chain.index("__subclasses__")]:
                named = vars(named).get(name) if issubclass(type(named), ModuleType | type) else None
            if issubclass(type(named), type):
                # A class: what is named is not narrowed by the check above.
                node.point("subclasses of", subclasses(look, named))  # type: ignore[arg-type]
                found += 1
    is_method = "." in value.__qualname__.rpartition("<locals>.")[2]
    if not found and not is_method:
        node.hide("it asks for the subclasses of a class that is known only as it runs")


def subclasses(look: Look, cls: type) -> Node:
    """The node of all classes that are derived from a class, as they are now."""
    node, is_new = look.once(("subclasses", id(cls)), cls, f"{cls.__qualname__}.__subclasses__()")
    if is_new:
        node.say("subclasses")
        derived: list[type] = type.__subclasses__(cls)
        for at, each in enumerate(derived):
            node.point(f"{at}", look.node(each, node.path))
            node.point(f"{at} below", subclasses(look, each))
    return node


def _state(look: Look, node: Node, value: FunctionType) -> None:
    code = value.__code__
    if code.co_qualname == "singledispatch.<locals>.wrapper" and value.__globals__.get("__name__") == "functools":
        look.attach(node, "registry", value.__dict__.get("registry"))  # what else it holds is caches
        return
    if value.__defaults__:
        first = code.co_argcount - len(value.__defaults__)
        for name, default in zip(code.co_varnames[first : code.co_argcount], value.__defaults__, strict=False):
            look.attach(node, f"default {name}", default)
        node.say(str(len(value.__defaults__)))
    for name, default in sorted((value.__kwdefaults__ or {}).items()):
        look.attach(node, f"default {name}", default)
    for name, held in zip(code.co_freevars, value.__closure__ or (), strict=False):
        node.point(f"cell {name}", look.node(held, f"{node.path}.{name}"))
    for name, attribute in sorted(value.__dict__.items(), key=lambda item: str(item[0])):
        look.attach(node, f"attribute {name}", attribute)
