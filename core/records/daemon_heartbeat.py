"""Signs of life of daemons."""

from __future__ import annotations

import msgspec

from core.serdes import SerializableErrorInfo


class DaemonHeartbeat(msgspec.Struct, frozen=True):
    """Records that a daemon was alive.

    Attributes:
        timestamp: Unix time in seconds.
        daemon_type: the kind of daemon; the latest heartbeat of each kind is kept.
        daemon_id: the process of the daemon.
        errors: the errors since the previous heartbeat.
    """

    timestamp: float
    daemon_type: str
    daemon_id: str | None = None
    errors: tuple[SerializableErrorInfo, ...] = ()
