"""What the entries of a log make known across runs: stored values, who used them, and assets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from core.events.payloads import HandledOutputData, StepMaterializationData, StepMemoizedData, StepOutputHandle
from core.events.records import EventLogEntry
from core.events.user_events import AssetKey


class StoredValue(msgspec.Struct, frozen=True):
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


class Known(msgspec.Struct, frozen=True):
    """What some entries make known.

    Attributes:
        values: that were stored, in order.
        uses: (address, run id) of values that a run stored or found, each once.
        stamps: address -> what its IO manager said last that tells the value there from others.
        assets: that were materialized, in order.
    """

    values: Sequence[StoredValue]
    uses: Sequence[tuple[str, str]]
    stamps: Mapping[str, str]
    assets: Sequence[AssetEvent]

    @property
    def is_something(self) -> bool:
        """bool: whether there is anything to know."""
        return bool(self.values or self.uses or self.assets)


def known_from(entries: Iterable[EventLogEntry]) -> Known:
    """What `entries` make known."""
    values: list[StoredValue] = []
    uses: dict[tuple[str, str], None] = {}
    stamps: dict[str, str] = {}
    assets: list[AssetEvent] = []
    for entry in entries:
        event = entry.dagster_event
        data = event.event_specific_data if event is not None else None
        if isinstance(data, HandledOutputData) and event is not None and event.step_key is not None:
            if data.version is not None and data.address is not None:
                handle = StepOutputHandle(event.step_key, data.output_name)
                values.append(StoredValue(entry.pipeline_name or "", handle, data.version, data.address, entry.run_id))
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
    return Known(values, list(uses), stamps, assets)
