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
        DagsterInvalidDefinitionError: a solid is mapped over more than one dynamic output, or one is not mapped or
            collected as it has to be.
    """
    if not any(output.is_dynamic for solid in solids.values() for output in solid.definition.output_defs):
        return {}
    over: dict[str, DependencyDefinition] = {}
    for key, solid in solids.items():
        fed_by = [each for name in solid.feeds for each in solid.upstream_of(name)]
        mapped = dict.fromkeys(found for each in fed_by if (found := _mapped(each, solids, over)) is not None)
        _check(solid, solids, over, list(mapped))
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
    if len(mapped) > 1:
        raise _refused(
            solid,
            f"is downstream of more than one dynamic output: {_named(mapped)}. Collect all but one before it.",
        )
    if mapped and collected:
        raise _refused(
            solid,
            f"is mapped over {_named(mapped)}, and collects too. Collect for a solid that is not mapped, and give what "
            "that returns.",
        )
    if mapped and any(each.is_dynamic for each in solid.definition.output_defs):
        raise _refused(
            solid,
            f"has a dynamic output and is downstream of another one, {_named(mapped)}, which must be collected before "
            "it.",
        )
    for name in filter(solid.is_fan_in, solid.feeds):
        sources = solid.upstream_of(name)
        if any(_mapped(each, solids, over) for each in sources):
            raise _refused(
                solid,
                f"takes a list for input {name!r}, with an item that is mapped over {_named(mapped)}. A list of all is "
                "what collect() gives.",
            )
        lists = [each for each in sources if isinstance(each, DynamicCollectDependencyDefinition)]
        if lists:
            raise _refused(
                solid,
                f"takes a list for input {name!r}, with an item that is a list of all of {_named(lists)}. Give that to "
                "an input of its own.",
            )


def _named(outputs: Iterable[DependencyDefinition]) -> str:
    return " and ".join(f"{each.output!r} of {each.solid!r}" for each in outputs)


def _refused(solid: Solid, why: str) -> DagsterInvalidDefinitionError:
    where = f" ({solid.place})" if solid.place else ""
    return DagsterInvalidDefinitionError(f"Solid {solid.key!r}{where} {why}")
