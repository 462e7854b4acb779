"""Whether what an instance needs done is done, as heartbeats say."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from core.instance import DagsterInstance
from core.records.daemon_heartbeat import DaemonHeartbeat

HEARTBEAT_SECONDS = 30.0
_TOLERANCE_VARIABLE = "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE"
_TOLERANCE_SECONDS = 300.0


class DaemonStatus(msgspec.Struct, frozen=True):
    """What is known of the daemon that does one kind of thing.

    Attributes:
        daemon_type: which.
        required: whether something of what the instance is set up for is not done without it.
        healthy: whether its last heartbeat came lately, and tells of no error.
        live: whether its last heartbeat came lately.
        last_heartbeat: the last one; None where there was none.
    """

    daemon_type: str
    required: bool
    healthy: bool
    live: bool
    last_heartbeat: DaemonHeartbeat | None


def get_daemon_statuses(instance: DagsterInstance, now: float) -> list[DaemonStatus]:
    """The status of each daemon that is required, or was heard of, sorted by type.

    Args:
        instance: whose daemons.
        now: Unix time in seconds.
    """
    beats, required = instance.get_daemon_heartbeats(), instance.get_required_daemon_types()
    return [_status(each, each in required, beats.get(each), now) for each in sorted({*beats, *required})]


def _status(daemon_type: str, required: bool, beat: DaemonHeartbeat | None, now: float) -> DaemonStatus:
    live = beat is not None and now - beat.timestamp <= HEARTBEAT_SECONDS + _tolerance_seconds()
    return DaemonStatus(daemon_type, required, live and beat is not None and not beat.errors, live, beat)


def all_daemons_healthy(statuses: Sequence[DaemonStatus]) -> bool:
    """Whether each that is required is healthy."""
    return all(each.healthy for each in statuses if each.required)


def all_daemons_live(statuses: Sequence[DaemonStatus]) -> bool:
    """Whether each that is required was heard of lately."""
    return all(each.live for each in statuses if each.required)


def _tolerance_seconds() -> float:
    try:
        return float(os.environ.get(_TOLERANCE_VARIABLE, _TOLERANCE_SECONDS))
    except ValueError:
        return _TOLERANCE_SECONDS
