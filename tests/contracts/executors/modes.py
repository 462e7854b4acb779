"""Modes that offer every executor; those that name none have what comes with the engine alone."""

from __future__ import annotations

from functools import partial

from core import ModeDefinition, default_executors
from core.executors.dask import dask_executor

EXECUTORS = [*default_executors, dask_executor]
mode = partial(ModeDefinition, executor_defs=EXECUTORS)
