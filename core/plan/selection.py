"""Choosing steps by a query such as `["clean", "*report"]`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from core.config import unknown_name
from core.errors import DagsterInvalidSubsetError
from core.plan.steps import ExecutionStep

_QUERY = re.compile(r"(?P<up>\*|\+*)(?P<key>[^*+]+)(?P<down>\*|\+*)")


def select_steps(steps: Mapping[str, ExecutionStep], selection: Sequence[str]) -> list[str]:
    """The keys of the steps that any of the queries names, in the order of `steps`.

    Args:
        steps: every step by key, each after those that feed it.
        selection: step keys, each with `*` before it for all steps that feed it, `+` for those one step away and
            `++` for two, and the same behind it for those that it feeds.

    Raises:
        DagsterInvalidSubsetError: a query is malformed, or names no step.
    """
    queries = [selection] if isinstance(selection, str) else selection
    upstream = {key: {handle.step_key for handle in step.upstream_handles} for key, step in steps.items()}
    downstream: dict[str, set[str]] = {key: set() for key in steps}
    for key, sources in upstream.items():
        for source in sources:
            downstream[source].add(key)
    chosen: set[str] = set()
    for query in queries:
        match = _QUERY.fullmatch(query.strip())
        if match is None:
            raise DagsterInvalidSubsetError(f"{query!r} is not a step query; write a step key, *step, step* or +step+.")
        if match["key"] not in steps:
            raise DagsterInvalidSubsetError(f"Step selection: {unknown_name('step', match['key'], steps)}")
        chosen |= _reach(match["key"], match["up"], upstream) | _reach(match["key"], match["down"], downstream)
    return [key for key in steps if key in chosen]


def _reach(key: str, distance: str, neighbours: Mapping[str, set[str]]) -> set[str]:
    reached, frontier = {key}, {key}
    hops = len(neighbours) if distance == "*" else len(distance)
    while hops and frontier:
        frontier = {each for name in frontier for each in neighbours[name]} - reached
        reached |= frontier
        hops -= 1
    return reached
