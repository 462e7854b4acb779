"""What a run is going to do: its steps, their versions, and which of them are to be executed."""

from core.plan.expand import Expanded, expanded
from core.plan.memoize import without_memoized
from core.plan.plan import ExecutionPlan, build_plan
from core.plan.steps import ExecutionStep, StepInput
from core.plan.versions import Versioning

__all__ = [
    "ExecutionPlan",
    "ExecutionStep",
    "Expanded",
    "StepInput",
    "Versioning",
    "build_plan",
    "expanded",
    "without_memoized",
]
