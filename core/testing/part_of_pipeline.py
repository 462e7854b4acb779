"""A pipeline of some solids of another one, with values in the place of what the others feed."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from core.config import unknown_name
from core.definitions.dependency import Feed, MultiDependencyDefinition, Solid
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError

Values = Mapping[str, Mapping[str, Any]]
"""Solid -> input -> value."""


def part_of_pipeline(
    pipeline: PipelineDefinition, solid_names: Sequence[str], values: Values, run_config: Mapping[str, Any]
) -> tuple[PipelineDefinition, dict[str, Any]]:
    """A pipeline of some solids of another one, and the part of its run config that is for them.

    Args:
        pipeline: the whole one.
        solid_names: the solids, by their names in it.
        values: what takes the place of what feeds their inputs.
        run_config: of the whole pipeline, or of the part.

    Raises:
        DagsterInvariantViolationError: the pipeline has no such solid, a solid no such input, or nothing gives a value
            for an input that another solid feeds.
    """
    chosen = [pipeline.solid_named(name) for name in solid_names]
    for name in values:
        if name not in solid_names:
            what = unknown_name("solid", name, solid_names)
            raise DagsterInvariantViolationError(f"Inputs for a part of pipeline {pipeline.name!r}: {what}")
    solids_config = dict(run_config.get("solids") or {})
    left_out = {solid.name for solid in pipeline.solids} - set(solid_names)
    config = {**run_config, "solids": {key: each for key, each in solids_config.items() if key not in left_out}}
    solids = {each.name: _placed(each, values.get(each.name, {}), left_out) for each in chosen}
    lacking = [
        f"{name!r} of solid {each.name!r}"
        for each in chosen
        for name in each.feeds
        if name not in solids[each.name].feeds and not _is_given(solids[each.name], name, solids_config)
    ]
    if lacking:
        raise DagsterInvariantViolationError(
            f"No value is given for input {' and '.join(lacking)}, fed by solids of pipeline {pipeline.name!r} that "
            "are not executed; give it by `inputs`, as in inputs={SOLID: {INPUT: VALUE}}."
        )
    return pipeline.with_solids(f"ephemeral_{pipeline.name}_pipeline", solids), config


def _placed(solid: Solid, values: Mapping[str, Any], left_out: set[str]) -> Solid:
    """The solid with values for some inputs, and without what solids that are left out feed."""
    placed = copy.copy(solid)
    placed.definition = solid.definition.with_input_values(values)
    placed.feeds = {
        name: feed for name, feed in solid.feeds.items() if name not in values and not _sources(feed) & left_out
    }
    return placed


def _sources(feed: Feed) -> set[str]:
    feeds = feed.dependencies if isinstance(feed, MultiDependencyDefinition) else [feed]
    return {each.solid for each in feeds}


def _is_given(solid: Solid, input_name: str, solids_config: Mapping[str, Any]) -> bool:
    definition = solid.definition.input_dict[input_name]
    if definition.has_default_value or definition.dagster_type.is_nothing:
        return True
    config = solids_config.get(solid.name)
    inputs = config.get("inputs") if isinstance(config, Mapping) else None
    return isinstance(inputs, Mapping) and input_name in inputs
