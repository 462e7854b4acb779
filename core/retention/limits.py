"""How long, and how many, of a kind of thing are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """What is kept of a kind of thing: what is beyond either limit goes.

    Attributes:
        cutoff: things of before that go; None keeps them however old they are.
        max_count: the newest so many stay; None keeps them however many there are.
    """

    cutoff: datetime | None = None
    max_count: int | None = None

    @staticmethod
    def from_config(given: Mapping[str, Any], now: datetime) -> Limits:
        """The limits of a section of `retention:`, counted back from `now`."""
        days = given.get("max_age_days")
        return Limits(None if days is None else now - timedelta(days=days), given.get("max_count"))

    def is_too_old(self, time: datetime) -> bool:
        """Whether a thing of that time goes."""
        return self.cutoff is not None and time < self.cutoff

    def is_too_many(self, place: int) -> bool:
        """Whether a thing goes that has so many newer ones before it."""
        return self.max_count is not None and place >= self.max_count
