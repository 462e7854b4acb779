"""Every record to JSON and back."""

import enum
from pathlib import PurePosixPath
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DagsterInvariantViolationError
from core.events.event_types import DagsterEventType
from core.events.metadata import EventMetadataEntry
from core.events.payloads import (
    AssetLineageInfo,
    EventSpecificData,
    MemoizedOutput,
    StepMaterializationData,
    StepOutputHandle,
    VersionedStep,
)
from core.events.records import DagsterEvent, EventLogEntry
from core.events.user_events import AssetMaterialization, ExpectationResult
from core.instance import InstanceRef
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.origin import (
    ExternalPipelineOrigin,
    ExternalRepositoryOrigin,
    GrpcServerRepositoryLocationOrigin,
    InProcessRepositoryLocationOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
)
from core.records.pipeline_run import PipelineRun, PipelineRunStatus
from core.serdes import ConfigurableClassData, SerializableErrorInfo, from_json, to_json
from core.usage import Usage

PAYLOADS = get_args(EventSpecificData)

TEXT = st.text(max_size=8)
MAYBE_TEXT = st.none() | TEXT
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
TAGS = st.dictionaries(TEXT, TEXT, max_size=3)
ENTRIES = st.one_of(
    *(
        st.builds(make, value, TEXT, MAYBE_TEXT)
        for make, value in (
            (EventMetadataEntry.text, MAYBE_TEXT),
            (EventMetadataEntry.url, MAYBE_TEXT),
            (EventMetadataEntry.path, MAYBE_TEXT),
            (EventMetadataEntry.fspath, TEXT),
            (EventMetadataEntry.json, JSON),
            (EventMetadataEntry.md, MAYBE_TEXT),
            (EventMetadataEntry.int, st.none() | st.integers(-(2**63), 2**64 - 1)),
            (EventMetadataEntry.float, st.none() | NUMBERS),
        )
    )
)
ERRORS = st.recursive(
    st.builds(SerializableErrorInfo, TEXT, st.tuples(TEXT), MAYBE_TEXT, st.none()),
    lambda inner: st.builds(SerializableErrorInfo, TEXT, st.just(()), MAYBE_TEXT, inner),
    max_leaves=3,
)
# How to make what the payloads' fields hold.
FIELDS: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    bool: st.booleans(),
    float: NUMBERS,
    str | None: MAYBE_TEXT,
    tuple[str, ...]: st.lists(TEXT, max_size=3).map(tuple),
    StepOutputHandle: st.builds(StepOutputHandle, TEXT, TEXT, MAYBE_TEXT),
    SerializableErrorInfo | None: st.none() | ERRORS,
    Usage: st.builds(Usage, st.integers(0, 9), st.integers(0, 2**40), st.integers(0, 9), NUMBERS),
    tuple[EventMetadataEntry, ...]: st.lists(ENTRIES, max_size=3).map(tuple),
    tuple[AssetLineageInfo, ...]: st.lists(
        st.builds(AssetLineageInfo, st.lists(TEXT, max_size=3).map(tuple), st.lists(TEXT, max_size=2).map(tuple)),
        max_size=2,
    ).map(tuple),
    tuple[MemoizedOutput, ...]: st.lists(
        st.builds(MemoizedOutput, TEXT, TEXT, MAYBE_TEXT, MAYBE_TEXT, MAYBE_TEXT, st.booleans(), MAYBE_TEXT), max_size=3
    ).map(tuple),
    dict[str, str]: TAGS,
    dict[str, dict[str, str]]: st.dictionaries(TEXT, TAGS, max_size=3),
    tuple[VersionedStep, ...]: st.lists(
        st.builds(
            VersionedStep, TEXT, TEXT, st.tuples(TEXT), TAGS, st.dictionaries(TEXT, MAYBE_TEXT, max_size=3), TEXT
        ),
        max_size=3,
    ).map(tuple),
    ExpectationResult: st.builds(
        ExpectationResult, st.booleans(), MAYBE_TEXT, MAYBE_TEXT, st.lists(ENTRIES, max_size=2).map(tuple)
    ),
}


def payloads(payload_type: Any) -> st.SearchStrategy[Any]:
    # A KeyError here: a field of a new type; tell FIELDS how to make one.
    return st.builds(payload_type, **{field.name: FIELDS[field.type] for field in msgspec.structs.fields(payload_type)})


def entries(payload: st.SearchStrategy[Any]) -> st.SearchStrategy[EventLogEntry]:
    events = st.builds(
        DagsterEvent,
        st.sampled_from(DagsterEventType).map(lambda event_type: event_type.value),
        TEXT,
        MAYBE_TEXT,
        MAYBE_TEXT,
        MAYBE_TEXT,
        payload,
        st.integers(0, 2**22),
    )
    return st.builds(
        EventLogEntry,
        st.none() | ERRORS,
        TEXT,
        st.integers(0, 60),
        TEXT,
        TEXT,
        NUMBERS,
        MAYBE_TEXT,
        MAYBE_TEXT,
        st.none() | events,
    )


