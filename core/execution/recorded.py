"""What is recorded of a run: all of it but the secrets that were written out in its config."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from core.config import SHORTEST_SECRET, Secret, without_secrets
from core.events.records import EventLogEntry
from core.log_manager import EventSink
from core.records.pipeline_run import PipelineRun
from core.serdes import from_json, to_json


def as_stored(run: PipelineRun, secrets: Collection[Secret]) -> PipelineRun:
    """The record of a run, whose config has no secret in it; see `without_secrets`."""
    return msgspec.structs.replace(run, run_config=without_secrets(run.run_config, secrets))


def hiding(secrets: Collection[Secret], put: EventSink) -> EventSink:
    """A sink that puts asterisks in the place of secrets, which messages and errors of the user's code may hold.

    Args:
        secrets: of the run. Those that came from the environment are not looked for, which would cost each event of
            most runs.
        put: the sink.
    """
    texts = {each.value for each in secrets if each.variable is None and len(each.value) >= SHORTEST_SECRET}
    if not texts:
        return put
    escaped = [to_json(text, replace_surrogates=True)[1:-1] for text in texts]

    def put_without_secrets(entry: EventLogEntry) -> None:
        text = to_json(entry, replace_surrogates=True)
        if any(secret in text for secret in escaped):
            entry = from_json(EventLogEntry, to_json(_starred(msgspec.json.decode(text), texts)))
        put(entry)

    return put_without_secrets


def _starred(value: Any, texts: Collection[str]) -> Any:
    if isinstance(value, dict):
        return {_starred(key, texts): _starred(item, texts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_starred(item, texts) for item in value]
    if isinstance(value, str):
        for text in sorted(texts, key=len, reverse=True):
            value = value.replace(text, "*" * len(text))
    return value
