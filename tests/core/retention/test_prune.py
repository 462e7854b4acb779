"""What retention leaves: by age and by count, of runs, events, compute logs and values."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    ModeDefinition,
    execute_pipeline,
    fs_io_manager,
    pipeline,
    reexecute_pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.compute_logs.names import ComputeIOType
from core.disk.atomic_file import atomic_write
from core.disk.deleting import delete_emptied
from core.errors import DagsterStorageError
from core.events import DagsterEvent
from core.records.pipeline_run import IN_PROGRESS_STATUSES, PipelineRun, PipelineRunStatus
from core.records.removal import Removal
from core.records.tags import COMPUTE_LOGS_PRUNED_TAG, EVENTS_PRUNED_TAG
from core.retention import prune as pruning
from core.retention import prune_values
from core.retention.prune import has_limits, prune

IN_A_DAY = datetime.now(UTC) + timedelta(days=1)
ON_DISK = ModeDefinition("disk", resource_defs={"io_manager": fs_io_manager})
MEMOIZED = ModeDefinition("memoized", resource_defs={"io_manager": versioned_filesystem_io_manager})


@solid(version="1", config_schema={"number": int})
def start(context: Any) -> int:
    print("starting with", context.solid_config["number"])
    return int(context.solid_config["number"])


@solid(version="1")
def double(number: int) -> int:
    return 2 * number


@pipeline(mode_defs=[ON_DISK, MEMOIZED])
def numbers() -> None:
    double(start())


def run(instance: DagsterInstance, number: int = 1, mode: str = "disk") -> str:
    config = {"solids": {"start": {"config": {"number": number}}}}
    return execute_pipeline(numbers, config, mode, instance=instance, memoize=mode == "memoized").run_id


def a_run(instance: DagsterInstance, status: PipelineRunStatus = PipelineRunStatus.SUCCESS) -> str:
    """A run without anything but its record."""
    return instance.create_run("numbers", status=status).run_id


@pytest.fixture(params=["sqlite", "consolidated", "postgres", "memory"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DagsterInstance]:
    overrides: dict[str, Any] = {}
    if request.param == "consolidated":
        config = {"base_dir": str(tmp_path / "history")}
        overrides["event_log_storage"] = _section("event_log", "ConsolidatedSqliteEventLogStorage", config)
    if request.param == "postgres":
        config = {"postgres_url": request.getfixturevalue("new_postgres_url")()}
        overrides["event_log_storage"] = _section("postgres", "PostgresEventLogStorage", config)
        overrides["run_storage"] = _section("postgres", "PostgresRunStorage", config)
    is_kept = request.param != "memory"
    made = DagsterInstance.local_temp(str(tmp_path), overrides) if is_kept else DagsterInstance.ephemeral(str(tmp_path))
    with made:
        yield made


@pytest.fixture
def on_disk(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def _section(module: str, name: str, config: dict[str, str]) -> dict[str, Any]:
    return {"module": f"core.storage.{module}", "class": name, "config": config}


def pruned(instance: DagsterInstance, now: datetime | None = None, **retention: dict[str, float]) -> list[Removal]:
    """Prunes, once it has seen that a dry run changes nothing and foretells all."""
    instance.retention = retention
    before = kept(instance)
    would_go = list(prune(instance, now, dry_run=True))
    assert kept(instance) == before
    went = list(prune(instance, now))
    assert went == would_go
    assert list(prune(instance, now)) == []
    vanished = before[0] - kept(instance)[0]
    assert vanished == {each.name for each in went if each.kind == "run"}
    for path in before[1] - kept(instance)[1]:
        assert any(Path(path).is_relative_to(each.name) for each in went)
    return went


def kept(instance: DagsterInstance) -> tuple[set[str], set[str], list[tuple[str, int, dict[str, str]]]]:
    """Ids of runs; files; how many events each run has, and its tags."""
    runs = instance.get_runs()
    files = {str(path) for path in Path(instance.storage_directory()).rglob("*") if path.is_file()}
    logs = [(each.run_id, len(instance.all_logs(each.run_id)), each.tags) for each in runs]
    return {each.run_id for each in runs}, files, logs


def run_ids(instance: DagsterInstance) -> list[str]:
    """Ids of the runs, the oldest first."""
    return [each.run_id for each in instance.get_runs()][::-1]


def values_of(removals: list[Removal], storage: str) -> set[str]:
    return {str(Path(each.name).relative_to(storage)) for each in removals if each.kind == "value"}


@pytest.mark.parametrize("retention", [{}, {"runs": {}}, {"runs": {}, "values": {}, "events": {}, "compute_logs": {}}])
def test_without_limits_nothing_goes(on_disk: DagsterInstance, retention: dict[str, Any]) -> None:
    run(on_disk)
    on_disk.retention = retention
    assert not has_limits(on_disk)
    assert list(prune(on_disk, IN_A_DAY)) == []
    assert has_limits(DagsterInstance.local_temp(overrides={"retention": {"values": {"max_count": 0}}}))


def test_runs_beyond_the_newest_go_with_all_they_have(instance: DagsterInstance) -> None:
    waiting, *ids = [a_run(instance, PipelineRunStatus.NOT_STARTED), *(run(instance) for _ in range(4))]
    in_progress = [a_run(instance, status) for status in sorted(IN_PROGRESS_STATUSES, key=str)]
    went = pruned(instance, runs={"max_count": 2})
    assert run_ids(instance) == [waiting, *ids[2:], *in_progress]
    assert [each.name for each in went if each.kind == "run"] == ids[:2]
    storage = Path(instance.storage_directory())
    assert {each.name for each in storage.iterdir()} == {*ids[2:]}
    assert [bool(instance.all_logs(each)) for each in ids] == [False, False, True, True]
    assert pruned(instance, runs={"max_count": 2}) == []
    pruned(instance, IN_A_DAY, runs={"max_count": 0, "max_age_days": 0.5})
    assert run_ids(instance) == [waiting, *in_progress]


def test_runs_go_by_when_they_ended(instance: DagsterInstance) -> None:
    long, short = a_run(instance, PipelineRunStatus.STARTED), a_run(instance, PipelineRunStatus.STARTED)
    end(instance, short)
    failed = a_run(instance, PipelineRunStatus.FAILURE)
    between = datetime.now(UTC)
    end(instance, long)
    unfinished, last = a_run(instance, PipelineRunStatus.STARTED), a_run(instance, PipelineRunStatus.CANCELED)
    assert pruned(instance, between, runs={"max_age_days": 1}) == []
    assert pruned(instance, between + timedelta(days=1.5), runs={"max_age_days": 1.5}) == [
        Removal("run", short),
        Removal("run", failed),
    ]
    assert run_ids(instance) == [long, unfinished, last]
    # Beyond either limit: the one by its age, the other by its place.
    end(instance, unfinished)
    assert pruned(instance, between, runs={"max_age_days": 1, "max_count": 2}) == [Removal("run", long)]


def end(instance: DagsterInstance, run_id: str) -> None:
    instance.run_storage.handle_run_event(run_id, DagsterEvent("PIPELINE_SUCCESS", "numbers"))


def test_a_time_without_a_zone_is_local(on_disk: DagsterInstance) -> None:
    run_id = a_run(on_disk)
    on_disk.retention = {"runs": {"max_age_days": 1}}
    assert list(prune(on_disk, datetime.now())) == []
    assert list(prune(on_disk, datetime.now() + timedelta(days=1.1))) == [Removal("run", run_id)]


def test_events_go_and_the_run_stays(instance: DagsterInstance) -> None:
    first, second = run(instance), run(instance)
    unfinished = a_run(instance, PipelineRunStatus.STARTED)
    instance.report_engine_event("hello", instance.get_existing_run(unfinished))
    files = kept(instance)[1]
    went = pruned(instance, events={"max_count": 1})
    assert {each.kind for each in went} == {"events"}
    assert [bool(instance.all_logs(each)) for each in (first, second, unfinished)] == [False, True, True]
    assert run_ids(instance) == [first, second, unfinished]
    assert instance.get_existing_run(first).is_success
    assert EVENTS_PRUNED_TAG in instance.get_existing_run(first).tags
    assert EVENTS_PRUNED_TAG not in instance.get_existing_run(second).tags
    assert kept(instance)[1] == files
    assert {each.kind for each in pruned(instance, IN_A_DAY, events={"max_age_days": 0.9})} == {"events"}
    assert [bool(instance.all_logs(each)) for each in (first, second, unfinished)] == [False, False, True]


def test_compute_logs_go_and_are_not_looked_for_again(on_disk: DagsterInstance) -> None:
    first, second = run(on_disk), run(on_disk)
    went = pruned(on_disk, compute_logs={"max_count": 1})
    folder = Path(on_disk.storage_directory(), first, "compute_logs")
    assert {each.name for each in went} == {str(folder / "start.out"), str(folder / ".completed")}
    read = on_disk.compute_log_manager.read_logs_file
    assert not read(first, "start", ComputeIOType.STDOUT).data
    assert read(second, "start", ComputeIOType.STDOUT).data == "starting with 1\n"
    assert COMPUTE_LOGS_PRUNED_TAG in on_disk.get_existing_run(first).tags
    assert on_disk.all_logs(first)
    asked: list[str] = []

    def delete_logs(run_id: str, dry_run: bool = False) -> list[Removal]:
        asked.append(run_id)
        return []

    on_disk.compute_log_manager.delete_logs = delete_logs  # type: ignore[method-assign]
    list(prune(on_disk, IN_A_DAY))
    on_disk.retention = {"compute_logs": {"max_age_days": 0.5}}
    list(prune(on_disk, IN_A_DAY))
    assert asked == [second]


def test_what_was_noted_of_a_run_is_not_said_of_its_reexecution(on_disk: DagsterInstance) -> None:
    first = run(on_disk)
    on_disk.add_run_tags(first, {"team": "data"})
    pruned(on_disk, compute_logs={"max_count": 0})
    again = reexecute_pipeline(numbers, first, instance=on_disk).run_id
    tags = on_disk.get_existing_run(again).tags
    assert tags["team"] == "data"
    assert not [key for key in tags if key.startswith(".")]


def test_values_that_a_kept_run_stored_or_found_stay(instance: DagsterInstance) -> None:
    run(instance, 1, "memoized")
    finder = run(instance, 1, "memoized")
    other = run(instance, 2, "memoized")
    assert pruned(instance, IN_A_DAY, values={"max_age_days": 0.1, "max_count": 0}) == []
    versions = kept_versions(instance)
    assert len(versions) == 4
    # The run that stored the value of 1 goes; the one that found it stays.
    assert pruned(instance, runs={"max_count": 2}, values={"max_count": 0})[-1].kind == "run"
    assert run_ids(instance) == [finder, other]
    assert kept_versions(instance) == versions
    # Which runs go, and so which values, in one call.
    went = pruned(instance, runs={"max_count": 1}, values={"max_count": 0})
    assert len(values_of(went, instance.storage_directory())) == 2
    assert kept_versions(instance) == versions - {each.name for each in went}
    # A run whose events went is kept, and so are its values.
    versions = kept_versions(instance)
    went = pruned(instance, events={"max_count": 0}, values={"max_count": 0})
    assert {each.kind for each in went} == {"events"}
    assert (run_ids(instance), kept_versions(instance)) == ([other], versions)
    went = pruned(instance, runs={"max_count": 0}, values={"max_count": 0})
    assert [each.kind for each in went if each.kind != "compute log"] == ["run", "value", "value"]
    assert (run_ids(instance), kept_versions(instance)) == ([], set())
    assert list(Path(instance.storage_directory()).glob("versioned_outputs")) == []


def kept_versions(instance: DagsterInstance) -> set[str]:
    folder = Path(instance.storage_directory()) / "versioned_outputs"
    return {str(path) for path in folder.rglob("*") if path.is_file()}


def make(storage: str, name: str, hours_ago: float, size: int = 10) -> str:
    """A file of some age below the storage directory."""
    path = Path(storage, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    changed_at = (datetime.now(UTC) - timedelta(hours=hours_ago)).timestamp()
    os.utime(path, (changed_at, changed_at))
    for folder in list(path.parents)[: len(Path(name).parents) - 1]:
        os.utime(folder, (changed_at, changed_at))
    return name


def test_unreferenced_values_go_by_age_and_by_count(instance: DagsterInstance) -> None:
    storage = instance.storage_directory()
    files = [make(storage, f"versioned_outputs/s{hours}/result/v", hours) for hours in (50, 30, 20, 10, 2)]
    went = pruned(instance, values={"max_age_days": 2})
    assert values_of(went, storage) == {files[0]}
    assert [each.size_bytes for each in went] == [10]
    assert not Path(storage, "versioned_outputs", "s50").exists()
    went = pruned(instance, values={"max_age_days": 1, "max_count": 2})
    assert values_of(went, storage) == {files[1], files[2]}
    assert values_of(pruned(instance, values={"max_count": 1}), storage) == {files[3]}
    assert kept_versions(instance) == {str(Path(storage, files[4]))}


def test_folders_of_runs_that_are_not_stored_go(instance: DagsterInstance) -> None:
    storage, known, running = instance.storage_directory(), run(instance), a_run(instance, PipelineRunStatus.STARTED)
    gone, newer = str(uuid.uuid4()), str(uuid.uuid4())
    make(storage, f"{running}/s/result", 90)
    make(storage, f"{gone}/s/result", 90, 7)
    make(storage, f"{gone}/t/result", 80, 8)
    make(storage, f"{gone}/compute_logs/s.out", 90, 1)
    make(storage, f"{newer}/s/result", 90)
    make(storage, f"{newer}/s/other", 2)
    others = [
        make(storage, f"{name}/s/result", 90) for name in ("files", "versioned_output", "exports", "%2E%2E", "a b")
    ]
    made = make(storage, str(uuid.uuid4()), 90)
    (outside := Path(storage).parent / "outside").mkdir()
    (link := Path(storage, str(uuid.uuid4()))).symlink_to(outside)
    os.utime(link, (0, 0), follow_symlinks=False)
    went = pruned(instance, values={"max_age_days": 3})
    assert went == [Removal("value", str(Path(storage, gone)), 16)]
    went = pruned(instance, values={"max_count": 0})
    assert values_of(went, storage) == {newer}
    for name in (f"{known}/start/result", f"{running}/s/result", made, *others):
        assert Path(storage, name).exists()
    assert outside.exists()


def test_what_a_run_in_progress_has_just_stored_stays(instance: DagsterInstance) -> None:
    storage = instance.storage_directory()
    recent = make(storage, "versioned_outputs/s/result/recent", 0.5)
    old = make(storage, "versioned_outputs/s/result/old", 1.5)
    folder = Path(make(storage, f"{uuid.uuid4()}/s/result", 0.5)).parts[0]
    run_id = a_run(instance, PipelineRunStatus.STARTED)
    assert values_of(pruned(instance, values={"max_count": 0}), storage) == {old}
    end(instance, run_id)
    assert values_of(pruned(instance, values={"max_count": 0}), storage) == {recent, folder}


def test_a_directory_reached_by_a_link_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "home")
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        run(instance, 1, "memoized")
    with DagsterInstance.local_temp(str(tmp_path / "link")) as instance:
        assert pruned(instance, IN_A_DAY, values={"max_count": 0}) == []
        assert len(kept_versions(instance)) == 2


def test_all_sections_at_once(instance: DagsterInstance) -> None:
    ids = [run(instance, number, mode) for number in range(4) for mode in ("memoized", "disk")]
    storage = instance.storage_directory()
    unreferenced = make(storage, "versioned_outputs/s/result/v", 1)
    went = pruned(
        instance, runs={"max_count": 6}, events={"max_count": 4}, compute_logs={"max_count": 2}, values={"max_count": 1}
    )
    assert run_ids(instance) == ids[2:]
    assert [bool(instance.all_logs(each)) for each in ids] == [False] * 4 + [True] * 4
    noted = [COMPUTE_LOGS_PRUNED_TAG in instance.get_existing_run(each).tags for each in ids[2:]]
    assert noted == [True] * 4 + [False] * 2
    assert len(values_of(went, storage)) == 2  # of three that no kept run used
    assert unreferenced in values_of(went, storage)


def test_it_can_be_cut_short_and_gone_on_with(on_disk: DagsterInstance) -> None:
    def fill() -> None:
        for number in range(3):
            run(on_disk, number, "memoized")
            run(on_disk, number)

    fill()
    on_disk.retention = {"runs": {"max_count": 1}, "compute_logs": {"max_count": 0}, "values": {"max_count": 0}}
    expected = [(each.kind, each.size_bytes) for each in prune(on_disk, dry_run=True)]
    for stop_after in range(len(expected)):
        removals = prune(on_disk)
        for _ in range(stop_after):
            next(removals, None)
        removals.close()
    assert list(prune(on_disk)) == []
    assert len(on_disk.get_runs()) == 1
    assert kept_versions(on_disk) == set()


def test_a_file_that_cannot_be_deleted_is_named(on_disk: DagsterInstance) -> None:
    run_id = run(on_disk)
    database = Path(on_disk.root_directory, "history", "runs", f"{run_id}.db")
    on_disk.dispose()
    database.unlink()
    (database / "in the way").mkdir(parents=True)
    on_disk.retention = {"events": {"max_count": 0}}
    with pytest.raises(DagsterStorageError, match=f"Cannot delete all of run '{run_id}': {database}: Is a dir"):
        list(prune(on_disk))
    assert EVENTS_PRUNED_TAG not in on_disk.get_existing_run(run_id).tags


def test_more_than_one_page_of_everything(instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "_PAGE_RUNS", 10)
    monkeypatch.setattr(prune_values, "_BATCH", 7)
    statuses = [PipelineRunStatus.SUCCESS, PipelineRunStatus.STARTED, PipelineRunStatus.FAILURE]
    runs = [PipelineRun("numbers", f"run-{number:04}", status=statuses[number % 3]) for number in range(99)]
    for each in runs:
        instance.add_run(each)
    finished = [each.run_id for each in runs if each.is_finished]
    instance.retention = {"runs": {"max_count": 20}}
    assert list(prune(instance)) == [Removal("run", run_id) for run_id in finished[:-20]]
    assert run_ids(instance) == [each.run_id for each in runs if each.run_id not in set(finished[:-20])]
    instance.retention = {"runs": {"max_age_days": 0.5}}
    assert [each.name for each in prune(instance, IN_A_DAY)] == finished[-20:]
    storage = instance.storage_directory()
    values = {make(storage, f"versioned_outputs/s/{number % 3}/{number}", number) for number in range(2, 40)}
    instance.retention = {"values": {"max_count": 0}}
    assert values_of(list(prune(instance)), storage) == values


def test_values_are_stored_while_emptied_folders_are_deleted(tmp_path: Path) -> None:
    folder, stop = tmp_path / "versioned_outputs" / "s" / "result", threading.Event()

    def delete() -> None:
        while not stop.is_set():
            delete_emptied(folder, tmp_path)

    deleting = threading.Thread(target=delete)
    deleting.start()
    try:
        for number in range(500):
            with atomic_write(folder / str(number)) as stream:
                stream.write(b"value")
            (folder / str(number)).unlink()
    finally:
        stop.set()
        deleting.join()
