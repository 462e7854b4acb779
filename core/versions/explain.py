"""Why each step of a memoized run was executed or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from core.cached import cached_property
from core.events.payloads import MemoizedOutput, PlanVersionedData, StepMemoizedData, StepOutputHandle, VersionedStep
from core.versions.differences import all_facts, differences, inputs_from_outputs

Outcome = Literal[
    "hit",  # its outputs were found, or no step needs them
    "executed",
    "refreshed",  # executed because of --refresh
    "failed",
    "begun",  # it has not ended, or its process was killed
    "skipped",  # an optional output that feeds it was not given
    "not executed",
    "would run",
    "would be skipped",
]

NEVER_BEFORE = "no earlier memoized run of this pipeline has a value of this step"

_SHORT = 8  # characters of a version or run id: enough to tell them apart, and commands accept a prefix
_VERSION_DIGITS = 64
_LONG = re.compile(rf"\b(?:[0-9a-f]{{{_VERSION_DIGITS}}}|[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})\b")
_MAX_LISTED = 3
_RAN: frozenset[Outcome] = frozenset({"executed", "refreshed", "failed", "begun", "would run"})


class Explanation(msgspec.Struct, frozen=True):
    """Why a step was executed or not.

    Attributes:
        step_key: the step.
        outcome: what happened to it.
        reasons: one phrase each.
        compared_with: id of the earlier run that the reasons compare with; None if they compare with none.
        addresses: of values, where the reasons name them.
    """

    step_key: str
    outcome: Outcome
    reasons: tuple[str, ...]
    compared_with: str | None = None
    addresses: tuple[str, ...] = ()

    def in_short(self) -> Explanation:
        """The same for people: 8 digits of each version and run id, and no addresses."""
        reasons = tuple(_in_short(each, self.addresses) for each in self.reasons)
        return Explanation(self.step_key, self.outcome, reasons, self.compared_with)


def _in_short(reason: str, addresses: tuple[str, ...]) -> str:
    for address in addresses:
        for form in (f" or at {address}", f" at {address}", f" ({address})"):
            reason = reason.replace(form, "")
    return _LONG.sub(lambda found: found[0][:_SHORT] + ("…" if len(found[0]) == _VERSION_DIGITS else ""), reason)


class MemoizedRun:
    """A memoized run, or one that is only planned.

    Args:
        run_id: its id; None if it is only planned.
        data: what its versions were made of.
        outcomes: step key -> what happened to the step; steps that are missing here were not executed.
        found: step key -> the outputs that were found, for steps that were not executed.
        stored: output -> address, for outputs that the run itself stored.
        is_ended: whether the run has ended.
    """

    def __init__(
        self,
        run_id: str | None,
        data: PlanVersionedData,
        outcomes: Mapping[str, Outcome],
        found: Mapping[str, StepMemoizedData] | None = None,
        stored: Mapping[StepOutputHandle, str | None] | None = None,
        is_ended: bool = True,
    ) -> None:
        self.run_id = run_id
        self.data = data
        self.steps: dict[str, VersionedStep] = {step.step_key: step for step in data.steps}
        self.outcomes = outcomes
        self.found = found or {}
        self.is_ended = is_ended
        self._addresses: dict[str, dict[StepOutputHandle, str | None]] = {}
        of_found = {output.handle(key): output.address for key, data in self.found.items() for output in data.outputs}
        for handle, address in {**of_found, **(stored or {})}.items():
            self._addresses.setdefault(handle.step_key, {})[handle] = address
        self._refreshed = frozenset(data.refreshed)

    def outcome(self, step_key: str) -> Outcome:
        """What happened to a step."""
        return self.outcomes.get(step_key, "not executed")

    def is_to_be_compared(self, step_key: str) -> bool:
        """Whether a comparison with an earlier run of the step says why it was executed."""
        step = self.steps[step_key]
        is_explained_here = any(step_key in each for each in (self.found, self.data.lost, self._refreshed))
        is_explained_here = is_explained_here or bool(step.materialized)
        return self.outcome(step_key) in _RAN and bool(step.outputs) and not (step.unversioned or is_explained_here)

    def refreshed(self, step_keys: Iterable[str]) -> list[str]:
        """Those of the steps that --refresh applies to."""
        return [key for key in step_keys if key in self._refreshed]

    def addresses(self, step_key: str) -> Mapping[StepOutputHandle, str | None]:
        """output -> address, for the outputs of the step that the run found or stored."""
        return self._addresses.get(step_key, {})

    def takers(self, step_key: str) -> list[str]:
        """Keys of the executed steps that the step's outputs feed."""
        return [taker for taker in self._takers.get(step_key, ()) if self.outcome(taker) in _RAN]

    @cached_property
    def _takers(self) -> dict[str, list[str]]:
        takers: dict[str, list[str]] = {}
        for step in self.data.steps:
            for source in _upstream_steps(step):
                takers.setdefault(source, []).append(step.step_key)
        return takers


