"""What a preset adds to what is asked of a run."""

from __future__ import annotations

import msgspec

from core.definitions.pipeline import PipelineDefinition
from core.errors import DagsterInvariantViolationError
from core.events.user_events import normalize_tags
from core.execution.preparing.spec import RunSpec
from core.records.tags import PRESET_NAME_TAG
from core.utils.merger import deep_merge_dicts


def with_preset(pipeline: PipelineDefinition, preset: str | None, spec: RunSpec) -> RunSpec:
    """What is asked of a run that begins with a preset: its run config, tags and solids are below what is asked.

    Args:
        pipeline: the pipeline.
        preset: the name of its preset; None for none.
        spec: what is asked besides.

    Raises:
        DagsterInvariantViolationError: the pipeline has no such preset, or it is for another mode.
    """
    if preset is None:
        return spec
    found, mode = pipeline.get_preset(preset), pipeline.mode_of_preset(preset)
    if spec.mode not in (None, mode):
        raise DagsterInvariantViolationError(
            f"Preset {preset!r} of pipeline {pipeline.name!r} is for mode {mode!r}, and mode {spec.mode!r} was asked "
            "for; leave out one of them."
        )
    return msgspec.structs.replace(
        spec,
        run_config=deep_merge_dicts(found.run_config, spec.run_config or {}),
        mode=mode,
        tags={**found.tags, **normalize_tags(spec.tags, "the run"), PRESET_NAME_TAG: preset},
        solid_selection=spec.solid_selection or found.solid_selection,
    )
