"""What a filter of runs is given: things of another type would match no run, and say nothing about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from core import DagsterInstance, DagsterInvariantViolationError, PipelineRunsFilter, PipelineRunStatus

NO_FILTERS: list[dict[str, Any]] = [
    {"run_ids": "a-run"},
    {"run_ids": [3]},
    {"run_ids": (each for each in ["a-run"])},
    {"statuses": "SUCCESS"},
    {"statuses": ["SUCCESS"]},
    {"statuses": PipelineRunStatus.SUCCESS},
    {"tags": "team"},
    {"tags": {"team": 1}},
    {"pipeline_name": len},
    {"mode": 3},
    {"root_run_id": 3},
    {"parent_run_id": ("a-run",)},
    {"run_id_prefix": b"a"},
    {"created_after": 1620000000.0},
    {"updated_before": "2021-05-01"},
    {"created_before": datetime(2021, 5, 1)},
]


@pytest.mark.parametrize("given", NO_FILTERS)
def test_what_is_no_condition_is_refused_by_its_name(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(DagsterInvariantViolationError, match=name.removesuffix("s")):
        PipelineRunsFilter(**given)


@pytest.mark.parametrize("kind", [tuple, list, set, frozenset])
def test_run_ids_and_statuses_may_be_any_collection(kind: type) -> None:
    with DagsterInstance.ephemeral() as instance:
        run = instance.create_run("count", tags={"team": "a"})
        wanted = PipelineRunsFilter(
            run_ids=kind([run.run_id]),
            statuses=kind([PipelineRunStatus.NOT_STARTED]),
            tags={"team": "a"},
            created_after=datetime(2021, 5, 1, tzinfo=UTC),
        )
        assert instance.get_runs(wanted) == [run]
