"""Checking and storing what a solid's function returns or yields."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from typing import Any

from core.config import unknown_name
from core.definitions.input_output import OutputDefinition
from core.errors import (
    DagsterExecutionHandleOutputError,
    DagsterInvariantViolationError,
    DagsterStepOutputNotFoundError,
    DagsterTypeCheckDidNotPass,
    user_code_error_boundary,
)
from core.events.metadata import EventMetadataEntry
from core.events.payloads import (
    EventSpecificData,
    HandledOutputData,
    StepExpectationResultData,
    StepMaterializationData,
    StepOutputData,
    StepOutputHandle,
)
from core.events.records import DagsterEvent
from core.events.user_events import USER_EVENT_TYPES, AssetMaterialization, ExpectationResult, Output, UserEvent
from core.execution.contexts.step import StepContext
from core.values.io_context import OutputContext
from core.values.io_manager import MemoizableIOManager
from core.values.stored_version import stored_version


def as_user_events(step_context: StepContext, given: Any) -> Generator[UserEvent, None, None]:
    """What a solid's function returned or yielded, as events.

    Raises:
        DagsterInvariantViolationError: it yielded something else, or returned one value for several outputs.
    """
    if inspect.isgenerator(given):
        with closing(given):  # also where an output of it could not be stored
            for event in given:
                if not isinstance(event, USER_EVENT_TYPES):
                    raise DagsterInvariantViolationError(
                        f"Solid {step_context.solid_def.name!r} yielded a {type(event).__name__}; a solid yields "
                        "Output, AssetMaterialization or ExpectationResult. Wrap the value: yield Output(value)."
                    )
                yield event
    elif isinstance(given, USER_EVENT_TYPES):
        yield given
    else:
        yield from _returned_value(step_context, given)


def _returned_value(step_context: StepContext, value: Any) -> Iterator[UserEvent]:
    outputs = step_context.solid_def.output_defs
    if len(outputs) == 1:
        yield Output(value, outputs[0].name)
    elif value is not None:
        raise DagsterInvariantViolationError(
            f"Solid {step_context.solid_def.name!r} has {len(outputs)} outputs and returned a value. With more than "
            "one output (or none) a solid yields: yield Output(value, output_name)."
        )


class OutputHandler:
    """Checks and stores the outputs of one step, as they come."""

    def __init__(self, step_context: StepContext, events: list[DagsterEvent]) -> None:
        self._context = step_context
        self._events = events
        self._given: set[StepOutputHandle] = set()

    def handle(self, event: UserEvent) -> None:
        """Takes one event of the solid's function."""
        if isinstance(event, Output):
            self._handle_output(event)
        elif isinstance(event, AssetMaterialization):
            self._record_materialization(event)
        elif isinstance(event, ExpectationResult):
            label = event.label or "an expectation"
            message = f"Expectation {label!r} {'passed' if event.success else 'failed'}."
            self._record("STEP_EXPECTATION_RESULT", message, StepExpectationResultData.of(event))

    def finish(self) -> None:
        """Called when the function has ended.

        Raises:
            DagsterStepOutputNotFoundError: it did not give a required output.
        """
        given = {handle.output_name for handle in self._given}
        for output_def in self._context.step.outputs:
            if output_def.name in given:
                continue
            if not output_def.is_required:
                self._remember_absence(output_def)
            elif output_def.dagster_type.is_nothing:
                self._handle_output(Output(None, output_def.name))
            else:
                step_key = self._context.step.key
                raise DagsterStepOutputNotFoundError(
                    f"Step {step_key!r} did not give its required output {output_def.name!r}. Yield it, or declare "
                    "it with is_required=False.",
                    step_key,
                    output_def.name,
                )

    def _remember_absence(self, output_def: OutputDefinition) -> None:
        """Stores that an optional output was not given, so that later runs know it without executing the step."""
        pipeline_context, handle = self._context.pipeline_context, self._context.step.handle(output_def.name)
        key = output_def.io_manager_key
        io_manager = pipeline_context.resources.io_manager(key)
        # One that is stored already says the same.
        context = pipeline_context.io_contexts.absence(handle, self._context.log, replaces_stored=True)
        if context.version is None or not isinstance(io_manager, MemoizableIOManager):
            return
        with self._storing(handle, key):
            given = io_manager.handle_output(context, False)
            for _ in given if inspect.isgenerator(given) else ():
                pass
            if self._context.attempt.replaces_stored:  # else the earlier value would be found, and not this
                _delete_stored(io_manager, pipeline_context.io_contexts.output(handle, self._context.log))
        address, stamp = io_manager.get_address(context), io_manager.get_stamp(context)
        self._record(
            "HANDLED_OUTPUT",
            f"Stored with {key!r} that output {output_def.name!r} was not given.",
            HandledOutputData(output_def.name, key, context.version, address, (), stamp, is_given=False),
        )

    def _storing(self, handle: StepOutputHandle, io_manager_key: str) -> AbstractContextManager[None]:
        return user_code_error_boundary(
            DagsterExecutionHandleOutputError,
            lambda: (
                f"Storing output {handle.name_in_step!r} of step {handle.step_key!r} with {io_manager_key!r} failed"
            ),
            step_key=handle.step_key,
            output_name=handle.output_name,
        )

    def _handle_output(self, output: Output) -> None:
        handle = self._context.step.handle(output.output_name)
        output_def = self._definition(handle)
        check = output_def.dagster_type.type_check(self._context, output.value)
        version = self._context.pipeline_context.execution_plan.versions.get(handle)
        self._record(
            "STEP_OUTPUT",
            f"Gave output {handle.name_in_step!r}.",
            StepOutputData(handle, check.success, check.description, version, output.metadata_entries),
        )
        if not check.success:
            raise DagsterTypeCheckDidNotPass(
                f"Output {handle.name_in_step!r} of step {handle.step_key!r}: {check.description}.",
                check.metadata_entries,
                output_def.dagster_type,
            )
        self._store(handle, output.value, output_def.io_manager_key, version)

    def _definition(self, handle: StepOutputHandle) -> OutputDefinition:
        solid_def, name = self._context.solid_def, handle.output_name
        if name not in solid_def.output_dict:
            raise DagsterInvariantViolationError(
                f"Solid {solid_def.name!r}: {unknown_name('output', name, solid_def.output_dict)}"
            )
        if handle in self._given:
            raise DagsterInvariantViolationError(
                f"Solid {solid_def.name!r} gave its output {handle.name_in_step!r} twice."
            )
        self._given.add(handle)
        return solid_def.output_dict[name]

    def _store(self, handle: StepOutputHandle, value: Any, key: str, version: str | None) -> None:
        pipeline_context = self._context.pipeline_context
        io_manager = pipeline_context.resources.io_manager(key)
        output_context = pipeline_context.io_contexts.output(
            handle, self._context.log, self._context.attempt.replaces_stored
        )
        entries: list[EventMetadataEntry] = []
        with self._storing(handle, key):
            given = io_manager.handle_output(output_context, value)
            for item in given if inspect.isgenerator(given) else ():
                if isinstance(item, AssetMaterialization):
                    self._record_materialization(item)
                elif isinstance(item, EventMetadataEntry):
                    entries.append(item)
        address = io_manager.get_address(output_context)
        stamp = io_manager.get_stamp(output_context) if isinstance(io_manager, MemoizableIOManager) else None
        self._record(
            "HANDLED_OUTPUT",
            f"Stored output {handle.name_in_step!r} with {key!r}" + (f" at {address}." if address else "."),
            HandledOutputData(
                handle.output_name, key, version, address, tuple(entries), stamp, mapping_key=handle.mapping_key
            ),
        )

    def _record_materialization(self, materialization: AssetMaterialization) -> None:
        message = materialization.description or f"Made {'/'.join(materialization.asset_key.path)}."
        self._record("ASSET_MATERIALIZATION", message, StepMaterializationData.of(materialization))

    def _record(self, event_type: str, message: str, data: EventSpecificData) -> None:
        self._events.append(self._context.record(event_type, message, data))


def _delete_stored(io_manager: MemoizableIOManager, context: OutputContext) -> None:
    names = context.get_versioned_output_identifier()
    stored = stored_version(names, io_manager.get_address(context) or "", 0, datetime.now(UTC))
    if stored is not None:
        io_manager.delete_version(stored)
