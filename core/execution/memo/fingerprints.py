"""Asking for the fingerprints of what a run's config points at outside."""

from __future__ import annotations

from core.definitions.calls.starting import RunResources
from core.errors import DagsterResourceFunctionError, NoFingerprintError, user_code_error_boundary
from core.plan import ExecutionPlan
from core.plan.pointers import Pointer, PointerKey, pointers_of_resource, pointers_of_step

_QUESTIONS_AT_ONCE = 16


def fingerprints_of(plan: ExecutionPlan, resources: RunResources) -> dict[PointerKey, str | NoFingerprintError]:
    """The fingerprint of each thing that the config of the plan's steps, or of their resources, points at, or why it
    has none.

    Raises:
        DagsterResourceFunctionError: a fingerprint function, or a resource that it requires, raised.
    """
    pointers = [pointer for step in plan.steps.values() for pointer in pointers_of_step(step)]
    pointers += [
        pointer
        for key in sorted({key for step in plan.steps.values() for key in step.versioned_resource_keys})
        if (definition := resources.definition(key)) is not None
        for pointer in pointers_of_resource(key, definition, resources.config(key))
    ]
    if not pointers:
        return {}
    from concurrent.futures import ThreadPoolExecutor  # 2 ms to import; few runs point at anything

    scopes = {id(pointer): resources.scope(pointer.fingerprint.required_resource_keys) for pointer in pointers}

    def ask(pointer: Pointer) -> str | NoFingerprintError:
        message = f"The fingerprint of what the config of {pointer.key} points at could not be taken"
        try:
            with user_code_error_boundary(DagsterResourceFunctionError, message):
                return pointer.fingerprint.of(pointer.value, scopes[id(pointer)])
        except NoFingerprintError as reason:
            return reason

    with ThreadPoolExecutor(min(len(pointers), _QUESTIONS_AT_ONCE), thread_name_prefix="fingerprints") as pool:
        return dict(zip([pointer.key for pointer in pointers], pool.map(ask, pointers), strict=True))
