"""How the steps of a run that a command begins are executed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import click

from core.cli.options import ChosenPipeline
from core.executors import multiprocess_executor
from core.utils.merger import deep_merge_dicts


def loading_beside(chosen: ChosenPipeline, run_config: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Within the block, where processes will execute the steps, one of them loads the pipeline beside this process.

    Args:
        chosen: the pipeline.
        run_config: the run config.
    """
    execution = run_config.get("execution")
    code = chosen.code
    if code is None or not isinstance(execution, Mapping) or multiprocess_executor.name not in execution:
        return nullcontext()
    from core.executors.processes.early import loading_early  # heavy: sockets and subprocesses

    return loading_early(code)


def with_processes(run_config: Mapping[str, Any], count: int) -> dict[str, Any]:
    """A run config that has steps executed in processes.

    Args:
        run_config: the run config.
        count: how many at the same time; 0 for one a processor.

    Raises:
        click.UsageError: the run config chooses another executor.
    """
    name = multiprocess_executor.name
    chosen = run_config.get("execution")
    if isinstance(chosen, Mapping) and chosen and name not in chosen:
        raise click.UsageError(
            f"--processes is for the executor {name!r}, and the run config chooses {', '.join(map(repr, chosen))}."
        )
    return deep_merge_dicts(run_config, {"execution": {name: {"config": {"max_concurrent": count}}}})
