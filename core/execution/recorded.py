"""What is recorded of a run: all of it but the secrets that were written out in its config."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from core.config import SHORTEST_SECRET, Secret, without_secrets, written_out
from core.events.metadata import FloatMetadataEntryData, JsonMetadataEntryData
from core.events.records import EventLogEntry
from core.log_manager import EventSink
from core.records.pipeline_run import PipelineRun
from core.serdes import from_json, to_json


def as_stored(run: PipelineRun, secrets: Collection[Secret]) -> PipelineRun:
    """The record of a run, whose config has no secret in it; see `without_secrets`."""
    return msgspec.structs.replace(run, run_config=without_secrets(run.run_config, secrets))


NAME_FIELDS = frozenset(
    {
        "run_id", "pipeline_name", "event_type_value", "step_key", "step_keys", "solid_name", "log_key", "definition",
        "input_name", "output_name", "mapping_key", "manager_key", "version", "stamp", "outputs", "resources",
        "upstream_step_key", "upstream_output_name", "upstream_mapping_key", "refreshed", "asset_path", "partition",
        "address", "lost", "hook_name", "partitions", "materialized", "expanded",
    }
)  # fmt: skip
"""Fields by which the engine finds things, as it finds who uses a value by its address. A password may be the same word
as one of them, or a part of it.
"""


def hiding(secrets: Collection[Secret], put: EventSink) -> EventSink:
    """A sink that puts asterisks in the place of secrets, which messages and errors of the user's code may hold.

    Args:
        secrets: of the run. Those that came from the environment are not looked for, which would cost each event of
            most runs.
        put: the sink.
    """
    texts = {spelling for secret in written_out(secrets) for spelling in _spellings(secret)}
    if not texts:
        return put
    escaped = [to_json(text, replace_surrogates=True)[1:-1] for text in texts]
    longest_first = sorted(texts, key=len, reverse=True)

    def put_without_secrets(entry: EventLogEntry) -> None:
        text = to_json(entry, replace_surrogates=True)
        if any(secret in text for secret in escaped):
            entry = _starred(entry, longest_first)
        put(entry)

    return put_without_secrets


def starring(secrets: Collection[Secret]) -> Callable[[str], str]:
    """Puts asterisks in the place of secrets in a text, also of those that came from the environment.

    For what the engine itself tells of config, which is recorded and printed.
    """
    long = {each.value for each in secrets if len(each.value) >= SHORTEST_SECRET}
    texts = sorted({spelling for each in long for spelling in _spellings(each)}, key=len, reverse=True)
    return (lambda text: _starred_text(text, texts)) if texts else str


def _spellings(secret: str) -> set[str]:
    """How a secret stands in texts: as it is, stripped, and as Python and JSON write it (`'a\\nb'`)."""
    import json  # few runs have secrets that are written out

    bare = secret.strip()
    written = {to_json(secret, replace_surrogates=True), json.dumps(secret), repr(secret), ascii(secret)}
    return {secret, *(each[1:-1] for each in written), *([bare] if len(bare) >= SHORTEST_SECRET else [])}


def _starred(value: Any, texts: Sequence[str]) -> Any:
    """A record with asterisks in all that is text for people; names in it, and keys of its mappings, stay."""
    if isinstance(value, JsonMetadataEntryData):
        return JsonMetadataEntryData(_starred_json(value, texts))
    if isinstance(value, FloatMetadataEntryData):
        return value
    if isinstance(value, msgspec.Struct):
        told = [name for name in value.__struct_fields__ if name not in NAME_FIELDS]
        return msgspec.structs.replace(value, **{name: _starred(getattr(value, name), texts) for name in told})
    if isinstance(value, Mapping):
        return {key: _starred(item, texts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_starred(item, texts) for item in value)
    return _starred_text(value, texts) if isinstance(value, str) else value


def _starred_json(entry: JsonMetadataEntryData, texts: Sequence[str]) -> Any:
    def starred(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {starred(key): starred(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [starred(item) for item in value]
        return _starred_text(value, texts) if isinstance(value, str) else value

    # What has no text of its own may hold whatever becomes JSON.
    return starred(
        entry.data if entry.text is not None else from_json(Any, to_json(entry.data, replace_surrogates=True))
    )


def _starred_text(text: str, texts: Sequence[str]) -> str:
    for secret in texts:
        text = text.replace(secret, "*" * len(secret))
    return text
