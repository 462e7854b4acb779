"""What is recorded of a run whose config has secrets written out: everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    Field,
    StringSource,
    execute_pipeline,
    pipeline,
    reexecute_pipeline,
    solid,
)
from core.config import NOT_KEPT, Secret, without_secrets
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


def test_what_is_short_or_of_the_environment_is_left() -> None:
    config = {"a": "abc", "b": True, "c": None, "d": 1.5, "e": {"env": "NAME"}, "f": ("long", "other")}
    secrets = [Secret("abc"), Secret("True"), Secret("None"), Secret("NAME", "NAME"), Secret("long")]
    assert without_secrets(config, secrets) == {**config, "f": [NOT_KEPT, "other"]}
