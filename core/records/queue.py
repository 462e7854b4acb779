"""How many runs may be in progress at the same time, and which of those that wait these limits hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from core.records.claim import Claim
from core.records.pipeline_run import PipelineRun
from core.wording import counted

Group = tuple[str, str | None]
"""Runs that have a tag: its key, and its value, or None for any."""


class TagLimit(msgspec.Struct, frozen=True):
    """How many runs with a tag may be in progress.

    Attributes:
        key: of the tag.
        limit: how many, 0 or more.
        value: of the tag; None for any.
        is_per_value: whether each value of the tag has `limit` runs of its own.

    Example:
        >>> from core.records.queue import TagLimit
        >>> str(TagLimit("bucket", 2, is_per_value=True))
        "2 runs with each value of tag 'bucket'"
    """

    key: str
    limit: int
    value: str | None = None
    is_per_value: bool = False

    def __str__(self) -> str:
        which = f"each value of tag {self.key!r}" if self.is_per_value else f"tag {self.key!r}"
        if self.value is not None:
            which = f"tag {self.key}={self.value!r}"
        return f"{counted(self.limit, 'run')} with {which}"

    def group_of(self, tags: Mapping[str, str]) -> Group | None:
        """The runs with which a run shares the places of this limit; None where the limit is not for it."""
        value = tags.get(self.key)
        if value is None or self.value not in (None, value):
            return None
        return self.key, None if self.value is None and not self.is_per_value else value


class QueueLimits(msgspec.Struct, frozen=True):
    """How many runs may be in progress.

    Attributes:
        max_runs: in all; None for any number.
        tags: with certain tags. All that are for a run hold for it.

    Example:
        >>> from core.records.queue import QueueLimits, TagLimit
        >>> limits = QueueLimits(10, (TagLimit("team", 3),))
        >>> limits.keys
        ('team',)
    """

    max_runs: int | None = None
    tags: tuple[TagLimit, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """tuple[str, ...]: of the tags that matter."""
        return tuple(dict.fromkeys(limit.key for limit in self.tags))


class Dequeued(msgspec.Struct, frozen=True):
    """A run that was taken out of the queue, to be launched.

    Attributes:
        run: the run, which is STARTING.
        claim: to it, of what took it.
    """

    run: PipelineRun
    claim: Claim


class Places:
    """The places that are free for runs which wait.

    Args:
        limits: the limits.
        in_progress: the tags of each run in progress.
    """

    def __init__(self, limits: QueueLimits, in_progress: Iterable[Mapping[str, str]]) -> None:
        self._limits = limits
        self._count = 0
        self._taken: Counter[tuple[TagLimit, Group]] = Counter()
        for tags in in_progress:
            self.take(tags)

    def take(self, tags: Mapping[str, str]) -> None:
        """A run begins."""
        self._count += 1
        for limit in self._limits.tags:
            group = limit.group_of(tags)
            if group is not None:
                self._taken[limit, group] += 1

    @property
    def left(self) -> float:
        """float: how many more runs may begin, whatever their tags; infinity where any number may."""
        return float("inf") if self._limits.max_runs is None else self._limits.max_runs - self._count

    def holding(self, tags: Mapping[str, str]) -> TagLimit | None:
        """A limit for its tags that holds a run; None where there is none."""
        for limit in self._limits.tags:
            group = limit.group_of(tags)
            if group is not None and self._taken[limit, group] >= limit.limit:
                return limit
        return None

    def full(self) -> Iterator[Group]:
        """The tags whose runs cannot begin."""
        for limit in self._limits.tags:
            if limit.limit == 0:
                yield limit.key, limit.value
        for (limit, group), count in self._taken.items():
            if count >= limit.limit > 0:
                yield group
