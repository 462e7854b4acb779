"""PostgreSQL databases, used through psycopg 3."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa

from core.errors import DagsterInvariantViolationError, DagsterMissingExtraError, DagsterStorageError
from core.storage.sql.database import SqlDatabase
from core.storage.sql.revisions import DatabaseName
from core.storage.sql.schema import Schema

_CONNECT_TIMEOUT_SECONDS = 10
_SHOWN_CHARACTERS = 40
_TOO_LONG_FOR_AN_INDEX = "54000"  # program_limit_exceeded, in the table of error codes of PostgreSQL's manual
_LONGEST_INDEXED_BYTES = 2704  # of a B-tree entry with pages of 8 KiB; longer values fit when they compress well


class PostgresDatabase(SqlDatabase):
    """A PostgreSQL database; other programs may have tables in it too.

    Args:
        url: `postgresql://user:password@host:port/database`; the password is never printed.
        schemas: the schemas that it must have.
        what: its name in messages, such as "run database".

    Raises:
        DagsterStorageError: the URL is not a PostgreSQL URL.
        DagsterMissingExtraError: psycopg is not installed.
    """

    # Not clock_timestamp(), with which PostgreSQL uses no index. A statement that has waited has an earlier time.
    NOW = sa.literal_column("CAST(extract(epoch from statement_timestamp()) AS double precision)", sa.Float)

    def __init__(self, url: str, schemas: Sequence[Schema], what: str) -> None:
        _check_driver()
        self._url = _parsed(url)
        super().__init__(DatabaseName(what, _without_password(self._url)), schemas)

    @property
    def psycopg_url(self) -> str:
        """str: with its password, as psycopg takes it."""
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)

    def _make_engine(self) -> sa.Engine:
        options: dict[str, Any] = {}
        if "connect_timeout" not in self._url.query:
            options["connect_timeout"] = _CONNECT_TIMEOUT_SECONDS
        # A ping at each checkout lets a process survive a restart of the server.
        return sa.create_engine(self._url, connect_args=options, hide_parameters=True, pool_pre_ping=True)

    def _reading(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        # Sent to PostgreSQL with the BEGIN, so that all queries of the block see the same state.
        return engine.connect().execution_options(isolation_level="REPEATABLE READ")

    def _writing(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        return engine.begin()

    def _foreign(self, tables: set[str]) -> set[str]:
        return set()  # other programs may have tables here

    def _lock_schemas(self, connection: sa.Connection) -> None:
        # Two processes that create or change the tables at once would make each other fail: IF NOT EXISTS of
        # PostgreSQL does not wait for the other transaction.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("cloudstore tables"))))

    def _meaning_of(self, error: sa.exc.DBAPIError) -> Exception:
        texts = _texts_in(error.params)
        with_nul = next((text for text in texts if "\0" in text), None)
        if with_nul is not None and isinstance(error, sa.exc.DataError):
            return DagsterInvariantViolationError(
                f"{with_nul[:_SHOWN_CHARACTERS]!r} holds a NUL character, which PostgreSQL cannot store."
            )
        if getattr(error.orig, "sqlstate", None) == _TOO_LONG_FOR_AN_INDEX and texts:
            longest = max(texts, key=lambda text: len(text.encode()))
            return DagsterInvariantViolationError(
                f"{longest[:_SHOWN_CHARACTERS]!r}… has {len(longest.encode())} bytes, which is too long for an index "
                f"in PostgreSQL; shorten it to {_LONGEST_INDEXED_BYTES} bytes, which always fit."
            )
        return DagsterStorageError(f"Cannot use the {self._name}: {_first_line(error.orig)}")

    def _backup(self) -> str | None:
        return None  # backups of a server are its operator's task


def _check_driver() -> None:
    if importlib.util.find_spec("psycopg") is None:
        raise DagsterMissingExtraError(
            "PostgreSQL needs psycopg 3; install it with: pip install 'cloudstore[postgres]'", name="psycopg"
        )


def _parsed(url: str) -> sa.URL:
    hint = "Write it as postgresql://user:password@host:5432/database."
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The cause would show the URL, and with it the password.
        raise DagsterStorageError(f"The URL of the PostgreSQL database cannot be read. {hint}") from None
    if parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"):
        raise DagsterStorageError(f"A {parsed.drivername} URL is not a PostgreSQL URL. {hint}")
    return parsed.set(drivername="postgresql+psycopg")


def _without_password(url: sa.URL) -> str:
    shown = sa.URL.create(
        "postgresql", username=url.username, host=url.host, port=url.port, database=url.database,
        query={key: value for key, value in url.query.items() if key in ("host", "port")},
    )  # fmt: skip
    return shown.render_as_string()


def _texts_in(params: Any) -> list[str]:
    rows = params if isinstance(params, list | tuple) else [params]
    named = [item for row in rows if isinstance(row, dict) for item in row.items()]
    return [value for name, value in named if isinstance(value, str) and name != "body"]  # which is in no index


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") + "."
