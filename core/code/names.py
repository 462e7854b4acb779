"""From the names in a function to the live objects that they stand for."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any

from core.code.look import Look, Space
from core.code.node import Node
from core.code.origins import origin_of_top_level
from core.code.syntax import Import

_BUILTINS = vars(builtins)
_ABSENT = object()
_OF_IMPORTING = {"__name__", "__package__", "__spec__", "__loader__", "__builtins__", "__cached__", "__path__"}
Chain = tuple[str, ...]


def point_to_names(look: Look, node: Node, space: Space, chains: Iterable[Chain]) -> None:
    """Points a function at what the names it reads stand for."""
    found: dict[str, Node] = {}
    for chain in chains:
        key = (id(space.names), chain)
        known = look.resolved.get(key)
        if known is None:
            known = look.resolved[key] = _resolve(look, space, chain)
        found[known[0]] = known[1]
    node.edges += found.items()


def point_to_imports(look: Look, node: Node, space: Space, imports: Iterable[Import], chains: Iterable[Chain]) -> None:
    """Points a function at what it imports when it is called; modules of the project are imported for that."""
    listed = list(chains)
    for each in imports:
        module = _absolute(space, each)
        of_it = [chain for chain in listed if chain[0] == each.bound] if each.bound else [("",)]
        origin = origin_of_top_level(module.partition(".")[0])
        if origin is None:
            node.point(each.bound or module, look.absent(module))
        elif not origin.is_project:
            start = module if each.is_whole else each.bound
            for chain in of_it:
                name = ".".join(part for part in (start, each.name, *chain[1:]) if part)
                node.point(".".join(chain), _outside_now(look, name, origin, look.outside(name, origin)))
        else:
            for chain in of_it or [(each.bound,)]:
                node.point(".".join(chain), _imported(look, space, each, module, chain, is_used=bool(of_it)))


def follow(look: Look, value: Any, chain: Chain, at: int) -> tuple[str, Node]:
    """Follows a chain from a module, of which names before `at` are used up, as far as there are modules."""
    space = look.space(vars(value))
    name = ""
    while issubclass(type(value), ModuleType) and at < len(chain):
        space, name = look.space(vars(value)), chain[at]
        found = space.names.get(name, _ABSENT)
        at += 1
        if found is _ABSENT:
            return ".".join(chain[:at]), _missing(look, space, name)
        value = found
    return ".".join(chain[:at]), target(look, space, name, value)


def target(look: Look, space: Space, name: str, value: object) -> Node:
    """The node of what a namespace has under a name."""
    if not space.origin.is_project and name:
        return _of_others(look, space, name, value)
    if name in _OF_IMPORTING:
        text = space.name.rpartition(".")[0] if name == "__package__" else space.name
        return look.named(space, name, text)
    if issubclass(type(value), type | FunctionType | ModuleType):
        return look.node(value, f"{space.name}.{name}" if name else space.name)
    return look.named(space, name, value)


def whole_module(look: Look, node: Node, module: ModuleType) -> None:
    """The content of a module that is used as a value, so that anything in it may be."""
    space = look.space(vars(module))
    if not space.origin.is_project:
        node.say("outside", space.name)
        look.point_to_packages(node, space.origin)
        return
    if type(module) is not ModuleType:
        node.hide(f"a module of type {type(module).__name__}")
        return
    whole_space(look, node, space)


def whole_space(look: Look, node: Node, space: Space) -> None:
    """All that a module of the project holds."""
    node.label = f"{space.name}.*"
    node.say("module")
    for name, value in sorted(space.names.items()):
        if name not in _OF_IMPORTING and name not in ("__doc__", "__file__"):
            node.point(name, target(look, space, name, value))


def _resolve(look: Look, space: Space, chain: Chain) -> tuple[str, Node]:
    name = chain[0]
    value = space.names.get(name, _ABSENT)
    if value is _ABSENT:
        value = _BUILTINS.get(name, _ABSENT)
        if value is _ABSENT:
            return name, look.absent(name)
        if name in ("globals", "vars", "locals", "dir") and space.origin.is_project:
            return name, _whole(look, space) if name == "globals" else target(look, look.space(_BUILTINS), name, value)
        return name, target(look, look.space(_BUILTINS), name, value)
    if issubclass(type(value), ModuleType):
        return follow(look, value, chain, 1)
    return name, target(look, space, name, value)


def _whole(look: Look, space: Space) -> Node:
    node, is_new = look.once(("space", id(space.names)), space.names, space.name)
    if is_new:
        whole_space(look, node, space)
    return node


def _missing(look: Look, space: Space, name: str) -> Node:
    """What a module gives for a name that it does not have: what its `__getattr__` does, if it has one."""
    if not space.origin.is_project:
        return look.outside(f"{space.name}.{name}", space.origin)
    getter = space.names.get("__getattr__")
    return look.absent(f"attribute {name}") if getter is None else target(look, space, "__getattr__", getter)


def _of_others(look: Look, space: Space, name: str, value: Any) -> Node:
    """What a module of others has: by name, but what the project has put there is the project's."""
    kind = type(value)
    if issubclass(kind, type | FunctionType):
        if look.space_of(value).origin.is_project:
            return look.node(value, f"{space.name}.{name}")
    elif not issubclass(kind, ModuleType) and look.space_of(kind).origin.is_project:
        return look.node(value, f"{space.name}.{name}")
    if issubclass(kind, FunctionType) and value.__closure__ is not None:
        return look.node(value, f"{space.name}.{name}")
    return look.outside(f"{space.name}.{name}", space.origin)


