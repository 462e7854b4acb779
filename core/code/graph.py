"""Digests of nodes that depend on all that they reach, and on no name of a module, no address and no order of meeting.

Two nodes have one digest when no walk along labelled edges tells them apart (they are bisimilar). Nodes that reach each
other are told apart by rounds: each takes in what its neighbours were in the round before, until a round finds no more
differences. All others are digested from below, once. So the work grows with the number of edges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from core.code.node import Node


def sha(texts: Iterable[str]) -> str:
    """SHA-256 over texts that hold no line feed of their own."""
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


class Graph:
    """Nodes with their digests, and with what each reaches.

    Args:
        nodes: all of them, each at the index that is its number.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.contents = [_content(node) for node in nodes]
        self.digests = [""] * len(nodes)
        self._reached = [0] * len(nodes)
        self._masks: dict[str, int] = {}
        self._shared = _shared(nodes)
        self._shared_digests: dict[tuple[int, int], str] = {}
        self._children = [[(label, child.number) for label, child in node.edges] for node in nodes]
        for component in _components([[child for _, child in edges] for edges in self._children]):
            self._digest(component)

    def version(self, node: Node) -> str:
        """The digest of a node, and of which of its objects that can change are one and the same.

        Where something that is reached introspects, docstrings, annotations and layout of all that is reached count.
        """
        reached = self._reached[node.number]
        parts = [self.digests[node.number]]
        parts += sorted(
            self._sharing(number, parents & reached) for number, parents in self._shared if reached >> number & 1
        )
        if reached & self._mask("introspects"):
            parts += sorted(each.verbatim() for each in self.reached(node) if each.verbatim)
        return sha(f"{len(part)}:{part}" for part in parts)

    def reached(self, node: Node) -> list[Node]:
        """All nodes that a walk from this one comes to, itself included."""
        return [self.nodes[number] for number in _bits(self._reached[node.number])]

    def unseen(self, node: Node) -> list[Node]:
        """Those that it reaches of which nothing can be told."""
        return [self.nodes[number] for number in _bits(self._reached[node.number] & self._mask("unseen"))]

    def labelled(self, node: Node) -> list[Node]:
        """Those that it reaches and that have a name, or of which nothing can be told."""
        mask = self._mask("label") | self._mask("unseen")
        return [self.nodes[number] for number in _bits(self._reached[node.number] & mask)]

    def _mask(self, attribute: str) -> int:
        if attribute not in self._masks:
            self._masks[attribute] = sum(1 << node.number for node in self.nodes if getattr(node, attribute))
        return self._masks[attribute]

    def _sharing(self, number: int, parents: int) -> str:
        """Who, of those that are reached, holds an object that can change."""
        known = self._shared_digests.get((number, parents))
        if known is None:
            held = [
                f"{self.digests[parent]} {label}"
                for parent in _bits(parents)
                for label, child in self._children[parent]
                if child == number
            ]
            known = self._shared_digests[number, parents] = sha([self.digests[number], *sorted(set(held))])
        return known

    def _digest(self, component: list[int]) -> None:
        members = set(component)
        reached = 0
        for number in component:
            reached |= 1 << number
            for _, child in self._children[number]:
                if child not in members:
                    reached |= self._reached[child]
        for number in component:
            self._reached[number] = reached
        if len(component) == 1 and all(child != component[0] for _, child in self._children[component[0]]):
            number = component[0]
            self.digests[number] = sha([self.contents[number], *self._arrows(number, {})])
            return
        now = {
            number: sha(
                [self.contents[number], *sorted(
                    f"{label} {self.digests[child]}" for label, child in self._children[number] if child not in members
                )]
            )
            for number in component
        }  # fmt: skip
        count = len(set(now.values()))
        while True:
            then, now = now, {number: sha([now[number], *self._arrows(number, now)]) for number in component}
            if len(set(now.values())) == count:
                break
            count = len(set(now.values()))
        # The classes by what they were in the last round but one, with their arrows: all that is to be known of them.
        whole = sha(sorted({f"{then[number]} {sha(self._arrows(number, then))}" for number in component}))
        for number in component:
            self.digests[number] = sha([then[number], whole])

    def _arrows(self, number: int, now: dict[int, str]) -> list[str]:
        digests = self.digests
        return sorted(
            [f"{label} {now[child] if child in now else digests[child]}" for label, child in self._children[number]]
        )


def _content(node: Node) -> str:
    return hashlib.sha256("".join(node.content).encode("utf-8", "surrogatepass")).hexdigest()


def _shared(nodes: Sequence[Node]) -> list[tuple[int, int]]:
    """The objects that can change and that more than one edge leads to, with those they lead from as bits."""
    parents: dict[int, int] = {}
    counts: dict[int, int] = {}
    for node in nodes:
        for _, child in node.edges:
            if child.has_identity:
                parents[child.number] = parents.get(child.number, 0) | 1 << node.number
                counts[child.number] = counts.get(child.number, 0) + 1
    return [(number, mask) for number, mask in parents.items() if counts[number] > 1]


def _bits(mask: int) -> Iterator[int]:
    digits = bin(mask)[:1:-1]  # one pass over the text; to clear bit by bit would copy all of it each time
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def _components(children: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Sets of nodes that reach each other, those below first (Tarjan's algorithm, without recursion)."""
    order: list[int] = [0] * len(children)  # when it was met, counted from 1
    low: list[int] = [0] * len(children)
    is_open = [False] * len(children)
    stack: list[int] = []
    met = 0
    for root in range(len(children)):
        if order[root]:
            continue
        work = [(root, iter(children[root]))]
        met += 1
        order[root] = low[root] = met
        stack.append(root)
        is_open[root] = True
        while work:
            number, rest = work[-1]
            for child in rest:
                if not order[child]:
                    met += 1
                    order[child] = low[child] = met
                    stack.append(child)
                    is_open[child] = True
                    work.append((child, iter(children[child])))
                    break
                if is_open[child]:
                    low[number] = min(low[number], order[child])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[number])
                if low[number] == order[number]:
                    component = []
                    while True:
                        member = stack.pop()
                        is_open[member] = False
                        component.append(member)
                        if member == number:
                            break
                    yield component
