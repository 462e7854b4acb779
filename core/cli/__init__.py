"""The commands that need no cloud."""

from core.cli.instance import instance
from core.cli.logs import logs
from core.cli.run import run
from core.cli.runs import runs

__all__ = ["instance", "logs", "run", "runs"]
