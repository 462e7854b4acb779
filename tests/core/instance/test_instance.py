"""The instance: what it holds, how it crosses processes, what it leaves behind."""

import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.compute_logs.names import ComputeIOType
from core.errors import (
    DagsterHomeNotSetError,
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    DagsterRunAlreadyExists,
    DagsterRunNotFoundError,
)
from core.events import AssetKey, DagsterEvent, EventLogEntry, EventMetadataEntry, StepOutputHandle
from core.events.payloads import EngineEventData, HandledOutputData, StepMaterializationData
from core.instance import DagsterInstance, InstanceRef, persistent_instance
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus
from core.serdes import SerializableErrorInfo, to_json

RUN = PipelineRun("flights", "run-1", tags={"team": "data"})
MAKERS: dict[str, Callable[[Path], DagsterInstance]] = {
    "ephemeral": lambda path: DagsterInstance.ephemeral(str(path)),
    "persistent": lambda path: DagsterInstance.local_temp(str(path)),
}


@pytest.fixture(params=MAKERS)
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DagsterInstance]:
    with MAKERS[request.param](tmp_path) as made:
        yield made


def happened(event_type: str, data: Any = None, step_key: str | None = None) -> EventLogEntry:
    event = DagsterEvent(event_type, "flights", "m", step_key, event_specific_data=data)
    return EventLogEntry(None, "m", 10, "m", "run-1", 1.0, step_key, "flights", event)


def test_runs(instance: DagsterInstance) -> None:
    assert instance.add_run(RUN) == RUN
    with pytest.raises(DagsterRunAlreadyExists):
        instance.add_run(RUN)
    assert instance.get_run_by_id("run-1") == instance.get_existing_run("run-1") == RUN
    assert instance.has_run("run-1")
    assert instance.get_runs(PipelineRunsFilter(tags={"team": "data"}), limit=5) == [RUN]
    assert instance.get_run_records()[0].pipeline_run == RUN
    assert instance.get_runs_count() == 1
    instance.add_run_tags("run-1", {"more": "x"})
    assert instance.get_existing_run("run-1").tags == {"team": "data", "more": "x"}
    assert instance.get_run_by_id("run-2") is None
    with pytest.raises(DagsterRunNotFoundError, match="No run 'run-2' in this instance") as caught:
        instance.get_existing_run("run-2")
    assert caught.value.invalid_run_id == "run-2"


def test_a_new_run_is_made_of_what_is_given_and_of_defaults(instance: DagsterInstance) -> None:
    plain = instance.create_run("flights")
    assert plain == PipelineRun("flights", plain.run_id)
    assert plain == instance.get_existing_run(plain.run_id)
    whole = instance.create_run(
        pipeline_name="flights",
        run_id="run-2",
        run_config={"solids": {}},
        mode="prod",
        solids_to_execute=frozenset({"a"}),
        step_keys_to_execute=["a"],
        status=PipelineRunStatus.QUEUED,
        tags={"team": "data"},
        root_run_id=plain.run_id,
        parent_run_id=plain.run_id,
        solid_selection=["a*"],
    )
    lineage = (plain.run_id, plain.run_id)
    assert whole == PipelineRun(
        "flights", "run-2", {"solids": {}}, "prod", ["a*"], frozenset({"a"}), ["a"], PipelineRunStatus.QUEUED,
        {"team": "data"}, *lineage,
    )  # fmt: skip
    assert instance.get_runs() == [whole, plain]
    assert instance.get_run_tags() == [("team", {"data"})]
    with pytest.raises(DagsterRunAlreadyExists):
        instance.create_run("flights", "run-2")


@pytest.mark.parametrize(
    ("method", "status", "event_type"),
    [
        ("report_run_canceling", PipelineRunStatus.CANCELING, "PIPELINE_CANCELING"),
        ("report_run_canceled", PipelineRunStatus.CANCELED, "PIPELINE_CANCELED"),
        ("report_run_failed", PipelineRunStatus.FAILURE, "PIPELINE_FAILURE"),
    ],
)
def test_the_end_of_a_run_is_reported_from_outside(
    method: str, status: PipelineRunStatus, event_type: str, instance: DagsterInstance
) -> None:
    run = instance.add_run(RUN)
    report = getattr(instance, method)
    first, second = report(run), report(run, "the machine was taken away")
    assert instance.get_existing_run("run-1").status is status
    assert [entry.dagster_event for entry in instance.all_logs("run-1")] == [first, second]
    assert (first.event_type_value, second.message) == (event_type, "the machine was taken away")
    assert first.message


