"""A log that is not shipped yet."""

from __future__ import annotations

from collections.abc import Callable

from cloudstore.compute_logs.stream import LogStream


class PendingLog:
    """The streams of one attempt at a step, as long as they are not in the bucket.

    They are made when they are first needed: most steps are over before anybody has looked, and many print nothing.

    Args:
        run_id: of the run.
        make_streams: makes them.

    Attributes:
        run_id: of the run.
        is_complete: whether nothing will be added to it.
    """

    def __init__(self, run_id: str, make_streams: Callable[[], list[LogStream]], is_complete: bool = False) -> None:
        self.run_id = run_id
        self.is_complete = is_complete
        self._make_streams = make_streams
        self._made: list[list[LogStream]] = []

    @property
    def streams(self) -> list[LogStream]:
        """list[LogStream]: those that are not shipped yet."""
        if not self._made:
            self._made.append(self._make_streams())  # where two threads do it at once, the first one's are taken
        return self._made[0]
