"""Checks of the arguments by which storages are read in pages."""

from __future__ import annotations

from core.errors import DagsterInvariantViolationError


def check_limit(limit: int | None) -> None:
    """Refuses a negative limit, which some databases take to mean "all".

    Raises:
        DagsterInvariantViolationError: `limit` is negative.
    """
    if limit is not None and limit < 0:
        raise DagsterInvariantViolationError(f"limit is {limit}; give 0 or more, or None for all.")
