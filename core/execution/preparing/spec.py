"""What is asked of a new run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.definitions.run_configs.run_config import check_is_mapping
from core.plan.part import EarlierKeys


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a new run.

    Attributes:
        run_config: config of solids, resources, loggers and execution.
        mode: the name of the mode; the pipeline's first by default.
        tags: added to those of the pipeline.
        solid_selection: queries such as `clean*` for the solids that the run consists of; all by default. See
            `select_solids`.
        step_selection: queries such as `clean*` for the steps to execute; all steps by default. See `select_steps`.
        mapping_keys: of dynamic outputs whose values an earlier run gave, their keys; for steps that are executed again
            without those that gave them.
        ended: keys of steps that are not executed again, since they ended well; of a run that is taken up after it
            failed.
        may_execute_none: whether it is no error that no step is left to be executed.
        memoize: sets or clears the tag of memoized runs; None leaves it to the tags.
        refresh: queries for the steps that are executed whatever is stored, with all that they feed.
        root_run_id: the first run of a chain of re-executions.
        parent_run_id: the run that is executed again.
        run_id: the id of the new run; one that no other run has by default.

    Raises:
        DagsterInvalidConfigError: the run config is no mapping.
    """

    run_config: Mapping[str, Any] | None = None
    mode: str | None = None
    tags: Mapping[str, Any] | None = None
    solid_selection: Sequence[str] | None = None
    step_selection: Sequence[str] | None = None
    mapping_keys: EarlierKeys = {}
    ended: frozenset[str] | None = None
    may_execute_none: bool = False
    memoize: bool | None = None
    refresh: Sequence[str] = ()
    root_run_id: str | None = None
    parent_run_id: str | None = None
    run_id: str | None = None

    def __post_init__(self) -> None:
        check_is_mapping(self.run_config)
