"""What the index across runs holds of a log's entries: stored outputs, which runs used values, and assets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from core.events.payloads import HandledOutputData, StepMaterializationData, StepMemoizedData, StepOutputHandle
from core.events.records import EventLogEntry
from core.events.user_events import AssetKey


class StoredOutput(msgspec.Struct, frozen=True):
    """A version of a step's output was stored at an address."""

    pipeline_name: str
    handle: StepOutputHandle
    version: str
    address: str
    run_id: str


class AssetEvent(msgspec.Struct, frozen=True):
    """An asset was materialized."""

    asset_key: AssetKey
    partition: str | None
    entry: EventLogEntry


class IndexEntries(msgspec.Struct, frozen=True):
    """What is added to the index.

    Attributes:
        outputs: those that were stored, in order.
        uses: (address, run id) for each value that a run stored or found, without duplicates.
        stamps: address -> the last stamp by which its IO manager tells the value there from others.
        assets: those that were materialized, in order.
    """

    outputs: Sequence[StoredOutput]
    uses: Sequence[tuple[str, str]]
    stamps: Mapping[str, str]
    assets: Sequence[AssetEvent]

    @property
    def is_empty(self) -> bool:
        """bool: whether there is nothing to add."""
        return not (self.outputs or self.uses or self.assets)


def entries_from_log(entries: Iterable[EventLogEntry]) -> IndexEntries:
    """The index entries that follow from entries of logs."""
    outputs: list[StoredOutput] = []
    uses: dict[tuple[str, str], None] = {}
    stamps: dict[str, str] = {}
    assets: list[AssetEvent] = []
    for entry in entries:
        event = entry.dagster_event
        data = event.event_specific_data if event is not None else None
        if isinstance(data, HandledOutputData) and event is not None and event.step_key is not None:
            if data.version is not None and data.address is not None:
                handle, name = data.handle(event.step_key), entry.pipeline_name or ""
                outputs.append(StoredOutput(name, handle, data.version, data.address, entry.run_id))
                uses[data.address, entry.run_id] = None
                if data.stamp is not None:
                    stamps[data.address] = data.stamp
        elif isinstance(data, StepMemoizedData):
            for output in data.outputs:
                if output.address is not None:
                    uses[output.address, entry.run_id] = None
                    if output.stamp is not None:
                        stamps[output.address] = output.stamp
        elif isinstance(data, StepMaterializationData):
            assets.append(AssetEvent(AssetKey(data.asset_path), data.partition, entry))
    return IndexEntries(outputs, list(uses), stamps, assets)
