"""Choosing solids, or steps, by queries such as `["clean", "*report"]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from core.config import unknown_name
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvalidSubsetError
from core.events.step_keys import is_template_key, solid_key_of
from core.plan.steps import ExecutionStep

_QUERY = re.compile(r"(?P<up>\*|\+*)(?P<key>[^*+]+)(?P<down>\*|\+*)")

Feeders = Mapping[str, Iterable[str]]


def select_steps(steps: Mapping[str, ExecutionStep], selection: Sequence[str]) -> list[str]:
    """The keys of the steps that any of the queries names, in the order of `steps`.

    Args:
        steps: every step by key, each after those that feed it.
        selection: step keys, each with `*` before it for all steps that feed it, `+` for those one step away and
            `++` for two, and the same behind it for those that it feeds. The name of a graph stands for the steps in
            it, that of a solid which is mapped over a dynamic output for its steps, and `*` alone for all.

    Raises:
        DagsterInvalidSubsetError: a query is malformed, or names no step.
    """
    return _select("step", _feeders(steps), selection)


def with_followers(steps: Mapping[str, ExecutionStep], step_keys: Iterable[str]) -> list[str]:
    """Keys of steps, and of all that those feed, in the order of `steps`."""
    reached = _reach(set(step_keys), "*", _fed(_feeders(steps)))
    return [key for key in steps if key in reached]


def key_in(query: object) -> str:
    """The name in a query, without what is said around it; nothing where it is none."""
    match = _QUERY.fullmatch(query.strip()) if isinstance(query, str) else None
    return match["key"].strip() if match else ""


def select_solids(pipeline: PipelineDefinition, selection: Iterable[str]) -> list[str]:
    """The keys of the solids of a pipeline, also those in graphs, that any of the queries names; as `select_steps`.

    Raises:
        DagsterInvalidSubsetError: a query is malformed, or names no solid.
    """
    feeders = {solid.key: {each.solid for each in solid.upstream()} for solid in pipeline.leaves}
    return _select("solid", feeders, selection)


def _select(kind: str, feeders: Feeders, selection: Iterable[str]) -> list[str]:
    queries = [selection] if isinstance(selection, str) else selection
    fed = _fed(feeders)
    chosen: set[str] = set()
    for query in queries:
        if not isinstance(query, str):
            raise DagsterInvalidSubsetError(f"A {kind} query is text, and {query!r} is not.")
        if query.strip() == "*":
            return list(feeders)
        match = _QUERY.fullmatch(query.strip())
        if match is None:
            raise DagsterInvalidSubsetError(
                f"{query!r} is not a {kind} query; write a {kind} {'key' if kind == 'step' else 'name'}, *{kind}, "
                f"{kind}* or +{kind}+."
            )
        named = _named(kind, match["key"].strip(), feeders)
        chosen |= _reach(named, match["up"], feeders) | _reach(named, match["down"], fed)
    return [key for key in feeders if key in chosen]


def _feeders(steps: Mapping[str, ExecutionStep]) -> Feeders:
    return {key: {handle.step_key for handle in step.upstream_handles} for key, step in steps.items()}


def _fed(feeders: Feeders) -> Feeders:
    fed: dict[str, set[str]] = {key: set() for key in feeders}
    for key, sources in feeders.items():
        for source in sources:
            fed[source].add(key)
    return fed


def _named(kind: str, name: str, feeders: Feeders) -> set[str]:
    """The keys that a name stands for: its own, those in the graph of that name, or those of a mapped solid."""
    name = solid_key_of(name) if is_template_key(name) and name not in feeders else name
    if name in feeders:
        return {name}
    inside = {key for key in feeders if solid_key_of(key) == name or key.startswith(f"{name}.")}
    if not inside:
        graphs = {
            ".".join(parts[:count]) for parts in (key.split(".") for key in feeders) for count in range(1, len(parts))
        }
        raise DagsterInvalidSubsetError(
            f"{kind.capitalize()} selection: {unknown_name(kind, name, [*feeders, *graphs])}"
        )
    return inside


def _reach(start: set[str], distance: str, neighbours: Feeders) -> set[str]:
    reached, frontier = set(start), set(start)
    hops = len(neighbours) if distance == "*" else len(distance)
    while hops and frontier:
        frontier = {each for name in frontier for each in neighbours[name]} - reached
        reached |= frontier
        hops -= 1
    return reached
