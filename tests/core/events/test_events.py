"""Events, their entries in the log, and what users give: metadata, outputs, materializations."""

import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import DagsterInvalidDefinitionError
from core.events import (
    AssetKey,
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    EventLogEntry,
    EventMetadata,
    EventMetadataEntry,
    ExpectationResult,
    Failure,
    Materialization,
    Output,
    RetryRequested,
    StepOutputHandle,
    TypeCheck,
)
from core.events.metadata import (
    FloatMetadataEntryData,
    IntMetadataEntryData,
    JsonMetadataEntryData,
    PythonArtifactMetadataEntryData,
    TextMetadataEntryData,
)
from core.events.payloads import StepExpectationResultData, StepMaterializationData, StepOutputData
from core.events.user_events import normalize_tags


@pytest.mark.parametrize(
    ("given", "data"),
    [
        ("text", TextMetadataEntryData("text")),
        (3, IntMetadataEntryData(3)),
        (1.5, FloatMetadataEntryData(1.5)),
        (True, JsonMetadataEntryData(True)),
        ({"a": [1]}, JsonMetadataEntryData({"a": [1]})),
        ([1, None], JsonMetadataEntryData([1, None])),
        (EventMetadata.url("https://x"), EventMetadataEntry.url("https://x", "label").entry_data),
        (EventMetadata.path("/a/b"), EventMetadataEntry.path("/a/b", "label").entry_data),
        (EventMetadata.md("*a*"), EventMetadataEntry.md("*a*", "label").entry_data),
        (EventMetadata.json({"a": 1}), EventMetadataEntry.json({"a": 1}, "label").entry_data),
        (EventMetadata.python_artifact(Path), PythonArtifactMetadataEntryData("pathlib", "Path")),
        (EventMetadata.python_artifact(Path), EventMetadataEntry.python_artifact(Path, "label").entry_data),
        (EventMetadata.text("a"), EventMetadataEntry.text("a", "label").entry_data),
        (EventMetadata.int(1), EventMetadataEntry.int(1, "label").entry_data),
        (EventMetadata.float(1.0), EventMetadataEntry.float(1.0, "label").entry_data),
    ],
)
def test_metadata_by_label(given: Any, data: Any) -> None:
    (entry,) = Output(1, metadata={"label": given}).metadata_entries
    assert (entry.label, entry.description) == ("label", None)
    assert entry.entry_data == data
    assert type(entry.entry_data) is type(data)


@pytest.mark.parametrize("bad", [None, object(), (1, 2), Path("/a"), b"a"])
def test_metadata_of_no_kind_is_refused_by_its_label(bad: Any) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=f"'label' is of type {type(bad).__name__}; give a str"):
        Output(1, metadata={"label": bad})


@pytest.mark.parametrize("make", [AssetMaterialization, ExpectationResult, TypeCheck, Output, Failure])
def test_metadata_that_is_no_dict_is_refused(make: Any) -> None:
    for bad in (3, ["rows"], "rows", {"rows"}):
        said = rf"^metadata of an? {make.__name__} must be a dict; it is an? {type(bad).__name__}\. Write "
        with pytest.raises(DagsterInvalidDefinitionError, match=said):
            make(True if make in (ExpectationResult, TypeCheck) else "a", metadata=bad)


@pytest.mark.parametrize(
    "make", [lambda **given: Output(1, **given), lambda **given: AssetMaterialization("k", **given), Failure]
)
def test_entries_come_before_metadata(make: Any) -> None:
    made = make(metadata_entries=[EventMetadataEntry.int(1, "one")], metadata={"two": 2})
    assert [entry.label for entry in made.metadata_entries] == ["one", "two"]


def test_a_file_that_was_made_is_an_asset_with_its_path() -> None:
    made = AssetMaterialization.file("/data/rows.csv", "The rows.")
    assert (type(made), made.asset_key, made.description) == (
        AssetMaterialization,
        AssetKey("/data/rows.csv"),
        "The rows.",
    )
    assert made.metadata_entries == (EventMetadataEntry.fspath("/data/rows.csv"),)
    assert AssetMaterialization.file("/data/rows.csv", asset_key=["db", "rows"]).asset_key == AssetKey(["db", "rows"])
    with pytest.warns(DeprecationWarning, match="older form"):
        older = Materialization.file("/data/rows.csv", asset_key="rows")
    assert (type(older), older.label, older.asset_key) == (Materialization, "rows.csv", AssetKey("rows"))


def test_a_file_path_is_labelled_by_its_name() -> None:
    assert EventMetadataEntry.fspath("/data/in/table.csv").label == "table.csv"
    assert EventMetadataEntry.fspath("/data/in/table.csv", "input", "of today").label == "input"


def test_asset_keys() -> None:
    assert AssetKey("a") == AssetKey(["a"]) == AssetKey(("a",))
    assert AssetKey(["a", "b"]).to_string() == '["a","b"]'
    assert AssetKey("a") != AssetKey(["a", "b"])
    assert len({AssetKey("a"), AssetKey(["a"])}) == 1
    assert AssetMaterialization(["a", "b"]).asset_key == AssetKey(["a", "b"])
    assert AssetMaterialization(AssetKey("a")).asset_key == AssetKey("a")


@pytest.mark.parametrize("path", [3, None, ["a", 3], [["a"]], [None], {"a": 1}.items()])
def test_what_is_no_path_of_an_asset_says_so(path: Any) -> None:
    for make in (AssetKey, AssetMaterialization):
        with pytest.raises(
            DagsterInvalidDefinitionError,
            match=r"^(path of an AssetKey|asset_key of an AssetMaterialization) (must be|holds) ",
        ):
            make(path)


