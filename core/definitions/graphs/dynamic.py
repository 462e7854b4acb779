"""Dynamic outputs: how many values they have is known when they are given, and steps are made for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.definitions.dependency import DependencyDefinition, DynamicCollectDependencyDefinition, Solid
from core.errors import DagsterInvalidDefinitionError


def mapped_over(solids: Mapping[str, Solid]) -> dict[str, DependencyDefinition]:
    """The solids that become a step for each value of a dynamic output: key -> the output.

    Args:
        solids: of a pipeline, by key, each after those that feed it.

    Raises:
        DagsterInvalidDefinitionError: more than one dynamic output is upstream of a solid, or one is not mapped or
            collected as it has to be.
    """
    if not any(output.is_dynamic for solid in solids.values() for output in solid.definition.output_defs):
        return {}
    over: dict[str, DependencyDefinition] = {}
    upstream: dict[str, dict[DependencyDefinition, None]] = {}  # the dynamic outputs before each solid, in order
    for key, solid in solids.items():
        fed_by = [each for name in solid.feeds for each in solid.upstream_of(name)]
        mapped = dict.fromkeys(found for each in fed_by if (found := _mapped(each, solids, over)) is not None)
        before = dict.fromkeys(mapped)
        for each in fed_by:
            before |= upstream[each.solid] | dict.fromkeys(_own(each, solids))
        upstream[key] = before
        _check(solid, solids, over, list(mapped), list(before))
        if mapped:
            (over[key],) = mapped
    return over


def _own(source: DependencyDefinition, solids: Mapping[str, Solid]) -> list[DependencyDefinition]:
    """The output that is meant, if it is dynamic."""
    is_dynamic = solids[source.solid].definition.output_dict[source.output].is_dynamic
    return [DependencyDefinition(source.solid, source.output)] if is_dynamic else []


def _mapped(
    source: DependencyDefinition, solids: Mapping[str, Solid], over: Mapping[str, DependencyDefinition]
) -> DependencyDefinition | None:
    """The dynamic output for whose values a solid is mapped, that is fed in this way."""
    if isinstance(source, DynamicCollectDependencyDefinition):
        return None
    return next(iter(_own(source, solids)), None) or over.get(source.solid)


def _check(
    solid: Solid,
    solids: Mapping[str, Solid],
    over: Mapping[str, DependencyDefinition],
    mapped: list[DependencyDefinition],
    before: list[DependencyDefinition],
) -> None:
    collected = [
        each
        for name in solid.feeds
        for each in solid.upstream_of(name)
        if isinstance(each, DynamicCollectDependencyDefinition)
    ]
    for each in collected:
        if not _own(each, solids) and each.solid not in over:
            raise _refused(
                solid,
                f"collects output {each.output!r} of solid {each.solid!r}, which is neither dynamic nor mapped over a "
                "dynamic output. Give it without collect().",
            )
    if len(before) > 1:
        raise _refused(
            solid,
            f"is downstream of more than one dynamic output: {_named(before)}. At most one may be before a solid.",
        )
    if mapped and collected:
        raise _refused(
            solid, f"is mapped over {_named(mapped)} and collects it too. Collect it for a solid that is not mapped."
        )
    own = [DependencyDefinition(solid.key, each.name) for each in solid.definition.output_defs if each.is_dynamic]
    if own and before:
        raise _refused(
            solid,
            f"has a dynamic output and is downstream of another one, {_named(before)}. At most one may be before a "
            "solid.",
        )
    for name in solid.feeds:
        sources = solid.upstream_of(name)
        if solid.is_fan_in(name) and any(_mapped(each, solids, over) for each in sources):
            raise _refused(
                solid,
                f"takes a list for input {name!r}, with an item that is mapped over {_named(mapped)}. A list of all is "
                "what collect() gives.",
            )


def _named(outputs: Iterable[DependencyDefinition]) -> str:
    return " and ".join(f"{each.output!r} of {each.solid!r}" for each in outputs)


def _refused(solid: Solid, why: str) -> DagsterInvalidDefinitionError:
    where = f" ({solid.place})" if solid.place else ""
    return DagsterInvalidDefinitionError(f"Solid {solid.key!r}{where} {why}")
