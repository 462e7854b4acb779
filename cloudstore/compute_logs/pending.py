"""A log that is not shipped yet."""

from __future__ import annotations

from collections.abc import Callable

from cloudstore.compute_logs.stream import LogStream


class PendingLog:
    """The streams of one attempt at a step, as long as they are not in the bucket.

    They are made when somebody first needs them: most steps are over before anybody has looked, and many print nothing.

    Args:
        run_id: of the run.
        make_streams: makes them.

    Attributes:
        run_id: of the run.
        on_shipped: called when all streams are shipped.
    """

    def __init__(self, run_id: str, make_streams: Callable[[], list[LogStream]]) -> None:
        self.run_id = run_id
        self.on_shipped: Callable[[], None] = _nothing
        self._make_streams = make_streams
        self._made: list[list[LogStream]] = []

    @property
    def streams(self) -> list[LogStream]:
        """list[LogStream]: those that are not shipped yet."""
        if not self._made:
            self._made.append(self._make_streams())  # where two threads do it at once, the first one's are taken
        return self._made[0]


def _nothing() -> None:
    return