@pytest.mark.parametrize("make", [Output, AssetMaterialization, ExpectationResult, TypeCheck])
def test_metadata_entries_that_are_none_are_refused(make: Any) -> None:
    first = "key" if make is AssetMaterialization else True
    for entries in (["rows"], EventMetadataEntry.int(3, "rows"), {"rows": 3}):
        said = rf"^metadata_entries of an? {make.__name__} (must be|holds).*Write metadata="
        with pytest.raises(DagsterInvalidDefinitionError, match=said):
            make(first, metadata_entries=entries)


def test_outputs() -> None:
    assert Output(3).output_name == "result"
    assert (Output(3, "other").value, Output(3, "other").output_name) == (3, "other")
    assert StepOutputHandle("s") == StepOutputHandle("s", "result")
    given = StepOutputData(StepOutputHandle("s", "o", "k"))
    assert (given.output_name, given.mapping_key) == ("o", "k")
    assert sorted([StepOutputHandle("b"), StepOutputHandle("a", "z"), StepOutputHandle("a", "y")])[0].output_name == "y"


def test_what_solids_raise() -> None:
    assert str(Failure("no rows")) == "no rows"
    assert Failure().description is None
    assert RetryRequested().max_retries == 1
    assert RetryRequested(2, 0.5).seconds_to_wait == 0.5
    for bad in ({"max_retries": -1}, {"seconds_to_wait": -0.1}):
        with pytest.raises(DagsterInvalidDefinitionError, match="must be 0 or more"):
            RetryRequested(**bad)
    assert ExpectationResult(True, "label") == ExpectationResult(success=True, label="label")
    rows = ExpectationResult(False, "rows", metadata={"missing": 3})
    assert rows.metadata_entries == (EventMetadataEntry.int(3, "missing"),)
    assert StepExpectationResultData.of(rows).expectation_result == rows


@pytest.mark.parametrize("event_type", DagsterEventType)
def test_what_an_event_says_of_itself(event_type: DagsterEventType) -> None:
    event = DagsterEvent(event_type.value, "p", "message")
    assert event.event_type is event_type
    assert event.is_failure == (event_type.name in ("STEP_FAILURE", "PIPELINE_FAILURE"))
    assert event.log_level == (logging.ERROR if event.is_failure else logging.DEBUG)
    assert event.is_step_success == (event_type is DagsterEventType.STEP_SUCCESS)
    assert event.is_step_failure == (event_type is DagsterEventType.STEP_FAILURE)
    assert event.is_successful_output == (event_type is DagsterEventType.STEP_OUTPUT)
    assert event.is_step_materialization == (event_type is DagsterEventType.ASSET_MATERIALIZATION)
    assert not event.is_step_event
    assert DagsterEvent(event_type.value, "p", step_key="s").is_step_event
    assert event.pid == os.getpid()
    assert event_type.value == event_type.name


def test_entries_have_times_with_a_timezone() -> None:
    entry = EventLogEntry(None, "m", 10, "m", "r", 86400.0)
    assert entry.time == datetime(1970, 1, 2, tzinfo=UTC)
    assert not entry.is_dagster_event
    made = AssetMaterialization("k")
    event = DagsterEvent("ASSET_MATERIALIZATION", "p", event_specific_data=StepMaterializationData.of(made))
    assert EventLogEntry(None, "m", 10, "m", "r", 0.0, dagster_event=event).is_dagster_event


def test_tags_become_strings() -> None:
    assert normalize_tags({"a": "x", "b": {"cpu": 1}, "c": 3, "d": None}, "solid s") == {
        "a": "x",
        "b": '{"cpu":1}',
        "c": "3",
        "d": "null",
    }
    assert normalize_tags(None, "solid s") == {}
    for bad in ({1: "x"}, {"a": object()}):
        with pytest.raises(DagsterInvalidDefinitionError, match="Invalid tags of solid s"):
            normalize_tags(bad, "solid s")  # type: ignore[arg-type]


def test_an_output_is_shown_with_its_step_and_its_mapping_key() -> None:
    plain, mapped, of_mapped_step = (
        StepOutputHandle("s"),
        StepOutputHandle("s", "o", "k"),
        StepOutputHandle("s[k]", "o"),
    )
    assert [str(each) for each in (plain, mapped, of_mapped_step)] == ["s.result", "s.o[k]", "s[k].o"]
    assert [each.name_in_step for each in (plain, mapped, of_mapped_step)] == ["result", "o[k]", "o"]


def test_only_classes_and_functions_are_python_artifacts() -> None:
    for given in (3, "text", None):
        with pytest.raises(DagsterInvalidDefinitionError, match="a class or a function"):
            EventMetadata.python_artifact(given)


def test_the_older_form_of_a_materialization_warns_and_is_one() -> None:
    with pytest.warns(DeprecationWarning, match=r"write AssetMaterialization\('table'\)"):
        made = Materialization("table", "A table")
    assert isinstance(made, AssetMaterialization)
    assert (made.label, made.asset_key, made.description) == ("table", AssetKey("table"), "A table")
    quiet = Materialization("table", asset_key=["db", "table"], skip_deprecation_warning=True)
    assert StepMaterializationData.of(quiet).asset_path == ("db", "table")
    with pytest.raises(DagsterInvalidDefinitionError, match="needs a label or an asset_key"):
        Materialization(skip_deprecation_warning=True)
