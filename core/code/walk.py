"""Walks live objects, and tells what each is made of by its type."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from core.code import classes, functions, instances, names
from core.code.graph import Graph, sha
from core.code.look import Look
from core.code.node import Node
from core.code.sources import Sources
from core.wording import a_kind_of

_DESCRIPTORS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
_ITERATORS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_OF_CYTHON = ("cython_function_or_method", "fused_cython_function")
_HOLDERS = (types.CellType, tuple, list, dict, set, frozenset)
_FROZEN = (tuple, frozenset, types.MethodType, property, staticmethod, classmethod)


def _descriptor(look: Look, node: Node, value: Any) -> None:
    """A method of a class that is written in C."""
    node.say("method", value.__name__)
    node.point("class", look.node(value.__objclass__, node.path))
    if look.space_of(value.__objclass__).origin.is_project:
        node.hide("a method of the project that is not written in Python")


def _iterator(_look: Look, node: Node, value: Any) -> None:
    node.hide(f"{a_kind_of(value)}, of which it cannot be told what is left")


_EXPAND: dict[type, Callable[[Look, Node, Any], None]] = {
    **instances.EXPAND,
    types.FunctionType: functions.function,
    types.BuiltinFunctionType: functions.builtin,
    types.CellType: functions.cell,
    types.ModuleType: names.whole_module,
    property: classes.property_,
    classmethod: classes.method_of_class,
    staticmethod: classes.method_of_class,
    **dict.fromkeys(_DESCRIPTORS, _descriptor),
    **dict.fromkeys(_ITERATORS, _iterator),
}


def expand(look: Look, node: Node) -> None:
    """Fills in what a node's object is made of."""
    value: Any = node.value
    kind = type(value)
    known = _EXPAND.get(kind)
    if known is not None:
        node.has_identity = kind in instances.EXPAND and kind not in _FROZEN
        known(look, node, value)
    elif issubclass(kind, type):
        classes.class_(look, node, value)
    elif issubclass(kind, enum.Enum):
        classes.member(look, node, value)
    elif kind.__name__ in _OF_CYTHON:
        functions.builtin(look, node, value)
    elif issubclass(kind, types.ModuleType):
        names.whole_module(look, node, value)
    else:
        derived = next((base for base in instances.EXPAND_DERIVED if issubclass(kind, base)), None)
        if derived and not look.space_of(kind).origin.is_project:
            instances.EXPAND_DERIVED[derived](look, node, value)
        else:
            instances.instance(look, node, value)


class Seen:
    """What was found of some objects, as they were when they were looked at."""

    def __init__(self, graph: Graph, nodes: Mapping[int, Node]) -> None:
        self._graph = graph
        self._nodes = nodes
        self._parts: dict[int, str] = {}

    def version(self, value: object) -> str | None:
        """A digest of an object and of all that it reaches; None where something cannot be seen."""
        node = self._nodes[id(value)]
        return None if self._graph.unseen(node) else self._graph.version(node)

    def parts(self, value: object) -> dict[str, str]:
        """What that is made of: a digest, or a version of a distribution, or a reason, by name."""
        found: dict[str, set[str]] = {}
        for node in self._graph.labelled(self._nodes[id(value)]):
            told = f"not seen: {node.unseen}" if node.unseen else self._part(node)
            found.setdefault(node.label or node.path, set()).add(told)
        return {label: _told(told) for label, told in sorted(found.items())}

    def _part(self, node: Node) -> str:
        """A digest of a node and of what it holds that has no name of its own."""
        if node.label.startswith("package "):
            return node.content[-1].partition(":")[2]
        if node.number not in self._parts:
            order: dict[int, int] = {node.number: 0}
            waiting, told = [node], []
            for each in waiting:  # grows as it is walked
                told.append(self._graph.contents[each.number])
                for label, child in sorted(each.edges, key=lambda edge: (edge[0], self._graph.digests[edge[1].number])):
                    if child.label:
                        told.append(f"{label} {child.label}")
                        continue
                    if child.number not in order:
                        order[child.number] = len(order)
                        waiting.append(child)
                    told.append(f"{label} {order[child.number]}")
            self._parts[node.number] = sha(told)
        return self._parts[node.number]


def _told(told: set[str]) -> str:
    """What is told of a name, under which there may be several nodes; a reason counts before the digests of others."""
    reasons = [each for each in told if each.startswith("not seen: ")]
    return min(reasons or told) if reasons or len(told) == 1 else sha(sorted(told))


def look_at(values: Iterable[object], sources: Sources) -> Seen:
    """Walks objects and all that they reach.

    Args:
        values: the objects.
        sources: the files read before.
    """
    listed = list(values)
    failed: dict[str, str] = {}
    while True:
        look = Look(sources.look(), failed)
        nodes = {id(value): look.node(value, _name_of(value)) for value in listed}
        _walk(look)
        if not look.has_imported:  # else objects may have changed that were looked at before
            return Seen(Graph(look.nodes), nodes)


def _walk(look: Look) -> None:
    at = 0
    while look.waiting:
        while look.waiting:
            node = look.waiting.pop()
            try:
                expand(look, node)
            except Exception as error:  # noqa: BLE001  a class can make its objects raise anything when they are asked
                node.hide(f"it cannot be walked: {type(error).__name__}: {error}")
        for node in look.nodes[at:]:
            if node.is_of_others:
                _introspect(look, node)
            at += 1


def _introspect(look: Look, node: Node) -> None:
    """What others hold of the project's code, they may ask for its annotations, as validators do."""
    near = [child for _, child in node.edges]
    near += [child for each in near if type(each.value) in _HOLDERS for _, child in each.edges]
    for each in near:
        if each.verbatim is not None:
            node.introspects = True
            if type(each.value) is types.FunctionType and each.value.__annotations__:
                look.attach(node, f"annotations of {each.value.__name__}", each.value.__annotations__)


def _name_of(value: Any) -> str:
    if issubclass(type(value), types.FunctionType | type):
        return f"{value.__module__}.{value.__qualname__}"
    return type(value).__qualname__
