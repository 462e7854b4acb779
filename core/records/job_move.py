"""Steps of the life of a schedule or sensor."""

from __future__ import annotations

import msgspec

from core.records.job import JobState, JobTickData


class JobMove(msgspec.Struct, frozen=True):
    """A change of a job's state, with the ticks that belong to it.

    Attributes:
        seen: the state as it was read; where it is another one by now, nothing is changed.
        moved: the state from then on.
        ticks: what is stored with it.
    """

    seen: JobState
    moved: JobState
    ticks: tuple[JobTickData, ...] = ()
