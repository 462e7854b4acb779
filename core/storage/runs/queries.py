"""Which runs meet a filter: queries that stay fast however many runs there are."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from core.records.pipeline_run import PipelineRunsFilter
from core.storage.runs.schema import run_tags, runs
from core.storage.sql.in_lists import batches


def ids_of_runs(
    connection: sa.Connection, filters: PipelineRunsFilter, before: int | None, limit: int | None
) -> list[int]:
    """`runs.id` of the runs that meet `filters`, in descending order.

    Args:
        connection: to the run database.
        filters: what they must meet.
        before: only ids below this one.
        limit: maximum number of runs.
    """
    if filters.run_ids is None:
        return list(connection.execute(_page(filters, before, limit)).scalars())
    found: set[int] = set()
    for batch in _in_batches(filters):
        found.update(connection.execute(_page(batch, before, limit)).scalars())
    return sorted(found, reverse=True)[:limit]


def count_of_runs(connection: sa.Connection, filters: PipelineRunsFilter) -> int:
    """How many runs meet `filters`."""
    parts = [filters] if filters.run_ids is None else _in_batches(filters)
    counts = (sa.select(sa.func.count()).select_from(_matching(part)[0].subquery()) for part in parts)
    return sum(connection.execute(count).scalar_one() for count in counts)


def _in_batches(filters: PipelineRunsFilter) -> list[PipelineRunsFilter]:
    ids = list(dict.fromkeys(filters.run_ids or ()))
    return [msgspec.structs.replace(filters, run_ids=tuple(batch)) for batch in batches(ids)]


def _page(filters: PipelineRunsFilter, before: int | None, limit: int | None) -> sa.Select[Any]:
    statuses = dict.fromkeys(filters.statuses or ())
    if len(statuses) > 1 and limit is not None:
        # An index gives the newest of one status in order; for several at once, the database would sort all of them.
        each = [_page(msgspec.structs.replace(filters, statuses=(status,)), before, limit) for status in statuses]
        together = sa.union_all(*(sa.select(page.subquery().c.id) for page in each)).subquery()
        return sa.select(together.c.id).order_by(together.c.id.desc()).limit(limit)
    query, run = _matching(filters)
    if before is not None:
        query = query.where(run < before)
    return query.order_by(run.desc()).limit(limit)


def _matching(filters: PipelineRunsFilter) -> tuple[sa.Select[Any], sa.ColumnElement[int]]:
    """The query for the ids, and the column to order it by."""
    tags = list((filters.tags or {}).items())
    if not tags:
        return sa.select(runs.c.id).where(*_conditions(filters)), runs.c.id
    # The first tag is looked up by an index that gives the ids in order.
    (key, value), *more = tags
    first = run_tags.alias()
    query = sa.select(first.c.run.label("id")).where(first.c.key == key, first.c.value == value)
    for key, value in more:
        other = run_tags.alias()
        same = (other.c.run == first.c.run) & (other.c.key == key) & (other.c.value == value)
        query = query.where(sa.exists().where(same))
    conditions = _conditions(filters)
    if conditions:
        query = query.join(runs, runs.c.id == first.c.run).where(*conditions)
    return query, first.c.run


def _conditions(filters: PipelineRunsFilter) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if filters.run_ids is not None:
        found.append(runs.c.run_id.in_(filters.run_ids))
    if filters.statuses is not None:
        found.append(runs.c.status.in_([status.value for status in dict.fromkeys(filters.statuses)]))
    if filters.run_id_prefix is not None:
        found.append(sa.func.substr(runs.c.run_id, 1, len(filters.run_id_prefix)) == filters.run_id_prefix)
    equal = {
        runs.c.pipeline_name: filters.pipeline_name,
        runs.c.mode: filters.mode,
        runs.c.root_run_id: filters.root_run_id,
        runs.c.parent_run_id: filters.parent_run_id,
    }
    found += [column == value for column, value in equal.items() if value is not None]
    if filters.created_after is not None:
        found.append(runs.c.created_at > filters.created_after.timestamp())
    if filters.created_before is not None:
        found.append(runs.c.created_at < filters.created_before.timestamp())
    if filters.updated_after is not None:
        found.append(runs.c.updated_at > filters.updated_after.timestamp())
    if filters.updated_before is not None:
        found.append(runs.c.updated_at < filters.updated_before.timestamp())
    return found
