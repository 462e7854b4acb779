"""Splits long lists of values into batches that fit into a SQL query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_LIST_SIZE = 500  # below the smallest limit on bound parameters of the databases we know (SQLite: 999)


def batches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """`values` in order, in batches for `column.in_(batch)`."""
    return (values[start : start + _LIST_SIZE] for start in range(0, len(values), _LIST_SIZE))
