"""The values that memoized runs find again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from core.instance import DagsterInstance
from core.retention.value_users import count_users
from core.values.stored_version import StoredVersion


class ValueReport(msgspec.Struct, frozen=True):
    """A stored value, with the fields of its `StoredVersion` and of the handle in it.

    Attributes:
        used_by_runs: how many runs of the instance stored it or found it.
    """

    step_key: str
    output_name: str
    mapping_key: str | None
    version: str
    address: str
    size_bytes: int
    stored_at: datetime
    used_by_runs: int


def report_values(instance: DagsterInstance, versions: Iterable[StoredVersion]) -> list[ValueReport]:
    """The reports of stored versions, in their order."""
    listed = list(versions)
    users = count_users(instance, [each.address for each in listed])
    return [_report(each, users[each.address]) for each in listed]


def _report(stored: StoredVersion, used_by_runs: int) -> ValueReport:
    fields = msgspec.structs.asdict(stored)
    return ValueReport(**msgspec.structs.asdict(fields.pop("handle")), **fields, used_by_runs=used_by_runs)
