"""A version of a step's output as its IO manager finds it when asked what is there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec

from core.events.payloads import StepOutputHandle

_VERSION = re.compile("[0-9a-f]{64}")  # as `core.plan.canonical.digest` makes them


class StoredVersion(msgspec.Struct, frozen=True):
    """A stored value.

    Attributes:
        handle: the output.
        version: of the output.
        address: where it is: what `IOManager.get_address` gives for it.
        size_bytes: how large it is there.
        stored_at: when it was stored, in UTC.
    """

    handle: StepOutputHandle
    version: str
    address: str
    size_bytes: int
    stored_at: datetime

    @property
    def names(self) -> list[str]:
        """list[str]: what `OutputContext.get_versioned_output_identifier` gives for it."""
        mapping = [] if self.handle.mapping_key is None else [self.handle.mapping_key]
        return [self.handle.step_key, self.handle.output_name, *mapping, self.version]


def stored_version(names: Sequence[str], address: str, size_bytes: int, stored_at: datetime) -> StoredVersion | None:
    """The version that `names` identify; None where no run of a pipeline gives a value such names.

    A place may hold things of others, which must never be taken for values: so the last name has to be a version as
    runs compute them, 64 hexadecimal digits.
    """
    if not 3 <= len(names) <= 4 or not _VERSION.fullmatch(names[-1]):
        return None
    return StoredVersion(StepOutputHandle(*names[:-1]), names[-1], address, size_bytes, stored_at)
