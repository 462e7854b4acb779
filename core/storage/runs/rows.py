"""Records of runs, made from their rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from core.records.pipeline_run import PipelineRunStatus, RunRecord, run_from_json
from core.storage.runs.schema import run_tags, runs


def records(connection: sa.Connection, ids: Sequence[int]) -> list[RunRecord]:
    """The runs with these `runs.id`, the newest first.

    Args:
        connection: to the run database.
        ids: at most as many as fit into a query.
    """
    rows = connection.execute(sa.select(runs).where(runs.c.id.in_(ids)).order_by(runs.c.id.desc())).all()
    tags: dict[int, dict[str, str]] = {}
    for row in connection.execute(sa.select(run_tags).where(run_tags.c.run.in_(ids))):
        tags.setdefault(row.run, {})[row.key] = row.value
    return [_record_from(row, tags.get(row.id, {})) for row in rows]


def _record_from(row: Any, tags: dict[str, str]) -> RunRecord:
    run = msgspec.structs.replace(run_from_json(row.body), status=PipelineRunStatus(row.status), tags=tags)
    created, updated = (datetime.fromtimestamp(each, UTC) for each in (row.created_at, row.updated_at))
    return RunRecord(row.id, run, created, updated)