def test_events_are_told_to_who_watches(instance: DagsterInstance) -> None:
    told, has_ended = [], threading.Event()

    def watch(entry: EventLogEntry) -> None:
        told.append(entry)
        if entry.dagster_event is not None and entry.dagster_event.event_type_value == "PIPELINE_SUCCESS":
            has_ended.set()

    instance.add_run(RUN)
    instance.handle_new_event(happened("PIPELINE_START"))
    instance.watch_event_logs("run-1", -1, watch)
    instance.handle_new_events([happened("STEP_START", step_key="s"), happened("PIPELINE_SUCCESS")])
    assert has_ended.wait(timeout=30)
    assert told == instance.all_logs("run-1")
    instance.end_watch_event_logs("run-1", watch)


def test_assets(instance: DagsterInstance) -> None:
    key, other = AssetKey(["db", "table"]), AssetKey("file")
    first = happened("ASSET_MATERIALIZATION", StepMaterializationData(key.path, partition="1"), "s")
    second = happened("ASSET_MATERIALIZATION", StepMaterializationData(key.path, partition="2"), "s")
    third = happened("ASSET_MATERIALIZATION", StepMaterializationData(other.path), "s")
    instance.handle_new_events([first, second, third])
    assert instance.all_asset_keys() == [key, other]
    assert [entry for _, entry in instance.events_for_asset_key(key)] == [second, first]
    ((cursor, entry),) = instance.events_for_asset_key(key, partitions=["1"])
    assert entry == first
    assert [entry for _, entry in instance.events_for_asset_key(key, after_cursor=cursor, ascending=True)] == [second]
    assert (instance.has_asset_key(key), instance.has_asset_key(AssetKey("db"))) == (True, False)
    instance.wipe_assets([key, AssetKey("never made")])
    assert instance.all_asset_keys() == [other]
    assert len(instance.all_logs("run-1")) == 3


def test_events_are_kept_and_set_the_runs_status(instance: DagsterInstance) -> None:
    instance.add_run(RUN)
    instance.handle_new_event(happened("PIPELINE_START"))
    assert instance.get_existing_run("run-1").status is PipelineRunStatus.STARTED
    last = [happened("STEP_START", step_key="s"), happened("STEP_SUCCESS", step_key="s"), happened("PIPELINE_SUCCESS")]
    instance.handle_new_events(last)
    assert instance.get_existing_run("run-1").is_success
    assert instance.all_logs("run-1") == [happened("PIPELINE_START"), *last]
    assert instance.all_logs("run-2") == []


def test_an_event_of_a_step_says_nothing_of_the_run(instance: DagsterInstance) -> None:
    instance.add_run(RUN)
    instance.handle_new_event(happened("PIPELINE_FAILURE", step_key="s"))
    assert instance.get_existing_run("run-1").status is PipelineRunStatus.NOT_STARTED


class Launcher:
    """Stands for whatever reports."""


def test_report_engine_event(instance: DagsterInstance) -> None:
    error = SerializableErrorInfo("OSError: no", (), "OSError")
    data = EngineEventData((EventMetadataEntry.int(7, "pid"),), error)
    event = instance.report_engine_event("died", RUN, data, Launcher, "clean", node="n1", count=3)
    (entry,) = instance.all_logs("run-1")
    assert entry.dagster_event == event
    assert (event.event_type_value, event.message, event.step_key) == ("ENGINE_EVENT", "[Launcher] died", "clean")
    assert isinstance(event.event_specific_data, EngineEventData)
    assert [each.label for each in event.event_specific_data.metadata_entries] == ["pid", "node", "count"]
    assert event.event_specific_data.error == entry.error_info == error
    assert (entry.run_id, entry.step_key, entry.pipeline_name) == ("run-1", "clean", "flights")
    assert "run-1" in entry.message
    plain = instance.report_engine_event("began", RUN)
    assert (plain.message, plain.step_key) == ("began", None)


def test_addresses_of_step_output_versions(instance: DagsterInstance) -> None:
    stored = HandledOutputData("result", "io_manager", "v1", "/data/v1")
    instance.handle_new_event(happened("HANDLED_OUTPUT", stored, "clean"))
    known, changed, unknown = (
        ("flights", StepOutputHandle("clean")),
        ("flights", StepOutputHandle("clean", "other")),
        ("trains", StepOutputHandle("clean")),
    )
    assert instance.get_addresses_for_step_output_versions({known: "v1", changed: "v1", unknown: "v1"}) == {
        known: "/data/v1",
        changed: None,
        unknown: None,
    }
    assert instance.get_addresses_for_step_output_versions({known: "v2"}) == {known: None}


def test_heartbeats(instance: DagsterInstance) -> None:
    first, second = DaemonHeartbeat(1.0, "SCHEDULER", "a"), DaemonHeartbeat(2.0, "SCHEDULER", "b")
    instance.add_daemon_heartbeat(first)
    instance.add_daemon_heartbeat(second)
    assert instance.get_daemon_heartbeats() == {"SCHEDULER": second}


