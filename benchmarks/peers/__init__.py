"""Other engines, measured with an interpreter of their own: `make bench-peers`."""

from __future__ import annotations

from pathlib import Path

_ENVIRONMENT = Path(__file__).parents[2] / ".venv-peers"
PEER_PYTHON = str(_ENVIRONMENT / "bin" / "python")


def has_peer() -> bool:
    """Whether `make bench-peers` has made the peers' environment."""
    return (_ENVIRONMENT / ".installed").exists()
