"""Signs of life of daemons."""

from __future__ import annotations

import msgspec

from core.serdes import SerializableErrorInfo


class DaemonHeartbeat(msgspec.Struct, frozen=True):
    """Says that a daemon was alive.

    Attributes:
        timestamp: Unix time in seconds.
        daemon_type: the kind of daemon; the latest heartbeat of each kind is kept.
        daemon_id: which process of it.
        errors: what went wrong since the one before.
    """

    timestamp: float
    daemon_type: str
    daemon_id: str | None = None
    errors: tuple[SerializableErrorInfo, ...] = ()
