"""A partition: one of the parts that runs of a pipeline are made for."""

from __future__ import annotations

from typing import Generic, TypeVar

from core.arguments import checked_arguments
from core.errors import DagsterInvalidDefinitionError

T = TypeVar("T")


class Partition(Generic[T]):
    """One part: a value that config and tags are made from, and its name.

    Args:
        value: anything; for partitions in time when it begins, with a timezone.
        name: unique in its set; the value as text by default.

    >>> Partition(2021).name
    '2021'
    """

    @checked_arguments("partition")
    def __init__(self, value: T, name: str | None = None) -> None:
        self.value = value
        self.name = str(value) if name is None else name
        if not isinstance(self.name, str):
            raise DagsterInvalidDefinitionError(f"The name of a partition must be text; it is {name!r}.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Partition) and (other.name, other.value) == (self.name, self.value)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Partition({self.value!r}, {self.name!r})"