@pytest.mark.parametrize(("method", "section"), [("launch_run", "run_launcher"), ("submit_run", "run_coordinator")])
def test_without_launcher_or_coordinator_it_says_what_to_do(method: str, section: str) -> None:
    instance = DagsterInstance.ephemeral()
    instance.add_run(RUN)
    with pytest.raises(
        DagsterInvariantViolationError,
        match=f"has no {section}; name a class for it in the section {section} of dagster.yaml",
    ):
        getattr(instance, method)("run-1", None)
    with pytest.raises(DagsterRunNotFoundError):
        getattr(instance, method)("run-2", None)


def test_where_things_are(instance: DagsterInstance, tmp_path: Path) -> None:
    assert instance.root_directory == str(tmp_path)
    assert Path(instance.storage_directory()).is_relative_to(tmp_path)


def test_what_is_persistent_is_there_the_next_time(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as first:
        first.add_run(RUN)
        first.handle_new_event(happened("PIPELINE_START"))
        assert (first.is_persistent, first.is_ephemeral) == (True, False)
    with DagsterInstance.from_config(str(tmp_path)) as second:
        assert second.get_existing_run("run-1").status is PipelineRunStatus.STARTED
        assert second.all_logs("run-1") == [happened("PIPELINE_START")]


def test_a_persistent_instance_is_its_ref(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        ref = instance.get_ref()
        assert ref == InstanceRef.from_dir(str(tmp_path))
        with DagsterInstance.from_ref(ref) as other:
            assert other.get_ref() == ref


OPEN_AND_READ = """
import os, sys
from core.instance import DagsterInstance, InstanceRef
from core.serdes import from_json
from core.records.pipeline_run import PipelineRun
with DagsterInstance.from_ref(from_json(InstanceRef, sys.stdin.read())) as instance:
    run = instance.get_existing_run("run-1")
    instance.add_run(PipelineRun(run.pipeline_name, "run-2", tags=run.tags))
    instance.report_engine_event("seen by another process", run)
    with instance.compute_log_manager.watch(run, "step"):
        os.write(1, b"hello from there")
    print(len(instance.all_logs("run-1")))
"""


def test_a_ref_crosses_to_another_process_and_both_use_one_instance(tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_run(RUN)
        instance.handle_new_event(happened("PIPELINE_START"))
        done = subprocess.run(
            [sys.executable, "-c", OPEN_AND_READ],
            input=to_json(instance.get_ref()),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "hello from there2\n"
        assert instance.get_existing_run("run-2").tags == {"team": "data"}
        assert instance.all_logs("run-1")[-1].user_message == "seen by another process"
        log = instance.compute_log_manager.read_logs_file("run-1", "step", ComputeIOType.STDOUT)
        assert log.data == "hello from there"


def test_an_ephemeral_instance_cannot_cross(tmp_path: Path) -> None:
    with pytest.raises(DagsterInvariantViolationError, match=r"Set \$DAGSTER_HOME to a directory"):
        DagsterInstance.ephemeral(str(tmp_path)).get_ref()


@pytest.mark.parametrize("make", [DagsterInstance.ephemeral, DagsterInstance.local_temp])
def test_a_directory_of_its_own_is_deleted_with_the_instance(make: Callable[[], DagsterInstance]) -> None:
    instance = make()
    directory = Path(instance.root_directory)
    assert directory.is_dir()
    (directory / "value").write_text("x")
    instance.dispose()
    assert directory.is_dir()
    del instance
    gc.collect()
    assert not directory.exists()


def test_an_ephemeral_instance_makes_no_directory_before_something_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with DagsterInstance.ephemeral() as instance:
        instance.add_run(RUN)
        assert list(tmp_path.iterdir()) == []
        directory = Path(instance.storage_directory()).parent
        assert list(tmp_path.iterdir()) == [directory]


def test_an_instance_that_cannot_be_made_leaves_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(DagsterInvalidConfigError):
        DagsterInstance.local_temp(overrides={"no such section": {}})
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_its_own_is_deleted_at_the_end_of_the_process() -> None:
    script = "from core.instance import DagsterInstance; kept = DagsterInstance.ephemeral(); print(kept.root_directory)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("/")
    assert not Path(done.stdout.strip()).exists()


def test_a_directory_that_was_given_is_kept(tmp_path: Path) -> None:
    for make in (DagsterInstance.ephemeral, DagsterInstance.local_temp):
        instance = make(str(tmp_path))
        instance.dispose()
        del instance
        gc.collect()
        assert tmp_path.is_dir()


def test_commands_that_need_an_instance_say_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(DagsterHomeNotSetError, match="export DAGSTER_HOME="):
        persistent_instance()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with persistent_instance() as instance:
        assert instance.is_persistent


def test_an_ephemeral_instance_imports_no_heavy_library() -> None:
    script = """
import sys
from core.instance import DagsterInstance
DagsterInstance.ephemeral()
print([name for name in ("sqlalchemy", "boto3", "yaml", "rich", "pandas", "cloudstore") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
