"""From the nodes that PyYAML composes of a document to values; and in which line, and how, each was written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from core.serdes.yaml_bounds import MAX_NODES
from core.serdes.yaml_loader import MERGE, SCALARS, TAG

KeyPath = tuple[str | int, ...]
Node = Any  # a yaml.Node, whose stubs leave out `id`

_LONGEST_NUMBER = 1000  # characters; Python neither reads nor shows numbers that are much longer
_CONTAINERS = {"mapping": f"{TAG}map", "sequence": f"{TAG}seq"}
_STRING = f"{TAG}str"


class UnusableNode(Exception):
    """A node that no value can be made of; `sentence` says why, without its text."""

    def __init__(self, node: Node, sentence: str) -> None:
        self.node, self.sentence = node, sentence


class Values:
    """Makes the values of the nodes of one document.

    Attributes:
        repeated: path, first line and line of each key that stands again in its mapping; its last value counts.
    """

    def __init__(self) -> None:
        self.repeated: list[tuple[KeyPath, int, int]] = []
        self._above: set[int] = set()
        self._made: dict[int, tuple[Any, int]] = {}
        self._count = 0

    def of(self, node: Node, path: KeyPath = ()) -> Any:
        """The value of a node.

        Raises:
            UnusableNode: there is none, or with its aliases it has too many parts. An alias takes no place in memory,
                but whatever reads the value walks through all that it stands for.
        """
        if id(node) in self._above:
            raise UnusableNode(node, "this holds an alias of itself")
        if id(node) in self._made:  # by an alias
            value, size = self._made[id(node)]
            self._add(node, size)
            return value
        before = self._count
        self._add(node, 1)
        self._above.add(id(node))
        value = _scalar(node) if node.id == "scalar" else self._container(node, path)
        self._above.discard(id(node))
        self._made[id(node)] = value, self._count - before
        return value

    def _add(self, node: Node, size: int) -> None:
        self._count += size
        if self._count > MAX_NODES:
            raise UnusableNode(node, f"with what its aliases stand for, it has more than {MAX_NODES:,} values")

    def _container(self, node: Node, path: KeyPath) -> Any:
        if node.tag != _CONTAINERS[node.id]:
            raise UnusableNode(node, _unknown_tag(node))
        if node.id == "sequence":
            return [self.of(item, (*path, index)) for index, item in enumerate(node.value)]
        lines: dict[Any, int] = {}
        merged: dict[Any, Any] = {}
        own: dict[Any, Any] = {}
        for key_node, item in node.value:
            if key_node.tag == MERGE and key_node.style is None:
                for each in self._merged(item, path):
                    merged = {**each, **merged}
                continue
            key, line = self._key(key_node), key_node.start_mark.line + 1
            if key in lines:
                self.repeated.append(((*path, key), lines[key], line))
            lines.setdefault(key, line)
            own[key] = self.of(item, (*path, key))
        return {**merged, **own}

    def _key(self, node: Node) -> Any:
        if node.id != "scalar":
            raise UnusableNode(node, f"a {node.id} cannot be a key")
        return self.of(node)

    def _merged(self, node: Node, path: KeyPath) -> list[dict[Any, Any]]:
        """What `<<` brings; of several mappings, the first one counts."""
        found = self.of(node, (*path, "<<"))
        mappings = found if isinstance(found, list) else [found]
        if not all(isinstance(each, dict) for each in mappings):
            raise UnusableNode(node, "<< takes a mapping, or a list of mappings")
        return mappings


def _scalar(node: Node) -> Any:
    text: str = node.value
    if node.tag in (_STRING, MERGE):
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise UnusableNode(node, "this holds half of a character; write the whole one")
        return text
    if node.tag not in SCALARS:
        raise UnusableNode(node, _unknown_tag(node))
    kind = node.tag.removeprefix(TAG)
    if not re.fullmatch(SCALARS[node.tag][0], text):
        raise UnusableNode(node, f"this is not a valid {kind}; put it in quotes if it is text")
    if len(text) > _LONGEST_NUMBER:
        raise UnusableNode(node, f"this number has {len(text)} characters; put it in quotes if it is text")
    return _READERS[kind](node, text)


def _unknown_tag(node: Node) -> str:
    known = ", ".join(sorted(tag.replace(TAG, "!!") for tag in (*SCALARS, *_CONTAINERS.values()) if tag != MERGE))
    return f"this tag is not known; put text that begins with ! in quotes (known: {known}, !!str)"


def _int(_: Node, text: str) -> int:
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _float(node: Node, text: str) -> float:
    value = float(text.replace(".", "", 1) if text[-1].isalpha() else text)
    if math.isinf(value) and not text[-1].isalpha():
        raise UnusableNode(node, "this number is larger than any float; write a smaller one, or text in quotes")
    return value


_READERS: dict[str, Callable[[Node, str], Any]] = {
    "null": lambda _, __: None,
    "bool": lambda _, text: text.lower() == "true",
    "int": _int,
    "float": _float,
}


class Places:
    """Where the keys and items of nodes are. Each mapping is gone through once, however often it is asked for."""

    def __init__(self) -> None:
        self._keys: dict[int, dict[str, tuple[int, Node]]] = {}

    def below(self, node: Node | None, part: str | int) -> tuple[int, Node] | None:
        """The line, counted from 0, and the node of a key or item."""
        if node is not None and node.id == "mapping":
            return self._keys_of(node).get(str(part))
        if node is not None and node.id == "sequence" and isinstance(part, int) and part < len(node.value):
            return node.value[part].start_mark.line, node.value[part]
        return None

    def _keys_of(self, node: Node) -> dict[str, tuple[int, Node]]:
        if id(node) not in self._keys:
            merged = [item for key, item in node.value if key.tag == MERGE]
            mappings = [each for item in merged for each in (item.value if item.id == "sequence" else [item])]
            keys: dict[str, tuple[int, Node]] = {}
            for each in reversed(mappings):  # the first one counts
                keys.update(self._keys_of(each))
            keys.update({key.value: (key.start_mark.line, item) for key, item in node.value})  # the last one counts
            self._keys[id(node)] = keys
        return self._keys[id(node)]
