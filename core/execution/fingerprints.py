"""Asking for the fingerprints of what a run's config points at outside."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from core.errors import DagsterResourceFunctionError, user_code_error_boundary
from core.execution.resources import RunResources
from core.plan import ExecutionPlan
from core.plan.sources import Source, SourceKey, sources_of_resource, sources_of_step

_QUESTIONS_AT_ONCE = 16


def fingerprints_of(plan: ExecutionPlan, resources: RunResources) -> dict[SourceKey, str]:
    """The fingerprint of each thing that the config of a step of the plan, or of its resources, points at.

    Raises:
        DagsterResourceFunctionError: one could not be had.
    """
    sources = [source for step in plan.steps.values() for source in sources_of_step(step)]
    sources += [
        source
        for key in sorted({key for step in plan.steps.values() for key in step.solid.definition.required_resource_keys})
        if (definition := resources.definition(key)) is not None
        for source in sources_of_resource(key, definition, resources.config(key))
    ]
    if not sources:
        return {}
    scopes = {id(source): resources.scope(source.fingerprint.required_resource_keys) for source in sources}

    def ask(source: Source) -> str:
        with user_code_error_boundary(
            DagsterResourceFunctionError, f"What the config of {source.key} points at has no fingerprint"
        ):
            return source.fingerprint.of(source.value, scopes[id(source)])

    with ThreadPoolExecutor(min(len(sources), _QUESTIONS_AT_ONCE), thread_name_prefix="fingerprints") as pool:
        return dict(zip([source.key for source in sources], pool.map(ask, sources), strict=True))
