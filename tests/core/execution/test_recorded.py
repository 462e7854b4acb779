"""What is recorded of a run whose config has secrets written out: everything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    DagsterInvalidConfigError,
    EventMetadataEntry,
    Field,
    ModeDefinition,
    Output,
    StringSource,
    execute_pipeline,
    execute_run,
    pipeline,
    reexecute_pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.config import NOT_KEPT, Secret, without_secrets
from core.events.records import EventLogEntry
from core.execution.recorded import NAME_FIELDS, hiding
from core.retention.value_users import count_users
from core.serdes import to_json

KEY, PIN, NESTED = "hunter2-é\"'", 987654, "tok-in-a-list"
CONFIG: dict[str, Any] = {
    "key": KEY, "pin": PIN, "free": {"a": [{"token": NESTED}], "same": KEY}, "plain": "hunter", "months": [1, 2],
    "from_environment": {"env": "A_SECRET"},
}  # fmt: skip
SCHEMA = {
    "key": Field(str, is_secret=True), "pin": Field(int, is_secret=True), "free": dict, "plain": str, "months": [int],
    "from_environment": Field(StringSource, is_secret=True), "fail": Field(bool, default_value=False),
}  # fmt: skip


@solid(config_schema=SCHEMA)
def tells(context: Any) -> Any:
    context.log.info(f"with {KEY} and {PIN}")
    if context.solid_config["fail"]:
        raise ValueError(f"{KEY} is not accepted")
    return context.run_config["solids"]["tells"]["config"]["key"]


@pipeline
def telling() -> None:
    tells()


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("A_SECRET", "of-the-environment")
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def run_config(**changed: Any) -> dict[str, Any]:
    return {"solids": {"tells": {"config": {**CONFIG, **changed}}}}


@pytest.mark.parametrize("fails", [False, True])
def test_secrets_that_are_written_out_are_not_kept(instance: DagsterInstance, fails: bool, tmp_path: Path) -> None:
    result = execute_pipeline(telling, run_config(fail=fails), instance=instance, raise_on_error=False)
    assert result.success is not fails
    if not fails:
        assert result.output_for_solid("tells") == KEY, "the run itself has its config"
    kept = instance.get_existing_run(result.run_id).run_config["solids"]["tells"]["config"]
    free = {"a": [{"token": NOT_KEPT}], "same": NOT_KEPT}
    assert kept == {**CONFIG, "fail": fails, "key": NOT_KEPT, "pin": NOT_KEPT, "free": free}
    events = instance.all_logs(result.run_id)
    assert any(f"with {'*' * len(KEY)} and ******" in entry.message for entry in events)
    assert [entry for entry in events if KEY in entry.message or to_json(KEY)[1:-1] in to_json(entry)] == []
    instance.dispose()
    databases = [path for path in tmp_path.rglob("*") if path.is_file() and ".db" in path.name]
    written = b"".join(path.read_bytes() for path in databases)
    assert [text for text in (KEY, to_json(KEY)[1:-1], str(PIN), NESTED) if text.encode() in written] == []
    assert b"hunter" in written, "which is no secret"


def test_a_run_whose_secrets_are_not_kept_is_not_executed_again_without_them(instance: DagsterInstance) -> None:
    parent = execute_pipeline(telling, run_config(), instance=instance).run_id
    with pytest.raises(DagsterInvalidConfigError) as caught:
        reexecute_pipeline(telling, parent, instance=instance)
    said = str(caught.value).splitlines()
    place = "  solids.tells.config"
    told = ": this secret was written out, so it is not kept; give it again, best as {env: NAME}"
    assert said[1:] == [f"{place}.{name}{told}" for name in ("key", "pin", "free.a[0].token", "free.same")]
    assert instance.get_runs_count() == 1
    assert reexecute_pipeline(telling, parent, run_config(), instance=instance).success


def test_a_run_that_is_stored_to_be_executed_later_keeps_its_config(instance: DagsterInstance) -> None:
    stored = instance.create_run("telling", None, run_config())
    assert instance.get_existing_run(stored.run_id).run_config == run_config()
    assert execute_run(telling, stored, instance).output_for_solid("tells") == KEY


def test_what_is_short_or_of_the_environment_is_left() -> None:
    config = {"a": "abc", "b": True, "c": None, "d": 1.5, "e": {"env": "NAME"}, "f": ("long", "other")}
    secrets = [Secret("abc"), Secret("True"), Secret("None"), Secret("NAME", "NAME"), Secret("long")]
    assert without_secrets(config, secrets) == {**config, "f": [NOT_KEPT, "other"]}


def test_a_value_that_holds_a_secret_is_not_kept_and_keys_are_names() -> None:
    config = {"url": "postgresql://me:hunter2@host/db", "headers": ["Bearer hunter2", "hunter"], "hunter2": 1}
    kept = {"url": NOT_KEPT, "headers": [NOT_KEPT, "hunter"], "hunter2": 1}
    assert without_secrets(config, [Secret("hunter2")]) == kept


@given(st.text(st.sampled_from("aé😀\n\t\r\\'\"\x00\x1b\x7f\u2028 <%"), min_size=4))
def test_a_secret_is_hidden_however_a_text_spells_it(secret: str) -> None:
    assume(len(secret.strip()) >= 4)
    kept: list[EventLogEntry] = []
    put = hiding([Secret(secret)], kept.append)
    in_quotes = [repr(secret), ascii(secret), json.dumps(secret), to_json(secret), str(KeyError(secret))]
    for text in (secret, secret.strip(), *(each[1:-1] for each in in_quotes)):
        put(EventLogEntry(None, f"({text})", 10, f"({text})", "run", 1.0))
        assert kept[-1].message == kept[-1].user_message == f"({'*' * len(text)})"


NAMES = ["tell", "tells", "step", "STEP_SUCCESS", "type", "event_type", "name", "message", "path", "telling", "result"]


@pytest.mark.parametrize("secret", [*NAMES, "text", "label", "config", "-inf", "json", "core", "true", "io_manager"])
def test_a_secret_that_is_also_a_name_changes_no_name(instance: DagsterInstance, secret: str) -> None:
    result = execute_pipeline(naming, {"solids": {"tells": {"config": {"key": secret}}}}, instance=instance)
    other = execute_pipeline(naming, {"solids": {"tells": {"config": {"key": "none of them"}}}}, instance=instance)

    def names(run_id: str) -> list[object]:
        events = [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event is not None]
        return [(each.event_type_value, each.pipeline_name, each.step_key, each.solid_name) for each in events]

    assert result.success
    assert names(result.run_id) == names(other.run_id)
    assert [key.path for key in instance.all_asset_keys()] == [("tells", "path")]
    made = next(each for each in instance.all_logs(result.run_id) if "ASSET" in str(each.dagster_event))
    assert made.dagster_event is not None
    entries = made.dagster_event.event_specific_data.metadata_entries  # type: ignore[union-attr]
    stars = "*" * len(secret)
    assert entries[0].entry_data.text == f"with {stars}"
    assert entries[1].entry_data.data == {stars: [stars, float("inf"), {"at": None}]}
    assert entries[2].entry_data.value == float("-inf")


def test_an_address_with_a_secret_in_it_is_still_found(instance: DagsterInstance, tmp_path: Path) -> None:
    @solid(version="1", config_schema={"key": Field(str, is_secret=True)})
    def one(_context: Any) -> int:
        return 1

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})])
    def stored() -> None:
        one()

    folder = tmp_path / "warehouse"
    config = {
        "solids": {"one": {"config": {"key": "warehouse"}}},
        "resources": {"io_manager": {"config": {"base_dir": str(folder)}}},
    }
    execute_pipeline(stored, config, instance=instance, memoize=True)
    assert execute_pipeline(stored, config, instance=instance, memoize=True).memoized_step_keys == ["one"]
    [value] = [path for path in folder.rglob("*") if path.is_file()]
    assert count_users(instance, [str(value)]) == {str(value): 2}


TEXTS = {
    "message", "user_message", "cls_name", "stack", "user_failure_description", "type_check_description", "description",
    "label", "text", "url", "path", "data", "md_str", "module", "name", "tags", "facts", "solids", "unversioned",
    "marker_start", "marker_end",
}  # fmt: skip


def test_every_field_of_an_event_is_a_name_or_a_text() -> None:
    """A new field that may hold text has to be put where it belongs: among the names of the module, or here."""
    seen: set[Any] = set()
    fields: set[str] = set()

    def holds_text(kind: Any) -> bool:
        if isinstance(kind, msgspec.inspect.StructType):
            if kind.cls not in seen:
                seen.add(kind.cls)
                fields.update([each.name for each in kind.fields if holds_text(each.type)])
            return False  # its fields do
        inner = [*getattr(kind, "types", ()), *getattr(kind, "item_types", ())]
        inner += filter(None, (getattr(kind, name, None) for name in ("item_type", "key_type", "value_type")))
        is_text = isinstance(kind, msgspec.inspect.StrType | msgspec.inspect.AnyType)
        return is_text | (True in [holds_text(each) for each in inner])

    holds_text(msgspec.inspect.type_info(EventLogEntry))
    assert len(seen) > 30
    assert fields == NAME_FIELDS | TEXTS
    assert not NAME_FIELDS & TEXTS


@solid(config_schema={"key": Field(str, is_secret=True)})
def names_all(context: Any) -> Any:
    key = context.solid_config["key"]
    entries = [
        EventMetadataEntry.text(f"with {key}", "0"),
        EventMetadataEntry.json({key: [key, float("inf"), {"at": None}]}, "1"),
        EventMetadataEntry.float(float("-inf"), "2"),
    ]
    yield AssetMaterialization(AssetKey(["tells", "path"]), metadata_entries=entries)
    yield Output(1)


@pipeline
def naming() -> None:
    names_all.alias("tells")()
