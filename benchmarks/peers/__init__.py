"""Other engines, measured with an interpreter of their own: `make bench-peers`."""

from __future__ import annotations

from pathlib import Path

_ENVIRONMENT = Path(__file__).parents[2] / ".venv-peers"
_FIRST_ENVIRONMENT = _ENVIRONMENT.with_name(".venv-first")
PEER_PYTHON = str(_ENVIRONMENT / "bin" / "python")
FIRST_PYTHON = str(_FIRST_ENVIRONMENT / "bin" / "python")
FIRST_PROGRAM = str(Path(__file__).with_name("first.py"))


def has_peer() -> bool:
    """Whether `make bench-peers` has made the peers' environment."""
    return (_ENVIRONMENT / ".installed").exists()


def has_first_peer() -> bool:
    """Whether `make bench-peers` has made the environment of the API's first implementation; it takes Python 3.8."""
    return (_FIRST_ENVIRONMENT / ".installed").exists()