def _outside_now(look: Look, name: str, origin: Any, known: Node) -> Node:
    """A name of others that is imported inside a function: by name, but what the project has put there."""
    found: Any = None
    parts = name.split(".")
    for at in range(len(parts), 0, -1):
        found = sys.modules.get(".".join(parts[:at]))
        if found is not None:
            for part in parts[at:]:
                found = vars(found).get(part) if issubclass(type(found), ModuleType) else None
            break
    if issubclass(type(found), type | FunctionType) and look.space_of(found).origin.is_project:
        return look.node(found, name)
    return known


def _absolute(space: Space, each: Import) -> str:
    if not each.level:
        return each.module
    package = space.names.get("__package__") or ""
    above = package.rsplit(".", each.level - 1)[0] if each.level > 1 else package
    return f"{above}.{each.module}" if each.module else above


def _imported(look: Look, space: Space, each: Import, module: str, chain: Chain, is_used: bool) -> Node:
    """What a chain stands for whose first name is imported from the project when the function is called."""
    error = _load(look, module)
    if error:
        return look.hidden(module, error)
    if not each.name:
        loaded = sys.modules[module if each.is_whole else each.bound]
        return follow(look, loaded, chain, 1)[1] if is_used else look.absent(module)
    loaded = sys.modules[module]
    names = vars(loaded)
    if each.name not in names and "__getattr__" not in names:
        error = _load(look, f"{module}.{each.name}")
        if error:
            return look.hidden(f"{module}.{each.name}", error)
    if each.name not in names:
        return follow(look, loaded, (module, each.name), 1)[1]
    return follow(look, loaded, ("", each.name, *chain[1:]), 1)[1] if is_used else look.absent(module)


def _load(look: Look, name: str) -> str:
    """Imports a module of the project, as the function would; why it cannot be, or ""."""
    if name not in sys.modules and name not in look.failed:
        look.has_imported = True
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001  the code of a user can raise anything
            look.failed[name] = f"it cannot be imported: {type(error).__name__}: {error}"
        else:
            if name not in sys.modules:
                look.failed[name] = "it is not there after it was imported"
    return "" if name in sys.modules else look.failed[name]
