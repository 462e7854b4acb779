"""Checking and storing the outputs that a solid's function gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.config import own_plain_copy, unknown_name
from core.definitions.calls.given_events import checked_kind
from core.definitions.parts.input_output import OutputDefinition
from core.definitions.run_configs.type_config import MaterializerConfig
from core.errors import (
    DagsterInvariantViolationError,
    DagsterStepOutputNotFoundError,
    DagsterTypeCheckDidNotPass,
)
from core.events.metadata import EventMetadataEntry
from core.events.payloads import (
    EventSpecificData,
    HandledOutputData,
    StepExpectationResultData,
    StepMaterializationData,
    StepOutputData,
    StepOutputHandle,
    as_recorded,
)
from core.events.records import DagsterEvent
from core.events.user_events import AssetMaterialization, DynamicOutput, ExpectationResult, Output, UserEvent
from core.execution.contexts.solid import TypeContext
from core.execution.contexts.step import StepContext
from core.execution.steps.assets import OutputAsset, output_asset
from core.execution.steps.storing import OutputStore, Storing
from core.types.loaders import materialized


class OutputHandler:
    """Checks the outputs of one attempt at a step as they come, and has them stored.

    Args:
        step_context: the step.
        events: gets what happens: STEP_OUTPUT when a value is given, HANDLED_OUTPUT once it is stored.
        function_has_ended: whether the function has returned already, and its outputs are what it returned.
    """

    def __init__(self, step_context: StepContext, events: list[DagsterEvent], function_has_ended: bool) -> None:
        self._context = step_context
        self._events = events
        self._given: dict[StepOutputHandle, None] = {}  # in order
        self._assets: dict[StepOutputHandle, tuple[OutputAsset, tuple[EventMetadataEntry, ...]]] = {}
        self._store = OutputStore(step_context, self._record_storing, function_has_ended)

    def handle(self, event: UserEvent) -> None:
        """Takes one event of the solid's function."""
        if isinstance(event, Output):
            self._handle_output(event)
        elif isinstance(event, AssetMaterialization):
            self._record_materialization(event)
        elif isinstance(event, ExpectationResult):
            data = as_recorded(StepExpectationResultData.of(event), self._said("an ExpectationResult"))
            label = data.label or "an expectation"
            message = f"Expectation {label!r} {'passed' if data.success else 'failed'}."
            self._record("STEP_EXPECTATION_RESULT", message, data)

    def finish(self) -> None:
        """Called when the function has ended: stores what it gave.

        Raises:
            DagsterStepOutputNotFoundError: it did not give a required output; then nothing of it is found by a later
                run.
        """
        given = {handle.output_name for handle in self._given}
        missing = [
            output_def
            for output_def in self._context.step.outputs
            if output_def.name not in given and not output_def.is_dynamic
        ]
        if missing:
            self._take_missing(missing)
        for output_def in self._context.step.outputs:
            if output_def.is_dynamic:
                self._take_keys(self._context.step.handle(output_def.name))
        self._store.publish()

    def close(self) -> None:
        """Drops what is not stored."""
        self._store.close()

    def _take_keys(self, whole: StepOutputHandle) -> None:
        keys = [handle.mapping_key or "" for handle in self._given if handle.output_name == whole.output_name]
        known = self._context.pipeline_context.execution_plan.mapping_keys.get(whole)
        if known is not None and set(known) != set(keys):
            raise DagsterInvariantViolationError(
                f"Step {whole.step_key!r} gave its dynamic output {whole.output_name!r} with the mapping keys "
                f"{', '.join(keys) or 'none'}; stored under the same version are {', '.join(known) or 'none'}, for "
                "which this run was planned. Run again with the step refreshed."
            )
        self._store.take_keys(whole, keys)

    def _take_missing(self, missing: Sequence[OutputDefinition]) -> None:
        for output_def in missing:
            if output_def.is_required and not output_def.dagster_type.is_nothing:
                raise self._not_given(output_def)
        self._store.function_has_ended = True
        for output_def in missing:
            if output_def.is_required:
                self._handle_output(Output(None, output_def.name))
            else:
                self._store.take_absence(self._context.step.handle(output_def.name))

    def _not_given(self, output_def: OutputDefinition) -> DagsterStepOutputNotFoundError:
        step_key = self._context.step.key
        return DagsterStepOutputNotFoundError(
            f"Step {step_key!r} did not give its required output {output_def.name!r}. Yield it, or declare it with "
            "is_required=False.",
            step_key,
            output_def.name,
        )

    def _handle_output(self, output: Output) -> None:
        mapping_key = output.mapping_key if isinstance(output, DynamicOutput) else None
        handle = self._context.step.handle(output.output_name, mapping_key)
        output_def = self._definition(handle)
        checked_kind(self._context.solid_def.name, output_def, output)
        if self._context.given_values is not None:
            self._context.given_values[handle] = output.value
        check = self._context.check_type(output_def.dagster_type, output.value)
        version = self._context.pipeline_context.execution_plan.version(handle)
        data = StepOutputData(
            handle, check.success, check.description, version, output.metadata_entries, check.metadata_entries
        )
        if output.metadata_entries or check.metadata_entries:
            data = as_recorded(data, self._said(f"output {handle.name_in_step!r} with metadata"))
        self._record("STEP_OUTPUT", f"Gave output {handle.name_in_step!r}.", data)
        if not check.success:
            raise DagsterTypeCheckDidNotPass(
                f"Output {handle.name_in_step!r} of step {handle.step_key!r}: {check.description}.",
                check.metadata_entries,
                output_def.dagster_type,
            )
        asset = output_asset(self._context, output_def, handle)
        if asset is not None:
            self._assets[handle] = asset, tuple(output.metadata_entries)
        self._store.take(handle, output.value)
        for config in self._context.step.solid_config.materializing:
            if config.output_name == handle.output_name:
                self._materialize(config, handle, output.value)

    def _materialize(self, config: MaterializerConfig, handle: StepOutputHandle, value: Any) -> None:
        what = f"output {handle.name_in_step!r} of step {handle.step_key!r}"
        context = TypeContext(self._context, config.materializer.required_resource_keys())
        for made in materialized(config.materializer, context, own_plain_copy(config.value), value, what):
            self._record_materialization(made)

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
        self._given[handle] = None
        return solid_def.output_dict[name]

    def _record_storing(self, storing: Storing) -> None:
        for item in storing.items:
            if isinstance(item, AssetMaterialization):
                self._record_materialization(item)
        if storing.is_stored:
            self._record_asset(storing)
            self._record_stored(storing)

    def _record_asset(self, storing: Storing) -> None:
        """Records that the asset for which a stored output stands was made, or each of its partitions."""
        if storing.handle not in self._assets:
            return
        asset, entries = self._assets[storing.handle]
        entries += tuple(item for item in storing.items if isinstance(item, EventMetadataEntry))
        for partition in asset.partitions or (None,):
            data = StepMaterializationData(asset.path, None, entries, partition, asset_lineage=asset.lineage)
            self._record_made(as_recorded(data, self._said(f"output {storing.handle.name_in_step!r}")))

    def _record_stored(self, storing: Storing) -> None:
        handle, key, address = storing.handle, storing.manager_key, storing.address
        entries = tuple(item for item in storing.items if isinstance(item, EventMetadataEntry))
        if self._context.solid_def.output_dict[handle.output_name].is_dynamic and handle.mapping_key is None:
            message = f"Stored the mapping keys of output {handle.output_name!r} with {key!r}."
        elif storing.is_given:
            message = f"Stored output {handle.name_in_step!r} with {key!r}" + (f" at {address}." if address else ".")
        else:
            message = f"Stored with {key!r} that output {handle.output_name!r} was not given."
        data = HandledOutputData(
            handle.output_name,
            key,
            storing.context.version,
            address,
            entries,
            storing.stamp,
            storing.is_given,
            handle.mapping_key,
            storing.is_early,
        )
        if entries or not isinstance(address, str | None) or not isinstance(storing.stamp, str | None):
            data = as_recorded(data, f"What {key!r} told of output {handle.name_in_step!r}")
        self._record("HANDLED_OUTPUT", message, data)

    def _record_materialization(self, materialization: AssetMaterialization) -> None:
        self._record_made(
            as_recorded(StepMaterializationData.of(materialization), self._said("an AssetMaterialization"))
        )

    def _record_made(self, data: StepMaterializationData) -> None:
        message = data.description or f"Made {'/'.join(data.asset_path)}."
        self._record("ASSET_MATERIALIZATION", message, data)

    def _said(self, what: str) -> str:
        return f"Solid {self._context.solid_def.name!r} gave {what} that"

    def _record(self, event_type: str, message: str, data: EventSpecificData) -> None:
        self._events.append(self._context.record(event_type, message, data))
