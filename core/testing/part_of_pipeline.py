"""A pipeline of some solids of another one, with values in the place of what the others feed."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from core.config import unknown_name
from core.definitions.dependency import Solid
from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError

Values = Mapping[str, Mapping[str, Any]]
"""Solid -> input -> value."""


def part_of_pipeline(
    pipeline: PipelineDefinition, solid_names: Sequence[str], values: Values, run_config: Mapping[str, Any]
) -> tuple[PipelineDefinition, dict[str, Any]]:
    """A pipeline of some solids of another one, and the run config that is for them.

    Args:
        pipeline: the whole one.
        solid_names: the solids, by their names in it: `clean`, or `outer.clean` of one in a graph, or a graph.
        values: what takes the place of what feeds their inputs; of solids, not of graphs.
        run_config: of the whole pipeline, or of the part.

    Raises:
        DagsterInvariantViolationError: the pipeline has no such solid, a solid no such input, or nothing gives a value
            for an input that another solid feeds.
    """
    whole = {solid.key: solid for solid in pipeline.leaves}
    keys = [key for name in solid_names for key in _keys_of(pipeline, name)]
    for name, of_inputs in values.items():
        if of_inputs and name not in keys:
            what = unknown_name("solid", name, keys)
            raise DagsterInvariantViolationError(f"Inputs for a part of pipeline {pipeline.name!r}: {what}")
    part = pipeline.selected(keys)
    solids = {solid.key: _with_values(solid, whole[solid.key], values.get(solid.key, {})) for solid in part.leaves}
    lacking = [
        f"{name!r} of solid {key!r}"
        for key, solid in solids.items()
        for name in whole[key].feeds
        if name not in solid.feeds and name not in values.get(key, {}) and not _is_given(solid, name, run_config)
    ]
    if lacking:
        raise DagsterInvariantViolationError(
            f"No value is given for input {' and '.join(lacking)}, fed by solids of pipeline {pipeline.name!r} that "
            "are not executed; give it by `inputs`, as in inputs={SOLID: {INPUT: VALUE}}."
        )
    return pipeline.with_solids(f"ephemeral_{pipeline.name}_pipeline", solids), dict(run_config)


def _keys_of(pipeline: PipelineDefinition, name: str) -> list[str]:
    """The solids that a name means."""
    keys = [solid.key for solid in pipeline.leaves]
    found = [key for key in keys if key == name or key.startswith(f"{name}.")]
    if not found:
        unknown = unknown_name("solid", name, [*keys, *pipeline.graphs])
        raise DagsterInvariantViolationError(f"Pipeline {pipeline.name!r}: {unknown}")
    return found


def _with_values(solid: Solid, in_whole: Solid, values: Mapping[str, Any]) -> Solid:
    """The solid with values for some inputs, which nothing feeds then; nor lists that would lack an item."""
    lacking = {name for name in solid.feeds if len(solid.upstream_of(name)) < len(in_whole.upstream_of(name))}
    placed = copy.copy(solid)
    placed.definition = solid.definition.with_input_values(values)
    placed.feeds = {name: feed for name, feed in solid.feeds.items() if name not in {*values, *lacking}}
    placed.graph_inputs = {name: each for name, each in solid.graph_inputs.items() if name not in values}
    return placed


def _is_given(solid: Solid, input_name: str, run_config: Mapping[str, Any]) -> bool:
    definition = solid.definition.input_dict[input_name]
    if definition.has_default_value or definition.dagster_type.is_nothing:
        return True
    of_graph = solid.graph_inputs.get(input_name)
    key, name = (solid.key, input_name) if of_graph is None else (of_graph.key, of_graph.name)
    config: Any = run_config
    for part in [each for of_name in key.split(".") for each in ("solids", of_name)]:
        config = config.get(part) if isinstance(config, Mapping) else None
    inputs = config.get("inputs") if isinstance(config, Mapping) else None
    return isinstance(inputs, Mapping) and name in inputs
