"""What the process of a run and those of its steps tell each other."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from core.events.payloads import StepOutputHandle
from core.execution.ancestors import Ancestors
from core.execution.steps.result import StepEnd
from core.instance.ref import InstanceRef
from core.plan import ExecutionPlan
from core.plan.plan import KnownKeys
from core.plan.progress import Attempt
from core.records.origin import PipelinePythonOrigin
from core.records.pipeline_run import PipelineRun
from core.serdes import SerializableErrorInfo
from core.usage import Usage


class Known(msgspec.Struct, frozen=True):
    """What is known of a run's plan besides what its run config says; each time only what is new.

    Attributes:
        keys: of dynamic outputs, the mapping keys of their values.
        versions: of outputs that have one.
        left_out: the steps that the run neither executes nor finds; None for those that were so before.
    """

    keys: KnownKeys = {}
    versions: Mapping[StepOutputHandle, str] = {}
    left_out: frozenset[str] | None = None

    def and_then(self, later: Known) -> Known:
        """Both together."""
        left_out = self.left_out if later.left_out is None else later.left_out
        return Known({**self.keys, **later.keys}, {**self.versions, **later.versions}, left_out)

    def beyond(self, earlier: Known) -> Known:
        """What this knows and an earlier one did not."""
        keys = {source: keys for source, keys in self.keys.items() if source not in earlier.keys}
        versions = {
            handle: version for handle, version in self.versions.items() if earlier.versions.get(handle) != version
        }
        return Known(keys, versions, self.left_out)

    def of_more(self, plan: ExecutionPlan) -> Known:
        """What is known of a plan by now, besides this. (Its versions are a mapping that grows with each such plan.)"""
        return Known(
            {source: keys for source, keys in plan.mapping_keys.items() if source not in self.keys},
            {
                handle: version
                for handle, version in plan.versions.items()
                if version is not None and self.versions.get(handle) != version
            },
            frozenset(plan.steps.keys() - plan.memoized.keys() - {*plan.step_keys_to_execute}),
        )


class RunJob(msgspec.Struct, frozen=True):
    """A run of which another process is to execute steps.

    Attributes:
        origin: where its pipeline is.
        run: its record, with the whole run config; it is not stored with what is secret there.
        instance: the instance that it is recorded in.
        ancestors: the earlier runs that it takes values from.
        is_memoized: whether values that are stored stand for their steps.
        may_retry: whether a step is run again when it asks for that, or its policy says so.
        known: what is known of its plan.
    """

    origin: PipelinePythonOrigin
    run: PipelineRun
    instance: InstanceRef
    ancestors: Ancestors
    is_memoized: bool
    may_retry: bool
    known: Known


class StepJob(msgspec.Struct, frozen=True):
    """An attempt at a step.

    Attributes:
        attempt: the attempt.
        is_captured: whether its output is kept.
        known: what has become known of the plan since the job before.
        stamps: what tells the values that the step takes from others at their places, as far as it is known.
    """

    attempt: Attempt
    is_captured: bool
    known: Known = Known()
    stamps: Mapping[StepOutputHandle, str] = {}


class ToldError(msgspec.Struct, frozen=True):
    """An error of another process.

    Attributes:
        info: what is recorded of it.
        pickled: the exception; None where it would not be the same in another process.
    """

    info: SerializableErrorInfo
    pickled: bytes | None = None


class StepOutcome(msgspec.Struct, frozen=True):
    """How an attempt at a step went in another process.

    Attributes:
        end: how it ended.
        usage: what it asked of remote storage.
        error: what failed it.
        breaks_off: whether that ends the run, and not just the step: `sys.exit`, an interrupt, or what was raised
            outside of the step, as by a logger.
        log_warnings: what went wrong with its logs.
        resource_error: what a resource raised when it was stopped.
    """

    end: StepEnd
    usage: Usage = Usage()
    error: ToldError | None = None
    breaks_off: bool = False
    log_warnings: tuple[str, ...] = ()
    resource_error: ToldError | None = None
