"""What a run was given is what its record says; config, tags and metadata that JSON cannot hold are refused or kept."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    AssetMaterialization,
    DagsterInstance,
    EventMetadata,
    Output,
    execute_pipeline,
    execute_run,
    pipeline,
    reexecute_pipeline,
    solid,
)
from core.config import not_recordable
from core.errors import DagsterInvalidConfigError, DagsterInvalidDefinitionError
from core.events.metadata import EventMetadataEntry
from core.events.user_events import normalize_tags
from core.records.pipeline_run import PipelineRun
from core.serdes import from_json, to_json

seen: list[Any] = []


@solid(config_schema=dict)
def sees(context: Any) -> None:
    seen.append(context.solid_config)


@pipeline
def seeing() -> None:
    sees()


def config(value: Any) -> dict[str, Any]:
    return {"solids": {"sees": {"config": {"value": value}}}}


@pytest.fixture(params=["memory", "disk"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DagsterInstance]:
    made = DagsterInstance.ephemeral() if request.param == "memory" else DagsterInstance.local_temp(str(tmp_path))
    with made as instance:
        yield instance


def itself() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


UNRECORDABLE = [
    (math.inf, "solids.sees.config.value: the number inf is not recorded as it is; write a finite number"),
    (-math.inf, "the number -inf"),
    ([1, math.nan], r"solids.sees.config.value[1]: the number nan"),
    (datetime.date(2020, 1, 2), "a value of type date is not recorded as it is; write it as text, in quotes"),
    (datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), "a value of type datetime"),
    ({2020: 1}, "solids.sees.config.value: the key 2020 is not recorded as it is; write it as text, in quotes"),
    ({"a": {None: 1}}, "solids.sees.config.value.a: the key None"),
    ({1, 2}, "a value of type set is not recorded as it is; write a list"),
    ((1, 2), "a value of type tuple is not recorded as it is; write a list"),
    (b"bytes", "a value of type bytes"),
    (10**400, "a number of more than 300 digits"),
    ("\udce9", "text with a lone surrogate"),
    (Path("a"), "a value of type PosixPath"),
    ({10**5000: 1}, "the key of type int is not recorded as it is"),
    (numpy.array([1, 2]), "a value of type ndarray"),
    (pandas.NA, "a value of type NAType"),
    (itself(), "it is nested too deeply: at most 100 levels are recorded"),
]


@pytest.mark.parametrize(("value", "said"), UNRECORDABLE, ids=[said for _, said in UNRECORDABLE])
def test_config_that_would_not_come_back_is_refused_by_its_path(
    value: Any, said: str, instance: DagsterInstance
) -> None:
    seen.clear()
    for refused in (
        lambda: execute_pipeline(seeing, config(value), instance=instance),
        lambda: instance.create_run("seeing", run_config=config(value)),
        lambda: execute_run(seeing, instance.add_run(PipelineRun("seeing", run_config=config(value))), instance),
    ):
        with pytest.raises(DagsterInvalidConfigError) as raised:
            refused()
        assert said in str(raised.value)
    assert instance.get_runs() == []
    assert seen == []


def test_a_fault_is_told_once_with_all_others(instance: DagsterInstance) -> None:
    given_config = {"solids": {"sees": {"config": {"value": math.inf}, "else": 1}}, "resources": (1,)}
    with pytest.raises(DagsterInvalidConfigError) as raised:
        execute_pipeline(seeing, given_config, instance=instance)
    paths = [error.path for error in raised.value.errors]
    assert len(paths) == len(set(paths)) == 3


def test_what_ran_is_what_is_recorded_and_executed_again(instance: DagsterInstance) -> None:
    seen.clear()
    value = {"a": [1, 1.0, -0.0, True, None, "é\0", 2**70, {"": []}], "b": {}, "c": 5e-324}
    first = execute_pipeline(seeing, config(value), instance=instance)
    stored = instance.get_existing_run(first.run_id).run_config
    assert repr(stored) == repr(config(value))  # equal, of the same types, in the same order
    reexecute_pipeline(seeing, first.run_id, instance=instance)
    assert repr(seen) == repr([{"value": value}] * 2)


@given(st.recursive(st.floats() | st.integers() | st.text() | st.dates() | st.none(), st.lists, max_leaves=4))
def test_a_tag_is_text_that_says_the_value_or_is_refused(value: Any) -> None:
    if isinstance(value, str):
        assert normalize_tags({"tag": value}, "the run") == {"tag": value}
    elif list(not_recordable(value)):
        with pytest.raises(DagsterInvalidDefinitionError, match=r"tags of the run, tag 'tag': .* is not recorded"):
            normalize_tags({"tag": value}, "the run")
    else:
        text = normalize_tags({"tag": value}, "the run")["tag"]
        assert repr(from_json(list, f"[{text}]")) == repr([value])


SPECIAL = [math.nan, math.inf, -math.inf]


def test_special_numbers_in_metadata_are_kept(instance: DagsterInstance) -> None:
    @solid
    def measures(_context: Any) -> Iterator[Any]:
        metadata = {str(number): number for number in SPECIAL}
        nested = {"json": EventMetadata.json({"means": [*SPECIAL, 1.5, {"of": math.nan}]})}
        yield AssetMaterialization("measured", metadata={**metadata, **nested, "plain": 2.5})
        yield Output(1)

    @pipeline
    def measuring() -> None:
        measures()

    result = execute_pipeline(measuring, instance=instance)
    [made] = [
        entry.dagster_event.event_specific_data
        for entry in instance.all_logs(result.run_id)
        if entry.dagster_event and entry.dagster_event.event_type_value == "ASSET_MATERIALIZATION"
    ]
    data = {entry.label: entry.entry_data for entry in made.materialization.metadata_entries}  # type: ignore[union-attr]
    assert repr([data[str(number)].value for number in SPECIAL]) == "[nan, inf, -inf]"
    assert repr(data["json"].data) == "{'means': [nan, inf, -inf, 1.5, {'of': nan}]}"
    assert data["plain"].value == 2.5


@given(st.floats())
def test_any_number_in_metadata_comes_back(number: float) -> None:
    entry = EventMetadataEntry.float(number, "number")
    found = from_json(EventMetadataEntry, to_json(entry))
    assert repr(found) == repr(entry)
    assert "text" not in to_json(entry) or not math.isfinite(number)
