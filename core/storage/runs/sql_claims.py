"""Claims in any SQL database: each is taken, renewed and given back by one statement, at the database's time."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from core.records.claim import OFFERED, Claim
from core.records.pipeline_run import CLAIMED_STATUSES, PipelineRunStatus
from core.storage.runs.base import RunStorage
from core.storage.runs.schema import daemon_roles, runs
from core.storage.sql.storage import SqlStorage
from core.storage.sql.upsert import insert_missing

CLAIMED = tuple(sorted(status.value for status in CLAIMED_STATUSES))


class SqlClaims(SqlStorage, RunStorage):
    """The part of a run storage that knows who answers for which run, and who has which role."""

    def claim_run(
        self,
        run_id: str,
        owner: str,
        seconds: float,
        expected: Collection[PipelineRunStatus],
        status: PipelineRunStatus | None = None,
        after: Claim | None = None,
    ) -> Claim | None:
        if after is None:
            is_free = sa.or_(
                runs.c.expires_at.is_(None), runs.c.expires_at <= self.database.NOW, runs.c.owner == OFFERED
            )
        else:
            is_free = runs.c.claim == after.number
        is_expected = runs.c.status.in_([each.value for each in expected])
        values: dict[str, object] = {} if status is None else {"status": status.value, "updated_at": self.database.NOW}
        return self._claim(run_id, owner, seconds, sa.and_(is_free, is_expected), values)

    def claim_expired_run(self, run_id: str, owner: str, seconds: float) -> Claim | None:
        return self._claim(run_id, owner, seconds, self._has_expired, {})

    @property
    def _has_expired(self) -> sa.ColumnElement[bool]:
        return sa.and_(runs.c.expires_at <= self.database.NOW, runs.c.status.in_(CLAIMED))

    def _claim(
        self, run_id: str, owner: str, seconds: float, condition: sa.ColumnElement[bool], values: dict[str, object]
    ) -> Claim | None:
        taken = (
            runs.update()
            .where(runs.c.run_id == run_id, condition)
            .values(owner=owner, claim=runs.c.claim + 1, expires_at=self.database.NOW + seconds, **values)
        )
        number = sa.select(runs.c.claim).where(runs.c.run_id == run_id)
        with self.write() as connection:
            if not connection.execute(taken).rowcount:
                return None
            return Claim(run_id, owner, connection.execute(number).scalar_one())

    def renew_claim(self, claim: Claim, seconds: float) -> bool:
        return self._renew(runs, runs.c.run_id, claim, seconds)

    def release_claim(self, claim: Claim) -> None:
        self._release(runs, runs.c.run_id, claim)

    def _renew(self, table: sa.Table, key: sa.Column[str], claim: Claim, seconds: float) -> bool:
        renewed = (
            table.update()
            .where(key == claim.key, table.c.claim == claim.number, table.c.expires_at.is_not(None))
            .values(expires_at=self.database.NOW + seconds)
        )
        with self.write() as connection:
            return connection.execute(renewed).rowcount > 0

    def _release(self, table: sa.Table, key: sa.Column[str], claim: Claim) -> None:
        released = (
            table.update().where(key == claim.key, table.c.claim == claim.number).values(owner=None, expires_at=None)
        )
        with self.write() as connection:
            connection.execute(released)

    def get_claim(self, run_id: str) -> Claim | None:
        query = sa.select(runs.c.owner, runs.c.claim).where(runs.c.run_id == run_id, runs.c.expires_at.is_not(None))
        with self.read() as connection:
            found = connection.execute(query).one_or_none()
        return None if found is None else Claim(run_id, found.owner, found.claim)

    def expired_runs(self, limit: int) -> list[str]:
        query = sa.select(runs.c.run_id).where(self._has_expired).order_by(runs.c.expires_at, runs.c.id).limit(limit)
        with self.read() as connection:
            return list(connection.execute(query).scalars())

    def claim_role(self, role: str, owner: str, seconds: float) -> Claim | None:
        taken = (
            daemon_roles.update()
            .where(
                daemon_roles.c.role == role,
                sa.or_(daemon_roles.c.expires_at.is_(None), daemon_roles.c.expires_at <= self.database.NOW),
            )
            .values(owner=owner, claim=daemon_roles.c.claim + 1, expires_at=self.database.NOW + seconds)
        )
        number = sa.select(daemon_roles.c.claim).where(daemon_roles.c.role == role)
        with self.write() as connection:
            insert_missing(connection, daemon_roles, [{"role": role, "owner": None, "claim": 0, "expires_at": None}])
            if not connection.execute(taken).rowcount:
                return None
            return Claim(role, owner, connection.execute(number).scalar_one())

    def renew_role(self, claim: Claim, seconds: float) -> bool:
        return self._renew(daemon_roles, daemon_roles.c.role, claim, seconds)

    def release_role(self, claim: Claim) -> None:
        self._release(daemon_roles, daemon_roles.c.role, claim)
