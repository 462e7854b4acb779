"""An instance of the newest Dagster. Runs in `.venv-peers` alone.

Annotations are evaluated here: Dagster refuses those of an op that are not.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dagster import (
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    EventLogEntry,
    OpExecutionContext,
    RunsFilter,
    job,
    op,
)


@op(config_schema={"messages": int})
def talk(context: OpExecutionContext) -> None:
    for number in range(context.op_config["messages"]):
        context.log.info(f"number {number}")


@job
def talking() -> None:
    talk()


class Instance:
    """The Engine."""

    batch = 1

    def __init__(self, directory: Path) -> None:
        self._instance = DagsterInstance.from_config(str(directory))

    def new_run(self, run_id: str, tags: dict[str, str]) -> DagsterRun:
        return DagsterRun("talking", run_id=run_id, tags=tags)

    def add_run(self, run: DagsterRun) -> None:
        self._instance.add_run(run)

    def run_step(self, messages: int) -> str:
        config = {"ops": {"talk": {"config": {"messages": messages}}}}
        return talking.execute_in_process(run_config=config, instance=self._instance).run_id

    def newest(self, limit: int, status: str | None = None, tags: dict[str, str] | None = None) -> list[str]:
        filters = RunsFilter(statuses=[DagsterRunStatus(status)] if status else None, tags=tags)
        return [record.dagster_run.run_id for record in self._instance.get_run_records(filters, limit=limit)]

    def tags_of(self, run_id: str) -> dict[str, str] | None:
        run = self._instance.get_run_by_id(run_id)
        return None if run is None else dict(run.tags)

    def store(self, run_id: str, messages: Sequence[str]) -> None:
        for each in messages:
            self._instance.handle_new_event(
                EventLogEntry(  # type: ignore[no-untyped-call]  # Dagster does not type it
                    error_info=None,
                    level=20,
                    user_message=each,
                    run_id=run_id,
                    timestamp=time.time(),
                    step_key="talk",
                    job_name="talking",
                )
            )

    def page(self, run_id: str, cursor: Any, limit: int) -> tuple[list[str], Any]:
        found = self._instance.get_records_for_run(run_id, cursor, limit=limit)
        return [record.event_log_entry.user_message for record in found.records], found.cursor

    def close(self) -> None:
        self._instance.dispose()


def open_instance(directory: Path, postgres_url: str | None) -> Instance:
    """The instance in a directory, its runs and events in SQLite files there or in a PostgreSQL database."""
    directory.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {"telemetry": {"enabled": False}}
    if postgres_url:
        # Its own driver: SQLAlchemy 2.1 would take psycopg 3, which dagster-postgres does not bring.
        postgres_url = postgres_url.replace("postgresql:", "postgresql+psycopg2:")
        config["storage"] = {"postgres": {"postgres_url": postgres_url}}
    (directory / "dagster.yaml").write_text(json.dumps(config))  # JSON is YAML
    return Instance(directory)
