"""What a look at live objects finds: nodes with contents, and labelled edges between them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from typing import Any


class Node:
    """One live object, or a name that a module has for one.

    Attributes:
        value: the object; kept, so that its `id` stays its own while the look lasts.
        path: how it was reached first, such as "pipeline.client.session".
        label: the name people know it by; "" for what is a part of something that has one.
        content: what is to be said of it alone; order counts.
        edges: the objects it holds or uses, by what they are to it. The order of edges does not count: an order that
            matters is in the labels.
        unseen: why nothing can be told of it; "" when something can.
        has_identity: whether it can change in place, so that it matters which others hold the same one.
        is_of_others: whether its code is that of an installed distribution, which may ask anything of what it holds.
        introspects: whether its code can ask for docstrings, annotations, source or orders of definition.
        verbatim: gives those, for where something introspects.
    """

    __slots__ = (
        "content", "edges", "has_identity", "introspects", "is_of_others", "label", "number", "path", "unseen", "value",
        "verbatim",
    )  # fmt: skip

    def __init__(self, number: int, value: object, path: str) -> None:
        self.number = number
        self.value = value
        self.path = path
        self.label = ""
        self.content: list[str] = []
        self.edges: list[tuple[str, Node]] = []
        self.unseen = ""
        self.has_identity = False
        self.is_of_others = False
        self.introspects = False
        self.verbatim: Callable[[], str] | None = None

    def say(self, *texts: str) -> None:
        """Adds texts to the content, with their lengths, so that none runs into the next."""
        self.content += [f"{len(text)}:{text}" for text in texts]

    def point(self, label: str, other: Node) -> None:
        """Adds an edge."""
        self.edges.append((label if label.isprintable() else repr(label), other))

    def hide(self, reason: str) -> None:
        """Says that nothing can be told of it."""
        self.unseen = reason


def _of_float(value: float) -> str:
    return f"float nan {math.copysign(1, value)}" if math.isnan(value) else f"float {value.hex()}"


_PLAIN: dict[type, Callable[[Any], str]] = {
    type(None): lambda value: "None",
    bool: lambda value: f"bool {value}",
    int: lambda value: f"int {value:x}",  # in decimal, Python refuses more than 4300 digits
    float: _of_float,
    complex: lambda value: f"complex {_of_float(value.real)} {_of_float(value.imag)}",
    bytes: lambda value: f"bytes {len(value)} {hashlib.sha256(value).hexdigest()}",
    type(Ellipsis): lambda value: "Ellipsis",
    type(NotImplemented): lambda value: "NotImplemented",
}


def plain_form(value: object) -> str | None:
    """A plain value with its type as text, the same for equal values of one type only; None for all others, and str."""
    form = _PLAIN.get(type(value))
    return None if form is None else form(value)
