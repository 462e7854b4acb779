"""Door to the contexts of solids, by the name that pipelines import them from."""

from core.definitions.calls.compute_context import AbstractComputeExecutionContext
from core.execution.contexts.solid import SolidExecutionContext

__all__ = ["AbstractComputeExecutionContext", "SolidExecutionContext"]
