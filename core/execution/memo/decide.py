"""Asking the IO managers which outputs of a memoized run are stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec

from core.errors import DagsterResourceFunctionError, user_code_error_boundary
from core.events.payloads import MemoizedOutput, StepMemoizedData, StepOutputHandle
from core.execution.contexts.io import IOContexts
from core.execution.opening import OpenRun
from core.plan import ExecutionPlan, without_memoized
from core.storage.event_log.base import StepOutputAddress, StepOutputKey
from core.values.io_context import OutputContext
from core.values.io_manager import MemoizableIOManager

Stored = dict[StepOutputHandle, MemoizedOutput]
Origins = dict[StepOutputHandle, StepOutputAddress]


def decide(run: OpenRun, plan: ExecutionPlan) -> ExecutionPlan:
    """A plan with versions, without the steps whose outputs are stored.

    Each IO manager is asked for all its outputs at once. An output whose IO manager is not memoizable counts as not
    stored. Of an optional output it may be stored that the solid did not give it. What the run needs is verified: its
    results, and what its steps will load. A warning names each value that this instance knows and that is gone.
    """
    asked: dict[str, list[StepOutputHandle]] = {}
    for step in plan.steps_to_execute:
        for output in step.outputs if step.key not in plan.refreshed else ():
            handle = step.handle(output.name)
            if plan.versions[handle] is not None:
                asked.setdefault(output.io_manager_key, []).append(handle)
    questions = [
        _Question(run, plan, key, manager, handles)
        for key, handles in asked.items()
        if isinstance(manager := run.resources.io_manager(key), MemoizableIOManager)
    ]
    for question in questions:
        question.ask()
    while True:
        stored = {handle: found for question in questions for handle, found in question.stored.items()}
        decided = without_memoized(plan, stored)
        needed = _needed(decided)
        if not [question for question in questions if question.verify(needed)]:
            break
    lost = {step_key: address for question in questions for step_key, address in question.lost()}
    memoized = _with_stamps(decided.memoized, questions)
    return msgspec.structs.replace(decided, memoized=memoized, lost=lost, is_memoized=True)


def _needed(plan: ExecutionPlan) -> set[StepOutputHandle]:
    """Outputs of memoized steps that the executed steps will load, or that are results of the run."""
    loaded = {handle for step in plan.steps_to_execute for handle in step.upstream_handles}
    taken = loaded | {handle for key in plan.memoized for handle in plan.steps[key].upstream_handles}
    outputs = {plan.steps[key].handle(output.name) for key in plan.memoized for output in plan.steps[key].outputs}
    return (outputs & loaded) | (outputs - taken)


def _with_stamps(
    memoized: Mapping[str, StepMemoizedData], questions: Sequence[_Question]
) -> dict[str, StepMemoizedData]:
    """With the address and the stamp of each value that was found, where they are known."""
    found = {handle: each for question in questions for handle, each in question.found().items()}
    return {
        key: StepMemoizedData(tuple(found[output.handle(key)] for output in data.outputs))
        for key, data in memoized.items()
    }


class _Question:
    """The questions to one IO manager, and its answers."""

    def __init__(
        self,
        run: OpenRun,
        plan: ExecutionPlan,
        key: str,
        manager: MemoizableIOManager,
        handles: Sequence[StepOutputHandle],
    ) -> None:
        contexts = IOContexts(run, plan)
        self._run = run
        self._key = key
        self._manager = manager
        self._values = {handle: contexts.output(handle) for handle in handles}
        self._absences = {
            handle: contexts.absence(handle) for handle in handles if not plan.output_def(handle).is_required
        }
        self._origins = _origins(run, plan, handles)
        self._contexts: dict[StepOutputHandle, OutputContext] = {}  # of what was found
        self._unverified: set[StepOutputHandle] = set()
        self._damaged: set[StepOutputHandle] = set()

    def ask(self) -> None:
        """Looks for all of them."""
        asked = [*self._values.items(), *self._absences.items()]
        contexts = [context for _, context in asked]
        with self._boundary():
            _tell_stamps(self._run, self._manager, contexts)
            answers = self._manager.find_outputs(contexts)
        for (handle, context), answer in zip(asked, answers, strict=True):
            if answer is not False and handle not in self._contexts:
                self._contexts[handle] = context
                self._unverified |= {handle} if answer is None else set()

    def verify(self, handles: Collection[StepOutputHandle]) -> bool:
        """Verifies those of `handles` that were found and are not verified yet; returns whether any is damaged."""
        wanted = [handle for handle in self._contexts if handle in self._unverified and handle in handles]
        if not wanted:
            return False
        with self._boundary():
            answers = self._manager.has_outputs([self._contexts[handle] for handle in wanted])
        self._unverified -= set(wanted)
        missing = [handle for handle, is_whole in zip(wanted, answers, strict=True) if not is_whole]
        for handle in missing:
            del self._contexts[handle]
        self._damaged.update(missing)
        return bool(missing)

    @property
    def stored(self) -> Stored:
        """Stored: what was found, except for values that turned out to be damaged."""
        return {
            handle: MemoizedOutput(
                handle.output_name,
                context.version or "",
                is_given=context is self._values[handle],
                mapping_key=handle.mapping_key,
            )
            for handle, context in self._contexts.items()
        }

    def found(self) -> Stored:
        """The same as `stored`, with all that is known of each value."""
        return {
            handle: _found(self._manager, context, self._origins.get(handle), context is self._values[handle])
            for handle, context in self._contexts.items()
        }

    def lost(self) -> Iterator[tuple[str, str]]:
        """Step key and address of each value that is gone or damaged; logs a warning where this instance knew it."""
        for handle in (each for each in self._values if each not in self._contexts):
            address = self._manager.get_address(self._values[handle])
            origin = self._origins.get(handle)
            if origin is not None and origin.address == address:
                self._run.log.warning(
                    f"Output {handle.name_in_step!r} of step {handle.step_key!r}: the value that run {origin.run_id} "
                    f"stored at {address} is gone or was replaced by another. It is computed again if it is needed."
                )
                yield handle.step_key, address
            elif handle in self._damaged and address is not None:
                yield handle.step_key, address

    def _boundary(self) -> AbstractContextManager[None]:
        message = f"IO manager {self._key!r} could not say what it has stored"
        return user_code_error_boundary(DagsterResourceFunctionError, message)


def _origins(run: OpenRun, plan: ExecutionPlan, handles: Iterable[StepOutputHandle]) -> Origins:
    """Where each output was stored last, and by which run, if this instance knows it."""
    name = run.prepared.pipeline.name
    versions: dict[StepOutputKey, str] = {(name, handle): plan.versions[handle] or "" for handle in handles}
    found = run.instance.event_log_storage.get_step_output_addresses(versions)
    return {handle: address for (_, handle), address in found.items()}


def _tell_stamps(run: OpenRun, manager: MemoizableIOManager, contexts: Iterable[OutputContext]) -> None:
    addresses = {address: context for context in contexts if (address := manager.get_address(context)) is not None}
    stamps = run.instance.event_log_storage.get_value_stamps(addresses)
    for address, stamp in stamps.items():
        addresses[address].stamp = stamp


def _found(
    manager: MemoizableIOManager, context: OutputContext, origin: StepOutputAddress | None, is_given: bool
) -> MemoizedOutput:
    return MemoizedOutput(
        context.name,
        context.version or "",
        manager.get_address(context),
        origin.run_id if origin is not None and is_given else None,
        manager.get_stamp(context),
        is_given,
        context.mapping_key,
    )
