"""How many steps may be executed at the same time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import msgspec

from core.plan.steps import ExecutionStep


def usable_cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class TagLimit(msgspec.Struct, frozen=True):
    """A limit for steps with a tag.

    Attributes:
        key: the tag.
        limit: how many of them may be executed at the same time.
        value: the value of the tag; None for any, all of which count together.
    """

    key: str
    limit: int
    value: str | None = None

    def concerns(self, step: ExecutionStep) -> bool:
        """Whether a step has the tag."""
        return self.key in step.solid.tags and self.value in (None, step.solid.tags[self.key])


class Slots:
    """Steps that are executed now, as far as limits know them.

    Args:
        most: how many may be.
        tag_limits: more limits.
    """

    def __init__(self, most: int, tag_limits: Sequence[TagLimit] = ()) -> None:
        self._most, self._tag_limits = most, tag_limits
        self._taken: dict[str, tuple[TagLimit, ...]] = {}
        self._counts: Counter[TagLimit] = Counter()

    @property
    def are_full(self) -> bool:
        """bool: whether no step may begin, whatever its tags."""
        return len(self._taken) >= self._most

    def limits_of(self, step: ExecutionStep) -> tuple[TagLimit, ...]:
        """The limits that concern a step."""
        return tuple(each for each in self._tag_limits if each.concerns(step))

    def has_one_within(self, limits: tuple[TagLimit, ...]) -> bool:
        """Whether a step that these limits concern may begin."""
        return not self.are_full and all(self._counts[each] < each.limit for each in limits)

    def take(self, step: ExecutionStep) -> None:
        """A step begins."""
        self._taken[step.key] = self.limits_of(step)
        self._counts.update(self._taken[step.key])

    def give_back(self, step_key: str) -> None:
        """A step that had begun has ended."""
        self._counts.subtract(self._taken.pop(step_key))
