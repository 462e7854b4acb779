"""The commands that do not need a cloud."""

from core.cli.api import api
from core.cli.backfill import backfill
from core.cli.config import config
from core.cli.daemon import daemon
from core.cli.explain import explain
from core.cli.instance import instance
from core.cli.launch import launch
from core.cli.logs import logs
from core.cli.memo import memo
from core.cli.plan import plan
from core.cli.run import run
from core.cli.runs import runs
from core.cli.schedule import schedule
from core.cli.sensor import sensor
from core.cli.value import value
from core.cli.workspace import workspace

__all__ = [
    "api",
    "backfill",
    "config",
    "daemon",
    "explain",
    "instance",
    "launch",
    "logs",
    "memo",
    "plan",
    "run",
    "runs",
    "schedule",
    "sensor",
    "value",
    "workspace",
]
