"""PyYAML's parser with the scalars and tags of the core schema of YAML 1.2, within bounds (yaml.org/spec/1.2.2, 10.3).

PyYAML by itself reads YAML 1.1, in which `010` is 8, `no` is a boolean, `12:30` is 750 and `2020-01-01` is a date. Here
each of these is what it looks like: 10, and text.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer, ComposerError
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from core.serdes.yaml_bounds import MAX_DEPTH, MAX_NODES

TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"  # `<<`, which is not of the core schema, and is in many files
SCALARS = {
    f"{TAG}null": (r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    f"{TAG}bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    f"{TAG}int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    f"{TAG}float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    MERGE: (r"<<", ["<"]),
}
_NO_TAGS = ("!", MERGE)


class CoreLoader(Reader, Scanner, Parser, Composer, BaseResolver):
    """Composes the nodes of a text; `core.serdes.yaml_nodes` makes values of them."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = self._nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nodes += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"it is nested too deeply, more than {MAX_DEPTH} levels")
        if self._nodes > MAX_NODES:
            self._refuse(f"it has more than {MAX_NODES:,} values")
        if self._next_tag() in _NO_TAGS:  # a composed node does not say that it was written
            self._refuse("this tag is not known")
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _refuse(self, problem: str) -> None:
        next_event: Any = self.peek_event
        raise ComposerError(None, None, problem, next_event().start_mark)

    def _next_tag(self) -> str | None:
        next_event: Any = self.peek_event
        tag: str | None = getattr(next_event(), "tag", None)
        return tag


for tag, (pattern, first) in SCALARS.items():
    CoreLoader.add_implicit_resolver(tag, re.compile(f"(?:{pattern})\\Z"), first)
