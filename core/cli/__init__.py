"""The commands that need no cloud."""

from core.cli.run import run
from core.cli.runs import logs, runs

__all__ = ["logs", "run", "runs"]
