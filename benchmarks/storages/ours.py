"""An instance of this project."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import DagsterInstance, execute_pipeline, pipeline, solid
from core.events.records import EventLogEntry
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus


@solid(config_schema={"messages": int})
def talk(context: Any) -> None:
    for number in range(context.solid_config["messages"]):
        context.log.info(f"number {number}")


@pipeline
def talking() -> None:
    talk()


class Instance:
    """The Engine."""

    batch = 4

    def __init__(self, directory: Path) -> None:
        self._instance = DagsterInstance.from_config(str(directory))

    def new_run(self, run_id: str, tags: dict[str, str]) -> PipelineRun:
        return PipelineRun("talking", run_id=run_id, tags=tags)

    def add_run(self, run: PipelineRun) -> None:
        self._instance.add_run(run)

    def run_step(self, messages: int) -> str:
        config = {"solids": {"talk": {"config": {"messages": messages}}}}
        return execute_pipeline(talking, run_config=config, instance=self._instance).run_id

    def newest(self, limit: int, status: str | None = None, tags: dict[str, str] | None = None) -> list[str]:
        filters = PipelineRunsFilter(statuses=(PipelineRunStatus(status),) if status else None, tags=tags)
        return [record.pipeline_run.run_id for record in self._instance.get_run_records(filters, limit=limit)]

    def tags_of(self, run_id: str) -> dict[str, str] | None:
        run = self._instance.get_run_by_id(run_id)
        return None if run is None else run.tags

    def store(self, run_id: str, messages: Sequence[str]) -> None:
        now = time.time()
        self._instance.handle_new_events(
            [EventLogEntry(None, each, 20, each, run_id, now, "talk", "talking") for each in messages]
        )

    def page(self, run_id: str, cursor: int | None, limit: int) -> tuple[list[str], int | None]:
        records = self._instance.event_log_storage.get_records_for_run(run_id, cursor, limit=limit)
        messages = [record.event_log_entry.user_message for record in records]
        return messages, records[-1].storage_id if records else cursor

    def close(self) -> None:
        self._instance.dispose()


def open_instance(directory: Path, postgres_url: str | None) -> Instance:
    """The instance in a directory, its runs and events in SQLite files there or in a PostgreSQL database."""
    directory.mkdir(parents=True, exist_ok=True)
    if postgres_url:
        classes = {"run_storage": "PostgresRunStorage", "event_log_storage": "PostgresEventLogStorage"}
        config = {"postgres_url": postgres_url}
        sections = {
            section: {"module": "core.storage.postgres", "class": name, "config": config}
            for section, name in classes.items()
        }
        (directory / "dagster.yaml").write_text(json.dumps(sections))  # JSON is YAML
    return Instance(directory)
