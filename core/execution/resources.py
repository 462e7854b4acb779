"""Which resources a step needs; how they are started is in `core.definitions.starting`."""

from __future__ import annotations

from core.definitions.given_resources import Resources
from core.definitions.starting import RunResources
from core.plan import ExecutionPlan, ExecutionStep


def keys_of(plan: ExecutionPlan, step: ExecutionStep) -> set[str]:
    """Keys of the resources that a step needs: of its solid, types, hooks and IO managers."""
    keys = {*step.versioned_resource_keys, *step.type_resource_keys}
    keys.update(*(hook.required_resource_keys for hook in step.hooks))
    keys |= {output.io_manager_key for output in step.outputs}
    return keys | {plan.output_def(handle).io_manager_key for handle in step.upstream_handles}


__all__ = ["Resources", "RunResources", "keys_of"]
