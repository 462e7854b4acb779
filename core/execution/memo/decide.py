"""Asking the IO managers which outputs of a memoized run are stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec

from core.errors import (
    DagsterInvalidSubsetError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterResourceFunctionError,
    user_code_error_boundary,
)
from core.events.payloads import MemoizedOutput, StepMemoizedData, StepOutputHandle
from core.execution.contexts.io import IOContexts
from core.execution.opening import OpenRun
from core.execution.steps.mapping_keys import stored_keys
from core.plan import ExecutionPlan, Versioning, without_memoized
from core.plan.refresh import missing_refreshed
from core.storage.event_log.base import StepOutputAddress, StepOutputKey
from core.values.io_context import OutputContext
from core.values.io_manager import MemoizableIOManager

Stored = dict[StepOutputHandle, MemoizedOutput]
Origins = dict[StepOutputHandle, StepOutputAddress]


class Decided(msgspec.Struct, frozen=True, eq=False):
    """What a memoized run is going to do.

    Attributes:
        plan: without the steps whose outputs are stored.
        whole: with them.
    """

    plan: ExecutionPlan
    whole: ExecutionPlan


def decide(run: OpenRun, plan: ExecutionPlan, versioning: Versioning) -> Decided:
    """A plan with versions, without the steps whose outputs are stored.

    Each IO manager is asked for all its outputs at once. An output whose IO manager is not memoizable counts as not
    stored. Of an optional output it may be stored that the solid did not give it. Where the mapping keys of a dynamic
    output are stored, its values and the steps for them are asked for next. What the run needs is verified: its
    results, and what its steps will load. A warning names each value that this instance knows and that is gone.

    Raises:
        DagsterInvalidSubsetError: a step is to be refreshed for a value that a dynamic output does not have.
        DagsterResourceFunctionError: an IO manager could not say what it has stored.
    """
    questions: list[_Question] = []
    asked: set[StepOutputHandle] = set()
    while True:
        new = _questions(run, plan, asked)
        for question in new:
            question.ask()
        questions += new
        keys = {source: found for question in new for source, found in question.mapping_keys().items()}
        if not keys:
            break
        plan = versioning.expand(plan, keys).plan
        if missing := list(missing_refreshed(plan, keys)):
            raise DagsterInvalidSubsetError(" ".join(missing))
    while True:
        stored = {handle: found for question in questions for handle, found in question.stored.items()}
        decided = without_memoized(plan, stored)
        needed = _needed(decided)
        if not [question for question in questions if question.verify(needed)]:
            break
    lost = {step_key: address for question in questions for step_key, address in question.lost()}
    memoized = _with_stamps(decided.memoized, questions)
    return Decided(msgspec.structs.replace(decided, memoized=memoized, lost=lost, is_memoized=True), plan)


def _questions(run: OpenRun, plan: ExecutionPlan, asked: set[StepOutputHandle]) -> list[_Question]:
    """The questions for what was not asked for yet, which is then noted as asked for."""
    handles: dict[str, list[StepOutputHandle]] = {}
    for step in plan.steps_to_execute:
        for handle in plan.handles(step) if step.key not in plan.refreshed else ():
            if handle not in asked and plan.version(handle) is not None:
                asked.add(handle)
                handles.setdefault(plan.output_def(handle).io_manager_key, []).append(handle)
    return [
        _Question(run, plan, key, manager, of_manager)
        for key, of_manager in handles.items()
        if isinstance(manager := run.resources.io_manager(key), MemoizableIOManager)
    ]


def _needed(plan: ExecutionPlan) -> set[StepOutputHandle]:
    """Outputs of memoized steps that the executed steps will load, or that are results of the run."""
    loaded = {handle for step in plan.steps_to_execute for handle in step.upstream_handles}
    taken = loaded | {handle for key in plan.memoized for handle in plan.steps[key].upstream_handles}
    outputs = {handle for key in plan.memoized for handle in plan.handles(plan.steps[key])}
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
            handle: contexts.absence(handle)
            for handle in handles
            if not (plan.output_def(handle).is_required or plan.output_def(handle).is_dynamic)
        }
        self._wholes = [each for each in handles if each.mapping_key is None and plan.output_def(each).is_dynamic]
        self._results = {handle: contexts.result(handle) for handle in self._wholes}
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

    def mapping_keys(self) -> dict[StepOutputHandle, list[str]]:
        """The keys of the values of each dynamic output of which they were found; a list that cannot be loaded is not
        there.
        """
        found: dict[StepOutputHandle, list[str]] = {}
        for handle in (each for each in self._wholes if each in self._contexts):
            try:
                with self._boundary():
                    found[handle] = stored_keys(self._manager.load_input(self._results[handle]))
            except (DagsterObjectNotFoundError, DagsterObjectCorruptError):
                del self._contexts[handle]
                self._damaged.add(handle)
        return found

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
    versions: dict[StepOutputKey, str] = {(name, handle): plan.version(handle) or "" for handle in handles}
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
