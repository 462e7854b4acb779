"""The queue in any SQL database: which of the runs that wait are next, by one walk that leaves out those held back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import sqlalchemy as sa

from core.records.claim import OFFERED, Claim
from core.records.pipeline_run import PipelineRun, PipelineRunStatus
from core.records.queue import Dequeued, Group, Places, QueueLimits
from core.storage.runs.base import RunStorage
from core.storage.runs.rows import records
from core.storage.runs.schema import daemon_roles, run_tags, runs
from core.storage.runs.sql_claims import CLAIMED
from core.storage.sql.in_lists import batches
from core.storage.sql.storage import SqlStorage

_PAGE = 200
_MOST_LEFT_OUT = 300
"""How many groups of runs a query leaves out; databases limit the parameters of a query. The others are looked at."""

_QUEUED = PipelineRunStatus.QUEUED.value


class SqlQueue(SqlStorage, RunStorage):
    """The part of a run storage that knows which run is next."""

    def lock_queue(self, connection: sa.Connection) -> None:
        """Lets one transaction at a time take runs out of the queue; databases with a single writer need no lock."""
        return

    def dequeue(self, role: Claim, limits: QueueLimits, count: int, seconds: float) -> list[Dequeued]:
        with self.write() as connection:
            self.lock_queue(connection)
            if not self._has_role(connection, role):
                return []
            places = Places(limits, _tags_in_progress(connection, limits))
            ids = list(islice(_next_ids(connection, limits, places), count))
            return self._take_out(connection, ids, seconds)

    def _has_role(self, connection: sa.Connection, role: Claim) -> bool:
        held = sa.select(daemon_roles.c.role).where(
            daemon_roles.c.role == role.key,
            daemon_roles.c.claim == role.number,
            daemon_roles.c.expires_at > self.database.NOW,
        )
        # Until the transaction ends, nobody takes the role over.
        return connection.execute(held.with_for_update()).first() is not None

    def _take_out(self, connection: sa.Connection, ids: Sequence[int], seconds: float) -> list[Dequeued]:
        found: dict[int, Dequeued] = {}
        for batch in batches(ids):
            taken = (
                runs.update()
                .where(runs.c.id.in_(batch), runs.c.status == _QUEUED)  # one may have been cancelled at this moment
                .values(
                    status=PipelineRunStatus.STARTING.value,
                    owner=OFFERED,
                    claim=runs.c.claim + 1,
                    launches=runs.c.launches + 1,
                    expires_at=self.database.NOW + seconds,
                    updated_at=self.database.NOW,
                )
            )
            connection.execute(taken)
            numbers = sa.select(runs.c.id, runs.c.claim).where(
                runs.c.id.in_(batch), runs.c.status == PipelineRunStatus.STARTING.value
            )
            claims = {row.id: row.claim for row in connection.execute(numbers)}
            for record in records(connection, batch):
                if record.storage_id in claims:
                    claim = Claim(record.pipeline_run.run_id, OFFERED, claims[record.storage_id])
                    found[record.storage_id] = Dequeued(record.pipeline_run, claim)
        return [found[each] for each in ids if each in found]

    def get_queue(self, limit: int | None = None) -> list[PipelineRun]:
        query = sa.select(runs.c.id).where(runs.c.status == _QUEUED).order_by(runs.c.rank, runs.c.id).limit(limit)
        with self.read() as connection:
            ids = list(connection.execute(query).scalars())
            found = {
                each.storage_id: each.pipeline_run for batch in batches(ids) for each in records(connection, batch)
            }
        return [found[each] for each in ids]

    def count_launches(self, run_id: str) -> int:
        with self.read() as connection:
            return connection.execute(sa.select(runs.c.launches).where(runs.c.run_id == run_id)).scalar() or 0


def _tags_in_progress(connection: sa.Connection, limits: QueueLimits) -> list[Mapping[str, str]]:
    """Of each run in progress, the tags that have limits."""
    ids = list(connection.execute(sa.select(runs.c.id).where(runs.c.status.in_(CLAIMED))).scalars())
    return list(_tags_of(connection, ids, limits).values())


def _tags_of(connection: sa.Connection, ids: Sequence[int], limits: QueueLimits) -> dict[int, Mapping[str, str]]:
    found: dict[int, dict[str, str]] = {each: {} for each in ids}
    for batch in batches(ids) if limits.tags else ():
        query = sa.select(run_tags).where(run_tags.c.run.in_(batch), run_tags.c.key.in_(limits.keys))
        for row in connection.execute(query):
            found[row.run][row.key] = row.value
    return dict(found)


def _next_ids(connection: sa.Connection, limits: QueueLimits, places: Places) -> Iterator[int]:
    """`runs.id` of the runs that may begin, in the order of the queue; each takes its places."""
    after: tuple[int, int] | None = None
    while places.left > 0:
        page = connection.execute(_page(after, list(islice(places.full(), _MOST_LEFT_OUT)))).all()
        tags = _tags_of(connection, [row.id for row in page], limits)
        for row in page:
            if places.left > 0 and places.holding(tags[row.id]) is None:
                places.take(tags[row.id])
                yield row.id
        if len(page) < _PAGE:
            return
        after = (page[-1].rank, page[-1].id)


def _page(after: tuple[int, int] | None, left_out: Sequence[Group]) -> sa.Select[tuple[int, int]]:
    query = sa.select(runs.c.id, runs.c.rank).where(runs.c.status == _QUEUED)
    if after is not None:
        rank, number = after
        query = query.where(sa.or_(runs.c.rank > rank, sa.and_(runs.c.rank == rank, runs.c.id > number)))
    if left_out:
        keys = [key for key, value in left_out if value is None]
        values: dict[str, list[str]] = {}
        for key, value in left_out:
            if value is not None:
                values.setdefault(key, []).append(value)
        tagged: list[sa.ColumnElement[bool]] = [run_tags.c.key.in_(keys)] if keys else []
        tagged += [sa.and_(run_tags.c.key == key, run_tags.c.value.in_(each)) for key, each in values.items()]
        query = query.where(~sa.exists().where(run_tags.c.run == runs.c.id, sa.or_(*tagged)))
    return query.order_by(runs.c.rank, runs.c.id).limit(_PAGE)
