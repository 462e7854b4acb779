"""The mapping keys of a dynamic output, which are stored after all of its values."""

from __future__ import annotations

from typing import Any

from core.errors import DagsterObjectCorruptError


def stored_keys(value: Any) -> list[str]:
    """The keys that a stored list holds.

    Raises:
        DagsterObjectCorruptError: it is no list of keys.
    """
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise DagsterObjectCorruptError("What is stored in the place of a list of mapping keys is something else.")
    return value
