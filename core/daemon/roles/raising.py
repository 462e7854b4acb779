"""Errors of threads, for the turn of a role that is next."""

from __future__ import annotations

from collections.abc import Sequence


def raise_first(errors: Sequence[Exception]) -> None:
    """Raises the first of them, if there is one."""
    for error in errors:
        raise error
