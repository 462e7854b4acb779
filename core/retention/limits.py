"""The limits of a section of `retention:`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """How much is kept of one kind of thing; whatever exceeds either limit is deleted.

    Attributes:
        cutoff: things older than this are deleted; None for no limit on age.
        max_count: maximum number of things, of which the newest are kept; None for no limit.
    """

    cutoff: datetime | None = None
    max_count: int | None = None

    @staticmethod
    def from_config(given: Mapping[str, Any], now: datetime) -> Limits:
        """The limits of a section of `retention:`, with ages counted back from `now`."""
        days = given.get("max_age_days")
        return Limits(None if days is None else now - timedelta(days=days), given.get("max_count"))

    def is_too_old(self, time: datetime) -> bool:
        """Whether a thing of that time exceeds the limit on age."""
        return self.cutoff is not None and time < self.cutoff

    def is_too_many(self, newer: int) -> bool:
        """Whether a thing exceeds the limit on the number of things.

        Args:
            newer: how many newer things there are.
        """
        return self.max_count is not None and newer >= self.max_count