CLASS_DATA = st.builds(ConfigurableClassData, TEXT, TEXT, TEXT)
MAYBE_CLASS_DATA = st.none() | CLASS_DATA
CODE = st.builds(LoadableTargetOrigin, MAYBE_TEXT, python_file=TEXT, working_directory=MAYBE_TEXT)
LOCATIONS = st.one_of(
    st.builds(InProcessRepositoryLocationOrigin, CODE),
    st.builds(ManagedGrpcPythonEnvRepositoryLocationOrigin, CODE, MAYBE_TEXT),
    st.builds(GrpcServerRepositoryLocationOrigin, TEXT, st.integers(0, 65535)),
)
RUNS = st.builds(
    PipelineRun,
    TEXT,
    TEXT,
    st.dictionaries(TEXT, JSON, max_size=3),
    TEXT,
    st.none() | st.lists(TEXT, max_size=3),
    st.none() | st.frozensets(TEXT, max_size=3),
    st.none() | st.lists(TEXT, max_size=3),
    st.sampled_from(PipelineRunStatus),
    TAGS,
    MAYBE_TEXT,
    MAYBE_TEXT,
    MAYBE_TEXT,
    MAYBE_TEXT,
    st.none() | st.builds(ExternalPipelineOrigin, st.builds(ExternalRepositoryOrigin, LOCATIONS, TEXT), TEXT),
)


def goes_round(record: Any) -> None:
    text = to_json(record)
    assert from_json(type(record), text) == record
    assert from_json(type(record), text.encode()) == record


@pytest.mark.parametrize("payload_type", PAYLOADS, ids=lambda payload_type: payload_type.__name__)
@given(data=st.data())
@settings(max_examples=25)
def test_an_entry_with_each_payload(payload_type: Any, data: st.DataObject) -> None:
    entry = data.draw(entries(payloads(payload_type)))
    goes_round(entry)
    if entry.dagster_event is not None:
        assert type(from_json(EventLogEntry, to_json(entry)).dagster_event.event_specific_data) is payload_type  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "made",
    [
        AssetMaterialization("table"),
        AssetMaterialization(["db", "table"], "made", [EventMetadataEntry.int(3, "rows")], "2020", {"a": "b"}),
        AssetMaterialization("table", metadata={"rows": 3, "where": "here"}),
    ],
)
def test_a_materialization_comes_back_as_it_was_given(made: AssetMaterialization) -> None:
    data = from_json(StepMaterializationData, to_json(StepMaterializationData.of(made)))
    assert data.materialization == made


@given(entries(st.none()))
@settings(max_examples=25)
def test_an_entry_without_payload(entry: EventLogEntry) -> None:
    goes_round(entry)


@given(RUNS)
@settings(max_examples=100)
def test_a_run(run: PipelineRun) -> None:
    goes_round(run)


@given(CLASS_DATA)
@settings(max_examples=25)
def test_class_data(data: ConfigurableClassData) -> None:
    goes_round(data)


@given(
    st.builds(
        InstanceRef,
        CLASS_DATA,
        CLASS_DATA,
        CLASS_DATA,
        CLASS_DATA,
        MAYBE_CLASS_DATA,
        MAYBE_CLASS_DATA,
        MAYBE_CLASS_DATA,
        MAYBE_CLASS_DATA,
        st.dictionaries(TEXT, JSON, max_size=2),
        MAYBE_CLASS_DATA,
    )
)
@settings(max_examples=50)
def test_an_instance_ref(ref: InstanceRef) -> None:
    goes_round(ref)


@given(st.builds(DaemonHeartbeat, NUMBERS, TEXT, MAYBE_TEXT, st.lists(ERRORS, max_size=2).map(tuple)))
@settings(max_examples=25)
def test_a_heartbeat(beat: DaemonHeartbeat) -> None:
    goes_round(beat)


@pytest.mark.parametrize("payload_type", PAYLOADS)
def test_a_payload_is_stored_under_its_name(payload_type: Any) -> None:
    """Databases hold these names, so that a class cannot be renamed without a word."""
    assert payload_type.__struct_config__.tag == payload_type.__name__


@pytest.mark.parametrize("record_type", [PipelineRun, EventLogEntry, *PAYLOADS])
def test_records_are_frozen(record_type: Any) -> None:
    assert record_type.__struct_config__.frozen


def test_records_do_not_share_their_defaults() -> None:
    PipelineRun().run_config["a"] = 1
    PipelineRun().tags["a"] = "1"
    assert (PipelineRun().run_config, PipelineRun().tags) == ({}, {})


def test_a_field_of_a_newer_release_is_left_out() -> None:
    text = to_json({**msgspec.to_builtins(PipelineRun("p", "r")), "added_later": 1})
    assert from_json(PipelineRun, text) == PipelineRun("p", "r")


class Color(enum.Enum):
    RED = "red"


def test_what_users_put_into_configs_becomes_plain() -> None:
    value = {"color": Color.RED, "path": PurePosixPath("/a/b"), "pair": (1, 2)}
    assert from_json(dict, to_json(value)) == {"color": "red", "path": "/a/b", "pair": [1, 2]}


def deep_list() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "bad", [{"a": object()}, {"a": 1j}, {(1, 2): 3}, {"a": "\udce9"}, deep_list()], ids=lambda bad: type(bad).__name__
)
def test_what_json_cannot_hold_is_refused(bad: Any) -> None:
    with pytest.raises(DagsterInvariantViolationError, match=r"(?i)cannot be stored as JSON"):
        to_json(bad)


def test_lone_surrogates_are_written_out_on_request() -> None:
    entry = EventLogEntry(None, "file caf\udce9", 20, "é\ud800", "run", 0.0)
    stored = from_json(EventLogEntry, to_json(entry, replace_surrogates=True))
    assert (stored.message, stored.user_message, stored.run_id) == (r"file caf\udce9", r"é\ud800", "run")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pipeline_name": 1}', '{"status": "NEW"}'])
def test_text_that_is_no_such_record(text: str) -> None:
    with pytest.raises((msgspec.ValidationError, msgspec.DecodeError)):
        from_json(PipelineRun, text)


def test_a_runs_config_is_not_shown() -> None:
    assert "hunter2" not in repr(PipelineRun("p", run_config={"resources": {"s3": {"config": "hunter2"}}}))
