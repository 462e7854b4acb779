"""Runs the migrations of a schema with Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

_FOLDER = Path(__file__).parent


def upgrade(connection: sa.Connection, schema: str, version_table: str, revision: str) -> None:
    """Brings a schema to its newest revision, inside the transaction of `connection`.

    Args:
        connection: in a transaction; roll it back if this raises.
        schema: the folder of its migrations.
        version_table: the table that holds its revision; it is created if it does not exist.
        revision: the present revision.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: a statement failed.
    """
    from alembic.config import Config  # it takes 0.2 s to import and is needed once a release
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    # Not through options of the config, in which % and : have a meaning.
    scripts = ScriptDirectory(str(_FOLDER), version_locations=[str(_FOLDER / "versions" / schema)])

    def steps(_applied: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", revision)  # what `alembic upgrade` does

    with EnvironmentContext(Config(), scripts, fn=steps) as environment:
        environment.configure(connection=connection, version_table=version_table)
        context = environment.get_context()
        if context.get_current_revision() is None:
            context.stamp(scripts, revision)
        environment.run_migrations()