def explain_step(step_key: str, now: MemoizedRun, before: MemoizedRun | None = None) -> Explanation:
    """Why a step was executed or not.

    Args:
        step_key: a step of the run.
        now: the run.
        before: the earlier run to compare with if the step `is_to_be_compared`; None if there is none.
    """
    outcome = now.outcome(step_key)
    if not now.is_to_be_compared(step_key):
        before, reasons = None, _uncompared(step_key, outcome, now)
    else:
        reasons = [NEVER_BEFORE] if before is None else _compared(step_key, now, before)
    known = [now.data.lost.get(step_key), *now.addresses(step_key).values()]
    known += before.addresses(step_key).values() if before is not None else ()
    named = [each for each in dict.fromkeys(known) if each and any(each in reason for reason in reasons)]
    return Explanation(step_key, outcome, tuple(reasons), before.run_id if before else None, tuple(named))


def _uncompared(step_key: str, outcome: Outcome, now: MemoizedRun) -> list[str]:
    step = now.steps[step_key]
    if outcome == "hit":
        return _hits(step_key, now.found[step_key], len(step.outputs) > 1)
    if outcome in ("skipped", "would be skipped"):
        return ["an optional output that feeds it was not given"]
    if outcome == "not executed":
        return [_why_not(step, now)]
    if now.refreshed([step_key]):
        feeding = now.refreshed(_upstream_steps(step))
        return [f"fed by {_listed(feeding)}, which is refreshed" if feeding else "asked for by --refresh"]
    if step.unversioned or not step.outputs:
        return [step.unversioned or "it has no outputs, so there is nothing to store"]
    if step.materialized:
        return [f"the run config has its output {_listed(step.materialized)} materialized, which executing it does"]
    if step_key in now.data.lost:
        return [f"its value at {now.data.lost[step_key]} is gone or damaged{_needed(step_key, now)}"]
    return [_found_and_lost(step_key, now)]


def _found_and_lost(step_key: str, now: MemoizedRun) -> str:
    """For a step whose outputs were found, but that was executed anyway."""
    addresses = [each.address for each in now.found[step_key].outputs if each.address]
    needed = _needed(step_key, now)
    if not addresses:
        return f"a needed output was not stored{needed}"
    return f"its value at {' or at '.join(addresses)} was found, but was gone or damaged when it was loaded{needed}"


def _hits(step_key: str, found: StepMemoizedData, is_one_of_many: bool) -> list[str]:
    def is_named(output: MemoizedOutput) -> bool:
        return is_one_of_many or not output.is_given or output.mapping_key is not None

    return [
        (f"output `{each.handle(step_key).name_in_step}`: " if is_named(each) else "")
        + ("value" if each.is_given else "record that it was not given,")
        + f" of version {each.version}"
        + (f" made by run {each.run_id}" if each.run_id else "")
        + (f" at {each.address}" if each.address else "")
        for each in found.outputs
    ] or ["no step needs its outputs"]


def _why_not(step: VersionedStep, now: MemoizedRun) -> str:
    missing = [key for key in _upstream_steps(step) if now.outcome(key) in ("failed", "not executed")]
    blocking = [key for key in missing if key in now.steps]
    if blocking:
        return f"steps that feed it failed or were not executed: {_listed(blocking)}"
    return "the run ended before reaching it" if now.is_ended else "the run has not reached it yet"


def _compared(step_key: str, now: MemoizedRun, before: MemoizedRun) -> list[str]:
    step, earlier = now.steps[step_key], before.steps[step_key]
    if earlier.unversioned:
        return [f"it had no version then: {earlier.unversioned}"]
    if step.outputs == earlier.outputs:
        return [_why_not_found(step_key, now, before)]
    found = differences(all_facts(before.data, earlier), all_facts(now.data, step))
    return found or ["its version changed because of something that is not recorded, such as a secret"]


def _why_not_found(step_key: str, now: MemoizedRun, before: MemoizedRun) -> str:
    """Why a step was executed although its outputs have the same versions as when they were found or stored."""
    then, here = before.addresses(step_key), now.addresses(step_key)
    needed = _needed(step_key, now)
    addresses = {handle: address for handle, address in then.items() if address}
    for handle, address in addresses.items():
        if here.get(handle) not in (None, address):
            return f"this run keeps its value in another place ({here[handle]}) than before ({address}){needed}"
    stored = {handle.output_name for handle in addresses}
    missing = [output for output in now.steps[step_key].outputs if output not in stored]
    if not addresses:
        return f"a needed output was not stored{needed}"
    gone = f"its value at {' or at '.join(addresses.values())} is gone or damaged"
    if missing:
        return f"its output {_listed(missing)} was not stored, or {gone}{needed}"
    return f"{gone}{needed}"


def _needed(step_key: str, now: MemoizedRun) -> str:
    takers = now.takers(step_key)
    return f", and {_listed(takers)} {'needs' if len(takers) == 1 else 'need'} it" if takers else ""


def _upstream_steps(step: VersionedStep) -> list[str]:
    outputs = (output for each in inputs_from_outputs(step.facts) for output in each)
    return list(dict.fromkeys(output.rpartition(".")[0] for output in outputs))


def _listed(keys: Sequence[str]) -> str:
    shown = [f"`{key}`" for key in keys[:_MAX_LISTED]]
    more = [f"{len(keys) - len(shown)} more"] if len(keys) > len(shown) else []
    *first, last = [*shown, *more]
    return f"{', '.join(first)} and {last}" if first else last
