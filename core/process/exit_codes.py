"""How processes end, in words."""

from __future__ import annotations

import signal
from contextlib import suppress

CUT_OFF = 233
"""The exit code of a process of a step that could tell nothing more: its own code has closed the descriptor for it."""


def how_it_ended(exit_code: int) -> str:
    """What a process did at its end, after "it": "ended with exit code 3", or "was ended by SIGKILL".

    Args:
        exit_code: its exit code; where a signal ended it, the negative of its number.
    """
    return f"ended with exit code {exit_code}" if exit_code >= 0 else f"was ended by {signal_name(-exit_code)}"


def signal_name(number: int) -> str:
    """The name of a signal, as "SIGKILL"."""
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
