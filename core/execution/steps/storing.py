"""Storing the outputs of a step, so that what later runs find was given by a function that ended well."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from core.disk.spool import Spool
from core.errors import DagsterExecutionHandleOutputError, user_code_error_boundary
from core.events.payloads import StepOutputHandle
from core.execution.contexts.step import StepContext
from core.values.io_context import OutputContext
from core.values.io_manager import IOManager, MemoizableIOManager, stages_outputs
from core.values.side_by_side import Call, side_by_side
from core.values.stored_version import stored_version


class Storing:
    """One output on its way to where it is stored, and what came of it.

    Args:
        handle: the output.
        manager_key: the resource key of the IO manager.
        io_manager: it.
        context: what it is told.
        act: stores the output; may return a generator, as `IOManager.handle_output` does.
        is_given: False where what is stored is that the output was not given.
        is_early: whether the solid's function goes on when it is stored.

    Attributes:
        items: what the IO manager yielded.
        is_stored: whether the output is stored by now.
        address: where it is then, if the IO manager says.
        stamp: what tells it from another there, if the IO manager says.
    """

    items: Sequence[Any] = ()
    is_stored = False
    address: str | None = None
    stamp: str | None = None

    def __init__(
        self,
        handle: StepOutputHandle,
        manager_key: str,
        io_manager: IOManager,
        context: OutputContext,
        act: Callable[[], Any],
        is_given: bool = True,
        is_early: bool = False,
    ) -> None:
        self.handle, self.manager_key, self.context = handle, manager_key, context
        self.is_given, self.is_early = is_given, is_early
        self._io_manager, self._act = io_manager, act

    def call(self) -> Call:
        """The call that stores it."""
        return Call(self._io_manager, "handle_output", self.store)

    def store(self) -> None:
        """Stores it.

        Raises:
            DagsterExecutionHandleOutputError: the IO manager raised.
        """
        manager, context = self._io_manager, self.context
        with _boundary(self.handle, self.manager_key):
            given = self._act()
            if inspect.isgenerator(given):
                gathered: list[Any] = []
                self.items = gathered
                gathered.extend(given)  # where it raises, what came before stays
            self.address = manager.get_address(context)
            self.stamp = manager.get_stamp(context) if isinstance(manager, MemoizableIOManager) else None
        self.is_stored = True


class OutputStore:
    """Stores the outputs of one attempt at a step.

    Until the function has ended nothing is stored that another run would find: the IO manager encodes a value as it is
    when it is given, or, where it cannot do that, the value is held. Values without a version, which belong to this run
    alone, are stored at once where the IO manager cannot encode them beforehand.

    Args:
        step_context: the step.
        record: takes each output once it is stored, or has failed to be.

    Attributes:
        function_has_ended: whether the solid's function has ended, and well.
    """

    def __init__(self, step_context: StepContext, record: Callable[[Storing], None], function_has_ended: bool) -> None:
        self._context = step_context
        self._record = record
        self._spool: Spool | None = None
        self._waiting: list[Storing] = []
        self._last: list[Storing] = []  # stored after all that waits
        self.function_has_ended = function_has_ended

    def take(self, handle: StepOutputHandle, value: Any) -> None:
        """Takes a value that the function gave.

        Raises:
            DagsterExecutionHandleOutputError: the IO manager raised.
        """
        run, attempt = self._context.pipeline_context, self._context.attempt
        run.check_claim()
        key = run.execution_plan.output_def(handle).io_manager_key
        io_manager = run.resources.io_manager(key)
        context = run.io_contexts.output(handle, self._context.log, attempt.replaces_stored)
        act: Callable[[], object] = partial(io_manager.handle_output, context, value)
        waits = True
        if not self.function_has_ended:
            staged = self._stage(handle, key, io_manager, context, value)
            waits = staged is not None or (context.version is not None and isinstance(io_manager, MemoizableIOManager))
            act = staged or act
        storing = Storing(handle, key, io_manager, context, act, is_early=not waits)
        if waits:
            self._waiting.append(storing)
        else:
            self._store(storing)

    def _stage(
        self, handle: StepOutputHandle, key: str, io_manager: IOManager, context: OutputContext, value: Any
    ) -> Callable[[], object] | None:
        if not stages_outputs(io_manager):
            return None
        self._spool = self._spool or Spool()
        with _boundary(handle, key):
            return io_manager.stage_output(context, value, self._spool)

    def take_absence(self, handle: StepOutputHandle) -> None:
        """Takes that an optional output was not given, so that later runs know it without executing the step."""
        run, log = self._context.pipeline_context, self._context.log
        key = run.execution_plan.output_def(handle).io_manager_key
        io_manager = run.resources.io_manager(key)
        context = run.io_contexts.absence(handle, log, replaces_stored=True)  # one that is stored says the same
        if context.version is None or not isinstance(io_manager, MemoizableIOManager):
            return
        # Where values give way, the earlier one would be found, and not this.
        replaced = run.io_contexts.output(handle, log) if self._context.attempt.replaces_stored else None
        act = partial(_store_absence, io_manager, context, replaced)
        self._waiting.append(Storing(handle, key, io_manager, context, act, is_given=False))

    def take_keys(self, handle: StepOutputHandle, mapping_keys: Sequence[str]) -> None:
        """Takes the mapping keys of a dynamic output, of which all values were taken. Stored after them, they say to
        later runs that all are there.
        """
        run, attempt = self._context.pipeline_context, self._context.attempt
        key = run.execution_plan.output_def(handle).io_manager_key
        io_manager = run.resources.io_manager(key)
        context = run.io_contexts.output(handle, self._context.log, attempt.replaces_stored)
        if context.version is not None and isinstance(io_manager, MemoizableIOManager):
            act = partial(io_manager.handle_output, context, list(mapping_keys))
            self._last.append(Storing(handle, key, io_manager, context, act))

    def publish(self) -> None:
        """Stores all that was taken and is not stored yet: side by side where IO managers allow it, told of in order.

        Raises:
            DagsterExecutionHandleOutputError: an IO manager raised; of several errors, that of the first output.
        """
        self._context.pipeline_context.check_claim()
        self._publish_waiting()
        last, self._last = self._last, []
        for each in last:
            self._store(each)

    def _publish_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            self._store(waiting[0])
            return
        told = 0
        try:
            with side_by_side([each.call() for each in waiting]) as stores:
                for each, store in zip(waiting, stores, strict=True):
                    store()
                    told += 1
                    self._record(each)
        finally:
            for each in waiting[told:]:  # where one failed, others may be stored already
                self._record(each)

    def _store(self, storing: Storing) -> None:
        try:
            storing.store()
        finally:
            self._record(storing)

    def close(self) -> None:
        """Drops what is not stored."""
        self._waiting.clear()
        self._last.clear()
        if self._spool is not None:
            self._spool.close()


def _boundary(handle: StepOutputHandle, manager_key: str) -> AbstractContextManager[None]:
    return user_code_error_boundary(
        DagsterExecutionHandleOutputError,
        lambda: f"Storing output {handle.name_in_step!r} of step {handle.step_key!r} with {manager_key!r} failed",
        step_key=handle.step_key,
        output_name=handle.output_name,
    )


def _store_absence(io_manager: MemoizableIOManager, context: OutputContext, replaced: OutputContext | None) -> None:
    given = io_manager.handle_output(context, False)
    for _ in given if inspect.isgenerator(given) else ():
        pass
    if replaced is not None and io_manager.has_output(replaced):
        names, address = replaced.get_versioned_output_identifier(), io_manager.get_address(replaced) or ""
        stored = stored_version(names, address, 0, datetime.now(UTC))
        if stored is not None:
            io_manager.delete_version(stored)
