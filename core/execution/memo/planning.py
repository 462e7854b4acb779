"""The final plan of a run: with the versions of all outputs, and without the steps that need not be executed."""

from __future__ import annotations

import msgspec

from core.events.payloads import PlanVersionedData
from core.execution.memo.decide import decide
from core.execution.memo.fingerprints import fingerprints_of
from core.execution.opening import OpenRun
from core.plan import ExecutionPlan, Versioning


class FinalPlan(msgspec.Struct, frozen=True, eq=False):
    """The plan of a run, with nothing left to be found out before it begins.

    Attributes:
        plan: it.
        versioning: what works out the versions of steps whose mapping keys become known while it runs.
        versioned: what its versions are made of; None where the run is not memoized.
    """

    plan: ExecutionPlan
    versioning: Versioning
    versioned: PlanVersionedData | None = None


def final_plan(run: OpenRun) -> FinalPlan:
    """Finds out what the prepared plan lacks: what config points at outside and, in a memoized run, what is stored.

    Raises:
        DagsterInvalidSubsetError: a step is to be refreshed for a value that a dynamic output does not have.
        DagsterResourceFunctionError: an IO manager, or what gives a fingerprint, could not be started or could not say.
    """
    prepared = run.prepared
    versioning = prepared.versioning.with_fingerprints(fingerprints_of(prepared.plan, run.resources))
    plan = versioning.versioned_plan()
    if not prepared.is_memoized:
        return FinalPlan(plan, versioning)
    decided = decide(run, plan, versioning)
    versioning.take_news()
    described = versioning.described(decided.whole)
    return FinalPlan(decided.plan, versioning, msgspec.structs.replace(described, lost=dict(decided.plan.lost)))
