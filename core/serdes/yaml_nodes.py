"""The nodes that PyYAML composes of a document: what is wrong with them, and in which line a key stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

KeyPath = tuple[str | int, ...]
Node = Any  # a yaml.Node, whose stubs leave out `id`

_UNTYPED_TAGS = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")  # << and =, which stand for themselves


class UnusableNode(Exception):
    """A node that no value can be made of; `sentence` says why, without its text."""

    def __init__(self, node: Node, sentence: str) -> None:
        self.node, self.sentence = node, sentence


class Inspection:
    """One pass over the nodes of a document, before values are made of them.

    Attributes:
        repeated: path, first line and line of each key that stands again in its mapping.
    """

    def __init__(self) -> None:
        self.repeated: list[tuple[KeyPath, int, int]] = []
        self._above: set[int] = set()
        self._seen: set[int] = set()

    def visit(self, loader: yaml.SafeLoader, node: Node, path: KeyPath) -> None:
        if id(node) in self._above:
            raise UnusableNode(node, "this holds an alias of itself")
        if id(node) in self._seen:  # by an alias; once is enough, and aliases of aliases may stand for millions
            return
        self._above.add(id(node))
        if node.id == "mapping":
            self._visit_mapping(loader, node, path)
        elif node.id == "sequence":
            for index, item in enumerate(node.value):
                self.visit(loader, item, (*path, index))
        else:
            _value_of(loader, node)
        self._above.discard(id(node))
        self._seen.add(id(node))

    def _visit_mapping(self, loader: yaml.SafeLoader, node: Node, path: KeyPath) -> None:
        lines: dict[Any, int] = {}
        for key_node, item in node.value:
            line = key_node.start_mark.line + 1
            # Keys that are not scalars are refused when the value is made.
            key = _value_of(loader, key_node) if key_node.id == "scalar" else "?"
            if key_node.id == "scalar" and key_node.tag not in _UNTYPED_TAGS and key in lines:
                self.repeated.append(((*path, key), lines[key], line))
            lines.setdefault(key, line)
            self.visit(loader, item, (*path, key))


def _value_of(loader: yaml.SafeLoader, node: Node) -> Any:
    if node.tag in _UNTYPED_TAGS:
        return node.value
    try:
        return loader.construct_object(node)
    except (ValueError, TypeError, LookupError, AttributeError):  # PyYAML lets out what Python says of `!!int x`
        kind = node.tag.rpartition(":")[2]
        raise UnusableNode(node, f"this is not a valid {kind}; put it in quotes if it is text") from None


def below(node: Node | None, part: str | int) -> tuple[int, Node] | None:
    """The line, counted from 0, and the node of a key or item."""
    if node is not None and node.id == "mapping":
        for key, item in reversed(node.value):  # the last one counts
            if key.value == str(part):
                return key.start_mark.line, item
    if node is not None and node.id == "sequence" and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None
